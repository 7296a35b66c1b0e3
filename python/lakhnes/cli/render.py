"""``lakhnes render``: songs to sound."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.archives import is_archive
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import (
    arrange_options,
    force_option,
    from_option,
    inputs_options,
    jobs_option,
    log_option,
    loop_start_option,
    loudness_options,
    max_duration_option,
    scheduler_option,
    shard_option,
    sound_options,
    tag_options,
    token_option,
    tracks_option,
)
from lakhnes.cli.targets import STDIO, is_batch, is_folder
from lakhnes.files import AUDIO_FORMATS, format_of, known_format
from lakhnes.sharding import Shard
from lakhnes.tar import is_tar

if TYPE_CHECKING:
    from lakhnes.cluster import Cluster

__all__ = ["render"]


@click.command()
@inputs_options()
@click.option("-o", "--output", metavar="FILE|DIR|-", help="Where to; beside each input if not given.")
@click.option("--format", "audio_format", type=click.Choice(AUDIO_FORMATS), help="Of the output.  [default: wav]")
@from_option("inputs")
@tracks_option("Which songs of an .nsf or .nsfe.  [default: all; for one output the one it begins with]")
@sound_options("plain")
@click.option(
    "--downsample", type=click.FloatRange(min=0, min_open=True), help="Reduce scores to a frame rate (Hz) first."
)
@loudness_options()
@loop_start_option()
@click.option("--dither", is_flag=True, help="Add triangular dither before rounding to 16 bits.")
@click.option("--stems", is_flag=True, help="A file a voice: NAME.p1.wav, …")
@max_duration_option
@jobs_option("Songs")
@shard_option("songs")
@scheduler_option()
@arrange_options()
@tag_options()
@log_option()
@click.option("--server", metavar="URL", help="Have a server play one song: lakhnes serve --http (docs/http-api.md).")
@token_option("With --server: what it asks for.")
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
    shard: Shard | None,
    cluster: "Cluster | None",
    arrange: bool,
    force: bool,
    log: Path | None,
    server: str | None,
    token: str | None,
    **options: Any,
) -> None:
    """Play songs on the chip and write what is heard.

    INPUT is a song (text, MIDI, NES-MDB score, VGM, NSF or disassembly), a folder or an archive (.zip, .tar, .tar.gz,
    .tar.xz) of songs, or - for stdin (with --from). With -o FILE.tar the outputs are the entries of a tar archive, as
    WebDataset reads them. An .nsf or .nsfe with several tracks gives a file for each, NAME-03-TITLE.wav. The paths of
    the files that were written go to stdout. Of several songs, those whose output is there are skipped: the same
    command goes on where it was interrupted. Both may be addresses, such as s3://BUCKET/FOLDER, with lakhnes[cluster].
    """
    from lakhnes.arranging import as_json
    from lakhnes.cli.exporting import export_inputs, tell
    from lakhnes.cli.remote import export_remote
    from lakhnes.remote import is_url

    started = time.monotonic()
    if server is not None:
        if len(inputs) != 1 or stems or arrange:
            raise click.UsageError("--server plays one song, without --stems and --arrange")
        _render_on(console, server, token, inputs[0], output, audio_format, source_format, force, options)
        return
    if stems and STDIO in (*inputs, output):
        raise click.UsageError("- stands for one file, and --stems writes one a voice")
    named = audio_format or known_format(output or "", AUDIO_FORMATS) or "wav"
    only = "mid" if arrange else source_format
    how: dict[str, Any] = {
        "source_format": source_format,
        "only": only,
        "tracks": tracks,
        "overwrite": force,
    }
    found = inputs[0] == STDIO or Path(inputs[0]).exists()  # else that is what is wrong
    is_single = not is_batch(inputs) and not is_archive(Path(inputs[0]))
    if output is not None and output != STDIO and audio_format is None and found and is_single:
        named = _format_of_file(output, named)
    options |= {"threads": jobs, "stems": stems, "arrange": arrange, "overwrite": force, "cluster": cluster}
    export = export_remote if any(map(is_url, (*inputs, output))) else export_inputs
    report, skipped, _ = export(console, "render", inputs, output, named, shard=shard, log=log, how=how, **options)
    arranged = {str(path): as_json(facts) for path, facts in report.arranged.items()} or None
    seconds = time.monotonic() - started
    tell(console, report, seconds, skipped=skipped, arranged=arranged, speed=True, to_stdout=output == STDIO)


def _format_of_file(output: str, named: str) -> str:
    """Return the format of the sound of one song: what the name of its file says, and it has to say one."""
    if is_folder(output) or is_tar(output):
        return named
    return format_of(output, AUDIO_FORMATS)


def _render_on(
    console: Console,
    server: str,
    token: str | None,
    source: str,
    output: str | None,
    audio_format: str | None,
    source_format: str | None,
    force: bool,
    options: dict[str, Any],
) -> None:
    """Have a server play a song, and write what it gives."""
    from lakhnes.cli.targets import pair, read_input
    from lakhnes.outputs import check_target, write_bytes
    from lakhnes.studio.client import render_on

    format = audio_format or known_format(output or "", AUDIO_FORMATS) or "wav"
    target = None
    if output != STDIO:
        if source == STDIO and output is None:
            raise click.UsageError("- needs -o, for stdin has no name")
        target = Path(output or "") if source == STDIO else pair([source], output, format, only=None)[0].target
        check_target(target, overwrite=force)
    data, chosen, _ = read_input(source, source_format)
    sound = {name: options[name] for name in ("mixer", "filter", "expression", "loops", "fade", "downsample")}
    sound["rate"] = options["sample_rate"]
    made = render_on(server, data, chosen, format, token=token, **sound)
    if target is None:
        sys.stdout.buffer.write(made)
        console.summary({"files": [STDIO], "failed": []}, on_stderr=True)
        return
    write_bytes(target, made, overwrite=force)
    console.result(target)
    console.summary({"files": [str(target)], "failed": []})
