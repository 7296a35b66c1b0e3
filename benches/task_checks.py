"""Whether a model does what it is asked to: continue a song, accompany it, fill voices in.

`continuations` asks whether what follows in a song is more probable to the model than what follows in another. The
other two ask for what must hold of any model: an accompaniment changes pitches and nothing else, and an infilling
leaves the other voices as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Song, Vocabulary
from lakhnes.grammar import BOUNDARY
from lakhnes.model.model import Model
from lakhnes.sampling import SamplingParams, accompany_ids, infillings

__all__ = ["Continuation", "accompaniment_faults", "continuations", "infilling_faults"]

Ids = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Continuation:
    """How probable two continuations of a song are: mean negative log-likelihoods an event, in nats.

    Attributes
    ----------
    own, other : float
        Of what follows in the song itself, and of what stands at the same place in another.
    """

    own: float
    other: float


def continuations(
    model: Model,
    songs: Sequence[Ids],
    *,
    prime_length: int = 512,
    length: int = 512,
    advance: Callable[[int], None] = lambda songs: None,
) -> list[Continuation]:
    """Let each song be continued by itself and by the next song, the last by the first.

    Parameters
    ----------
    model : Model
    songs : sequence of int64 arrays
        Token ids without boundaries, of `prime_length` + `length` events at least.
    prime_length, length : int
        Events that are read, and events after them that are scored.
    advance : callable
        Called with the number of songs done since the last call.
    """
    end = prime_length + length
    if any(len(song) < end for song in songs):
        raise ValueError(f"songs: expected at least {end} events in each")
    found = []
    for song, following in zip(songs, [*songs[1:], songs[0]], strict=True):
        losses = []
        for continuation in (song, following):
            ids = np.concatenate([[BOUNDARY], song[:prime_length], continuation[prime_length:end]])
            losses.append(float(model.score(ids, end)[prime_length:].mean(dtype=np.float64)))
        found.append(Continuation(*losses))
        advance(1)
    return found


def accompaniment_faults(model: Model, ids: Sequence[int], seed: int | None = None, **options: Any) -> list[str]:
    """List what an accompaniment of a song changed that it should not, or chose out of a voice's range.

    Parameters
    ----------
    model : Model
    ids : sequence of int
        Token ids without boundaries.
    seed : int, optional
    **options
        Of `lakhnes.sampling.SamplingParams`.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    (version,) = accompany_ids(model, 1, ids, SamplingParams(**options), seed=seed)
    before, after = vocabulary.decode(list(ids)).splitlines(), vocabulary.decode(version.ids).splitlines()
    if len(before) != len(after):
        return [f"{len(after)} events, expected {len(before)}"]
    faults = []
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        may_change = "_NOTEON_" in old and not old.startswith("NO")
        same = old.rpartition("_")[0] == new.rpartition("_")[0] if may_change else old == new
        if not same:
            faults.append(f"event {place}: {new}, expected {old}")
    return faults


def infilling_faults(
    model: Model, song: Song, voices: Sequence[str], seed: int | None = None, **options: Any
) -> list[str]:
    """List what an infilling changed of the voices that it should keep, and which voices it left empty.

    Parameters
    ----------
    model : Model
    song : Song
    voices : sequence of str
        The voices that are written anew.
    seed : int, optional
    **options
        Of `lakhnes.sampling.SamplingParams`.
    """
    (version,) = infillings(model, 1, song, voices, SamplingParams(**options), seed=seed)
    read = Vocabulary(model.config.vocabulary).song(version.events)
    faults = []
    for voice, notes in song.voices.items():
        if voice in voices:
            continue
        for what, made in (("song", version.song), ("events", read)):
            if not np.array_equal(made.voices[voice][:, :3], notes[:, :3]):
                faults.append(f"{voice} of the {what} has changed")
    return faults
