"""How the commands speak: results on stdout, everything else on stderr."""

import contextlib
import functools
import math
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from lakhnes.cli.place import EMPTY_NAME, Place
from lakhnes.errors import MAX_MESSAGE, printable, shown
from lakhnes.units import MAX_SEED

if TYPE_CHECKING:
    from lakhnes.progress import Advancing

__all__ = ["FAILED", "INTERRUPTED", "Console", "Interrupted", "common_options", "device_option", "pass_console"]

FAILED = 1
"""The exit code when some or all of the work failed."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it: 128 and the number of the signal."""

F = TypeVar("F", bound=Callable[..., Any])


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in the midst of a batch.

    Parameters
    ----------
    text
        What was done, in words.
    facts
        The same for the summary.
    """

    def __init__(self, text: str, facts: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.facts = facts


@dataclass
class Console:
    """What the user asked for.

    Attributes
    ----------
    quiet
        Only results and errors; set by ``-q``.
    verbose
        Tracebacks too; set by ``-v``.
    json
        Stdout carries one JSON object and nothing else, whatever the outcome; set by ``--json``.
    errors, summaries : list of str
        What was printed of either: a copy of a console shares them.
    """

    quiet: bool = False
    verbose: bool = False
    json: bool = False
    errors: list[str] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)

    def result(self, line: object) -> None:
        """Print a result, such as the path of a file that was written, to stdout; a line, whatever is in it."""
        if not self.json:
            _print(printable(str(line)))

    def results(self, text: str) -> None:
        """Print results of several lines."""
        for line in text.splitlines():
            self.result(line)

    def note(self, line: str) -> None:
        """Print a line on stderr for the user, which no program would read."""
        if not self.quiet:
            click.echo(printable(line, MAX_MESSAGE), err=True)

    def error(self, line: str) -> None:
        """Print on stderr what failed; no option silences it."""
        self.errors.append(printable(line, MAX_MESSAGE))
        click.echo(self.errors[-1], err=True)

    def summary(self, facts: Mapping[str, Any], *, on_stderr: bool = False) -> None:
        """Print the machine-readable summary, when it was asked for; what is not a finite number is ``null``.

        It goes to stderr where stdout has a file.
        """
        if self.json:
            import json

            self.summaries.append(json.dumps(_finite(facts), allow_nan=False))
            if on_stderr:
                click.echo(self.summaries[-1], err=True)
            else:
                _print(self.summaries[-1])

    def failure(self, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Print the summary of a command that did not come to its own, when one was asked for."""
        if not self.summaries:
            self.summary({**(facts or {}), "error": printable(text, MAX_MESSAGE)})

    def progress(self, description: str, total: float | None) -> AbstractContextManager["Advancing"]:
        """Show how far work is, and give the function that is called with the steps done since its last call.

        A bar on a terminal, elsewhere a line now and then; with ``-q`` nothing. `total` is the number of steps, or None
        if it is not known, or 1.0 if the steps are shares of the work.
        """
        from lakhnes.cli import progress

        if self.quiet:
            return contextlib.nullcontext(lambda steps, facts="": None)
        return (progress.bar if sys.stderr.isatty() else progress.lines)(printable(description), total)


def _print(line: str) -> None:
    """Print a line on stdout; where it cannot be written, such as on a full disk, the error says where."""
    try:
        click.echo(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), "standard output") from None


def _finite(value: Any) -> Any:
    """Return a value of a summary as JSON has it, which knows neither NaN nor infinity (RFC 8259)."""
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


pass_console = click.make_pass_decorator(Console, ensure=True)
"""Gives a command the `Console` of this call as its first argument."""


def _flag(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Console), name, True)

    return remember


MOST = 2**31 - 1
LARGEST = 1e12
"""Numbers beyond which no option means anything, whole ones and others; of seeds it is `MAX_SEED`."""


def _check_numbers(options: Mapping[str, Any]) -> None:
    """Refuse NaN, and numbers beyond the range of any type, as wrong usage."""
    for name, value in options.items():
        for each in value if isinstance(value, tuple) else (value,):
            most = LARGEST if isinstance(each, float) else MAX_SEED if name == "seed" else MOST
            if isinstance(each, (int, float)) and not abs(each) <= most:
                hint = "--" + name.replace("_", "-")
                raise click.BadParameter(f"{shown(each)}, expected a number of at most {int(most):,}.", param_hint=hint)


TAKE_ADDRESSES = {
    "adapt": ("source", "target"),
    "convert": ("inputs", "output"),
    "render": ("inputs", "output"),
}
"""Parameters that may be addresses such as ``s3://…``; the folder of songs that are composed has a type of its own."""

PLACES = ("file", "files", "inputs", "output", "source", "target")
"""Parameters that stand for files or folders and are texts, for - may stand for another."""


def _check_places(context: click.Context) -> None:
    """Refuse an address where a file of this machine is meant: as a path it would be a folder called ``s3:``."""
    for param in context.command.params:
        name = param.name or ""
        if name in TAKE_ADDRESSES.get(context.command.name or "", ()) and context.params.get(name) != "":
            continue
        if type(param.type) is Place or name in PLACES:
            value = context.params.get(name)
            for each in value if isinstance(value, tuple) else (value,):
                if each == "":
                    raise click.BadParameter(EMPTY_NAME, context, param)
                if each is not None and (address := _address(str(each))):
                    who = "render, convert, data adapt, and -o where songs are composed, take addresses"
                    text = f"{address} is an address, expected a file or folder of this machine ({who})"
                    raise click.BadParameter(text, context, param)


def _address(place: str) -> str | None:
    """Return the address that a text stands for, as it is or made into a path; None for the path of a file."""
    if ":/" not in place:
        return None
    from lakhnes.remote import is_url

    # A path has one slash of the two.
    address = place if "://" in place else place.replace(":/", "://", 1)
    return address if is_url(address) and not os.path.lexists(place.partition("/")[0]) else None


def common_options(command: F) -> F:
    """Add ``--json``, ``-q`` and ``-v``, which every command takes; they set the `Console` and are not passed on.

    Numbers of all options are checked against what any can mean, and places against addresses, which few commands take.
    """
    within = command

    @functools.wraps(within)
    def checked(*args: Any, **options: Any) -> Any:
        _check_numbers(options)
        _check_places(click.get_current_context())
        return within(*args, **options)

    command = cast("F", checked)
    for flags, name, text in (
        (("-v", "--verbose"), "verbose", "Show the traceback of an error."),
        (("-q", "--quiet"), "quiet", "Print results and errors only."),
        (("--json",), "json", "Print one JSON object on stdout."),
    ):
        # Eager: the console is ready for the callbacks of all other options, in whatever order they are typed.
        option = click.option(*flags, is_flag=True, is_eager=True, expose_value=False, callback=_flag(name), help=text)
        command = option(command)
    return command


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
"""Where torch runs."""
