"""The tracks of NSF files, and the songs that they are: what depends on each track alone."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lakhnes._native import NsfFile
from lakhnes.archives import files_in
from lakhnes.data.layout import text_name
from lakhnes.errors import LakhnesError, LimitError, warn_of
from lakhnes.files import FORMATS, MAX_INPUT_BYTES, base_name, known_format, one_line, safe_name, track_stem
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["COPY", "LIKE_HELD_OUT", "UNREADABLE", "Collection", "Track"]

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
class Track:
    """A track, and what becomes of it.

    Attributes
    ----------
    index : int
        Its number in the collection, in which a file that cannot be read counts as a track.
    place : str
        Its file.
    number : int
        Which one of the file it is, from 1.
    title, name : str
        How it is called there, and what its texts are called.
    game : int
        Which file of the collection it is of.
    digest : str
        Of the bytes of that file.
    data : bytes
        These bytes, until it has been run.
    reason, detail : str
        Why it is no song of the corpus.
    seconds, events
        Its length, and the events of its texts by format.
    notes : str, optional
        A hash of its notes, see `_notes_of`; of a song whose texts have been written.
    like : bool
        Whether it is a version of a song that is held out elsewhere.
    split : str
    """

    index: int
    place: str
    number: int
    title: str
    name: str
    game: int
    digest: str
    data: bytes = b""
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    events: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: str | None = None
    like: bool = False
    split: str = "train"

    def facts(self) -> dict[str, Any]:
        """Return what the report of a part says of it: all but its bytes; `of` reads that again."""
        facts = dataclasses.asdict(dataclasses.replace(self, data=b""))
        del facts["data"]
        return {"index": facts.pop("index"), "path": facts.pop("place")} | facts

    @classmethod
    def of(cls, line: dict[str, Any]) -> Track:
        """Return the track of a line."""
        names = {field.name for field in dataclasses.fields(cls)} - {"place", "data"}
        return cls(place=line["path"], **{name: value for name, value in line.items() if name in names})

    def line(self) -> dict[str, Any]:
        """Return what the report of the corpus says of it."""
        facts: dict[str, Any] = {"path": self.place, "track": self.number, "title": self.title}
        if self.reason:
            return facts | {"reason": self.reason} | ({"detail": self.detail} if self.detail else {})
        return facts | {"name": self.name, "split": self.split, "seconds": round(self.seconds, 3)}

    def path(self, folder: Path, format_name: str) -> Path:
        """Name the file of a text."""
        return folder / text_name(self.name, format_name)

    def write(self, texts: tuple[bytes, ...] | str, folder: Path, formats: list[str], min_seconds: float) -> None:
        """Write the texts of the song, of which the first is TX1 and not written, or note the reason against it."""
        if isinstance(texts, str):
            self.reason, self.detail = UNREADABLE, texts
            return
        tx1, *texts_to_write = texts
        digest, self.seconds = _notes_of(tx1)
        if digest is None or self.seconds < min_seconds:
            self.reason = SILENT if digest is None else SHORT
            return
        self.notes = digest.hex()
        folder.mkdir(parents=True, exist_ok=True)
        for format_name, text in zip(formats, texts_to_write, strict=True):
            self.path(folder, format_name).write_bytes(text)
            self.events[format_name] = text.count(b"\n") + 1 if text else 0


class Collection:
    """The tracks of all files, in the order of their paths.

    Attributes
    ----------
    places : list of str
        The files.
    found : list of Track
        The tracks that were wanted.
    failed : list of (int, str, str)
        The files that cannot be read: index, path, and the line that says why.
    """

    def __init__(self, *, effects: bool) -> None:
        self.places: list[str] = []
        self.found: list[Track] = []
        self.failed: list[tuple[int, str, str]] = []
        self._effects = effects
        self._digests: set[str] = set()
        self._names: set[str] = set()
        self._count = 0

    def tracks(self, source: Path, wanted: Callable[[int, str], bool] = lambda index, place: True) -> Iterator[Track]:
        """Give the tracks of the files of a folder or an archive; of files with the same bytes those of the first.

        `wanted` is asked for each by its number and its file.
        """
        for place, read in files_in(source):
            if known_format(place, WITH_TRACKS) is None:
                continue
            self.places.append(place)
            try:
                data = read()
                if len(data) > MAX_INPUT_BYTES:
                    raise LimitError(f"more than {MAX_INPUT_BYTES} bytes")
                file = NsfFile.from_bytes(data)
            except (LakhnesError, OSError) as error:
                if wanted(self._count, place):
                    self.failed.append((self._count, place, one_line(error)))
                self._count += 1
                continue
            found = [track for track in self._tracks_of(place, data, file) if wanted(track.index, place)]
            if found and file.chips:
                warn_of(place, f"the voices of these chips are not played: {', '.join(file.chips)}")
            self.found += found
            yield from found

    def _tracks_of(self, place: str, data: bytes, file: NsfFile) -> Iterator[Track]:
        digest = hashlib.sha256(data).hexdigest()
        is_copy = digest in self._digests
        self._digests.add(digest)
        game = self._unique(safe_name(base_name(place)) or "game", place)
        effects = set() if self._effects else set(file.effects)
        for number, title in enumerate(file.track_titles, 1):
            name = game if len(file) == 1 else self._unique(track_stem(game, number, title), f"{place} {number}")
            track = Track(self._count, place, number, title, name, len(self.places) - 1, digest, data)
            track.reason = COPY if is_copy else EFFECT if number in effects else ""
            self._count += 1
            yield track

    def _unique(self, name: str, place: str) -> str:
        if name in self._names:
            name += "-" + hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
        self._names.add(name)
        return name


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
