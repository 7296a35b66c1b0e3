"""``lakhnes render``: songs to sound."""

import time
from pathlib import Path
from typing import Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import (
    arrange_options,
    force_option,
    from_option,
    jobs_option,
    log_option,
    loop_start_option,
    loudness_options,
    sound_options,
    tag_options,
)
from lakhnes.cli.targets import STDIO
from lakhnes.files import AUDIO_FORMATS, format_of, known_format

__all__ = ["render"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE|DIR|-", help="Where to; beside each input if not given.")
@click.option("--format", "audio_format", type=click.Choice(AUDIO_FORMATS), help="Of the output.  [default: wav]")
@from_option("inputs")
@sound_options("plain")
@click.option(
    "--downsample", type=click.FloatRange(min=0, min_open=True), help="Reduce scores to a frame rate (Hz) first."
)
@loudness_options()
@loop_start_option()
@click.option("--dither", is_flag=True, help="Add triangular dither before rounding to 16 bits.")
@click.option("--stems", is_flag=True, help="A file a voice: NAME.p1.wav, …")
@click.option("--max-duration", default=3600.0, show_default=True, help="Refuse longer songs (seconds).")
@jobs_option("Songs")
@arrange_options()
@tag_options()
@log_option()
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
    stems: bool,
    jobs: int,
    arrange: bool,
    force: bool,
    log: Path | None,
    **options: Any,
) -> None:
    """Play songs on the chip and write what is heard.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder of songs, or - for stdin (with --from).
    The paths of the files that were written go to stdout. Of several songs, those whose output is there are skipped:
    the same command goes on where it was interrupted.
    """
    from lakhnes.arranging import as_json
    from lakhnes.cli.exporting import export_all, jobs_of, tell

    started = time.monotonic()
    if stems and STDIO in (*inputs, output):
        raise click.UsageError("- stands for one file, and --stems writes one a voice")
    named = audio_format or known_format(output or "", AUDIO_FORMATS) or "wav"
    only = "mid" if arrange else source_format
    work, skipped = jobs_of(inputs, output, named, source_format=source_format, only=only, overwrite=force, stems=stems)
    chosen = audio_format or named
    if work and output != STDIO:
        chosen = audio_format or format_of(str(work[0].target), AUDIO_FORMATS)
    options |= {"threads": jobs, "stems": stems, "arrange": arrange, "overwrite": force}
    report = export_all(console, "render", [work], len(work), chosen, log=log, **options)
    arranged = {str(path): as_json(facts) for path, facts in report.arranged.items()} or None
    seconds = time.monotonic() - started
    tell(console, report, seconds, skipped=skipped, arranged=arranged, speed=True, to_stdout=output == STDIO)
