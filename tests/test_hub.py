"""Models on the Hugging Face Hub: a server on 127.0.0.1 stands for it, and each load is a process of its own."""

import json
import os
import pickle
import subprocess
import sys

import pytest

import lakhnes
from hub_server import serving
from lakhnes import CheckpointError, Model
from lakhnes.checkpoint.card import with_metadata
from lakhnes.checkpoint.hub import HubName
from small import tiny_model

pytest.importorskip("huggingface_hub")

PROBE = """
import json, sys, lakhnes
try:
    model = eval(sys.argv[1])
    found = {"sum": float(model.weights["embedding.weight"].sum()), "vocabulary": model.config.vocabulary}
except lakhnes.LakhnesError as error:
    found = {"error": str(error), "kind": type(error).__name__}
print(json.dumps(found))
"""


@pytest.fixture
def hub():
    with serving() as (hub, endpoint):
        hub.endpoint = endpoint
        yield hub


@pytest.fixture
def environment(hub, tmp_path):
    """The environment of a user of this hub, with a cache of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": "secret"}
    return kept | own | {"HF_HUB_DISABLE_TELEMETRY": "1"}


@pytest.fixture
def evaluated(environment):
    """Give what an expression, evaluated in a new process, makes of a model."""

    def call(expression, **changes):
        command = [sys.executable, "-c", PROBE, expression]
        done = subprocess.run(
            command, env=environment | changes, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def loaded(model):
    return {"sum": pytest.approx(float(model.weights["embedding.weight"].sum())), "vocabulary": model.config.vocabulary}


def files_of(model, folder, **options):
    model.save_pretrained(folder, dtype="float32", **options)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def models(hub, tmp_path):
    """Two commits of a repository, the first of them tagged v1."""
    first, second = tiny_model(1), tiny_model(2)
    rest = {"pytorch_model.bin": pickle.dumps(print), "train.py": b"raise SystemExit", "sub/model.safetensors": b"x"}
    hub.first = hub.commit("somebody/nes-songs", files_of(first, tmp_path / "1") | rest, "v1")
    hub.second = hub.commit("somebody/nes-songs", files_of(second, tmp_path / "2") | rest)
    return first, second


def test_a_name_has_an_owner_a_name_and_perhaps_a_revision():
    assert HubName.of("hf://a/b") == ("a/b", "main")
    assert HubName.of("hf://a.b-c/d_e@refs/pr/1") == ("a.b-c/d_e", "refs/pr/1")
    for wrong in ("hf://", "hf://a", "hf://a/b/c", "hf://a/b@", "hf://a b/c", "hf:///b", "hf://a/b@x y"):
        with pytest.raises(CheckpointError, match="expected hf://OWNER/NAME"):
            HubName.of(wrong)


def test_a_model_is_loaded_by_branch_tag_and_commit_and_no_other_file_is_fetched(evaluated, hub, models, tmp_path):
    first, second = models
    assert evaluated("lakhnes.load_model('hf://somebody/nes-songs')") == loaded(second)
    assert evaluated("lakhnes.load_model('hf://somebody/nes-songs@v1')") == loaded(first)
    assert evaluated(f"lakhnes.load_model('hf://somebody/nes-songs@{hub.first}')") == loaded(first)
    assert evaluated("lakhnes.Model.from_pretrained('somebody/nes-songs', revision='v1')") == loaded(first)
    here = {path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and "snapshots" in path.parts}
    assert here == {"model.safetensors", "config.json", "README.md"}
    assert not any(name in line for line in hub.asked for name in ("pytorch_model.bin", "train.py", "sub/"))


def test_what_was_loaded_once_is_loaded_without_a_network(evaluated, hub, models):
    _, second = models
    load = "lakhnes.load_model('hf://somebody/nes-songs{}')".format
    assert evaluated(load("")) == loaded(second)
    assert evaluated(load(""), HF_HUB_OFFLINE="1") == loaded(second)
    assert evaluated(load(""), HF_ENDPOINT="http://127.0.0.1:9") == loaded(second)
    asked = len(hub.asked)
    assert evaluated(load(f"@{hub.second}")) == loaded(second)
    assert len(hub.asked) == asked  # a commit does not change: nobody needs to be asked
    for changes in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        error = evaluated(load("@v1"), **changes)["error"]
        assert error == "hf://somebody/nes-songs@v1: not in the cache, and the Hub cannot be reached"


def test_what_cannot_be_loaded_is_one_line_that_names_the_model(evaluated, hub, models):
    hub.commit("somebody/pickled", {"pytorch_model.bin": b"x", "config.json": b"{}"})
    hub.commit("somebody/other", {"model.safetensors": b"x", "config.json": b'{"model_type": "bert"}'})
    for name, message in (
        ("hf://nobody/nothing", "hf://nobody/nothing: no such repository"),
        ("hf://somebody/nes-songs@v9", "hf://somebody/nes-songs@v9: the repository has no such branch"),
        ("hf://somebody/pickled", "hf://somebody/pickled: model.safetensors is missing"),
        ("hf://somebody/other", "config.json: config: expected an object with an architecture among"),
        ("hf://nonsense", "expected hf://OWNER/NAME"),
    ):
        found = evaluated(f"lakhnes.load_model({name!r})")
        assert message in found["error"]
        assert "\n" not in found["error"]
        assert found["kind"] == "CheckpointError"


def test_a_file_beyond_the_limit_is_refused_before_it_is_fetched(evaluated, hub, models):
    hub.sizes["model.safetensors"] = 2**31
    found = evaluated("lakhnes.load_model('hf://somebody/nes-songs')")
    assert "model.safetensors has 2147483648 bytes, expected at most 1073741824" in found["error"]
    assert not any(line.startswith("GET") and "resolve" in line for line in hub.asked)


def test_the_command_line_takes_the_same_names(environment, models, tmp_path):
    command = [sys.executable, "-m", "lakhnes", "generate", "-m", "hf://somebody/nes-songs@v1", "--seed", "3"]
    command += ["--length", "30", "--format", "tx1", "-o", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (song,) = lakhnes.generate(models[0], seed=3, length=30)
    assert done.stderr == "seed 3\nsongs ended: 1 at --length\n"  # no bar off a terminal
    assert (tmp_path / "out" / "0.tx1.txt").read_text() == song.to_tx1()


def test_a_model_is_pushed_with_its_card_and_loaded_again(evaluated, environment, hub):
    probe = (
        "import lakhnes\nmodel = lakhnes.load_model()\n"
        "print(model.push_to_hub('me/mine', message='A first one', license='mit', datasets=['nesmdb']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    commit = hub.branches["me/mine", "main"]
    assert done.stdout.strip().endswith(f"/me/mine/commit/{commit}")
    files = hub.commits["me/mine", commit]
    assert set(files) == {"model.safetensors", "config.json", "README.md"}
    assert b'license: "mit"' in files["README.md"]
    assert evaluated("lakhnes.load_model('hf://me/mine')") == loaded(lakhnes.load_model())


def test_a_hub_that_refuses_is_told_in_one_line(evaluated, hub):
    found = evaluated("lakhnes.load_model().push_to_hub('me/mine')", HF_ENDPOINT=f"{hub.endpoint}/nowhere")
    assert found["error"].startswith("hf://me/mine: ")
    assert "\n" not in found["error"]


def test_without_the_extra_one_line_says_what_to_run(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = run("generate", "-m", "hf://somebody/nes-songs")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.endswith("pip install 'lakhnes[hub]'")


def test_a_saved_model_is_loaded_from_its_directory(tmp_path):
    model = tiny_model()
    model.save_pretrained(tmp_path / "m", dtype="float32", tags=["small"])
    again = Model.from_pretrained(tmp_path / "m")
    assert again.config == model.config
    assert all((again.weights[name] == weight).all() for name, weight in model.weights.items())
    with pytest.raises(FileExistsError):
        model.save_pretrained(tmp_path / "m")
    model.save_pretrained(tmp_path / "m", card="# Mine\n", overwrite=True)
    assert (tmp_path / "m" / "README.md").read_text().endswith("---\n\n# Mine\n")


def test_a_card_has_the_metadata_that_the_hub_reads():
    from huggingface_hub import ModelCard

    card = with_metadata('# Title: a "song"\n', tiny_model().config, datasets=["a: b"], tags=["x"], license="cc0-1.0")
    facts = ModelCard(card).data.to_dict()
    assert facts["library_name"] == "lakhnes"
    assert facts["license"] == "cc0-1.0"
    assert facts["datasets"] == ["a: b"]
    assert facts["metrics"] == ["perplexity"]
    assert {"music", "nes", "transformer-xl", "x"} <= set(facts["tags"])
    assert ModelCard(card).text.strip() == '# Title: a "song"'


@pytest.mark.parametrize("folder", lakhnes.checkpoint.BUNDLED.values(), ids=lakhnes.checkpoint.BUNDLED)
def test_the_cards_of_the_bundled_models_have_them_too(folder):
    from huggingface_hub import ModelCard

    facts = ModelCard((folder / "README.md").read_text()).data.to_dict()
    assert {"library_name", "license", "tags", "datasets", "metrics"} <= set(facts)
