"""What may be asked of a song: its tempo, key, voices, how dense and how high each of them is.

A song of TX3 may begin with tokens that state what is true of it (docs/tx3.md), and a model that has learned songs with
such beginnings composes what they state. Tempo and voices are more than a hint: rows last what the tempo says, and a
voice that is left out has no notes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.sampling.tempo import Tempo
from lakhnes.units import VOICES

__all__ = ["DENSITIES", "NOTHING", "REGISTERED", "REGISTERS", "Controls", "key_token"]

DENSITIES = ("none", "low", "mid", "high")
"""How many notes a voice plays: thirds of NES-MDB's train split."""

REGISTERS = ("low", "mid", "high")
"""Where the median of its pitches lies: thirds too."""

REGISTERED = ("p1", "p2", "tr")
"""The voices that have a register."""

TONICS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def key_token(key: str) -> str:
    """Return the token of a key such as ``"A minor"``, ``"Eb major"`` or ``"f# minor"``.

    Raises
    ------
    ValueError
        If it is no such name.
    """
    found = re.fullmatch(r"\s*([A-Ga-g])([#b]?)\s+(major|minor)\s*", key, flags=re.IGNORECASE)
    if not found:
        raise ValueError(f"key is {key!r}, expected a tonic and its mode, such as A minor, F# major or Eb minor")
    tonic, accidental, mode = found.groups()
    semitone = NATURALS[tonic.upper()] + {"#": 1, "b": -1, "B": -1}.get(accidental, 0)
    return f"KEY_{TONICS[semitone % 12]}_{mode.upper()}"


@dataclasses.dataclass(frozen=True)
class Controls:
    """What is asked of a song; nothing of it has to be.

    Attributes
    ----------
    tempo : float, optional
        Beats a minute, a beat of four rows; 37 to 450. `Tempo.of` says which tempo of whole or 32nd frames is taken. It
        is that of the whole song.
    key : str, optional
        ``"A minor"``, ``"F# major"``, ``"Eb major"``.
    density : mapping
        For some voices, of ``p1 p2 tr no``, one of ``none low mid high``. A voice of density ``none`` is silent.
    register : mapping
        For some voices, of ``p1 p2 tr``, one of ``low mid high``.
    voices : sequence of str, optional
        The voices that play; the others are silent.

    Raises
    ------
    ValueError
        If a value is unknown.
    """

    tempo: float | None = None
    key: str | None = None
    density: Mapping[str, str] = dataclasses.field(default_factory=dict)
    register: Mapping[str, str] = dataclasses.field(default_factory=dict)
    voices: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.tempo is not None:
            Tempo.of(self.tempo)
        if self.key is not None:
            key_token(self.key)
        _check("density", self.density, VOICES, DENSITIES)
        _check("register", self.register, REGISTERED, REGISTERS)
        if self.voices is not None:
            unknown = [voice for voice in self.voices if voice not in VOICES]
            if unknown or not self.voices:
                raise ValueError(f"voices: {', '.join(unknown) or 'none'}; expected some of {', '.join(VOICES)}")
            absent = [name for name, density in self.density.items() if density != "none" and name in self.silent]
            if absent:
                raise ValueError(
                    f"density of {absent[0]}: it is left out of voices; expected none, or {absent[0]} there"
                )
        if len(self.silent) == len(VOICES):
            raise ValueError("density is none for every voice, expected one that plays")

    @property
    def silent(self) -> tuple[str, ...]:
        """The voices that play nothing."""
        played = VOICES if self.voices is None else self.voices
        return tuple(name for name in VOICES if name not in played or self.density.get(name) == "none")

    @property
    def taken_tempo(self) -> Tempo | None:
        """The tempo that the song gets."""
        return None if self.tempo is None else Tempo.of(self.tempo)

    def symbols(self) -> list[str]:
        """Return the tokens with which a song begins that states all this, in their order."""
        symbols = [] if self.key is None else [key_token(self.key)]
        density = {**self.density, **dict.fromkeys(self.silent, "none")}
        symbols += [f"DENSITY_{name.upper()}_{density[name].upper()}" for name in VOICES if name in density]
        registers = ((name, self.register.get(name)) for name in REGISTERED if name not in self.silent)
        symbols += [f"REGISTER_{name.upper()}_{register.upper()}" for name, register in registers if register]
        return symbols + ([] if self.taken_tempo is None else self.taken_tempo.symbols())

    def ids(self, vocabulary: Vocabulary) -> list[int]:
        """Return the tokens of `symbols` as ids.

        Raises
        ------
        LakhnesError
            If the vocabulary does not have them.
        """
        self.check(vocabulary)
        return [vocabulary.id(symbol) for symbol in self.symbols()]

    def check(self, vocabulary: Vocabulary) -> None:
        """Refuse what a vocabulary cannot state.

        Raises
        ------
        LakhnesError
            If anything is asked for, and it has no controls.
        """
        if self == NOTHING or "BAR" in vocabulary.symbols:
            return
        asked = [field.name for field in dataclasses.fields(self) if getattr(self, field.name)]
        raise LakhnesError(
            f"{', '.join(asked)}: the model composes {vocabulary.dialect.upper()}, which cannot state it; "
            "expected a model of TX3"
        )

    def forbidden(self, vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
        """Return which tokens may not come in a song, whatever the model says, ``(V,)``.

        Those are the notes of silent voices, and where a tempo is asked for, another one.

        Raises
        ------
        LakhnesError
            As of `check`.
        """
        self.check(vocabulary)
        symbols = vocabulary.symbols
        unwanted = tuple(f"{name.upper()}_" for name in self.silent)
        forbidden = np.array([symbol.startswith(unwanted) for symbol in symbols])
        if self.tempo is not None:
            forbidden |= Tempo.others(symbols)
        return forbidden


def _check(what: str, given: Mapping[str, str], voices: Sequence[str], values: Sequence[str]) -> None:
    for name, value in given.items():
        if name not in voices:
            raise ValueError(f"{what} of {name!r}: expected one of the voices {', '.join(voices)}")
        if value not in values:
            raise ValueError(f"{what} of {name} is {value!r}, expected one of {', '.join(values)}")


NOTHING = Controls()
"""Nothing is asked for."""
