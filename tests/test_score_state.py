"""The state of the score beside each token: what it says, and that every way of reading a model takes it alike."""

import dataclasses
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lakhnes
from lakhnes._native import ScoreStates, score_state_tables, with_score_state
from lakhnes.errors import TokenError

pytest.importorskip("torch")

from lakhnes.checkpoint import load_model, save_checkpoint
from lakhnes.checkpoint.native import ROWS_WITHOUT_LINES
from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.evaluation.perplexity import evaluate
from lakhnes.evaluation.songs import evaluate_songs
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.engine import losses_of
from lakhnes.model.torch_engine import TorchEngine
from rows import TX3, row_model, song_text

IDS = np.array([0, *TX3.encode(song_text(16)), 0])

LINES = slice(24, 35)
"""Of the numbers of a state: two steps and a distance of P1, P2 and TR, a distance of NO, the key."""
BARS = 2
"""Predictions of bars; those of the lines stand behind them."""


def test_every_token_has_the_state_behind_it():
    inputs = with_score_state(IDS)
    np.testing.assert_array_equal(inputs[:, 0], IDS)
    rows, weights, pairs = score_state_tables()
    states, recalled, weighed = inputs[:, 1 : -2 * pairs], inputs[:, -2 * pairs :: 2], inputs[:, -2 * pairs + 1 :: 2]
    for numbers, bound in ((states, rows), (recalled, len(TX3)), (weighed, weights)):
        assert numbers.min() >= 0
        assert numbers.max() < bound
    np.testing.assert_array_equal(inputs[0], inputs[-1])  # behind a boundary nothing has been said
    place = int(np.flatnonzero(TX3.id("P1_NOTEON_60") == IDS)[0])
    changed = np.flatnonzero(states[place] != states[place - 1])
    assert changed.tolist() == [0, 1]  # the pitch of the first pulse, and its age


def test_the_lines_of_the_voices_are_their_last_steps_and_distances_and_the_key():
    bars = ["BAR", "P1_NOTEON_60", "ROW_4", "P1_NOTEON_64", "TR_NOTEON_36", "ROW_6", "P1_NOTEON_62", "NO_NOTEON_4"]
    bars += ["BAR", "P1_NOTEON_67", "TR_NOTEON_43", "ROW_1", "NO_NOTEON_4"]
    ids = np.array([0, *TX3.encode("\n".join(["TEMPO_6", "METER_16", *bars]))])
    before, after = (with_score_state(ids[:count])[-1, 1:][LINES] for count in (3, len(ids)))
    told = (after - before).tolist()
    # Steps: none yet, then -13 to 13. Rows: none yet, 0 to 16, and from 17 on. Keys: none yet, then C major.
    assert told == [14 + 5, 14 - 2, 1 + 10, 0, 0, 0, 14 + 7, 0, 1 + 12, 1 + 11, 1]


def test_a_bar_that_returns_tells_each_token_before_it_comes():
    bar = ["BAR", "P1_NOTEON_60", "TR_NOTEON_40", "ROW_4", "P1_NOTEON_64", "ROW_8", "P1_NOTEON_67"]
    ids = np.array([0, *TX3.encode("\n".join(["TEMPO_6", "METER_16", *bar * 3]))])
    pairs = score_state_tables()[2]
    first, second = with_score_state(ids)[:, -2 * pairs :: 2].T[:BARS]
    returned = 3 + len(bar)
    np.testing.assert_array_equal(first[returned:-1], ids[returned + 1 :])
    assert (first[:returned] == 0).all()  # nothing has been played before
    assert (second == 0).all()  # no bar says another


def test_a_line_that_returns_tells_its_next_note_whatever_the_others_play():
    first = ["BAR", "P1_NOTEON_60", "ROW_4", "P1_NOTEON_64", "ROW_8", "P1_NOTEON_67", "ROW_12", "P1_NOTEON_62"]
    later = ["BAR", "P1_NOTEON_60", "TR_NOTEON_36", "ROW_2", "P1_NOTEON_64", "TR_NOTEON_40"]
    ids = np.array([0, *TX3.encode("\n".join(["TEMPO_6", "METER_16", *first, *later]))])
    pairs = score_state_tables()[2]
    told = with_score_state(ids)[:, -2 * pairs :: 2][:, BARS:].T  # (4, N), of each voice
    assert (told[1:] == 0).all()  # the other voices repeat nothing
    returned = 3 + len(first) + 1  # where P1 begins again
    assert (told[0, :returned] == 0).all()
    expected = ["P1_NOTEON_64"] * 3 + ["P1_NOTEON_67"] * 2
    assert [TX3.symbol(int(token)) for token in told[0, returned:]] == expected


def test_sequences_have_states_of_their_own_and_can_take_a_token_back():
    expected = with_score_state(IDS)
    states = ScoreStates(2)
    np.testing.assert_array_equal(states.feed(IDS[:40], [1] * 40), expected[:40])
    states.fork(1, 0)
    states.feed(np.array([TX3.id("BAR")]), [0])
    states.rewind(0)
    both = states.feed(np.repeat(IDS[40:80], 2), [0, 1] * 40)
    np.testing.assert_array_equal(both[::2], expected[40:80])
    np.testing.assert_array_equal(both[1::2], expected[40:80])
    states.rewind(0)
    with pytest.raises(ValueError, match="sequence"):
        states.rewind(0)
    with pytest.raises(ValueError, match="sequences"):
        states.feed(IDS[:2], [0])
    with pytest.raises(ValueError, match="below 2"):
        states.feed(IDS[:1], [2])
    with pytest.raises(TokenError):
        states.feed(np.array([len(TX3)]), [0])


