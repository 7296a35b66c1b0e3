"""`lakhnes eval`: streams as LakhNES reads them, and songs one by one, for models of every architecture."""

import json
import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lakhnes import Vocabulary
from lakhnes.checkpoint import save_checkpoint
from lakhnes.data.corpus import Corpus
from lakhnes.evaluation.perplexity import evaluate
from lakhnes.evaluation.songs import evaluate_songs
from lakhnes.model.config import LSTMConfig
from lakhnes.model.estimation import estimate_ngram
from lakhnes.model.lstm import LSTM
from lakhnes.model.model import Model
from lakhnes.model.transformer_xl import TransformerXL
from small import TINY, make_corpus

NAMES = ["n-gram", "lstm", "transformer-xl"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = make_corpus(tmp_path_factory.mktemp("evaluation") / "data", train=8, valid=7)
    # Songs of several lengths, one of them too short to count.
    for index, lines in ((1, 30), (2, 61), (3, 8)):
        path = folder / "valid" / f"{index:03}.tx1.txt"
        path.write_text("\n".join(path.read_text().splitlines()[:lines]))
    return folder


@pytest.fixture(scope="module")
def valid(data):
    return Corpus.load(data, "valid", Vocabulary.tx1())


@pytest.fixture(scope="module")
def models(data):
    torch.manual_seed(0)
    train = Corpus.load(data, "train", Vocabulary.tx1())
    return {
        "n-gram": estimate_ngram([train.ids(index) for index in range(len(train))], 3),
        "lstm": Model.of(LSTM(LSTMConfig(n_layer=2, d_model=16))),
        "transformer-xl": Model.of(TransformerXL(TINY)),
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_song_is_scored_as_if_it_were_alone(models, valid, name):
    found = evaluate_songs(models[name], valid, batch_size=4, tgt_len=16, mem_len=48)
    names = [song for index, song in enumerate(valid.names) if valid.ids(index) is not None]
    assert [score.name for score in found] == names
    assert len(found) == 6
    by_itself = evaluate_songs(models[name], valid, batch_size=1, tgt_len=16, mem_len=48)
    np.testing.assert_allclose([score.loss for score in found], [score.loss for score in by_itself], rtol=1e-5)
    whole = models[name].score(valid.ids(0), mem_len=1000)
    alone = evaluate_songs(models[name], valid, max_songs=1, tgt_len=16, mem_len=1000)[0]
    assert alone.positions == len(whole)
    assert alone.loss == pytest.approx(float(whole.mean()), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_scores_any_model_on_the_same_positions(models, data, tmp_path, run, name):
    save_checkpoint(models[name], tmp_path / "model")
    options = ("--split", "valid", "--batch-size", 2, "--tgt-len", 16, "--json")
    streams = run("eval", tmp_path / "model", data, *options)
    songs = run("eval", tmp_path / "model", data, *options, "--per-song")
    assert streams.exit_code == songs.exit_code == 0, streams.stderr + songs.stderr
    facts, listed = json.loads(streams.stdout)["valid"], json.loads(songs.stdout)["valid"]
    assert facts["positions"] == 18 * 2 * 16
    assert set(facts) == {
        "loss", "ppl", "positions", "songs", "seconds", "notes", "note_loss", "nats_a_note", "nats_a_second"
    }  # fmt: skip
    assert [song["name"] for song in listed["per_song"]] == ["000", "001", "002", "004", "005", "006"]
    mean = np.average(
        [song["loss"] for song in listed["per_song"]], weights=[song["positions"] for song in listed["per_song"]]
    )
    assert listed["loss"] == pytest.approx(mean)
    assert listed["ppl"] == pytest.approx(np.exp(mean))


def test_the_loss_is_also_counted_by_notes_and_by_seconds_of_music(models, valid):
    """One stream and segments of one token: everything is scored, so that each figure can be counted."""
    found = evaluate(models["n-gram"], valid, batch_size=1, tgt_len=1)
    symbols = valid.vocabulary.symbols
    songs = [index for index in range(len(valid)) if valid.ids(index) is not None]
    notes = [symbols[token] for index in songs for token in valid.ids(index).tolist() if "NOTEON" in symbols[token]]
    music = sum(valid.vocabulary.song(valid.song(index)).duration for index in songs)
    assert found.notes == len(notes)
    assert found.nats_a_note == pytest.approx(found.loss * found.positions / len(notes))
    assert found.nats_a_second == pytest.approx(found.loss * found.positions / music, rel=1e-6)
    losses = np.concatenate([models["n-gram"].score(valid.ids(index)) for index in songs])
    wanted = np.concatenate([valid.ids(index)[1:] for index in songs])
    is_note = np.array(["NOTEON" in symbol for symbol in symbols])[wanted]
    assert found.note_loss == pytest.approx(losses[is_note].mean(), rel=0.02)
    assert not math.isclose(found.note_loss, found.loss, rel_tol=0.1)


def test_the_songs_are_listed_without_json_too(models, data, tmp_path, run):
    save_checkpoint(models["n-gram"], tmp_path / "model")
    result = run("eval", tmp_path / "model", data, "--per-song")
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["000", "001", "002", "004", "005", "006", "valid"]
    assert "positions of 6 songs" in lines[-1]


def interrupting(corpus_ids, after):
    """Return a way to get the tokens of a song that Ctrl-C interrupts."""
    calls = 0

    def ids(self, place):
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return corpus_ids(self, place)

    return ids


def test_an_evaluation_that_is_interrupted_prints_what_it_has(models, data, tmp_path, run, monkeypatch):
    from lakhnes.data.corpus import Corpus
    from lakhnes.model.ngram_network import NGramNetwork

    save_checkpoint(models["n-gram"], tmp_path / "model")
    monkeypatch.setattr(Corpus, "ids", interrupting(Corpus.ids, 7))
    command = ("eval", tmp_path / "model", data, "--batch-size", 1, "--tgt-len", 16)
    result = run(*command)
    assert result.exit_code == 130
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert "positions of 4 songs" in lines[0]
    assert lines[1].endswith("a second of music, interrupted")
    assert "interrupted: " in result.stderr
    monkeypatch.undo()
    score, calls = NGramNetwork.score, 0

    def stopped(self, *args):
        nonlocal calls
        calls += 1
        if calls > 12:
            raise KeyboardInterrupt
        return score(self, *args)

    monkeypatch.setattr(NGramNetwork, "score", stopped)
    result = run(*command, "--per-song")
    assert result.exit_code == 130
    *songs, last = result.stdout.splitlines()
    assert 0 < len(songs) < 6
    assert last.endswith(", interrupted")
    assert f"interrupted: {len(songs)} of 6 songs scored" in result.stderr
    calls = 0
    facts = json.loads(run(*command, "--per-song", "--json").stdout)
    assert len(facts["valid"]["per_song"]) == len(songs)
