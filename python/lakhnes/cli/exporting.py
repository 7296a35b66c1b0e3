"""What ``render`` and ``convert`` have in common: songs go in, files come out, each is reported."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from lakhnes.archives import batches as in_batches
from lakhnes.archives import is_archive
from lakhnes.cli.archived import Archived
from lakhnes.cli.console import FAILED, Console, Interrupted
from lakhnes.cli.targets import STDIO, album, is_batch, is_done, is_folder, once, pair, read_input
from lakhnes.files import ARCHIVES, WRITABLE, base_name, known_format, one_line
from lakhnes.outputs import check_target, naming
from lakhnes.sharding import Shard
from lakhnes.tar import TarWriter, is_tar

if TYPE_CHECKING:
    from lakhnes.cluster import Cluster
    from lakhnes.exporting import BatchReport, ExportJob

__all__ = [
    "Exported",
    "album_jobs",
    "all_files_of",
    "export_all",
    "export_inputs",
    "export_one",
    "jobs_of",
    "lines_into",
    "tell",
]


def jobs_of(
    inputs: Sequence[str],
    output: str | None,
    format: str,
    *,
    source_format: str | None,
    only: str | None,
    tracks: tuple[int, ...] | None,
    overwrite: bool,
    stems: bool = False,
    shard: Shard | None = None,
) -> tuple[list[ExportJob], list[Path]]:
    """Say for each song of files, folders and stdin where it goes; see `pair`.

    Returns
    -------
    list of ExportJob
        What is to be done.
    list of Path
        The songs of a batch whose files are there, so that a batch that was interrupted goes on where it ended. A
        single song whose file exists is refused instead.

    Raises
    ------
    OSError
        If an output cannot be written there, or must not be replaced; nothing has been done then.
    """
    from lakhnes.exporting import ExportJob

    if STDIO not in (*inputs, output):
        if len(inputs) == 1:
            Path(inputs[0]).stat()
        pairs = pair(inputs, output, format, only=only, source_format=source_format, tracks=tracks, shard=shard)
        batch = is_batch(inputs) or len(pairs) > 1
        goes_on = not overwrite and batch
        jobs, done = [], []
        pairs.reverse()
        while pairs:  # of a million songs, neither list is to be held beside the other
            piece, target = pairs.pop()
            files = _files_of(target, stems)
            try:
                if goes_on and is_done(files):
                    done.append(piece.path)
                    continue
                _make_way(files, goes_on=goes_on, overwrite=overwrite)
            except OSError:
                if not batch:  # of a batch, this song fails when it is written, and no other
                    raise
            jobs.append(ExportJob(piece.path, target, source_format, title=piece.title, track=piece.track))
        return jobs, done
    if shard is not None:
        raise click.UsageError("- stands for one song in or one file out, and --shard takes a part of several")
    if tracks is not None and len(tracks) != 1:
        raise click.UsageError("- stands for one song in or one file out, and --track then names one")
    track = tracks[0] if tracks else None
    if len(inputs) != 1 or output is None:
        raise click.UsageError("- stands for one song in or one file out, and needs -o")
    (given,) = inputs
    if output != STDIO:
        check_target(output, overwrite=overwrite)
    sink = sys.stdout.buffer if output == STDIO else Path(output)
    if given != STDIO:
        return [ExportJob(Path(given), sink, source_format, title=base_name(given), track=track)], []
    data, format_name, name = read_input(given, source_format)
    return [ExportJob(Path(name), sink, format_name, data, track=track)], []


def _make_way(files: Sequence[Path], *, goes_on: bool, overwrite: bool) -> None:
    """Refuse files that must not be written; in a batch that goes on, remove what is empty: nobody would miss it."""
    for file in files:
        if not goes_on or not file.is_file():
            check_target(file, overwrite=overwrite)
        elif file.stat().st_size == 0:
            file.unlink()


def _files_of(target: Path, stems: bool) -> list[Path]:
    """Name the files of a song. That of the sample channel is there if that of the first pulse is, and has one."""
    from lakhnes.exporting import STEMS, stem_path

    return [stem_path(target, voice) for voice in STEMS[:4]] if stems else [target]


AT_ONCE = 8192
"""Songs that are handed to the threads together: what is known of each while it is written is known of no more."""

Exported: TypeAlias = "tuple[BatchReport, Sequence[Path], Mapping[Path, object]]"


def export_inputs(
    console: Console,
    verb: str,
    inputs: Sequence[str],
    output: str | None,
    format: str,
    *,
    how: Mapping[str, Any],
    shard: Shard | None,
    log: Path | None,
    **options: Any,
) -> Exported:
    """Write the songs of files, folders, lists and archives, to files or into a tar archive.

    `how` has the ``source_format``, ``only``, ``tracks`` and ``overwrite`` of `jobs_of`.

    Returns
    -------
    report : BatchReport
    skipped : list of Path
        Songs whose output is there.
    targets : dict
        By song, where it goes: of entries of an archive, and where songs were arranged.
    """
    if options.get("cluster") is not None and STDIO in (*inputs, output):
        raise click.UsageError("- is stdin or stdout of this machine, and --scheduler has others do the work")
    archives = [Path(given) for given in inputs if is_archive(Path(given))]
    if archives and len(archives) < len(inputs):
        raise click.UsageError("archives and other songs need calls of their own")
    archives = [archive for archive, _ in once([(archive, archive) for archive in archives], inputs)]
    if output is not None and output.lower().endswith(ARCHIVES) and not (is_tar(output) or Path(output).is_dir()):
        raise click.UsageError(f"{output}: an archive that is written ends in .tar")
    if output is None or not is_tar(output):
        return _export_to(console, verb, inputs, output, format, archives, how, shard, log, options)
    check_target(output, overwrite=how["overwrite"])
    with TarWriter(Path(output)) as tar:
        into = f"{tar.folder}{os.sep}"
        report, _, targets = _export_to(console, verb, inputs, into, format, archives, how, shard, log, options, tar)
    names = {source: f"{output}: {tar.name_of(Path(str(target)))}" for source, target in targets.items()}
    report.written = [Path(output)]
    console.result(output)
    return report, [], names


def _export_to(
    console: Console,
    verb: str,
    inputs: Sequence[str],
    output: str | None,
    format: str,
    archives: list[Path],
    how: Mapping[str, Any],
    shard: Shard | None,
    log: Path | None,
    options: dict[str, Any],
    tar: TarWriter | None = None,
) -> Exported:
    stems = bool(options.get("stems"))
    batches: Iterable[Sequence[ExportJob]]
    if not archives:
        work, skipped = jobs_of(inputs, output, format, stems=stems, shard=shard, **how)
        size = len(work) if options.get("cluster") is not None else AT_ONCE
        batches = (work[start : start + size] for start in range(0, len(work), max(size, 1)))
        batches = batches if tar is None else _tarred(in_batches(work, lambda job: 0), tar, stems)
        report = export_all(console, verb, batches, len(work), format, log=log, tar=tar, **options)
        named = tar is not None or bool(report.arranged)
        return report, skipped, {job.source: job.target for job in work} if named else {}
    named = output is not None and not is_folder(output) and known_format(output, WRITABLE) is not None
    if output is None or output == STDIO or Path(output).is_file() or named:
        raise click.UsageError("an archive needs a folder or a .tar as output (-o)")
    songs = Archived(
        console, archives, Path(output), format, how["only"], how["tracks"], overwrite=how["overwrite"], shard=shard
    )
    batches = in_batches(songs.jobs(), lambda job: len(job.data or b""))
    batches = batches if tar is None else _tarred(batches, tar, stems)
    report = export_all(console, verb, batches, None, format, log=log, tar=tar, **options)
    report.failed += songs.failed
    return report, songs.skipped, songs.targets


def _tarred(batches: Iterable[Sequence[ExportJob]], tar: TarWriter, stems: bool) -> Iterator[Sequence[ExportJob]]:
    """Give batches, and put the files of each into an archive when it has been done."""
    for jobs in batches:
        yield jobs
        for job in jobs:
            assert isinstance(job.target, Path)
            tar.take(all_files_of(job.target, stems))


def all_files_of(target: Path, stems: bool) -> list[Path]:
    """Name the files that may be there of a song."""
    from lakhnes.exporting import STEMS, stem_path

    return [stem_path(target, voice) for voice in STEMS] if stems else [target]


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
    """Write songs as the tracks of one file and print its path; one that fails is reported and left out."""
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
    console: Console,
    verb: str,
    batches: Iterable[Sequence[ExportJob]],
    total: int | None,
    format: str,
    *,
    log: Path | None = None,
    tar: TarWriter | None = None,
    cluster: Cluster | None = None,
    **options: Any,
) -> BatchReport:
    """Write batches of songs and print the paths; one that fails is reported, and the others are written.

    Songs are written here, or on the workers of `cluster`. Files that go into `tar` are named as its entries, and not
    printed. Each song that is done adds a line to `log`: an object with its ``path``, its ``output`` and its ``error``,
    or null.

    Raises
    ------
    Interrupted
        On Ctrl-C, with words about what was done.
    """
    from lakhnes.arranging import told
    from lakhnes.exporting import BatchReport, export_files, export_on

    export = export_files if cluster is None else partial(export_on, cluster)
    whole, written, failed = BatchReport(), list[str](), list[dict[str, Any]]()
    jobs: Sequence[ExportJob] = ()
    with console.progress(verb, total) as advance, lines_into(log) as note:

        def finished(job: ExportJob, error: Exception | None) -> None:
            advance(1)
            if isinstance(error, BrokenPipeError):
                raise error
            if error is not None:
                console.error(f"Error: {one_line(error)}")
                failed.append({"path": str(job.source), "error": one_line(error)})
            output = str(job.target) if isinstance(job.target, Path) else STDIO
            if tar is not None:
                output = f"{tar.path}: {tar.name_of(Path(output))}"
            if error is None:
                written.append(output)
            note({"path": str(job.source), "output": output, "error": error and one_line(error)})

        try:
            for jobs in batches:
                report = export(jobs, format, finished=finished, **options)
                for path in sorted(map(str, report.written)) if tar is None else ():
                    console.result(path)
                for source, facts in sorted(report.arranged.items()):
                    console.note(f"{source}: {told(facts)}")
                whole += report
        except KeyboardInterrupt:
            if total == 1:
                raise
            files = sorted({*written, *_unreported(jobs, options)})
            of = "" if total is None else f" of {total}"
            text = f"{len(files)}{of} songs written, the same command goes on"
            raise Interrupted(text, {"files": files, "failed": failed}) from None
    return whole


def _unreported(jobs: Sequence[ExportJob], options: dict[str, Any]) -> Iterator[str]:
    """Name the outputs of a stopped batch that are whole: workers end some after the last report.

    With ``--force`` they may be an earlier run's, and none is named.
    """
    if not options.get("overwrite"):
        targets = [job.target for job in jobs if isinstance(job.target, Path)]
        yield from (str(path) for path in targets if is_done(_files_of(path, options.get("stems", False))))


@contextlib.contextmanager
def lines_into(log: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that adds a line of JSON to a file, if there is one."""
    import json

    with contextlib.nullcontext(None) if log is None else log.open("ab", buffering=0) as file:

        def note(facts: dict[str, Any]) -> None:
            if file is not None and log is not None:
                with naming(log):
                    file.write(json.dumps(facts).encode() + b"\n")

        yield note


