"""``lakhnes convert``: songs from one format to another."""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.targets import STDIO, pair, read_input
from lakhnes.errors import LakhnesError
from lakhnes.files import (
    ARCHIVE_RATE,
    ARRAYS,
    AUDIO_FORMATS,
    MAX_SCORE_RATE,
    PLAYABLE,
    SCORES,
    WRITABLE,
    check_target,
    format_of,
    one_line,
)

if TYPE_CHECKING:
    from lakhnes._native import RegisterLog, Song
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
@click.option("--arrange", is_flag=True, help="Make four voices of any MIDI file, and tell what found none.")
@click.option("--arpeggio", is_flag=True, help="With --arrange: play the rest of a chord as an arpeggio.")
@click.option("--exact", is_flag=True, help="Transcribe register writes true to the chip, not as NES-MDB does.")
@click.option(
    "--score-rate",
    metavar="HZ",
    type=float,
    default=ARCHIVE_RATE,
    show_default=True,
    help="Frames a second of .npz scores; 0 takes the lowest rate that keeps the notes.",
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
    arrange: bool,
    arpeggio: bool,
    exact: bool,
    score_rate: float,
    force: bool,
) -> None:
    """Turn songs into another format.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder of songs, or - for stdin (with --from).
    The format of the output is what its name says, or --to. `lakhnes render` has options for the sound of .wav .flac
    .ogg.
    """
    if not 0 <= score_rate <= MAX_SCORE_RATE:
        raise click.BadParameter("expected 0 to 44100", param_hint="--score-rate")
    rate = score_rate or None
    if STDIO in (*inputs, output):
        if len(inputs) != 1:
            raise click.UsageError("- stands for one song in or one file out")
        if output == STDIO and target_format is None:
            raise click.UsageError("-o - needs --to, for stdout has no name that says the format")
        chosen = target_format or format_of(output, WRITABLE)
        if output != STDIO:
            check_target(output, overwrite=force)
        song, report = _read(inputs[0], source_format, arrange, arpeggio)
        _convert_stream(console, _score(song, chosen, exact), report, output, chosen, expression, rate, force)
        return

    from lakhnes.arranging import told
    from lakhnes.songs import write

    started = time.monotonic()
    chosen = target_format or format_of(output, WRITABLE)
    pairs = pair(inputs, output, chosen, only="mid" if arrange else source_format, overwrite=force)
    written, failed, audio_seconds = [], [], 0.0
    arranged = {}
    with console.progress("convert", len(pairs)) as advance:
        for source, target in pairs:
            try:
                song, report = _read(str(source), source_format, arrange, arpeggio)
                song = _score(song, chosen, exact)
                write(song, target, chosen, overwrite=force, expression=expression, score_rate=rate)
            except (LakhnesError, OSError) as error:
                failed.append({"path": str(source), "error": one_line(error)})
                console.error(f"Error: {one_line(error)}")
            else:
                written.append(str(target))
                audio_seconds += song.duration
                console.result(target)
                if report is not None:
                    console.note(f"{source}: {told(report)}")
                    arranged[str(target)] = report
            advance(1)
    seconds = time.monotonic() - started
    facts = {"files": written, "failed": failed, "audio_seconds": audio_seconds, "seconds": seconds}
    console.summary(facts | ({"arranged": arranged} if arrange else {}))
    if len(pairs) > 1:
        console.note(f"{len(written)} files written, {len(failed)} songs failed")
    if failed:
        raise click.exceptions.Exit(1)


def _read(
    source: str, source_format: str | None, arrange: bool, arpeggio: bool
) -> tuple["Song | RegisterLog", dict[str, Any] | None]:
    """Read a song, with the report of its arrangement if there is one."""
    from lakhnes import arranging
    from lakhnes.songs import decode

    data, format_name, name = read_input(source, source_format)
    if arrange:
        return arranging.arrange(data, format_name, name=name, arpeggio=arpeggio)
    return decode(data, format_name, name=name), None


def _score(song: "Song | RegisterLog", target_format: str, exact: bool) -> "Song | RegisterLog":
    """Transcribe register writes where that is to be exact and the target holds a score."""
    from lakhnes._native import Song

    if exact and not isinstance(song, Song) and target_format in (*SCORES, *ARRAYS):
        return song.transcribe(exact=True)
    return song


def _convert_stream(
    console: Console,
    song: "Song | RegisterLog",
    report: dict[str, Any] | None,
    output: str,
    target_format: str,
    expression: "Expression",
    rate: float | None,
    force: bool,
) -> None:
    """Convert one song from stdin, to stdout, or both."""
    import io

    from lakhnes.arranging import told
    from lakhnes.audio import encode_audio
    from lakhnes.songs import encode, perform, write

    if report is not None:
        console.note(told(report))
    if output != STDIO:
        write(song, output, target_format, overwrite=force, expression=expression, score_rate=rate)
        click.echo(output)
        return
    if target_format in AUDIO_FORMATS:
        sound = io.BytesIO()  # an encoder goes back to complete its header, which a pipe cannot
        encode_audio(sound, perform(song, expression=expression).render_int16(), 44_100, target_format)
        sys.stdout.buffer.write(sound.getbuffer())
    else:
        sys.stdout.buffer.write(encode(song, target_format, expression, rate))
