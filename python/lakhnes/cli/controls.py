"""The options that say what a new song is to be like: tempo, key, voices."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lakhnes.cli.options import adding, names_of
from lakhnes.units import VOICES

if TYPE_CHECKING:
    from lakhnes.cli.console import Console
    from lakhnes.sampling.controls import Controls

__all__ = ["control_options", "controls_of"]

F = TypeVar("F", bound=Callable[..., Any])


def control_options(command: F) -> F:
    """Add the options of which `controls_of` makes what is asked of a song."""
    add: Callable[[F], F] = adding(
        click.option("--tempo", type=float, help="Beats a minute (37.6 to 450.7); the nearest that TX3 has is taken."),
        click.option("--key", metavar="TONIC MODE", help='Such as "A minor", "F# major" or "Eb minor".'),
        click.option(
            "--density",
            metavar="VOICE=HOW,…",
            help="How many notes voices play: none, low, mid or high (p1=high,no=none).",
        ),
        click.option("--register", metavar="VOICE=HOW,…", help="How high p1, p2 and tr are: low, mid or high."),
        click.option("--voices", metavar="NAMES", help="The voices that play: some of p1,p2,tr,no.  [default: all]"),
    )
    return add(command)


def controls_of(console: "Console", options: dict[str, Any]) -> "Controls":
    """Take what is asked of a song out of a command's options, and tell which tempo is taken.

    Raises
    ------
    click.UsageError
        If a value is not one that can be asked for.
    """
    from lakhnes.sampling.controls import Controls

    voices = options.pop("voices")
    try:
        controls = Controls(
            tempo=options.pop("tempo"),
            key=options.pop("key"),
            density=_by_voice(options.pop("density"), "--density"),
            register=_by_voice(options.pop("register"), "--register"),
            voices=None if voices is None else names_of(voices.lower(), VOICES, "--voices"),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if controls.taken_tempo is not None:
        console.note(f"tempo: {controls.taken_tempo}")
    return controls


def _by_voice(text: str | None, flag: str) -> dict[str, str]:
    """Read ``p1=high,no=none``."""
    values = {}
    for part in (text or "").lower().split(",") if text else ():
        voice, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise click.BadParameter(f"{part!r}: expected VOICE=HOW, such as p1=high", param_hint=flag)
        if voice in values:
            raise click.BadParameter(f"{voice} is given twice", param_hint=flag)
        values[voice] = value
    return values
