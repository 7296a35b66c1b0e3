"""Where torch is missing: what needs it says so in one line, and all else gives what it gives with it."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import tomlkit

import lakhnes
from conftest import ROOT
from lakhnes import MissingExtraError
from lakhnes.checkpoint import save_checkpoint
from lakhnes.evaluation.score import evaluate_song
from lakhnes.extras import DISTRIBUTIONS, EXTRAS, OF_PACKAGE, missing
from lakhnes.model.config import LSTMConfig
from lakhnes.model.estimation import estimate_ngram
from lakhnes.sampling import compose
from small import make_corpus, random_model, tiny_model, tune

PIP = "pip install 'lakhnes[torch]'"

PROBE = """
import sys
sys.modules["torch"] = None  # as if it were not installed
from lakhnes.cli import cli
cli.main(sys.argv[1:], prog_name="lakhnes")
"""


def lakhnes_without_torch(*arguments, cwd=None):
    command = [sys.executable, "-c", PROBE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


@pytest.fixture
def no_torch(monkeypatch):
    """Nothing of torch, nor of lakhnes that has imported it, in this process."""
    for name in list(sys.modules):
        if name.startswith(
            ("torch", "lakhnes.torch_extra", "lakhnes.model.", "lakhnes.training.", "lakhnes.evaluation.")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize(
    "command",
    [
        ["train", "x", "-o", "y"],
        ["train", "x", "-o", "y", "--processes", "2"],
        ["finetune", "bundled", "x", "-o", "y"],
        ["eval", "bundled", "x"],
        ["reproduce", "table2", "x", "-o", "y"],
        ["bench", "generate"],
        ["generate", "--device", "cuda"],
        ["infill", "song.tx1.txt", "--voices", "p2", "--device", "cuda"],
    ],
)
def test_a_command_that_needs_torch_says_so_in_one_line_that_ends_with_what_to_run(tmp_path, command):
    (tmp_path / "song.tx1.txt").write_text(tune(1))
    finished = lakhnes_without_torch(*command, cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (1, "")
    (line,) = finished.stderr.splitlines()
    assert line.startswith("Error: ")
    assert line.endswith(PIP)
    assert [path.name for path in tmp_path.iterdir()] == ["song.tx1.txt"]


@pytest.mark.parametrize("command", ["train", "finetune", "eval", "reproduce", "bench", "generate"])
def test_every_command_has_help_without_torch(command):
    assert lakhnes_without_torch(command, "--help").returncode == 0


def test_a_module_and_a_model_that_need_torch_say_so_too(no_torch):
    for module in ("training.trainer", "evaluation.perplexity", "evaluation.songs", "model.network"):
        with pytest.raises(MissingExtraError, match=r"lakhnes\[torch\]"):
            __import__(f"lakhnes.{module}")
    with pytest.raises(MissingExtraError) as caught:
        tiny_model().network  # noqa: B018
    assert str(caught.value).endswith(PIP)
    with pytest.raises(MissingExtraError):
        tiny_model().begin(memory=2**20)  # more than the native engine takes
    with pytest.raises(MissingExtraError):
        lakhnes.load_model(device="cuda")
    assert issubclass(MissingExtraError, lakhnes.LakhnesError)
    assert issubclass(MissingExtraError, ImportError)


def test_bench_without_torch_leaves_out_what_needs_it(no_torch, run, monkeypatch):
    monkeypatch.setattr("lakhnes.cli.bench.SUITES", ["generate"])
    result = run("bench", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {})
    assert "generate: left out" in result.stderr
    assert PIP in result.stderr


SONG_OF_SEED_11 = "fcaa392ea72f3a1b7c3687bd87943970f1059225cc99633d13e2ad5d76226cc2"
"""SHA-256 of the token ids, as little-endian 64-bit numbers."""


def test_the_same_seed_gives_the_same_tokens_with_torch_and_without():
    """This test runs in environments of both kinds, and compares with the same hash."""
    (song,) = compose(tiny_model(), 1, seed=11, length=1024)
    assert hashlib.sha256(np.array(song.ids, dtype="<i8").tobytes()).hexdigest() == SONG_OF_SEED_11


def test_the_bundled_model_composes_the_same_song_where_torch_is_missing(run, tmp_path):
    options = ["--seed", 4, "--length", 200, "--format", "tx1,wav"]
    assert run("generate", *options, "-o", tmp_path / "here").exit_code == 0
    finished = lakhnes_without_torch("generate", *options, "-o", tmp_path / "there")
    assert finished.returncode == 0, finished.stderr
    for name in ("0.tx1.txt", "0.wav"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def models():
    songs = [np.array([0, *lakhnes.Vocabulary.tx1().encode(tune(seed)), 0]) for seed in range(6)]
    return {
        "transformer": tiny_model(),
        "lstm": random_model(LSTMConfig(n_layer=2, d_model=24)),
        "n-gram": estimate_ngram(songs, 4),
    }


@pytest.mark.parametrize("kind", models())
def test_a_model_of_any_kind_is_saved_composes_and_scores_a_song_without_torch(tmp_path, kind):
    save_checkpoint(models()[kind], tmp_path / "model")
    (tmp_path / "song.tx1.txt").write_text(tune(2))
    options = ["-m", tmp_path / "model", "--length", 40, "--seed", 1, "-o", tmp_path / "out"]
    assert lakhnes_without_torch("generate", *options).returncode == 0
    scored = lakhnes_without_torch("eval", tmp_path / "model", tmp_path / "song.tx1.txt", "--json")
    facts = json.loads(scored.stdout)["song.tx1.txt"]
    model = lakhnes.load_model(tmp_path / "model")
    expected = evaluate_song(model, lakhnes.Song.from_tx1(tune(2)))
    assert facts["loss"] == expected.loss
    assert (facts["positions"], facts["songs"]) == (len(lakhnes.Vocabulary.tx1().encode(tune(2))), 1)


@pytest.mark.torch
def test_the_perplexity_of_a_song_is_that_of_the_evaluation_song_by_song(run, tmp_path):
    data = make_corpus(tmp_path / "data", valid=3)
    save_checkpoint(tiny_model(), tmp_path / "model")
    songs = json.loads(run("eval", tmp_path / "model", data, "--per-song", "--json").stdout)["valid"]["per_song"]
    for song in songs:
        path = data / "valid" / f"{song['name']}.tx1.txt"
        alone = json.loads(run("eval", tmp_path / "model", path, "--json").stdout)[path.name]
        assert alone["positions"] == song["positions"]
        assert alone["loss"] == pytest.approx(song["loss"], abs=1e-5)


def test_what_is_for_corpora_is_refused_for_a_song(run, song_file, tmp_path):
    for options in (["--split", "valid"], ["--precision", "bfloat16"]):
        assert run("eval", "bundled", song_file, *options).exit_code == 2
    shown = run("eval", "bundled", song_file)
    assert "positions of a song" in shown.stdout
    (tmp_path / "a.tx1.txt").write_text("nonsense")
    refused = run("eval", "bundled", tmp_path / "a.tx1.txt")
    assert refused.exit_code == 1
    assert "a.tx1.txt" in refused.stderr


def test_each_extra_that_a_message_names_brings_the_package():
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert not any(line.startswith("torch") for line in project["dependencies"])
    assert set(OF_PACKAGE.values()) | {"studio"} == set(EXTRAS)
    for package, extra in OF_PACKAGE.items():
        name = DISTRIBUTIONS.get(package, package)
        assert any(line.partition(">=")[0] == name for line in extras[extra])
        assert extra == "play" or set(extras[extra]) <= set(extras["dev"])
        assert str(missing(package)).endswith(f"pip install 'lakhnes[{extra}]'")
    assert set(extras["test"]) <= set(extras["dev"])
