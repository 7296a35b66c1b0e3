"""``lakhnes convert``: songs from one format to another."""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import (
    arrange_options,
    expression_option,
    force_option,
    from_option,
    inputs_options,
    jobs_option,
    log_option,
    loop_start_option,
    max_duration_option,
    midi_option,
    scheduler_option,
    shard_option,
    tag_options,
    tracks_option,
)
from lakhnes.cli.targets import STDIO, Listed
from lakhnes.files import (
    WRITABLE,
    base_name,
    format_of,
)
from lakhnes.sharding import Shard
from lakhnes.tar import is_tar

if TYPE_CHECKING:
    from lakhnes.cluster import Cluster

__all__ = ["convert"]


class _Part(click.ParamType[tuple[int, int]]):
    """The part of a log that is kept: START:COUNT, events of its raw disassembly."""

    name = "START:COUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        start, colon, count = str(value).partition(":")
        if not colon or not start.isdecimal() or not count.isdecimal():
            self.fail(f"{value!r} is no START:COUNT, such as 400:1000", param, ctx)
        return int(start), int(count)


class _Passage(click.ParamType[tuple[float, float | None]]):
    """The part of a song that is kept: START:END in seconds, either of which may be left out."""

    name = "START:END"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float | None]:
        start, colon, end = str(value).partition(":")
        with contextlib.suppress(ValueError):
            passage = float(start or 0), float(end) if end else None
            if colon and 0.0 <= passage[0] < (math.inf if passage[1] is None else passage[1]):
                return passage
        return self.fail(f"{value!r} is no START:END in seconds, such as 10:40", param, ctx)


@click.command()
@inputs_options()
@click.option(
    "-o", "--output", metavar="OUT", help="File, folder (with --to), or - for stdout.  [default: the last argument]"
)
@click.option("--to", "target_format", type=click.Choice(WRITABLE), help="Format of the output, if not by name.")
@from_option("inputs")
@tracks_option("Which songs of an .nsf or .nsfe.  [default: all; for one output the one it begins with]")
@max_duration_option
@expression_option("plain")
@arrange_options()
@click.option("--exact", is_flag=True, help="Transcribe register writes true to the chip, not as NES-MDB does.")
@click.option("--simplify", is_flag=True, help="Take out of VGM files what four voices do not play, and the loop.")
@click.option("--shorten", type=_Part(), help="Keep COUNT writes and waits of a log from number START on.")
@click.option("--long-waits", is_flag=True, help="Write the waits of a VGM file as nesmdb does, to the byte.")
@click.option(
    "--score-rate",
    metavar="HZ",
    type=click.FloatRange(0, 44_100),
    help="Frames a second of .npz scores; 0 takes the lowest rate that keeps the notes.  [default: 24; raw: 44100]",
)
@click.option("--trim", type=_Passage(), help="Keep what sounds between two times (seconds): 10:40, 10: or :40.")
@click.option("--transpose", default=0, type=click.IntRange(-127, 127), help="Move the melodic voices by semitones.")
@midi_option("nesmdb")
@loop_start_option()
@tag_options()
@jobs_option("Songs")
@shard_option("songs")
@scheduler_option()
@log_option()
@force_option()
@common_options
@pass_console
def convert(
    console: Console,
    /,
    inputs: tuple[str, ...],
    output: str | None,
    target_format: str | None,
    source_format: str | None,
    tracks: tuple[int, ...] | None,
    arrange: bool,
    jobs: int,
    shard: Shard | None,
    cluster: "Cluster | None",
    force: bool,
    log: Path | None,
    **options: Any,
) -> None:
    """Turn songs into another format.

    INPUT is a song (text, MIDI, NES-MDB score, VGM, NSF or disassembly), a folder or an archive (.zip, .tar, .tar.gz,
    .tar.xz) of songs, or - for stdin (with --from). The format of the output is what its name says, or --to.
    `lakhnes render` has options for the sound of .wav .flac .ogg.

    An .nsf or .nsfe with several tracks gives a file for each, NAME-03-TITLE.mid. Several songs, or a folder, whose
    output is FILE.nsf or FILE.nsfe become the tracks of that one file. With -o FILE.tar the outputs are the entries of
    a tar archive, as WebDataset reads them. Of several songs, those whose output is there are skipped: the same command
    goes on where it was interrupted. Both may be addresses, such as s3://BUCKET/FOLDER, with lakhnes[cluster].
    """
    if output is None:
        if len(inputs) < 2:
            raise click.UsageError("Missing option '-o': where does it go?")
        *given, output = inputs
        inputs = tuple(given)
    from lakhnes.arranging import as_json
    from lakhnes.cli.exporting import album_jobs, export_inputs, export_one, tell
    from lakhnes.cli.remote import export_remote
    from lakhnes.remote import is_url

    if isinstance(output, Listed):
        raise click.UsageError("Missing option '-o': where does it go?")
    if target_format is None and (output == STDIO or is_tar(output)):
        raise click.UsageError(f"-o {output} needs --to, for its name does not say the format of the songs")
    chosen = target_format or format_of(output, WRITABLE)
    options |= {"arrange": arrange, "threads": jobs, "overwrite": force}
    started = time.monotonic()
    only = "mid" if arrange else source_format
    how: dict[str, Any] = {"source_format": source_format, "only": only, "tracks": tracks, "overwrite": force}
    skipped: Sequence[Path] = ()
    remote = any(map(is_url, (*inputs, output)))
    if not remote and (songs_of_album := album_jobs(inputs, output, chosen, **how)):
        if shard is not None or cluster is not None:
            raise click.UsageError(f"{output} is one file of all songs, and --shard and --scheduler divide them")
        title = (options["tags"] or {}).get("title") or base_name(inputs[0] if len(inputs) == 1 else output)
        report = export_one(console, "convert", songs_of_album, Path(output), chosen, title=title, **options)
        targets: Mapping[Path, object] = {job.source: output for job in songs_of_album}
    else:
        export = export_remote if remote else export_inputs
        report, skipped, targets = export(
            console, "convert", inputs, output, chosen, shard=shard, log=log, how=how, cluster=cluster, **options
        )
    arranged = {str(targets[source]): as_json(facts) for source, facts in report.arranged.items()}
    seconds = time.monotonic() - started
    tell(
        console, report, seconds,
        skipped=skipped, arranged=arranged if arrange else None, to_stdout=output == STDIO,
    )  # fmt: skip
