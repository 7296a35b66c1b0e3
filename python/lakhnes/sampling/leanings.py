"""What makes a song keep to what was asked of it: notes that fit get more probability than the model gives them.

A control is stated once, at the beginning. A model hears less and less of it as the song goes on, and what it has
composed by then says something else. So notes that fit the key and the register are raised throughout, and those of a
voice whose density was asked for the more, the further its notes so far are from it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, tx3_key_profile, tx3_thirds
from lakhnes.sampling.controls import REGISTERED, REGISTERS, Controls, key_token
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = ["Leanings"]

KEY_NATS = 1.1
"""By how much a note is more probable whose pitch class fits the key by a standard deviation more than the mean."""

REGISTER_NATS = 0.25
"""By how much a note is less probable for each semitone outside the register; `FURTHEST` at the most."""
FURTHEST = 4.0

DENSITY_GAIN = 3.0
"""By how much notes are more probable for each factor of e that is lacking of the density; `STRONGEST` at the most."""
STRONGEST = 3.0
PATIENCE = 3.0
"""Seconds of notes as asked for that every voice is given at the beginning, so that its first note counts little."""

OWN = 0.5
"""The share of all this by which a song keeps to what the model, unasked, has let it state."""

Nats = npt.NDArray[np.float32]


class Leanings:
    """By how much tokens are more probable in some songs than the model says.

    Parameters
    ----------
    controls : Controls
        What was asked of the songs. What a song states beyond that, because the model has drawn it, counts less.
    vocabulary : Vocabulary
        Of V tokens.
    songs : int
        B, their number.
    """

    def __init__(self, controls: Controls, vocabulary: Vocabulary, songs: int) -> None:
        self._notes = _Notes(vocabulary)
        self._statements = {vocabulary.id(symbol): symbol for symbol in vocabulary.symbols if _is_statement(symbol)}
        self._states = np.isin(np.arange(len(vocabulary)), list(self._statements))  # (V,)
        self._fixed = np.zeros((songs, len(vocabulary)), dtype=np.float32)
        self._wanted = np.ones((songs, len(VOICES)))  # onsets a second
        self._gain = np.zeros((songs, len(VOICES)))  # 0: as the model has it
        self._counts = np.zeros((songs, len(VOICES)))
        self._stated = False
        for symbol in filter(_is_statement, controls.symbols()):
            self._state(np.arange(songs), symbol, 1.0)

    def nats(self, ticks: npt.NDArray[np.int64]) -> Nats | None:
        """Return what to add to the logits of songs at a time, ``(B,)``: ``(B, V)``, None for nothing."""
        if not self._stated:
            return None
        seconds = ticks[:, None] / TICKS_PER_SECOND + PATIENCE
        heard = (self._counts + PATIENCE * self._wanted) / seconds
        lack = (DENSITY_GAIN * np.log(self._wanted / heard)).clip(-STRONGEST, STRONGEST)
        leaning: Nats = self._fixed + ((self._gain * lack) @ self._notes.of_voice).astype(np.float32)
        return leaning

    def take(self, tokens: npt.NDArray[np.int64]) -> None:
        """Take note of the token that came in every song, ``(B,)``."""
        self._counts += self._notes.of_voice[:, tokens].T
        for song in np.flatnonzero(self._states[tokens]):
            self._state(np.array([song]), self._statements[int(tokens[song])], OWN)

    def _state(self, songs: npt.NDArray[np.int64], symbol: str, share: float) -> None:
        """Let songs keep to what a token says, by a share of what they would if it were asked for."""
        kind, of, value = symbol.split("_")
        if kind == "KEY":
            self._fixed[songs] += share * self._notes.in_key(f"{of} {value.lower()}")
        elif kind == "REGISTER":
            self._fixed[songs] += share * self._notes.in_register(of.lower(), value.lower())
        else:
            voice = VOICES.index(of.lower())
            self._wanted[songs, voice] = _onsets_a_second(of.lower(), value.lower())
            self._gain[songs, voice] = share
        self._stated = True


def _is_statement(symbol: str) -> bool:
    """Tell whether a token states what can be leant to; a silent voice has no notes in any case."""
    return symbol.startswith(("KEY_", "DENSITY_", "REGISTER_")) and not symbol.endswith("_NONE")


class _Notes:
    """The notes of a vocabulary.

    Attributes
    ----------
    voice, pitch : int64 array, ``(V,)``
        Of tokens that begin a note; -1 for others.
    of_voice : float64 array, ``(4, V)``
        1 for the notes of each voice.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        parts = [symbol.split("_") for symbol in vocabulary.symbols]
        began = [(VOICES.index(part[0].lower()), int(part[2])) if "NOTEON" in part else (-1, -1) for part in parts]
        self.voice, self.pitch = np.array(began).T
        self.of_voice = (self.voice == np.arange(len(VOICES))[:, None]).astype(np.float64)

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
