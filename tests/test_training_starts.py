"""Runs that begin with the weights of a model: what they tell, and who resumes them."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from lakhnes.checkpoint import save_checkpoint
from lakhnes.data import midi_files
from lakhnes.training.run_directory import read_config
from music_files import archive_of, collection
from small import make_corpus, tiny_config, tiny_model


@pytest.fixture
def place(tmp_path):
    save_checkpoint(tiny_model(), tmp_path / "model")
    make_corpus(tmp_path / "data", valid=8)
    options = tiny_config(steps=2, samples=0).to_toml()
    (tmp_path / "run.toml").write_text(options)
    torch.manual_seed(0)
    return tmp_path


def test_finetuning_tells_the_perplexity_before_and_after(run, place):
    result = run("finetune", place / "model", place / "data", "-o", place / "tuned", "--config", place / "run.toml")
    assert result.exit_code == 0, result.stderr
    assert "valid PPL before: " in result.stderr
    assert "valid PPL after: " in result.stderr


def test_a_run_is_resumed_by_the_command_that_began_it(run, place):
    options = ["-o", place / "tuned", "--config", place / "run.toml"]
    assert run("finetune", place / "model", place / "data", *options).exit_code == 0
    other = run("train", place / "data", *options)
    assert other.exit_code == 2
    assert f"holds a run that began with the model {place / 'model'}" in other.stderr
    assert run("finetune", place / "model", place / "data", *options).exit_code == 0
    assert run("train", place / "data", *options, "--force").exit_code == 0
    plain = run("finetune", place / "model", place / "data", *options)
    assert plain.exit_code == 2
    assert "holds a run from random weights" in plain.stderr


def begun(run, place):
    """Begin a run of two steps with options that a resumed run does not have to name."""
    options = ["-o", place / "run", "--config", place / "run.toml", "--preset", "tiny", "--seed", 3]
    result = run("train", place / "data", *options)
    assert result.exit_code == 0, result.stderr
    return ["train", place / "data", "-o", place / "run"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_size = 2", "batch_size 3 where "),
        ("seed = 4", "seed 3 where "),
        ("optimizer = 'muon'", "optimizer adamw where "),
        ("[model]\nn_layer = 5", "model.n_layer 2 where "),
        ("[augmentation]\ntranspose = 0.25", "augmentation.transpose "),
        ("[model]\narchitecture = 'lstm'", "model.architecture transformer-xl where "),
    ],
)
def test_a_file_of_options_that_cannot_change_is_refused_when_a_run_is_resumed(run, place, text, message):
    command = begun(run, place)
    before = (place / "run" / "config.toml").read_bytes()
    (place / "other.toml").write_text(text)
    result = run(*command, "--config", place / "other.toml")
    assert result.exit_code == 2, result.stderr
    assert f"holds a run already, with {message}" in result.stderr
    assert (place / "run" / "config.toml").read_bytes() == before


def test_a_file_that_is_not_there_is_refused_when_a_run_is_resumed(run, place):
    result = run(*begun(run, place), "--config", place / "none.toml")
    assert result.exit_code == 1
    assert "none.toml: no such file" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--preset", "bundled"], ["--batch-size", 2], ["--layers", 5], ["--width", 96], ["--vocabulary", "tx3"],
        ["--seed", 4], ["--init", "bundled"], ["--dropout", 0.3], ["--ema", 0.5], ["--tgt-len", 8], ["--accumulate", 2],
        ["--optimizer", "muon"],
    ],
)  # fmt: skip
def test_an_option_that_cannot_change_is_refused_when_a_run_is_resumed(run, place, options):
    result = run(*begun(run, place), *options)
    assert result.exit_code == 2, result.stderr
    assert "--force replaces" in result.stderr


def test_what_may_change_is_taken_from_the_file_and_what_is_typed_comes_first(run, place):
    command = begun(run, place)
    (place / "longer.toml").write_text("steps = 3\nlearning_rate = 0.5\nmem_len = 8\nseed = 3\n")
    result = run(*command, "--config", place / "longer.toml", "--learning-rate", 0.25)
    assert result.exit_code == 0, result.stderr
    config = read_config(place / "run" / "config.toml")
    assert (config.steps, config.minutes, config.learning_rate) == (3, None, 0.25)
    assert (config.mem_len, config.mem_len_start, config.batch_size) == (8, 8, 3)
    assert run(*command, "--steps", 4).exit_code == 0
    assert read_config(place / "run" / "config.toml").steps == 4


def test_the_same_command_resumes_a_run_whose_options_differ_from_its_file(run, place):
    (place / "deep.toml").write_text(tiny_config(steps=2, samples=0).to_toml())
    options = ["-o", place / "deep", "--config", place / "deep.toml", "--layers", 1, "--width", 64, "--batch-size", 2]
    for _ in range(2):
        result = run("train", place / "data", *options)
        assert result.exit_code == 0, result.stderr
    config = read_config(place / "deep" / "config.toml")
    assert (config.model.n_layer, config.model.d_model, config.batch_size) == (1, 64, 2)


def test_a_run_of_finetune_is_not_resumed_by_train(run, place):
    options = ["-o", place / "tuned", "--config", place / "run.toml"]
    assert run("finetune", place / "model", place / "data", *options).exit_code == 0
    result = run("train", place / "data", *options, "--init", place / "model")
    assert result.exit_code == 2
    assert "holds a run of lakhnes finetune" in result.stderr


def test_a_run_begins_with_how_long_it_takes(run, place):
    result = run("train", place / "data", "-o", place / "run", "--config", place / "run.toml")
    assert "2 steps" in result.stderr
    (place / "minutes.toml").write_text(tiny_config(steps=None, minutes=0.01, samples=0).to_toml())
    result = run("train", place / "data", "-o", place / "short", "--config", place / "minutes.toml")
    assert result.exit_code == 0, result.stderr
    assert "at most 0.0 minutes of training, until about " in result.stderr


def test_eval_reads_an_archive_as_it_reads_its_folder(run, place):
    members = {f"db/valid/{path.name}": path.read_bytes() for path in (place / "data" / "valid").iterdir()}
    archive_of(place / "db.tar.gz", members, "w:gz")
    options = ["--split", "valid", "--batch-size", 2, "--tgt-len", 16, "--json"]
    sources = (place / "data", place / "db.tar.gz")
    scores = [json.loads(run("eval", place / "model", data, *options).stdout) for data in sources]
    assert scores[0]["valid"]["loss"] == scores[1]["valid"]["loss"]


def test_eval_takes_fewer_streams_where_songs_are_few(run, place):
    result = run("eval", place / "model", place / "data", "--split", "valid", "--batch-size", 512, "--tgt-len", 16)
    assert result.exit_code == 0, result.stderr
    assert "valid: too few songs for 512 streams, so " in result.stderr


def test_songs_too_few_to_be_scored_are_refused_before_torch_is_loaded(run, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "lakhnes.model.network", None)
    evaluated = ["eval", place / "model", place / "data", "--split", "valid", "--tgt-len", 100_000]
    for command in (evaluated, ["reproduce", "table2", place / "data", "-o", place / "out"]):
        result = run(*command)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: nothing to score: 8 songs do not fill one segment of 1"), result.stderr


def test_the_model_of_a_run_is_described(run, place):
    run("train", place / "data", "-o", place / "run", "--config", place / "run.toml")
    result = run("checkpoint", "info", place / "run")
    assert result.exit_code == 0, result.stderr
    assert "architecture    transformer-xl" in result.stdout


def test_a_state_that_is_not_of_its_run_is_refused_before_torch_is_loaded(run, place, monkeypatch):
    command = begun(run, place)
    (place / "run" / "state.safetensors").write_bytes(b'\x08\0\0\0\0\0\0\0{"a":1}!')
    monkeypatch.setitem(sys.modules, "lakhnes.model.network", None)
    result = run(*command)
    assert result.exit_code == 1
    assert "state.safetensors: not the state of a training run" in result.stderr


def test_a_directory_that_takes_no_files_is_refused_before_torch_is_loaded(run, place, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setitem(sys.modules, "lakhnes.model.network", None)
    monkeypatch.setattr(Path, "write_bytes", full)
    for command in (["train"], ["finetune", place / "model"]):
        result = run(*command, place / "data", "-o", place / "run", "--config", place / "run.toml")
        assert result.exit_code == 1
        assert result.stderr == f"Error: {place / 'run'}: no space left on device\n"
        assert not (place / "run").exists()


def test_a_folder_of_midi_files_is_searched_once(run, place, monkeypatch):
    searched = []

    def files_below(folder, among=None):
        searched.append(Path(folder))
        return whole(folder, among)

    whole = midi_files.files_below
    monkeypatch.setattr(midi_files, "files_below", files_below)
    collection(place / "midis", range(12))
    (place / "midis" / "tune 3.mid").write_bytes(b"MThd")  # and it is adapted, or read as it is
    result = run("train", place / "midis", "-o", place / "run", "--config", place / "run.toml")
    assert result.exit_code == 0, result.output
    assert searched == [place / "midis"]
    assert run("data", "adapt", place / "midis", place / "adapted").exit_code == 0
    assert searched == [place / "midis"] * 2
