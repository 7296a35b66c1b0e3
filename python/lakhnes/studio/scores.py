"""Songs as JSON, for a page that shows and changes them; their grid of beats; a passage of one song put into another.

A score in JSON has ``length`` in ticks of 1/44,100 s, ``loop_start`` (a tick or null), and ``voices``: for each of
``p1 p2 tr no`` a list of notes ``[start, end, pitch, velocity]``. A note that a page changed has the tick where it
began before as a fifth number, so that its envelope moves along with it.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lakhnes._native import Song, tx3_facts
from lakhnes.errors import FormatError, LimitError
from lakhnes.studio.building import VELOCITY, Part, song_of_parts
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["cut", "edited", "grid_of", "notes_of", "repitched", "score_of"]

MOST_NOTES = 200_000
"""Notes of a voice that a page may send."""

LONGEST = 2 * 3600 * TICKS_PER_SECOND
"""Ticks of the longest song that a page may send."""

PITCHES = {"p1": (33, 108), "p2": (33, 108), "tr": (21, 108), "no": (1, 16)}
"""The lowest and the highest note of each voice (docs/formats.md, TX1 and TX2)."""

LOUDEST = 15


def notes_of(song: Song) -> dict[str, list[list[int]]]:
    """Return the notes of each voice: start, end (ticks), pitch, velocity."""
    return {voice: song.voices[voice].tolist() for voice in VOICES}


def score_of(song: Song) -> dict[str, Any]:
    """Return a song as the page shows it: its notes, how long it is, where it loops, and its grid."""
    return {
        "length": song.length,
        "loop_start": getattr(song, "loop_start", None),
        "flat": song.is_flat,
        "voices": notes_of(song),
        "grid": grid_of(song),
    }


def grid_of(song: Song) -> dict[str, float] | None:
    """Return where beats and bars are, in ticks: ``offset``, ``beat``, ``bar``; None for a song without notes."""
    if not any(len(notes) for notes in song.voices.values()):
        return None
    facts = tx3_facts(song)
    row = facts["frames_a_row"] * facts["frame_period"]
    bar = facts["rows_a_bar"] * row
    return {
        "offset": facts["frame_phase"] * facts["frame_period"],
        "beat": 4 * row,
        "bar": bar,
        "tempo": facts["beats_a_minute"],
    }


def cut(song: Song, end: int) -> Song:
    """Return a song up to a tick; notes that sound beyond it end there."""
    if end >= song.length:
        return song
    return song_of_parts({voice: _between(Part.of(song, voice), 0, end) for voice in VOICES}, end)


def repitched(song: Song, other: Song, voices: Collection[str], start: int, end: int) -> Song:
    """Return a song in which the notes of some voices that begin in a passage have the pitches of another song's.

    Their rhythm stays: of the other song, notes count that begin at the same tick.
    """
    parts = {}
    for voice in voices:
        pitches = {tick: pitch for tick, _, pitch, _ in Part.of(other, voice).notes}
        part = Part.of(song, voice)
        notes = [[s, e, pitches.get(s, p) if start <= s < end else p, v] for s, e, p, v in part.notes]
        parts[voice] = Part(notes, part.changes)
    return song.with_voices(song_of_parts(parts, song.length), list(voices))


def _between(part: Part, start: int, end: int) -> Part:
    """Return the notes of a part that begin between two ticks, up to the second, and its changes there."""
    notes = [[s, min(e, end), p, v] for s, e, p, v in part.notes if start <= s < end]
    return Part(notes, [change for change in part.changes if start <= change[0] < end])


@dataclasses.dataclass(frozen=True)
class _Note:
    """A note of a page's score, checked."""

    start: int
    end: int
    pitch: int
    velocity: int
    origin: int


def edited(base: Song | None, score: Mapping[str, Any]) -> Song:
    """Return the song that a page made of another.

    Parameters
    ----------
    base
        The song before; voices that `score` does not name stay as they are in it.
    score
        A score in JSON, with the voices that changed.

    Raises
    ------
    FormatError
        If something in it is not what it has to be; the message names voice and note.
    LimitError
        If it is longer than a song from a page may be.
    """
    length, voices = score.get("length"), score.get("voices")
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise FormatError("score: expected a length in ticks")
    if length > LONGEST:
        raise LimitError(f"score: {length} ticks, expected at most {LONGEST}")
    if not isinstance(voices, Mapping) or set(voices) - set(VOICES):
        raise FormatError("score: expected voices, some of p1, p2, tr, no")
    parts = {}
    for voice, rows in voices.items():
        notes = _checked(voice, rows, length)
        changes = [] if base is None else _moved(Part.of(base, voice), notes)
        within = [change for change in changes if change[0] < length]
        parts[voice] = Part([[note.start, note.end, note.pitch, note.velocity] for note in notes], within)
    if base is None:
        return song_of_parts(parts, length)
    before = cut(base, length)
    return before.with_voices(song_of_parts(parts, length), list(parts)) if parts else before


def _checked(voice: str, rows: Any, length: int) -> list[_Note]:
    if not isinstance(rows, list):
        raise FormatError(f"score: {voice}: expected a list of notes")
    if len(rows) > MOST_NOTES:
        raise LimitError(f"score: {voice}: {len(rows)} notes, expected at most {MOST_NOTES}")
    lowest, highest = PITCHES[voice]
    notes: list[_Note] = []
    for index, row in enumerate(rows):
        place = f"score: {voice}: note {index}"
        if not isinstance(row, list) or len(row) not in (4, 5) or not all(type(number) is int for number in row):
            raise FormatError(f"{place}: expected whole numbers: start, end, pitch, velocity")
        start, end, pitch, velocity = row[:4]
        if not 0 <= start < end <= length:
            raise FormatError(f"{place}: from {start} to {end}, expected within 0 to {length}")
        if not lowest <= pitch <= highest:
            raise FormatError(f"{place}: pitch {pitch}, expected {lowest} to {highest}")
        if not 1 <= velocity <= LOUDEST:
            raise FormatError(f"{place}: velocity {velocity}, expected 1 to {LOUDEST}")
        if notes and start < notes[-1].end:
            raise FormatError(f"{place}: begins before the one before it ends; a voice plays one note at a time")
        notes.append(_Note(start, end, pitch, velocity, row[4] if len(row) == 5 else start))
    return notes


def _moved(part: Part, notes: Sequence[_Note]) -> list[tuple[int, int, int]]:
    """Return the changes of a part, those of velocity moved with the notes that they shape."""
    changes = [change for change in part.changes if change[1] != VELOCITY]
    shapes = sorted(change for change in part.changes if change[1] == VELOCITY)
    ticks, ends = [tick for tick, *_ in shapes], {start: end for start, end, *_ in part.notes}
    for note in notes:
        first, last = bisect_left(ticks, note.origin), bisect_left(ticks, ends.get(note.origin, note.origin))
        for tick, _, value in shapes[first:last]:
            at = tick - note.origin + note.start
            if at < note.end:
                changes.append((at, VELOCITY, value))
    return changes
