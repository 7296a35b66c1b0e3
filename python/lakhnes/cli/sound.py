"""The options of the commands that make songs sound."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from lakhnes.songs import Expression, Filter, Mixer

__all__ = ["CHIP", "expression_option", "sound_options"]

CHIP = ("sample_rate", "mixer", "filter")
"""Of the options of `sound_options`, what the chip is built with; the others say what it plays."""

F = TypeVar("F", bound=Callable[..., Any])


def expression_option(default: str) -> Callable[[F], F]:
    """Give the option that says how scores without dynamics are played."""
    return _choice("--expression", Expression, default, "How scores without dynamics are played.")


def sound_options(expression: str) -> Callable[[F], F]:
    """Give the options of `lakhnes.render`, by its names; the default of one of them depends on the command."""
    options = (
        click.option(
            "--rate",
            "sample_rate",
            default=44_100,
            show_default=True,
            type=click.IntRange(8_000, 192_000),
            help="Samples a second.",
        ),
        _choice("--mixer", Mixer, "nes", "How voices add up."),
        _choice("--filter", Filter, "nes", "The console's output filter."),
        expression_option(expression),
        click.option(
            "--loops", default=2, show_default=True, type=click.IntRange(min=1), help="How often a loop is played."
        ),
        click.option(
            "--fade",
            default=8.0,
            show_default=True,
            type=click.FloatRange(min=0),
            help="Fade after the loops (seconds).",
        ),
    )

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _choice(flag: str, values: Any, default: str, text: str) -> Callable[[F], F]:
    return click.option(flag, default=default, show_default=True, type=click.Choice(get_args(values)), help=text)
