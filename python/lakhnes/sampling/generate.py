"""New songs from a model, and songs that go on."""

from __future__ import annotations

import dataclasses
import math
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lakhnes._native import Song, Vocabulary, events_from_text, quantize_events
from lakhnes.errors import LakhnesError
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.decoder import Decoder
from lakhnes.sampling.grammar import BOUNDARY, Grammar
from lakhnes.sampling.sampler import draw, uniforms

__all__ = ["Composition", "compose", "continue_song", "generate", "generate_ids", "new_seed", "prime_of", "song_of"]

MAX_LENGTH = 1_000_000
"""Events of one song at the most: hours of music."""


@dataclasses.dataclass(frozen=True)
class Composition:
    """A song as it was drawn.

    Attributes
    ----------
    ids : list of int
        Token ids without boundaries, those of the prime first.
    prime_ppl, ppl : float
        Perplexity of the prime and of what was drawn after it, under the model as it is (temperature 1, nothing
        forbidden); NaN where there was none.
    seconds : float
        What drawing it took; of a batch, an equal share.
    """

    ids: list[int]
    prime_ppl: float
    ppl: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Options:
    """How songs are drawn; see `generate_ids`."""

    length: int = 1024
    min_length: int = 64
    memory: int | None = None
    temperature: float = 0.95
    top_k: int | None = 32
    top_p: float | None = None
    advance: Callable[[int], None] = lambda events: None

    def __post_init__(self) -> None:
        if not 1 <= self.length <= MAX_LENGTH:
            raise ValueError(f"length is {self.length}, expected 1 to {MAX_LENGTH}")
        if not 0.0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, expected 0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, expected at least 1")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, expected more than 0 and at most 1")
        if self.memory is not None and not 0 <= self.memory <= MAX_LENGTH:
            raise ValueError(f"memory is {self.memory}, expected 0 to {MAX_LENGTH}")


def new_seed() -> int:
    """Return a seed that no one chose."""
    return secrets.randbelow(2**31)


def generate(model: TransformerXL, num: int = 1, **options: Any) -> list[Song]:
    """Compose songs.

    Parameters
    ----------
    model : TransformerXL
        From `lakhnes.load_model`.
    num : int
        How many songs.
    **options
        As of `generate_ids`: ``length``, ``memory``, ``temperature``, ``top_k``, ``top_p``, ``seed``, ``batch_size``.

    Returns
    -------
    list of Song
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    return [song_of(ids, vocabulary) for ids in generate_ids(model, num, **options)]


def continue_song(
    model: TransformerXL, prime: Song, num: int = 1, *, prime_length: int = 512, length: int = 512, **options: Any
) -> list[Song]:
    """Let a song go on.

    Parameters
    ----------
    model : TransformerXL
    prime : Song
    num : int
        How many ways to go on.
    prime_length : int
        Events of the prime that are kept, from its beginning.
    length : int
        Events that are added at the most.
    **options
        As of `generate_ids`.

    Returns
    -------
    list of Song
        Each begins with what was kept of the prime, its waits rounded to tokens.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    ids = prime_of(prime, vocabulary, prime_length)
    songs = compose(model, num, prime=ids, length=length, **{"min_length": 0} | options)
    return [song_of(song.ids, vocabulary) for song in songs]


def prime_of(song: Song, vocabulary: Vocabulary, length: int) -> list[int]:
    """Return the first `length` token ids of a song, without boundaries."""
    text = song.to_tx1() if vocabulary.dialect == "tx1" else song.to_tx2()
    ids = quantize_events(events_from_text(text, vocabulary), True)[1:-1]
    return [int(token) for token in ids[:length]]


def song_of(ids: list[int], vocabulary: Vocabulary) -> Song:
    """Return the song of a sequence of token ids without boundaries."""
    return Song.from_bytes(vocabulary.decode(ids).encode(), vocabulary.dialect)


def generate_ids(model: TransformerXL, num: int = 1, **options: Any) -> list[list[int]]:
    """Compose songs as token ids, without boundaries; the parameters are those of `compose`."""
    return [song.ids for song in compose(model, num, **options)]


