"""New parts for a song: some voices stay event for event, the model writes the others between them.

Where a kept event falls into a wait, the wait is split. Whenever a kept event is due, the model may first let a voice
speak that comes before it at that sample; whatever else it would say there counts as waiting for the kept event.

Elsewhere the kept voices are known to be silent. The model, which knows nothing of what comes, expects them all the
same, and mostly waits for one of them. So a wait that ends before the next kept event is tried first: the model reads
it, and the written voices speak there as probably as they would in a song of its own. Where it would let a kept voice
speak instead, the wait is taken back. If a kept event does come soon, it was what the model waited for, and so do we;
else the model was wrong, nothing happens at that time, and a longer wait is drawn. Were the written voices to speak
after every wait, they would for every note that the model expects of another, a song without end.

A voice that was asked for is to be heard: one that rests for long becomes more eager to speak.

Even so a model may fall into a fast figure that it cannot leave: as in all songs the temperature rises where nothing
surprises it, and a voice that has said too much in too little time pauses until the next kept event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song
from lakhnes.model.base import Model
from lakhnes.sampling.generate import batches
from lakhnes.sampling.grammar import BOUNDARY, VOICES
from lakhnes.sampling.options import TICKS_PER_SECOND, Options
from lakhnes.sampling.sampler import Floats
from lakhnes.sampling.writing import Writing, losses_of, perplexity

__all__ = ["Infilling", "infill", "infill_texts"]

Mask: TypeAlias = npt.NDArray[np.bool_]

PATIENCE = TICKS_PER_SECOND // 10
"""Ticks by which a kept voice may come later than the model expects it, and is waited for.

