"""The plan of a listening study, read from TOML: what is compared, how clips are cut, who is left out.

Defaults are those of LakhNES's user study (Donahue et al. 2019, section 6.2, and the scripts of its repository): 5 s of
a random place of songs with all four voices, played without dynamics.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS
from lakhnes.sampling.params import SamplingParams
from lakhnes.study.schema import Key, Toml, among, between, flag, text, whole

__all__ = [
    "DESIGNS",
    "HUMAN",
    "MEASURED_MODELS",
    "ClipOptions",
    "Condition",
    "Exclusion",
    "PageOptions",
    "Plan",
    "without",
]

DESIGNS = ("turing", "preference", "rating")
HUMAN = "human"
"""The condition of songs that people composed; a Turing test needs it, and so do control pairs."""

MEASURED_MODELS = {"uniform": 0, "unigram": 1, "5-gram": 5}
"""Baselines that are estimated when they are needed, by the order of their n-grams; all but the first from a corpus."""

MAX_LISTENERS, MAX_PAIRS, MAX_CONDITIONS, MAX_CLIPS = 10_000, 200, 24, 2_000

PAIRS = {"turing": 30, "preference": 12, "rating": 24}
"""Of a listener, where the plan does not say it. Thirty with a fifth of controls are six controls, the fewest that the
exclusions of the Turing test allow: three tasks of ten pairs with two controls each, as in the paper."""


@dataclasses.dataclass(frozen=True)
class ClipOptions:
    """How clips are made.

    Attributes
    ----------
    count : int
        Clips of each condition, each of another song.
    length : float
        In seconds, 0.5 to 600; 0 for whole songs,
    max_length : float
        which are then cut after this number of seconds.
    start : {"random", "beginning"}
        Where in its song a clip begins.
    min_voices : int
        Of the four, that a song has notes in; the original asks for all.
    fade : float
        Seconds of fade at both ends.
    loudness : float
        Integrated loudness in LUFS by ITU-R BS.1770-4, as EBU R128 measures it, of all clips.
    expression : {"plain", "natural", "own"}
        ``"plain"`` and ``"natural"`` take the dynamics off every song (its TX1 text has none) and play all alike, see
        `Song.perform`; ``"own"`` keeps the dynamics that a song has.
    sample_rate : int
    format : str
        Of the files of clips; one of `lakhnes.files.AUDIO_FORMATS`.
    """

    count: int = 24
    length: float = 5.0
    max_length: float = 60.0
    start: str = "random"
    min_voices: int = 4
    fade: float = 0.0
    loudness: float = -23.0
    expression: str = "plain"
    sample_rate: int = 44_100
    format: str = "wav"


@dataclasses.dataclass(frozen=True)
class PageOptions:
    """What listeners meet besides pairs.

    Attributes
    ----------
    headphone_check : bool
        Six trials with tones in opposite phase (Woods et al. 2017), whose result is stored and excludes nobody.
    practice : int
        Practice pairs, whose answers are never analysed.
    signup : {"open", "links"}
        Whether anyone may take part until `limit`, or only who has a link of their own.
    limit : int
        Listeners at the most; the plan's ``listeners`` where it is not set.
    contact : str
        Whom a listener can write to; shown with the consent.
    """

    headphone_check: bool = False
    practice: int = 1
    signup: str = "open"
    limit: int = 0
    contact: str = ""


@dataclasses.dataclass(frozen=True)
class Exclusion:
    """Whose answers are not analysed.

    Attributes
    ----------
    control_failures : float
        A listener is left out who failed a greater share of the control pairs than this.
    min_controls : int
        A listener is left out who answered fewer control pairs.
    min_answers : int
        A listener is left out who answered fewer pairs in all.
    """

    control_failures: float = 0.0
    min_controls: int = 0
    min_answers: int = 1

    @classmethod
    def of_the_paper(cls, design: str) -> Exclusion:
        """Return what LakhNES's scripts do.

        Turing: any failed control, or fewer than six. Preference: more than 5 % failed. Ratings have no controls.
        """
        return {"turing": cls(0.0, 6), "preference": cls(0.05)}.get(design, cls(1.0))


@dataclasses.dataclass(frozen=True)
class Condition:
    """A named source of songs: exactly one of `folder`, `corpus` alone, and `model`.

    Attributes
    ----------
    name : str
    folder : str or None
        A folder of songs in any readable format.
    corpus, split : str or None
        A corpus (its folder, or an archive of NES-MDB), and which of its splits; of a model, what it is estimated from.
    model : str or None
        ``"bundled"``, a checkpoint, a published model, or one of `MEASURED_MODELS`.
    seed : int
        Of the songs that a model composes.
    sampling : dict
        Options of `SamplingParams`.
    optional : bool
        Whether the study is made without the condition where its files are missing.
    """

    name: str
    folder: str | None = None
    corpus: str | None = None
    split: str | None = None
    model: str | None = None
    seed: int = 0
    sampling: dict[str, Any] = dataclasses.field(default_factory=dict)
    optional: bool = False

    @property
    def source(self) -> str:
        """Say in a few words where its songs come from."""
        if self.model is not None:
            estimated = f" of {self.corpus}" if self.corpus else ""
            return f"model {self.model}{estimated}, seed {self.seed}"
        return f"{self.corpus} ({self.split})" if self.corpus is not None else str(self.folder)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A listening study.

    Attributes
    ----------
    title : str
    design : {"turing", "preference", "rating"}
        Which of two clips is human; which of two clips is better; how good is one clip, 1 to 5.
    conditions : tuple of Condition
    seed : int
        Decides clips, assignment and order.
    listeners : int
        For how many the assignment is made.
    pairs : int
        Of a listener, controls included; in a rating study single clips.
    control_share : float
        Share of a listener's pairs that are controls, rounded to a whole number of pairs.
    control : str
        The condition that is compared with `HUMAN` in control pairs, and heard in no others.
    clips, page, exclusion
    """

    title: str
    design: str
    conditions: tuple[Condition, ...]
    seed: int
    listeners: int
    pairs: int
    control_share: float = 0.2
    control: str = "random"
    clips: ClipOptions = ClipOptions()
    page: PageOptions = PageOptions()
    exclusion: Exclusion = Exclusion()

    @property
    def controls(self) -> int:
        """How many of a listener's pairs are controls."""
        return round(self.control_share * self.pairs)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all conditions."""
        return tuple(condition.name for condition in self.conditions)

    @property
    def tested(self) -> tuple[str, ...]:
        """The names of the conditions that the study asks about: all but that of the controls."""
        return tuple(name for name in self.names if name != self.control or not self.controls)

    @property
    def limit(self) -> int:
        """Listeners at the most."""
        return min(self.page.limit or self.listeners, self.listeners)

    def facts(self) -> dict[str, Any]:
        """Return all options as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Plan:
        """Return the plan of what `facts` gave."""
        given = dict(facts)
        given["conditions"] = tuple(Condition(**condition) for condition in given["conditions"])
        for name, make in (("clips", ClipOptions), ("page", PageOptions), ("exclusion", Exclusion)):
            given[name] = make(**given[name])
        return cls(**given)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a plan.

        Raises
        ------
        FormatError
            If it is not TOML, or a key is unknown, missing, or out of range; in one line that names file, line, key and
            what was expected.
        OSError
            If it cannot be read.
        """
        toml = Toml(path)
        given = toml.table(toml.root, PLAN_KEYS)
        for name in ("title", "design", "conditions", "seed"):
            if name not in given:
                raise toml.error((name,), "is missing")
        design = given["design"]
        for name, keys, base in (
            ("clips", CLIP_KEYS, ClipOptions()),
            ("page", PAGE_KEYS, PageOptions()),
            ("exclusion", EXCLUSION_KEYS, Exclusion.of_the_paper(design)),
        ):
            table = toml.table(given.get(name, {}), keys, (name,))
            given[name] = dataclasses.replace(base, **table)
        given["conditions"] = tuple(_condition(toml, *item) for item in given["conditions"].items())
        if design == "rating":
            given.setdefault("control_share", 0.0)
        plan = cls(**{"listeners": 30, "pairs": PAIRS[design]} | given)
        _check(toml, plan)
        return plan


MODEL_PATH = text(4_096)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.+-]{0,39}")

_tables = Key(
    lambda value: isinstance(value, dict) and 1 <= len(value) <= MAX_CONDITIONS,
    f"1 to {MAX_CONDITIONS} tables [conditions.NAME]",
)
_table = Key(lambda value: isinstance(value, dict), "a table")

PLAN_KEYS = {
    "title": text(200), "design": among(*DESIGNS), "conditions": _tables, "seed": whole(0, 2**31 - 1),
    "listeners": whole(1, MAX_LISTENERS), "pairs": whole(1, MAX_PAIRS), "control_share": between(0, 0.9),
    "control": text(40), "clips": _table, "page": _table, "exclusion": _table,
}  # fmt: skip

CLIP_KEYS = {
    "count": whole(1, MAX_CLIPS),
    "length": Key(lambda value: value == 0 or between(0.5, 600).holds(value), "0.5 to 600 s, or 0 for whole songs"),
    "max_length": between(0.5, 3_600), "start": among("random", "beginning"), "min_voices": whole(0, 4),
    "fade": between(0, 5), "loudness": between(-50, -10), "expression": among("plain", "natural", "own"),
    "sample_rate": whole(8_000, 192_000), "format": among(*AUDIO_FORMATS),
}  # fmt: skip

PAGE_KEYS = {
    "headphone_check": flag, "practice": whole(0, 5), "signup": among("open", "links"),
    "limit": whole(1, MAX_LISTENERS), "contact": text(200),
}  # fmt: skip

EXCLUSION_KEYS = {
    "control_failures": between(0, 1), "min_controls": whole(0, MAX_PAIRS), "min_answers": whole(0, MAX_PAIRS),
}  # fmt: skip

CONDITION_KEYS = {
    "folder": MODEL_PATH, "corpus": MODEL_PATH, "split": among("train", "valid", "test"), "model": MODEL_PATH,
    "seed": whole(0, 2**31 - 1), "sampling": _table, "optional": flag,
}  # fmt: skip


def _condition(toml: Toml, name: str, given: Any) -> Condition:
    place = ("conditions", name)
    if not NAME.fullmatch(name):
        raise toml.error(
            place, "expected a name of 1 to 40 letters, digits, spaces and _ . + -, a letter or digit first"
        )
    condition = Condition(name, **toml.table(given, CONDITION_KEYS, place))
    sources = [key for key in ("folder", "corpus", "model") if getattr(condition, key) is not None]
    if len(sources) != 1 and sources != ["corpus", "model"]:
        raise toml.error(place, "expected one source: folder, or corpus with split, or model")
    if (condition.corpus is None) != (condition.split is None):
        raise toml.error(place, "expected corpus and split together")
    measured = condition.model in MEASURED_MODELS and condition.model != "uniform"
    if condition.model is not None and measured != (condition.corpus is not None):
        raise toml.error(place, f"model {condition.model} {'needs' if measured else 'takes no'} corpus and split")
    if condition.sampling and condition.model is None:
        raise toml.error((*place, "sampling"), "is of songs that a model composes, and here is no model")
    try:
        SamplingParams(**condition.sampling)
    except (TypeError, ValueError) as error:
        raise toml.error((*place, "sampling"), str(error).replace("SamplingParams.__init__() ", "")) from None
    return condition


def _check(toml: Toml, plan: Plan) -> None:
    """Refuse what each key may hold by itself, but not together."""
    needs_human = plan.design == "turing" or plan.controls
    if needs_human and HUMAN not in plan.names:
        raise toml.error(("conditions",), f'expected a condition "{HUMAN}" for {_needing(plan)}')
    if plan.controls and plan.control not in plan.names:
        raise toml.error(("control",), f'"{plan.control}" is no condition, and {plan.controls} controls need it')
    if plan.design == "rating" and plan.controls:
        raise toml.error(("control_share",), "a rating study has no control pairs; expected 0")
    if plan.control == HUMAN and plan.controls:
        raise toml.error(("control",), f'expected another condition than "{HUMAN}"')
    others = [name for name in plan.tested if name != HUMAN or plan.design != "turing"]
    least = {"turing": 1, "preference": 2, "rating": 1}[plan.design]
    if len(others) < least:
        raise toml.error(
            ("conditions",), f"{len(others)} to ask about, expected at least {least} besides the control's"
        )
    if plan.controls >= plan.pairs:
        raise toml.error(("control_share",), f"{plan.controls} of {plan.pairs} pairs are controls, expected fewer")
    if plan.exclusion.min_controls > plan.controls:
        raise toml.error(
            ("exclusion", "min_controls"),
            f"is {plan.exclusion.min_controls}, but a listener hears {plan.controls} controls"
            f" ({plan.pairs} pairs x control_share {plan.control_share:g}); expected as many at the most",
        )
    if plan.exclusion.min_answers > plan.pairs:
        raise toml.error(("exclusion", "min_answers"), f"is {plan.exclusion.min_answers}, a listener has {plan.pairs}")
    if plan.clips.length and 2 * plan.clips.fade > plan.clips.length:
        raise toml.error(("clips", "fade"), f"expected at most half of a clip, {plan.clips.length / 2:g} s")


def _needing(plan: Plan) -> str:
    return "the Turing test" if plan.design == "turing" else "control pairs"


def without(plan: Plan, names: list[str], path: Path) -> Plan:
    """Return a plan without some conditions, checked anew.

    Without human music, or without what it is set against, a study has no control pairs.
    """
    kept = tuple(condition for condition in plan.conditions if condition.name not in names)
    smaller = dataclasses.replace(plan, conditions=kept)
    if plan.controls and plan.design != "turing" and {HUMAN, plan.control} & {*names}:
        smaller = dataclasses.replace(smaller, control_share=0.0)
    try:
        _check(Toml(path), smaller)
    except FormatError as error:
        raise FormatError(f"{error} (left out, for their files are missing: {', '.join(names)})") from None
    return smaller
