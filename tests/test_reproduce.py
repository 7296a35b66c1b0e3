"""`lakhnes reproduce table2`: every row trained once, kept and resumed; the picture of Figure 3."""

import dataclasses
import json

import pytest

pytest.importorskip("torch")

from lakhnes.model.config import LSTMConfig
from lakhnes.reproduction import scales
from lakhnes.reproduction.report import ORDER, order_of
from lakhnes.reproduction.runner import Result
from lakhnes.reproduction.scales import SCALES, Scale, _pretraining, _recurrent
from small import make_corpus, tiny_config

ROWS = [
    "random",
    "unigram",
    "5-gram",
    "lstm",
    "lstm-augmented",
    "transformer-xl",
    "transformer-xl-augmented",
    "transformer-xl-pretrained",
]


@pytest.fixture
def small_scale(monkeypatch):
    """A scale that is done in seconds, under the name of the smallest."""
    training = tiny_config(steps=6, memory_ramp=(0.0, 0.0))
    scale = Scale(
        "tiny", 9, training, _recurrent(training, LSTMConfig(n_layer=1, d_model=16), 1e-2), _pretraining(training, 8)
    )
    monkeypatch.setitem(scales.SCALES, "tiny", scale)
    return scale


@pytest.fixture
def data(tmp_path):
    return make_corpus(tmp_path / "data", valid=30)


@pytest.fixture
def other(tmp_path):
    return make_corpus(tmp_path / "other", train=5, valid=1)


def test_every_row_is_made_once_and_the_picture_is_drawn(run, small_scale, data, other, tmp_path):
    command = ("reproduce", "table2", data, "--pretrain", other, "-o", tmp_path / "out", "--json")
    first = run(*command)
    assert first.exit_code == 0, first.stderr
    facts = json.loads(first.stdout)
    assert [row["name"] for row in facts["rows"]] == ROWS
    by_name = {row["name"]: row for row in facts["rows"]}
    assert by_name["random"]["valid"]["ppl"] == pytest.approx(631, rel=1e-4)
    assert by_name["unigram"]["parameters"] == 631
    assert len({row["valid"]["positions"] for row in facts["rows"]}) == 1
    assert by_name["lstm"]["tokens"] == by_name["transformer-xl"]["tokens"] == 6 * 3 * 16
    assert by_name["transformer-xl-pretrained"]["tokens"] == (6 + 8) * 3 * 16
    assert by_name["transformer-xl-augmented"]["published"] == {"valid": 3.175, "test": 2.741}
    assert facts["songs"] == 9
    steps = [point["steps"] for point in facts["figure3"]["points"]]
    assert steps == [0, 2, 4, 8]
    assert (tmp_path / "out" / "figure3.png").read_bytes().startswith(b"\x89PNG")
    table = (tmp_path / "out" / "table2.md").read_text()
    assert table.count("\n") == len(ROWS) + 2
    assert "| 2.800 |" in table
    again = run(*command)
    assert json.loads(again.stdout) == facts  # times too: nothing was done again
    assert again.stderr.count(": known") == 10


def test_without_other_music_the_last_row_is_left_out_with_a_note(run, small_scale, data, tmp_path):
    result = run("reproduce", "table2", data, "-o", tmp_path / "out", "--rows", "random,transformer-xl-pretrained")
    assert result.exit_code == 0, result.stderr
    assert "pre-training: left out without --pretrain DIR" in result.stderr
    head, random = result.stdout.splitlines()[:2]
    assert head.split()[-2:] == ["paper's", "valid"]
    assert random.split()[0] == "Random"
    assert random.split()[-1] == "631.00"


def test_a_row_is_resumed_from_its_state_and_another_configuration_begins_anew(
    run, monkeypatch, small_scale, data, tmp_path
):
    from lakhnes.training.trainer import Trainer

    command = ("reproduce", "table2", data, "-o", tmp_path / "out", "--rows", "transformer-xl", "--json")
    whole = json.loads(run(*command[:-3], "--rows", "transformer-xl", "--json", "-o", tmp_path / "whole").stdout)
    step = Trainer.train_step

    def stopping(self):
        self.stop = self.step == 2
        return step(self)

    monkeypatch.setattr(Trainer, "train_step", stopping)
    stopped = run(*command)
    assert stopped.exit_code == 130
    assert "stopped; the same command resumes it" in stopped.stderr
    monkeypatch.setattr(Trainer, "train_step", step)
    resumed = run(*command)
    assert "resumed at step 3 of 6" in resumed.stderr
    found, expected = json.loads(resumed.stdout)["rows"][0], whole["rows"][0]
    assert found["valid"]["loss"] == expected["valid"]["loss"]
    longer = dataclasses.replace(small_scale.transformer, steps=7)
    monkeypatch.setitem(scales.SCALES, "tiny", dataclasses.replace(small_scale, transformer=longer))
    assert json.loads(run(*command).stdout)["rows"][0]["tokens"] == 7 * 3 * 16
    assert len(list((tmp_path / "out").glob("transformer-xl-*"))) == 2


def test_a_model_is_evaluated_in_place_of_training(run, small_scale, data, tmp_path):
    output = tmp_path / "out"
    result = run(
        "reproduce",
        "table2",
        data,
        "-o",
        output,
        "--rows",
        "lstm",
        "--use",
        "lstm=bundled",
        "--device",
        "cpu",
        "--json",
    )
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)["rows"]
    assert row["parameters"] > 5_000_000
    assert row["tokens"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rows", "gru"), "'gru' is not one of random"),
        (("--use", "lstm"), "ROW=MODEL"),
        (("--use", "gru=x"), "not a row"),
    ],
)
def test_an_unknown_row_is_wrong_usage(run, small_scale, data, tmp_path, options, message):
    result = run("reproduce", "table2", data, "-o", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("name", sorted(SCALES))
def test_the_rows_of_a_scale_differ_in_what_their_names_say(name):
    rows = {row.name: row for row in SCALES[name].rows()}
    assert [row for row in rows if rows[row].in_table] == ROWS
    plain, augmented = rows["transformer-xl"].training, rows["transformer-xl-augmented"].training
    assert plain != augmented == rows["transformer-xl-pretrained"].training
    assert dataclasses.replace(plain, augmentation=augmented.augmentation) == augmented
    recurrent = rows["lstm"].training
    assert recurrent.steps * recurrent.batch_size * recurrent.tgt_len == plain.steps * plain.batch_size * plain.tgt_len
    sizes = [rows[row].training.model.num_parameters for row in ("lstm", "transformer-xl")]
    assert max(sizes) < 1.5 * min(sizes)
    assert SCALES[name].pretraining.rate(SCALES[name].pretraining.steps, 1.0) == plain.learning_rate


def test_the_order_is_checked_for_the_known_rows():
    names = ["random", "unigram", "5-gram", "lstm", "lstm-augmented", "transformer-xl", "transformer-xl-augmented"]
    results = [Result(name, name, 0, 0, 0.0, {"valid": {"ppl": 100.0 - place}}) for place, name in enumerate(names)]
    pairs = order_of(results, "valid")
    assert len(pairs) == len(ORDER) - 1
    assert all(holds for _, _, holds in pairs)
    assert not order_of([results[1], dataclasses.replace(results[0], scores={"valid": {"ppl": 1.0}})], "valid")[0][2]
