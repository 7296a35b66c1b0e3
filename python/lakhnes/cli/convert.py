"""``lakhnes convert``: songs from one format to another."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.targets import STDIO, pair, read_input
from lakhnes.errors import FormatError, LakhnesError, LimitError
from lakhnes.files import (
    ARRAYS,
    AUDIO_FORMATS,
    MAX_INPUT_BYTES,
    MAX_SCORE_RATE,
    PLAYABLE,
    WRITABLE,
    base_name,
    check_target,
    format_of,
    one_line,
    suffix_of,
)

if TYPE_CHECKING:
    from lakhnes._native import RegisterLog, Song
    from lakhnes.songs import Expression

__all__ = ["convert"]


@dataclass(frozen=True)
class _How:
    """How each song becomes another file."""

    to: str
    arrange: bool
    arpeggio: bool
    simplify: bool
    shorten: tuple[int, int] | None
    options: dict[str, Any]


class _Part(click.ParamType[tuple[int, int]]):
    """The part of a log that is kept: START:COUNT, events of its raw disassembly."""

    name = "START:COUNT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        start, colon, count = str(value).partition(":")
        if not colon or not start.isdecimal() or not count.isdecimal():
            self.fail(f"{value!r} is no START:COUNT, such as 400:1000", param, ctx)
        return int(start), int(count)


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="OUT", help="File, folder (with --to), or - for stdout.  [default: the last argument]"
)
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
@click.option("--simplify", is_flag=True, help="Take out of VGM files what four voices do not play, and the loop.")
@click.option("--shorten", type=_Part(), help="Keep COUNT writes and waits of a log from number START on.")
@click.option("--long-waits", is_flag=True, help="Write the waits of a VGM file as nesmdb does, to the byte.")
@click.option(
    "--score-rate",
    metavar="HZ",
    type=float,
    help="Frames a second of .npz scores; 0 takes the lowest rate that keeps the notes.  [default: 24; raw: 44100]",
)
@click.option("-f", "--force", is_flag=True, help="Replace outputs that exist.")
@common_options
@pass_console
def convert(
    console: Console,
    inputs: tuple[str, ...],
    output: str | None,
    target_format: str | None,
    source_format: str | None,
    expression: "Expression",
    arrange: bool,
    arpeggio: bool,
    exact: bool,
    simplify: bool,
    shorten: tuple[int, int] | None,
    long_waits: bool,
    score_rate: float | None,
    force: bool,
) -> None:
    """Turn songs into another format.

    INPUT is a song (text, MIDI, NES-MDB score, VGM or disassembly), a folder or an archive (.tar.gz, .tar.xz) of songs,
    or - for stdin (with --from). The format of the output is what its name says, or --to. `lakhnes render` has options
    for the sound of .wav .flac .ogg.
    """
    if output is None:
        if len(inputs) < 2:
            raise click.UsageError("Missing option '-o': where does it go?")
        *given, output = inputs
        inputs = tuple(given)
    if score_rate is not None and not 0 <= score_rate <= MAX_SCORE_RATE:
        raise click.BadParameter("expected 0 to 44100", param_hint="--score-rate")
    if STDIO in (*inputs, output):
        if len(inputs) != 1:
            raise click.UsageError("- stands for one song in or one file out")
        if output == STDIO and target_format is None:
            raise click.UsageError("-o - needs --to, for stdout has no name that says the format")
    started = time.monotonic()
    chosen = target_format or format_of(output, WRITABLE)
    options = {"expression": expression, "exact": exact, "long_waits": long_waits, "score_rate": score_rate}
    how = _How(chosen, arrange, arpeggio, simplify, shorten, options)
    if STDIO in (*inputs, output):
        if output != STDIO:
            check_target(output, overwrite=force)
        done = _convert_stream(console, read_input(inputs[0], source_format), output, how, force)
        if output != STDIO:  # which carries the song
            console.result(output)
            console.summary(done | {"seconds": time.monotonic() - started})
        return
    jobs, count = _jobs(inputs, output, how, source_format, force)
    done = _convert_all(console, jobs, count, how, force)
    facts = {key: done[key] for key in ("files", "failed", "audio_seconds")}
    facts["seconds"] = time.monotonic() - started
    console.summary(facts | ({"arranged": done["arranged"]} if arrange else {}))
    written, failed = len(facts["files"]), len(facts["failed"])
    if written + failed > 1:
        console.note(f"{written} files written, {failed} songs failed")
    if failed:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class _Job:
    """A song to convert: its name in messages, its output (None if its path cannot be one), and what reads it."""

    name: str
    target: Path | None
    read: Callable[[], tuple[bytes, str, str]]


def _jobs(
    inputs: tuple[str, ...], output: str, how: _How, source_format: str | None, force: bool
) -> tuple[Iterator[_Job], int | None]:
    """List the songs of files, folders and archives; how many they are is not known of an archive."""
    from lakhnes.archives import is_archive

    archives = [Path(given) for given in inputs if is_archive(Path(given))]
    only = "mid" if how.arrange else source_format
    if archives:
        if len(archives) < len(inputs):
            raise click.UsageError("archives and other songs need calls of their own")
        if Path(output).is_file():
            raise click.UsageError(f"{output} is a file, but an archive needs a folder")
        return (job for archive in archives for job in _archive_jobs(archive, Path(output), how.to, only)), None
    pairs = pair(inputs, output, how.to, only=only, overwrite=force)

    def reading(source: Path) -> Callable[[], tuple[bytes, str, str]]:
        return lambda: read_input(str(source), source_format)

    return (_Job(str(source), target, reading(source)) for source, target in pairs), len(pairs)


def _archive_jobs(archive: Path, folder: Path, to: str, only: str | None) -> Iterator[_Job]:
    """List the songs of an archive. Their paths stay, below the folder of the outputs."""
    from lakhnes.archives import files_in, inner_path

    among = PLAYABLE if only is None else (only,)
    found = False
    for place, read in files_in(archive):
        try:
            format_name = format_of(place, among)
        except FormatError:
            continue
        found = True
        path, name = inner_path(place), f"{archive}: {place}"

        def entry(read: Callable[[], bytes] = read, format_name: str = format_name, name: str = name) -> Any:
            data = read()
            if len(data) > MAX_INPUT_BYTES:
                raise LimitError(f"{name}: more than {MAX_INPUT_BYTES} bytes")
            return data, format_name, name

        yield _Job(name, path and folder / path.with_name(base_name(path) + suffix_of(to)), entry)
    if not found:
        raise FormatError(f"{archive}: no {only or 'readable'} songs in this archive")


def _convert_all(console: Console, jobs: Iterator[_Job], count: int | None, how: _How, force: bool) -> dict[str, Any]:
    """Convert songs one after the other; one that fails is told, and the others go on."""
    from lakhnes.arranging import told

    done: dict[str, Any] = {"files": [], "failed": [], "audio_seconds": 0.0, "arranged": {}}
    with console.progress("convert", count) as advance:
        for job in jobs:
            try:
                if job.target is None:
                    raise FormatError(f"{job.name}: expected a path that stays in its folder")
                if str(job.target) in done["files"]:
                    raise FormatError(f"{job.name}: becomes {job.target}, and so does a song before it")
                if count is None:
                    job.target.parent.mkdir(parents=True, exist_ok=True)
                given = _simplified(job.read(), how)
                song, report = _read(given, how)
                _write(song, given, job.target, how, force)
            except (LakhnesError, OSError) as error:
                done["failed"].append({"path": job.name, "error": one_line(error)})
                console.error(f"Error: {one_line(error)}")
            else:
                done["files"].append(str(job.target))
                done["audio_seconds"] += song.duration
                console.result(job.target)
                if report is not None:
                    console.note(f"{job.name}: {told(report)}")
                    done["arranged"][str(job.target)] = report
            advance(1)
    return done


def _read(given: tuple[bytes, str, str], how: _How) -> tuple["Song | RegisterLog", dict[str, Any] | None]:
    """Make a song, or a log, of bytes, with the report of its arrangement if there is one."""
    from lakhnes import arranging
    from lakhnes._native import RegisterLog
    from lakhnes.songs import decode

    data, format_name, name = given
    if how.arrange:
        return arranging.arrange(data, format_name, name=name, arpeggio=how.arpeggio)
    wants_notes = how.to in ("tx1", "tx2", "mid", *ARRAYS) and how.to != "rawsco.npz"
    song = decode(data, format_name, name=name, score=wants_notes and how.shorten is None)
    if how.shorten is not None:
        if not isinstance(song, RegisterLog):
            raise FormatError(f"{name}: {format_name}, expected register writes to shorten")
        song = song.shorten(*how.shorten)
    return song, None


def _simplified(given: tuple[bytes, str, str], how: _How) -> tuple[bytes, str, str]:
    """Simplify the bytes of a VGM file, if that is asked for."""
    from lakhnes._native import RegisterLog

    data, format_name, name = given
    if not how.simplify:
        return given
    if format_name not in ("vgm", "vgz"):
        raise FormatError(f"{name}: {format_name}, expected VGM to simplify")
    try:
        return RegisterLog.simplify_vgm(data), "vgm", name
    except LakhnesError as error:
        raise type(error)(f"{name}: {error}") from None


def _write(song: "Song | RegisterLog", given: tuple[bytes, str, str], target: Path, how: _How, force: bool) -> None:
    """Write a file; one that was only simplified as it is, not as a log of the same writes."""
    from lakhnes.files import write_bytes
    from lakhnes.songs import write

    if how.simplify and how.to == "vgm" and how.shorten is None and not how.options["long_waits"]:
        write_bytes(target, given[0], overwrite=force)
        return
    options = {"expression": how.options["expression"]} if how.to in AUDIO_FORMATS else _options(how, given[2])
    write(song, target, how.to, overwrite=force, **options)


def _options(how: _How, name: str) -> dict[str, Any]:
    """Give the options of a file that is no sound; it is named after its input, unless that has a title of its own."""
    place = name.rpartition(": ")[2]  # an entry of an archive is named after that, too
    return how.options | {"title": "" if place == "stdin" else base_name(place)}


def _convert_stream(
    console: Console, given: tuple[bytes, str, str], output: str, how: _How, force: bool
) -> dict[str, Any]:
    """Convert one song from stdin, to stdout, or both; return the facts of the summary."""
    import io

    from lakhnes.arranging import told
    from lakhnes.audio import encode_audio
    from lakhnes.songs import encode, perform

    given = _simplified(given, how)
    song, report = _read(given, how)
    if report is not None:
        console.note(told(report))
    if output != STDIO:
        _write(song, given, Path(output), how, force)
        facts = {"files": [output], "failed": [], "audio_seconds": song.duration}
        return facts | ({"arranged": {output: report}} if report is not None else {})
    if how.to in AUDIO_FORMATS:
        sound = io.BytesIO()  # an encoder goes back to complete its header, which a pipe cannot
        log = perform(song, expression=how.options["expression"])
        encode_audio(sound, log.render_int16(), 44_100, how.to)
        sys.stdout.buffer.write(sound.getbuffer())
    elif how.simplify and how.to == "vgm" and how.shorten is None:
        sys.stdout.buffer.write(given[0])
    else:
        sys.stdout.buffer.write(encode(song, how.to, **_options(how, given[2])))
    return {}
