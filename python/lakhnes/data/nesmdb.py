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
from functools import partial
from pathlib import Path, PurePosixPath

from lakhnes import _native
from lakhnes.archives import batches, files_in, is_usable
from lakhnes.data.layout import PUBLISHED, SPLITS, TEXTS, staged_folder, text_name
from lakhnes.errors import FormatError
from lakhnes.files import MAX_INPUT_BYTES, PLAYABLE, base_name, known_format, one_line

__all__ = ["CorpusReport", "convert_nesmdb"]


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


@dataclass(frozen=True)
class _Entry:
    """A song of the database before it is read: where it stands, what it becomes, and its bytes."""

    place: str
    split: str
    name: str
    format: str
    data: bytes


def convert_nesmdb(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    threads: int = 0,
    overwrite: bool = False,
    exact: bool = False,
    score_rate: float | None = None,
    finished: Callable[[int], object] = lambda songs: None,
) -> CorpusReport:
    """Turn NES-MDB into a folder of TX1 and TX2 texts, its splits kept.

    Parameters
    ----------
    source
        A folder, or an archive (``.tar.gz``, ``.tar.xz``, ``.tar.bz2``, ``.tar``), of any published form: VGM, MIDI,
        expressive, separated and blended scores, disassemblies, TX1, TX2.
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
    report = CorpusReport()
    convert = partial(_native.convert_texts, formats=formats, threads=threads, exact=exact, score_rate=score_rate)
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        for batch in batches(_entries(Path(source), report), lambda entry: len(entry.data)):
            _convert(batch, staging, formats, convert, report)
            finished(len(batch))
        if not report.songs and not report.failed:
            raise FormatError(f"{source}: no songs in folders named {', '.join(SPLITS)}")
    return report


def _entries(source: Path, report: CorpusReport) -> Iterator[_Entry]:
    """Give the songs of a folder or an archive; each name once a split."""
    seen: set[tuple[str, str]] = set()
    for place, read in files_in(source):
        path = PurePosixPath(place)
        split = next((part for part in reversed(path.parts[:-1]) if part in SPLITS), None)
        if split is None or path.name.startswith(".") or "\\" in path.name:
            continue
        if (format_name := known_format(path.name, PLAYABLE)) is None:
            continue
        name = base_name(path.name)
        if (split, name) in seen:
            report.failed.append((place, f"{place}: a second song of this name in {split}"))
            continue
        seen.add((split, name))
        try:
            data = read()
        except OSError as error:
            report.failed.append((place, f"{place}: {one_line(error)}"))
            continue
        if not is_usable(path.name):
            report.failed.append((place, f"{place}: expected the name of a file, of at most 243 bytes"))
            continue
        if len(data) > MAX_INPUT_BYTES:
            report.failed.append((place, f"{place}: more than {MAX_INPUT_BYTES} bytes"))
            continue
        yield _Entry(place, split, name, format_name, data)


def _convert(
    batch: list[_Entry],
    folder: Path,
    formats: list[str],
    convert: Callable[[list[tuple[bytes, str, int | None]]], list[tuple[bytes, ...] | str]],
    report: CorpusReport,
) -> None:
    songs: list[tuple[bytes, str, int | None]] = [(entry.data, entry.format, None) for entry in batch]
    for entry, texts in zip(batch, convert(songs), strict=True):
        if isinstance(texts, str):
            report.failed.append((entry.place, f"{entry.place}: {texts}"))
            continue
        split = folder / entry.split
        split.mkdir(parents=True, exist_ok=True)
        for format_name, text in zip(formats, texts, strict=True):
            (split / text_name(entry.name, format_name)).write_bytes(text)
            report.events[format_name] += text.count(b"\n") + 1 if text else 0
        report.songs[entry.split] += 1
