"""Write a manual page for each command, from the help that the code has: ``python scripts/make_man_pages.py DIR``.

The pages are those of man(7): ``lakhnes.1``, ``lakhnes-generate.1``, ``lakhnes-data-nesmdb.1``, …
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lakhnes import __version__
from lakhnes.cli import cli


def commands(
    command: click.Command, path: tuple[str, ...], parent: click.Context | None = None
) -> Iterator[tuple[click.Context, tuple[str, ...]]]:
    """Give a command and all below it, each with its context and the words that call it."""
    context = command.make_context(path[-1], [], parent, resilient_parsing=True)
    yield context, path
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, (*path, name), context)


def escaped(text: str) -> str:
    r"""Return a line of text as roff has it: its hyphens are ASCII ones, and it is no request."""
    line = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{line}" if line.startswith((".", "'")) else line


def bold(text: str) -> str:
    """Return text in bold type."""
    return rf"\fB{escaped(text)}\fR"


def paragraphs(text: str) -> list[str]:
    r"""Return the paragraphs of a help text; those after ``\b`` keep their lines."""
    lines = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            kept = [escaped(line) for line in paragraph.removeprefix("\b\n").splitlines()]
            lines += [".PP", ".nf", *kept, ".fi"]
        else:
            lines += [".PP", escaped(" ".join(paragraph.split()))]
    return lines


def entries(records: list[tuple[str, str]]) -> list[str]:
    """Return a list of terms and what is said of them."""
    lines = []
    for term, text in records:
        lines += [".TP", bold(term), escaped(" ".join(text.split()))]
    return lines


def page(context: click.Context, path: tuple[str, ...]) -> str:
    """Return the manual page of a command."""
    command, name = context.command, "-".join(path)
    usage = " ".join(command.collect_usage_pieces(context))
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    lines = [
        f'.TH "{escaped(name.upper())}" "1" "" "lakhnes {__version__}" "User Commands"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(command.get_short_help_str(limit=1000).rstrip('.'))}",
        ".SH SYNOPSIS",
        f"{bold(' '.join(path))} {escaped(usage)}",
        ".SH DESCRIPTION",
        *paragraphs(command.help or ""),
        ".SH OPTIONS",
        *entries(records),
    ]
    if isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        lines += entries(
            [
                (f"{name}-{word}(1)", child.get_short_help_str(limit=1000))
                for word in command.list_commands(context)
                if (child := command.get_command(context, word)) is not None
            ]
        )
    if len(path) == 1:
        lines += [".SH EXIT STATUS", *entries([
            ("0", "Done."), ("1", "Some or all of the work failed."), ("2", "Wrong usage."), ("130", "Ctrl-C."),
        ])]  # fmt: skip
    else:
        lines += [".SH SEE ALSO", bold("-".join(path[:-1]) + "(1)")]
    return "\n".join(lines) + "\n"


def main(folder: Path) -> None:
    """Write the pages into a folder, and remove those of commands that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("lakhnes*.1"):
        old.unlink()
    for context, path in commands(cli, ("lakhnes",)):
        (folder / f"{'-'.join(path)}.1").write_text(page(context, path), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
