"""The steps of adapting a collection: what depends on a file alone, and what depends on all of them.

One process, the shards of `--shard` and the tasks of a Dask cluster do the first step in parts; the second step is done
once, from what became of each file.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

from lakhnes import _native
from lakhnes.cluster import DEADLY, Cluster
from lakhnes.data.layout import text_name
from lakhnes.data.melodies import HeldOut
from lakhnes.data.midi_files import MidiFile
from lakhnes.data.report import Report
from lakhnes.data.splitting import assign_splits
from lakhnes.errors import FormatError
from lakhnes.remote import at_once

__all__ = [
    "POLYPHONIC",
    "POLYPHONIC_HINT",
    "REPORT",
    "AdaptReport",
    "Outcome",
    "Place",
    "adapt_on",
    "adapt_some",
    "join",
    "summary",
]

REPORT = "adapted.jsonl"
"""The file of a corpus that says what became of each MIDI file, a line of JSON for each."""

POLYPHONIC = "too few monophonic instruments"
"""Why a file is left out whose instruments play chords."""

POLYPHONIC_HINT = "--arrange makes a song of such a file, --overlap 30 cuts notes off that overlap a little"

COPY = "copy of another file"
LIKE_HELD_OUT = "like a held-out song"

Outcome: TypeAlias = dict[str, Any]
"""What became of a file, see `_native.adapt_files`; but ``like`` has the name of the held-out song."""

Place: TypeAlias = Callable[[int, "str | None", list[str]], None]
"""Called with the number of a file, the split that its songs are of (None for none), and the names of their texts."""


@dataclasses.dataclass
class AdaptReport(Report):
    """What became of a collection.

    Attributes
    ----------
    files : int
        MIDI files found.
    used : int
        Those that gave songs.
    songs, seconds : Counter
        Songs, and their length in seconds, by split.
    events : Counter
        Events of the written texts, by format.
    trimmed : int
        Notes that were cut off where the next one begins.
    arranged : int
        Files that were arranged, a song of each.
    dropped_files, dropped_instruments : Counter
        How many files gave no songs, and how many instruments are in none, by reason.
    failed : list of (path, message)
        The files that could not be read.
    """

    files: int = 0
    used: int = 0
    songs: Counter[str] = dataclasses.field(default_factory=Counter)
    seconds: Counter[str] = dataclasses.field(default_factory=Counter)
    events: Counter[str] = dataclasses.field(default_factory=Counter)
    trimmed: int = 0
    arranged: int = 0
    dropped_files: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped_instruments: Counter[str] = dataclasses.field(default_factory=Counter)
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def adapt_some(
    files: Sequence[MidiFile],
    folder: Path,
    plan: dict[str, Any],
    note: Callable[[int, Outcome], object],
    *,
    held_out: HeldOut | None,
    jobs: int = 0,
) -> None:
    """Do what depends on each file alone: write its songs into a folder, and note by its number what became of it."""

    def named(first: int, number: int, facts: Outcome) -> None:
        if held_out is not None and facts["like"]:
            song, share = facts["like"]
            facts["like"] = (held_out.names[song], share)
        note(first + number, facts)

    index = held_out.index if held_out is not None else None
    melodies = plan["valid"] > 0 or plan["test"] > 0
    for first, rows in _staged(files):
        _native.adapt_files(
            rows, folder, plan["formats"], partial(named, first),
            threads=jobs, exclude=index, melodies=melodies, **plan["how"],
        )  # fmt: skip


STAGED = 1024
"""Files behind an address that are on this machine at the same time."""


def _staged(files: Sequence[MidiFile]) -> Iterator[tuple[int, list[tuple[Path, str]]]]:
    """Give files as paths of this machine and their names, in runs, each with the number of its first file."""
    if not any(file.remote for file in files):
        yield 0, [(file.path, file.name) for file in files]
        return
    for first in range(0, len(files), STAGED):
        with tempfile.TemporaryDirectory() as folder:
            here = [(file, Path(folder) / f"{number}.mid") for number, file in enumerate(files[first : first + STAGED])]
            for error in at_once(_fetch, here):
                if isinstance(error, Exception):
                    raise error
            yield first, [(path, file.name) for file, path in here]


def _fetch(row: tuple[MidiFile, Path]) -> None:
    file, path = row
    if file.remote is not None:
        file.remote.fetch(file.place, path)


def _texts(name: str, facts: Outcome, formats: list[str]) -> list[str]:
    return [
        text_name(f"{name}_{number:03}", format_name) for number in range(facts["songs"]) for format_name in formats
    ]


def adapt_on(
    cluster: Cluster,
    files: Sequence[MidiFile],
    folder: Path,
    plan: dict[str, Any],
    note: Callable[[int, Outcome], object],
) -> None:
    """Do what `adapt_some` does on the workers of a cluster, which have the same files as this machine."""
    places = [str(Path(place).absolute()) for place in plan["held_out"]]
    work = partial(_adapt_task, folder=folder.absolute(), plan=plan | {"held_out": places})
    pieces = [(number, file._replace(path=file.path.absolute())) for number, file in enumerate(files)]
    for task, outcomes in cluster.map(work, pieces):
        for (number, _), facts in zip(task, outcomes or [_deadly(plan)] * len(task), strict=True):
            note(number, facts)


def _adapt_task(task: list[tuple[int, MidiFile]], folder: Path, plan: dict[str, Any]) -> list[Outcome]:
    outcomes: list[Outcome] = [{}] * len(task)
    held_out = _held_out(tuple(plan["held_out"]))
    adapt_some([file for _, file in task], folder, plan, outcomes.__setitem__, held_out=held_out, jobs=1)
    return outcomes


_held_out = lru_cache(maxsize=1)(HeldOut.of)
"""Read once by each worker."""


def _deadly(plan: dict[str, Any]) -> Outcome:
    """Return what became of a file that no worker survives."""
    counts = {"songs": 0, "seconds": 0.0, "events": [0] * len(plan["formats"]), "trimmed": 0, "arranged": False}
    return counts | {
        "reason": "unreadable", "detail": DEADLY, "like": None, "digest": None, "dropped": [], "melody": None,
    }  # fmt: skip


def join(
    files: list[MidiFile], outcomes: list[Outcome], plan: dict[str, Any], folder: Path, place: Place
) -> AdaptReport:
    """Do what depends on all files: leave out copies, keep versions of one piece in one split, write the report."""
    formats, seed, valid, test = plan["formats"], plan["how"]["seed"], plan["valid"], plan["test"]
    melodies = [facts.pop("melody", None) for facts in outcomes]
    groups = _native.group_melodies(melodies) if valid > 0 or test > 0 else [None] * len(files)
    seen: set[int] = set()
    for number, (file, facts) in enumerate(zip(files, outcomes, strict=True)):
        if not facts["songs"]:
            continue
        if facts["digest"] in seen:  # the first of files with the same bytes stays
            place(number, None, _texts(file.name, facts, formats))
            facts.update(songs=0, seconds=0.0, events=[0] * len(formats), reason=COPY)
        seen.add(facts["digest"])
    used = [group if facts["songs"] else None for facts, group in zip(outcomes, groups, strict=True)]
    splits = assign_splits([str(facts["digest"]) for facts in outcomes], used, seed, valid=valid, test=test)
    for number, (file, facts, split) in enumerate(zip(files, outcomes, splits, strict=True)):
        if facts["songs"]:
            place(number, split, _texts(file.name, facts, formats))
    report = summary(files, outcomes, splits, formats)
    if not report.used:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped_files.most_common())
        hint = f"; {POLYPHONIC_HINT}" if report.dropped_files[POLYPHONIC] and not plan["how"]["arrange"] else ""
        raise FormatError(f"{plan['source']}: none of the {report.files} MIDI files gives a song ({reasons}){hint}")
    lines = (_line(*row) for row in zip(files, outcomes, splits, strict=True))
    (folder / REPORT).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return report


def summary(files: list[MidiFile], outcomes: list[Outcome], splits: list[str], formats: list[str]) -> AdaptReport:
    """Count what became of the files."""
    report = AdaptReport(files=len(files))
    for file, facts, split in zip(files, outcomes, splits, strict=True):
        report.trimmed += facts["trimmed"]
        report.arranged += bool(facts["arranged"] and facts["songs"])
        report.dropped_instruments.update(reason for *_, reason in facts["dropped"])
        if facts["songs"]:
            report.used += 1
            report.songs[split] += facts["songs"]
            report.seconds[split] += facts["seconds"]
            report.events.update(dict(zip(formats, facts["events"], strict=True)))
            continue
        report.dropped_files[_reason(facts)] += 1
        if facts["reason"] == "unreadable":
            report.failed.append((file.place, f"{file.place}: {facts['detail']}"))
    return report


def _reason(facts: Outcome) -> str:
    return LIKE_HELD_OUT if facts["like"] else str(facts["reason"])


def _line(file: MidiFile, facts: Outcome, split: str) -> str:
    """Return, as a line of JSON, what became of a file."""
    line: dict[str, Any] = {"path": file.place}
    if facts["songs"]:
        line |= {"name": file.name, "split": split, "songs": facts["songs"], "seconds": round(facts["seconds"], 3)}
        if facts["arranged"]:
            line |= {"arranged": True}
    else:
        line |= {"reason": _reason(facts)}
        if facts["reason"] == "unreadable":
            line["detail"] = facts["detail"]
        if facts["like"]:
            song, share = facts["like"]
            line |= {"like": song, "share": round(share, 3)}
    line["dropped_instruments"] = [
        {"track": track, "channel": channel + 1, "program": program + 1, "reason": reason}
        for track, channel, program, reason in facts["dropped"]
    ]
    return json.dumps(line)
