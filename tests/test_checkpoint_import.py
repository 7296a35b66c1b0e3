"""Published models become checkpoints with the same numbers; what cannot be one is told in a line."""

import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

import lakhnes
from lakhnes import CheckpointError, UnsafeCheckpointError, Vocabulary
from lakhnes.checkpoint import import_checkpoint, load_model
from lakhnes.checkpoint.unpickler import unpickle
from lakhnes.model.config import TransformerXLConfig
from published import CONFIG, WEIGHTS, Call, Make, Name, Raw, Writer, dumps, old_file, weights_of, write_published

SYMBOLS = Vocabulary.tx1().symbols


@pytest.fixture
def published(tmp_path):
    return write_published(tmp_path / "published")


@pytest.mark.parametrize("old", [True, False], ids=["torch 1.0", "zip"])
def test_a_published_model_keeps_every_number_and_its_shape(tmp_path, run, old):
    source = write_published(tmp_path / "published", old=old)
    result = run("checkpoint", "import", source, tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {
        "checkpoint": str(tmp_path / "out"),
        "parameters": CONFIG.num_parameters,
        "vocabulary": "tx1",
    }
    found = load_file(tmp_path / "out" / "model.safetensors")
    assert set(found) == set(WEIGHTS)
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(found[name], array)
    assert lakhnes.load_model(tmp_path / "out").config == CONFIG
    assert (tmp_path / "out" / "vocab.txt").read_text().split() == SYMBOLS[1:]
    assert "published" in (tmp_path / "out" / "README.md").read_text()
    assert len({path.stat().st_mode for path in (tmp_path / "out").iterdir()}) == 1


@pytest.mark.parametrize("location", ["cpu", "cuda:7", "mars:12345"])
def test_where_the_storages_were_changes_nothing(tmp_path, location):
    source = write_published(tmp_path / "published", location=location)
    import_checkpoint(source, tmp_path / "out")
    for name, array in load_file(tmp_path / "out" / "model.safetensors").items():
        np.testing.assert_array_equal(array, WEIGHTS[name])


def test_a_published_folder_is_loaded_as_it_is(published):
    model = load_model(published, "cpu")
    assert model.config == CONFIG
    assert model.weights.keys() == WEIGHTS.keys()
    for name, weight in model.weights.items():
        np.testing.assert_array_equal(weight, WEIGHTS[name])
        weight += 1.0  # a copy: the file stays as it is
    np.testing.assert_array_equal(load_model(published).weights["embedding.weight"], WEIGHTS["embedding.weight"])


def test_the_archive_and_the_file_do_as_well(tmp_path, published):
    archive = tmp_path / "LakhNES.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(published, "LakhNES")
    for number, source in enumerate((archive, published / "model.pt")):
        imported = import_checkpoint(source, tmp_path / str(number))
        assert imported.vocabulary_checked
        assert (tmp_path / str(number) / "model.safetensors").is_file()


def test_only_the_last_part_of_an_archives_paths_counts(tmp_path, published):
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, source in (("../../model.pt", "model.pt"), ("/etc/vocab.txt", "vocab.txt")):
            entry = tarfile.TarInfo(name)
            data = (published / source).read_bytes()
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    before = {path.name for path in tmp_path.iterdir()}
    import_checkpoint(archive, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}


def test_half_precision_stays_half_precision(tmp_path):
    weights = {name: array.astype(np.float16) for name, array in WEIGHTS.items()}
    import_checkpoint(write_published(tmp_path / "published", weights=weights), tmp_path / "out")
    found = load_file(tmp_path / "out" / "model.safetensors")
    np.testing.assert_array_equal(found["output_bias"], weights["output_bias"])
    assert load_model(tmp_path / "out", "cpu").weights["output_bias"].dtype == np.float32


def test_tensors_may_be_views_with_offsets_and_strides(tmp_path):
    """The embedding as a transposed piece in the middle of a larger storage, and as a view of a root storage."""
    embedding = WEIGHTS["embedding.weight"]
    large = np.concatenate([np.zeros(5, np.float32), embedding.T.ravel(), np.zeros(3, np.float32)])
    for number, options in enumerate(({"offset": 5}, {"view": ("v", 5, embedding.size)})):
        writer = Writer()
        layout = {"shape": embedding.shape, "stride": (1, len(embedding)), **options}
        tensor = writer.tensor(large, **layout)
        writer_tensor = writer.tensor
        writer.tensor = lambda array, **o: (
            tensor if array is embedding else writer_tensor(array, **o)  # noqa: B023
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "model.pt").write_bytes(old_file(writer.model(CONFIG, WEIGHTS), writer.storages))
        import_checkpoint(folder, tmp_path / f"out{number}")
        found = load_file(tmp_path / f"out{number}" / "model.safetensors")
        np.testing.assert_array_equal(found["embedding.weight"], embedding)


def test_a_tx2_model_is_known_by_its_tokens(tmp_path, run):
    config = TransformerXLConfig(
        vocabulary="tx2", vocab_size=686, n_layer=1, n_head=1, d_model=4, d_head=4, d_inner=4, mem_len=8
    )
    source = write_published(tmp_path / "p", config=config, weights=weights_of(config), vocabulary=False)
    result = run("checkpoint", "import", source, tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out'}\n")
    assert "no vocab.txt: taken for TX2 by its 686 tokens" in result.stderr
    assert load_model(tmp_path / "out", "cpu").config == config


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*SYMBOLS[1:20], "P1_NOTEON_20", *SYMBOLS[21:]], "line 20: 'P1_NOTEON_20', expected"),
        (SYMBOLS[1:-1], "629 events, expected 630 of tx1"),
        (Vocabulary.tx2().symbols[1:], "of tx1"),
        (["é"], "not a list of events"),
    ],
)
def test_another_vocabulary_is_refused(published, tmp_path, run, lines, message):
    (published / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    result = run("checkpoint", "import", published, tmp_path / "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {published / 'vocab.txt'}: ")
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_vocabulary_with_its_boundary_is_the_same(published, tmp_path):
    (published / "vocab.txt").write_text("\n".join(SYMBOLS))
    assert import_checkpoint(published, tmp_path / "out").vocabulary_checked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attn_type": 2}, "attention type '2', expected 0"),
        ({"n_token": 700}, "'700' tokens, expected 631 or 686"),
        ({"n_layer": 3}, "'layers.2'"),
        ({"n_layer": 10**9}, "not 1 to 256 layers"),
        ({"n_head": 10**6}, "n_head"),
        ({"d_head": 1 << 2000}, "d_head"),
        ({"d_head": 6_000, "n_head": 2000}, "more than the file holds"),
        ({"d_head": 5}, "dec_attn.qkv_net.weight' is (24, 8), expected (30, 8)"),
        ({"mem_len": None}, "mem_len of mem_transformer.MemTransformerLM is 'NoneType', not a number"),
        ({"pre_lnorm": True}, "normalises before its sub-layers"),
        ({"tied": False}, "two embedding matrices"),
        ({"eps": 1e-3}, "eps of dec_attn.layer_norm is 0.001"),
        ({"layers": []}, "module 'layers.0' of mem_transformer.MemTransformerLM is missing"),
        ({"weights": WEIGHTS | {"output_bias": np.full(631, np.nan, np.float32)}}, "not finite"),
        ({"weights": WEIGHTS | {"output_bias": np.zeros(631, np.int64)}}, "expected numbers"),
    ],
)
def test_a_model_of_another_kind_is_refused_in_one_line(tmp_path, run, changes, message):
    source = write_published(tmp_path / "published", **changes)
    result = run("checkpoint", "import", source, tmp_path / "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {source / 'model.pt'}: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_is_replaced_only_by_force(published, tmp_path, run):
    out = tmp_path / "out"
    out.mkdir()
    (out / "config.json").write_text("mine")
    refused = run("checkpoint", "import", published, out)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert [path.name for path in out.iterdir()] == ["config.json"]
    assert run("checkpoint", "import", published, out, "--force").exit_code == 0
    assert load_model(out, "cpu").config == CONFIG


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere", "no such file or folder"), (".", "model.pt is missing"), ("a.txt", "expected a")],
)
def test_what_is_no_model_is_named(tmp_path, run, source, message):
    (tmp_path / "a.txt").write_text("hello")
    result = run("checkpoint", "import", tmp_path / source, tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.stderr


def test_an_import_needs_no_torch(published, tmp_path):
    import subprocess
    import sys

    probe = "import sys; from lakhnes.cli import cli; cli.main(sys.argv[1:], standalone_mode=False); "
    probe += "sys.exit('torch' in sys.modules)"
    for words in (["import", published, tmp_path / "out"], ["list"], ["info", tmp_path / "out"], ["info", published]):
        command = [sys.executable, "-c", probe, "checkpoint", *map(str, words)]
        assert subprocess.run(command, timeout=60, check=False, capture_output=True).returncode == 0, words


# --- the stack machine ---


def read_pickle(data):
    return unpickle(io.BytesIO(data), "file")[0]


def plain():
    leaves = st.none() | st.booleans() | st.integers(-(2**600), 2**600) | st.floats(allow_nan=False) | st.text()
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )


