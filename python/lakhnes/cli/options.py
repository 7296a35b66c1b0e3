"""Options that several commands take, each defined once."""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast, get_args

import click

from lakhnes.cli.place import EMPTY_NAME, Place
from lakhnes.cli.targets import listed
from lakhnes.cli.tracks import Tracks
from lakhnes.errors import shown
from lakhnes.files import PLAYABLE
from lakhnes.sharding import Shard
from lakhnes.songs import Expression, Filter, MidiForm, Mixer
from lakhnes.units import TICKS_PER_SECOND, VOICES

__all__ = [
    "adding",
    "arrange_options",
    "expression_option",
    "force_option",
    "from_option",
    "inputs_options",
    "jobs_option",
    "log_option",
    "loop_start_option",
    "loudness_options",
    "max_duration_option",
    "midi_option",
    "names_of",
    "scheduler_option",
    "shard_option",
    "sound_options",
    "tag_options",
    "token_option",
    "track_option",
    "tracks_option",
]

LONGEST_SONG = 12 * 3600
"""Seconds: no song is longer."""

F = TypeVar("F", bound=Callable[..., Any])


def adding(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Put options into one decorator; they are listed in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def from_option(what: str) -> Callable[[F], F]:
    """Give ``--from``, the format of what is read."""
    return click.option(
        "--from", "source_format", type=click.Choice(PLAYABLE), help=f"Format of the {what}, if not by name."
    )


def inputs_options() -> Callable[[F], F]:
    """Give the arguments ``INPUT...`` and ``--files``, a list of more of them; the command gets all as ``inputs``."""

    def add(command: F) -> F:
        @functools.wraps(command)
        def gathered(*args: Any, inputs: tuple[str, ...], files: str | None, **options: Any) -> Any:
            if not inputs and files is None:
                raise click.UsageError("Missing argument 'INPUT...'.")
            if "" in inputs:  # as a path it would be the folder in which we are
                raise click.UsageError(f"Invalid value for 'INPUT...': {EMPTY_NAME}")
            return command(*args, inputs=(*(listed(files) if files is not None else ()), *inputs), **options)

        options = adding(
            click.argument("inputs", metavar="INPUT...", nargs=-1),
            click.option("--files", metavar="LIST", help="Also the paths in LIST, a line a path (-: of stdin)."),
        )
        return options(cast(F, gathered))

    return add


def jobs_option(what: str) -> Callable[[F], F]:
    """Give ``--jobs``, the number of threads."""
    help_text = f"{what} at once.  [default: one a core]"
    return click.option("-j", "--jobs", default=0, type=click.IntRange(min=0), help=help_text)


class _ShardType(click.ParamType[Shard]):
    """A part of a batch."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        if isinstance(value, Shard):
            return value
        try:
            return Shard.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def shard_option(what: str) -> Callable[[F], F]:
    """Give ``--shard``, the part of a batch that this machine does."""
    help_text = f"Only part I of N (from 0) of the {what}; slurm: this task's of a job array."
    return click.option("--shard", type=_ShardType(), metavar="I/N", help=help_text)


def scheduler_option(what: str | None = "files") -> Callable[[F], F]:
    """Give ``--scheduler``, the Dask cluster that does the work; the command gets it as ``cluster``, or None."""

    def add(command: F) -> F:
        @functools.wraps(command)
        def connected(*args: Any, scheduler: str | None, **options: Any) -> Any:
            if scheduler is None:
                return command(*args, cluster=None, **options)
            from lakhnes.scheduler import connect

            with connect(scheduler) as cluster:
                return command(*args, cluster=cluster, **options)

        shared = f", which has the same {what}" if what else ""
        help_text = f"Have a Dask cluster do it{shared}: its address, its file, or N processes here."
        return click.option("--scheduler", metavar="ADDRESS|FILE|local:N", help=help_text)(cast(F, connected))

    return add


def force_option(text: str = "Replace outputs that exist, in place of refusing or skipping them.") -> Callable[[F], F]:
    """Give ``--force``."""
    return click.option("-f", "--force", is_flag=True, help=text)


def token_option(text: str) -> Callable[[F], F]:
    """Give ``--token``, which requests to a server carry in a header."""
    return click.option("--token", callback=_token, help=text)


def _token(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse what a header cannot carry, and the empty token of a variable that is not set."""
    if value is not None and re.fullmatch("[!-~]+", value) is None:
        raise click.BadParameter("expected ASCII characters without blanks, at least one", ctx, param)
    return value


def log_option() -> Callable[[F], F]:
    """Give ``--log``, a file about what becomes of each song."""
    help_text = "Add a line of JSON about each song to this file."
    return click.option("--log", metavar="FILE.jsonl", type=Place(path_type=Path, dir_okay=False), help=help_text)


def tracks_option(text: str) -> Callable[[F], F]:
    """Give ``--track``, of a command that takes several tracks of an ``.nsf`` or ``.nsfe``."""
    return click.option("--track", "tracks", type=Tracks(), help=text)


track_option = click.option(
    "--track",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Which song of an .nsf or .nsfe.  [default: the one it begins with]",
)
"""``--track``, of a command that takes one."""

max_duration_option = click.option(
    "--max-duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Refuse longer songs; cut tracks of .nsf off there (seconds).  [default: 3600; .nsf: 300]",
)
"""``--max-duration``, of what is read and of the sound that is made of it."""


def expression_option(default: str) -> Callable[[F], F]:
    """Give ``--expression``."""
    return click.option(
        "--expression",
        default=default,
        show_default=True,
        type=click.Choice(get_args(Expression)),
        help="How scores without dynamics are played.",
    )


def arrange_options(text: str = "Make four voices of any MIDI file, and tell what found none.") -> Callable[[F], F]:
    """Give ``--arrange``, ``--arpeggio`` and ``--part``; the last two need the first. Commands get all three."""

    def add(command: F) -> F:
        @functools.wraps(command)
        def checked(*args: Any, **options: Any) -> Any:
            for name, flag in (("arpeggio", "--arpeggio"), ("parts", "--part")):
                if options[name] and not options["arrange"]:
                    raise click.UsageError(f"{flag} needs --arrange")
            return command(*args, **options)

        options = adding(
            click.option("--arrange", is_flag=True, help=text),
            click.option("--arpeggio", is_flag=True, help="With --arrange: play the rest of a chord as an arpeggio."),
            click.option(
                "--part",
                "parts",
                metavar="VOICE=PART",
                multiple=True,
                callback=_parts,
                help="With --arrange: which voice plays which part, a MIDI channel (1 to 16) or some of a track's name:"
                " tr=3, p1=vocals. May be repeated; the other voices find their parts.",
            ),
        )
        return options(cast(F, checked))

    return add


def _parts(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """Return the chosen part of each voice."""
    parts = {}
    for value in values:
        voice, _, part = value.partition("=")
        voice = voice.strip().lower()
        if voice not in VOICES or not part.strip():
            raise click.BadParameter(f"{value!r} is not VOICE=PART with one of {', '.join(VOICES)}", ctx, param)
        if part.strip().isdecimal() and part.strip() not in map(str, range(1, 17)):
            raise click.BadParameter(f"{shown(value)}: expected a channel of 1 to 16, or a name", ctx, param)
        if voice in parts:
            raise click.BadParameter(f"{voice} is given twice", ctx, param)
        parts[voice] = part.strip()
    return parts


def midi_option(default: str) -> Callable[[F], F]:
    """Give ``--midi``, the form of MIDI files that are written."""
    return click.option(
        "--midi",
        default=default,
        show_default=True,
        type=click.Choice(get_args(MidiForm)),
        help="MIDI as NES-MDB has it, or General MIDI, for other programs.",
    )


class _Level(click.ParamType[tuple[float, str]]):
    """How loud sound is to be: a number of dBFS or LUFS."""

    name = "level"
    usual: ClassVar = {"dBFS": -1.0, "LUFS": -14.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, str]:
        unit = next((unit for unit in self.usual if str(value).lower().endswith(unit.lower())), None)
        number = str(value)[: -len(unit)].strip() if unit else str(value)
        unit = unit or "dBFS"
        with contextlib.suppress(ValueError):
            level = float(number) if number else self.usual[unit]
            if -100.0 <= level <= 0.0:
                return level, unit
        return self.fail(f"{value!r} is no level of -100 to 0 dBFS or LUFS, such as -1dBFS or -14LUFS", param, ctx)


def loudness_options() -> Callable[[F], F]:
    """Give ``--normalize`` and ``--gain``."""
    return adding(
        click.option(
            "--normalize",
            metavar="LEVEL",
            type=_Level(),
            help="Make the sound this loud: -1dBFS (its highest sample; dBFS alone is that) or -14LUFS (its loudness by"
            " ITU-R BS.1770; LUFS alone is that).",
        ),
        click.option(
            "--gain", default=0.0, show_default=True, type=click.FloatRange(-100, 100), help="Make it louder (dB)."
        ),
    )


def _text(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Refuse bytes that are no text: Python has them as halves of characters, which no file takes."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise click.BadParameter("expected text in UTF-8", ctx, param) from None
    return value


def tag_options() -> Callable[[F], F]:
    """Give ``--title``, ``--artist`` and ``--copyright``, which the command gets as the dict ``tags``."""
    names = ("title", "artist", "copyright")

    def add(command: F) -> F:
        @functools.wraps(command)
        def packed(*args: Any, **options: Any) -> Any:
            tags = {name: text for name in names if (text := options.pop(name))}
            return command(*args, tags=tags, **options)

        helps = (
            "Title of the song, for NSF, VGM and sound files.",
            "Who wrote it.",
            "Copyright line, such as its year.",
        )
        options = adding(
            *(
                click.option(f"--{name}", metavar="TEXT", callback=_text, help=text)
                for name, text in zip(names, helps, strict=True)
            )
        )
        return options(cast(F, packed))

    return add


def _ticks(ctx: click.Context, param: click.Parameter, value: float | None) -> int | None:
    if value is None:
        return None
    if not math.isfinite(value):  # NaN is in every range
        raise click.BadParameter(f"{value}, expected seconds", ctx, param)
    return round(value * TICKS_PER_SECOND)


def loop_start_option() -> Callable[[F], F]:
    """Give ``--loop-start``, in seconds, which the command gets in ticks."""
    return click.option(
        "--loop-start",
        metavar="SECONDS",
        type=click.FloatRange(0, LONGEST_SONG),
        callback=_ticks,
        help="Where the music goes on when it has ended: a loop point, in place of that of the song.",
    )


def sound_options(expression: str) -> Callable[[F], F]:
    """Give the options of `lakhnes.render` that say how sound is made, with a default for ``--expression``."""
    shown = functools.partial(click.option, show_default=True)
    return adding(
        shown("--rate", "sample_rate", default=44_100, type=click.IntRange(8_000, 192_000), help="Samples a second."),
        shown("--mixer", default="nes", type=click.Choice(get_args(Mixer)), help="How voices add up."),
        shown("--filter", default="nes", type=click.Choice(get_args(Filter)), help="The console's output filter."),
        expression_option(expression),
        shown("--loops", default=2, type=click.IntRange(min=1), help="How often a loop is played."),
        shown("--fade", default=8.0, type=click.FloatRange(min=0), help="Fade after the loops (seconds)."),
    )


def names_of(text: str, known: Sequence[str], flag: str) -> list[str]:
    """Return the names that the value of an option lists, separated by commas.

    Raises
    ------
    click.BadParameter
        If one is not known.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in known:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(known)}", param_hint=flag)
    return names
