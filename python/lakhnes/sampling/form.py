"""Songs in sections: each letter of a form is a section of some bars, and one that returns is played again.

A new section is composed after all that came before. One that returns is copied, bar for bar, and the model reads it
before it goes on: so the next new section follows from it. What a voice says of its instrument depends on what it said
before, so in a copy each note names what it needs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lakhnes._native import Vocabulary
from lakhnes.errors import shown
from lakhnes.grammar import VOICES
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, Composer, Composition, Seed, ignore
from lakhnes.sampling.controls import NOTHING, Controls
from lakhnes.sampling.params import SamplingParams, for_bars
from lakhnes.sampling.row_schedule import Place, Walker
from lakhnes.sampling.tempo import PARTS

__all__ = ["SECTION_BARS", "Form", "compose_form", "copied"]

SECTION_BARS = 8
"""Bars of a section."""

MOST_SECTIONS = 64
"""Letters of a form at the most."""

TEMPOS = ("TEMPO_", "FINE_", "SWING_", "METER_")
"""What stands at once behind a BAR."""

FIRST = {"INST": 0, "VOL": 15, "LEN": 0}
"""What a voice says of a note, in this order, and keeps until it says something else; and what is so at first."""


@dataclasses.dataclass(frozen=True)
class Form:
    """The sections of a song.

    Attributes
    ----------
    letters : str
        A section each: ``AABA``. The same letter is the same section.
    bars : int
        How many bars a section has.

    Raises
    ------
    ValueError
        If there are no letters, or a section has no bars.
    """

    letters: str
    bars: int = SECTION_BARS

    def __post_init__(self) -> None:
        if not re.fullmatch(f"[A-Z]{{1,{MOST_SECTIONS}}}", self.letters):
            raise ValueError(
                f"form is {shown(self.letters)}, expected 1 to {MOST_SECTIONS} letters from A to Z, such as AABA"
            )
        if not 1 <= self.bars <= 64:
            raise ValueError(f"bars of a section: {self.bars}, expected 1 to 64")


def compose_form(
    model: Model,
    seed: Seed,
    form: Form,
    params: SamplingParams,
    given: Sequence[int] = (),
    advance: Advance = ignore,
    controls: Controls = NOTHING,
) -> Composition:
    """Compose a song in sections.

    Parameters
    ----------
    model : Model
        Of TX3.
    seed : int or numpy.random.SeedSequence
    form : Form
    params : SamplingParams
        Their limits are not heeded: a song is as long as its sections.
    given : sequence of int
        What it begins with, before the first bar.
    advance, controls
        As of `Composer`.
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    bar, bounded = vocabulary.id("BAR"), for_bars(params, form.bars)
    ids, sections, parts = list(given), dict[str, tuple[int, int]](), list[Composition]()
    for place, letter in enumerate(form.letters):
        if letter in sections:
            ids += copied(ids, *sections[letter], vocabulary)
            continue
        before = len(ids)
        composer = Composer(model, [_of_section(seed, place)], bounded, before, advance, controls)
        parts += [part for _, part in composer.run(ids)]
        ids = parts[-1].ids
        lines = [index for index, token in enumerate(ids) if token == bar]
        if len(lines) < 2 or ids[-1] != bar:
            break  # the events of a section ran out before its first bar was whole
        sections[letter] = (lines[0] if len(parts) == 1 else before - 1, len(ids) - 1)
    seconds = sum(part.seconds for part in parts)
    return dataclasses.replace(parts[-1], ids=ids, seconds=seconds, ended="form")


def _of_section(seed: Seed, place: int) -> Seed:
    """Return the seed of a section: that of the song for the first one, and one of no other song for the others."""
    if place == 0:
        return seed
    if isinstance(seed, int):
        return np.random.SeedSequence(seed, spawn_key=(0, place))
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place))


