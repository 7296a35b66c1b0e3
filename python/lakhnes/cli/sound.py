"""The options of the commands that make songs sound."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from lakhnes.songs import Expression, Filter, Mixer

__all__ = ["CHIP", "adding", "expression_option", "sound_options"]

CHIP = ("sample_rate", "mixer", "filter")
"""Of the options of `sound_options`, what the chip is built with; the others say what it plays."""

F = TypeVar("F", bound=Callable[..., Any])


def adding(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Give a decorator that adds options to a command, in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def expression_option(default: str) -> Callable[[F], F]:
    """Give the option that says how scores without dynamics are played."""
    return _option("--expression", default, Expression, "How scores without dynamics are played.")


def sound_options(expression: str) -> Callable[[F], F]:
    """Give the options of `lakhnes.render`, by its names; the default of one of them depends on the command."""
    return adding(
        _option("--rate", 44_100, click.IntRange(8_000, 192_000), "Samples a second.", "sample_rate"),
        _option("--mixer", "nes", Mixer, "How voices add up."),
        _option("--filter", "nes", Filter, "The console's output filter."),
        expression_option(expression),
        _option("--loops", 2, click.IntRange(min=1), "How often a loop is played."),
        _option("--fade", 8.0, click.FloatRange(min=0), "Fade after the loops (seconds)."),
    )


def _option(flag: str, default: object, kind: Any, text: str, *name: str) -> Callable[[F], F]:
    """Give an option whose kind is one of click's, or the `Literal` of its values."""
    values = kind if isinstance(kind, click.ParamType) else click.Choice(get_args(kind))
    return click.option(flag, *name, default=default, show_default=True, type=values, help=text)
