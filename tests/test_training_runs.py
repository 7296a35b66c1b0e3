"""Runs as a whole: killed, shared out over processes, on a full disk, and begun from a folder of MIDI files."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from lakhnes import Vocabulary
from lakhnes.data.corpus import Corpus
from lakhnes.training.trainer import Trainer
from small import make_corpus, tiny_config

CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path):
    return make_corpus(tmp_path / "data")


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(tiny_config(steps=40, save_every=0.0, batch_size=4).to_toml())
    return path


def command(*args):
    return [sys.executable, "-m", "lakhnes", *map(str, args)]


def weights(folder):
    tensors = load_file(folder / "state.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.startswith("model.")])


def trainer(data, folder, config):
    folder.mkdir(exist_ok=True)
    corpora = [Corpus.load(data, split, Vocabulary.tx1()) for split in ("train", "valid")]
    return Trainer(config, *corpora, folder, CPU)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_run_that_is_killed_ends_with_the_weights_of_one_that_was_not(data, config_file, tmp_path):
    whole = tmp_path / "whole"
    subprocess.run(command("train", data, "-o", whole, "--config", config_file), check=True, capture_output=True)
    killed = tmp_path / "killed"
    running = subprocess.Popen(
        command("train", data, "-o", killed, "--config", config_file), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (killed / "state.safetensors").exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    again = command("train", data, "-o", killed, "--config", config_file)
    finished = subprocess.run(again, check=True, capture_output=True)
    assert b"going on at step" in finished.stderr
    assert torch.equal(weights(whole), weights(killed))
    steps = [json.loads(line)["step"] for line in (killed / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)