def copied(ids: Sequence[int], first: int, last: int, vocabulary: Vocabulary) -> list[int]:
    """Return what stands behind one ``BAR`` of a song up to another, said so that it sounds the same at its end.

    Parameters
    ----------
    ids : sequence of int
        The song, which ends with a ``BAR``.
    first, last : int
        The places of the two ``BAR``.
    vocabulary : Vocabulary

    Returns
    -------
    list of int
        What is to be appended; it ends with a ``BAR``.
    """
    there, end, settings, copy = Walker(vocabulary), Walker(vocabulary), _Settings(), list[int]()
    for token in ids[: first + 1]:
        there.read(token)
        settings.read(vocabulary.symbol(token))
    for token in ids:
        end.read(token)
    known = set(vocabulary.symbols)

    def say(symbol: str) -> None:
        if symbol in known and end.native.allowed()[0, token := vocabulary.id(symbol)]:
            end.read(token)
            copy.append(token)

    for symbol in _tempo_between(end.place, there.place):
        say(symbol)
    # A song that begins within a bar has what comes first at a row that is said before the bar.
    pickup = [f"ROW_{there.place.row}"] * (there.place.row > 0) + [f"FRAME_{there.place.frame}"] * (
        there.place.frame > 0
    )
    for group in _groups(vocabulary.symbol(token) for token in ids[first + 1 : last + 1]):
        if not group[0].startswith(TEMPOS):
            for symbol in pickup if group[0].startswith(VOICES) else ():
                say(symbol)
            pickup = []
        for symbol in group:
            settings.read(symbol)
        for symbol in group:
            if not settings.is_one(symbol) and "_FIG_" not in symbol:
                say(symbol)
        if _begins(group[0]):
            voice = group[0].partition("_")[0]
            for kind, value in settings.of(voice).items():
                say(f"{voice}_{kind}_{value}")
        for symbol in group:
            if "_FIG_" in symbol:
                say(symbol)
    return copy


class _Settings:
    """What each voice has said of its notes, the noise of those of each pitch."""

    def __init__(self) -> None:
        self.values = dict[tuple[str, int], dict[str, int]]()
        self.pitches = dict.fromkeys(VOICES, 0)

    @staticmethod
    def is_one(symbol: str) -> bool:
        """Tell whether a token is such a setting."""
        voice, _, rest = symbol.partition("_")
        return voice in VOICES and rest.partition("_")[0] in FIRST

    def read(self, symbol: str) -> None:
        """Take note of a token."""
        voice, _, rest = symbol.partition("_")
        kind, _, number = rest.partition("_")
        if voice in VOICES and kind == "NOTEON":
            self.pitches[voice] = int(number)
        elif self.is_one(symbol):
            self.of(voice)[kind] = int(number)

    def of(self, voice: str) -> dict[str, int]:
        """Return the settings of the note of a voice."""
        slot = self.pitches[voice] if voice == "NO" else 0
        return self.values.setdefault((voice, slot), dict(FIRST))


def _begins(symbol: str) -> bool:
    return "_NOTEON_" in symbol or symbol.endswith("_ATTACK")


def _groups(symbols: Iterable[str]) -> Iterator[list[str]]:
    """Divide tokens: what a voice says of one onset belongs together, any other token stands alone."""
    group = list[str]()
    for symbol in symbols:
        same = bool(group) and _begins(group[0]) and symbol.partition("_")[0] == group[0].partition("_")[0]
        if same and not symbol.endswith("_NOTEOFF") and "_NOTEON_" not in symbol:
            group.append(symbol)
            continue
        if group:
            yield group
        group = [symbol]
    if group:
        yield group


def _tempo_between(here: Place, there: Place) -> list[str]:
    """Return the tokens that make the tempo of one place that of another."""
    symbols = []
    if (here.row_parts, here.swing) != (there.row_parts, there.swing):
        whole, fine = divmod(there.row_parts, PARTS)
        symbols += [f"TEMPO_{whole}"] + ([f"FINE_{fine}"] if fine else [])
        symbols += [f"SWING_{there.swing}"] if there.swing else []
    return symbols + ([f"METER_{there.rows}"] if here.rows != there.rows else [])
