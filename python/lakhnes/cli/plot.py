"""``lakhnes plot``: the piano roll of a song."""

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.files import SCORES, base_name, check_target

__all__ = ["plot"]


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="PICTURE", required=True, help="A .png, .svg or .pdf file.")
@click.option("--from", "source_format", type=click.Choice(SCORES), help="Format of the song, if not by name.")
@click.option(
    "--dpi", default=100, show_default=True, type=click.IntRange(20, 600), help="Dots an inch; 10 x 4 inches."
)
@click.option("-f", "--force", is_flag=True, help="Replace the picture if it exists.")
@common_options
@pass_console
def plot(console: Console, file: str, output: str, source_format: str | None, dpi: int, force: bool) -> None:
    """Draw the piano roll of a song."""
    check_target(output, overwrite=force)
    from lakhnes.plotting import plot_song
    from lakhnes.songs import read

    plot_song(read(file, source_format), output, title=base_name(file), dpi=dpi, overwrite=force)
    console.result(output)
    console.summary({"files": [output], "failed": []})
