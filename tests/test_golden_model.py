"""The Transformer-XL against the numbers of the original code, with the weights that the original saved.

The twins of these tests on models of our own are in ``test_model.py`` and ``test_checkpoint_import.py``.
"""

import dataclasses
import json
import tarfile
from pathlib import PurePosixPath

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.nn import functional

from lakhnes.checkpoint import import_checkpoint, load_model
from lakhnes.data.nesmdb import convert_nesmdb
from lakhnes.model.engine import losses_of
from lakhnes.model.model import Model
from lakhnes.model.torch_engine import TorchEngine

TOLERANCE = 1e-4
ENGINES = {
    "torch": lambda model, memory: TorchEngine(model.network, 1, memory),
    "native": lambda model, memory: model.begin(1, memory=memory),
}
VARIANTS = {
    "base": {},
    "clamp400": {"clamp_len": 400},
    "same": {"same_length": True},
    "clamp400_same": {"clamp_len": 400, "same_length": True},
}


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden" / "model"


@pytest.fixture(scope="module")
def folder(golden, tmp_path_factory):
    """The checkpoint of PyTorch 1.0.1 on a GPU, imported."""
    target = tmp_path_factory.mktemp("golden") / "model"
    assert import_checkpoint(golden / "torch101_cuda", target).vocabulary_checked
    return target


@pytest.fixture(scope="module")
def variant(folder):
    """Give the model with other options of attention."""
    original = load_model(folder, "cpu")

    def make(name):
        return Model(dataclasses.replace(original.config, **VARIANTS[name]), original.weights, "cpu")

    return make


def largest(found, expected):
    error = float(np.abs(np.asarray(found, np.float64) - expected).max())
    print(f"largest difference {error:.2e}")
    return error


def generation(golden, name):
    facts = np.load(golden / f"gen_{name}.npz")
    return torch.from_numpy(facts["tokens"].astype(np.int64)).flatten(), facts["logits"].reshape(-1, 631)


def prediction(golden, name):
    facts = np.load(golden / f"nll_{name}.npz")
    return torch.from_numpy(facts["tokens"].astype(np.int64)).flatten(), facts["nll"].ravel(), facts["nll64"].ravel()


@pytest.mark.parametrize("source", ["torch101_cpu", "torch213_zip", "cuda:5", "cpu", "somewhere:12"])
def test_every_form_of_the_checkpoint_has_the_same_weights(golden, folder, tmp_path, source):
    if (golden / source).is_dir():
        published = golden / source
    else:  # the file of the GPU with its storages elsewhere
        data = (golden / "torch101_cuda" / "model.pt").read_bytes()
        device = b"X\x06\0\0\0cuda:0"
        assert data.count(device) == 1
        published = tmp_path / "model.pt"
        published.write_bytes(data.replace(device, b"X" + len(source).to_bytes(4, "little") + source.encode()))
    import_checkpoint(published, tmp_path / "out")
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["base", "clamp400_same"])
def test_logits_step_by_step_past_a_full_memory(golden, variant, name, engine):
    tokens, expected = generation(golden, name)
    reading = ENGINES[engine](variant(name), 512)
    assert len(tokens) == 600
    found = np.concatenate([reading.feed(token[None].numpy()) for token in tokens])
    assert largest(found, expected) <= TOLERANCE


@torch.inference_mode()
def test_logits_in_one_pass(golden, variant):
    """With same-length attention all 600; without it as many as the memory of 512 holds."""
    for name, count in (("clamp400_same", 600), ("base", 513)):
        tokens, expected = generation(golden, name)
        model = variant(name).network
        hidden, _ = model(tokens[None, :count], mem_len=512)
        assert largest(model.logits(hidden)[0], expected[:count]) <= TOLERANCE


@pytest.mark.parametrize("name", VARIANTS)
@torch.inference_mode()
def test_predictions_in_segments_with_memory(golden, variant, name):
    tokens, expected, exact = prediction(golden, name)
    model = variant(name).network
    memory, found = None, []
    for start in range(0, 1024, 128):
        hidden, memory = model(tokens[None, start : start + 128], memory, 896)
        targets = tokens[start + 1 : start + 129]
        found.append(functional.cross_entropy(model.logits(hidden)[0], targets, reduction="none"))
    assert memory.shape == (4, 1, 896, 64)
    assert largest(torch.cat(found), expected) <= TOLERANCE
    assert largest(torch.cat(found), exact) <= TOLERANCE


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["same", "clamp400_same"])
def test_predictions_step_by_step(golden, variant, name, engine):
    """Attention of the same length reads as many keys in a segment as in single steps."""
    tokens, expected, _ = prediction(golden, name)
    reading = ENGINES[engine](variant(name), 896)
    logits = np.concatenate([reading.feed(token[None].numpy()) for token in tokens[:1024]])
    assert largest(losses_of(logits, tokens[1:1025].numpy()), expected) <= TOLERANCE


@pytest.fixture(scope="module")
def songs(shared, tmp_path_factory):
    """TX1 texts of the first 60 valid songs of NES-MDB, in two corpora: 40 and 20."""
    base = tmp_path_factory.mktemp("songs")
    with tarfile.open(shared / "data" / "nesmdb_midi_train_valid.tar.xz") as archive:
        members = {PurePosixPath(member.name).name: member for member in archive if "/valid/" in member.name}
        for place, name in enumerate(sorted(name for name in members if name.endswith(".mid"))[:60]):
            split = base / ("midi40" if place < 40 else "midi20") / "valid"
            split.mkdir(parents=True, exist_ok=True)
            (split / name).write_bytes(archive.extractfile(members[name]).read())
    for count in (40, 20):
        assert convert_nesmdb(base / f"midi{count}", base / f"tx{count}", to=["tx1"]).songs == {"valid": count}
    return base


@pytest.mark.parametrize(("key", "count"), [("valid_first_40", 40), ("valid_41_to_60", 20)])
def test_the_loss_of_the_original_evaluation(golden, folder, songs, run, key, count):
    expected = json.loads((golden / "eval.json").read_text())[key]
    corpus = songs / f"tx{count}"
    names = sorted(path.name for path in (corpus / "valid").iterdir())
    assert f"{expected.get('first')}.tx1.txt" == names[0] or f"{expected.get('last')}.tx1.txt" == names[-1]
    result = run("eval", folder, corpus, "--split", "valid", "--device", "cpu", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["valid"]
    print(f"loss {found['loss']:.8f}, the original's {expected['loss']:.8f}")
    assert found["positions"] == expected["scored_positions"]
    assert found["loss"] == pytest.approx(expected["loss"], abs=1e-5)
    assert found["ppl"] == pytest.approx(np.exp(expected["loss"]), abs=1e-3)
