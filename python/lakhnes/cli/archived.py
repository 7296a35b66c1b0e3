"""The songs of archives, as ``render`` and ``convert`` take them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lakhnes.cli.console import Console
from lakhnes.cli.targets import collision, is_done
from lakhnes.cli.tracks import tracks_of
from lakhnes.errors import EntryError, FormatError, LakhnesError, LimitError
from lakhnes.files import FORMATS, MAX_INPUT_BYTES, PLAYABLE, base_name, known_format, one_line, suffix_of
from lakhnes.sharding import Shard

if TYPE_CHECKING:
    from lakhnes.exporting import ExportJob

__all__ = ["Archived"]


class Archived:
    """The songs of archives. Their paths stay, below the folder of the outputs."""

    def __init__(
        self,
        console: Console,
        archives: list[Path],
        folder: Path,
        to: str,
        only: str | None,
        tracks: tuple[int, ...] | None,
        *,
        overwrite: bool,
        shard: Shard | None = None,
    ) -> None:
        self.skipped: list[Path] = []
        """Songs whose output is there."""
        self.failed: list[tuple[Path, str]] = []
        """Songs that cannot be taken out, and why."""
        self.targets: dict[Path, Path] = {}
        """By song, where it goes."""
        self._console, self._archives, self._folder = console, archives, folder
        self._to, self._only, self._tracks, self._overwrite = to, only, tracks, overwrite
        self._shard = shard
        self._taken: dict[Path, str] = {}

    def jobs(self) -> Iterator[ExportJob]:
        """Give the songs, archive by archive."""
        for archive in self._archives:
            yield from self._songs(archive)

    def _songs(self, archive: Path) -> Iterator[ExportJob]:
        from lakhnes.archives import files_in
        from lakhnes.exporting import ExportJob

        among = PLAYABLE if self._only is None else (self._only,)
        found = False
        for place, read in files_in(archive):
            if (format_name := known_format(place, among)) is None:
                continue
            found = True
            if self._shard is not None and not self._shard.holds(place):
                continue
            name = Path(f"{archive}: {place}")
            try:
                data = read()
            except EntryError as error:
                self._fail(name, f"{name}: {one_line(error)}")
                continue
            try:
                if len(data) > MAX_INPUT_BYTES:
                    raise LimitError(f"{name}: more than {MAX_INPUT_BYTES} bytes")
                jobs = []
                for track, stem, title in self._tracks_of(data, format_name, place):
                    target = self._target(str(name), place, stem)
                    if not self._overwrite and is_done([target]):
                        self.skipped.append(name)
                        continue
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.targets[name] = target
                    jobs.append(ExportJob(name, target, format_name, data, title=title, track=track))
            except (LakhnesError, OSError) as error:
                self._fail(name, one_line(error))
                continue
            yield from jobs
        if not found:
            raise FormatError(f"{archive}: no {self._only or 'readable'} songs in this archive")

    def _fail(self, name: Path, line: str) -> None:
        self.failed.append((name, line))
        self._console.error(f"Error: {line}")

    def _tracks_of(self, data: bytes, format_name: str, place: str) -> list[tuple[int | None, str, str]]:
        """List the songs of a file: track, stem of the name, title. Reading it will find what is wrong with it."""
        name = base_name(place)
        if FORMATS[format_name].tracks:
            with contextlib.suppress(LakhnesError):
                return [*tracks_of(data, name, self._tracks)]
        return [(self._tracks[0] if self._tracks else None, name, name)]

    def _target(self, name: str, place: str, stem: str) -> Path:
        from lakhnes.archives import MAX_PART, inner_path

        path = inner_path(place)
        if path is None:
            what = rf"expected names that do not begin with a dot, without \ and :, of at most {MAX_PART} bytes"
            raise FormatError(f"{name}: {what}")
        target = self._folder / path.with_name(stem + suffix_of(self._to))
        if (other := self._taken.get(target)) is not None:
            if other == name:
                raise FormatError(f"{name}: is in the archive twice; the first was taken")
            raise collision(name, str(target), other)
        self._taken[target] = name
        return target
