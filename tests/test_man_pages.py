"""Manual pages: one for each command, with all its options, in a form that groff accepts."""

import shutil
import subprocess
import sys

import click
import pytest

from conftest import ROOT
from lakhnes.cli import COMMANDS, cli


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    (folder / "lakhnes-dance.1").write_text("a command that is no more")
    command = [sys.executable, ROOT / "scripts" / "make_man_pages.py", folder]
    subprocess.run(command, check=True, timeout=60)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_command_has_a_page_that_names_all_its_options(pages):
    assert {f"lakhnes-{name}.1" for name in COMMANDS} | {"lakhnes.1"} <= set(pages)
    assert "lakhnes-checkpoint-import.1" in pages
    assert "lakhnes-dance.1" not in pages
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        page = pages[f"lakhnes-{name}.1"].replace("\\-", "-")
        assert command.get_short_help_str(limit=1000).rstrip(".") in page
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.opts[0] in page


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_groff_formats_every_page_without_a_warning(pages):
    for name, page in pages.items():
        # Every warning but that of lines without a place to break them, as those of choices are.
        command = ["groff", "-man", "-Tutf8", "-ww", "-Wbreak", "-Kutf8", "-P-cbou"]
        done = subprocess.run(command, input=page.encode(), capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b""), name
        assert b"NAME" in done.stdout
    assert "\n.nf\n" in pages["lakhnes-completion.1"]
