"""Many songs to many files, as many at once as there are jobs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from lakhnes import _native
from lakhnes.audio import open_encoder
from lakhnes.errors import LakhnesError, warn_of
from lakhnes.files import PLAYABLE, format_of, one_line
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["STEMS", "BatchReport", "ExportJob", "export_files", "stem_path"]

STEMS: tuple[Literal["p1", "p2", "tr", "no", "dmc"], ...] = ("p1", "p2", "tr", "no", "dmc")
"""The voices of the chip, in the order in which stems are given."""


@dataclass(frozen=True)
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
    """

    source: Path
    target: Path | BinaryIO
    source_format: str | None = None
    data: bytes | None = None
    title: str = ""


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
    finished
        Called after each song with its job, and its exception or None. What it raises ends the batch.
    **options
        See `lakhnes.write`; also ``downsample`` (see `Song.perform`).
    """
    report = BatchReport()
    ready: list[ExportJob] = []

    def done(
        index: int,
        error: Exception | None,
        files: list[Path],
        seconds: float,
        warnings: str,
        arranged: dict[str, Any] | None,
    ) -> None:
        job = ready[index]
        warn_of(str(job.source), warnings)
        report.written += files
        report.songs += bool(files)
        report.audio_seconds += seconds
        if arranged is not None:
            report.arranged[job.source] = arranged
        end(job, error)

    def end(job: ExportJob, error: Exception | None) -> None:
        if error is not None:
            report.failed.append((job.source, one_line(error)))
        finished(job, error)

    for job in jobs:
        try:
            title = job.title.encode("utf-8", "replace").decode()  # of a name that is no UTF-8, the rest
            ready.append(replace(job, source_format=job.source_format or format_of(job.source, PLAYABLE), title=title))
        except LakhnesError as error:
            end(job, error)
    edits = {
        "arrange": arrange,
        "arpeggio": arpeggio,
        "parts": parts,
        "simplify": simplify,
        "shorten": shorten,
        "trim": trim and _in_ticks(*trim),
        "transpose": transpose,
    }
    _native.export_files(
        ready, format, open_encoder, done, edits=edits, threads=threads, stems=stems, overwrite=overwrite, **options
    )
    return report


def _in_ticks(start: float, end: float | None) -> tuple[int, int]:
    last = 2**63 if end is None else round(end * TICKS_PER_SECOND)
    return round(start * TICKS_PER_SECOND), last


def stem_path(path: str | os.PathLike[str], voice: str) -> Path:
    """Name the file of one voice of a song: ``a.wav`` → ``a.p1.wav``."""
    return _native.stem_path(path, voice)
