"""Songs being written token by token: what a model says next, what may come next, and what is drawn."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lakhnes._native import Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.grammar import ticks_of_tokens
from lakhnes.model.base import Model
from lakhnes.sampling.decoder import make_decoder
from lakhnes.sampling.grammar import BOUNDARY, Grammar
from lakhnes.sampling.options import Options
from lakhnes.sampling.sampler import Floats, Tokens, Uniforms, draw

__all__ = ["Composition", "Step", "Writing", "losses_of", "perplexity"]


SPAN = 64
"""Events over which the surprise of a song is averaged: half of them lie in the last 44."""


GAIN = 2.0
"""How much higher the temperature would be, as a share of itself, were there no surprise at all."""

READ_AT_ONCE = 256
"""Tokens of a prime whose logits are in memory at one time."""


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
    ended : str
        What ended it: ``"<S>"``, the model itself; ``"length"`` or ``"duration"``, the most that was asked for.
    """

    ids: list[int]
    prime_ppl: float
    ppl: float
    seconds: float
    ended: str = "length"


@dataclasses.dataclass(frozen=True)
class Step:
    """The next token of every song.

    Attributes
    ----------
    tokens : int64 array, ``(B,)``
    losses : float32 array, ``(B,)``
        Their negative log-likelihoods.
    going : bool array, ``(B,)``
        Which songs had not ended before; the other tokens say nothing.
    """

    tokens: Tokens
    losses: Floats
    going: npt.NDArray[np.bool_]


