"""``lakhnes render``: songs to sound."""

import time
from typing import Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import (
    arrange_options,
    force_option,
    from_option,
    jobs_option,
    max_duration_option,
    sound_options,
    tracks_option,
)
from lakhnes.cli.targets import STDIO
from lakhnes.files import AUDIO_FORMATS, check_target, format_of, known_format

__all__ = ["render"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE|DIR|-", help="Where to; beside each input if not given.")
@click.option("--format", "audio_format", type=click.Choice(AUDIO_FORMATS), help="Of the output.  [default: wav]")
@from_option("inputs")
@tracks_option("Which songs of an .nsf or .nsfe.  [default: all; for one output the one it begins with]")
@sound_options("plain")
@click.option(
    "--downsample", type=click.FloatRange(min=0, min_open=True), help="Reduce scores to a frame rate (Hz) first."
)
@click.option("--dither", is_flag=True, help="Add triangular dither before rounding to 16 bits.")
@click.option("--stems", is_flag=True, help="A file a voice: NAME.p1.wav, …")
@max_duration_option
@jobs_option("Songs")
@arrange_options()
@force_option()
@common_options
@pass_console
def render(
    console: Console,
    /,
    inputs: tuple[str, ...],
    output: str | None,
    audio_format: str | None,
    source_format: str | None,
    tracks: tuple[int, ...] | None,
    stems: bool,
    jobs: int,
    arrange: bool,
    force: bool,
    **options: Any,
) -> None:
    """Play songs on the chip and write what is heard.

    INPUT is a song (text, MIDI, NES-MDB score, VGM, NSF or disassembly), a folder of songs, or - for stdin (with
    --from). An .nsf or .nsfe with several tracks gives a file for each, NAME-03-TITLE.wav. The paths of the files that
    were written go to stdout.
    """
    from lakhnes.cli.exporting import export_all, jobs_of, tell
    from lakhnes.exporting import STEMS, stem_path

    started = time.monotonic()
    if stems and STDIO in (*inputs, output):
        raise click.UsageError("- stands for one file, and --stems writes one a voice")
    named = audio_format or known_format(output or "", AUDIO_FORMATS) or "wav"
    only = "mid" if arrange else source_format
    work = jobs_of(
        inputs, output, named, source_format=source_format, only=only, tracks=tracks, overwrite=force or stems
    )
    chosen = audio_format or (named if output == STDIO else format_of(str(work[0].target), AUDIO_FORMATS))
    if stems:
        for job in work:
            for voice in STEMS:
                check_target(stem_path(str(job.target), voice), overwrite=force)
    options |= {"threads": jobs, "stems": stems, "arrange": arrange, "overwrite": force}
    report = export_all(console, "render", [work], len(work), chosen, **options)
    arranged = {str(path): facts for path, facts in report.arranged.items()} or None
    seconds = time.monotonic() - started
    tell(console, report, seconds, arranged=arranged, speed=True, to_stdout=output == STDIO)
