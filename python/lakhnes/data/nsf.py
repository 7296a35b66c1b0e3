"""Collections of NSF files as corpora: a song a track, the songs of a game in one split.

What programs play and where their tracks end is in ``rust/apu/src/formats/nsf``. Here: which tracks are songs, copies
of songs left out, splits, and the report of what became of each track.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lakhnes._native import MelodyIndex, NsfFile, convert_texts
from lakhnes.archives import batches, files_in
from lakhnes.data.adapt import index_melodies
from lakhnes.data.layout import PUBLISHED, TEXTS, staged_folder, text_name
from lakhnes.data.report import Report
from lakhnes.data.splitting import assign_splits
from lakhnes.errors import FormatError, LakhnesError, LimitError, warn_of
from lakhnes.files import FORMATS, MAX_INPUT_BYTES, base_name, known_format, one_line, safe_name, track_stem
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["REPORT", "NsfReport", "convert_nsf"]

REPORT = "nsf.jsonl"
"""The file of a corpus that says what became of each track, a line of JSON for each."""

WITH_TRACKS = tuple(name for name, row in FORMATS.items() if row.tracks)

SHORTEST = 367
"""The shortest note by which songs are compared, in ticks: half a frame."""

COPY = "copy of another song"
LIKE_HELD_OUT = "like a held-out song"
SILENT = "silent"
SHORT = "too short"
EFFECT = "sound effect"
UNREADABLE = "unreadable"


@dataclasses.dataclass
class NsfReport(Report):
    """What became of a collection.

    Attributes
    ----------
    files : int
        NSF files found.
    songs : Counter
        Songs, by split.
    seconds : dict
        Their length in seconds, by split.
    events : Counter
        Events of the written texts, by format.
    dropped : Counter
        How many tracks are no songs of the corpus, by reason.
    failed : list of (path, message)
        The files and tracks that could not be read.
    """

    files: int = 0
    songs: Counter[str] = dataclasses.field(default_factory=Counter)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    events: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Track:
    """A track, and what becomes of it."""

    place: str
    data: bytes
    number: int
    title: str
    name: str
    game: int
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    events: dict[str, int] = dataclasses.field(default_factory=dict)
    split: str = "train"

    def line(self) -> str:
        """Return, as a line of JSON, what became of it."""
        facts: dict[str, Any] = {"path": self.place, "track": self.number, "title": self.title}
        if self.reason:
            facts |= {"reason": self.reason} | ({"detail": self.detail} if self.detail else {})
        else:
            facts |= {"name": self.name, "split": self.split, "seconds": round(self.seconds, 3)}
        return json.dumps(facts)


def convert_nsf(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    seed: int = 0,
    threads: int = 0,
    valid: float = 0.05,
    test: float = 0.0,
    min_seconds: float = 1.0,
    max_duration: float = 300.0,
    effects: bool = False,
    exact: bool = False,
    exclude_like: Sequence[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    finished: Callable[[int], object] = lambda tracks: None,
) -> NsfReport:
    """Turn a collection of NSF files into a corpus.

    Parameters
    ----------
    source
        A folder, searched with its subfolders, or an archive of ``.nsf`` and ``.nsfe`` files.
    target
        The folder of the corpus: ``train/ valid/ test/`` with ``GAME-03-TITLE.tx1.txt`` …, and `REPORT`. It appears
        when all is done, or not at all.
    to
        Which texts to write: any of ``"tx1"``, ``"tx2"`` and ``"tx3"``.
    seed
        On what the splits depend.
    threads
        How many tracks at once; 0 stands for one a core. The result does not depend on it.
    valid, test
        Shares of the games, from 0 to 1, whose songs form these splits. A file is a game; files that share a song are
        one. Songs of train that are versions of one that is held out (see `MelodyIndex`) are left out.
    min_seconds
        The shortest song.
    max_duration
        Where tracks that do not end are cut off, in seconds.
    effects
        Whether tracks that a file calls sound effects are songs.
    exact
        Whether register writes are transcribed true to the chip instead of as NES-MDB does.
    exclude_like
        Folders or files of songs that are held out: a track that is a version of one of them is left out.
    overwrite
        Whether songs may be written into a folder that holds something.
    finished
        Called with the number of tracks that have been finished since the last call.

    Returns
    -------
    NsfReport
        A file or a track that cannot be read stands in its `failed`; the others are written.

    Raises
    ------
    FormatError
        If there are no NSF files, or none gives a song; if an archive is cut off or a held-out song cannot be read.
    ValueError
        If the shares are more than 1 together.
    OSError
        If something cannot be read or written, or `target` holds something and `overwrite` is false.
    """
    if not (0 <= valid <= 1 and 0 <= test <= 1 and valid + test <= 1):
        raise ValueError(
            f"valid, test: expected shares of 0 to 1 that are not more than 1 together, found {valid}, {test}"
        )
    formats = [name for name in TEXTS if name in set(to)]
    report = NsfReport()
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        collection = _Collection(report, effects=effects)
        writer = _Writer(staging / "train", formats, min_seconds)
        for batch in batches(collection.tracks(Path(source)), lambda track: len(track.data)):
            asked = [track for track in batch if not track.reason]
            texts = convert_texts(
                [(track.data, "nsf", track.number) for track in asked],
                ["tx1", *formats],
                threads=threads,
                exact=exact,
                max_duration=max_duration,
            )
            for track, result in zip(asked, texts, strict=True):
                writer.write(track, result)
            for track in batch:
                track.data = b""
            finished(len(batch))
        if not report.files:
            raise FormatError(f"{source}: no NSF files (.nsf, .nsfe) in it")
        tracks = collection.found
        if exclude_like:
            _leave_out(tracks, writer, index_melodies(exclude_like, jobs=threads)[1])
        _split(tracks, collection.digests, writer, seed, valid=valid, test=test)
        _summarize(report, tracks)
        if not report.songs:
            reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped.most_common())
            reasons = reasons or f"none can be read; the first: {report.failed[0][1]}"
            raise FormatError(f"{source}: no track of the {report.files} NSF files is a song ({reasons})")
        (staging / REPORT).write_text("".join(f"{track.line()}\n" for track in tracks), encoding="utf-8")
    return report


class _Collection:
    """The tracks of all files, in the order of their paths."""

    def __init__(self, report: NsfReport, *, effects: bool) -> None:
        self.found: list[_Track] = []
        self.digests: list[str] = []
        """Of the bytes of each game."""
        self._report, self._effects = report, effects
        self._names: set[str] = set()

    def tracks(self, source: Path) -> Iterator[_Track]:
        """Give the tracks of the files of a folder or an archive; of files with the same bytes those of the first."""
        for place, read in files_in(source):
            if known_format(place, WITH_TRACKS) is None:
                continue
            self._report.files += 1
            try:
                data = read()
                if len(data) > MAX_INPUT_BYTES:
                    raise LimitError(f"more than {MAX_INPUT_BYTES} bytes")
                file = NsfFile.from_bytes(data)
            except (LakhnesError, OSError) as error:
                self._report.failed.append((place, f"{place}: {one_line(error)}"))
                continue
            if file.chips:
                warn_of(place, f"the voices of these chips are not played: {', '.join(file.chips)}")
            yield from self._tracks_of(place, data, file)

    def _tracks_of(self, place: str, data: bytes, file: NsfFile) -> Iterator[_Track]:
        digest = hashlib.sha256(data).hexdigest()
        is_copy = digest in self.digests
        self.digests.append(digest)
        game = self._unique(safe_name(base_name(place)) or "game", place)
        effects = set() if self._effects else set(file.effects)
        for number, title in enumerate(file.track_titles, 1):
            name = game if len(file) == 1 else self._unique(track_stem(game, number, title), f"{place} {number}")
            track = _Track(place, data, number, title, name, len(self.digests) - 1)
            track.reason = COPY if is_copy else EFFECT if number in effects else ""
            self.found.append(track)
            yield track

    def _unique(self, name: str, place: str) -> str:
        if name in self._names:
            name += "-" + hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
        self._names.add(name)
        return name


class _Writer:
    """Writes the texts of songs, each song once."""

    def __init__(self, folder: Path, formats: list[str], min_seconds: float) -> None:
        self.folder, self.formats = folder, formats
        self._before: dict[int, int] = {}
        """Of games that share a song with earlier ones, one of these."""
        self._min_seconds = min_seconds
        self._known: dict[bytes, int] = {}

    def group(self, game: int) -> int:
        """Return the first of the games that share songs with a game, directly or through others; perhaps itself."""
        while game in self._before:  # each step leads to an earlier game
            game = self._before[game]
        return game

    def _join(self, game: int, other: int) -> None:
        first, last = sorted((self.group(game), self.group(other)))
        if first != last:
            self._before[last] = first

    def write(self, track: _Track, texts: tuple[bytes, ...] | str) -> None:
        """Write the song of a track, or note the reason why it is left out."""
        if isinstance(texts, str):
            track.reason, track.detail = UNREADABLE, texts
            return
        tx1, *texts_to_write = texts
        digest, track.seconds = _notes_of(tx1)
        if digest is None or track.seconds < self._min_seconds:
            track.reason = SILENT if digest is None else SHORT
            return
        if digest in self._known:
            track.reason = COPY
            self._join(track.game, self._known[digest])
            return
        self._known[digest] = track.game
        self.folder.mkdir(parents=True, exist_ok=True)
        for format_name, text in zip(self.formats, texts_to_write, strict=True):
            self.path(track, format_name).write_bytes(text)
            track.events[format_name] = text.count(b"\n") + 1 if text else 0

    def path(self, track: _Track, format_name: str) -> Path:
        """Name the file of a text."""
        return self.folder.parent / track.split / text_name(track.name, format_name)

    def drop(self, track: _Track, reason: str) -> None:
        """Remove the texts of a song that is left out of the corpus after all."""
        for format_name in self.formats:
            self.path(track, format_name).unlink()
        track.reason = reason


def _notes_of(text: bytes) -> tuple[bytes | None, float]:
    """Return a digest of the notes of each voice of a TX1 text, or None for silence; and its length in seconds.

    When and for how long the notes sound does not count, nor what is shorter than half a frame, nor whether a note is
    struck again: two recordings of a song have the same digest.
    """
    ticks = 0
    voices: dict[bytes, list[bytes]] = {}
    sounding: dict[bytes, tuple[int, bytes]] = {}

    def end(voice: bytes) -> None:
        begin, note = sounding.pop(voice, (ticks, b""))
        notes = voices.setdefault(voice, [])
        if ticks - begin >= SHORTEST and notes[-1:] != [note]:
            notes.append(note)

    for event in text.split():
        voice, _, what = event.partition(b"_")
        if voice == b"WT":
            ticks += int(what)
            continue
        end(voice)
        if what.startswith(b"NOTEON_"):
            sounding[voice] = ticks, what
    for voice in list(sounding):
        end(voice)
    heard = sorted((voice, notes) for voice, notes in voices.items() if notes)
    digest = hashlib.sha256(b"\n".join(voice + b" ".join(notes) for voice, notes in heard)).digest()
    return digest if heard else None, ticks / TICKS_PER_SECOND


def _songs(tracks: list[_Track], held_out: bool | None = None) -> Iterator[_Track]:
    for track in tracks:
        if not track.reason and held_out in (None, track.split != "train"):
            yield track


def _leave_out(tracks: list[_Track], writer: _Writer, index: MelodyIndex) -> None:
    """Drop versions of songs of train that are held out."""
    format_name = writer.formats[0]
    for track in _songs(tracks, held_out=False):
        if index.find(writer.path(track, format_name), format_name) is not None:
            writer.drop(track, LIKE_HELD_OUT)


def _split(tracks: list[_Track], digests: list[str], writer: _Writer, seed: int, *, valid: float, test: float) -> None:
    """Move the songs of some games to the splits that are held out, and leave versions of them out of train."""
    groups: list[int | None] = [None] * len(digests)
    for track in _songs(tracks):
        groups[track.game] = writer.group(track.game)
    splits = assign_splits(digests, groups, seed, valid=valid, test=test)
    for track in _songs(tracks):
        if (split := splits[track.game]) != "train":
            sources = [writer.path(track, format_name) for format_name in writer.formats]
            track.split = split
            for path, format_name in zip(sources, writer.formats, strict=True):
                target = writer.path(track, format_name)
                target.parent.mkdir(exist_ok=True)
                path.rename(target)
    format_name = writer.formats[0]
    held_out = [(writer.path(track, format_name), format_name) for track in _songs(tracks, held_out=True)]
    if held_out:
        _leave_out(tracks, writer, MelodyIndex(held_out))


def _summarize(report: NsfReport, tracks: list[_Track]) -> None:
    for track in tracks:
        if track.reason:
            report.dropped[track.reason] += 1
            if track.reason == UNREADABLE:
                report.failed.append((track.place, f"{track.place}, track {track.number}: {track.detail}"))
            continue
        report.songs[track.split] += 1
        report.seconds[track.split] = report.seconds.get(track.split, 0.0) + track.seconds
        report.events.update(track.events)
