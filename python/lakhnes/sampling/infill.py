"""New parts for a song: some voices stay event for event, the model writes the others between them.

Where a kept event falls into a wait, the wait is split. The model, which knows nothing of what comes, is asked for
several candidates at once (`lakhnes.sampling.candidates`). Whenever they have reached the next kept event, those after
which it was a surprise make room for those that led to it; after a while one is chosen, from which all go on.

How dense a new part is to be, the song says: as dense as the voice was, if it played; else about as dense as such a
voice is in NES music beside the voices that are kept.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import BOUNDARY, VOICES
from lakhnes.model.base import Model
from lakhnes.sampling.branches import make_branches
from lakhnes.sampling.candidates import LONG_REST, Kept, Proposals
from lakhnes.sampling.generate import batches
from lakhnes.sampling.options import TICKS_PER_SECOND, Options
from lakhnes.sampling.writing import perplexity

__all__ = ["Infilling", "infill", "infill_texts"]

CANDIDATES = 8
"""Candidates at one time. With four, songs were less probable by 0.1 nats an event, and not much sooner written."""

SPAN = 24
"""Kept events after which one candidate is chosen, if the others have not died out before."""

LONGEST_SPAN = 96
"""Events of a candidate after which one is chosen; memory is taken for that."""

EVENTS_A_SECOND = 10
"""Events that a written voice may have, however calm the given song is: sixteenth notes at 150 beats a minute."""

BUSIER = 1.5
"""How much busier a written voice may be than the busiest of the given song."""

FEWEST_NOTES = 8
"""Notes of a voice at the least that tell how dense a new part is to be."""

TYPICAL = (4.2, 4.4, 4.2, 6.0)
"""Notes a second of each voice: medians of the beginnings of 1,086 training songs of NES-MDB."""

BESIDE = (0.94, 0.97, 0.91, 1.42)
"""The same beside the median of the other voices' notes a second."""


@dataclasses.dataclass(frozen=True)
class Infilling:
    """A song with new parts.

    Attributes
    ----------
    text : str
        TX1 or TX2, as the model writes, waits exact.
    song : Song
        The same as a song, in which the kept voices are those that were given, dynamics and all.
    kept_ppl, ppl : float
        Perplexity of the kept events where they stand, and of what was written.
    seconds : float
    """

    text: str
    song: Song
    kept_ppl: float
    ppl: float
    seconds: float


def infill(model: Model, song: Song, voices: Sequence[str], num: int = 1, **options: Any) -> list[Song]:
    """Write new parts for some voices of a song.

    Parameters
    ----------
    model : Model
    song : Song
        If it has dynamics and the model writes TX1, which has none, the new parts get those of NES music.
    voices : sequence of str
        The voices to write: any of ``p1 p2 tr no``. The others stay as they are.
    num : int
        How many versions.
    **options
        ``temperature``, ``top_k``, ``top_p``, ``min_p``, ``memory``, ``dtype``, ``seed``,
        as of `lakhnes.sampling.generate.compose`. When a new voice speaks is drawn at temperature 1.

    Returns
    -------
    list of Song

    Raises
    ------
    ValueError
        If a voice is unknown, or none is named.
    """
    return [version.song for version in infill_texts(model, num, song, voices, **options)]


def infill_texts(
    model: Model, num: int, song: Song, voices: Sequence[str], *, seed: int | None = None, **options: Any
) -> list[Infilling]:
    """Write new parts; the parameters are those of `infill`."""
    named = {voice.upper() for voice in voices}
    if not named or named - set(VOICES):
        raise ValueError(f"voices: {', '.join(voices) or 'none'}; expected some of p1, p2, tr, no")
    chosen = Options(**options)
    written = {VOICES.index(name) for name in named}
    return [_Infiller(model, song, written, chosen, seeds[0]).run() for seeds in batches(num, seed, 1)]


