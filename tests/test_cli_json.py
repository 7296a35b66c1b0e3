"""``--json``: one object on stdout, whatever comes of the command."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from small import make_corpus, tiny_config

NONE, FOLDER, MODEL = "none.mid", "no_folder", "no_model"
FAILING = [
    ["render", NONE, "-o", "x.wav"],
    ["render", "song.tx1.txt", "-o", "song.tx1.txt"],
    ["render", "song.tx1.txt", "-o", "there.wav"],
    ["render", "song.tx1.txt", "-o", f"{FOLDER}/y/x.wav"],
    ["convert", "song.tx1.txt", "-o", "there.wav"],
    ["convert", "song.tx1.txt", "-o", "x.xyz"],
    ["info", NONE],
    ["plot", NONE, "-o", "x.png"],
    ["plot", "song.tx1.txt", "-o", "there.wav"],
    ["play", NONE, "--sink", "x.wav"],
    ["eval", "bundled", FOLDER],
    ["eval", MODEL, FOLDER],
    ["generate", "-m", MODEL, "-o", "new"],
    ["generate", "-o", "there.wav"],
    ["continue", NONE],
    ["accompany", NONE],
    ["infill", NONE, "--voices", "p1"],
    ["tokenize", FOLDER, "-o", "x.npz"],
    ["data", "stats", FOLDER],
    ["data", "adapt", FOLDER, "out"],
    ["data", "nesmdb", FOLDER, "out"],
    ["data", "nsf", FOLDER, "out"],
    ["data", "shard", FOLDER],
    ["data", "compare", FOLDER, FOLDER],
    ["train", FOLDER, "-o", "run"],
    ["finetune", "bundled", FOLDER, "-o", "run"],
    ["reproduce", "table2", FOLDER, "-o", "table"],
    ["checkpoint", "info", MODEL],
    ["checkpoint", "import", FOLDER, "out"],
    ["checkpoint", "download", MODEL],
    ["study", "analyze", FOLDER],
]
WRONG = [
    ["render", "song.tx1.txt", "--loops", "-3"],
    ["render", "song.tx1.txt", "--no-such-option"],
    ["render"],
    ["no-such-command"],
    ["data", "no-such-command"],
    ["generate", "-o", "-"],
    ["generate", "--min-duration", "9", "--max-duration", "3"],
    ["train", "song.tx1.txt"],
    ["infill", "song.tx1.txt", "--voices", "p9"],
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.tx1.txt").write_text("P1_NOTEON_60\nWT_44100\nP1_NOTEOFF\n")
    (tmp_path / "there.wav").write_bytes(b"mine")
    return tmp_path


def check(result, code):
    assert result.exit_code == code, result.stderr
    facts = json.loads(result.stdout)
    assert isinstance(facts, dict)
    told = facts.get("error") or facts["failed"][0]["error"]
    assert told in result.stderr
    assert "\n" not in told


@pytest.mark.parametrize("command", FAILING, ids=" ".join)
def test_what_fails_is_told_in_one_object(run, folder, command):
    check(run(*command, "--json"), 1)
    assert (folder / "there.wav").read_bytes() == b"mine"


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_wrong_usage_is_told_in_one_object(run, folder, command):
    check(run(*command, "--json"), 2)


def test_without_the_option_a_failure_prints_nothing_on_stdout(run, folder):
    for command in FAILING[:6]:
        assert run(*command).stdout == ""


def test_of_a_song_on_stdout_the_object_goes_to_stderr(run, folder):
    result = run("render", "song.tx1.txt", "-o", "-", "--json")
    assert result.exit_code == 0
    assert result.stdout_bytes[:4] == b"RIFF"
    assert json.loads(result.stderr)["failed"] == []


def stopped(command, ready, number):
    """Run a command in a process, stop it when it is ready, and return its exit code and what it printed."""
    arguments = [sys.executable, "-m", "lakhnes", *map(str, command), "--json"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    started = time.monotonic()
    while not ready() and time.monotonic() - started < 60:
        time.sleep(0.01)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    return process.returncode, json.loads(printed)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_batch_that_is_stopped_says_so_in_one_object(folder, number, code):
    for index in range(200):
        (folder / f"{index:03}.tx1.txt").write_text("P1_NOTEON_60\n" + "WT_44100\n" * 240 + "P1_NOTEOFF\n")
    out = folder / "out"
    options = ["-o", "out", "--format", "flac", "--jobs", 1]
    returned, facts = stopped(["render", ".", *options], lambda: out.is_dir() and len(list(out.iterdir())) > 3, number)
    assert returned == code
    if number == signal.SIGINT:
        assert facts["error"].startswith("interrupted: ")
        assert 0 < len(facts["files"]) < 200
        assert sorted(facts["files"]) == sorted(f"out/{path.name}" for path in out.iterdir())
    else:
        assert facts == {"error": "terminated"}


@pytest.mark.torch
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_that_is_stopped_says_so_in_one_object(folder):
    make_corpus(folder / "data")
    (folder / "run.toml").write_text(tiny_config(steps=1_000_000, samples=0).to_toml())
    log = folder / "run" / "log.jsonl"
    command = ["train", "data", "-o", "run", "--config", "run.toml"]
    returned, facts = stopped(command, log.is_file, signal.SIGINT)
    assert returned == 130
    assert facts["error"].startswith("interrupted")
    assert facts["steps"] > 0
