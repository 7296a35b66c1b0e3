"""Songs being written token by token: what a model says next, what may come next, and what is drawn."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lakhnes._native import Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.model.base import Model
from lakhnes.sampling.decoder import make_decoder
from lakhnes.sampling.grammar import BOUNDARY, Grammar
from lakhnes.sampling.sampler import draw, uniforms

__all__ = ["Composition", "Options", "Writing", "losses_of", "perplexity"]

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
class Options:
    """How songs are drawn; see `lakhnes.sampling.generate.compose`."""

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


class Writing:
    """Some songs being written in step, each with random numbers of its own."""

    def __init__(self, model: Model, seeds: list[int], options: Options) -> None:
        self.model, self.options = model, options
        self.started = time.perf_counter()
        self.device = model.device
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.count = len(seeds)
        memory = model.config.mem_len if options.memory is None else options.memory
        self.decoder = make_decoder(model, self.count, memory)
        vocabulary = Vocabulary(model.config.vocabulary)
        supported = Grammar.supports(vocabulary)
        self.grammar = Grammar(vocabulary, self.count, self.device) if supported else None

    def seconds(self) -> float:
        """Return the time since the writing began."""
        return time.perf_counter() - self.started

    @torch.inference_mode()
    def run(self, prime: list[int]) -> list[Composition]:
        """Read the prime, then write."""
        logits, prime_loss = self.read(prime)
        songs: list[list[int]] = [[] for _ in range(self.count)]
        losses = [0.0] * self.count
        ended = [False] * self.count
        for position in range(self.options.length):
            tokens = self.choose(logits, position)
            costs = losses_of(logits, tokens)
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
        prime_ppl = perplexity(prime_loss, len(prime))
        drawn = [len(song) + end for song, end in zip(songs, ended, strict=True)]
        seconds = self.seconds() / self.count
        return [
            Composition(prime + song, prime_ppl, perplexity(loss, count), seconds)
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
            loss += losses_of(logits[:1], tokens[:1])[0]
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
        tokens = self.draw(allowed)
        if self.grammar is not None:
            self.grammar.advance(tokens)
        return tokens

    def draw(self, allowed: Tensor) -> Tensor:
        """Draw from logits in which what is forbidden is minus infinity, ``(B, V)`` to ``(B,)``."""
        options = self.options
        return draw(
            allowed,
            uniforms(self.generators, self.device),
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
        )


def perplexity(loss: float, count: int) -> float:
    """Return the perplexity of `count` tokens whose losses add up to `loss`."""
    if count == 0:
        return math.nan
    try:
        return math.exp(loss / count)
    except OverflowError:
        return math.inf


def losses_of(logits: Tensor, tokens: Tensor) -> list[float]:
    """Return the negative log-likelihood of the token of every song."""
    chosen = logits.gather(-1, tokens[:, None])[:, 0]
    losses: list[float] = (torch.logsumexp(logits, dim=-1) - chosen).tolist()
    return losses
