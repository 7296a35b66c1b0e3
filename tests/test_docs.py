"""What the documents show works: their Python runs, and their commands and options exist."""

import doctest
import os
import re
import shlex
import subprocess
import sys

import click
import pytest

import lakhnes
from conftest import ROOT
from lakhnes.cli import cli

README = (ROOT / "README.md").read_text()


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_python_of_the_readme_runs():
    names = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["audio"].shape == (26_460,)
    assert names["stems"].shape == (4, 26_460)
    assert names["vocabulary"].decode(names["ids"]) == names["song"].to_tx1().replace("22050", "22000").replace(
        "4410", "4400"
    )
    assert len(names["samples"]) > 44_000


@pytest.mark.parametrize("page", ["composing.md", "evaluation.md", "formats.md", "trackers.md"])
def test_the_python_of_the_pages_runs(page):
    names = {}
    examples = blocks("python", (ROOT / "docs" / page).read_text())
    assert examples
    for block in examples:
        exec(compile(block, page, "exec"), names)


def test_the_examples_of_the_package_give_what_they_say():
    assert doctest.testmod(lakhnes).failed == 0


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if "lakhnes " in line]

SHOWN = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
"""Those that need what a test does not have."""


@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_run_one_after_the_other_in_an_empty_folder(tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "lakhnes"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakhnes "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    (tmp_path / "empty").mkdir()
    for line in COMMANDS:
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("line", COMMANDS + SHOWN)
def test_each_command_of_the_readme_is_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.split("|")[-1], comments=True)
    command, arguments = cli, words[1:]
    while isinstance(command, click.Group):
        name, command, arguments = command.resolve_command(click.Context(command), arguments)
        assert command is not None, name
    command.make_context(name, list(arguments))


def test_each_task_of_the_readme_is_one_of_the_makefile():
    tasks = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {word for block in blocks("sh") for word in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)}
    assert shown
    assert shown <= tasks
