"""``lakhnes render``: songs to sound."""

import shutil
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.targets import STDIO, pair, read_input
from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS, PLAYABLE, check_target, format_of

if TYPE_CHECKING:
    from lakhnes.rendering import Arrangement, BatchReport

__all__ = ["render"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE|DIR|-", help="Where to; beside each input if not given.")
@click.option("--format", "audio_format", type=click.Choice(AUDIO_FORMATS), help="Of the output.  [default: wav]")
@click.option("--from", "source_format", type=click.Choice(PLAYABLE), help="Format of the inputs, if not by name.")
@click.option(
    "--rate", default=44_100, show_default=True, type=click.IntRange(8_000, 192_000), help="Samples a second."
)
@click.option(
    "--mixer", default="nes", show_default=True, type=click.Choice(["nes", "linear"]), help="How voices add up."
)
@click.option(
    "--filter",
    "output_filter",
    default="nes",
    show_default=True,
    type=click.Choice(["nes", "famicom", "none"]),
    help="The console's output filter.",
)
@click.option(
    "--downsample", type=click.FloatRange(min=0, min_open=True), help="Reduce scores to a frame rate (Hz) first."
)
@click.option(
    "--expression",
    default="plain",
    show_default=True,
    type=click.Choice(["plain", "natural"]),
    help="How scores without dynamics are played.",
)
@click.option("--loops", default=2, show_default=True, type=click.IntRange(min=1), help="How often a loop is played.")
@click.option(
    "--fade", default=8.0, show_default=True, type=click.FloatRange(min=0), help="Fade after the loops (seconds)."
)
@click.option("--dither", is_flag=True, help="Add triangular dither before rounding to 16 bits.")
@click.option("--stems", is_flag=True, help="A file a voice: NAME.p1.wav, …")
@click.option("--max-duration", default=3600.0, show_default=True, help="Refuse longer songs (seconds).")
@click.option("-j", "--jobs", default=0, type=click.IntRange(min=0), help="Songs at once.  [default: one a core]")
@click.option("--arrange", is_flag=True, help="Make four voices of any MIDI file, and tell what found none.")
@click.option("--arpeggio", is_flag=True, help="With --arrange: play the rest of a chord as an arpeggio.")
@click.option("-f", "--force", is_flag=True, help="Replace outputs that exist.")
@common_options
@pass_console
def render(
    console: Console,
    inputs: tuple[str, ...],
    output: str | None,
    audio_format: str | None,
    source_format: str | None,
    rate: int,
    mixer: str,
    output_filter: str,
    downsample: float | None,
    expression: str,
    loops: int,
    fade: float,
    dither: bool,
    stems: bool,
    max_duration: float,
    jobs: int,
    arrange: bool,
    arpeggio: bool,
    force: bool,
) -> None:
    """Play songs on the chip and write what is heard.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder of songs, or - for stdin (with --from).
    The paths of the files that were written go to stdout.
    """
    from lakhnes import rendering

    options: dict[str, Any] = {
        "downsample": downsample,
        "sample_rate": rate,
        "mixer": mixer,
        "filter": output_filter,
        "max_duration": max_duration,
        "loops": loops,
        "fade": fade,
        "dither": dither,
        "expression": expression,
    }
    started = time.monotonic()
    if STDIO in (*inputs, output):
        if len(inputs) != 1 or output is None or stems:
            raise click.UsageError("- stands for one song in or one file out, and needs -o")
        chosen = audio_format or ("wav" if output == STDIO else format_of(output, AUDIO_FORMATS))
        arrangement = _arrangement(arrange, arpeggio)
        done = _render_stream(console, inputs[0], output, source_format, chosen, arrangement, force=force, **options)
        if output != STDIO:  # which carries the sound
            console.result(output)
            console.summary(done | {"seconds": time.monotonic() - started})
        return

    only = "mid" if arrange else source_format
    pairs = pair(inputs, output, audio_format or _format_by_name(output), only=only, overwrite=force or stems)
    chosen = audio_format or format_of(pairs[0][1], AUDIO_FORMATS)
    if stems:
        for _, target in pairs:
            for voice in rendering.STEMS:
                check_target(rendering.stem_path(target, voice), overwrite=force)
    arrangement = _arrangement(arrange, arpeggio)
    work = [rendering.RenderJob(source, target, source_format, arrangement) for source, target in pairs]
    with console.progress("render", len(work)) as advance:

        def finished(job: rendering.RenderJob, error: str | None) -> None:
            advance(1)
            if error is not None:
                console.error(f"Error: {error}")

        report = rendering.render_files(work, format=chosen, threads=jobs, stems=stems, finished=finished, **options)
    _tell(console, report, time.monotonic() - started)


def _tell(console: Console, report: "BatchReport", seconds: float) -> None:
    """Print what was written and leave with 1 if anything failed."""
    from lakhnes.arranging import told

    paths = sorted(map(str, report.written))
    for path in paths:
        console.result(path)
    failed = [{"path": str(path), "error": error} for path, error in report.failed]
    arranged = {str(path): facts for path, facts in report.arranged.items()}
    for path_name, facts in sorted(arranged.items()):
        console.note(f"{path_name}: {told(facts)}")
    summary = {"files": paths, "failed": failed, "audio_seconds": report.audio_seconds, "seconds": seconds}
    console.summary(summary | ({"arranged": arranged} if arranged else {}))
    if len(paths) + len(failed) > 1:
        speed = report.audio_seconds / seconds
        console.note(f"{len(paths)} files written, {len(failed)} songs failed, {speed:,.0f} x real time")
    if failed:
        raise click.exceptions.Exit(1)


def _arrangement(arrange: bool, arpeggio: bool) -> "Arrangement | None":
    """Give the name of what the flags ask for."""
    if not arrange:
        return None
    return "arpeggio" if arpeggio else "plain"


def _format_by_name(output: str | None) -> str:
    """Give the format that the name of an output stands for; WAV for folders."""
    try:
        return format_of(output or "", AUDIO_FORMATS)
    except FormatError:
        return "wav"


def _render_stream(
    console: Console,
    source: str,
    output: str,
    source_format: str | None,
    audio_format: str,
    arrangement: "Arrangement | None",
    *,
    force: bool,
    **options: Any,
) -> dict[str, Any]:
    """Render one song from stdin, to stdout, or both; return the facts of the summary."""
    from lakhnes import arranging
    from lakhnes.audio import encode_blocks, write_blocks
    from lakhnes.songs import decode, perform

    if output != STDIO:
        check_target(output, overwrite=force)
    data, format_name, name = read_input(source, source_format)
    if arrangement is None:
        played = decode(data, format_name, name=name)
    else:
        played, report = arranging.arrange(data, format_name, name=name, arpeggio=arrangement == "arpeggio")
        console.note(arranging.told(report))
    log = perform(played, options.pop("downsample"), options.pop("expression"))
    blocks, rate = log.blocks(**options), options["sample_rate"]
    loop = log.loop_samples(sample_rate=rate, loops=options["loops"])
    if output != STDIO:
        frames = write_blocks(output, blocks, rate, format=audio_format, overwrite=force, loop=loop)
        return {"files": [output], "failed": [], "audio_seconds": frames / rate}
    with tempfile.TemporaryFile() as sound:  # an encoder goes back to complete its header, which a pipe cannot
        encode_blocks(sound, blocks, rate, audio_format, loop=loop)
        sound.seek(0)
        shutil.copyfileobj(sound, sys.stdout.buffer)
    return {}
