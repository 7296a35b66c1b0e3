"""What makes a song keep to what was asked of it: notes that fit get more probability than the model gives them.

A control is stated once, at the beginning. A model hears less and less of it as the song goes on, and what it has
composed by then says something else. So notes that fit the key and the register are raised throughout, what falls
between rows is lowered, more so where a tempo was asked for, and the notes of a voice whose density was asked for rise
the more, the further its notes so far are from it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, tx3_key_profile, tx3_thirds
from lakhnes.sampling.controls import REGISTERED, REGISTERS, Controls, key_token
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["Leanings"]

KEY_NATS = 1.3
"""By how much a note is more probable whose pitch class fits the key by a standard deviation more than the mean."""

REGISTER_NATS = 0.25
"""By how much a note is less probable for each semitone outside the register; `FURTHEST` at the most."""
FURTHEST = 4.0

FRAME_NATS = 0.25
"""By how much what falls between two rows is less probable: what a model puts there by chance, more of it follows."""
TEMPO_NATS = 2.5
"""The same where a tempo is asked for: else another tempo is heard."""

DENSITY_GAIN = 3.0
"""By how much notes are more probable for each factor of e that is lacking of the density; `STRONGEST` at the most."""
STRONGEST = 3.0
PATIENCE = 3.0
"""Seconds of notes as asked for that every voice is given at the beginning, so that its first note counts little."""

Nats = npt.NDArray[np.float32]


class Leanings:
    """By how much tokens are more probable in some songs than the model says.

    Parameters
    ----------
    controls : Controls
        What was asked of the songs.
    vocabulary : Vocabulary
        Of V tokens.
    songs : int
        B, their number.
    """

    def __init__(self, controls: Controls, vocabulary: Vocabulary, songs: int) -> None:
        notes = _Notes(vocabulary)
        lowered = FRAME_NATS if controls.tempo is None else TEMPO_NATS
        fixed = -np.float32(lowered) * np.array([symbol.startswith("FRAME_") for symbol in vocabulary.symbols])
        if controls.key is not None:
            fixed += notes.in_key(controls.key)
        for voice, register in controls.register.items():
            fixed += notes.in_register(voice, register)
        self._fixed = fixed if fixed.any() else None
        asked = {voice: name for voice, name in controls.density.items() if name != "none"}
        self._of_voice = np.array([notes.voice == VOICES.index(voice) for voice in asked])  # (A, V)
        self._wanted = np.array([_onsets_a_second(voice, name) for voice, name in asked.items()])  # (A,)
        self._counts = np.zeros((songs, len(asked)))

    def nats(self, ticks: npt.NDArray[np.int64]) -> Nats | None:
        """Return what to add to the logits of songs at a time, ``(B,)``: ``(B, V)`` or ``(V,)``, None for nothing."""
        if not len(self._wanted):
            return self._fixed
        seconds = ticks[:, None] / TICKS_PER_SECOND + PATIENCE
        heard = (self._counts + PATIENCE * self._wanted) / seconds
        lack = (DENSITY_GAIN * np.log(self._wanted / heard)).clip(-STRONGEST, STRONGEST)
        leaning: Nats = (lack @ self._of_voice).astype(np.float32)
        return leaning if self._fixed is None else leaning + self._fixed

    def restart(self, song: int) -> None:
        """Begin a new song in the place of one."""
        self._counts[song] = 0

    def take(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of the token that came in every song, ``(B,)``."""
        if len(self._wanted):
            self._counts += self._of_voice[:, tokens].T


class _Notes:
    """The notes of a vocabulary.

    Attributes
    ----------
    voice, pitch : int64 array, ``(V,)``
        Of tokens that begin a note; -1 for others.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        parts = [symbol.split("_") for symbol in vocabulary.symbols]
        began = [(VOICES.index(part[0].lower()), int(part[2])) if "NOTEON" in part else (-1, -1) for part in parts]
        self.voice, self.pitch = np.array(began).T

    def in_key(self, key: str) -> Nats:
        """Return by how much the notes are to be raised that fit a key, as listeners rate them, ``(V,)``."""
        profile = tx3_key_profile(key_token(key))
        fits = ((profile - profile.mean()) / profile.std()).clip(-1.5, 1.5)  # or the tonic alone would be heard
        melodic = np.isin(self.voice, [VOICES.index(voice) for voice in REGISTERED])
        return np.where(melodic, KEY_NATS * fits[self.pitch % 12], 0.0).astype(np.float32)

    def in_register(self, voice: str, register: str) -> Nats:
        """Return by how much notes outside a register are to be lowered, ``(V,)``."""
        low, high = _bounds(tx3_thirds()[1][REGISTERED.index(voice)], REGISTERS.index(register))
        outside = np.maximum(low - self.pitch, self.pitch - (high - 1.0)).clip(min=0.0)
        lowered = (REGISTER_NATS * outside).clip(max=FURTHEST)
        return np.where(self.voice == VOICES.index(voice), -lowered, 0.0).astype(np.float32)


def _bounds(thirds: list[float], third: int) -> tuple[float, float]:
    """Return from where to where one of three parts goes, 0 to 2."""
    low, high = ((-math.inf, *thirds)[third], (*thirds, math.inf)[third])
    return low, high


def _onsets_a_second(voice: str, density: str) -> float:
    """Return the onsets a second in the middle of a class; an open one is taken for as wide as the middle one."""
    low, high = tx3_thirds()[0][VOICES.index(voice)]
    ratio = math.sqrt(high / low)
    return {"low": low / ratio, "mid": low * ratio, "high": high * ratio}[density]
