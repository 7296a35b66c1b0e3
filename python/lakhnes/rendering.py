"""Many songs to many sound files, as many at once as there are jobs."""

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lakhnes import _native
from lakhnes._native import Song
from lakhnes.arranging import arrange
from lakhnes.audio import write_blocks
from lakhnes.errors import LakhnesError, warn_of
from lakhnes.files import ARRAYS, PLAYABLE, format_of, is_special, one_line, read_limited, unfinished_name
from lakhnes.songs import Expression, Filter, Mixer, read_log

__all__ = ["STEMS", "Arrangement", "BatchReport", "RenderJob", "render_files", "stem_path"]

STEMS: tuple[Literal["p1", "p2", "tr", "no", "dmc"], ...] = ("p1", "p2", "tr", "no", "dmc")
"""The voices of the chip, in the order in which stems are given."""

SAMPLE_CHANNEL = 0x10
"""The first of the four registers of the sample channel; its stem is there where a log writes to one of them."""

Arrangement = Literal["plain", "arpeggio"]
"""How a MIDI file is made a song of four voices; see `Song.arrange`."""


@dataclass(frozen=True)
class RenderJob:
    """One song to render.

    Attributes
    ----------
    source
        The song.
    target
        The sound file.
    source_format
        The format of the song, where its name does not say it.
    arrangement
        Whether the song is any MIDI file, to be made a song of four voices first: ``"plain"``, or ``"arpeggio"`` if the
        notes of a chord that find no voice are to share one.
    """

    source: Path
    target: Path
    source_format: str | None = None
    arrangement: Arrangement | None = None


@dataclass
class BatchReport:
    """What a batch did.

    Attributes
    ----------
    written
        The files that were written, in the order in which they were finished.
    failed
        The inputs that failed, each with the line that says why.
    audio_seconds
        How long the written music lasts.
    arranged
        For each input that was arranged, what became of its notes; see `Song.arrange`.
    """

    written: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    audio_seconds: float = 0.0
    arranged: dict[Path, dict[str, Any]] = field(default_factory=dict)


def render_files(
    jobs: Sequence[RenderJob],
    *,
    format: str = "wav",
    threads: int = 0,
    downsample: float | None = None,
    sample_rate: int = 44_100,
    mixer: Mixer = "nes",
    filter: Filter = "nes",
    stems: bool = False,
    max_duration: float = 3600.0,
    loops: int = 1,
    fade: float = 0.0,
    dither: bool = False,
    expression: Expression = "plain",
    finished: Callable[[RenderJob, str | None], object] = lambda job, error: None,
) -> BatchReport:
    """Render songs to sound files; a song that fails is reported, and the others go on.

    Songs are played and written a block at a time, WAV files outside the interpreter; a song's samples are never in
    memory as a whole. The samples do not depend on the number of threads. Files that exist are replaced.

    Parameters
    ----------
    jobs
        What to render, and where to.
    format
        ``"wav"``, ``"flac"`` or ``"ogg"``.
    threads
        How many songs at once; 0 stands for one a core.
    downsample, expression
        See `Song.perform`.
    sample_rate, mixer, filter, max_duration, loops, fade
        See `lakhnes.render`.
    dither
        Whether to add triangular dither before samples are rounded, the same every time.
    stems
        Whether to write a file a voice, named ``NAME.p1.wav`` and so on.
    finished
        Called after each song with its job, and the line that says why it failed or None.
    """
    report = BatchReport()

    def done(job: RenderJob, targets: Iterable[Path], seconds: float, error: str | None) -> None:
        if error is None:
            report.written += targets
            report.audio_seconds += seconds
        else:
            report.failed.append((job.source, error))
        finished(job, error)

    options = {
        "downsample": downsample,
        "sample_rate": sample_rate,
        "mixer": mixer,
        "filter": filter,
        "max_duration": max_duration,
        "loops": loops,
        "fade": fade,
        "dither": dither,
        "expression": expression,
    }
    fast = [format == "wav" and not stems and _is_native(job) for job in jobs]
    native = [job for job, is_fast in zip(jobs, fast, strict=True) if is_fast]
    others = [job for job, is_fast in zip(jobs, fast, strict=True) if not is_fast]
    if native:
        _render_wavs(native, threads, options, done)
    if others:
        _render_encoded(others, threads, options, format, stems, report.arranged, done)
    return report


