"""``lakhnes convert``: songs from one format to another."""

import sys
import time
from typing import TYPE_CHECKING

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.targets import STDIO, pair, read_input
from lakhnes.errors import LakhnesError
from lakhnes.files import AUDIO_FORMATS, PLAYABLE, WRITABLE, check_target, format_of, one_line

if TYPE_CHECKING:
    from lakhnes.songs import Expression

__all__ = ["convert"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", required=True, help="File, folder (with --to), or - for stdout.")
@click.option("--to", "target_format", type=click.Choice(WRITABLE), help="Format of the output, if not by name.")
@click.option("--from", "source_format", type=click.Choice(PLAYABLE), help="Format of the inputs, if not by name.")
@click.option(
    "--expression",
    default="plain",
    show_default=True,
    type=click.Choice(["plain", "natural"]),
    help="How scores without dynamics are played.",
)
@click.option("-f", "--force", is_flag=True, help="Replace outputs that exist.")
@common_options
@pass_console
def convert(
    console: Console,
    inputs: tuple[str, ...],
    output: str,
    target_format: str | None,
    source_format: str | None,
    expression: "Expression",
    force: bool,
) -> None:
    """Turn songs into another format.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder of songs, or - for stdin (with --from).
    The format of the output is what its name says, or --to. `lakhnes render` has options for the sound of .wav .flac
    .ogg.
    """
    if STDIO in (*inputs, output):
        if len(inputs) != 1:
            raise click.UsageError("- stands for one song in or one file out")
        if output == STDIO and target_format is None:
            raise click.UsageError("-o - needs --to, for stdout has no name that says the format")
        chosen = target_format or format_of(output, WRITABLE)
        _convert_stream(inputs[0], output, source_format, chosen, expression, force)
        return

    from lakhnes.files import read_limited
    from lakhnes.songs import decode, write

    started = time.monotonic()
    chosen = target_format or format_of(output, WRITABLE)
    pairs = pair(inputs, output, chosen, only=source_format, overwrite=force)
    written, failed, audio_seconds = [], [], 0.0
    with console.progress("convert", len(pairs)) as advance:
        for source, target in pairs:
            try:
                data = read_limited(source)
                song = decode(data, source_format or format_of(source, PLAYABLE), name=str(source))
                write(song, target, chosen, overwrite=force, expression=expression)
            except (LakhnesError, OSError) as error:
                failed.append({"path": str(source), "error": one_line(error)})
                console.error(f"Error: {one_line(error)}")
            else:
                written.append(str(target))
                audio_seconds += song.duration
                console.result(target)
            advance(1)
    seconds = time.monotonic() - started
    console.summary({"files": written, "failed": failed, "audio_seconds": audio_seconds, "seconds": seconds})
    if len(pairs) > 1:
        console.note(f"{len(written)} files written, {len(failed)} songs failed")
    if failed:
        raise click.exceptions.Exit(1)


def _convert_stream(
    source: str, output: str, source_format: str | None, target_format: str, expression: "Expression", force: bool
) -> None:
    """Convert one song from stdin, to stdout, or both."""
    import io

    from lakhnes.audio import encode_audio
    from lakhnes.songs import decode, encode, perform, write

    if output != STDIO:
        check_target(output, overwrite=force)
    data, format_name, name = read_input(source, source_format)
    song = decode(data, format_name, name=name)
    if output != STDIO:
        write(song, output, target_format, overwrite=force, expression=expression)
        click.echo(output)
        return
    if target_format in AUDIO_FORMATS:
        sound = io.BytesIO()  # an encoder goes back to complete its header, which a pipe cannot
        encode_audio(sound, perform(song, expression=expression).render_int16(), 44_100, target_format)
        sys.stdout.buffer.write(sound.getbuffer())
    else:
        sys.stdout.buffer.write(encode(song, target_format, expression))
