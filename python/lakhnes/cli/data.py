"""``lakhnes data``: corpora for training and evaluation."""

import time
from pathlib import Path
from typing import Any

import click

from lakhnes.cli.adapt import adapt
from lakhnes.cli.compare import compare
from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.group import SubcommandGroup
from lakhnes.cli.nsf import nsf
from lakhnes.cli.options import arrange_options, jobs_option, names_of
from lakhnes.cli.shard import corpus_options, shard, shard_texts
from lakhnes.data.layout import TEXTS

__all__ = ["data"]

SCORE_RATE_HELP = "Reduce songs to this frame rate first (NES-MDB's scores have 24 Hz).  [default: keep every sample]"


@click.group(cls=SubcommandGroup)
def data() -> None:
    """Make corpora for training and evaluation."""


data.add_command(adapt)
data.add_command(compare)
data.add_command(nsf)
data.add_command(shard)


@data.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DEST")
@jobs_option("Songs")
@click.option("--exact", is_flag=True, help="Transcribe register writes true to the chip, not as NES-MDB does.")
@click.option("--score-rate", type=click.FloatRange(min=0, min_open=True), metavar="HZ", help=SCORE_RATE_HELP)
@corpus_options
@common_options
@pass_console
def nesmdb(
    console: Console, /, source: str, target: str, formats: str, jobs: int, shards: bool, force: bool, **options: Any
) -> None:
    """Convert an NES-MDB archive or folder to TX1 and TX2 texts.

    SRC is a folder or a .tar.gz or .tar.xz archive with folders train, valid, test of .vgm, .mid, .exprsco.pkl,
    .tx1.txt or .tx2.txt files, or of any other form of NES-MDB. DEST gets folders of the same names with NAME.tx1.txt
    and NAME.tx2.txt.
    """
    from lakhnes.data.nesmdb import convert_nesmdb

    chosen = names_of(formats, TEXTS, "--to")
    started = time.monotonic()
    with console.progress("convert", None) as advance:
        report = convert_nesmdb(source, target, to=chosen, threads=jobs, overwrite=force, finished=advance, **options)
    seconds = time.monotonic() - started
    for _, error in report.failed:
        console.error(f"Error: {error}")
    counts = ", ".join(f"{count} {split}" for split, count in report.songs.items())
    events = ", ".join(f"{count:,} {name.upper()} events" for name, count in report.events.items())
    console.note(f"{report.songs.total()} songs ({counts}), {events}, {len(report.failed)} failed, {seconds:.1f} s")
    if report.songs:
        if shards:
            shard_texts(console, Path(target), chosen)
        console.result(target)
    console.summary(
        {
            "corpus": target,
            "songs": dict(report.songs),
            "events": dict(report.events),
            "failed": [{"path": place, "error": error} for place, error in report.failed],
            "seconds": seconds,
        }
    )
    if report.failed:
        raise click.exceptions.Exit(FAILED)


@data.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--length", type=click.IntRange(min=1), help="Measure only this number of events of a song.")
@click.option(
    "--min-length", default=1, show_default=True, type=click.IntRange(min=0), help="Leave out songs with fewer events."
)
@arrange_options("Arrange MIDI files that lack the voices of NES-MDB, in place of leaving them out.")
@common_options
@pass_console
def stats(
    console: Console, /, folders: tuple[Path, ...], length: int | None, min_length: int, arrange: bool, **how: Any
) -> None:
    """Print statistics of the songs of folders, side by side, as a table in Markdown.

    DIR is a corpus (a column for each of its splits) or a folder of songs in any readable format. Compared with the
    valid split, the figures of composed songs show whether these are too short, too long, monotonous or aimless.
    """
    from lakhnes.evaluation.statistics import find_songs, markdown, measure, summarize
    from lakhnes.files import one_line

    found = [(folder, *item) for folder in folders for item in find_songs(folder).items()]
    names = [name for _, name, _ in found]
    columns: dict[str, Any] = {}
    failed: list[tuple[Path, Exception]] = []
    with console.progress("measure", sum(len(paths) for *_, paths in found)) as advance:
        for folder, name, paths in found:
            measured = measure(paths, length=length, arrange=how if arrange else None, failed=failed, advance=advance)
            chosen = [figures for figures in measured if figures.events >= min_length]
            place = folder / name if (folder / name).is_dir() else folder
            columns[name if names.count(name) == 1 else str(place)] = summarize(chosen)
    lines = [(str(path), one_line(error)) for path, error in failed]
    for path, line in lines:
        console.error(f"Error: {line if line.startswith(path) else f'{path}: {line}'}")
    console.results(markdown(columns))
    console.summary({"columns": columns, "failed": [{"path": path, "error": line} for path, line in lines]})
    if failed:
        raise click.exceptions.Exit(FAILED)
