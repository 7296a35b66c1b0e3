"""What ``render`` and ``convert`` have in common: songs go in, files come out, each is reported."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import FAILED, Console
from lakhnes.cli.targets import STDIO, pair, read_input
from lakhnes.files import base_name, check_target, one_line

if TYPE_CHECKING:
    from lakhnes.exporting import BatchReport, ExportJob

__all__ = ["export_all", "jobs_of", "tell"]


def jobs_of(
    inputs: Sequence[str],
    output: str | None,
    format: str,
    *,
    source_format: str | None,
    only: str | None,
    overwrite: bool,
) -> list[ExportJob]:
    """Say for each song of files, folders and stdin where it goes; see `pair`."""
    from lakhnes.exporting import ExportJob

    if STDIO not in (*inputs, output):
        pairs = pair(inputs, output, format, only=only, overwrite=overwrite)
        return [ExportJob(source, target, source_format, title=base_name(source)) for source, target in pairs]
    if len(inputs) != 1 or output is None:
        raise click.UsageError("- stands for one song in or one file out, and needs -o")
    (given,) = inputs
    if output != STDIO:
        check_target(output, overwrite=overwrite)
    target = sys.stdout.buffer if output == STDIO else Path(output)
    if given != STDIO:
        return [ExportJob(Path(given), target, source_format, title=base_name(given))]
    data, format_name, name = read_input(given, source_format)
    return [ExportJob(Path(name), target, format_name, data)]


def export_all(
    console: Console, verb: str, batches: Iterable[Sequence[ExportJob]], total: int | None, format: str, **options: Any
) -> BatchReport:
    """Write batches of songs and print the paths; one that fails is reported, and the others are written."""
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
