"""New parts for a song: some voices stay event for event, the model writes the others between them.

Where a kept event falls into a wait, the wait is split. Whenever a kept event is due, the model may first let a voice
speak that comes before it at that sample; whatever else it would say there counts as waiting for the kept event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from lakhnes._native import Song
from lakhnes.model.base import Model
from lakhnes.sampling.generate import batches
from lakhnes.sampling.grammar import BOUNDARY, VOICES
from lakhnes.sampling.options import Options
from lakhnes.sampling.writing import Writing, losses_of, perplexity

__all__ = ["Infilling", "infill", "infill_texts"]

MAX_EVENTS = 100_000
"""Events that are written into one song at the most; its kept voices then go on alone."""


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
        ``temperature``, ``top_k``, ``top_p``, ``min_p``, ``memory``, ``seed``, as of
        `lakhnes.sampling.generate.compose`.

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
    return [
        _Infiller(Writing(model, seeds, chosen), song, {VOICES.index(name) for name in named}).run()
        for seeds in batches(num, seed, 1)
    ]


class _Infiller:
    """One song being filled in."""

    def __init__(self, writing: Writing, song: Song, voices: Collection[int]) -> None:
        self.writing, self.grammar, self.vocabulary = writing, writing.grammar, writing.vocabulary
        self.given, self.voices = song, sorted(voices)
        self.kept, self.length = _timeline(song, self.vocabulary.dialect, voices)
        written = torch.tensor(self.voices, device=writing.device)
        self.is_written = torch.isin(self.grammar.voice, written)  # (V,): events of the voices to write
        self.tick = self.done = 0
        self.lines: list[str] = []
        self.logits = writing.decoder.step(writing.all_songs(BOUNDARY)).float()
        self.kept_loss = self.loss = 0.0
        self.count = 0

    @torch.inference_mode()
    def run(self) -> Infilling:
        """Write from the beginning to the end of the song."""
        while self.done < len(self.kept) or self.tick < self.length:
            due = self.done < len(self.kept) and self.kept[self.done][0] == self.tick
            if due:
                self.before_kept()
            elif (self.is_full() and not self.has_to_speak()) or not self.next_event():
                self.wait_for_kept()
        text = "\n".join(self.lines)
        kept_ppl, ppl = perplexity(self.kept_loss, len(self.kept)), perplexity(self.loss, self.count)
        return Infilling(text, self.song_of(text), kept_ppl, ppl, self.writing.seconds())

    def song_of(self, text: str) -> Song:
        """Return the song of a text, the kept voices as they were given."""
        song = Song.from_bytes(text.encode(), self.vocabulary.dialect)
        if self.vocabulary.dialect == "tx1" and not self.given.is_flat:
            # The triangle has no dynamics, only breaks between its notes, which are not the model's.
            song = song.express().with_voices(song, ["tr"])
        return song.with_voices(self.given, [VOICES[voice].lower() for voice in range(4) if voice not in self.voices])

    def is_full(self) -> bool:
        """Tell whether as much is written as may be."""
        return self.count >= MAX_EVENTS

    def has_to_speak(self) -> bool:
        """Tell whether the voice that spoke last has not done: a note of TX2 has a velocity."""
        return bool(self.grammar.place[0] > 0) and not bool((self.grammar.allowed()[0] & self.grammar.is_wait).any())

    def before_kept(self) -> None:
        """Let a voice speak that comes before the kept event that is due, or else place that event."""
        _, voice, symbol = self.kept[self.done]
        may_speak = self.grammar.allowed()[0] & self.is_written & (self.grammar.voice < voice)
        if self.has_to_speak():
            token = self.draw(may_speak, rest=False)
        else:
            token = None if self.is_full() else self.draw(may_speak, rest=True)
        if token is None:
            token = self.vocabulary.id(symbol)
            self.kept_loss += float(losses_of(self.logits, self.writing.all_songs(token))[0])
            self.done += 1
        else:
            self.score(token)
        self.place(token, self.vocabulary.symbol(token))

    def next_event(self) -> bool:
        """Let the model speak or wait; return whether it could."""
        may_come = self.grammar.allowed()[0] & (self.is_written | self.grammar.is_wait)
        if not bool(may_come.any()):
            return False
        token = self.draw(may_come, rest=False)
        assert token is not None
        symbol = self.vocabulary.symbol(token)
        if symbol.startswith("WT_"):
            self.wait(int(symbol.removeprefix("WT_")))
        else:
            self.score(token)
            self.place(token, symbol)
        return True

    def wait_for_kept(self) -> None:
        """Wait for the next kept event, or for the end."""
        self.wait(self.length)

    def wait(self, ticks: int) -> None:
        """Let time pass, but not beyond the next kept event or the end of the song."""
        end = self.kept[self.done][0] if self.done < len(self.kept) else self.length
        ticks = min(ticks, end - self.tick)
        symbol = f"WT_{ticks}"
        token = self.vocabulary.id(symbol)
        self.score(token)
        self.tick += ticks
        if self.lines and self.lines[-1].startswith("WT_"):  # after a beginning or a limit: two waits are one
            symbol = f"WT_{ticks + int(self.lines.pop().removeprefix('WT_'))}"
        self.place(token, symbol)

    def draw(self, allowed: Tensor, *, rest: bool) -> int | None:
        """Draw among the allowed events; with `rest`, all other probability stands for ``None``."""
        if not bool(allowed.any()):
            return None
        if rest:
            # The boundary, which may never be drawn here, lends its place to the rest.
            forbidden = ~allowed
            total = torch.logsumexp(self.logits[0, forbidden], dim=-1)
            logits = self.logits.masked_fill(forbidden, float("-inf"))
            logits[0, BOUNDARY] = total
        else:
            logits = self.logits.masked_fill(~allowed, float("-inf"))
        token = int(self.writing.draw(logits)[0])
        return None if rest and token == BOUNDARY else token

    def score(self, token: int) -> None:
        """Add a written event to the perplexity."""
        self.loss += float(losses_of(self.logits, self.writing.all_songs(token))[0])
        self.count += 1

    def place(self, token: int, symbol: str) -> None:
        """Append an event to the song, and read it."""
        self.lines.append(symbol)
        tokens = self.writing.all_songs(token)
        self.grammar.advance(tokens)
        self.logits = self.writing.decoder.step(tokens).float()


def _timeline(song: Song, dialect: str, voices: Collection[int]) -> tuple[list[tuple[int, int, str]], int]:
    """Return the events of the voices that are not to be written, as (tick, voice, symbol), and the song's length."""
    tick, events = 0, []
    for line in (song.to_tx1() if dialect == "tx1" else song.to_tx2()).splitlines():
        if line.startswith("WT_"):
            tick += int(line.removeprefix("WT_"))
        elif (voice := VOICES.index(line[:2])) not in voices:
            events.append((tick, voice, line))
    return events, tick
