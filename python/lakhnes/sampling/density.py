"""How dense a new part is to be, and how much more probable its notes become where there are too few.

How dense, the song says: as dense as the voice was, if it played; else about as dense as such a voice is in NES music
beside the voices that are kept.

Left alone, the model lets a voice that has not played rest for ever. So its notes get log-odds: they are the more
probable, the fewer of the voice there were of late beside the density that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, tx3_facts
from lakhnes.grammar import VOICES, Rules
from lakhnes.sampling.particle import NoteCount
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["counted", "event_rate", "log_odds", "target_densities"]

SPAN = 4.0
"""Seconds over which notes are counted: after this time a note counts for e times less."""

LONG_SPAN = 16.0
"""Seconds over which the notes that are missing are counted."""

STRENGTH = 5.0
"""Nats by which a note is more probable where e times fewer were played than asked for; as many less for more.

Chosen with `SPAN` by the densities and perplexities of ``benches/infilling.py``.
"""

PERSISTENCE = 4.0
"""Nats by which a note is more probable for as many missing notes as there should be in `SPAN`, as many less for more.

Without it parts stay sparse wherever the model would have a voice rest: drums above all.
"""

MAX_NATS = 8.0
"""Of either at the most."""

PAUSE = 4.0
"""Seconds that a new voice may rest as that says; then its notes become more probable from second to second."""

GROWTH = 3.0
"""Nats a second by which they do: what was asked for is to be heard."""

EVENTS_PER_SECOND = 10
"""Events that a written voice may have, however calm the given song is: sixteenth notes at 150 beats a minute."""

BUSIER = 1.5
"""How much busier a written voice may be than the busiest of the given song."""

FEWEST_NOTES = 8
"""Notes of a voice at the least from which its density is taken."""

TYPICAL = (4.2, 4.4, 4.2, 6.0)
"""Notes a second of each voice: medians of the beginnings of 1,086 training songs of NES-MDB."""

BESIDE = (0.94, 0.97, 0.91, 1.42)
"""The same as a share of the median of the other voices."""


def target_densities(song: Song, voices: Collection[int], *, in_groups: bool = False) -> dict[int, float]:
    """Return how many notes a second each written voice should have.

    Parameters
    ----------
    song : Song
    voices : collection of int
        The voices to write.
    in_groups : bool
        Whether an arpeggio, a slide or a drum of several notes of a frame or two counts as one note, as in TX3.
    """
    if in_groups:
        onsets = [voice["density"] for voice in tx3_facts(song)["voices"].values()]
        notes = [round(rate * song.duration) for rate in onsets]
    else:
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


def event_rate(events: npt.NDArray[np.int64], ticks: int, rules: Rules, voices: Collection[int]) -> float:
    """Return how many events a second some voices may have in the long run.

    Parameters
    ----------
    events : int64 array
        The given song in the compact form.
    ticks : int
        How long it is.
    rules : Rules
    voices : collection of int
        The voices to write.
    """
    of_event = rules.voice[events[events > 0]]
    counts = np.bincount(of_event[of_event >= 0], minlength=len(VOICES))
    is_drum = [voice == "NO" for voice in VOICES]
    rate = 0.0
    for voice in voices:  # drums beat faster than most melodies
        busiest = max(int(count) for other, count in enumerate(counts) if is_drum[other] == is_drum[voice])
        rate += max(EVENTS_PER_SECOND, BUSIER * busiest * TICKS_PER_SECOND / max(ticks, TICKS_PER_SECOND))
    return rate


def log_odds(count: NoteCount, density: float, tick: int) -> float:
    """Return by how many nats the notes of a voice are more probable than under the model alone."""
    since, age = (tick - count.last) / TICKS_PER_SECOND, tick / TICKS_PER_SECOND
    (played, asked), (played_long, asked_long) = (
        (notes * math.exp(-since / span), density * span * -math.expm1(-age / span))
        for notes, span in ((count.recent, SPAN), (count.longer, LONG_SPAN))
    )
    lack = STRENGTH * math.log((asked + 1.0) / (played + 1.0))
    missing = PERSISTENCE * (asked_long - played_long) / (density * SPAN)
    rest = (tick - count.heard) / TICKS_PER_SECOND - PAUSE
    return _bounded(lack) + _bounded(missing) + max(GROWTH * rest, 0.0)


def counted(count: NoteCount, tick: int, *, is_note: bool) -> NoteCount:
    """Return the count after an event of the voice."""
    if not is_note:
        return NoteCount(tick, count.last, count.recent, count.longer)
    since = (tick - count.last) / TICKS_PER_SECOND
    recent, longer = (
        1.0 + notes * math.exp(-since / span) for notes, span in ((count.recent, SPAN), (count.longer, LONG_SPAN))
    )
    return NoteCount(tick, tick, recent, longer)


def _bounded(nats: float) -> float:
    return min(max(nats, -MAX_NATS), MAX_NATS)
