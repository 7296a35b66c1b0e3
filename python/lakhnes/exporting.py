"""Many songs to many files, as many at once as there are jobs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

from lakhnes import _native
from lakhnes.audio import open_encoder
from lakhnes.cluster import DEADLY, Cluster
from lakhnes.errors import LakhnesError, warn_of
from lakhnes.files import format_to_read, one_line
from lakhnes.outputs import remove_unfinished
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["STEMS", "BatchReport", "ExportJob", "export_album", "export_files", "export_on", "stem_path"]

STEMS: tuple[Literal["p1", "p2", "tr", "no", "dmc"], ...] = ("p1", "p2", "tr", "no", "dmc")
"""The voices of the chip, in the order in which stems are given."""


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One song to write.

    Attributes
    ----------
    source
        The song, or what stands for its name where `data` has its bytes.
    target
        The file, or an open binary stream.
    source_format
        The format of the song, where its name does not say it.
    data
        The bytes of the song, where it is no file of its own.
    title
        What an ``.nsf`` is called whose song has no title of its own.
    track
        Which song of an ``.nsf`` or ``.nsfe``, from 1; the one that the file begins with if None.
    """

    source: Path
    target: Path | BinaryIO
    source_format: str | None = None
    data: bytes | None = None
    title: str = ""
    track: int | None = None

    @property
    def name(self) -> str:
        """What stands for the song in messages."""
        name = str(self.source).encode("utf-8", "replace").decode()  # of a name that is no UTF-8, the rest
        return name if self.track is None else f"{name}, track {self.track}"


@dataclass
class BatchReport:
    """What a batch did.

    Attributes
    ----------
    written
        The files that were written, in the order in which they were finished.
    songs
        How many songs they hold.
    failed
        The inputs that failed, each with the line that says why.
    audio_seconds
        How long the written music lasts.
    arranged
        For each input that was arranged, what became of its notes; see `Song.arrange`.
    """

    written: list[Path] = field(default_factory=list)
    songs: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)
    audio_seconds: float = 0.0
    arranged: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def __iadd__(self, other: BatchReport) -> BatchReport:
        """Add what another batch did."""
        self.written += other.written
        self.songs += other.songs
        self.failed += other.failed
        self.audio_seconds += other.audio_seconds
        self.arranged |= other.arranged
        return self


def export_files(
    jobs: Sequence[ExportJob],
    format: str = "wav",
    *,
    threads: int = 0,
    overwrite: bool = True,
    stems: bool = False,
    arrange: bool = False,
    arpeggio: bool = False,
    parts: Mapping[str, str] | None = None,
    simplify: bool = False,
    shorten: tuple[int, int] | None = None,
    trim: tuple[float, float | None] | None = None,
    transpose: int = 0,
    max_duration: float | None = None,
    finished: Callable[[ExportJob, Exception | None], object] = lambda job, error: None,
    **options: Any,
) -> BatchReport:
    """Write songs in a format; a song that fails is reported, and the others go on.

    Parameters
    ----------
    jobs
        Songs and files.
    format
        One of `lakhnes.files.WRITABLE`.
    threads
        How many songs at once; 0 stands for one a core. The files do not depend on it.
    overwrite
        Whether files may be replaced.
    stems
        Whether to write a sound file a voice, named ``NAME.p1.wav`` and so on; those that exist and may not be replaced
        are kept.
    arrange, arpeggio, parts
        Whether the songs are any MIDI files, of which `Song.arrange` makes four voices, and how.
    simplify, shorten
        See `RegisterLog.simplify_vgm`; start and count of `RegisterLog.shorten`.
    trim, transpose
        Start and end of `Song.trim`; semitones of `Song.transpose`. Register writes are transcribed for it.
    max_duration
        Refuse what would last longer than this number of seconds (3600 if None). Tracks of an ``.nsf`` are no longer
        than that (300 s if None, before their loops and fade): they are cut off.
    finished
        Called after each song with its job, and its exception or None. What it raises ends the batch.
    **options
        See `lakhnes.write`; also ``downsample`` (see `Song.perform`).
    """
    batch = _Batch(finished)
    ready = batch.ready(jobs)
    _native.export_files(
        ready,
        format,
        open_encoder,
        batch.done,
        edits=_edits(arrange, arpeggio, parts, simplify, shorten, trim, transpose, max_duration),
        threads=threads,
        stems=stems,
        overwrite=overwrite,
        **options if max_duration is None else options | {"max_duration": max_duration},
    )
    return batch.report


def export_on(
    cluster: Cluster,
    jobs: Sequence[ExportJob],
    format: str = "wav",
    *,
    finished: Callable[[ExportJob, Exception | None], object] = lambda job, error: None,
    **options: Any,
) -> BatchReport:
    """Write songs as `export_files` does, on the workers of a cluster, which have the same files as this machine.

    Each thread of a worker does a song at a time, whatever ``threads`` says. What is there of an output is replaced: a
    task may be done twice.
    """
    batch = _Batch(finished)
    ready = batch.ready(jobs)
    options |= {"threads": 1, "overwrite": True}
    work = partial(_export_task, format=format, options=options)
    for numbers, result in cluster.map(work, [(number, _absolute(job)) for number, job in enumerate(ready)]):
        for place, (number, _) in enumerate(numbers):
            if result is None:
                batch.done(number, LakhnesError(f"{ready[number].name}: {DEADLY}"), [], 0.0, "", None)
                continue
            error, names, seconds, arranged = result[place]
            job = ready[number]
            assert isinstance(job.target, Path)
            files = [job.target.with_name(name) for name in names]
            line = error and error.replace(os.fspath(job.source.absolute()), os.fspath(job.source))
            batch.done(number, None if line is None else LakhnesError(line), files, seconds, "", arranged)
    remove_unfinished(batch.report.written)
    return batch.report


