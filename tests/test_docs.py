"""What the documents show works: their Python runs, their commands run on small music, their links lead somewhere."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest

import lakhnes
from conftest import ROOT
from documents import PAGES, blocks, lines, make_music, pages_with
from lakhnes.cli import cli
from lakhnes.extras import has


def test_the_python_of_the_readme_runs():
    names = {}
    for block in blocks("python", "README.md"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["audio"].shape == (26_460,)
    assert names["stems"].shape == (4, 26_460)
    assert names["vocabulary"].decode(names["ids"]) == names["song"].to_tx1().replace("22050", "22000").replace(
        "4410", "4400"
    )
    assert len(names["samples"]) > 44_000


@pytest.mark.parametrize("page", [page for page in pages_with("python") if page != "README.md"])
def test_the_python_of_a_page_runs_from_its_top_to_its_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python", page):
        exec(compile(block, page, "exec"), names)


def test_the_examples_of_the_package_give_what_they_say():
    assert doctest.testmod(lakhnes).failed == 0


COMMANDS = [line for line in lines() if re.search(r"(^|\| )lakhnes ", line)]

SMALLER = {
    "generate": "--length 24 --num 1 --min-voices 0",
    "continue": "--length 8 --num 1",
    "accompany": "--num 1",
    "infill": "--num 1",
    "play": "--sink null --duration 0.2",
    "eval": "--batch-size 1 --tgt-len 16 --mem-len 16",
    "train": "--preset tiny --steps 2 --layers 1 --width 32 --batch-size 2 --tgt-len 16 --samples 0",
    "finetune": "--steps 2 --batch-size 2 --tgt-len 16 --mem-len 16 --samples 0",
}
"""What makes a command short; of an option that is given twice the last counts."""

ELSEWHERE = {
    "bench": "tests/test_cli_bench.py",
    "reproduce": "tests/test_reproduce.py",
    "checkpoint import": "tests/test_checkpoint_import.py",
    "--processes": "tests/test_training_runs.py",
    "lakhnes study create": "tests/test_study_plan.py",
    "lakhnes study serve": "tests/test_study_server.py",
    "lakhnes study analyze": "tests/test_study_analysis.py",
    "lakhnes serve": "tests/test_studio_api.py",
    "lakhnes studio": "tests/test_studio_api.py",
}
"""What takes too long, or needs a file that is not made here, and the tests that run it."""

SEQUENCE = [line for block in blocks("sh", "README.md") for line in block.splitlines() if "lakhnes " in line]
"""The commands of the README, each of which finds what those before it made."""

SHOWN = [line.removeprefix("$ ") for block in blocks("console", "README.md") for line in block.splitlines()]
"""Those that need what a test does not have."""


@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_run_one_after_the_other_in_an_empty_folder(tmp_path):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "lakhnes"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakhnes "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    (tmp_path / "empty").mkdir()
    needs_torch = re.compile(r"lakhnes (train|finetune|eval) ")
    for line in SEQUENCE:
        if needs_torch.match(line) and not has("torch"):
            continue
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path / "empty", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def understood(line):
    """Return the names of a command, the command, and its arguments."""
    words = shlex.split(line.split("|")[-1], comments=True)
    command, names, arguments = cli, [], words[1:]
    while isinstance(command, click.Group):
        name, command, arguments = command.resolve_command(click.Context(command), arguments)
        assert command is not None, name
        names.append(name)
    command.make_context(names[-1], list(arguments))
    return names, command, arguments


@pytest.mark.parametrize("line", COMMANDS + SHOWN)
def test_each_command_of_the_documents_is_understood(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    understood(line)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    make_music(folder)
    return folder


def runs_here(line):
    return line not in SEQUENCE and not any(shown in line for shown in ELSEWHERE)


@pytest.mark.parametrize("line", list(filter(runs_here, COMMANDS)))
def test_each_command_of_the_documents_does_its_work(line, music, tmp_path, monkeypatch, run):
    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    monkeypatch.chdir(folder)
    names, command, arguments = understood(line)
    if names[0] in ("train", "finetune", "eval"):
        pytest.importorskip("torch")
    extra = shlex.split(SMALLER.get(names[0], ""))
    if "--radio" in arguments:
        extra += ["--num", "1", "--length", "8"]
    if any(option.name == "force" for option in command.params):
        extra.append("--force")
    given = re.match(r"cat (\S+) \|", line)
    result = run(*names, *arguments, *extra, stdin=(folder / given[1]).read_bytes() if given else None)
    assert result.exit_code == 0, result.output


def test_tests_that_run_the_other_commands_exist():
    for file in ELSEWHERE.values():
        assert (ROOT / file).is_file()


def test_each_task_of_the_documents_is_one_of_the_makefile():
    tasks = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {match[1] for line in lines() if (match := re.match(r"make ([a-z0-9-]+)", line))}
    assert shown
    assert shown <= tasks


def test_each_extra_of_the_documents_is_one_of_the_package():
    extras = set(re.findall(r"^([a-z]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    shown = {
        name
        for text in PAGES.values()
        for group in re.findall(r"lakhnes\[([a-z,]+)\]", text)
        for name in group.split(",")
    }
    assert shown
    assert shown <= extras


def test_each_other_command_of_the_documents_is_known():
    known = ("make ", "pip install ", "curl ", "torchrun ", "pre-commit ", ".ci/run")
    others = [line for line in lines() if line not in COMMANDS and not line.startswith(known)]
    for line in others:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "python", line
        assert (ROOT / next(word for word in arguments if not word.startswith("-"))).exists(), line


@pytest.mark.parametrize("page", PAGES)
def test_each_link_to_a_file_leads_to_one(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", PAGES[page]):
        assert (folder / target).exists(), target


def test_every_page_of_the_site_is_in_a_table_of_contents():
    listed = set()
    for page, text in PAGES.items():
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {((ROOT / page).parent / f"{name}.md").relative_to(ROOT).as_posix() for name in names}
    assert listed == set(PAGES) - {"README.md", "docs/index.md"}
