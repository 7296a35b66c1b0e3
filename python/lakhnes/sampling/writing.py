"""Songs being written token by token: what a model says next, what may come next, and what is drawn."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from lakhnes._native import Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.grammar import ticks_of_tokens
from lakhnes.model.base import Model
from lakhnes.sampling.decoder import make_decoder
from lakhnes.sampling.grammar import BOUNDARY, Grammar
from lakhnes.sampling.options import Options
from lakhnes.sampling.sampler import Uniforms, draw

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
    tokens : Tensor, int64, ``(B,)``
    losses : Tensor, float32, ``(B,)``
        Their negative log-likelihoods.
    going : Tensor, bool, ``(B,)``
        Which songs had not ended before; the other tokens say nothing.
    """

    tokens: Tensor
    losses: Tensor
    going: Tensor


class Writing:
    """Some songs being written in step, each with random numbers of its own."""

    def __init__(self, model: Model, seeds: list[int], options: Options) -> None:
        self.model, self.options = model, options
        self.started = time.perf_counter()
        self.device = model.device
        self.uniforms = Uniforms(seeds, self.device)
        self.count = len(seeds)
        memory = model.config.mem_len if options.memory is None else options.memory
        self.decoder = make_decoder(model, self.count, memory, options.dtype)
        self.vocabulary = Vocabulary(model.config.vocabulary)
        self.grammar = Grammar(self.vocabulary, self.count, self.device)
        self.ticks_of = torch.from_numpy(ticks_of_tokens(self.vocabulary.dialect)).to(self.device)  # (V,)
        # The longest wait of no more than so many ticks is the last one of `waits` up to there.
        self.waits = self.ticks_of.nonzero()[:, 0]
        self.ticks = torch.zeros(self.count, dtype=torch.int64, device=self.device)
        self.surprise = torch.full((self.count,), 2.0 * options.min_surprise, device=self.device)

    def seconds(self) -> float:
        """Return the time since the writing began."""
        return time.perf_counter() - self.started

    def run(self, prime: list[int]) -> list[Composition]:
        """Read the prime, then write."""
        logits, prime_loss = self.read(prime)
        tokens = torch.empty(self.count, self.options.length, dtype=torch.int64, device=self.device)
        losses = torch.empty_like(tokens, dtype=torch.float32)
        lengths = torch.zeros_like(self.ticks)
        for place, step in enumerate(self.steps(logits)):
            tokens[:, place], losses[:, place] = step.tokens, step.losses
            lengths += step.going
        seconds, full = self.seconds() / self.count, self.is_full().tolist()
        songs = []
        for row, length in enumerate(lengths.tolist()):
            drawn = tokens[row, :length].cpu().numpy()
            by_itself = drawn[-1] == BOUNDARY
            loss = float(losses[row, :length].sum(dtype=torch.float64))
            songs.append(
                Composition(
                    prime + drawn[: length - by_itself].tolist(),
                    perplexity(prime_loss, len(prime)),
                    perplexity(loss, length),
                    seconds,
                    "<S>" if by_itself else "duration" if full[row] else "length",
                )
            )
        return songs

    @torch.inference_mode()
    def steps(self, logits: Tensor) -> Iterator[Step]:
        """Draw token after token from the logits that follow what was read, until every song has ended."""
        going = torch.ones(self.count, dtype=torch.bool, device=self.device)
        for position in range(self.options.length):
            tokens = self.choose(logits, position)
            losses = losses_of(logits, tokens)
            self.be_surprised(losses)
            tokens = self.within_duration(tokens)
            yield Step(tokens, losses, going)
            self.options.advance(1)
            going = going & (tokens != BOUNDARY) & ~self.is_full()
            if not bool(going.any()):
                return
            if position + 1 < self.options.length:
                logits = self.decoder.step(tokens).float()

    @torch.inference_mode()
    def read(self, prime: list[int]) -> tuple[Tensor, float]:
        """Read the opening boundary and the prime; return the logits that follow, and the loss of the prime."""
        for place, token in enumerate(prime):
            if self.options.grammar and not self.grammar.admits(token):
                raise LakhnesError(f"prime: token {place} may not stand there; expected the order of `Song.to_tx1`")
            self.grammar.advance(self.all_songs(token))
        given, loss = [BOUNDARY, *prime], 0.0
        for start in range(0, len(given), READ_AT_ONCE):
            here = torch.tensor(given[start : start + READ_AT_ONCE], device=self.device)
            following = torch.tensor(given[start + 1 : start + 1 + READ_AT_ONCE], dtype=torch.int64, device=self.device)
            logits = self.decoder.read_all(here.expand(self.count, -1)).float()  # (B, T, V)
            loss += float(losses_of(logits[0, : len(following)], following).sum(dtype=torch.float64))
        return logits[:, -1], loss

    def all_songs(self, token: int) -> Tensor:
        """Return one token for every song, ``(B,)``."""
        return torch.full((self.count,), token, dtype=torch.int64, device=self.device)

    def choose(self, logits: Tensor, position: int) -> Tensor:
        """Draw the next token of every song, ``(B,)``."""
        options = self.options
        scores = logits.masked_fill(~self.grammar.allowed(), float("-inf")) if options.grammar else logits.clone()
        if position < options.min_length or not options.grammar:
            scores[:, BOUNDARY] = float("-inf")
        elif options.min_ticks:
            scores[:, BOUNDARY].masked_fill_(self.ticks < options.min_ticks, float("-inf"))
        tokens = self.draw(scores)
        self.grammar.advance(tokens)
        return tokens

    def within_duration(self, tokens: Tensor) -> Tensor:
        """Count the time that tokens take; shorten the wait that would go beyond the duration asked for."""
        ticks = self.ticks + self.ticks_of[tokens]
        if self.options.max_ticks is not None:
            left = self.options.max_ticks - self.ticks
            longest = torch.searchsorted(self.ticks_of[self.waits], left, right=True) - 1
            tokens = torch.where(ticks > self.options.max_ticks, self.waits[longest.clamp(min=0)], tokens)
        self.ticks = ticks
        return tokens

    def is_full(self) -> Tensor:
        """Tell which songs have the duration that was asked for at the most, bool, ``(B,)``."""
        if self.options.max_ticks is None:
            return torch.zeros_like(self.ticks, dtype=torch.bool)
        return self.ticks >= self.options.max_ticks

    def be_surprised(self, losses: Tensor) -> None:
        """Take note of the negative log-likelihoods of what was written last, ``(B,)``."""
        self.surprise = self.surprise + (losses - self.surprise) / SPAN

    def temperature(self) -> float | Tensor:
        """Return the temperature; where songs are to surprise, that of each, ``(B, 1)``."""
        options = self.options
        if options.min_surprise == 0.0 or options.temperature == 0.0 or not options.grammar:
            return options.temperature
        lack = (1.0 - self.surprise / options.min_surprise).clamp(min=0.0)  # 0 to 1
        return (options.temperature * (1.0 + GAIN * lack))[:, None]

    def draw(self, allowed: Tensor) -> Tensor:
        """Draw from logits in which what is forbidden is minus infinity, ``(B, V)`` to ``(B,)``."""
        options = self.options
        return draw(
            allowed,
            self.uniforms.next(),
            temperature=self.temperature(),
            top_k=options.top_k,
            top_p=options.top_p,
            min_p=options.min_p,
        )


def perplexity(loss: float, count: int) -> float:
    """Return the perplexity of `count` tokens whose losses add up to `loss`."""
    if count == 0:
        return math.nan
    try:
        return math.exp(loss / count)
    except OverflowError:
        return math.inf


def losses_of(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the negative log-likelihood of the token of every song, ``(B, V)`` and ``(B,)`` to ``(B,)``."""
    return torch.logsumexp(logits, dim=-1) - logits.gather(-1, tokens[:, None])[:, 0]