class _Infiller:
    """One song being filled in."""

    def __init__(self, model: Model, song: Song, voices: Collection[int], options: Options, seed: int) -> None:
        self.started = time.perf_counter()
        self.given, self.voices, self.vocabulary = song, voices, Vocabulary(model.config.vocabulary)
        events, self.length = _timeline(song, self.vocabulary.dialect)
        self.kept = [
            Kept(tick, voice, self.vocabulary.id(symbol), symbol)
            for tick, voice, symbol in events
            if voice not in voices
        ]
        self.generator = np.random.default_rng(seed)
        densities, most = _densities(song, voices), _most(events, self.length, voices)
        self.proposals = Proposals(self.vocabulary, densities, most, options, self.generator)
        memory = model.config.mem_len if options.memory is None else options.memory
        self.branches = make_branches(model, CANDIDATES, memory, options.dtype)
        self.candidates = [self.proposals.begin() for _ in range(CANDIDATES)]
        self.lines: list[str] = []
        self.weighed = 0  # kept events since one was chosen

    @torch.inference_mode()
    def run(self) -> Infilling:
        """Write from the beginning to the end of the song."""
        (row,) = self.branches.read([0], [BOUNDARY]).double().cpu().numpy()
        for candidate in self.candidates:
            self.proposals.look(candidate, row)
        self.branches.unite(0)
        for kept in [*self.kept, Kept(self.length)]:
            self.reach(kept)
            self.weigh()
        self.choose()
        text, written = "\n".join(self.lines), self.candidates[0]
        kept_ppl = perplexity(written.kept_loss, len(self.kept))
        ppl = perplexity(written.loss, written.count)
        return Infilling(text, self.song_of(text), kept_ppl, ppl, time.perf_counter() - self.started)

    def song_of(self, text: str) -> Song:
        """Return the song of a text, the kept voices as they were given."""
        song = Song.from_bytes(text.encode(), self.vocabulary.dialect)
        if self.vocabulary.dialect == "tx1" and not self.given.is_flat:
            # The triangle has no dynamics, only breaks between its notes, which are not the model's.
            song = song.express().with_voices(song, ["tr"])
        return song.with_voices(self.given, [VOICES[voice].lower() for voice in range(4) if voice not in self.voices])

    def reach(self, kept: Kept) -> None:
        """Let every candidate go on to a kept event, and beyond it."""
        for candidate in self.candidates:
            candidate.is_there = False
        # In a long rest nothing weighs the candidates but each next event: one is chosen after each.
        if kept.tick - self.candidates[0].tick > LONG_REST:
            self.choose()
        while not self.candidates[0].is_there and kept.tick - self.candidates[0].tick > LONG_REST:
            self.advance(kept, until_spoken=True)
            self.choose()
        self.advance(kept)

    def advance(self, kept: Kept, until_spoken: bool = False) -> None:
        """Let every candidate go on until it is there or, if asked for, a new voice has spoken."""
        spoken = [candidate.spoken for candidate in self.candidates]
        going = [index for index, candidate in enumerate(self.candidates) if not candidate.is_there]
        proposed = {index: self.proposals.next(self.candidates[index], kept) for index in going}
        while proposed := {index: tokens for index, tokens in proposed.items() if tokens}:
            going = list(proposed)
            proposed = self.read(proposed, kept)
            for index in going:
                candidate = self.candidates[index]
                if index in proposed or candidate.is_there or (until_spoken and candidate.spoken > spoken[index]):
                    continue
                proposed[index] = self.proposals.next(candidate, kept)

    def read(self, proposed: dict[int, list[int]], kept: Kept) -> dict[int, list[int]]:
        """Let the model read what is proposed for some candidates; return what some are to read in its place."""
        groups = self.part(proposed)
        places = [self.candidates[members[0]].branch for members, tokens in groups for _ in tokens]
        logits = self.branches.read(places, [token for _, tokens in groups for token in tokens])
        rows = iter(logits.double().cpu().numpy())
        instead: dict[int, list[int]] = {}
        for members, (first, *following) in groups:
            self.note(members, first, next(rows))
            if not following:
                continue
            row = next(rows)
            due = {index: self.proposals.next(self.candidates[index], kept) for index in members}
            parting = [index for index in members if due[index] != following]
            instead |= {index: due[index] for index in parting}
            if len(parting) < len(members):
                self.note([index for index in members if index not in instead], kept.token, row)
                self.fork(parting)
            if parting:
                self.branches.forget(self.candidates[parting[0]].branch)
        return instead

    def note(self, members: list[int], token: int, row: npt.NDArray[np.float64]) -> None:
        """Take note of what some candidates, which are alike, have read and of what the model says thereafter."""
        for index in members:
            self.proposals.read(self.candidates[index], token, row)

    def part(self, proposed: dict[int, list[int]]) -> list[tuple[list[int], list[int]]]:
        """Return candidates that are alike and what they all propose; give each such group a branch."""
        groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for index, tokens in proposed.items():
            groups.setdefault((self.candidates[index].branch, tuple(tokens)), []).append(index)
        seen = set()
        for (branch, _), members in groups.items():
            if branch in seen:
                self.fork(members)
            seen.add(branch)
        return [(members, list(tokens)) for (_, tokens), members in groups.items()]

    def fork(self, members: list[int]) -> None:
        """Give some candidates, which are alike, a branch of their own."""
        if members:
            free = set(range(CANDIDATES)) - {candidate.branch for candidate in self.candidates}
            branch = min(free)
            self.branches.copy(self.candidates[members[0]].branch, branch)
            for index in members:
                self.candidates[index].branch = branch

    def weigh(self) -> None:
        """Let improbable candidates make room for probable ones; after a while, choose one."""
        self.weighed += 1
        shares = self.shares()
        if self.weighed >= SPAN or max(len(candidate.lines) for candidate in self.candidates) >= LONGEST_SPAN:
            self.choose()
        elif 1.0 / np.square(shares).sum() < CANDIDATES / 2:  # as many as these are worth
            places = (self.generator.random() + np.arange(CANDIDATES)) / CANDIDATES
            sources = np.searchsorted(np.cumsum(shares), places, side="right")
            self.take(np.minimum(sources, CANDIDATES - 1).tolist())

    def choose(self) -> None:
        """Choose one candidate, from which all go on."""
        self.take([int(self.generator.choice(CANDIDATES, p=self.shares()))] * CANDIDATES)

    def shares(self) -> npt.NDArray[np.float64]:
        """Return how probable each candidate is."""
        weights = np.array([candidate.weight for candidate in self.candidates])
        shares = np.exp(weights - weights.max())
        shares /= shares.sum()
        return np.asarray(shares, dtype=np.float64)

    def take(self, sources: list[int]) -> None:
        """Let every candidate go on from where the one that is named for it is."""
        if len(set(sources)) == 1:
            chosen = self.candidates[sources[0]]
            self.branches.unite(chosen.branch)
            self.lines += chosen.lines
            chosen.lines, self.weighed = [], 0
        self.candidates = [self.candidates[source].copy() for source in sources]
        for candidate in self.candidates:
            candidate.weight = 0.0