Chosen among a frame and a second by the perplexity of the kept voices: less makes busy parts, more empty ones.
"""

EVENTS_A_SECOND = 10
"""Events that a written voice may have, however calm the given song is: sixteenth notes at 150 beats a minute."""

BUSIER = 1.5
"""How much busier a written voice may be than the busiest of the given song."""

PAUSE = 1.0
"""Seconds that a written voice may rest as the model likes; then it becomes more eager from second to second."""

EAGERNESS = 3.0
"""Nats a second by which its events become more probable: what has not played in a song the model never lets begin."""

SECONDS_AHEAD = 2
"""How far a written voice may get ahead of that."""


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
        self.is_written = np.isin(self.grammar.voice, self.voices)  # (V,): events of the voices to write
        self.is_kept = (self.grammar.voice >= 0) & ~self.is_written  # (V,)
        self.rate = _rate(song, self.vocabulary.dialect, voices)
        self.left = self.most = self.rate * SECONDS_AHEAD  # events that may be written now
        self.heard = dict.fromkeys(self.voices, 0)  # when each written voice spoke last
        self.tick = self.done = 0
        self.lines: list[str] = []
        self.logits = writing.step(writing.all_songs(BOUNDARY))
        self.kept_loss = self.loss = 0.0
        self.count = 0

    def run(self) -> Infilling:
        """Write from the beginning to the end of the song."""
        while self.done < len(self.kept) or self.tick < self.length:
            if self.has_to_speak():
                self.speak(self.grammar.allowed()[0] & self.is_written)
            elif self.tick == self.due():
                self.before_kept()
            elif self.is_busy() or not self.next_event():
                self.wait(self.due() - self.tick)
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

    def due(self) -> int:
        """Return the time of the next kept event, or else of the end."""
        return self.kept[self.done][0] if self.done < len(self.kept) else self.length

    def is_busy(self) -> bool:
        """Tell whether the written voices have said too much in too little time."""
        return self.left < 1.0

    def has_to_speak(self) -> bool:
        """Tell whether a written voice spoke last and has not done: a note of TX2 has a velocity."""
        allowed = self.grammar.allowed()[0]
        may_wait, may_speak = (bool((allowed & which).any()) for which in (self.grammar.is_wait, self.is_written))
        return bool(self.grammar.place[0] > 0) and may_speak and not may_wait

    def before_kept(self) -> None:
        """Let a voice speak that comes before the kept event that is due, or else place that event."""
        _, voice, symbol = self.kept[self.done]
        before = self.grammar.allowed()[0] & self.is_written & (self.grammar.voice < voice)
        if not self.is_busy() and self.speak(before, unless=~before):
            return
        token = self.vocabulary.id(symbol)
        self.kept_loss += float(losses_of(self.logits, self.writing.all_songs(token))[0])
        self.done += 1
        self.place(token, symbol)

    def next_event(self) -> bool:
        """Let a written voice speak, now or before the next kept event; return whether it did."""
        allowed = self.grammar.allowed()[0]
        written, waits = allowed & self.is_written, allowed & self.grammar.is_wait
        if not bool(waits.any()):  # at the beginning
            return self.speak(written, unless=allowed & self.is_kept)
        if self.speak(written, unless=waits):
            return True
        ticks_of, gap = self.writing.ticks_of, self.due() - self.tick
        reaches = ticks_of[self.vocabulary.id(f"WT_{gap}")]
        while (wait := self.draw(waits)) is not None and ticks_of[wait] < reaches:
            if self.speak_after(wait):
                return True
            if gap - ticks_of[wait] <= PATIENCE:
                return False
            waits = waits & (ticks_of > ticks_of[wait])
        return False

    def speak_after(self, wait: int) -> bool:
        """Wait, if a written voice speaks thereafter; return whether it does."""
        logits, place, sounding = self.logits, self.grammar.place, self.grammar.sounding
        self.read(wait)
        allowed = self.grammar.allowed()[0]
        token = self.draw(allowed & self.is_written, unless=allowed & self.is_kept)
        if token is None:
            self.writing.decoder.unread()
            self.logits, self.grammar.place, self.grammar.sounding = logits, place, sounding
            return False
        self.score(logits, wait)
        self.let_pass(int(self.writing.ticks_of[wait]))
        self.lines.append(self.vocabulary.symbol(wait))
        self.say(token)
        return True

    def wait(self, ticks: int) -> None:
        """Wait, and have the model read it."""
        symbol = f"WT_{ticks}"
        self.let_pass(ticks)
        if not self.lines:  # no model reads the wait that opens a song
            self.lines.append(symbol)
            return
        token = self.vocabulary.id(symbol)
        self.score(self.logits, token)
        self.place(token, symbol)

    def let_pass(self, ticks: int) -> None:
        """Let time pass."""
        self.tick += ticks
        self.left = min(self.left + self.rate * ticks / TICKS_PER_SECOND, self.most)

    def draw(self, allowed: Mask, unless: Mask | None = None) -> int | None:
        """Draw among the allowed events; return ``None`` if none is, or as probably as one of the others comes."""
        if not bool(allowed.any()):
            return None
        logits = np.where(allowed, self.logits, np.float32(-np.inf))
        if unless is not None and bool(unless.any()):
            for voice, heard in self.heard.items():
                rest = (self.tick - heard) / TICKS_PER_SECOND - PAUSE
                if rest > 0.0:
                    logits[0, self.grammar.voice == voice] += EAGERNESS * rest
            # The boundary, which may never be drawn here, lends its place to the others.
            logits[0, BOUNDARY] = np.logaddexp.reduce(self.logits[0, unless])
        token = int(self.writing.draw(logits)[0][0])
        return None if token == BOUNDARY else token

    def speak(self, allowed: Mask, unless: Mask | None = None) -> bool:
        """Draw an event of a written voice as `draw` does, and place it; return whether there was one."""
        token = self.draw(allowed, unless)
        if token is None:
            return False
        self.say(token)
        return True

    def say(self, token: int) -> None:
        """Append an event of a written voice."""
        self.score(self.logits, token)
        self.left -= 1.0
        self.heard[int(self.grammar.voice[token])] = self.tick
        self.place(token, self.vocabulary.symbol(token))

    def score(self, logits: Floats, token: int) -> None:
        """Add a written event to the perplexity."""
        losses = losses_of(logits, self.writing.all_songs(token))
        self.writing.be_surprised(losses)
        self.loss += float(losses[0])
        self.count += 1

    def place(self, token: int, symbol: str) -> None:
        """Append an event to the song, and read it."""
        self.lines.append(symbol)
        self.read(token)

    def read(self, token: int) -> None:
        """Take note of an event."""
        tokens = self.writing.all_songs(token)
        self.grammar.advance(tokens)
        self.logits = self.writing.step(tokens)


def _timeline(song: Song, dialect: str, voices: Collection[int]) -> tuple[list[tuple[int, int, str]], int]:
    """Return the events of the voices that are not to be written, as (tick, voice, symbol), and the song's length."""
    tick, events = 0, []
    for line in (song.to_tx1() if dialect == "tx1" else song.to_tx2()).splitlines():
        if line.startswith("WT_"):
            tick += int(line.removeprefix("WT_"))
        elif (voice := VOICES.index(line[:2])) not in voices:
            events.append((tick, voice, line))
    return events, tick


def _rate(song: Song, dialect: str, voices: Collection[int]) -> float:
    """Return how many events a second may be written in the long run."""
    events, length = _timeline(song, dialect, ())
    is_drum = [VOICES[voice] == "NO" for voice in range(len(VOICES))]
    counts = np.bincount([voice for _, voice, _ in events], minlength=len(VOICES))
    rate = 0.0
    for voice in voices:  # drums beat faster than most melodies
        busiest = max(int(count) for other, count in enumerate(counts) if is_drum[other] == is_drum[voice])
        rate += max(EVENTS_A_SECOND, BUSIER * busiest * TICKS_PER_SECOND / max(length, TICKS_PER_SECOND))
    return rate
