"""The command line in unusual surroundings: code pages, long names, pipes, standard input, archives of macOS, BOMs."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import lakhnes
from conftest import TX1
from lakhnes.outputs import is_special, replacing, unfinished_name, write_bytes
from music_files import archive_of
from small import make_corpus, tiny_config

CASES = [
    "cli-batch-with-cp1252-stdout",
    "cli-name-of-80-cjk-letters",
    "cli-json-of-stdin",
    "cli-nan-in-json",
    "cli-force-onto-a-fifo",
    pytest.param("train-goes-on-with-a-folder-that-is-not-there", marks=pytest.mark.torch),
]
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX pipes and shell")


@pytest.fixture
def cases(shared):
    if not (shared / "cases").is_dir():
        pytest.skip(f"no cases in {shared}")
    return shared / "cases"


@posix
@pytest.mark.parametrize("name", CASES)
def test_a_case_that_failed_once_passes(cases, tmp_path, name):
    program = tmp_path / "lakhnes"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lakhnes "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"LAKHNES": str(program)}
    script = ["bash", str(cases / f"{name}.sh")]
    finished = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.torch
def test_the_archive_and_the_configuration_that_failed_once_are_read(cases, run, tmp_path):
    result = run("convert", cases / "archive-with-appledouble-file.tar", "-o", tmp_path / "out", "--to", "tx1")
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in (tmp_path / "out").rglob("*.txt")] == ["a.tx1.txt"]
    data = make_corpus(tmp_path / "data")
    options = ["--steps", 1, "--samples", 0, "--layers", 1, "--width", 64, "--batch-size", 2, "--tgt-len", 16]
    config = cases / "config-utf8-bom.toml"
    trained = run("train", data, "-o", tmp_path / "run", "--preset", "tiny", "--config", config, *options)
    assert trained.exit_code == 0, trained.stderr


def test_names_beyond_the_code_page_of_stdout_are_escaped(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "Ā", "音"):
        (tmp_path / "in" / f"{name}.tx1.txt").write_text(TX1)
    command = [sys.executable, "-m", "lakhnes", "convert", tmp_path / "in", "-o", tmp_path / "out", "--to", "mid"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    finished = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["a", "Ā", "音"]
    assert b"\\u97f3.mid" in finished.stdout


@pytest.mark.parametrize("name", ["音" * 83 + ".mid", "a" * 251 + ".mid", "a.mid"])
def test_an_unfinished_file_has_a_legal_name_however_long_that_of_the_target_is(tmp_path, name):
    target = tmp_path / name
    assert len(os.fsencode(unfinished_name(target).name)) <= 255
    assert unfinished_name(target) != unfinished_name(target)
    write_bytes(target, b"song")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("command", ["render", "convert"])
def test_the_summary_of_a_song_from_stdin_is_one_json_object(run, tmp_path, command):
    target = tmp_path / "a.wav"
    result = run("--json", command, "-", "--from", "tx1", "-o", target, stdin=TX1.encode())
    facts = json.loads(result.stdout)
    assert facts["files"] == [str(target)]
    assert facts["failed"] == []
    assert facts["audio_seconds"] == pytest.approx(lakhnes.Song.from_tx1(TX1).duration, abs=1e-3)
    plain = run(command, "-", "--from", "tx1", "-o", target, "--force", stdin=TX1.encode())
    assert plain.stdout == f"{target}\n"


def test_a_figure_that_is_not_a_number_is_null_in_json(capsys):
    from lakhnes.cli.console import Console

    Console(json=True).summary({"ppl": float("nan"), "songs": [{"loss": float("inf"), "events": 3}]})
    assert json.loads(capsys.readouterr().out) == {"ppl": None, "songs": [{"loss": None, "events": 3}]}


@posix
def test_a_pipe_stays_a_pipe_and_gets_the_whole_file(run, song_file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    result = run("render", song_file, "--format", "wav", "-o", pipe, "--force")
    reader.join(20)
    assert result.exit_code == 0, result.stderr
    assert is_special(pipe)
    assert run("render", song_file, "-o", tmp_path / "b.wav").exit_code == 0
    assert received == [(tmp_path / "b.wav").read_bytes()]


@posix
@pytest.mark.parametrize("command", ["render", "convert"])
def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(run, song_file, tmp_path, command):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    name = {"render": "wav", "convert": "mid"}[command]
    option = {"render": "--format", "convert": "--to"}[command]
    result = run(command, song_file, option, name, "-o", pipe, "--force")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == f"Error: {pipe}: is a pipe that nobody reads"
    assert is_special(pipe)


@posix
def test_what_fails_half_way_leaves_a_device_alone():
    def fill():
        with replacing(Path(os.devnull)) as unfinished:
            unfinished.write_bytes(b"some of it")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fill()
    assert is_special(Path(os.devnull))


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_what_macos_adds_to_archives_and_folders_is_skipped(run, tmp_path, song, kind):
    files = {"train/a.mid": song.to_midi(), "train/._a.mid": b"\0\5\x16\7", "__MACOSX/train/._a.mid": b"\0\5\x16\7"}
    files["__MACOSX/train/b.mid"] = b"no song"
    source = tmp_path / "db.tar"
    if kind == "archive":
        archive_of(source, files)
        converted = run("convert", source, "-o", tmp_path / "mids", "--to", "tx1")
        assert converted.exit_code == 0, converted.stderr
        assert len(list((tmp_path / "mids").rglob("*.tx1.txt"))) == 1
    else:
        source = tmp_path / "db"
        for name, data in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(data)
    result = run("data", "nesmdb", source, tmp_path / "corpus", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["songs"] == {"train": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="file systems whose names are bytes")
def test_a_song_whose_name_is_no_utf8_is_read_and_refused_as_any_other(run, tmp_path, song):
    odd = os.fsdecode(b"x\xffy")
    (tmp_path / f"{odd}.mid").write_bytes(song.to_midi())
    (tmp_path / f"{odd}.tx1.txt").write_text("hello")
    assert lakhnes.read(tmp_path / f"{odd}.mid") == song
    for command in (
        ("info",), ("info", "--arrange"), ("plot", "-o", tmp_path / "a.png"),
        ("plot", "--arrange", "-o", tmp_path / "b.png"),
        ("play", "--sink", tmp_path / "a.wav", "--duration", 0.1), ("eval", "bundled-tx1"),
    ):  # fmt: skip
        name, *rest = command
        args = (*rest, tmp_path / f"{odd}.mid") if name == "eval" else (tmp_path / f"{odd}.mid", *rest)
        result = run(name, *args)
        assert result.exit_code == 0, (command, result.stderr)
    result = run("info", tmp_path / f"{odd}.tx1.txt")
    assert result.exit_code == 1
    assert "\\udcffy.tx1.txt: line 1: expected a TX1 event" in result.stderr


def test_a_text_in_utf16_is_refused_by_name(run, tmp_path):
    (tmp_path / "a.tx1.txt").write_text("P1_NOTEON_60\nWT_1", encoding="utf-16")
    result = run("info", tmp_path / "a.tx1.txt")
    assert result.stderr.endswith('a.tx1.txt: line 1: expected text in UTF-8, found "UTF-16"\n')


@pytest.mark.torch
def test_a_configuration_with_a_byte_order_mark_is_read(run, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text(tiny_config(steps=1).to_toml(), encoding="utf-8-sig")
    result = run("train", make_corpus(tmp_path / "data"), "-o", tmp_path / "run", "--config", config)
    assert result.exit_code == 0, result.stderr
