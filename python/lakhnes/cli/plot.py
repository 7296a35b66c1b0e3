"""``lakhnes plot``: the piano roll of a song."""

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import arrange_options, force_option, from_option, track_option
from lakhnes.files import base_name, format_to_read, read_limited
from lakhnes.outputs import check_target

__all__ = ["plot"]


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="PICTURE", required=True, help="A .png, .svg or .pdf file.")
@from_option("song")
@track_option
@arrange_options("Show any MIDI file before and after it is arranged for four voices.")
@click.option(
    "--dpi", default=100, show_default=True, type=click.IntRange(20, 600), help="Dots an inch; 10 x 4 inches."
)
@force_option("Replace the picture if it exists.")
@common_options
@pass_console
def plot(
    console: Console,
    file: str,
    output: str,
    source_format: str | None,
    track: int | None,
    arrange: bool,
    arpeggio: bool,
    parts: dict[str, str],
    dpi: int,
    force: bool,
) -> None:
    """Draw the piano roll of a song.

    With --arrange, any MIDI file: above its notes by channel, those that found no voice crossed out; below its four
    voices.
    """
    check_target(output, overwrite=force)
    facts: dict[str, object] = {"files": [output], "failed": []}
    if arrange and track is not None:
        raise click.UsageError("--track is for .nsf and .nsfe, --arrange for MIDI")
    if arrange:
        from lakhnes import arranging
        from lakhnes.plotting import plot_arrangement

        data = read_limited(file)
        format_name = source_format or format_to_read(file)
        song, report = arranging.arrange(data, format_name, name=file, arpeggio=arpeggio, parts=parts)
        plot_arrangement(data, song, report, output, title=base_name(file), dpi=dpi, overwrite=force)
        console.note(arranging.told(report))
        facts["arranged"] = {output: arranging.as_json(report)}
    else:
        from lakhnes.plotting import plot_song
        from lakhnes.songs import read

        plot_song(read(file, source_format, track=track), output, title=base_name(file), dpi=dpi, overwrite=force)
    console.result(output)
    console.summary(facts)
