"""How far long work is: a line now and then off a terminal, a bar on one, and never on stdout."""

import contextlib
import json
import os
import subprocess
import sys

import pytest

import lakhnes
from lakhnes.cli.console import Console
from lakhnes.cli.live import live
from lakhnes.cli.progress import lines
from small import make_corpus, tiny_config


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def printed(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_short_work_prints_nothing(capsys, clock):
    with lines("convert", 100, clock) as advance:
        for _ in range(9):
            clock.now += 1
            advance(1)
    assert printed(capsys) == []


def test_the_first_line_comes_after_ten_seconds_the_next_after_half_a_minute_and_a_tenth_of_the_work(capsys, clock):
    with lines("convert", 1000, clock) as advance:
        for _ in range(100):  # a tenth takes 20 s: what counts is the half minute
            clock.now += 2
            advance(10)
    assert printed(capsys) == [
        "convert: 50 of 1,000 (5%)  0:10",
        "convert: 200 of 1,000 (20%)  0:40",
        "convert: 350 of 1,000 (35%)  1:10",
        "convert: 500 of 1,000 (50%)  1:40",
        "convert: 650 of 1,000 (65%)  2:10",
        "convert: 800 of 1,000 (80%)  2:40",
        "convert: 950 of 1,000 (95%)  3:10",
    ]
    with lines("convert", 1000, clock) as advance:
        for _ in range(100):  # a tenth takes 100 s
            clock.now += 10
            advance(10)
    assert [line.split()[1] for line in printed(capsys)][:3] == ["10", "110", "210"]


def test_slow_work_prints_a_line_every_five_minutes(capsys, clock):
    with lines("train", 1.0, clock) as advance:
        for _ in range(100):
            clock.now += 10
            advance(0.001, "loss 2.0")
    assert printed(capsys) == [
        "train: 0.1%  loss 2.0  0:10",
        "train: 3.1%  loss 2.0  5:10",
        "train: 6.1%  loss 2.0  10:10",
        "train: 9.1%  loss 2.0  15:10",
    ]


def test_work_of_unknown_length_prints_a_line_every_half_minute(capsys, clock):
    with lines("adapt", None, clock) as advance:
        for _ in range(7):
            clock.now += 10
            advance(500)
    assert printed(capsys) == ["adapt: 500  0:10", "adapt: 2,000  0:40", "adapt: 3,500  1:10"]


def test_quiet_work_prints_nothing_and_evaluations_are_notes(capsys):
    line = {"step": 40, "tokens": 2_000_000, "seconds": 4.0, "progress": 0.25}
    for console in (Console(quiet=True), Console()):
        with live(console) as report:
            report(line | {"loss": 2.5})
            report(line | {"valid": {"ppl": 3.25}})
    assert printed(capsys) == ["train: 25.0%  step 40  2.0 M tokens  valid PPL 3.250"]


@pytest.mark.torch
def test_a_training_in_a_log_file_prints_its_progress(run, tmp_path, monkeypatch):
    monkeypatch.setattr("lakhnes.cli.progress.FIRST", 0.0)
    config = tmp_path / "run.toml"
    config.write_text(tiny_config(steps=3, samples=0).to_toml())
    data = make_corpus(tmp_path / "data")
    result = run("train", data, "-o", tmp_path / "run", "--config", config, "--json")
    assert result.exit_code == 0, result.stderr
    assert "train: 33.3%  step 1  0.0 M tokens  loss" in result.stderr
    assert json.loads(result.stdout)["steps"] == 3
    quiet = run("train", data, "-o", tmp_path / "quiet", "--config", config, "-q")
    assert "step" not in quiet.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_results_get_into_their_file_while_a_bar_is_on_the_terminal(song_file, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.tx1.txt").write_bytes(song_file.read_bytes())
    command = [sys.executable, "-m", "lakhnes", "convert", tmp_path / "in", "-o", tmp_path / "out", "--to", "mid"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    os.close(ours)
    assert finished.returncode == 0
    assert finished.stdout.decode().split() == [str(tmp_path / "out" / f"{name}.mid") for name in "ab"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
@pytest.mark.parametrize("command", [("adapt", "midi"), ("nesmdb", "corpus")])
def test_the_bar_of_a_conversion_knows_how_much_there_is(song_file, tmp_path, command):
    import pty

    name, source = command
    song = lakhnes.read(song_file)
    for folder in ("midi", "corpus/train"):
        (tmp_path / folder).mkdir(parents=True)
        for index in range(3):
            (tmp_path / folder / f"{index}.mid").write_bytes(song.to_midi())
    ours, theirs = pty.openpty()
    args = [sys.executable, "-m", "lakhnes", "data", name, source, "out", *(["--arrange"] if name == "adapt" else [])]
    subprocess.run(args, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs, timeout=60, check=False)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody holds any more
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert b"/3" in shown
    assert b"/?" not in shown


@pytest.mark.torch
def test_a_training_says_what_it_does_when_the_steps_are_over(tmp_path):
    import torch

    from lakhnes.data.corpus import Corpus
    from lakhnes.training.trainer import Trainer

    data, vocabulary = make_corpus(tmp_path / "data"), lakhnes.Vocabulary.tx1()
    train, valid = (Corpus.load(data, split, vocabulary) for split in ("train", "valid"))
    (tmp_path / "run").mkdir()
    run = Trainer(tiny_config(steps=1, samples=0), train, valid, tmp_path / "run", torch.device("cpu"))
    notes = []
    run.note = notes.append
    run.run()
    assert notes == ["the model is scored on 4 songs of the valid split"]
