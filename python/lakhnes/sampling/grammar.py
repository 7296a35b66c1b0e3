"""The grammar of a vocabulary for sequences that are sampled at once: what may come next, and how much time passed."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lakhnes._native import Tx3Grammar, Vocabulary
from lakhnes.grammar import SUBSETS, Rules, rules_of
from lakhnes.model.engine import Floats, Tokens

__all__ = ["EventGrammar", "Grammar", "RowGrammar", "grammar_of"]

Flags = npt.NDArray[np.bool_]

LAST_BAR = 4 * 44_100
"""Ticks after the longest duration within which a song of rows is led to the end of its bar."""


class Grammar(Protocol):
    """What each of some sequences may continue with."""

    @property
    def ticks(self) -> Tokens:
        """The time that each sequence has taken, in ticks of 1/44,100 s, ``(B,)``."""
        ...

    @property
    def at_rest(self) -> Flags:
        """Where the end of a song would be heard as one, ``(B,)``: at a bar line, or where no voice sounds."""
        ...

    @property
    def at_bar(self) -> Flags:
        """Which sequences are at a bar line behind a whole bar, ``(B,)``; never where there are no bars."""
        ...

    @property
    def bar_ticks(self) -> Tokens:
        """How long the bar before was, in ticks, ``(B,)``."""
        ...

    @property
    def bars(self) -> Tokens:
        """How many whole bars there are since time began, ``(B,)``."""
        ...

    def allowed(self) -> Flags:
        """Return ``(B, V)``, true where an event may come next; ``<S>`` where a song may end."""
        ...

    def begin_time(self) -> None:
        """Count time from here on, behind what was given to all sequences."""
        ...

    def restart(self, sequence: int) -> None:
        """Put a sequence back to where time began."""
        ...

    def whole_bars(self, tokens: list[int], *, late: bool = False) -> int:
        """Return how many tokens of a song lie before a bar that is not whole, or ends too late; all without bars."""
        ...

    def correct(self, logits: Floats, allowed: Flags) -> None:
        """Correct the logits of a model that continues its own songs; both arrays, ``(B, V)``, are changed."""
        ...

    def admits(self, token: int) -> bool:
        """Tell whether the first sequence may have a token: of a given song, which may say more than is sampled."""
        ...

    def advance(self, tokens: Tokens) -> None:
        """Take note of the next token of each sequence, ``(B,)``."""
        ...

    def pass_time(self, tokens: Tokens, max_ticks: int | None) -> tuple[Tokens, Flags]:
        """Count the time of the tokens that `advance` was given.

        Returns
        -------
        tokens : int64 array, ``(B,)``
            The same, waits that would go beyond `max_ticks` shortened.
        full : bool array, ``(B,)``
            Which sequences end here, for they have the longest duration that was asked for.
        """
        ...


def grammar_of(vocabulary: Vocabulary, sequences: int, threads: int = 1) -> Grammar:
    """Return the grammar of a vocabulary, which shares many sequences out among threads where that pays."""
    if "BAR" in vocabulary.symbols:  # time is written by where it falls
        return RowGrammar(vocabulary, sequences, threads)
    return EventGrammar(rules_of(vocabulary.dialect), sequences)


class EventGrammar:
    """The grammar of events between waits, by the automaton of `lakhnes.grammar`.

    Parameters
    ----------
    rules : Rules
    sequences : int

    Attributes
    ----------
    place, sounding : int64 array, ``(B,)``
        The state of each sequence; see `lakhnes.grammar.Rules`.
    """

    def __init__(self, rules: Rules, sequences: int) -> None:
        self._rules = rules
        self.place = np.zeros(sequences, dtype=np.int64)
        self.sounding = np.zeros(sequences, dtype=np.int64)
        self.ticks = np.zeros(sequences, dtype=np.int64)
        self._begun = 0, 0  # place and sounding where time began
        # The longest wait of no more than some number of ticks is the last one of `waits` up to there.
        self._waits = np.flatnonzero(rules.is_wait)

    @property
    def at_rest(self) -> Flags:
        """See `Grammar`."""
        rests: Flags = (self.place > 0) & (self.sounding == 0)
        return rests

    @property
    def at_bar(self) -> Flags:
        """See `Grammar`."""
        return np.zeros(len(self.ticks), dtype=np.bool_)

    @property
    def bar_ticks(self) -> Tokens:
        """See `Grammar`."""
        return np.zeros_like(self.ticks)

    @property
    def bars(self) -> Tokens:
        """See `Grammar`."""
        return np.zeros_like(self.ticks)

    def begin_time(self) -> None:
        """See `Grammar`; a prime takes no time here."""
        self._begun = int(self.place[0]), int(self.sounding[0])

    def restart(self, sequence: int) -> None:
        """See `Grammar`."""
        self.place, self.sounding, self.ticks = self.place.copy(), self.sounding.copy(), self.ticks.copy()
        self.place[sequence], self.sounding[sequence] = self._begun
        self.ticks[sequence] = 0

    def whole_bars(self, tokens: list[int], *, late: bool = False) -> int:
        """See `Grammar`."""
        return len(tokens)

    def allowed(self) -> Flags:
        """See `Grammar`; ``<S>`` may come wherever a wait may."""
        rows: Flags = self._rules.allowed[self.place * SUBSETS + self.sounding]
        return rows

    def correct(self, logits: Floats, allowed: Flags) -> None:
        """See `Grammar`: events of waits say only whether a voice sounds, not its pitch, and not for how long."""

    def admits(self, token: int) -> bool:
        """See `Grammar`: unlike in what is sampled, a silent voice may change."""
        place, everything = int(self.place[0]) * SUBSETS, SUBSETS - 1
        silences = bool(self._rules.ends[token])
        return bool(self._rules.allowed[place + (int(self.sounding[0]) if silences else everything), token])

    def advance(self, tokens: Tokens) -> None:
        """See `Grammar`."""
        self.place = self._rules.place[tokens]
        self.sounding = self.sounding & ~self._rules.ends[tokens] | self._rules.begins[tokens]

    def pass_time(self, tokens: Tokens, max_ticks: int | None) -> tuple[Tokens, Flags]:
        """See `Grammar`."""
        ticks = self.ticks + self._rules.ticks[tokens]
        full = np.zeros(len(ticks), dtype=np.bool_)
        if max_ticks is not None:
            full = ticks >= max_ticks
            longest = np.searchsorted(self._rules.ticks[self._waits], max_ticks - self.ticks, side="right") - 1
            tokens = np.where(ticks > max_ticks, self._waits[longest.clip(min=0)], tokens)
        self.ticks = ticks
        return tokens, full


class RowGrammar:
    """The grammar of bars, rows and frames (docs/tx3.md).

    Parameters
    ----------
    vocabulary : Vocabulary
    sequences : int
    threads : int
        In how many threads what concerns all sequences is done, where these are more than a few dozen.
    """

    def __init__(self, vocabulary: Vocabulary, sequences: int, threads: int = 1) -> None:
        self._native = Tx3Grammar(sequences, threads)
        symbols = vocabulary.symbols
        self._bar = symbols.index("BAR")
        # A recording's own clock is of no use to a song that was never recorded.
        # Where a song loops is found when it is there (`lakhnes.sampling.looping`).
        self._unused = np.array([symbol.startswith(("PERIOD_", "PHASE_", "LOOP")) for symbol in symbols])
        self._origin = np.zeros(sequences, dtype=np.int64)
        self._bar_began = np.full(sequences, -1, dtype=np.int64)  # the tick of the last bar line; -1: none yet
        self.bar_ticks = np.zeros(sequences, dtype=np.int64)
        self.bars = np.zeros(sequences, dtype=np.int64)
        self.at_rest = np.zeros(sequences, dtype=np.bool_)
        self._begun, self._facts_begun = self._native, [int(facts[0]) for facts in self._facts()]

    @property
    def ticks(self) -> Tokens:
        """See `Grammar`."""
        ticks: Tokens = self._native.ticks - self._origin
        return ticks

    @property
    def at_bar(self) -> Flags:
        """See `Grammar`."""
        bars: Flags = self.at_rest & (self.bar_ticks > 0)
        return bars

    def begin_time(self) -> None:
        """See `Grammar`."""
        self._origin = self._native.ticks
        self.bars = np.zeros_like(self.bars)
        self._begun = self._native.select([0])
        self._facts_begun = [int(facts[0]) for facts in self._facts()]

    def restart(self, sequence: int) -> None:
        """See `Grammar`."""
        self._native.replace(sequence, self._begun)
        for facts, begun in zip(self._facts(), self._facts_begun, strict=True):
            facts[sequence] = begun

    def _facts(self) -> tuple[npt.NDArray[Any], ...]:
        """Return what is known of each sequence beside the grammar itself, ``(B,)`` each."""
        return self._origin, self._bar_began, self.bar_ticks, self.bars, self.at_rest

    def whole_bars(self, tokens: list[int], *, late: bool = False) -> int:
        """See `Grammar`; a song of less than a bar stays as it is."""
        lines = [place for place, token in enumerate(tokens[:-1] if late else tokens) if token == self._bar]
        return lines[-1] + 1 if len(lines) > 1 else len(tokens)

    def allowed(self) -> Flags:
        """See `Grammar`."""
        rows: Flags = self._native.allowed() & ~self._unused
        rows[~rows.any(axis=1), self._bar] = True  # of a song that has ended, where nobody looks
        return rows

    def correct(self, logits: Floats, allowed: Flags) -> None:
        """See `Grammar`."""
        self._native.correct(logits, allowed)

    def admits(self, token: int) -> bool:
        """See `Grammar`."""
        return bool(self._native.select([0]).allowed()[0, token])

    def advance(self, tokens: Tokens) -> None:
        """See `Grammar`."""
        self._native.advance(np.ascontiguousarray(tokens))
        now, bars = self._native.ticks, tokens == self._bar
        ended = bars & (self._bar_began >= 0)
        self.bars = self.bars + ended
        self.bar_ticks = np.where(ended, now - self._bar_began, self.bar_ticks)
        self._bar_began = np.where(bars, now, self._bar_began)
        self.at_rest = bars

    def pass_time(self, tokens: Tokens, max_ticks: int | None) -> tuple[Tokens, Flags]:
        """See `Grammar`: a song ends with the bar in which its time is over."""
        ticks = self.ticks
        if max_ticks is None:
            return tokens, np.zeros(len(ticks), dtype=np.bool_)
        return tokens, (ticks >= max_ticks) & (tokens == self._bar) | (ticks >= max_ticks + LAST_BAR)
