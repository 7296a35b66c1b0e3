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


RUNNER = """
import json, sys
from lakhnes.cli import cli
for line in sys.stdin:
    cli(json.loads(line), standalone_mode=False)
"""
"""Runs the command lines that it reads, one after the other: a machine's torch is imported once for all."""


def done(machine, *commands):
    """Run commands in one process as on a machine, and return their summaries."""
    lines = "".join(json.dumps([*map(str, command), "--json"]) + "\n" for command in commands)
    result = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=lines.encode(),
        env=os.environ | MACHINES[machine],
        capture_output=True,
        check=False,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


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
    evaluate = ["eval", place / "model", place / "data", *options]
    summaries = done(machine, *([*evaluate, "--precision", precision] for precision in PRECISIONS))
    losses = [facts["valid"]["loss"] for facts in summaries]
    assert losses == pytest.approx([losses[1]] * 3, rel=0.01)


@pytest.mark.timeout(400)
@pytest.mark.torch
@pytest.mark.parametrize("machine", MACHINES)
def test_training_ends_near_the_same_loss_in_every_precision(place, tmp_path, machine):
    train = ["train", place / "data", "--config", place / "run.toml"]
    summaries = done(machine, *([*train, "-o", tmp_path / each, "--precision", each] for each in PRECISIONS))
    losses = [facts["valid"]["loss"] for facts in summaries]
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
        ((song,),) = (facts["songs"] for facts in done(machine, ["generate", *options]))
        assert song["events"] > 0
