"""``lakhnes convert``: songs from one format to another."""

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import (
    arrange_options,
    expression_option,
    force_option,
    from_option,
    jobs_option,
    log_option,
    loop_start_option,
    max_duration_option,
    midi_option,
    shard_option,
    tag_options,
    tracks_option,
)
from lakhnes.cli.targets import STDIO, is_done
from lakhnes.cli.tracks import tracks_of
from lakhnes.errors import FormatError, LakhnesError, LimitError
from lakhnes.files import (
    FORMATS,
    MAX_INPUT_BYTES,
    PLAYABLE,
    WRITABLE,
    base_name,
    format_of,
    known_format,
    one_line,
    suffix_of,
)
from lakhnes.sharding import WHOLE, Shard

if TYPE_CHECKING:
    from lakhnes.exporting import ExportJob

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
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
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
    shard: Shard,
    force: bool,
    log: Path | None,
    **options: Any,
) -> None:
    """Turn songs into another format.

    INPUT is a song (text, MIDI, NES-MDB score, VGM, NSF or disassembly), a folder or an archive (.tar.gz, .tar.xz) of
    songs, or - for stdin (with --from). The format of the output is what its name says, or --to. `lakhnes render` has
    options for the sound of .wav .flac .ogg.

    An .nsf or .nsfe with several tracks gives a file for each, NAME-03-TITLE.mid. Several songs, or a folder, whose
    output is FILE.nsf or FILE.nsfe become the tracks of that one file. Of several songs, those whose output
    is there are skipped: the same command goes on where it was interrupted.
    """
    if output is None:
        if len(inputs) < 2:
            raise click.UsageError("Missing option '-o': where does it go?")
        *given, output = inputs
        inputs = tuple(given)
    from lakhnes.archives import batches, is_archive
    from lakhnes.arranging import as_json
    from lakhnes.cli.exporting import album_jobs, export_all, export_one, jobs_of, tell

    if output == STDIO and target_format is None:
        raise click.UsageError("-o - needs --to, for stdout has no name that says the format")
    chosen = target_format or format_of(output, WRITABLE)
    options |= {"arrange": arrange, "threads": jobs, "overwrite": force}
    started = time.monotonic()
    only = "mid" if arrange else source_format
    targets: dict[Path, object]
    archives = [Path(given) for given in inputs if is_archive(Path(given))]
    how: dict[str, Any] = {"source_format": source_format, "only": only, "tracks": tracks, "overwrite": force}
    skipped: list[Path] = []
    if shard != WHOLE and archives:
        raise click.UsageError("--shard takes a part of files, and an archive was given: unpack it first")
    if not archives and (songs_of_album := album_jobs(inputs, output, chosen, **how)):
        if shard != WHOLE:
            raise click.UsageError(f"{output} is one file of all songs, and --shard takes a part of them")
        title = (options["tags"] or {}).get("title") or base_name(inputs[0] if len(inputs) == 1 else output)
        report = export_one(console, "convert", songs_of_album, Path(output), chosen, title=title, **options)
        targets = {job.source: output for job in songs_of_album}
    elif not archives:
        work, skipped = jobs_of(inputs, output, chosen, shard=shard, **how)
        targets = {job.source: job.target for job in work}
        report = export_all(console, "convert", [work], len(work), chosen, log=log, **options)
    elif len(archives) < len(inputs):
        raise click.UsageError("archives and other songs need calls of their own")
    elif output == STDIO or Path(output).is_file():
        raise click.UsageError(f"{output} is a file, but an archive needs a folder")
    else:
        songs = _Archived(console, archives, Path(output), chosen, only, tracks, overwrite=force)
        work_in_batches = batches(songs.jobs(), lambda job: len(job.data or b""))
        report = export_all(console, "convert", work_in_batches, None, chosen, log=log, **options)
        targets = {**songs.targets}
        report.failed += songs.failed
        skipped = songs.skipped
    arranged = {str(targets[source]): as_json(facts) for source, facts in report.arranged.items()}
    seconds = time.monotonic() - started
    tell(
        console, report, seconds,
        skipped=skipped, arranged=arranged if arrange else None, to_stdout=output == STDIO,
    )  # fmt: skip


class _Archived:
    """The songs of archives. Their paths stay, below the folder of the outputs."""

    def __init__(
        self,
        console: Console,
        archives: list[Path],
        folder: Path,
        to: str,
        only: str | None,
        tracks: tuple[int, ...] | None,
        *,
        overwrite: bool,
    ) -> None:
        self.skipped: list[Path] = []
        """Songs whose output is there."""
        self.failed: list[tuple[Path, str]] = []
        """Songs that cannot be taken out, and why."""
        self.targets: dict[Path, Path] = {}
        """By song, where it goes."""
        self._console, self._archives, self._folder = console, archives, folder
        self._to, self._only, self._tracks, self._overwrite = to, only, tracks, overwrite
        self._taken: set[Path] = set()

    def jobs(self) -> "Iterator[ExportJob]":
        """Give the songs, archive by archive."""
        for archive in self._archives:
            yield from self._songs(archive)

    def _songs(self, archive: Path) -> "Iterator[ExportJob]":
        from lakhnes.archives import files_in
        from lakhnes.exporting import ExportJob

        among = PLAYABLE if self._only is None else (self._only,)
        found = False
        for place, read in files_in(archive):
            if (format_name := known_format(place, among)) is None:
                continue
            found = True
            name = Path(f"{archive}: {place}")
            data = read()
            try:
                if len(data) > MAX_INPUT_BYTES:
                    raise LimitError(f"{name}: more than {MAX_INPUT_BYTES} bytes")
                jobs = []
                for track, stem, title in self._tracks_of(data, format_name, place):
                    target = self._target(str(name), place, stem)
                    if not self._overwrite and is_done([target]):
                        self.skipped.append(name)
                        continue
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.targets[name] = target
                    jobs.append(ExportJob(name, target, format_name, data, title=title, track=track))
            except (LakhnesError, OSError) as error:
                self.failed.append((name, one_line(error)))
                self._console.error(f"Error: {one_line(error)}")
                continue
            yield from jobs
        if not found:
            raise FormatError(f"{archive}: no {self._only or 'readable'} songs in this archive")

    def _tracks_of(self, data: bytes, format_name: str, place: str) -> list[tuple[int | None, str, str]]:
        """List the songs of a file: track, stem of the name, title. Reading it will find what is wrong with it."""
        name = base_name(place)
        if FORMATS[format_name].tracks:
            with contextlib.suppress(LakhnesError):
                return [*tracks_of(data, name, self._tracks)]
        return [(self._tracks[0] if self._tracks else None, name, name)]

    def _target(self, name: str, place: str, stem: str) -> Path:
        from lakhnes.archives import MAX_PART, inner_path

        path = inner_path(place)
        if path is None:
            what = rf"expected names that do not begin with a dot, without \ and :, of at most {MAX_PART} bytes"
            raise FormatError(f"{name}: {what}")
        target = self._folder / path.with_name(stem + suffix_of(self._to))
        if target in self._taken:
            raise FormatError(f"{name}: becomes {target}, and so does a song before it")
        self._taken.add(target)
        return target
