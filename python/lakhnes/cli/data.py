"""``lakhnes data``: corpora for training and evaluation."""

from pathlib import Path
from typing import Any

import click

from lakhnes.cli.adapt import adapt
from lakhnes.cli.compare import compare
from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.group import SubcommandGroup
from lakhnes.cli.merge import merge
from lakhnes.cli.nesmdb import nesmdb
from lakhnes.cli.nsf import nsf
from lakhnes.cli.options import arrange_options
from lakhnes.cli.place import Place
from lakhnes.cli.shard import shard

__all__ = ["data"]


@click.group(cls=SubcommandGroup)
def data() -> None:
    """Make corpora for training and evaluation."""


data.add_command(adapt)
data.add_command(compare)
data.add_command(merge)
data.add_command(nesmdb)
data.add_command(nsf)
data.add_command(shard)


@data.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=Place(path_type=Path))
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
