"""Whatever music someone has, as a corpus to train on.

A corpus directory is taken as it is. Archives and folders of NES-MDB's kinds with its splits are converted; folders
of MIDI files whose tracks are the four voices of the chip become songs as they stand; all other MIDI files are adapted
(see `lakhnes.data.adapt`). What had no splits is split by song, and no song of the train split is a version of one
that is held out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from lakhnes._native import MelodyIndex, Vocabulary, convert_texts
from lakhnes.archives import is_archive
from lakhnes.data.adapt import REPORT, adapt
from lakhnes.data.corpus import shard_corpus
from lakhnes.data.layout import SPLITS, staged_folder, text_name
from lakhnes.data.midi_files import MidiFile, find_midi_files
from lakhnes.data.nesmdb import convert_nesmdb, count_songs
from lakhnes.data.shards import manifest_of, read_manifest
from lakhnes.data.splitting import assign_splits
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.files import files_below, read_limited
from lakhnes.progress import Progress, no_progress

__all__ = ["check_exists", "check_music", "is_corpus", "prepare"]

VALID_SHARE = 0.1
"""Of the songs, or the MIDI files, of a folder without splits."""

SOURCE = "source.json"
"""The file of a corpus by which the music that it was made of is recognised."""

MAX_SOURCE_BYTES = 2**16

ORDINARY = 8
"""A folder whose first MIDI files, of this number, have no voices of the chip is taken for ordinary MIDI."""


def check_exists(data: Path) -> None:
    """Refuse what is not there; raises FormatError."""
    if not data.exists():
        raise FormatError(f"{data}: no such folder; expected a corpus, an archive of NES-MDB or a folder of MIDI files")


def is_corpus(data: Path, vocabulary: Vocabulary) -> bool:
    """Return whether there are texts or shards to train on."""
    train = data / "train"
    if not train.is_dir():
        return False
    return manifest_of(train, vocabulary).is_file() or any(train.glob(text_name("*", vocabulary.dialect)))


def check_music(data: Path, vocabulary: Vocabulary) -> list[MidiFile]:
    """Refuse at once what `prepare` would find no music in, and damaged manifests of shards.

    Returns
    -------
    list of MidiFile
        The MIDI files, if it is a folder of MIDI files.

    Raises
    ------
    FormatError
    """
    if is_corpus(data, vocabulary):
        for part in (data / split for split in SPLITS):
            if manifest_of(part, vocabulary).is_file():
                read_manifest(part, vocabulary)
        return []
    check_exists(data)
    if is_archive(data) or (data / "train").is_dir():
        return []
    if not data.is_dir():
        raise FormatError(f"{data}: expected a corpus directory, an archive of NES-MDB or a folder of MIDI files")
    files = find_midi_files(data)
    if not files:
        folder = f"train/{text_name('NAME', vocabulary.dialect)}"
        raise FormatError(f"{data}: neither a corpus ({folder}) nor MIDI files in it")
    return files


def prepare(
    data: Path,
    target: Path,
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
    files: list[MidiFile] | None = None,
    note: Callable[[str], object] = lambda line: None,
    progress: Progress = no_progress,
) -> Path:
    """Return the corpus directory of some music: `data` itself, or `target`, which is then written.

    Parameters
    ----------
    data
        A corpus directory, an archive or folder of NES-MDB, or a folder of MIDI files.
    target
        Where a corpus is written if `data` is not one. A corpus there that was made of `data` is used again.
    vocabulary
        Of the texts.
    seed
        Of the choices of adaptation and of the split.
    files
        What `check_music` has returned, so that a large folder is not searched again.
    note
        Called with a line on what was done.
    progress
        Shows how far the work is.

    Raises
    ------
    FormatError
        If there is no music, or the corpus in `target` was made of other music.
    """
    if files is None:
        files = check_music(data, vocabulary)
    if is_corpus(data, vocabulary):
        return data
    source = _identity(data, files)
    if is_corpus(target, vocabulary):
        if _source_of(target / SOURCE) != source:
            raise FormatError(f"{data}: not the files that {target} was made of; expected the same, or --force")
        note(f"{target}: the corpus that was made before")
        return target
    with staged_folder(target) as staging:
        if is_archive(data) or (data / "train").is_dir():
            _convert(data, staging, vocabulary.dialect, note, progress)
        else:
            _gather(data, files, staging, vocabulary.dialect, seed, note, progress)
        with progress("tokenize", None) as advance:
            shard_corpus(staging, vocabulary, advance=advance)
        (staging / SOURCE).write_text(json.dumps(source))
    return target


def _source_of(path: Path) -> object:
    """Return what `_identity` gave for the music of a corpus; None if that is not known."""
    try:
        return json.loads(read_limited(path, MAX_SOURCE_BYTES))
    except (OSError, ValueError, RecursionError):
        return None


def _identity(data: Path, midis: list[MidiFile]) -> dict[str, str | int]:
    """Return what a folder or an archive is recognised by: the paths of its music, and the sizes of these files."""
    if not data.is_dir():
        files = [("", data)]
    elif (data / "train").is_dir():
        splits = [split for split in sorted(SPLITS) if (data / split).is_dir()]
        places = [f"{split}/{name}" for split in splits for name in files_below(data / split)]
        files = [(place, data / place) for place in places]
    else:
        files = [(file.place, file.path) for file in midis]
    digest = hashlib.sha256()
    for place, path in files:
        digest.update(f"{place}\0{path.stat().st_size}\n".encode("utf-8", "surrogateescape"))
    return {"files": len(files), "sha256": digest.hexdigest()}


def _convert(data: Path, target: Path, dialect: str, note: Callable[[str], object], progress: Progress) -> None:
    """Convert an archive or folder of NES-MDB."""
    with progress("convert", count_songs(data)) as advance:
        report = convert_nesmdb(data, target, to=[dialect], finished=advance)
    note(f"{data}: {report.songs.total():,} songs, {len(report.failed)} failed")
    if not report.songs:
        raise FormatError(f"{data}: none of its songs can be read; the first: {report.failed[0][1]}")


def _gather(
    data: Path, files: list[MidiFile], target: Path, dialect: str, seed: int,
    note: Callable[[str], object], progress: Progress,
) -> None:  # fmt: skip
    """Make a corpus of a folder of MIDI files: as they are if they are of the four voices, adapted if not."""
    texts = _four_voices(files, dialect)
    if texts is not None:
        _write_as_they_are(data, texts, target, dialect, seed, note)
        return
    with progress("adapt", len(files)) as advance:
        report = adapt(
            data, target, to=[dialect], seed=seed, valid=VALID_SHARE, arrange=True, files=files, finished=advance
        )
    arranged = f"{report.arranged} of them arranged, " if report.arranged else ""
    note(
        f"{data}: {report.used} of {report.files} MIDI files give {report.songs.total():,} songs, "
        f"{arranged}{report.hours:.1f} hours ({REPORT} in the corpus says why the others do not)"
    )


def _four_voices(files: list[MidiFile], dialect: str) -> dict[MidiFile, bytes] | None:
    """Return the texts of MIDI files of the four voices; ``None`` if most of the files are of another kind."""
    texts: dict[MidiFile, bytes] = {}
    for number, file in enumerate(files):
        (result,) = convert_texts([(read_limited(file.path), "mid", None)], [dialect], threads=1)
        if not isinstance(result, str) and result[0]:
            texts[file] = result[0]
        elif number < ORDINARY and not texts:
            return None  # no need to read all of them twice
    return texts if 2 * len(texts) > len(files) else None


def _write_as_they_are(
    data: Path,
    texts: dict[MidiFile, bytes],
    target: Path,
    dialect: str,
    seed: int,
    note: Callable[[str], object],
) -> None:
    """Write songs as they are, split by song; leave out of train what is a version of a held-out song."""
    splits = assign_splits([file.place for file in texts], range(len(texts)), seed, valid=VALID_SHARE)
    held_out = [file for file, split in zip(texts, splits, strict=True) if split == "valid"]
    index = MelodyIndex([(file.path, "mid") for file in held_out]) if held_out else None
    alike = 0
    for split in ("train", "valid"):
        (target / split).mkdir(parents=True)
    for (file, text), split in zip(texts.items(), splits, strict=True):
        if split == "train" and index is not None and index.find(file.path, "mid") is not None:
            alike += 1
        else:
            (target / split / text_name(file.name, dialect)).write_bytes(text)
    if not any((target / "train").iterdir()):
        raise LakhnesError(f"{data}: nothing to train on: every song is a version of one that is held out")
    note(
        f"{data}: {len(texts) - alike:,} songs of four voices, {len(held_out)} held out; "
        f"{alike} left out as versions of these"
    )