def _timeline(song: Song, dialect: str) -> tuple[list[tuple[int, int, str]], int]:
    """Return the events of a song as (tick, voice, symbol), and its length."""
    tick, events = 0, []
    for line in (song.to_tx1() if dialect == "tx1" else song.to_tx2()).splitlines():
        if line.startswith("WT_"):
            tick += int(line.removeprefix("WT_"))
        else:
            events.append((tick, VOICES.index(line[:2]), line))
    return events, tick


def _densities(song: Song, voices: Collection[int]) -> dict[int, float]:
    """Return how many notes a second each written voice should have."""
    notes = [len(song.voices[voice.lower()]) for voice in VOICES]
    rates = [count / max(song.duration, 1.0) for count in notes]
    kept = [rates[voice] for voice, count in enumerate(notes) if voice not in voices and count >= FEWEST_NOTES]
    densities = {}
    for voice in voices:
        if notes[voice] >= FEWEST_NOTES:
            densities[voice] = rates[voice]
        else:  # either guess is within a factor of two for about as many songs; together they are for more
            beside = BESIDE[voice] * float(np.median(kept)) if kept else TYPICAL[voice]
            densities[voice] = math.sqrt(TYPICAL[voice] * beside)
    return densities


def _most(events: list[tuple[int, int, str]], length: int, voices: Collection[int]) -> float:
    """Return how many events a second may be written in the long run."""
    is_drum = [voice == "NO" for voice in VOICES]
    counts = np.bincount([voice for _, voice, _ in events], minlength=len(VOICES))
    most = 0.0
    for voice in voices:  # drums beat faster than most melodies
        busiest = max(int(count) for other, count in enumerate(counts) if is_drum[other] == is_drum[voice])
        most += max(EVENTS_A_SECOND, BUSIER * busiest * TICKS_PER_SECOND / max(length, TICKS_PER_SECOND))
    return most
