"""Every use of bfloat16 on processors that multiply it and on those that do not, forced by the environment."""

import json
import os
import subprocess
import sys

import pytest

from lakhnes.checkpoint import save_checkpoint
from small import make_corpus, tiny_config, tiny_model

MACHINES = {
    "all instructions": {},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "LAKHNES_SIMD": "avx2",
    },
    "plain": {"ATEN_CPU_CAPABILITY": "default", "LAKHNES_SIMD": "portable"},
}
PRECISIONS = ("auto", "float32", "bfloat16")


def done(machine, *args):
    """Run a command as on a machine, and return its summary."""
    command = [sys.executable, "-m", "lakhnes", *map(str, args), "--json"]
    result = subprocess.run(command, env=os.environ | MACHINES[machine], capture_output=True, check=False, timeout=100)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("precision")
    save_checkpoint(tiny_model(), folder / "model")
    make_corpus(folder / "data", valid=8)
    (folder / "run.toml").write_text(tiny_config(steps=8, samples=0, optimizer="muon").to_toml())
    return folder


@pytest.mark.timeout(400)
@pytest.mark.torch
@pytest.mark.parametrize("machine", MACHINES)
def test_eval_gives_nearly_the_same_loss_in_every_precision(place, machine):
    options = ["--split", "valid", "--batch-size", 2, "--tgt-len", 16]
    losses = [
        done(machine, "eval", place / "model", place / "data", *options, "--precision", precision)["valid"]["loss"]
        for precision in PRECISIONS
    ]
    assert losses == pytest.approx([losses[1]] * 3, rel=0.01)


@pytest.mark.timeout(400)
@pytest.mark.torch
@pytest.mark.parametrize("machine", MACHINES)
def test_training_ends_near_the_same_loss_in_every_precision(place, tmp_path, machine):
    losses = []
    for precision in PRECISIONS:
        options = ["--config", place / "run.toml", "--precision", precision]
        facts = done(machine, "train", place / "data", "-o", tmp_path / precision, *options)
        losses.append(facts["valid"]["loss"])
    assert losses == pytest.approx([losses[1]] * 3, rel=0.03)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_composing_works_with_every_type_of_weights_on_every_machine(place, tmp_path, dtype):
    for machine in MACHINES:
        folder = tmp_path / machine.replace(" ", "_")
        options = [
            "-m",
            place / "model",
            "--length",
            40,
            "--dtype",
            dtype,
            "--seed",
            3,
            "-o",
            folder,
            "--format",
            "tx1",
        ]
        (song,) = done(machine, "generate", *options)["songs"]
        assert song["events"] > 0
