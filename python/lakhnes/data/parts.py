"""A corpus that several machines make: a folder for the part of each, and how the parts become the corpus.

::

    DEST/parts/2-of-7/
        plan.json      what is made, of which inputs and with which options: the same in every part
        report.jsonl   an object for each input that is done, its texts being there
        melodies.bin   what songs are compared by, a row of bytes for each line that says so
        files.sha256   the hash of each of these files and texts, which the merge compares
        done.json      written last: the part is complete
        train/ …       the texts

A part that was interrupted goes on after the last line of its report. Everything that depends on the whole collection
(copies, versions of one song, splits) is left to the merge, which reads the reports alone and links the texts.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lakhnes.data.layout import staged_folder
from lakhnes.data.part_checks import check_end, check_files, check_line, check_plan, write_sums
from lakhnes.errors import FormatError, shown
from lakhnes.files import read_limited
from lakhnes.outputs import naming, write_bytes
from lakhnes.sharding import Shard

__all__ = ["PARTS", "Part", "Parts", "inputs_of", "link", "merging", "open_part", "part_folder"]

PARTS = "parts"
"""The folder of the parts, in that of the corpus. The merge removes it."""

PLAN, REPORT, MELODIES, DONE = "plan.json", "report.jsonl", "melodies.bin", "done.json"
MERGING = "merging"
"""Is there while a merge moves its files into the corpus: what is there then is its own."""

VERSION = 2
MAX_PLAN_BYTES = 2**20

Line = dict[str, Any]


def inputs_of(names: Iterable[str]) -> dict[str, Any]:
    """Return the number of all inputs and a hash of their names: machines that see other files are then refused."""
    digest, count = hashlib.sha256(), 0
    for name in names:
        count += 1
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
    return {"inputs": count, "inputs_sha256": digest.hexdigest()}


class Part:
    """The part of a corpus that one machine makes.

    Attributes
    ----------
    folder : Path
    lines : list of dict
        What is done, in the order in which it was; of a line that was written with a melody, `melody` gives it.
    before : int
        How many of these lines an earlier call has left.
    complete : bool
        Whether all of the part is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines, self._size = _read_report(folder / REPORT)
        self.before = len(self.lines)
        self.complete = (folder / DONE).is_file()

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Say what is made, of what, and how, as JSON has it.

        Raises
        ------
        FormatError
            If what is there of the part was made by another plan.
        """
        path = self.folder / PLAN
        written = json.loads(
            json.dumps({"format": "lakhnes-part", "version": VERSION, "part": self.folder.name, **plan})
        )
        if path.is_file():
            _refuse_other_plan(path, _read_plan(path), written)
            self.check(written)
        else:
            write_bytes(path, json.dumps(written, indent=1).encode() + b"\n")

    def check(self, plan: Mapping[str, Any]) -> None:
        """Refuse a report with a line that does not fit the plan.

        Raises
        ------
        FormatError
        """
        for number, line in enumerate(self.lines, 1):
            check_line(self.folder / REPORT, number, plan, line)

    def add(self, line: Line, melody: bytes | None = None) -> None:
        """Note that an input is done: its texts have been written."""
        if melody is not None:
            self._melodies.write(melody)
            self._melodies.flush()
            line = line | {"melody": [self._end, len(melody)]}
            self._end += len(melody)
        self._report.write(json.dumps(line).encode() + b"\n")
        self._report.flush()
        self.lines.append(line)

    def finish(self, inputs: Mapping[str, Any] | None = None) -> None:
        """Note that all inputs of the part are done, and by `inputs_of` which inputs all parts together have.

        Of a part that was complete before, the hashes stay: a file that has changed since is not taken for right.
        """
        if self.complete and len(self.lines) == self.before:
            return
        write_sums(self.folder, without=[DONE])
        write_bytes(self.folder / DONE, json.dumps(inputs or {}).encode() + b"\n")
        self.complete = True

    def melodies(self) -> Iterator[bytes | None]:
        """Give the melody of each line, or None."""
        path = self.folder / MELODIES
        with path.open("rb") if path.is_file() else contextlib.nullcontext() as file:
            for line in self.lines:
                at, size = line.get("melody") or (0, None)
                if size is None or file is None:
                    yield None
                    continue
                file.seek(at)
                yield file.read(size)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Part]:
        """Open the report at the end of its last whole line; a line that was cut off, and its melody, go."""
        self._end = max((sum(line["melody"]) for line in self.lines if line.get("melody")), default=0)
        with (self.folder / REPORT).open("ab") as self._report, (self.folder / MELODIES).open("ab") as self._melodies:
            _lock(self._report, self.folder)
            with naming(self.folder):
                self._report.truncate(self._size)
                self._melodies.truncate(self._end)
                yield self


@contextlib.contextmanager
def open_part(target: Path, shard: Shard, *, overwrite: bool = False, beside_texts: bool = False) -> Iterator[Part]:
    """Make the part of a corpus that is of a shard, or go on with it; `Part.begin` says what is made.

    Parameters
    ----------
    target
        The folder of the corpus.
    shard
    overwrite
        Whether to begin anew what is there of the part, and to go on although `target` holds other files.
    beside_texts
        Whether `target` may hold other files in any case: the texts that the shards are made of.

    Raises
    ------
    OSError
        If `target` holds something but parts and may not, or another process makes this part.
    """
    _refuse_other_files(target, overwrite or beside_texts)
    folder = part_folder(target, shard)
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    with Part(folder)._writing() as part:
        yield part


def part_folder(target: Path, shard: Shard) -> Path:
    """Return the folder of a part."""
    return target / PARTS / f"{shard.index}-of-{shard.count}"


class Parts:
    """All parts of a corpus, each of them complete.

    Attributes
    ----------
    plan : dict
        What `Part.begin` was given.
    inputs : dict
        What `Part.finish` was given.
    parts : list of Part
    """

    def __init__(self, target: Path) -> None:
        folders = _part_folders(target)
        counts = sorted({count for _, count, _ in folders})
        if len(counts) != 1:
            found = " and of ".join(map(str, counts[:8])) + (" …" if len(counts) > 8 else "")
            raise FormatError(f"{target / PARTS}: parts of {found}, expected those of one number")
        (count,) = counts
        there = {index: Part(folder) for index, _, folder in folders}
        missing = [index for index in range(count) if index not in there or not there[index].complete]
        if missing:
            first = ", ".join(f"{index}/{count}" for index in missing[:8]) + (" …" if len(missing) > 8 else "")
            raise FormatError(f"{target / PARTS}: {len(missing)} of {count} parts are not complete: --shard {first}")
        self.parts = [there[index] for index in range(count)]
        plans = [_read_plan(part.folder / PLAN) for part in self.parts]
        ends = [_read_json(part.folder / DONE) for part in self.parts]
        for part, plan, end in zip(self.parts, plans, ends, strict=True):
            if plan.get("part") != part.folder.name:
                raise FormatError(f"{part.folder / PLAN}: is of part {shown(plan.get('part'))}, not of this folder's")
            check_plan(part.folder / PLAN, plan)
            check_end(part.folder / DONE, plan["command"], end)
            _refuse_other_plan(part.folder / PLAN, plan, plans[0])
            _refuse_other_plan(part.folder / DONE, end, ends[0])
        for index, part in enumerate(self.parts):
            check_files(part.folder, f"--shard {index}/{count} --force makes it anew")
            part.check(plans[0])
        self.plan, self.inputs = plans[0], ends[0]
        self._refuse_other_inputs()

    def _refuse_other_inputs(self) -> None:
        """Refuse reports that have an input twice, or lack one."""
        if self.plan["command"] == "shard":  # whose lines are runs of songs
            return
        of: dict[int, Part] = {}
        for part in self.parts:
            for line in part.lines:
                if (other := of.setdefault(line["index"], part)) is not part:
                    raise FormatError(f"{part.folder / REPORT}: has {shown(line['path'])}, as {other.folder / REPORT}")
        count = self.plan.get("inputs", self.inputs.get("inputs", 0))
        if self.plan["command"] != "nsf" and len(of) != count:  # of NSF files, an index is a track
            raise FormatError(f"{self.parts[0].folder.parent}: reports of {len(of)} inputs, expected {count}")

    def lines(self) -> list[tuple[Line, Part, bytes | None]]:
        """Return the lines of all parts in the order of the inputs, each with its part and its melody."""
        rows = [
            (line, part, melody)
            for part in self.parts
            for line, melody in zip(part.lines, part.melodies(), strict=True)
        ]
        return sorted(rows, key=lambda row: int(row[0]["index"]))


@contextlib.contextmanager
def merging(target: Path, *, overwrite: bool = False) -> Iterator[tuple[Parts, Path]]:
    """Join the parts of a corpus: give them, and a folder whose files become those of the corpus at the end.

    The parts are removed when that is done; a merge that was interrupted is repeated.

    Raises
    ------
    FormatError
        If a part is missing, is not complete, or was made by another plan.
    OSError
        If `target` holds something but parts and `overwrite` is false.
    """
    marker = target / PARTS / MERGING
    parts = Parts(target)
    _refuse_other_files(target, overwrite or marker.exists() or parts.plan["command"] == "shard")
    with staged_folder(target, overwrite=True) as staging:
        staging.mkdir()
        yield parts, staging
        marker.touch()
    shutil.rmtree(target / PARTS)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _refuse_other_files(target: Path, overwrite: bool) -> None:
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(20, "is a file, expected a folder", str(target))
    if not overwrite and target.is_dir() and any(path.name != PARTS for path in target.iterdir()):
        raise FileExistsError(17, "holds something but parts (--force writes into it)", str(target))


def _refuse_other_plan(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    # The same files may have other paths on other machines; their names below it are compared.
    keys = {*found, *expected} - {"source", "part"}
    if differ := sorted(key for key in keys if found.get(key) != expected.get(key)):
        raise FormatError(f"{path}: made with other {', '.join(differ)}; expected the same, or --force to begin anew")


def _read_plan(path: Path) -> dict[str, Any]:
    plan = _read_json(path)
    if plan.get("version") != VERSION:
        raise FormatError(f"{path}: expected the plan of a part, version {VERSION}")
    return plan


def _read_json(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(read_limited(path, MAX_PLAN_BYTES))
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise FormatError(f"{path}: expected an object of JSON")
    return facts


def _read_report(path: Path) -> tuple[list[Line], int]:
    """Return the lines of a report, and the bytes up to the end of the last whole one."""
    if not path.is_file():
        return [], 0
    lines, size = [], 0
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith(b"\n"):  # cut off as it was written
                break
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                line = None
            if not isinstance(line, dict):
                raise FormatError(f"{path}: line {number} is no object of JSON; --force begins anew")
            lines.append(line)
            size += len(text)
    return lines, size


def _part_folders(target: Path) -> list[tuple[int, int, Path]]:
    """Return index, count and folder of each part that has a plan."""
    if not target.is_dir():
        number = errno.ENOTDIR if target.exists() else errno.ENOENT
        raise OSError(number, os.strerror(number), str(target))
    paths = (target / PARTS).iterdir() if (target / PARTS).is_dir() else ()
    found = []
    for path in paths:
        name = re.fullmatch(r"(0|[1-9][0-9]{0,6})-of-([1-9][0-9]{0,6})", path.name)
        if name and int(name[1]) < int(name[2]) and (path / PLAN).is_file():
            found.append((int(name[1]), int(name[2]), path))
    if not found:
        raise FormatError(f"{target}: no parts in it; the commands of `lakhnes data` make them with --shard I/N")
    return sorted(found)


def _lock(file: Any, folder: Path) -> None:
    """Keep other processes out of a part, where the system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(11, "another process is making this part", str(folder)) from None
    except OSError:  # a file system without locks
        return
