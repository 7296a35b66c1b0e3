"""Runs that begin with the weights of a model: what they tell, and who resumes them."""

import json

import pytest

pytest.importorskip("torch")

import torch

from lakhnes.checkpoint import save_checkpoint
from music_files import archive_of
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


def test_the_model_of_a_run_is_described(run, place):
    run("train", place / "data", "-o", place / "run", "--config", place / "run.toml")
    result = run("checkpoint", "info", place / "run")
    assert result.exit_code == 0, result.stderr
    assert "architecture    transformer-xl" in result.stdout
