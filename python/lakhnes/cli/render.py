"""``lakhnes render``: songs to sound."""

import time
from typing import Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.sound import sound_options
from lakhnes.cli.targets import STDIO
from lakhnes.errors import FormatError
from lakhnes.files import AUDIO_FORMATS, PLAYABLE, check_target, format_of

__all__ = ["render"]


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FILE|DIR|-", help="Where to; beside each input if not given.")
@click.option("--format", "audio_format", type=click.Choice(AUDIO_FORMATS), help="Of the output.  [default: wav]")
@click.option("--from", "source_format", type=click.Choice(PLAYABLE), help="Format of the inputs, if not by name.")
@sound_options(expression="plain")
@click.option(
    "--downsample", type=click.FloatRange(min=0, min_open=True), help="Reduce scores to a frame rate (Hz) first."
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
    /,
    inputs: tuple[str, ...],
    output: str | None,
    audio_format: str | None,
    source_format: str | None,
    stems: bool,
    jobs: int,
    arrange: bool,
    force: bool,
    **options: Any,
) -> None:
    """Play songs on the chip and write what is heard.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder of songs, or - for stdin (with --from).
    The paths of the files that were written go to stdout.
    """
    from lakhnes.cli.exporting import export_all, jobs_of, tell
    from lakhnes.exporting import STEMS, stem_path

    started = time.monotonic()
    if stems and STDIO in (*inputs, output):
        raise click.UsageError("- stands for one file, and --stems writes one a voice")
    named = audio_format or _format_by_name(output)
    only = "mid" if arrange else source_format
    work = jobs_of(inputs, output, named, source_format=source_format, only=only, overwrite=force or stems)
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


def _format_by_name(output: str | None) -> str:
    """Give the format that the name of an output stands for; WAV for folders and stdout."""
    try:
        return format_of(output or "", AUDIO_FORMATS)
    except FormatError:
        return "wav"
