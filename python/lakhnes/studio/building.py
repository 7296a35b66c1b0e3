"""Songs built of notes and changes, by way of NES-MDB's form of MIDI (docs/formats.md), which holds all of a song."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from lakhnes._native import Song
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["VELOCITY", "Part", "song_of_parts"]

VELOCITY, TIMBRE = 11, 12
"""The controllers of velocity and timbre."""

PROGRAMS = {"p1": (80, 0), "p2": (81, 1), "tr": (38, 2), "no": (121, 9)}
"""Program and channel of each voice."""

TICKS_PER_BEAT = TICKS_PER_SECOND // 2
"""At the 120 beats a minute of a MIDI file without a tempo."""

TIME_SIGNATURE = b"\xff\x58\x04\x01\x00\x18\x08"
"""1/1: what stands at the end of a song."""

END_OF_TRACK = b"\xff\x2f\x00"


@dataclasses.dataclass
class Part:
    """What a voice plays.

    Attributes
    ----------
    notes : list of [start, end, pitch, velocity]
        In order, in ticks; none begins before the one before it ends.
    changes : list of (tick, controller, value)
        Of velocity and timbre, in any order.
    """

    notes: list[list[int]] = dataclasses.field(default_factory=list)
    changes: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, song: Song, voice: str) -> Part:
        """Return what a voice of a song plays."""
        timbres = [(tick, TIMBRE, value) for tick, value in song.timbre_changes[voice].tolist()]
        velocities = [(tick, VELOCITY, value) for tick, value in song.velocity_changes[voice].tolist()]
        return cls(song.voices[voice].tolist(), timbres + velocities)


def song_of_parts(parts: Mapping[str, Part], length: int) -> Song:
    """Return the song of what its voices play; voices that are not named are silent."""
    tracks = [_track([(length, TIME_SIGNATURE)])]
    tracks += [_voice(voice, parts[voice]) for voice in VOICES if voice in parts]
    header = b"MThd" + bytes([0, 0, 0, 6, 0, 1]) + len(tracks).to_bytes(2, "big") + TICKS_PER_BEAT.to_bytes(2, "big")
    return Song.from_midi(header + b"".join(tracks))


def _voice(voice: str, part: Part) -> bytes:
    program, channel = PROGRAMS[voice]
    name = voice.encode()
    events = [(0, b"\xff\x03" + bytes([len(name)]) + name), (0, bytes([0xC0 | channel, program]))]
    messages = [(tick, 0, controller, value) for tick, controller, value in part.changes]
    for start, end, pitch, velocity in part.notes:
        messages += [(start, 1, pitch, velocity), (end, 1, pitch, 0)]
    for tick, is_note, number, value in sorted(messages):
        events.append((tick, bytes([(0x90 if is_note else 0xB0) | channel, number, value])))
    return _track(events)


def _track(events: Sequence[tuple[int, bytes]]) -> bytes:
    data, now = bytearray(), 0
    for tick, event in events:
        data += _number(tick - now) + event
        now = tick
    data += _number(0) + END_OF_TRACK
    return b"MTrk" + len(data).to_bytes(4, "big") + bytes(data)


def _number(value: int) -> bytes:
    """Return a number in groups of seven bits, the highest first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))
