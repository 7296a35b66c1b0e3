"""The command group: it loads a command only when it runs, and turns every failure into one line and an exit code.

0: done. 1: some or all of the work failed. 2: wrong usage. 130: Ctrl-C; 143: terminated.
"""

import contextlib
import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from types import FrameType
from typing import Any

import click

from lakhnes.cli.console import FAILED, INTERRUPTED, Console, Interrupted
from lakhnes.errors import MAX_MESSAGE, LakhnesWarning, printable

__all__ = ["LazyGroup", "SubcommandGroup"]

TERMINATED = 143


RENAMED = {"continue": "continue_", "eval": "evaluate"}
"""Commands whose names Python has taken."""


class SubcommandGroup(click.Group):
    """A group of commands whose lines in the overview are not cut off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview, a sentence for each command."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        rows = [(name, command.get_short_help_str(limit=1_000)) for name, command in commands.items() if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class LazyGroup(click.Group):
    """A group that loads a command when it runs, and none to list them.

    Parameters
    ----------
    overview
        The commands in their order, each with its line. The function of that name in the module of that name in
        `lakhnes.cli` is the command.
    """

    def __init__(self, *args: Any, overview: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.overview = overview or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the overview."""
        return list(self.overview)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module of a command and return the command."""
        if cmd_name not in self.overview:
            return None
        name = RENAMED.get(cmd_name, cmd_name)
        command: click.Command = getattr(importlib.import_module(f"lakhnes.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without loading a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.overview.items()))

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line and leave with its exit code; the parameters are those of `click.Command.main`."""
        standalone = options.get("standalone_mode", True)
        options["standalone_mode"] = False
        if not standalone:
            return super().main(*args, **options)
        sys.exit(self._run(args, options))

    def _run(self, args: tuple[Any, ...], options: dict[str, Any]) -> int:
        console = options.setdefault("obj", Console())
        restore = _terminate_by_exception()
        _open_closed()
        _escape_unencodable()
        try:
            with warnings.catch_warnings():
                _print_warnings(console)
                result = super().main(*args, **options)
            code = result if isinstance(result, int) else 0
            if code and console.errors:
                _summarize(console, console.errors[-1].removeprefix("Error: "))
        except click.ClickException as error:
            vars(error)["message"] = printable(error.message, MAX_MESSAGE)
            error.show()
            # What cannot be parsed has set nothing.
            console.json |= "--json" in (options.get("args") or (args[0] if args else sys.argv[1:]))
            _summarize(console, error.format_message())
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt) as stop:
            # click raises Abort from the interrupt, which may have words about what was done.
            cause = stop if isinstance(stop, KeyboardInterrupt) else stop.__cause__
            done = str(cause or "")
            text = f"interrupted: {done}" if done else "interrupted"
            console.error(text)
            _summarize(console, text, cause.facts if isinstance(cause, Interrupted) else None)
            code = INTERRUPTED
        except SystemExit as stop:
            if stop.code == TERMINATED:
                _summarize(console, "terminated")
            raise
        except Exception as error:  # the last place where a failure can become a message
            code = FAILED
            _print_failure(console, error)
        finally:
            restore()
        return code


def _print_failure(console: Console, error: Exception) -> None:
    from lakhnes.files import one_line

    if console.verbose:
        import traceback

        traceback.print_exc()
    else:
        console.error(f"Error: {one_line(error)}")
    if not isinstance(error, BrokenPipeError):  # then no one reads it
        _summarize(console, one_line(error))


def _summarize(console: Console, text: str, facts: Mapping[str, Any] | None = None) -> None:
    """Print the summary of a failure; of several processes, the first does."""
    if os.environ.get("RANK", "0") == "0":
        with contextlib.suppress(OSError):  # of stdout: stderr has the failure already
            console.failure(text, facts)


def _open_closed() -> None:
    """Open what the caller has closed (``2>&-``), where nothing is read and all is lost.

    Python has None in its place, and the next file that is opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 (it is open until the process ends)


def _escape_unencodable() -> None:
    """Print a name that the code page of stdout does not have as escapes, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _print_warnings(console: Console) -> None:
    """Print the warnings of lakhnes as lines on stderr."""
    show = warnings.showwarning

    def print_warning(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, LakhnesWarning):
            console.note(f"Warning: {message}")
        else:
            show(message, category, *place, **options)

    warnings.simplefilter("always", LakhnesWarning)
    warnings.showwarning = print_warning


def _terminate_by_exception() -> Any:
    """Unwind the stack on SIGTERM, so that unfinished files are removed; return the function that restores it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: the caller keeps its own handling
        return lambda: None
    return lambda: signal.signal(signal.SIGTERM, before)