@given(plain())
def test_plain_values_are_read_as_they_were_written(value):
    assert read_pickle(dumps(value)) == value


@given(plain())
def test_what_python_pickles_is_read_as_well(value):
    import pickle

    found = read_pickle(pickle.dumps(value, protocol=2)) if fits(value) else value
    assert found == value


def fits(value):
    """Whether Python writes it without opcodes of which a model has no need (integers of more than 255 bytes)."""
    if isinstance(value, dict):
        return all(fits(key) and fits(item) for key, item in value.items())
    return all(map(fits, value)) if isinstance(value, (list, tuple)) else True


@given(st.binary(max_size=200))
def test_no_bytes_lead_to_another_error(data):
    try:
        read_pickle(data)
    except CheckpointError as error:
        assert "\n" not in str(error)
        assert "byte " in str(error)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """Both forms of a model, and where in each what is not weights begins and ends."""
    old = write_published(tmp_path_factory.mktemp("old") / "m") / "model.pt"
    new = write_published(tmp_path_factory.mktemp("new") / "m", old=False) / "model.pt"
    old, new = old.read_bytes(), new.read_bytes()
    weights = sum(array.nbytes for array in WEIGHTS.values())
    return {"old": (old, 0, len(old) - weights), "new": (new, new.index(b"PK\1\2"), len(new))}


