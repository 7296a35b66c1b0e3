"""Disks that are full, and folders that cannot be written: one line with the name, and nothing left behind."""

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lakhnes.data.layout import staged_folder
from lakhnes.errors import LakhnesError
from lakhnes.files import user_folder
from lakhnes.outputs import check_writable
from lakhnes.study.responses import from_study
from lakhnes.study.store import ANSWERS, Store
from music_files import collection
from studies import make_plan, make_study

LIMITED = """
import resource, sys
most = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
sys.argv[0] = "lakhnes"
from lakhnes.cli import main
main()
"""

COMMANDS = {
    "render": ("render songs -o new", "new/"),
    "convert": ("convert songs -o new/deep --to vgm", "new/deep/"),
    "generate": ("generate -o new --seconds 2 --format wav", "new/0.wav: "),
    "data adapt": ("data adapt songs new", "new/"),
    "data adapt, a part": ("data adapt songs new --shard 0/2", "new/parts/0-of-2"),
    "tokenize": ("tokenize songs -o new.npz", "new.npz: "),
    "--log": ("convert songs/tune~0.mid -o - --to tx1 --log log.jsonl", "log.jsonl: "),
    "study create": ("study create plan/plan.toml -o new", "new"),
    "studio": ("studio --no-browser", "new: no sessions can be kept there (file too large)"),
    "serve --rpc": ("serve --rpc 0 --root songs", "songs: file too large"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of the size of files")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_told_with_the_name_and_leaves_no_folder(tmp_path, name):
    command, told = COMMANDS[name]
    collection(tmp_path / "songs", range(3))
    make_plan(tmp_path / "plan", count=4, pairs=2, share=0)
    (tmp_path / "log.jsonl").write_bytes(bytes(100))
    args = [word.replace("~", " ") for word in command.split()]
    finished = subprocess.run(
        [sys.executable, "-c", LIMITED, "100", *args], env=os.environ | {"LAKHNES_SESSIONS": "new"},
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert finished.returncode == 1, finished.stderr
    lines = [line for line in finished.stderr.splitlines() if not line.startswith(("seed ", "0 songs", "0 files"))]
    assert lines
    assert all(line.startswith(f"Error: {told}") and "file too large" in line for line in lines), lines
    assert not (tmp_path / "new").exists() or name in ("studio", "data adapt, a part")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("command", ["render", "convert"])
def test_a_folder_in_which_nothing_was_written_is_not_left(run, tmp_path, command):
    (tmp_path / "bad.mid").write_bytes(b"MThd")
    (tmp_path / "mine").mkdir()
    for folder in (tmp_path / "new" / "deep", tmp_path / "mine"):
        assert run(command, tmp_path / "bad.mid", "-o", f"{folder}/", "--format", "wav").exit_code in (1, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mid", "mine"]


def test_an_error_without_a_name_gets_that_of_the_corpus_that_is_written(tmp_path):
    def write():
        with staged_folder(tmp_path / "corpus") as staging:
            staging.mkdir()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=r"No space left on device.*corpus") as caught:
        write()
    assert caught.value.filename == str(tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inner", ["", "/x"])
def test_the_studio_names_the_folder_that_takes_no_sessions(run, tmp_path, monkeypatch, inner):
    pytest.importorskip("starlette")
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("LAKHNES_SESSIONS", f"{tmp_path}/file{inner}")
    result = run("studio", "--no-browser")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path}/file{inner}: no sessions can be kept there (" in result.stderr
    assert "$LAKHNES_SESSIONS names another folder" in result.stderr


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_user_without_a_home_is_told_which_variable_names_a_folder(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    with pytest.raises(LakhnesError, match=r"no home folder; \$XDG_DATA_HOME may name one"):
        user_folder("XDG_DATA_HOME", ".local/share")


def test_answers_are_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    study = make_study(tmp_path, count=4, pairs=2, share=0)
    store = Store(study / ANSWERS)
    assert store.enrol(6) is not None
    store.close()
    before = {path.name: path.read_bytes() for path in study.iterdir() if path.is_file()}
    assert len(from_study(study).listeners) == 1
    asked = []

    def connect(place, **options):
        asked.append(place)
        if "immutable" not in place:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(place, **options)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    assert len(from_study(study).listeners) == 1
    assert len(asked) == 2
    assert {path.name: path.read_bytes() for path in study.iterdir() if path.is_file()} == before


def test_answers_on_a_full_disk_are_not_called_damaged(tmp_path):
    with pytest.raises(LakhnesError, match=r"answers.sqlite: unable to open database file$"):
        Store(tmp_path / "none" / ANSWERS)
    (tmp_path / ANSWERS).write_text("no database" * 100)
    for reads in (False, True):
        with pytest.raises(LakhnesError, match=r"file is not a database; expected the answers of a study, or no file$"):
            Store(tmp_path / ANSWERS, reads=reads)
