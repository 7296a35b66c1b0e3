"""Which event may follow which, so that what is sampled is always a song: an automaton for each vocabulary.

At one sample the voices speak in the order P1, P2, TR, NO: each once its NOTEOFF or NOTEON, then, in TX2, its VELOCITY
and its TIMBRE. A note of TX2 always says its velocity. Only a voice that sounds is silenced or changes its velocity.
Two waits never meet, and a song neither begins nor ends with one. So are all texts made from MIDI (docs/formats.md).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from lakhnes._native import Tx3Grammar, Vocabulary

__all__ = ["BOUNDARY", "NO_VOICE", "SUBSETS", "VOICES", "Rules", "faults", "rules_of"]

BOUNDARY = 0
"""The id of ``<S>``."""

VOICES = ("P1", "P2", "TR", "NO")
NO_VOICE = -1

KINDS = ("NOTEOFF", "NOTEON", "VELOCITY", "TIMBRE")
"""What a voice says; at one sample a NOTEOFF and a NOTEON take the same turn."""

TURNS = (0, 0, 1, 2)
"""The turn of each kind among those of its voice."""

SUBSETS = 1 << len(VOICES)
"""How many sets of sounding voices there are; a set is written as a bit a voice."""


@dataclasses.dataclass(frozen=True)
class Rules:
    """The automaton of a vocabulary, and what sampling needs to know of its events.

    A state is a place and a set of sounding voices, ``place * SUBSETS + sounding``. Place 0 is the beginning of a song
    or what follows a wait; place ``1 + 4 * voice + kind`` is what follows an event of that kind.

    Attributes
    ----------
    allowed : bool array, ``(states, V)``
        Which event may come next.
    place : int64 array, ``(V,)``
        Where each event leads.
    begins, ends : int64 array, ``(V,)``
        The bit of the voice that the event lets sound, or silences; else 0.
    needs_sound : bool array, ``(V,)``
        Whether the event is one of a voice that sounds.
    voice : int64 array, ``(V,)``
        The voice of each event, `NO_VOICE` for waits and ``<S>``.
    is_wait, is_note : bool array, ``(V,)``
        Whether the event is a wait, or begins a note.
    ticks : int64 array, ``(V,)``
        How long a wait takes, in ticks of 1/44,100 s; 0 for all other events.
    has_dynamics : bool
        Whether notes have velocities.
    """

    allowed: npt.NDArray[np.bool_]
    place: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    needs_sound: npt.NDArray[np.bool_]
    voice: npt.NDArray[np.int64]
    is_wait: npt.NDArray[np.bool_]
    is_note: npt.NDArray[np.bool_]
    ticks: npt.NDArray[np.int64]
    has_dynamics: bool


@functools.cache
def rules_of(name: str) -> Rules:
    """Return the rules of a vocabulary by its name."""
    symbols = Vocabulary(name).symbols
    parts = [symbol.split("_") for symbol in symbols]
    voice = np.array([VOICES.index(tag) if tag in VOICES else NO_VOICE for tag, *_ in parts])
    kind = np.array([KINDS.index(kind) if kind in KINDS else 0 for *_, kind in (part[:2] for part in parts)])
    speaks, bit = voice >= 0, np.where(voice >= 0, 1 << voice.clip(0), 0)
    place = np.where(speaks, 1 + len(KINDS) * voice + kind, 0)
    is_on, is_off, is_velocity = (speaks & (kind == KINDS.index(name)) for name in ("NOTEON", "NOTEOFF", "VELOCITY"))

    turn = np.where(speaks, 3 * voice + np.take(TURNS, kind), -1)  # (V,)
    turn_of_place = np.full(1 + len(VOICES) * len(KINDS), -1)
    turn_of_place[place] = turn  # (places,)
    allowed = np.where(speaks, turn > turn_of_place[:, None], np.arange(len(turn_of_place))[:, None] > 0)
    for on in set(place[is_on & np.isin(voice, voice[is_velocity])].tolist()):  # a note begins with its velocity
        allowed[on] = is_velocity & (turn == turn_of_place[on] + 1)
    sounds = np.arange(SUBSETS)[:, None] & bit > 0  # (SUBSETS, V)
    needs_sound = is_off | is_velocity
    allowed = allowed[:, None] & (sounds | ~needs_sound)
    ticks = np.array([int(symbol[3:]) if symbol.startswith("WT_") else 0 for symbol in symbols], dtype=np.int64)
    return Rules(
        allowed=allowed.reshape(-1, len(symbols)),
        place=place,
        begins=np.where(is_on, bit, 0),
        ends=np.where(is_off, bit, 0),
        needs_sound=needs_sound,
        voice=voice,
        is_wait=ticks > 0,
        is_note=is_on,
        ticks=ticks,
        has_dynamics=bool(is_velocity.any()),
    )


def _faults_of_rows(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Find the events of a TX3 song that its grammar, which depends on time, does not allow."""
    grammar, wrong = Tx3Grammar(1), []
    for place in range(len(ids)):
        if not grammar.allowed()[0, ids[place]]:
            wrong.append(place)
        grammar.advance(ids[place : place + 1])
    return np.array(wrong, dtype=np.int64)


def faults(ids: npt.NDArray[np.int64], name: str) -> npt.NDArray[np.int64]:
    """Find the events that may not stand where they do.

    Parameters
    ----------
    ids : int64 array, ``(n,)``
        A song without boundaries.
    name : str
        Of the vocabulary.

    Returns
    -------
    int64 array
        Their places.
    """
    if name == "tx3":
        return _faults_of_rows(ids)
    rules = rules_of(name)
    in_order = rules.allowed.reshape(-1, SUBSETS, len(rules.place))[:, -1]  # (places, V): while everything sounds
    fits = in_order[np.concatenate([[0], rules.place[ids[:-1]]])[: len(ids)], ids]
    for voice in range(len(VOICES)):
        begins, ends = rules.begins[ids] == 1 << voice, rules.ends[ids] == 1 << voice
        # The voice sounds before an event if the last of its note-ons and note-offs up to there was a note-on.
        last = np.maximum.accumulate(np.where(begins | ends, np.arange(len(ids)), -1))
        last = np.concatenate([[-1], last[:-1]])[: len(ids)]
        sounds = (last >= 0) & begins[last]
        fits &= sounds | ~(rules.needs_sound[ids] & (rules.voice[ids] == voice))
    return np.flatnonzero(~fits)
