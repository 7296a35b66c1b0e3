"""Whatever music someone has, as a corpus to train on.

A corpus directory is taken as it is. Archives and folders of NES-MDB's kinds with its splits are converted; folders
of MIDI files whose tracks are the four voices of the chip become songs as they stand; all other MIDI files are adapted
(see `lakhnes.data.adapt`). What had no splits is split by song, and no song of the train split is a version of one
that is held out.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from lakhnes._native import MelodyIndex, Vocabulary, convert_texts
from lakhnes.data.adapt import adapt
from lakhnes.data.corpus import SPLITS, shard_corpus
from lakhnes.data.nesmdb import convert_nesmdb
from lakhnes.data.shards import manifest_of
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.files import base_name, read_limited

__all__ = ["is_corpus", "prepare"]

VALID_SHARE = 0.1
"""Of the songs, or the MIDI files, of a folder without splits."""

MIDI_SUFFIXES = (".mid", ".midi")
ARCHIVES = (".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".tgz")


def is_corpus(data: Path, vocabulary: Vocabulary) -> bool:
    """Return whether there are texts or shards to train on."""
    train = data / "train"
    if not train.is_dir():
        return False
    return manifest_of(train, vocabulary).is_file() or any(train.glob(f"*.{vocabulary.dialect}.txt"))


def prepare(
    data: Path,
    target: Path,
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
    note: Callable[[str], object] = lambda line: None,
) -> Path:
    """Return the corpus directory of some music: `data` itself, or `target`, which is then written.

    Parameters
    ----------
    data
        A corpus directory, an archive or folder of NES-MDB, or a folder of MIDI files.
    target
        Where a corpus is written if `data` is none. One that is complete is used again.
    vocabulary
        Of the texts.
    seed
        Of the choices of adaptation and of the split.
    note
        Is told, in a line, what was done.

    Raises
    ------
    FormatError
        If there is no music.
    """
    if is_corpus(data, vocabulary):
        return data
    if is_corpus(target, vocabulary):
        note(f"{target}: the corpus that was made before")
        return target
    if not data.exists():
        raise FormatError(f"{data}: no such folder; expected a corpus, an archive of NES-MDB or a folder of MIDI files")
    dialect = vocabulary.dialect
    if data.name.lower().endswith(ARCHIVES) or (data / "train").is_dir():
        report = convert_nesmdb(data, target, to=[dialect])
        note(f"{data}: {report.songs.total():,} songs, {len(report.failed)} failed")
        if not report.songs:
            raise FormatError(f"{data}: none of its songs can be read; the first: {report.failed[0][1]}")
    elif data.is_dir():
        paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in MIDI_SUFFIXES and path.is_file())
        if not paths:
            raise FormatError(f"{data}: neither a corpus (train/NAME.{dialect}.txt) nor MIDI files in it")
        if (texts := _four_voices(paths, dialect)) is not None:
            _take(data, texts, target, dialect, seed, note)
        else:
            adapted = adapt(data, target, to=[dialect], seed=seed, valid=VALID_SHARE)
            note(
                f"{data}: {adapted.used} of {adapted.files} MIDI files give {adapted.songs.total():,} songs, "
                f"{adapted.hours:.1f} hours ({target / 'adapted.jsonl'} tells why the others do not)"
            )
    else:
        raise FormatError(f"{data}: expected a corpus directory, an archive of NES-MDB or a folder of MIDI files")
    shard_corpus(target, vocabulary)
    return target


def _four_voices(paths: list[Path], dialect: str) -> dict[Path, bytes] | None:
    """Return the texts of MIDI files of the four voices; ``None`` if most of the files are of another kind."""
    texts: dict[Path, bytes] = {}
    for number, path in enumerate(paths):
        (result,) = convert_texts([(read_limited(path), "mid")], [dialect], threads=1)
        if not isinstance(result, str) and result[0]:
            texts[path] = result[0]
        elif number < 8 and not texts:
            return None  # ordinary MIDI: no need to read all of it twice
    return texts if 2 * len(texts) > len(paths) else None


def _take(
    data: Path, texts: dict[Path, bytes], target: Path, dialect: str, seed: int, note: Callable[[str], object]
) -> None:
    """Write songs as they are, split by song; leave out of train what is a version of a held-out song."""

    def drawn(path: Path) -> bytes:
        return hashlib.sha256(f"{seed} {path.relative_to(data).as_posix()}".encode()).digest()

    order = sorted(texts, key=drawn)
    held_out = order[: max(round(len(order) * VALID_SHARE), 1)] if len(order) > 1 else []
    index = MelodyIndex([(path, "mid") for path in held_out]) if held_out else None
    staging = target.with_name(f".{target.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    names: set[str] = set()
    alike = 0
    try:
        for split in SPLITS[:2]:
            (staging / split).mkdir(parents=True)
        for path in texts:
            split = "valid" if path in held_out else "train"
            if split == "train" and index is not None and index.find(path, "mid") is not None:
                alike += 1
                continue
            name = base_name(path)
            if name in names:
                name += "-" + hashlib.sha256(path.relative_to(data).as_posix().encode()).hexdigest()[:12]
            names.add(name)
            (staging / split / f"{name}.{dialect}.txt").write_bytes(texts[path])
        if not any((staging / "train").iterdir()):
            raise LakhnesError(f"{data}: nothing to train on: every song is a version of one that is held out")
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    note(
        f"{data}: {len(names):,} songs of four voices, {len(held_out)} held out; {alike} left out as versions of these"
    )
