"""Runs as a whole: killed, shared out over processes, on a full disk, and begun from a folder of MIDI files."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file

import lakhnes
from lakhnes import Vocabulary
from lakhnes.data.corpus import Corpus
from lakhnes.training.config import TrainingConfig
from lakhnes.training.presets import PRESETS
from lakhnes.training.trainer import Trainer
from small import TINY, make_corpus, tiny_config, tune

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
def test_a_killed_and_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(data, config_file, tmp_path):
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
    assert b"resumed at step" in finished.stderr
    assert torch.equal(weights(whole), weights(killed))
    steps = [json.loads(line)["step"] for line in (killed / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_two_processes_see_the_losses_of_one(data, config_file, tmp_path):
    logs = []
    # Without dropout, whose draws are each process's own.
    config_file.write_text(tiny_config(steps=40, batch_size=4, model=dataclasses.replace(TINY, dropout=0.0)).to_toml())
    for name, extra in (("one", []), ("two", ["--processes", 2])):
        args = command("train", data, "-o", tmp_path / name, "--config", config_file, *extra)
        subprocess.run(args, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        logs.append([json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()])
    assert [line["step"] for line in logs[0]] == [line["step"] for line in logs[1]]
    for one, two in zip(*logs, strict=True):
        if "loss" in one:
            assert one["loss"] == pytest.approx(two["loss"], abs=1e-4)
            assert one["tokens"] == two["tokens"]
    assert logs[0][-1]["valid"]["loss"] == pytest.approx(logs[1][-1]["valid"]["loss"], abs=1e-4)


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_full_disk_is_reported_and_the_last_state_stays(data, config_file, tmp_path):
    run = tmp_path / "run"
    subprocess.run(
        command("train", data, "-o", run, "--config", config_file, "--steps", 3), check=True, capture_output=True
    )
    before = (run / "state.safetensors").read_bytes()
    # No file may grow beyond what is tried beforehand: the state cannot be written.
    assert len(before) > 70_000
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000));"
        "sys.argv[0] = 'lakhnes'; from lakhnes.cli import main; main()"
    )
    arguments = command("train", data, "-o", run, "--steps", 9)[3:]
    finished = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True)
    assert finished.returncode == 1
    assert b"state.safetensors" in finished.stderr
    assert b"the state before is intact" in finished.stderr
    assert (run / "state.safetensors").read_bytes() == before
    assert not list(run.glob(".*.part"))


def test_accumulated_segments_give_the_mean_loss(data, tmp_path):
    """Two segments of two streams give the gradient of their mean."""
    config = tiny_config(accumulate=2, steps=2)
    run = trainer(data, tmp_path / "run", config)
    loss, _ = run.train_step()
    assert run.tokens == config.step_tokens == 2 * 3 * 16
    alone = trainer(data, tmp_path / "alone", dataclasses.replace(config, accumulate=1, learning_rate=1e-12))
    first, second = float(alone.train_step()[0]), float(alone.train_step()[0])
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-4)


def test_averaged_weights_are_evaluated_saved_and_resumed(data, tmp_path):
    config = tiny_config(ema=0.9, steps=8, learning_rate=1e-2)
    run = trainer(data, tmp_path / "run", config)
    run.run()
    saved = lakhnes.load_model(tmp_path / "run").network.state_dict()
    own = run.model.state_dict()
    averages = run.average.state()
    for name in own:
        torch.testing.assert_close(saved[name], averages[name], atol=2e-3, rtol=0)
    assert any(not torch.allclose(own[name], averages[name], atol=1e-3) for name in own)
    again = trainer(data, tmp_path / "run", config)
    assert again.resume()
    for name, average in again.average.state().items():
        assert torch.equal(average, averages[name])


def test_a_run_whose_score_does_not_improve_ends_and_keeps_its_best_model(data, tmp_path):
    config = tiny_config(steps=1000, patience=2, eval_every=1e-9, learning_rate=1e-12, ema=0.0)
    run = trainer(data, tmp_path / "run", config)
    score = run.run()
    assert run.step < 20
    assert score.loss == pytest.approx(run.stopping.best, abs=0.02)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_configuration_survives_toml(preset):
    assert TrainingConfig.from_toml(PRESETS[preset].to_toml()) == PRESETS[preset]
    half = TrainingConfig.from_toml("steps = 7\n[model]\nn_layer = 3", PRESETS[preset])
    assert (half.steps, half.minutes, half.model.n_layer) == (7, None, 3)
    assert half.model.d_model == PRESETS[preset].model.d_model


def test_a_folder_of_four_voice_midi_files_is_used_as_it_is(run, tmp_path):
    midis = tmp_path / "midis"
    midis.mkdir()
    for index in range(12):
        (midis / f"{index:02}.mid").write_bytes(lakhnes.Song.from_tx1(tune(index)).to_midi())
    options = ["--preset", "tiny", "--layers", 1, "--width", 64, "--batch-size", 2, "--tgt-len", 16, "--mem-len", 32]
    result = run("train", midis, "-o", tmp_path / "run", *options, "--steps", 2, "--samples", 1, "--tensorboard")
    assert result.exit_code == 0, result.output
    texts = sorted((tmp_path / "run" / "data").rglob("*.tx3.txt"))
    assert {path.parent.name for path in texts} == {"train", "valid"}
    given = lakhnes.Song.from_tx1(tune(int(texts[0].name[:2])))
    assert lakhnes.read(texts[0]) == lakhnes.Song.from_tx3(given.to_tx3())
    assert list((tmp_path / "run" / "samples").rglob("0.wav"))
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    tuned = run("finetune", tmp_path / "run", midis, "-o", tmp_path / "tuned", "--steps", 1, "--samples", 0)
    assert tuned.exit_code == 0, tuned.output
    assert lakhnes.load_model(tmp_path / "tuned").config == lakhnes.load_model(tmp_path / "run").config
