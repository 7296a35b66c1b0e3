"""What ``render`` and ``convert`` have in common: songs go in, files come out, and the user is told."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import FAILED, Console
from lakhnes.cli.targets import STDIO, album, pair, read_input
from lakhnes.files import base_name, check_target, one_line

if TYPE_CHECKING:
    from lakhnes.exporting import BatchReport, ExportJob

__all__ = ["album_jobs", "export_all", "export_one", "jobs_of", "tell"]


def jobs_of(
    inputs: Sequence[str],
    output: str | None,
    format: str,
    *,
    source_format: str | None,
    only: str | None,
    tracks: tuple[int, ...] | None,
    overwrite: bool,
) -> list[ExportJob]:
    """Say for each song of files, folders and stdin where it goes; see `pair`."""
    from lakhnes.exporting import ExportJob

    if STDIO not in (*inputs, output):
        pairs = pair(inputs, output, format, only=only, overwrite=overwrite, source_format=source_format, tracks=tracks)
        return [
            ExportJob(piece.path, target, source_format, title=piece.title, track=piece.track)
            for piece, target in pairs
        ]
    if tracks is not None and len(tracks) != 1:
        raise click.UsageError("- stands for one song in or one file out, and --track then names one")
    track = tracks[0] if tracks else None
    if len(inputs) != 1 or output is None:
        raise click.UsageError("- stands for one song in or one file out, and needs -o")
    (given,) = inputs
    if output != STDIO:
        check_target(output, overwrite=overwrite)
    target = sys.stdout.buffer if output == STDIO else Path(output)
    if given != STDIO:
        return [ExportJob(Path(given), target, source_format, title=base_name(given), track=track)]
    data, format_name, name = read_input(given, source_format)
    return [ExportJob(Path(name), target, format_name, data, track=track)]


def album_jobs(
    inputs: Sequence[str],
    output: str,
    format: str,
    *,
    source_format: str | None,
    only: str | None,
    tracks: tuple[int, ...] | None,
    overwrite: bool,
) -> list[ExportJob]:
    """List the songs that become the tracks of one file; empty where each has a file of its own. See `album`."""
    from lakhnes.exporting import ExportJob

    if STDIO in (*inputs, output):
        return []
    songs = album(inputs, output, format, only=only, source_format=source_format, tracks=tracks, overwrite=overwrite)
    return [ExportJob(piece.path, Path(output), source_format, title=piece.title, track=piece.track) for piece in songs]


def export_one(
    console: Console, verb: str, jobs: Sequence[ExportJob], output: Path, format: str, **options: Any
) -> BatchReport:
    """Write songs as the tracks of one file and print its path; one that fails is told, and the others go in."""
    from lakhnes.exporting import export_album

    with console.progress(verb, len(jobs)) as advance:

        def finished(job: ExportJob, error: Exception | None) -> None:
            advance(1)
            if error is not None:
                console.error(f"Error: {one_line(error)}")

        report = export_album(jobs, output, format, finished=finished, **options)
    console.result(output)
    return report


def export_all(
    console: Console, verb: str, batches: Iterable[Sequence[ExportJob]], total: int | None, format: str, **options: Any
) -> BatchReport:
    """Write batches of songs and print the paths; one that fails is told, and the others go on."""
    from lakhnes.arranging import told
    from lakhnes.exporting import BatchReport, export_files

    whole = BatchReport()
    with console.progress(verb, total) as advance:

        def finished(job: ExportJob, error: Exception | None) -> None:
            advance(1)
            if isinstance(error, BrokenPipeError):
                raise error
            if error is not None:
                console.error(f"Error: {one_line(error)}")

        for jobs in batches:
            report = export_files(jobs, format, finished=finished, **options)
            for path in sorted(map(str, report.written)):
                console.result(path)
            for source, facts in sorted(report.arranged.items()):
                console.note(f"{source}: {told(facts)}")
            whole += report
    return whole


def tell(
    console: Console,
    report: BatchReport,
    seconds: float,
    *,
    arranged: dict[str, Any] | None = None,
    speed: bool = False,
    to_stdout: bool = False,
) -> None:
    """Print the summary, unless stdout has the file; leave with `FAILED` if anything failed."""
    files = sorted(map(str, report.written))
    failed = [{"path": str(path), "error": error} for path, error in report.failed]
    summary = {"files": files, "failed": failed, "audio_seconds": report.audio_seconds, "seconds": seconds}
    if not to_stdout:
        console.summary(summary | ({} if arranged is None else {"arranged": arranged}))
    if len(files) + len(failed) > 1:
        faster = f", {report.audio_seconds / seconds:,.0f} x real time" if speed else ""
        console.note(f"{len(files)} files written, {len(failed)} songs failed{faster}")
    if failed:
        raise click.exceptions.Exit(FAILED)
