"""Checkpoints of our own: what is saved is loaded, and what cannot be loaded is told in one line."""

import dataclasses
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lakhnes
from lakhnes import CheckpointError
from lakhnes.checkpoint import load_model, save_checkpoint
from lakhnes.model.config import TransformerXLConfig
from small import random_model

CONFIG = TransformerXLConfig(
    n_layer=2, n_head=2, d_model=8, d_head=4, d_inner=16, pre_norm=True, same_length=True, clamp_len=9, mem_len=64
)


@pytest.fixture
def model():
    return random_model(CONFIG, 0)


@pytest.fixture
def folder(model, tmp_path):
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    return tmp_path / "model"


def test_a_checkpoint_is_two_files_and_holds_every_number(model, folder):
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    loaded = load_model(folder, "cpu")
    assert loaded.config == CONFIG
    assert loaded.weights.keys() == model.weights.keys()
    for name, weight in model.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], weight)


@pytest.mark.torch
def test_a_checkpoint_becomes_a_torch_module_with_the_same_numbers(model, folder):
    network = load_model(folder, "cpu").network
    assert not network.training
    assert network.state_dict().keys() == model.weights.keys()
    for name, tensor in network.state_dict().items():
        np.testing.assert_array_equal(tensor, model.weights[name])
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.torch
def test_a_loaded_model_is_saved_as_the_network_was(folder, tmp_path):
    for name, saved in (("model", load_model(folder)), ("network", load_model(folder, "cpu").network)):
        save_checkpoint(saved, tmp_path / "saved" / name, dtype="float32")
        for file in ("config.json", "model.safetensors"):
            assert (tmp_path / "saved" / name / file).read_bytes() == (folder / file).read_bytes()


def test_weights_of_other_types_are_read_as_float32(model, folder):
    path = folder / "model.safetensors"
    for dtype in (np.float64, np.float16):
        stored = {name: weight.astype(dtype) for name, weight in model.weights.items()}
        save_file(stored, path)
        for name, weight in load_model(folder).weights.items():
            assert weight.dtype == np.float32
            np.testing.assert_array_equal(weight, stored[name].astype(np.float32))
    save_file({name: weight.astype(np.int32) for name, weight in stored.items()}, path)
    with pytest.raises(CheckpointError, match="is of type I32, expected F16 or F32"):
        load_model(folder)


@pytest.mark.torch
def test_weights_of_a_type_that_numpy_does_not_have_are_read_as_float32(model, folder):
    import torch
    from safetensors.torch import save_file

    stored = {name: torch.from_numpy(weight).bfloat16() for name, weight in model.weights.items()}
    save_file(stored, folder / "model.safetensors")
    for name, weight in load_model(folder).weights.items():
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, stored[name].float())


def test_half_precision_is_the_default_and_loads_as_float32(model, tmp_path):
    save_checkpoint(model, tmp_path)
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {np.dtype(np.float16)}
    loaded = load_model(tmp_path, "cpu")
    for name, weight in model.weights.items():
        np.testing.assert_allclose(loaded.weights[name], weight, atol=1e-3, rtol=1e-3)
        assert loaded.weights[name].dtype == np.float32


@pytest.mark.torch
def test_a_loaded_model_is_its_own(folder):
    """Neither training it nor replacing its file disturbs the other."""
    import torch

    loaded = load_model(folder, "cpu")
    before = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        loaded.network.embedding.weight.zero_()
    loaded.weights["output_bias"][:] = 0
    assert (folder / "model.safetensors").read_bytes() == before
    (folder / "model.safetensors").write_bytes(bytes(len(before)))
    assert np.abs(loaded.weights["layers.0.inner.weight"]).sum() > 0
    assert np.abs(loaded.weights["embedding.weight"]).sum() > 0


def test_a_checkpoint_is_replaced_only_when_asked(model, folder):
    before = (folder / "model.safetensors").read_bytes()
    model.weights["output_bias"][:] = 1.0
    with pytest.raises(FileExistsError):
        save_checkpoint(model, folder)
    assert (folder / "model.safetensors").read_bytes() == before
    save_checkpoint(model, folder, overwrite=True)
    assert load_model(folder, "cpu").weights["output_bias"].sum() == 631


