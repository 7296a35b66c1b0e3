"""What is loaded when: nothing but rendering needs little, and torch only where a model runs."""

import subprocess
import sys

import pytest

PROBE = """
import sys
from lakhnes.cli import cli
try:
    cli.main(sys.argv[1:], prog_name="lakhnes")
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    heavy = {"torch", "matplotlib", "pretty_midi", "scipy", "rich"} & set(sys.modules)
    print("loaded:", *sorted(heavy), file=sys.stderr)
"""


def loaded(*arguments):
    command = [sys.executable, "-c", PROBE, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "command", [["--help"], ["--version"], ["render", "--help"], ["generate", "--help"], ["train", "--help"]]
)
def test_help_loads_nothing_heavy(command):
    assert loaded(*command) == "loaded:"


def test_rendering_and_converting_never_load_torch(song_file, tmp_path):
    assert loaded("render", song_file, "-o", tmp_path / "a.wav") == "loaded:"
    assert loaded("render", song_file, "-o", tmp_path / "a.flac") == "loaded:"
    assert loaded("convert", song_file, "-o", tmp_path / "a.mid") == "loaded:"
    assert loaded("info", song_file) == "loaded:"
    assert loaded("play", song_file, "--sink", tmp_path / "b.wav") == "loaded:"
    assert loaded("data", "stats", song_file.parent) == "loaded:"
    assert loaded("data", "nesmdb", make_database(tmp_path), tmp_path / "corpus") == "loaded:"


def make_database(folder):
    (folder / "db" / "train").mkdir(parents=True)
    (folder / "db" / "train" / "a.tx1.txt").write_text("P1_NOTEON_60\nWT_5\nP1_NOTEOFF")
    return folder / "db"


def test_importing_the_package_does_not_load_torch():
    probe = "import sys, lakhnes; lakhnes.render(lakhnes.Song.from_tx1('WT_9')); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0


def test_every_public_name_is_there():
    import lakhnes

    for name in lakhnes.__all__:
        assert getattr(lakhnes, name) is not None
    assert "generate" in dir(lakhnes)
    with pytest.raises(AttributeError, match="no attribute 'compose'"):
        lakhnes.compose  # noqa: B018


def test_every_command_has_help(run):
    from lakhnes.cli import COMMANDS

    overview = run("--help")
    assert overview.exit_code == 0
    for command in COMMANDS:
        assert f"  {command} " in overview.stdout
        page = run(command, "--help")
        assert page.exit_code == 0
        assert page.stdout.startswith(f"Usage: lakhnes {command}") or page.stdout.startswith(f"Usage: cli {command}")


def test_the_table_of_formats_is_there_without_numpy():
    probe = "import sys, lakhnes.files, lakhnes.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0
