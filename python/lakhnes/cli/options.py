"""Options that several commands take, each defined once."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

import click

from lakhnes.cli.tracks import Tracks
from lakhnes.files import PLAYABLE
from lakhnes.songs import Expression, Filter, Mixer

__all__ = [
    "adding",
    "arrange_options",
    "expression_option",
    "force_option",
    "from_option",
    "jobs_option",
    "max_duration_option",
    "names_of",
    "sound_options",
    "track_option",
    "tracks_option",
]

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


def jobs_option(what: str) -> Callable[[F], F]:
    """Give ``--jobs``, the number of threads."""
    help_text = f"{what} at once.  [default: one a core]"
    return click.option("-j", "--jobs", default=0, type=click.IntRange(min=0), help=help_text)


def force_option(text: str = "Replace outputs that exist.") -> Callable[[F], F]:
    """Give ``--force``."""
    return click.option("-f", "--force", is_flag=True, help=text)


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
    """Give ``--arrange`` and ``--arpeggio``."""
    return adding(
        click.option("--arrange", is_flag=True, help=text),
        click.option("--arpeggio", is_flag=True, help="With --arrange: play the rest of a chord as an arpeggio."),
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
