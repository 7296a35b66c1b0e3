"""``lakhnes completion``: the script with which a shell completes the command line."""

import click

from lakhnes.cli.console import Console, common_options, pass_console

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@common_options
@pass_console
@click.pass_context
def completion(context: click.Context, console: Console, /, shell: str) -> None:
    """Print the script that completes commands and options in SHELL.

    SHELL is bash (4.4 or newer), zsh or fish. For the present session:

    \b
        eval "$(lakhnes completion bash)"
        eval "$(lakhnes completion zsh)"
        lakhnes completion fish | source

    For every session, write the same line into ~/.bashrc or ~/.zshrc; for fish, the script into
    ~/.config/fish/completions/lakhnes.fish.
    """  # noqa: D301 (click's sign for lines that stay as they are)
    from click.shell_completion import ShellComplete, get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None, "click knows each of SHELLS"
    made = complete(context.find_root().command, {}, "lakhnes", "_LAKHNES_COMPLETE")
    # That of the base class, for click's own of bash first looks for a bash on this machine.
    script = ShellComplete.source(made)
    console.results(script)
    console.summary({"shell": shell, "script": script})