def tell(
    console: Console,
    report: BatchReport,
    seconds: float,
    *,
    skipped: Sequence[Path] = (),
    arranged: dict[str, Any] | None = None,
    speed: bool = False,
    to_stdout: bool = False,
) -> None:
    """Print the summary, on stderr if stdout has the file; leave with `FAILED` if anything failed."""
    files = sorted(map(str, report.written))
    failed = [{"path": str(path), "error": error} for path, error in report.failed]
    summary = {"files": files, "failed": failed, "skipped": sorted(map(str, skipped))}
    summary |= {"audio_seconds": report.audio_seconds, "seconds": seconds}
    console.summary(summary | ({} if arranged is None else {"arranged": arranged}), on_stderr=to_stdout)
    if len(files) + len(failed) > 1 or skipped:
        parts = [f"{_count(report)} written", f"{len(failed)} songs failed"]
        if skipped:
            parts.append(f"{len(skipped)} skipped, for their output exists already (--force replaces it)")
        if speed and files:
            parts.append(f"{report.audio_seconds / seconds:,.0f} x real time")
        console.note(", ".join(parts))
    if failed:
        raise click.exceptions.Exit(FAILED)


def _count(report: BatchReport) -> str:
    """Count the files that were written, and the songs where these are several files each."""
    files = f"{len(report.written)} files"
    return files if report.songs == len(report.written) else f"{files} of {report.songs} songs"