def _is_native(job: RenderJob) -> bool:
    """Tell whether the extension module reads such a song by itself, and writes such an output."""
    name = job.source.name.lower()
    is_array = job.source_format in ARRAYS or (job.source_format is None and name.endswith(".npz"))
    return job.arrangement is None and not is_array and not is_special(job.target)


Done = Callable[[RenderJob, Iterable[Path], float, str | None], None]


def _render_wavs(jobs: Sequence[RenderJob], threads: int, options: dict[str, Any], done: Done) -> None:
    ready: list[RenderJob] = []
    native_jobs = []
    for job in jobs:
        try:
            source_format = job.source_format or format_of(job.source, PLAYABLE)
        except LakhnesError as error:
            done(job, (), 0.0, one_line(error))
            continue
        temporary = unfinished_name(job.target)
        ready.append(job)
        native_jobs.append((os.fspath(job.source), source_format, os.fspath(temporary)))

    def report(index: int, error: str | None, seconds: float, warnings: str) -> None:
        job, temporary = ready[index], Path(native_jobs[index][2])
        warn_of(str(job.source), warnings)
        if error is None:
            try:
                temporary.replace(job.target)
            except OSError as refusal:
                error = one_line(refusal)
        else:
            error = f"{job.source}: {error}"
        done(job, [job.target], seconds, error)

    try:
        _native.render_files(native_jobs, report, threads=threads, **options)
    finally:
        for _, _, temporary_name in native_jobs:
            with contextlib.suppress(OSError):
                Path(temporary_name).unlink(missing_ok=True)


def _render_encoded(
    jobs: Sequence[RenderJob],
    threads: int,
    options: dict[str, Any],
    format: str,
    stems: bool,
    arranged: dict[Path, dict[str, Any]],
    done: Done,
) -> None:
    downsample, expression, mixer = (options.pop(name) for name in ("downsample", "expression", "mixer"))

    def work(job: RenderJob) -> tuple[list[Path], float]:
        if job.arrangement is None:
            log = read_log(job.source, job.source_format, downsample=downsample, expression=expression)
        else:
            song, arranged[job.source] = _arrange(job)
            log = song.perform(downsample=downsample, expression=expression)
        rate = options["sample_rate"]
        loop = log.loop_samples(sample_rate=rate, loops=options["loops"])
        if not stems:
            frames = write_blocks(job.target, log.blocks(mixer=mixer, **options), rate, format=format, loop=loop)
            return [job.target], frames / rate
        targets = []
        for name in STEMS[: 5 if ((log.writes[:, 1] & ~3) == SAMPLE_CHANNEL).any() else 4]:
            targets.append(stem_path(job.target, name))
            blocks = log.blocks(mixer="linear", channel=name, **options)
            frames = write_blocks(targets[-1], blocks, rate, format=format, loop=loop)
        return targets, frames / rate

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        futures = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                try:
                    targets, seconds = future.result()
                except (LakhnesError, OSError, ValueError) as error:
                    done(futures[future], (), 0.0, one_line(error))
                else:
                    done(futures[future], targets, seconds, None)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _arrange(job: RenderJob) -> tuple[Song, dict[str, Any]]:
    data = read_limited(job.source)
    source_format = job.source_format or format_of(job.source, PLAYABLE)
    return arrange(data, source_format, name=os.fspath(job.source), arpeggio=job.arrangement == "arpeggio")


def stem_path(path: Path, voice: str) -> Path:
    """Name the file of one voice of a song: ``a.wav`` → ``a.p1.wav``."""
    return path.with_name(f"{path.stem}.{voice}{path.suffix}")