def compose(
    model: TransformerXL,
    num: int = 1,
    *,
    prime: Sequence[int] = (),
    seed: int | None = None,
    batch_size: int = 8,
    **options: Any,
) -> list[Composition]:
    """Compose songs.

    Parameters
    ----------
    model : TransformerXL
    num : int
        How many songs.
    prime : sequence of int
        Token ids that every song begins with, after its opening boundary.
    seed : int, optional
        Song ``i`` is drawn with seed ``seed + i``, whatever the batch.
    batch_size : int
        Songs written at once.
    length, min_length : int
        Events added to the prime at the most (1024), and before a song may end by itself (64).
    memory : int, optional
        Positions that are remembered; what the model was made for if not given.
    temperature, top_k, top_p
        See `lakhnes.sampling.sampler.draw`; 0.95, 32 and ``None`` if not given.
    advance : callable
        Called with the number of events written since the last call.

    Raises
    ------
    ValueError
        If an option is out of range.
    """
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    chosen = _Options(**options)
    first = new_seed() if seed is None else seed
    songs: list[Composition] = []
    for start in range(0, num, batch_size):
        seeds = [first + index for index in range(start, min(start + batch_size, num))]
        songs += _Writing(model, seeds, chosen).run(list(prime))
    return songs


class _Writing:
    """Some songs being written in step, each with random numbers of its own."""

    def __init__(self, model: TransformerXL, seeds: list[int], options: _Options) -> None:
        self.model, self.options = model, options
        self.device = model.output_bias.device
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.count = len(seeds)
        memory = model.config.mem_len if options.memory is None else options.memory
        self.decoder = Decoder(model, self.count, memory)
        vocabulary = Vocabulary(model.config.vocabulary)
        supported = Grammar.supports(vocabulary)
        self.grammar = Grammar(vocabulary, self.count, self.device) if supported else None

    @torch.inference_mode()
    def run(self, prime: list[int]) -> list[Composition]:
        """Read the prime, then write."""
        started = time.perf_counter()
        logits, prime_loss = self.read(prime)
        songs: list[list[int]] = [[] for _ in range(self.count)]
        losses = [0.0] * self.count
        ended = [False] * self.count
        for position in range(self.options.length):
            tokens = self.choose(logits, position)
            costs = _losses(logits, tokens)
            for index, token in enumerate(tokens.tolist()):
                if ended[index]:
                    continue
                losses[index] += costs[index]
                ended[index] = token == BOUNDARY
                if not ended[index]:
                    songs[index].append(token)
            self.options.advance(1)
            if all(ended):
                break
            logits = self.decoder.step(tokens).float()
        prime_ppl = _perplexity(prime_loss, len(prime))
        drawn = [len(song) + end for song, end in zip(songs, ended, strict=True)]
        seconds = (time.perf_counter() - started) / self.count
        return [
            Composition(prime + song, prime_ppl, _perplexity(loss, count), seconds)
            for song, loss, count in zip(songs, losses, drawn, strict=True)
        ]

    def read(self, prime: list[int]) -> tuple[Tensor, float]:
        """Read the opening boundary and the prime; return the logits that follow, and the loss of the prime."""
        logits = self.decoder.step(self.all_songs(BOUNDARY)).float()
        loss = 0.0
        for place, token in enumerate(prime):
            if self.grammar is not None and not bool(self.grammar.allowed()[0, token]):
                raise LakhnesError(f"prime: token {place} may not stand there; expected the order of `Song.to_tx1`")
            tokens = self.all_songs(token)
            loss += _losses(logits[:1], tokens[:1])[0]
            if self.grammar is not None:
                self.grammar.advance(tokens)
            logits = self.decoder.step(tokens).float()
        return logits, loss

    def all_songs(self, token: int) -> Tensor:
        """Return one token for every song, ``(B,)``."""
        return torch.full((self.count,), token, dtype=torch.int64, device=self.device)

    def choose(self, logits: Tensor, position: int) -> Tensor:
        """Draw the next token of every song, ``(B,)``."""
        allowed = logits.clone()
        if self.grammar is not None:
            allowed.masked_fill_(~self.grammar.allowed(), float("-inf"))
        if position < self.options.min_length:
            allowed[:, BOUNDARY] = float("-inf")
        options = self.options
        tokens = draw(
            allowed,
            uniforms(self.generators, self.device),
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
        )
        if self.grammar is not None:
            self.grammar.advance(tokens)
        return tokens


def _perplexity(loss: float, count: int) -> float:
    if count == 0:
        return math.nan
    try:
        return math.exp(loss / count)
    except OverflowError:
        return math.inf


def _losses(logits: Tensor, tokens: Tensor) -> list[float]:
    """Return the negative log-likelihood of the token of every song."""
    chosen = logits.gather(-1, tokens[:, None])[:, 0]
    losses: list[float] = (torch.logsumexp(logits, dim=-1) - chosen).tolist()
    return losses
