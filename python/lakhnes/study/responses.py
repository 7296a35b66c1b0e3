"""Answers in one form for the analysis, from a study of ours or from the files of LakhNES's user study."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lakhnes.errors import FormatError
from lakhnes.files import read_limited
from lakhnes.study.creation import Study
from lakhnes.study.plan import HUMAN, Exclusion, Plan
from lakhnes.study.steps import Steps
from lakhnes.study.store import ANSWERS, Store
from lakhnes.study.texts import Texts

__all__ = ["Listener", "Response", "Responses", "from_study", "from_turk"]

TURK_HUMAN, TURK_CONTROL = "real_data", "control"
"""The names of these conditions in LakhNES's key of clips."""

TURK_QUESTIONS = ("musical_expertise", "chiptune_expertise")


@dataclasses.dataclass(frozen=True)
class Response:
    """One answer.

    Attributes
    ----------
    listener : str
    position : int
        Its place among the listener's answers, from 1; controls counted.
    conditions, clips : tuple of str
        Of the clips A and B, or of the one that was rated.
    choice : int
        1 for A, 2 for B; or the rating.
    control : bool
    seconds : float or None
        From the first sound of the step to the answer.
    """

    listener: str
    position: int
    conditions: tuple[str, ...]
    clips: tuple[str, ...]
    choice: int
    control: bool
    seconds: float | None = None

    @property
    def chosen(self) -> str:
        """The condition that was chosen; of a rating the condition itself."""
        return self.conditions[self.choice - 1] if len(self.conditions) == 2 else self.conditions[0]

    @property
    def right(self) -> bool:
        """Whether the human clip was chosen."""
        return self.chosen == HUMAN


@dataclasses.dataclass(frozen=True)
class Listener:
    """One listener.

    Attributes
    ----------
    id : str
    questions : dict of str to int
        Option numbers, from 1.
    headphones : int or None
        Right answers of the headphone check.
    code : str
        The completion code of who finished; empty else.
    """

    id: str
    questions: dict[str, int]
    headphones: int | None = None
    code: str = ""


@dataclasses.dataclass(frozen=True)
class Responses:
    """All answers of a study.

    Attributes
    ----------
    title, design : str
    conditions : tuple of str
        That were asked about, and that of the controls.
    control : str
    exclusion : Exclusion
    listeners : list of Listener
    responses : list of Response
        Without practice.
    plan : Plan or None
        Where the study is one of ours.
    """

    title: str
    design: str
    conditions: tuple[str, ...]
    control: str
    exclusion: Exclusion
    listeners: list[Listener]
    responses: list[Response]
    plan: Plan | None = None


def from_study(folder: Path) -> Responses:
    """Read the answers of a study.

    Raises
    ------
    LakhnesError
        If a file is damaged or nobody has answered.
    OSError
        If a file is missing.
    """
    study = Study.open(folder)
    texts = Texts.read(folder / "texts.toml")
    if not (folder / ANSWERS).exists():
        raise FormatError(f"{folder / ANSWERS}: no such file; nobody has opened a page of this study yet")
    store = Store(folder / ANSWERS, reads=True)
    try:
        listeners, answers = store.listeners(), store.answers()
    finally:
        store.close()
    by_listener: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in listeners}
    for answer in answers:
        by_listener[answer["listener"]].append(answer)
    people, responses = [], []
    for row in listeners:
        steps = Steps(study, texts, row["slot"])
        given = by_listener[row["id"]]
        people.append(_listener(row, steps, given))
        responses += _responses(row["id"], study, steps, given)
    plan = study.plan
    return Responses(
        plan.title, plan.design, plan.names, plan.control if plan.controls else "", plan.exclusion, people, responses,
        plan,
    )  # fmt: skip


def _listener(row: dict[str, Any], steps: Steps, given: list[dict[str, Any]]) -> Listener:
    questions: dict[str, int] = {}
    checks = []
    for answer in given:
        kind, what = steps.steps[answer["step"]]
        if kind == "questions":
            questions = answer["value"]
        elif kind == "headphones":
            checks.append(answer["value"] == what["answer"])
    finished = len(given) == len(steps)
    return Listener(row["id"], questions, sum(checks) if checks else None, row["code"] if finished else "")


def _responses(listener: str, study: Study, steps: Steps, given: list[dict[str, Any]]) -> list[Response]:
    made: list[Response] = []
    for answer in given:
        kind, item = steps.steps[answer["step"]]
        if kind == "pair":
            seconds = None if answer["shown"] is None else round(answer["at"] - answer["shown"], 2)
            conditions = tuple(map(study.condition_of, item.clips))
            made.append(
                Response(listener, len(made) + 1, conditions, item.clips, answer["value"], item.control, seconds)
            )
    return made


