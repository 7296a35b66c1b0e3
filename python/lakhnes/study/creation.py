"""From a plan to the folder of a study: clips, their assignment, the texts of the page.

``plan.json`` says all of it: the options, where each clip comes from, who hears what. It can be published when the
study is over, and the server gives nothing of it away. ``texts.toml`` holds every word that a listener reads.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from lakhnes._native import __version__
from lakhnes.audio import write_audio
from lakhnes.data.layout import staged_folder
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.extras import load
from lakhnes.files import read_limited, suffix_of
from lakhnes.progress import Progress, no_progress
from lakhnes.study import headphones
from lakhnes.study.assignment import Item, assign, most_heard
from lakhnes.study.clips import Clip, excerpts, match_levels, write_clip
from lakhnes.study.draws import random_name, stream
from lakhnes.study.plan import Condition, Plan, without
from lakhnes.study.sources import Sources

__all__ = ["CLIPS", "PLAN", "TEXTS", "Study", "create"]

PLAN, CLIPS, TEXTS = "plan.json", "clips", "texts.toml"
FORMAT = "lakhnes listening study"
MAX_PLAN_BYTES = 256 * 2**20

DEFAULT_TEXTS = Path(__file__).with_name("page") / TEXTS


@dataclasses.dataclass(frozen=True)
class Study:
    """A study that was created.

    Attributes
    ----------
    folder : Path
    plan : Plan
    clips : dict of str to dict
        By name: ``condition``, ``song``, ``start``, ``duration``, ``gain_db``.
    headphones : list of dict
        ``clip`` and ``answer`` (1 to 3) of each trial of the headphone check.
    listeners : list of list of Item
    """

    folder: Path
    plan: Plan
    clips: dict[str, dict[str, Any]]
    headphones: list[dict[str, Any]]
    listeners: list[list[Item]]

    @classmethod
    def open(cls, folder: Path) -> Study:
        """Read the plan of a study's folder.

        Raises
        ------
        FormatError
            If it is not what `create` wrote.
        OSError
            If it cannot be read.
        """
        path = folder / PLAN
        try:
            facts = json.loads(read_limited(path, MAX_PLAN_BYTES))
            if facts["format"] != FORMAT or facts["version"] != 1:
                raise FormatError(f"{path}: version {facts['version']} of {facts['format']}, expected 1 of {FORMAT}")
            items = [[Item(tuple(item.pop("clips")), **item) for item in items] for items in facts["listeners"]]
            study = cls(folder, Plan.from_facts(facts["plan"]), facts["clips"], facts["headphones"], items)
            unknown = {clip for items in items for item in items for clip in item.clips} - study.clips.keys()
            if unknown:
                raise FormatError(f"{path}: clip {min(unknown)} is assigned, but is not one of the clips")
        except FormatError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise FormatError(f"{path}: no plan of a study ({type(error).__name__}: {error})") from None
        return study

    def file_of(self, clip: str) -> Path:
        """Return the file of a clip, or of a sound of the headphone check."""
        return self.folder / CLIPS / (clip + suffix_of(self.plan.clips.format))

    def condition_of(self, clip: str) -> str:
        """Return the condition of a clip."""
        condition: str = self.clips[clip]["condition"]
        return condition


def create(
    plan_file: Path,
    folder: Path,
    *,
    replaced: dict[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[Study, list[str]]:
    """Make the folder of a study.

    Parameters
    ----------
    plan_file : Path
    folder : Path
        It appears when all is made, or not at all.
    replaced : dict of str to str, optional
        Other folders, corpora or models for the conditions of these names.
    overwrite : bool
        Whether a study that is there may be replaced; its answers never are.
    progress
        Shows how far it is.

    Returns
    -------
    study : Study
    left_out : list of str
        The optional conditions whose files are missing.

    Raises
    ------
    LakhnesError
        If the plan is wrong, a source is missing, too few of its songs fit, or a package is not installed.
    OSError
        If something cannot be read or written.
    """
    load("pyloudnorm", "study")
    if any(folder.glob("answers.sqlite*")):
        raise LakhnesError(f"{folder}: holds answers already; expected a new folder")
    plan = Plan.read(plan_file)
    plan = dataclasses.replace(plan, conditions=_replaced(plan, replaced or {}))
    with Sources(plan_file.parent) as sources:
        left_out = [each.name for each in plan.conditions if each.optional and sources.is_missing(each)]
        if left_out:
            plan = without(plan, left_out, plan_file)
        _check_counts(plan, plan_file)
        clips: list[Clip] = []
        with progress("clips", plan.clips.count * len(plan.conditions)) as advance:
            for condition in plan.conditions:
                songs = sources.songs(condition, plan.seed)
                clips += excerpts(condition.name, songs, plan.clips, plan.seed, advance)
    reached = match_levels(clips, plan.clips.loudness)
    with staged_folder(folder, overwrite=overwrite) as staging:
        study = _write(plan, clips, reached, staging, folder)
    written = {study.file_of(name) for name in (*study.clips, *(check["clip"] for check in study.headphones))}
    for path in (folder / CLIPS).iterdir():
        if path not in written:  # of a study that was there before
            path.unlink()
    return study, left_out


def _write(plan: Plan, clips: list[Clip], reached: float, staging: Path, folder: Path) -> Study:
    (staging / CLIPS).mkdir(parents=True)
    clips.sort(key=lambda clip: clip.name)
    for clip in clips:
        write_clip(clip, staging / CLIPS, plan.clips)
    checks = _write_tones(plan, staging / CLIPS)
    by_condition = {name: [clip.name for clip in clips if clip.condition == name] for name in plan.names}
    listeners = assign(plan, by_condition)
    facts: dict[str, Any] = {
        "format": FORMAT, "version": 1, "lakhnes": __version__, "loudness": round(reached, 2), "plan": plan.facts(),
        "clips": {clip.name: clip.facts() for clip in clips}, "headphones": checks,
        "listeners": [[dataclasses.asdict(item) for item in items] for items in listeners],
    }  # fmt: skip
    (staging / PLAN).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(DEFAULT_TEXTS, staging / TEXTS)
    return Study(folder, plan, facts["clips"], checks, listeners)


def _write_tones(plan: Plan, folder: Path) -> list[dict[str, Any]]:
    if not plan.page.headphone_check:
        return []
    random = stream(plan.seed, "headphones")
    checks = []
    for quiet, opposite in headphones.trials(random):
        name = random_name(random)
        path = folder / (name + suffix_of(plan.clips.format))
        sound = headphones.tones(quiet, opposite, plan.clips.sample_rate)
        write_audio(path, sound, plan.clips.sample_rate, format=plan.clips.format)
        checks.append({"clip": name, "answer": quiet + 1})
    return checks


def _replaced(plan: Plan, replaced: dict[str, str]) -> tuple[Condition, ...]:
    """Give conditions another folder, corpus or model."""
    for name in replaced:
        if name not in plan.names:
            raise LakhnesError(f"no condition {name}; expected one of {', '.join(plan.names)}")
    conditions = []
    for condition in plan.conditions:
        if path := replaced.get(condition.name):
            key = "folder" if condition.folder else "corpus" if condition.corpus else "model"
            given = path if path == "bundled" else str(Path(path).absolute()) if Path(path).exists() else path
            changes: dict[str, Any] = {key: given}
            condition = dataclasses.replace(condition, **changes)
        conditions.append(condition)
    return tuple(conditions)


def _check_counts(plan: Plan, plan_file: Path) -> None:
    needed = most_heard(plan)
    name = max(needed, key=lambda each: needed[each])
    if needed[name] > plan.clips.count:
        raise FormatError(
            f"{plan_file}: clips.count: is {plan.clips.count}, but a listener hears up to {needed[name]} clips of"
            f" {name}; expected as many at least, for no clip comes twice"
        )
