"""Clips: excerpts of songs, all of one loudness, whose files tell nothing but their sound.

As LakhNES made them: songs that last as long as a clip at least and use all four voices, in random order; of each one
excerpt, whose start is uniform over the song. Loudness is that of ITU-R BS.1770-4, measured by pyloudnorm.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song
from lakhnes.audio import write_audio
from lakhnes.errors import LakhnesError
from lakhnes.extras import load
from lakhnes.files import suffix_of
from lakhnes.progress import Advance
from lakhnes.songs import render
from lakhnes.study.draws import random_name, stream
from lakhnes.study.plan import ClipOptions

__all__ = ["Clip", "excerpts", "match_levels", "write_clip"]

Sound = npt.NDArray[np.float32]

ATTEMPTS = 20
"""Songs that are looked at for each clip at the most: a model whose songs never fit is refused, not waited for."""

PEAK = 0.98
"""The greatest sample of a clip, as a share of full scale; where one would be louder, all are made quieter."""

BLOCK = 0.4
"""Seconds of the blocks of BS.1770, the shortest sound whose loudness is defined."""


@dataclasses.dataclass
class Clip:
    """A clip before it has its level.

    Attributes
    ----------
    name : str
        Of its file: random, without the suffix.
    condition, song : str
    start, duration : float
        Its place in the song, in seconds.
    sound : float32 array, (frames,)
    loudness : float
        In LUFS, before the gain.
    gain : float
        In dB.
    """

    name: str
    condition: str
    song: str
    start: float
    duration: float
    sound: Sound
    loudness: float
    gain: float = 0.0

    def facts(self) -> dict[str, Any]:
        """Return what the published plan says of it."""
        return {
            "condition": self.condition, "song": self.song, "start": round(self.start, 6),
            "duration": round(self.duration, 6), "gain_db": round(self.gain, 2),
        }  # fmt: skip


def excerpts(
    condition: str,
    songs: Iterable[tuple[str, Song]],
    options: ClipOptions,
    seed: int,
    advance: Advance = lambda clips: None,
) -> list[Clip]:
    """Cut a clip of each of a condition's songs that fit, `options.count` of them.

    Raises
    ------
    LakhnesError
        If too few fit.
    """
    random = stream(seed, "clips", condition)
    clips: list[Clip] = []
    looked = 0
    for name, song in _some(songs, options.count * ATTEMPTS):
        looked += 1
        if _fits(song, options) and (clip := _excerpt(condition, name, song, options, random)):
            clips.append(clip)
            advance(1)
        if len(clips) == options.count:
            return clips
    raise LakhnesError(
        f"condition {condition}: {len(clips)} of {looked} songs last {options.length:g} s or more with"
        f" {options.min_voices} voices, expected {options.count}"
    )


def match_levels(clips: list[Clip], loudness: float) -> float:
    """Set the gain of each clip so that all have one loudness; return it.

    It is `loudness`, or less where the peak of a clip would pass full scale.
    """
    headroom = min(
        20.0 * math.log10(PEAK / float(np.abs(clip.sound).max())) - (loudness - clip.loudness) for clip in clips
    )
    reached = loudness + min(headroom, 0.0)
    for clip in clips:
        clip.gain = reached - clip.loudness
    return reached


def write_clip(clip: Clip, folder: Path, options: ClipOptions) -> Path:
    """Write the file of a clip, which holds samples and no other word."""
    path = folder / (clip.name + suffix_of(options.format))
    write_audio(path, clip.sound * np.float32(10.0 ** (clip.gain / 20.0)), options.sample_rate, format=options.format)
    return path


def _some(songs: Iterable[tuple[str, Song]], most: int) -> Iterator[tuple[str, Song]]:
    for _, song in zip(range(most), songs, strict=False):
        yield song


def _fits(song: Song, options: ClipOptions) -> bool:
    playing = sum(len(notes) > 0 for notes in song.voices.values())
    return song.duration >= max(options.length, BLOCK) and playing >= options.min_voices


def _excerpt(condition: str, name: str, song: Song, options: ClipOptions, random: np.random.Generator) -> Clip | None:
    """Return the clip of a song; None if nothing is heard there."""
    duration = options.length or min(song.duration, options.max_length)
    start = random.random() * (song.duration - duration) if options.start == "random" else 0.0
    own = random_name(random)
    played = song if options.expression == "own" else Song.from_tx1(song.to_tx1())
    expression = "natural" if options.expression == "natural" else "plain"
    rate = options.sample_rate
    sound = render(played, sample_rate=rate, expression=expression)  # type: ignore[arg-type]
    frames = round(duration * rate)
    first = min(round(start * rate), max(len(sound) - frames, 0))
    cut = _faded(sound[first : first + frames], round(options.fade * rate))
    if len(cut) < frames:
        cut = np.concatenate([cut, np.zeros(frames - len(cut), dtype=np.float32)])
    loudness = _loudness(cut, rate)
    if not math.isfinite(loudness):
        return None
    return Clip(own, condition, name, first / rate, frames / rate, cut, loudness)


def _faded(sound: Sound, frames: int) -> Sound:
    if not frames:
        return sound
    ramp = np.minimum(np.arange(len(sound)) / frames, 1.0).astype(np.float32)
    faded: Sound = sound * ramp * ramp[::-1]
    return faded


def _loudness(sound: Sound, sample_rate: int) -> float:
    pyloudnorm = load("pyloudnorm", "study")
    return float(pyloudnorm.Meter(sample_rate).integrated_loudness(sound.astype(np.float64)))
