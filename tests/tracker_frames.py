"""Frames of tones: what a text for a tracker plays, what a log plays, and the log that plays such frames."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lakhnes
from lakhnes.arrays import to_arrays

SILENCE = (0, 0, 0)
CLOCKS = (1_789_773, 1_662_607)

Tone = tuple[int, int, int]
Frames = list[list[Tone]]


@dataclass
class Played:
    """What a text plays: a frame's tones of p1, p2, tr and no (period, volume, timbre; zeros for silence)."""

    frames: Frames
    samples: list[tuple[int, str, Any]] = field(default_factory=list)
    loop: int | None = None
    instruments: int = 0
    patterns: int = 0
    bars: int = 0


def need(holds: object, line: int, expected: str) -> None:
    """Refuse a line that is not what is expected."""
    if not holds:
        message = f"line {line}: expected {expected}"
        raise ValueError(message)


def note_periods(pal: bool) -> list[int]:
    """Give the timers of the notes C0 (32.7 Hz) to B7, as both programs make their tables."""
    return [int(CLOCKS[pal] / 16 / (440 * 2 ** ((note - 45) / 12)) - 0.5) for note in range(96)]


def frames_of(log: lakhnes.RegisterLog, report: dict[str, Any]) -> Frames:
    """Look at a log once a frame, at the times that the report gives. A triangle of timer 0 counts as silent."""
    first, period = report["frame_clock"]
    score = to_arrays(log, "rawsco", 44_100, exact=True)
    starts, runs = score["starts"], score["values"]
    ticks = (first + np.arange(report["frames"], dtype=np.int64) * period) >> 16
    return [
        [tone_of(voice, raw) for voice, raw in enumerate(frame)]
        for frame in runs[np.searchsorted(starts, ticks, side="right") - 1].tolist()
    ]


def tone_of(voice: int, raw: list[int]) -> Tone:
    """Read a voice of a raw score: timer high, timer low, volume, timbre; the noise has 16 - period for a timer."""
    timer = raw[0] << 8 | raw[1]
    if timer == 0:
        return SILENCE
    return [(timer, raw[2], raw[3]), (timer, raw[2], raw[3]), (timer, 15, 0), (16 - timer, raw[2], raw[3])][voice]


def log_of(frames: Frames, report: dict[str, Any], length: int) -> lakhnes.RegisterLog:
    """Make a log that plays frames: writes at the begin of each, of what has changed."""
    first, period = report["frame_clock"]
    writes = [(0, 0x15, 0x0F), (0, 0x01, 8), (0, 0x05, 8), (0, 0x0F, 0)]
    before: list[Tone | None] = [None] * 4
    high = [-1, -1]
    for index, frame in enumerate(frames):
        tick = max(0, (first + index * period - period // 2) >> 16)
        for voice, tone in enumerate(frame):
            if tone == before[voice] or tick >= length:
                continue
            before[voice] = tone
            timer, volume, timbre = tone
            if voice == 3:
                writes += [(tick, 0x0C, 0x30 | volume)] + [(tick, 0x0E, timbre << 7 | timer)] * (volume > 0)
            elif voice == 2:
                writes += [(tick, 0x08, 0xFF if volume else 0x80)] + [(tick, 0x0A, timer & 0xFF)] * (volume > 0)
                writes += [(tick, 0x0B, timer >> 8)]
            else:
                writes += [(tick, 4 * voice, 0x30 | timbre << 6 | volume)]
                if volume:
                    writes += [(tick, 4 * voice + 2, timer & 0xFF)]
                    writes += [(tick, 4 * voice + 3, timer >> 8)] * (high[voice] != timer >> 8)
                    high[voice] = timer >> 8
    return lakhnes.RegisterLog(np.array(writes, np.int64), length)
