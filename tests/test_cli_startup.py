"""What is loaded when: no numpy to print help, no torch to render and convert."""

import subprocess
import sys

import click
import pytest

from lakhnes.cli import COMMANDS, cli
from lakhnes.cli.group import RENAMED

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


def loaded(*arguments, code=0):
    command = [sys.executable, "-c", PROBE, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == bool(code), finished.stderr
    return next(line for line in finished.stderr.splitlines() if line.startswith("loaded:"))


def test_the_overview_and_the_version_load_no_command_and_no_numpy():
    probe = (
        "import sys\nfrom lakhnes.cli import cli\n"
        "try:\n    cli.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "loaded = {name for name in sys.modules if name == 'numpy' or name.startswith('lakhnes.cli.')}\n"
        "loaded -= {'lakhnes.cli.console', 'lakhnes.cli.group', 'lakhnes.cli.place'}\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    for flag in ("--help", "--version"):
        command = [sys.executable, "-c", probe, flag]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert finished.returncode == 0, finished.stderr
        assert "lakhnes, version" in finished.stdout or "reproduce" in finished.stdout


def test_the_overview_prints_the_first_sentence_of_each_command_page():
    for name, line in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command.get_short_help_str(limit=1000) == line


def test_the_modules_of_the_commands_load_no_numpy():
    probe = (
        "import sys, importlib\n"
        "for module in sys.argv[1:]:\n    importlib.import_module(module)\n"
        "sys.exit('numpy' in sys.modules)"
    )
    modules = [f"lakhnes.cli.{RENAMED.get(name, name)}" for name in COMMANDS]
    assert subprocess.run([sys.executable, "-c", probe, *modules], timeout=60, check=False).returncode == 0


def test_help_takes_at_most_twice_the_time_of_importing_click():
    """The least of some runs each: other programs may slow single ones down."""

    def processor_time(*arguments):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    resource = pytest.importorskip("resource")
    for flag in ("--help", "--version"):
        plain, ours = (
            min(processor_time(*call) for _ in range(5)) for call in (["-c", "import click"], ["-m", "lakhnes", flag])
        )
        assert ours <= 2 * plain


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


@pytest.mark.torch
def test_what_is_wrong_in_what_a_run_is_given_is_found_before_torch_is_loaded(tmp_path):
    (tmp_path / "run.toml").write_text("steps = -1")
    options = ["-o", tmp_path / "run", "--config", tmp_path / "run.toml"]
    assert loaded("train", make_database(tmp_path), *options, code=1) == "loaded:"
    assert loaded("train", tmp_path / "nothing", *options[:2], code=1) == "loaded:"


def test_importing_the_package_does_not_load_torch():
    probe = "import sys, lakhnes; lakhnes.render(lakhnes.Song.from_tx1('WT_9')); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=60, check=False).returncode == 0


def test_every_public_name_is_there():
    import lakhnes

    for name in lakhnes.__all__:
        assert getattr(lakhnes, name) is not None
    assert dir(lakhnes) == sorted(lakhnes.__all__)
    assert lakhnes.songs.read is lakhnes.read
    with pytest.raises(AttributeError, match="no attribute 'compose'"):
        lakhnes.compose  # noqa: B018


def test_every_command_has_help(run):
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
