"""The checkpoints that come with the package: what their cards say is so, and their songs are songs."""

import re
import shutil

import numpy as np
import pytest
import soundfile

import lakhnes
from conftest import ROOT
from lakhnes.checkpoint import BUNDLED
from lakhnes.cli.train import new_config
from lakhnes.data.corpus import Corpus
from lakhnes.data.nesmdb import convert_nesmdb
from legality import VOCABULARY, faults

MAX_BYTES = 12_000_000


@pytest.fixture(scope="module", params=BUNDLED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def card(name):
    return (BUNDLED[name] / "README.md").read_text()


@pytest.fixture(scope="module")
def eight(name, tmp_path_factory):
    """Eight songs by the command, with their paths as it printed them."""
    from click.testing import CliRunner

    from lakhnes.cli import cli

    folder = tmp_path_factory.mktemp("eight")
    command = ["generate", "--model", name, "--num", "8", "--seed", "7", "--seconds", "15", "--out-dir", str(folder)]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 0, result.output
    return [folder / name for name in result.stdout.split()]


def test_it_is_no_larger_than_promised(name):
    assert (BUNDLED[name] / "model.safetensors").stat().st_size <= MAX_BYTES


def test_the_default_writes_tx3():
    assert lakhnes.load_model().config.vocabulary == "tx3"


def test_a_run_of_the_preset_can_begin_with_it(name, tmp_path):
    model = lakhnes.load_model(name).config
    assert new_config(tmp_path, "bundled", {"vocabulary": model.vocabulary}).model.tensors == model.tensors


def test_the_card_states_shape_data_perplexity_and_the_command_that_printed_it(name, card):
    config = lakhnes.load_model(name).config
    assert f"{config.num_parameters:,} parameters" in card
    assert f"lakhnes eval {name} DATA --split valid --batch-size 10 --tgt-len 128 --mem-len 896" in card
    assert float(re.search(r"PPL \*\*([\d.]+)\*\*", card).group(1)) < 12
    assert "belong to their authors" in card


def test_eight_songs_are_legal_and_read_back(name, eight):
    assert len(eight) == len(set(eight)) == 8
    for path in eight:
        song, text = lakhnes.read(path), path.read_text()
        if name == "bundled":
            assert song.on_frames() == song
        else:
            assert song.to_tx1() == text
            assert faults(VOCABULARY.encode(text).tolist()) == []


def test_most_songs_use_three_voices_or_more(eight):
    used = [sum(len(notes) > 0 for notes in lakhnes.read(path).voices.values()) for path in eight]
    assert sum(count >= 3 for count in used) >= 6, used


def test_songs_sound_and_do_not_clip(eight):
    for path in eight:
        samples, _ = soundfile.read(path.with_name(path.name.split(".")[0] + ".wav"))
        assert 0.1 <= np.abs(samples).max() < 1.0


def test_the_song_of_the_demo_sounds_in_three_voices_at_least(run, tmp_path):
    seed = re.search(r"^SEED \?= (\d+)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
    assert run("generate", "--seed", seed, "--out-dir", tmp_path).exit_code == 0
    stems = lakhnes.render(lakhnes.read(tmp_path / "0.tx3.txt"), stems=True)
    assert sum(np.abs(stem).max() > 0.01 for stem in stems) >= 3


def test_the_same_seed_gives_the_same_files(run, name, eight, tmp_path):
    assert run("generate", "--model", name, "--seed", "7", "--seconds", "15", "--out-dir", tmp_path).exit_code == 0
    for path in (eight[0], eight[0].with_name("0.wav")):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.torch
def test_the_perplexity_of_its_first_valid_songs_is_that_of_the_card(shared, name, card, tmp_path):
    from lakhnes.evaluation.perplexity import evaluate

    said = float(re.search(r"first 40 songs.*?loss is (\d+\.\d+)", card).group(1))
    archive = shared / "data" / "nesmdb_midi_train_valid.tar.xz"
    model = lakhnes.load_model(name)
    vocabulary = lakhnes.Vocabulary(model.config.vocabulary)
    convert_nesmdb(str(archive), str(tmp_path / "data"), to=[vocabulary.dialect])
    shutil.rmtree(tmp_path / "data" / "train")
    corpus = Corpus.load(tmp_path / "data", "valid", vocabulary)
    assert evaluate(model, corpus, max_songs=40).loss == pytest.approx(said, abs=0.002)
