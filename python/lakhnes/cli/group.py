"""The command group: it loads a command only when it is called, and turns every failure into one line and an exit code.

0: done. 1: some or all of the work failed. 2: wrong usage. 130: Ctrl-C; 143: terminated.
"""

import importlib
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping
from types import FrameType
from typing import Any

import click

from lakhnes.cli.console import Console
from lakhnes.errors import LakhnesWarning
from lakhnes.files import one_line

__all__ = ["LazyGroup"]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130
TERMINATED = 143


class LazyGroup(click.Group):
    """A group that knows its commands by the place of their code.

    Parameters
    ----------
    commands_at
        Name of each command and ``module:attribute`` where it stands, in the order of the help page.
    """

    def __init__(self, *args: Any, commands_at: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = dict(commands_at or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help page."""
        return [*self.commands_at, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module of a command and give the command."""
        place = self.commands_at.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is no click command")
        return command

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
        try:
            with warnings.catch_warnings():
                _tell_warnings(console)
                code = super().main(*args, **options)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            console.error("interrupted")
            return INTERRUPTED
        except Exception as error:  # the last place where a failure can become a message
            if console.verbose:
                traceback.print_exc()
            else:
                console.error(f"Error: {one_line(error)}")
            return FAILED
        finally:
            restore()
        return code if isinstance(code, int) else 0


def _tell_warnings(console: Console) -> None:
    """Let the warnings of lakhnes be lines on stderr."""
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if issubclass(category, LakhnesWarning):
            console.note(f"Warning: {message}")
        else:
            show(message, category, *place, **options)

    warnings.simplefilter("always", LakhnesWarning)
    warnings.showwarning = tell


def _terminate_by_exception() -> Any:
    """Let SIGTERM unwind the stack, so that unfinished files are removed; give the function that undoes it."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: the caller keeps its own handling
        return lambda: None
    return lambda: signal.signal(signal.SIGTERM, before)