def test_the_engines_agree_and_read_the_state():
    model = row_model(score_state=True)
    native, torch_engine = model.begin(2, memory=16), TorchEngine(model.network, 2, 16)
    plain = dataclasses.replace(model.config, score_state=False)
    tables = ("score_state", "recall")
    without = lakhnes.Model(plain, {name: w for name, w in model.weights.items() if not name.startswith(tables)})
    blind = without.begin(2, memory=16)
    for engine in (native, torch_engine, blind):
        engine.feed(IDS[:30], [0] * 30)
        engine.fork(0, 1)
        engine.feed(IDS[30:31], [1])
        engine.rewind(1)
        for token in IDS[30:50]:
            engine.feed(np.array([token, token]))
        np.testing.assert_allclose(engine.logits[0], engine.logits[1], atol=1e-5)
    np.testing.assert_allclose(native.logits, torch_engine.logits, atol=1e-4)
    assert np.abs(native.logits - blind.logits).max() > 0.01


def test_a_song_scores_the_same_token_by_token_in_segments_and_by_itself(tmp_path):
    model = row_model(score_state=True)
    corpus = Corpus.of(TX3, ["song"], [IDS[1:-1].astype(np.int32)])
    by_token = model.score(IDS, 64)
    (by_itself,) = evaluate_songs(model, corpus, tgt_len=16, mem_len=4096)
    assert by_itself.loss == pytest.approx(float(model.score(IDS, 4096).mean()), abs=1e-4)
    in_segments = evaluate(model, corpus, batch_size=1, tgt_len=1, mem_len=64)
    assert in_segments.loss == pytest.approx(float(by_token.mean()), abs=1e-4)
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    np.testing.assert_allclose(load_model(tmp_path / "model").score(IDS, 64), by_token, atol=1e-6)
    engine = model.begin(1, memory=64)
    rows = engine.feed(IDS[:-1], [0] * (len(IDS) - 1))
    np.testing.assert_allclose(losses_of(rows, IDS[1:]), by_token, atol=1e-6)


def test_a_model_that_was_trained_before_the_lines_were_told_composes_as_before(tmp_path):
    model = row_model(score_state=True)
    for name, rows in ROWS_WITHOUT_LINES.items():
        model.weights[name][rows:] = 0
    save_checkpoint(model, tmp_path, dtype="float32")
    whole = load_file(tmp_path / "model.safetensors")
    cut = {name: whole[name][:rows] for name, rows in ROWS_WITHOUT_LINES.items()}
    save_file({**whole, **cut}, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path)
    for name in cut:
        np.testing.assert_array_equal(loaded.weights[name], whole[name])
    np.testing.assert_array_equal(loaded.score(IDS, 64), model.score(IDS, 64))
    for name, table in cut.items():  # one of both, or one row less
        for damaged in ({name: table}, {**cut, name: table[:-1]}):
            save_file({**whole, **damaged}, tmp_path / "model.safetensors")
            with pytest.raises(lakhnes.CheckpointError, match=r"weight.*expected"):
                load_model(tmp_path)


def test_streams_keep_the_state_beside_their_tokens():
    song = with_score_state(IDS)
    inputs, targets = next(iter(StreamPacker(lambda place: song, 8, 2, 50)))
    np.testing.assert_array_equal(inputs, np.stack([song[:50], song[:50]]))
    np.testing.assert_array_equal(targets[0], IDS[1:51])


def test_only_a_configuration_that_has_it_names_it():
    plain = TransformerXLConfig(vocabulary="tx3", vocab_size=len(TX3))
    assert "score_state" not in json.loads(plain.to_json())
    stated = dataclasses.replace(plain, score_state=True)
    assert json.loads(stated.to_json())["score_state"] is True
    rows, weights, _ = score_state_tables()
    assert stated.num_parameters == plain.num_parameters + (rows + weights) * plain.d_model
    with pytest.raises(lakhnes.CheckpointError, match="only TX3"):
        TransformerXLConfig(score_state=True)
    with pytest.raises(lakhnes.CheckpointError, match="score_state"):
        dataclasses.replace(plain, score_state="yes")


def test_training_goes_on_from_a_model_without_the_state_and_resumes(tmp_path, run):
    for split in ("train", "valid"):
        (tmp_path / "data" / split).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "data" / split / f"{number}.tx3.txt").write_text(song_text(12, (60 + number, 64, 67, 72)))
    save_checkpoint(row_model(), tmp_path / "before")
    shape = "n_layer = 1\nn_head = 2\nd_model = 32\nd_head = 16\nd_inner = 64\npre_norm = true\nmem_len = 64\n"
    (tmp_path / "run.toml").write_text(
        f"batch_size = 2\ntgt_len = 16\nmem_len = 16\nmem_len_start = 16\n[model]\n{shape}score_state = true\n"
    )
    command = ["train", tmp_path / "data", "-o", tmp_path / "run", "--init", tmp_path / "before"]
    first = run(*command, "--config", tmp_path / "run.toml", "--steps", 6, "--samples", 0)
    assert first.exit_code == 0, first.output
    weights = load_model(tmp_path / "run" / "model").weights
    assert np.abs(weights["score_state.weight"]).max() > 0
    assert np.abs(weights["recall.weight"]).max() > 0
    again = run(*command, "--steps", 9)
    assert again.exit_code == 0, again.output
    assert "resumed at step 6" in again.output
