"""Any collection of MIDI files as a corpus of TX1 and TX2 texts, as LakhNES adapts the Lakh MIDI dataset.

Which files, instruments and notes are kept, and how instruments become voices, is in ``rust/tokenizer/src/adapt``.
Here: the report of what became of each file, copies and versions of held-out songs left out, and splits in which
versions of one piece stay together.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lakhnes import _native
from lakhnes.data.layout import PUBLISHED, TEXTS, staged_folder, text_name
from lakhnes.data.midi_files import MidiFile, find_midi_files
from lakhnes.data.report import Report
from lakhnes.data.splitting import assign_splits
from lakhnes.errors import FormatError
from lakhnes.files import SCORES, base_name, format_of, known_format

__all__ = ["POLYPHONIC", "POLYPHONIC_HINT", "REPORT", "AdaptReport", "MelodyIndex", "adapt", "index_melodies"]

REPORT = "adapted.jsonl"
"""The file of a corpus that says what became of each MIDI file, a line of JSON for each."""

MelodyIndex = _native.MelodyIndex

POLYPHONIC = "too few monophonic instruments"
"""Why a file is left out whose instruments play chords."""

POLYPHONIC_HINT = "--arrange makes a song of such a file, --overlap 30 cuts notes off that overlap a little"

COPY = "copy of another file"
LIKE_HELD_OUT = "like a held-out song"


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


def adapt(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    seed: int = 0,
    jobs: int = 0,
    valid: float = 0.05,
    test: float = 0.0,
    overlap: float = 0.0,
    exclude_like: Sequence[str | os.PathLike[str]] = (),
    min_instruments: int = 1,
    min_seconds: float = 5.0,
    max_seconds: float = 600.0,
    max_examples: int = 16,
    max_song_seconds: float = 180.0,
    drums: bool = True,
    arrange: bool = False,
    overwrite: bool = False,
    finished: Callable[[int], object] = lambda files: None,
) -> AdaptReport:
    """Turn a folder of MIDI files into a corpus.

    Every song has up to three instruments of a file, which play one note at a time, on P1, P2 and TR, and its drums on
    NO. A file gives up to `max_examples` songs, other instruments on other voices. The result depends on the files
    (their bytes and their paths below `source`), the options and the seed; not on `jobs`.

    Parameters
    ----------
    source
        A folder, searched with its subfolders for ``.mid`` and ``.midi``, or one such file.
    target
        The folder of the corpus: ``train/ valid/ test/`` with ``NAME_000.tx1.txt`` …, and `REPORT`. It appears when all
        is done, or not at all.
    to
        Which texts to write: any of ``"tx1"``, ``"tx2"`` and ``"tx3"``.
    seed
        On what all choices depend.
    jobs
        How many files at once; 0 stands for one a core.
    valid, test
        Shares of the files, from 0 to 1, whose songs form these splits. Files that are versions of the same music (see
        `MelodyIndex`) stay in one split.
    overlap
        By how many milliseconds a note may reach into the next one; it is then cut off there. With 0 an instrument one
        of whose notes does so is left out, as in LakhNES.
    exclude_like
        Folders or files of songs that are held out: a MIDI file that is a version of one of them is left out.
    min_instruments
        The fewest instruments that play one note at a time.
    min_seconds, max_seconds
        The shortest and the longest file.
    max_examples
        The most songs of a file.
    max_song_seconds
        The longest song; notes that end later are left out.
    drums
        Whether drums play the noise.
    arrange
        Whether a file with too few instruments that play one note at a time, as a piano piece, gives one song by
        `Song.arrange` instead of none.
    overwrite
        Whether songs may be written into a folder that holds something.
    finished
        Called with the number of files that have been finished since the last call.

    Returns
    -------
    AdaptReport

    Raises
    ------
    FormatError
        If there are no MIDI files, or none gives a song, or a held-out song cannot be read.
    ValueError
        If an option is out of its range.
    OSError
        If something cannot be read or written, or `target` holds something and `overwrite` is false.
    """
    if not (0 <= valid <= 1 and 0 <= test <= 1 and valid + test <= 1):
        raise ValueError(
            f"valid, test: expected shares of 0 to 1 that are not more than 1 together, found {valid}, {test}"
        )
    if max_examples < 1 or min_instruments < 1:
        raise ValueError("max_examples, min_instruments: expected 1 or more")
    formats = [name for name in TEXTS if name in set(to)]
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        files = find_midi_files(Path(source))
        if not files:
            raise FormatError(f"{source}: no MIDI files (.mid, .midi) in it")
        held_out, index = index_melodies(exclude_like, jobs=jobs) if exclude_like else ([], None)
        outcomes: list[dict[str, Any]] = [{}] * len(files)

        def note(place: int, facts: dict[str, Any]) -> None:
            outcomes[place] = facts
            finished(1)

        train = staging / "train"
        train.mkdir(parents=True)
        groups = _native.adapt_files(
            [(file.path, file.name) for file in files],
            train,
            formats,
            note,
            threads=jobs,
            seed=seed,
            min_instruments=min_instruments,
            min_seconds=min_seconds,
            max_seconds=max_seconds,
            overlap=overlap / 1000,
            max_examples=max_examples,
            max_song_seconds=max_song_seconds,
            drums=drums,
            arrange=arrange,
            exclude=index,
            group=valid > 0 or test > 0,
        )
        _drop_copies(files, outcomes, train, formats)
        used = [group if facts["songs"] else None for facts, group in zip(outcomes, groups, strict=True)]
        splits = assign_splits([str(facts["digest"]) for facts in outcomes], used, seed, valid=valid, test=test)
        for file, facts, split in zip(files, outcomes, splits, strict=True):
            if facts["songs"] and split != "train":
                _move(train, staging / split, _texts(file.name, facts, formats))
        report = _summary(files, outcomes, splits, formats)
        if not report.used:
            reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped_files.most_common())
            hint = f"; {POLYPHONIC_HINT}" if report.dropped_files[POLYPHONIC] and not arrange else ""
            raise FormatError(f"{source}: none of the {report.files} MIDI files gives a song ({reasons}){hint}")
        lines = (_line(*row, held_out) for row in zip(files, outcomes, splits, strict=True))
        (staging / REPORT).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return report


def index_melodies(places: Sequence[str | os.PathLike[str]], *, jobs: int = 0) -> tuple[list[str], _native.MelodyIndex]:
    """Index the melodies of all songs in some folders (searched with their subfolders) or files.

    Returns
    -------
    names : list of str
        The songs, by their number in the index. Of a song in several formats one is taken.
    index : MelodyIndex

    Raises
    ------
    FormatError
        If there is no song, or one cannot be read.
    FileNotFoundError
        If one of `places` does not exist.
    """
    songs: dict[Path, tuple[Path, str]] = {}
    for place in map(Path, places):
        if not place.exists():
            raise FileNotFoundError(2, "there is no such file or folder", str(place))
        files = [place]
        if place.is_dir():
            found = (path for path in sorted(place.rglob("*")) if path.is_file() and not path.name.startswith("."))
            files = [path for path in found if known_format(path, SCORES)]
        for path in files:
            songs.setdefault(path.with_name(base_name(path)), (path, format_of(path, SCORES)))
    if not songs:
        raise FormatError(f"{', '.join(map(str, places))}: no song there; expected texts, MIDI files or scores")
    return [str(path) for path, _ in songs.values()], MelodyIndex(list(songs.values()), threads=jobs)


def _texts(name: str, facts: dict[str, Any], formats: list[str]) -> list[str]:
    return [
        text_name(f"{name}_{number:03}", format_name) for number in range(facts["songs"]) for format_name in formats
    ]


def _move(source: Path, target: Path, names: list[str]) -> None:
    target.mkdir(exist_ok=True)
    for name in names:
        (source / name).rename(target / name)


def _drop_copies(files: list[MidiFile], outcomes: list[dict[str, Any]], folder: Path, formats: list[str]) -> None:
    """Keep the first of files with the same bytes."""
    seen: set[int] = set()
    for file, facts in zip(files, outcomes, strict=True):
        if not facts["songs"]:
            continue
        if facts["digest"] in seen:
            for text in _texts(file.name, facts, formats):
                (folder / text).unlink()
            facts.update(songs=0, seconds=0.0, events=[0] * len(formats), reason=COPY)
        seen.add(facts["digest"])


def _summary(
    files: list[MidiFile], outcomes: list[dict[str, Any]], splits: list[str], formats: list[str]
) -> AdaptReport:
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


def _reason(facts: dict[str, Any]) -> str:
    return LIKE_HELD_OUT if facts["like"] else str(facts["reason"])


def _line(file: MidiFile, facts: dict[str, Any], split: str, held_out: list[str]) -> str:
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
            line |= {"like": held_out[song], "share": round(share, 3)}
    line["dropped_instruments"] = [
        {"track": track, "channel": channel + 1, "program": program + 1, "reason": reason}
        for track, channel, program, reason in facts["dropped"]
    ]
    return json.dumps(line)