@settings(max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_a_checkpoint_error_or_a_model(whole_files, tmp_path_factory, data):
    """Any few bytes of what is not weights overwritten, or the file cut anywhere."""
    content, begin, end = whole_files[data.draw(st.sampled_from(["old", "new"]))]
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(begin, end - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "model.pt").write_bytes(damaged[: data.draw(st.just(len(content)) | st.integers(1, len(content)))])
    try:
        imported = import_checkpoint(folder, folder / "out")
    except CheckpointError as error:
        assert "\n" not in str(error)
        assert not (folder / "out").exists()
    else:
        assert set(imported.weights) == set(WEIGHTS)


def test_what_is_asked_for_is_named_with_its_byte():
    payload = dumps({"a": Call(Name("os system"), ("true",))})
    with pytest.raises(UnsafeCheckpointError, match=r"^file: byte 10: asks for the name 'os\.system'.*nothing.*run$"):
        read_pickle(payload)


def test_modules_are_inert():
    module = read_pickle(dumps(Make(Name("torch.nn.modules.linear Linear"), {"__class__": 1, "__dict__": {}})))
    assert type(module).__name__ == "Module"
    assert module.attributes == {"__class__": 1, "__dict__": {}}


@pytest.mark.parametrize("name", [b"o\\s\nx", b"\xff\n\xfe", b"\n", b"a\r\n\tb", b"x" * 10_000 + b"\ny"])
def test_names_are_taken_as_they_stand(name):
    with pytest.raises(UnsafeCheckpointError) as caught:
        read_pickle(b"c" + name + b"\n.")
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


def test_a_pickle_is_left_at_its_end():
    stream = io.BytesIO(dumps(1) + dumps("two") + b"rest")
    assert unpickle(stream, "file")[0] == 1
    assert unpickle(stream, "file")[0] == "two"
    assert stream.read() == b"rest"


@pytest.mark.torch
def test_a_state_dict_of_today_says_what_is_missing(tmp_path, run):
    import torch

    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    result = run("checkpoint", "import", tmp_path, tmp_path / "out")
    assert "a dictionary (1 entries), expected a whole module" in result.stderr


@pytest.mark.torch
def test_a_module_of_todays_torch_is_read(tmp_path):
    """torch itself as the writer: its Linear in a zip file, numbers and all."""
    import torch

    from lakhnes.checkpoint.torch_file import read_torch_file

    linear = torch.nn.Linear(3, 2)
    torch.save(linear, tmp_path / "model.pt")
    file = read_torch_file(tmp_path / "model.pt")
    for name in ("weight", "bias"):
        tensor = file.root.attributes["_parameters"][name]
        np.testing.assert_array_equal(file.array(tensor), getattr(linear, name).detach().numpy())


@pytest.mark.torch
def test_todays_torch_in_the_old_form_is_read(tmp_path):
    import torch

    from lakhnes.checkpoint.torch_file import read_torch_file

    tensors = {"a": torch.arange(6.0).view(2, 3), "b": torch.arange(6.0).view(2, 3).t()}
    torch.save(tensors, tmp_path / "model.pt", _use_new_zipfile_serialization=False)
    file = read_torch_file(tmp_path / "model.pt")
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(file.array(file.root[name]), tensor.numpy())


def test_a_big_endian_file_is_refused(tmp_path):
    (tmp_path / "model.pt").write_bytes(old_file(1, system={"little_endian": False}))
    with pytest.raises(CheckpointError, match="little-endian"):
        import_checkpoint(tmp_path, tmp_path / "out")
    assert read_pickle(dumps(Raw(b"N"))) is None