class Writing:
    """Some songs being written in step, each with random numbers of its own.

    What is read and drawn are arrays on the CPU: a step draws few numbers, and torch would take longer to begin than
    to do it.
    """

    def __init__(self, model: Model, seeds: list[int], options: Options) -> None:
        self.model, self.options = model, options
        self.started = time.perf_counter()
        self.device = model.device
        self.uniforms = Uniforms(seeds)
        self.count = len(seeds)
        memory = model.config.mem_len if options.memory is None else options.memory
        self.decoder = make_decoder(model, self.count, memory, options.dtype)
        self.vocabulary = Vocabulary(model.config.vocabulary)
        self.grammar = Grammar(self.vocabulary, self.count)
        self.ticks_of = ticks_of_tokens(self.vocabulary.dialect)  # (V,)
        # The longest wait of no more than so many ticks is the last one of `waits` up to there.
        self.waits = np.flatnonzero(self.ticks_of)
        self.ticks = np.zeros(self.count, dtype=np.int64)
        self.surprise = np.full(self.count, 2.0 * options.min_surprise, dtype=np.float32)

    def seconds(self) -> float:
        """Return the time since the writing began."""
        return time.perf_counter() - self.started

    def run(self, prime: list[int]) -> list[Composition]:
        """Read the prime, then write."""
        logits, prime_loss = self.read(prime)
        tokens = np.empty((self.count, self.options.length), dtype=np.int64)
        losses = np.empty_like(tokens, dtype=np.float32)
        lengths = np.zeros_like(self.ticks)
        for place, step in enumerate(self.steps(logits)):
            tokens[:, place], losses[:, place] = step.tokens, step.losses
            lengths += step.going
        seconds, full = self.seconds() / self.count, self.is_full().tolist()
        songs = []
        for row, length in enumerate(lengths.tolist()):
            drawn = tokens[row, :length].tolist()
            by_itself = drawn[-1] == BOUNDARY
            loss = float(losses[row, :length].sum(dtype=np.float64))
            songs.append(
                Composition(
                    prime + drawn[: length - by_itself],
                    perplexity(prime_loss, len(prime)),
                    perplexity(loss, length),
                    seconds,
                    "<S>" if by_itself else "duration" if full[row] else "length",
                )
            )
        return songs

    def steps(self, logits: Floats) -> Iterator[Step]:
        """Draw token after token from the logits that follow what was read, until every song has ended."""
        going = np.ones(self.count, dtype=np.bool_)
        for position in range(self.options.length):
            tokens, losses = self.choose(logits, position)
            self.be_surprised(losses)
            tokens = self.within_duration(tokens)
            yield Step(tokens, losses, going)
            self.options.advance(1)
            going = going & (tokens != BOUNDARY) & ~self.is_full()
            if not going.any():
                return
            if position + 1 < self.options.length:
                logits = self.step(tokens)

    def step(self, tokens: Tokens) -> Floats:
        """Let the model read the next token of every song, ``(B,)``; return what follows, ``(B, V)``."""
        return np.ascontiguousarray(_array(self.decoder.step(torch.from_numpy(tokens).to(self.device))))

    def read(self, prime: list[int]) -> tuple[Floats, float]:
        """Read the opening boundary and the prime; return the logits that follow, and the loss of the prime."""
        for place, token in enumerate(prime):
            if self.options.grammar and not self.grammar.admits(token):
                raise LakhnesError(f"prime: token {place} may not stand there; expected the order of `Song.to_tx1`")
            self.grammar.advance(self.all_songs(token))
        given, loss = [BOUNDARY, *prime], 0.0
        for start in range(0, len(given), READ_AT_ONCE):
            here = torch.tensor(given[start : start + READ_AT_ONCE], device=self.device)
            following = np.array(given[start + 1 : start + 1 + READ_AT_ONCE], dtype=np.int64)
            logits = _array(self.decoder.read_all(here.expand(self.count, -1)))  # (B, T, V)
            loss += float(losses_of(logits[0, : len(following)], following).sum(dtype=np.float64))
        return np.ascontiguousarray(logits[:, -1]), loss

    def all_songs(self, token: int) -> Tokens:
        """Return one token for every song, ``(B,)``."""
        return np.full(self.count, token, dtype=np.int64)

    def choose(self, logits: Floats, position: int) -> tuple[Tokens, Floats]:
        """Draw the next token of every song; return it and its loss, ``(B,)`` each."""
        options = self.options
        allowed = self.grammar.allowed() if options.grammar else np.ones(logits.shape, dtype=np.bool_)
        if position < options.min_length or not options.grammar:
            allowed[:, BOUNDARY] = False
        elif options.min_ticks:
            allowed[:, BOUNDARY] &= self.ticks >= options.min_ticks
        tokens, losses = self.draw(logits, allowed)
        self.grammar.advance(tokens)
        return tokens, losses

    def within_duration(self, tokens: Tokens) -> Tokens:
        """Count the time that tokens take; shorten the wait that would go beyond the duration asked for."""
        ticks = self.ticks + self.ticks_of[tokens]
        if self.options.max_ticks is not None and (ticks > self.options.max_ticks).any():
            left = self.options.max_ticks - self.ticks
            longest = np.searchsorted(self.ticks_of[self.waits], left, side="right") - 1
            tokens = np.where(ticks > self.options.max_ticks, self.waits[longest.clip(min=0)], tokens)
        self.ticks = ticks
        return tokens

    def is_full(self) -> npt.NDArray[np.bool_]:
        """Tell which songs have the duration that was asked for at the most, bool, ``(B,)``."""
        if self.options.max_ticks is None:
            return np.zeros(self.count, dtype=np.bool_)
        return self.ticks >= self.options.max_ticks

    def be_surprised(self, losses: Floats) -> None:
        """Take note of the negative log-likelihoods of what was written last, ``(B,)``."""
        self.surprise = self.surprise + (losses - self.surprise) / np.float32(SPAN)

    def temperature(self) -> float | Floats:
        """Return the temperature; where songs are to surprise, that of each, ``(B,)``."""
        options = self.options
        if options.min_surprise == 0.0 or options.temperature == 0.0 or not options.grammar:
            return options.temperature
        lack: Floats = (1.0 - self.surprise / np.float32(options.min_surprise)).clip(min=0.0)  # 0 to 1
        raised: Floats = np.float32(options.temperature) * (1.0 + np.float32(GAIN) * lack)
        return raised

    def draw(self, logits: Floats, allowed: npt.NDArray[np.bool_] | None = None) -> tuple[Tokens, Floats]:
        """Draw from logits what is allowed, ``(B, V)`` each; return tokens and losses, ``(B,)`` each."""
        options = self.options
        return draw(
            logits,
            self.uniforms.next(),
            allowed,
            temperature=self.temperature(),
            top_k=options.top_k,
            top_p=options.top_p,
            min_p=options.min_p,
        )


def _array(logits: Tensor) -> Floats:
    array: Floats = logits.float().cpu().numpy()
    return array


def perplexity(loss: float, count: int) -> float:
    """Return the perplexity of `count` tokens whose losses add up to `loss`."""
    if count == 0:
        return math.nan
    try:
        return math.exp(loss / count)
    except OverflowError:
        return math.inf


def losses_of(logits: Floats, tokens: Tokens) -> Floats:
    """Return the negative log-likelihood of the token of every song, ``(B, V)`` and ``(B,)`` to ``(B,)``."""
    likely = logits.max(axis=-1)
    total: Floats = np.log(np.exp(logits - likely[:, None]).sum(axis=-1)) + likely
    return total - np.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