def remove(name):
    return lambda folder: (folder / name).unlink()


def write(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def shorten(count):
    def cut(folder):
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:count])

    return cut


def reshape(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def tensors(change):
    def rewrite(folder):
        path = folder / "model.safetensors"
        weights = load_file(path)
        change(weights)
        save_file(weights, path)

    return rewrite


HUGE_HEADER = struct.pack("<Q", 2**60) + b"{}"
LIE = b'{"embedding.weight":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'


@pytest.mark.parametrize(
    ("damage", "file", "message"),
    [
        (remove("config.json"), "", "config.json is missing"),
        (remove("model.safetensors"), "", "model.safetensors is missing"),
        (write("config.json", b"{"), "config.json", "not JSON"),
        (write("config.json", b"\xff\xfe"), "config.json", "not UTF-8 text"),
        (write("config.json", b" " * 70_000), "config.json", "larger than 65536 bytes"),
        (write("model.safetensors", b""), "model.safetensors", "not a safetensors file"),
        (write("model.safetensors", b"cos\nsystem\n(S'true'\ntR."), "model.safetensors", "not a safetensors file"),
        (write("model.safetensors", HUGE_HEADER), "model.safetensors", "not a safetensors file"),
        (
            write("model.safetensors", struct.pack("<Q", len(LIE)) + LIE),
            "model.safetensors",
            "not a safetensors file",
        ),
        (shorten(2000), "model.safetensors", "not a safetensors file"),
        (shorten(-1), "model.safetensors", "not a safetensors file"),
        (reshape(d_model=10), "model.safetensors", "'embedding.weight' is (631, 8), expected (631, 10)"),
        (reshape(n_layer=3), "model.safetensors", "'layers.2.attention.o_net.weight' is missing"),
        (reshape(n_layer=1_024), "model.safetensors", "expected at least 1025"),
        (reshape(n_layer=65_536), "config.json", "n_layer is 65536, expected a whole number from 1 to 1024"),
        (reshape(n_layer=1), "model.safetensors", "expected no such tensor"),
        (reshape(d_inner=60_000, n_layer=20), "model.safetensors", "expected"),
        (reshape(pre_norm=False), "model.safetensors", "'final_norm.bias' is (8,), expected no such tensor"),
        (tensors(lambda weights: weights.pop("output_bias")), "model.safetensors", "'output_bias' is missing"),
        (
            tensors(lambda weights: weights.update(extra=np.zeros(2, np.float32))),
            "model.safetensors",
            "'extra' is (2,)",
        ),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told_in_one_line(folder, run, tmp_path, damage, file, message):
    damage(folder)
    with pytest.raises(CheckpointError) as caught:
        load_model(folder, "cpu")
    line = str(caught.value)
    assert line.startswith(str(folder / file) if file else f"{folder}: ")
    assert message in line
    assert "\n" not in line
    result = run("generate", "-m", folder, "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["nowhere", "model/config.json"])
def test_a_model_that_is_no_folder_is_named(folder, tmp_path, name):
    with pytest.raises(CheckpointError, match=r"no such model|is a file, expected a checkpoint directory"):
        load_model(tmp_path / name)


@pytest.mark.torch
def test_a_device_that_is_not_there_is_named(folder):
    import torch

    from lakhnes.model.network import pick_device

    for device in ("cuda:99", "toaster", "meta:x"):
        with pytest.raises(CheckpointError, match="is not available"):
            load_model(folder, device)
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")


def test_the_directory_of_a_run_stands_for_its_checkpoint(model, tmp_path):
    save_checkpoint(model, tmp_path / "run" / "model")
    assert lakhnes.load_model(tmp_path / "run", "cpu").config == CONFIG


def test_info_says_what_a_checkpoint_is(folder, run):
    facts = json.loads(run("checkpoint", "info", folder, "--json").stdout)
    assert facts["parameters"] == CONFIG.num_parameters
    assert facts["weights"] == "model.safetensors"
    assert {name: facts[name] for name in dataclasses.asdict(CONFIG)} == dataclasses.asdict(CONFIG)
    (folder / "config.json").unlink()
    result = run("checkpoint", "info", folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no checkpoint; expected config.json and model.safetensors" in result.stderr
