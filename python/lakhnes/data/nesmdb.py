"""The NES Music Database (Donahue, Mao, McAuley, ISMIR 2018) as a corpus of TX1 and TX2 texts.

The database is published as archives, one a format, whose paths say the split and the song:
``nesmdb_vgm/train/NAME.vgm``, ``nesmdb_midi/train/NAME.mid``, ``nesmdb24_exprsco/valid/NAME.exprsco.pkl``,
``nesmdb_tx1/test/NAME.tx1.txt``.
An archive is read as a stream; nothing of it is unpacked, and only the split and the last part of a song's path become
a name.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lakhnes.archives import files_in, is_usable
from lakhnes.cluster import Cluster
from lakhnes.data.converting import Convert, Song, converter, song_batches
from lakhnes.data.layout import PUBLISHED, SPLITS, TEXTS, staged_folder, text_name
from lakhnes.data.parts import Part, Parts, inputs_of, link, open_part
from lakhnes.errors import FormatError
from lakhnes.files import MAX_INPUT_BYTES, PLAYABLE, base_name, known_format, one_line
from lakhnes.sharding import Shard

__all__ = ["CorpusReport", "convert_nesmdb", "count_songs", "merge_nesmdb"]


@dataclass
class CorpusReport:
    """What became of a database.

    Attributes
    ----------
    songs
        How many songs of each split were written.
    events
        How many events the written texts of each format have.
    failed
        The songs that could not be read, each with the line that says why.
    """

    songs: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Entry:
    """A song of the database: where it stands, what it becomes, its bytes until it is read, and what became of it."""

    index: int
    place: str
    split: str
    name: str
    format: str
    data: bytes = b""
    error: str | None = None
    events: list[int] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """Return what the report of a part says of it."""
        facts: dict[str, Any] = {"index": self.index, "path": self.place, "split": self.split, "name": self.name}
        return facts | ({"events": self.events} if self.error is None else {"error": self.error})


def convert_nesmdb(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    threads: int = 0,
    overwrite: bool = False,
    exact: bool = False,
    score_rate: float | None = None,
    shard: Shard | None = None,
    shards: bool = False,
    cluster: Cluster | None = None,
    finished: Callable[[int], object] = lambda songs: None,
) -> CorpusReport:
    """Turn NES-MDB into a folder of TX1 and TX2 texts, its splits kept.

    Parameters
    ----------
    source
        A folder, or an archive (``.zip``, ``.tar.gz``, ``.tar.xz``, ``.tar.bz2``, ``.tar``), of any published form:
        VGM, MIDI, expressive, separated and blended scores, disassemblies, TX1, TX2.
    target
        The folder of the corpus: ``train/ valid/ test/`` with ``NAME.tx1.txt`` and ``NAME.tx2.txt``. It appears when
        all is done, or not at all.
    to
        Which texts to write: any of ``"tx1"``, ``"tx2"`` and ``"tx3"``.
    threads
        How many songs at once; 0 stands for one a core.
    overwrite
        Whether songs may be written into a folder that holds something, replacing those of the same name.
    exact
        Whether register writes are transcribed true to the chip instead of as NES-MDB does.
    score_rate
        Frames a second of the expressive scores to which songs are reduced first; NES-MDB publishes such scores at
        24 Hz. Songs keep every sample if ``None``.
    shard
        Only the songs of this shard, by a hash of their paths in `source`, into ``target/parts``. A part that was
        interrupted goes on with the songs that are missing; `merge_nesmdb` joins all parts.
    shards
        Of a shard: whether the merge writes memory-mapped shards beside the texts.
    cluster
        Workers that convert the songs instead of this machine, which reads them and writes the texts.
    finished
        Called with the number of songs of each batch as it is done.

    Returns
    -------
    CorpusReport
        A song that cannot be read stands in its `failed`; the others are written.

    Raises
    ------
    FormatError
        If the source is no archive, is cut off, or holds no song in a folder of a split.
    OSError
        If something cannot be read or written, or `target` holds something and `overwrite` is false.
    """
    formats = [name for name in TEXTS if name in set(to)]
    convert = converter(formats, threads=threads, cluster=cluster, exact=exact, score_rate=score_rate)
    if shard is not None:
        plan = {"command": "nesmdb", "source": str(source), "formats": formats, "shards": shards}
        plan |= {"how": {"exact": exact, "score_rate": score_rate}}
        with open_part(Path(target), shard, overwrite=overwrite) as part:
            return _convert_part(part, shard, Path(source), plan, convert, cluster, finished)
    entries: list[_Entry] = []
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        for batch in song_batches(_read(_entries(Path(source), entries)), lambda entry: len(entry.data), cluster):
            _convert(batch, staging, formats, convert)
            finished(len(batch))
        if not entries:
            raise FormatError(f"{source}: no songs in folders named {', '.join(SPLITS)}")
    return _report((entry.line() for entry in entries), formats)


def count_songs(source: str | os.PathLike[str]) -> int | None:
    """Return how many songs of a folder `convert_nesmdb` converts; None of an archive, which is read only once."""
    return sum(1 for _ in _entries(Path(source), [])) if Path(source).is_dir() else None


def merge_nesmdb(parts: Parts, staging: Path) -> CorpusReport:
    """Make of the parts of a database what `convert_nesmdb` makes of it; see `lakhnes.data.parts.merging`."""
    formats = parts.plan["formats"]
    rows = parts.lines()
    for line, part, _ in rows:
        if "error" not in line:
            (staging / line["split"]).mkdir(exist_ok=True)
            for name in (text_name(line["name"], each) for each in formats):
                link(part.folder / line["split"] / name, staging / line["split"] / name)
    return _report((line for line, *_ in rows), formats)


def _convert_part(
    part: Part,
    shard: Shard,
    source: Path,
    plan: dict[str, Any],
    convert: Convert,
    cluster: Cluster | None,
    finished: Callable[[int], object],
) -> CorpusReport:
    part.begin(plan)
    done = {line["index"]: line["path"] for line in part.lines}
    entries: list[_Entry] = []
    inside = source.name + "/" if source.is_dir() else ""

    def mine(entry: _Entry) -> bool:
        if done.get(entry.index, entry.place) != entry.place:
            raise FormatError(f"{part.folder}: made of other songs than {source} has; --force begins anew")
        return entry.index not in done and shard.holds(entry.place.removeprefix(inside))

    for batch in song_batches(_read(_entries(source, entries), mine), lambda entry: len(entry.data), cluster):
        _convert(batch, part.folder, plan["formats"], convert)
        for entry in batch:
            part.add(entry.line())
        finished(len(batch))
    if not entries:
        raise FormatError(f"{source}: no songs in folders named {', '.join(SPLITS)}")
    part.finish(inputs_of(entry.place.removeprefix(inside) for entry in entries))
    return _report(sorted(part.lines, key=lambda line: int(line["index"])), plan["formats"])


def _report(lines: Iterable[dict[str, Any]], formats: list[str]) -> CorpusReport:
    """Count what became of songs."""
    report = CorpusReport()
    for line in lines:
        if "error" in line:
            report.failed.append((line["path"], f"{line['path']}: {line['error']}"))
            continue
        report.songs[line["split"]] += 1
        report.events.update(dict(zip(formats, line["events"], strict=True)))
    return report


def _entries(source: Path, entries: list[_Entry]) -> Iterator[tuple[_Entry, Callable[[], bytes]]]:
    """Give the songs of a folder or an archive, each name once a split, and what reads them; list them in `entries`."""
    seen: set[tuple[str, str]] = set()
    for place, read in files_in(source):
        path = PurePosixPath(place)
        split = next((part for part in reversed(path.parts[:-1]) if part in SPLITS), None)
        if split is None or path.name.startswith(".") or "\\" in path.name:
            continue
        if (format_name := known_format(path.name, PLAYABLE)) is None:
            continue
        entry = _Entry(len(entries), place, split, base_name(path.name), format_name)
        entries.append(entry)
        if (split, entry.name) in seen:
            entry.error = f"a second song of this name in {split}"
        elif not is_usable(path.name):
            entry.error = "expected the name of a file, of at most 243 bytes"
        seen.add((split, entry.name))
        yield entry, read


def _read(
    entries: Iterable[tuple[_Entry, Callable[[], bytes]]], mine: Callable[[_Entry], bool] = lambda entry: True
) -> Iterator[_Entry]:
    """Read the songs that are wanted; of one that cannot be read say why."""
    for entry, read in entries:
        if not mine(entry):
            continue
        if entry.error is None:
            try:
                entry.data = read()
            except OSError as error:
                entry.error = one_line(error)
            if len(entry.data) > MAX_INPUT_BYTES:
                entry.data, entry.error = b"", f"more than {MAX_INPUT_BYTES} bytes"
        yield entry


def _convert(
    batch: list[_Entry],
    folder: Path,
    formats: list[str],
    convert: Convert,
) -> None:
    """Write the texts of songs, and drop their bytes."""
    usable = [entry for entry in batch if entry.error is None]
    songs: list[Song] = [(entry.data, entry.format, None) for entry in usable]
    for entry, texts in zip(usable, convert(songs), strict=True):
        entry.data = b""
        if isinstance(texts, str):
            entry.error = texts
            continue
        split = folder / entry.split
        split.mkdir(parents=True, exist_ok=True)
        for format_name, text in zip(formats, texts, strict=True):
            (split / text_name(entry.name, format_name)).write_bytes(text)
            entry.events.append(text.count(b"\n") + 1 if text else 0)
