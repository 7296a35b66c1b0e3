"""A check that a listener wears headphones (Woods et al. 2017, Attention, Perception, & Psychophysics 79).

Of three tones of 200 Hz one is 6 dB quieter, and one of the loud two has opposite phases in the two channels. Through
loudspeakers the phases cancel in part and that one seems the quietest; with headphones it does not.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from lakhnes.study.draws import shuffled

__all__ = ["INTERVALS", "TRIALS", "tones", "trials"]

TRIALS = 6
"""As in the paper; five right answers pass there."""

INTERVALS = 3

FREQUENCY, TONE, GAP, RAMP = 200.0, 1.0, 0.5, 0.1
"""Hz; seconds of a tone, of the silence between two, of the fade at both ends of a tone."""

AMPLITUDE, QUIETER = 0.2, 10.0 ** (-6.0 / 20.0)


def trials(random: np.random.Generator) -> list[tuple[int, int]]:
    """Return for each trial the interval of the quiet tone and that of opposite phase, 0 to 2: all six orders."""
    orders = list(itertools.permutations(range(INTERVALS), 2))
    return shuffled(orders, random)[:TRIALS]


def tones(quiet: int, opposite: int, sample_rate: int) -> npt.NDArray[np.float32]:
    """Return the sound of a trial, float32 in [-1, 1], ``(frames, 2)``."""
    time = np.arange(round(TONE * sample_rate)) / sample_rate
    ramp = np.clip(np.minimum(time, time[::-1]) / RAMP, 0.0, 1.0)
    tone = AMPLITUDE * np.sin(2.0 * np.pi * FREQUENCY * time) * ramp
    silence = np.zeros((round(GAP * sample_rate), 2))
    parts = []
    for interval in range(INTERVALS):
        left = tone * (QUIETER if interval == quiet else 1.0)
        parts += [np.stack([left, -left if interval == opposite else left], axis=1), silence]
    sound: npt.NDArray[np.float32] = np.concatenate(parts[:-1]).astype(np.float32)
    return sound