def from_turk(key: Path, results: Sequence[Path], design: str, skip: Sequence[str] = ()) -> Responses:
    """Read answers in the layout of LakhNES's user study.

    Parameters
    ----------
    key : Path
        ``key.csv`` of its clips, without a header: name, condition, song.
    results : sequence of Path
        What Mechanical Turk gives: ``WorkerId``, ``Answer.musical_expertise``, ``Answer.chiptune_expertise``, and for
        each pair I from 0 ``Input.pair_I_clip_a_url``, ``Input.pair_I_clip_b_url``, ``Answer.pair_I_pref`` (``A`` or
        ``B``). A clip is named by the last part of its address.
    design : {"turing", "preference"}
    skip : sequence of str
        Conditions whose pairs are left out, as its analysis does with ``txl_scratch_noaug``.

    Returns
    -------
    Responses
        Its ``real_data`` is called ``human``.

    Raises
    ------
    FormatError
        If a column is missing or a value is not allowed there; the message names file and line.
    OSError
        If a file cannot be read.
    """
    conditions = _turk_key(key)
    people: dict[str, Listener] = {}
    responses: list[Response] = []
    counts: dict[str, int] = {}
    for path in results:
        reader = csv.DictReader(io.StringIO(_decoded(path), newline=""))
        for row in reader:
            line = reader.line_num
            worker = _cell(row, "WorkerId", path, line)
            people[worker] = Listener(worker, {name: _expertise(row, name, path, line) for name in TURK_QUESTIONS})
            index = 0
            while row.get(f"Input.pair_{index}_clip_a_url"):
                clips = tuple(_turk_clip(row, index, side, path, line) for side in "ab")
                found = tuple(conditions.get(clip, "") for clip in clips)
                if not all(found):
                    raise FormatError(f"{path}: line {line}: pair {index}: a clip that {key} does not have")
                choice = _cell(row, f"Answer.pair_{index}_pref", path, line)
                if choice not in ("A", "B"):
                    raise FormatError(f"{path}: line {line}: Answer.pair_{index}_pref: {choice!r}, expected A or B")
                index += 1
                if set(found) & set(skip):
                    continue
                control = TURK_CONTROL in found
                if HUMAN not in found and (control or design == "turing"):
                    raise FormatError(f"{path}: line {line}: pair {index - 1}: neither clip is of {TURK_HUMAN}")
                counts[worker] = counts.get(worker, 0) + 1
                responses.append(Response(worker, counts[worker], found, clips, " AB".index(choice), control))
    if not responses:
        raise FormatError(f"{results[0]}: no answers; expected columns Input.pair_0_clip_a_url and so on")
    names = tuple(name for name in dict.fromkeys(conditions.values()) if name not in skip)
    title = ", ".join(path.name for path in results)
    exclusion = Exclusion.of_the_paper(design)
    return Responses(title, design, names, TURK_CONTROL, exclusion, list(people.values()), responses)


def _decoded(path: Path) -> str:
    try:
        return read_limited(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"{path}: not UTF-8, expected comma-separated values") from None


def _turk_key(path: Path) -> dict[str, str]:
    found = {}
    for number, cells in enumerate(csv.reader(io.StringIO(_decoded(path), newline="")), 1):
        if not cells:
            continue
        if len(cells) != 3 or not all(cells[:2]):
            raise FormatError(f"{path}: line {number}: {len(cells)} cells, expected 3: clip, condition, song")
        found[cells[0]] = HUMAN if cells[1] == TURK_HUMAN else cells[1]
    return found


def _cell(row: dict[str, Any], name: str, path: Path, line: int) -> str:
    value = row.get(name)
    if not value:
        raise FormatError(f"{path}: line {line}: no {name}")
    return str(value)


def _expertise(row: dict[str, Any], name: str, path: Path, line: int) -> int:
    value = _cell(row, f"Answer.{name}", path, line)
    if not value.isdecimal():
        raise FormatError(f"{path}: line {line}: Answer.{name}: {value!r}, expected a whole number")
    return int(value)


def _turk_clip(row: dict[str, Any], index: int, side: str, path: Path, line: int) -> str:
    address = _cell(row, f"Input.pair_{index}_clip_{side}_url", path, line)
    return address.rsplit("/", 1)[-1].split(".")[0]