def _absolute(job: ExportJob) -> ExportJob:
    """Name the files of a job so that a process in another folder finds them."""
    assert isinstance(job.target, Path)
    source = job.source if job.data is not None else job.source.absolute()
    return replace(job, source=source, target=job.target.absolute())


_Done = tuple["str | None", list[str], float, "dict[str, Any] | None"]


def _export_task(jobs: list[tuple[int, ExportJob]], format: str, options: dict[str, Any]) -> list[_Done]:
    """Write songs on a worker; return of each its error, the names of its files, its seconds and its arrangement."""
    made = []
    for _, job in jobs:
        report = export_files([job], format, **options)
        error = report.failed[0][1] if report.failed else None
        names = [path.name for path in report.written]
        made.append((error, names, report.audio_seconds, report.arranged.get(job.source)))
    return made


def export_album(
    jobs: Sequence[ExportJob],
    target: Path | BinaryIO,
    format: str,
    *,
    title: str = "",
    threads: int = 0,
    overwrite: bool = True,
    arrange: bool = False,
    arpeggio: bool = False,
    parts: Mapping[str, str] | None = None,
    simplify: bool = False,
    shorten: tuple[int, int] | None = None,
    trim: tuple[float, float | None] | None = None,
    transpose: int = 0,
    max_duration: float | None = None,
    finished: Callable[[ExportJob, Exception | None], object] = lambda job, error: None,
    **options: Any,
) -> BatchReport:
    """Write songs as the tracks of one file, in their order; a song that fails is reported and left out.

    Parameters
    ----------
    jobs
        At most 255 songs; their targets do not count.
    target
        The file, or an open binary stream.
    format
        One that holds several songs: ``nsf`` or ``nsfe``.
    title
        Of the whole, where the songs do not name one game.
    threads, overwrite, arrange, arpeggio, parts, simplify, shorten, trim, transpose, max_duration, finished, **options
        See `export_files`.

    Raises
    ------
    FormatError, LimitError
        If the format holds one song; if the file cannot hold these, or no song can be read.
    OSError
        If the file cannot be written; nothing is left behind then.
    """
    batch = _Batch(finished)
    ready = batch.ready(jobs)
    _native.export_album(
        ready,
        target,
        format,
        open_encoder,
        batch.done,
        title=title,
        edits=_edits(arrange, arpeggio, parts, simplify, shorten, trim, transpose, max_duration),
        threads=threads,
        overwrite=overwrite,
        **options,
    )
    if isinstance(target, Path):
        batch.report.written.append(target)
    return batch.report


class _Batch:
    """Jobs that are being done, and what became of them."""

    def __init__(self, finished: Callable[[ExportJob, Exception | None], object]) -> None:
        self.report = BatchReport()
        self._finished = finished
        self._ready: list[ExportJob] = []

    def ready(self, jobs: Sequence[ExportJob]) -> list[ExportJob]:
        """Give those jobs whose format is known, each with it; the others have failed."""
        for job in jobs:
            try:
                name = job.source_format or format_to_read(job.source)
                title = job.title.encode("utf-8", "replace").decode()  # of a name that is no UTF-8, the rest
                self._ready.append(replace(job, source_format=name, title=title))
            except (LakhnesError, OSError) as error:
                self._end(job, error)
        return self._ready

    def done(
        self,
        index: int,
        error: Exception | None,
        files: list[Path],
        seconds: float,
        warnings: str,
        arranged: dict[str, Any] | None,
    ) -> None:
        """Take note of a job that is done; see `_native.export_files`."""
        job = self._ready[index]
        warn_of(job.name, warnings)
        self.report.written += files
        self.report.songs += bool(files)
        self.report.audio_seconds += seconds
        if arranged is not None:
            self.report.arranged[job.source] = arranged
        self._end(job, error)

    def _end(self, job: ExportJob, error: Exception | None) -> None:
        if error is not None:
            self.report.failed.append((job.source, one_line(error)))
        self._finished(job, error)


def _edits(
    arrange: bool,
    arpeggio: bool,
    parts: Mapping[str, str] | None,
    simplify: bool,
    shorten: tuple[int, int] | None,
    trim: tuple[float, float | None] | None,
    transpose: int,
    max_duration: float | None,
) -> dict[str, Any]:
    """Say what is changed in files as they are read, as the extension takes it."""
    return {
        "arrange": arrange,
        "arpeggio": arpeggio,
        "parts": parts,
        "simplify": simplify,
        "shorten": shorten,
        "trim": trim and _in_ticks(*trim),
        "transpose": transpose,
        "max_run": max_duration,
    }


def _in_ticks(start: float, end: float | None) -> tuple[int, int]:
    last = 2**63 if end is None else round(end * TICKS_PER_SECOND)
    return round(start * TICKS_PER_SECOND), last


def stem_path(path: str | os.PathLike[str], voice: str) -> Path:
    """Name the file of one voice of a song: ``a.wav`` → ``a.p1.wav``."""
    return _native.stem_path(path, voice)
