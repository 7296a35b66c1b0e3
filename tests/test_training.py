"""The training loop: what it learns, what it leaves behind, and that it resumes as if it had never stopped."""

import dataclasses
import json
import math
import threading
import time

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lakhnes import CheckpointError, LakhnesError, Vocabulary, load_model
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.corpus import Corpus
from lakhnes.reproduction.scales import SCALES
from lakhnes.training.choices import PRESET_NAMES, SCALE_NAMES
from lakhnes.training.config import TrainingConfig
from lakhnes.training.early_stopping import EarlyStopping
from lakhnes.training.interval import Interval
from lakhnes.training.log import is_log_step, read_log
from lakhnes.training.patience import telling_if_slow
from lakhnes.training.presets import PRESETS
from lakhnes.training.run_directory import LOG_FILE, STATE_FILE
from lakhnes.training.run_state import RunState
from lakhnes.training.song_order import SongOrder
from lakhnes.training.state_shapes import check_shapes
from lakhnes.training.trainer import Trainer
from small import TINY, make_corpus, tiny_config

CPU = torch.device("cpu")


@pytest.fixture
def corpus(tmp_path):
    return Corpus.load(make_corpus(tmp_path / "data"), "train", Vocabulary.tx1())


@pytest.fixture
def trainer(tmp_path, corpus):
    def make(name, config=None, valid=None):
        (tmp_path / name).mkdir(exist_ok=True)
        return Trainer(config or tiny_config(), corpus, valid, tmp_path / name, CPU)

    return make


def weights(trainer):
    return torch.cat([value.flatten() for value in trainer.model.state_dict().values()])


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_is_the_uninterrupted_run_to_the_bit(trainer, optimizer):
    config = tiny_config(optimizer=optimizer)
    whole = trainer("whole", config)
    whole.run()
    first = trainer("parts", config)
    for _ in range(7):
        first.train_step()
    first.save()
    second = trainer("parts", config)
    assert second.resume()
    assert second.step == 7
    second.run()
    assert torch.equal(weights(whole), weights(second))
    assert whole.tokens == second.tokens == 12 * 3 * 16


def test_a_run_that_is_stopped_saves_and_can_be_resumed(trainer):
    stopped = trainer("run")
    stopped.stop = True
    assert stopped.run() is None
    again = trainer("run")
    assert again.resume()
    again.run()
    assert again.step == 12


def test_training_learns(trainer, tmp_path):
    valid = Corpus.load(tmp_path / "data", "valid", Vocabulary.tx1())
    config = tiny_config(steps=150, augmentation=Augmentation(0, 0, 0, 0), mem_len_start=32)
    run = trainer("run", config, valid)
    score = run.run()
    # A uniform guess has a perplexity of 631; the tunes are six notes in turn over a fixed rhythm.
    assert score.ppl < 12
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["valid"]["ppl"] == score.ppl
    assert log[0]["loss"] > 1.5 * log[-2]["loss"]
    saved = load_model(tmp_path / "run" / "model")
    difference = max(
        float((a - b).abs().max())
        for a, b in zip(saved.network.state_dict().values(), run.model.state_dict().values(), strict=True)
    )
    assert difference < 2e-3  # half precision


def test_a_state_of_other_songs_or_another_shape_is_refused(trainer, tmp_path):
    trainer("run").save()
    other = Corpus.load(make_corpus(tmp_path / "other", train=2), "train", Vocabulary.tx1())
    with pytest.raises(CheckpointError, match="other songs"):
        Trainer(tiny_config(), other, None, tmp_path / "run", CPU).resume()
    with pytest.raises(CheckpointError, match="does not fit"):
        trainer("run", tiny_config(model=PRESETS["tiny"].model)).resume()
    (tmp_path / "run" / STATE_FILE).write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match="not the state of a training run"):
        trainer("run").resume()


def test_a_run_is_resumed_with_the_valid_split_that_it_had(trainer, tmp_path):
    valid = Corpus.load(tmp_path / "data", "valid", Vocabulary.tx1())
    other = Corpus.load(make_corpus(tmp_path / "other", valid=2), "valid", Vocabulary.tx1())
    trainer("run", valid=valid).save()
    assert trainer("run", valid=valid).resume()
    for changed in (other, None):
        with pytest.raises(CheckpointError, match="another valid split"):
            trainer("run", valid=changed).resume()
    older = RunState.read(tmp_path / "run" / STATE_FILE)
    dataclasses.replace(older, valid=None).write(tmp_path / "run" / STATE_FILE)
    assert trainer("run", valid=other).resume()


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_state(trainer, tmp_path):
    run = trainer("run")
    run.save()
    before = (tmp_path / "run" / STATE_FILE).read_bytes()
    with torch.no_grad():
        run.model.output_bias.fill_(float("nan"))
    with pytest.raises(LakhnesError, match="the loss is nan at step 1"):
        run.run()
    assert (tmp_path / "run" / STATE_FILE).read_bytes() == before


def test_streams_begin_new_songs_at_the_set_interval(trainer):
    run = trainer("run", tiny_config(fresh_every=4, mem_len_start=32))
    lengths = []
    for _ in range(9):
        run.train_step()
        lengths.append(run.memory.shape[2])
    assert lengths == [16, 32, 32, 32, 16, 32, 32, 32, 16]
    assert all(stream[0] != 0 for stream in run.segments.packer.streams)  # each is within its song
    before = run.segments.packer.position
    run.segments.packer.drop_streams()
    assert (run.segments.packer.next_segment()[0][:, 0] == 0).all()  # each begins with the boundary
    assert run.segments.packer.position >= before + 3


def test_the_rate_rises_holds_and_falls():
    config = tiny_config(warmup_steps=10, decay=0.25, final_rate=0.1, learning_rate=1.0)
    assert config.rate(0, 0.0) == pytest.approx(0.1)
    assert config.rate(9, 0.01) == config.rate(500, 0.75) == 1.0
    assert config.rate(900, 0.875) == pytest.approx(0.55)
    assert config.rate(1000, 1.0) == pytest.approx(0.1)


def test_the_memory_grows_by_whole_segments():
    config = tiny_config(tgt_len=16, mem_len_start=16, mem_len=96, memory_ramp=(0.2, 0.8))
    lengths = [config.memory_at(progress) for progress in np.linspace(0, 1, 101)]
    assert lengths[0] == lengths[20] == 16
    assert lengths[80] == lengths[-1] == 96
    assert sorted(lengths) == lengths
    assert {length % 16 for length in lengths} == {0}


def test_songs_of_the_plain_tail_are_not_varied(trainer, corpus):
    run = trainer("run", tiny_config(steps=100, plain_tail=0.5))
    run.step = 60
    order = np.random.default_rng([0, 0]).permutation(len(corpus))
    np.testing.assert_array_equal(run.segments.packer.source(2), corpus.ids(int(order[2])))
    run.step = 10
    varied = [run.segments.packer.source(place) for place in range(len(corpus))]
    plain = [corpus.ids(int(index)) for index in order]
    assert any(a is None or len(a) != len(b) or (a != b).any() for a, b in zip(varied, plain, strict=True))


@pytest.mark.parametrize("text", ["model = 3", "memory_ramp = 3", "steps = 5\nseed = 'x'", "steps = 5\nspeed = 3", "="])
def test_a_broken_configuration_is_refused(text):
    with pytest.raises(CheckpointError, match="training configuration"):
        TrainingConfig.from_toml(text)


@pytest.mark.parametrize(
    ("option", "value"),
    [("steps", 0), ("minutes", -1.0), ("batch_size", 0), ("optimizer", "sgd"), ("precision", "int3"), ("decay", 0.0)],
)
def test_an_option_out_of_range_is_refused(option, value):
    with pytest.raises(ValueError, match=option):
        tiny_config(**{option: value})


def test_a_few_songs_of_a_large_valid_split_are_scored_too(trainer, tmp_path):
    valid = Corpus.load(make_corpus(tmp_path / "large", train=1, valid=100), "valid", Vocabulary.tx1())
    score = trainer("run", valid=valid).evaluate(2)
    assert score is not None
    assert score.songs == 2


def test_a_valid_split_of_short_songs_only_is_not_scored(trainer, tmp_path):
    folder = make_corpus(tmp_path / "short", train=1, valid=1)
    (folder / "valid" / "000.tx1.txt").write_text("P1_NOTEON_60\nWT_100\nP1_NOTEOFF")
    run = trainer("run", valid=Corpus.load(folder, "valid", Vocabulary.tx1()))
    assert run.run() is None
    assert load_model(tmp_path / "run").config == run.config.model


def test_the_first_steps_are_logged(trainer, tmp_path):
    trainer("run", tiny_config(steps=45)).run()
    steps = [line["step"] for line in read_log(tmp_path / "run" / LOG_FILE)]
    assert steps == [1, 2, 5, 10, 20, 40, 45]


def test_a_step_that_ends_a_minute_after_the_last_line_is_logged():
    assert is_log_step(33, 61.0)
    assert not is_log_step(33, 59.0)


def test_patience_counts_the_evaluations_since_the_best():
    stopping = EarlyStopping(2)
    assert [stopping.update(loss) for loss in (3.0, 2.0, 2.0)] == [True, True, False]
    assert (stopping.best, stopping.waited, stopping.exhausted) == (2.0, 1, False)
    stopping.update(2.5)
    assert stopping.exhausted
    assert not EarlyStopping(0).exhausted


def test_an_interval_is_over_once_and_begins_again():
    interval = Interval(1.0, 30.0)
    assert [interval.is_over(now) for now in (80.0, 90.0, 100.0, 149.0, 151.0)] == [False, True, False, False, True]
    assert not Interval(float("inf"), 0.0).is_over(1e9)


def test_every_epoch_has_every_song_once_in_an_order_of_its_own(corpus):
    order = SongOrder(corpus, Augmentation(), seed=3)
    songs = {corpus.ids(index).tobytes() for index in range(len(corpus))}
    epochs = []
    for epoch in range(2):
        places = range(epoch * len(corpus), (epoch + 1) * len(corpus))
        epochs.append([order.song(place, plain=True).tobytes() for place in places])
        assert set(epochs[-1]) == songs
    assert epochs[0] != epochs[1]


def test_a_song_depends_on_the_seed_and_its_place_alone(corpus):
    one, two = (SongOrder(corpus, Augmentation(), seed=3) for _ in range(2))
    for place in (40, 3, 27):
        two.song(place + 5)
        np.testing.assert_array_equal(one.song(place), two.song(place))


def test_the_names_of_presets_are_those_that_the_command_line_lists():
    assert (tuple(PRESETS), tuple(SCALES)) == (PRESET_NAMES, SCALE_NAMES)


def test_a_step_that_is_given_up_halfway_leaves_the_run_as_it_was(trainer, tmp_path):
    """With dropout, whose random numbers are part of the state, and in the second of two segments."""
    config = tiny_config(optimizer="muon", accumulate=2, fresh_every=3)
    whole = trainer("whole", config)
    whole.run()
    first = trainer("parts", config)
    segment, seen = first.segments.next, []

    def interrupted():
        seen.append(first.step)
        if len(seen) == 14:  # of the seventh step, the second
            first.ask_to_stop()
        return segment()

    first.segments.next = interrupted
    assert first.run() is None
    assert (first.step, first.stop) == (6, True)
    second = trainer("parts", config)
    assert second.resume()
    second.run()
    assert torch.equal(weights(whole), weights(second))


def test_an_evaluation_is_given_up_when_the_run_is_to_stop(trainer, tmp_path, monkeypatch):
    valid = Corpus.load(tmp_path / "data", "valid", Vocabulary.tx1())
    run = trainer("run", tiny_config(steps=30, eval_every=1e-9), valid)

    def endless(*args):
        run.ask_to_stop()
        raise AssertionError("it went on")

    monkeypatch.setattr("lakhnes.training.trainer.validate", endless)
    assert run.run() is None
    assert run.step == 1
    assert run.model.training
    again = trainer("run", tiny_config(steps=30), valid)
    assert again.resume()


def test_a_step_that_takes_long_is_told_once():
    told, heard = [], threading.Event()

    def tell():
        told.append(1)
        heard.set()

    with telling_if_slow(tell, seconds=0.01):
        assert heard.wait(20)
        time.sleep(0.05)  # longer than the limit once more
    with telling_if_slow(lambda: told.append(2), seconds=100.0):
        pass
    assert told == [1]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("stream.0", lambda tensor: tensor + 10_000),
        ("stream.0", lambda tensor: tensor.float()),
        ("memory", lambda tensor: tensor[:, :, :, :8]),
        ("memory", lambda tensor: tensor * math.nan),
        ("random", lambda tensor: tensor[:100]),
        ("model.output_bias", lambda tensor: tensor * math.inf),
        ("model.output_bias", lambda tensor: tensor[:5]),
        ("optimizer.1.0.exp_avg", lambda tensor: tensor[:5]),
        ("optimizer.1.0.exp_avg", lambda tensor: tensor * math.nan),
    ],
)
def test_tensors_of_a_state_that_a_step_would_trip_over_are_refused(trainer, tmp_path, name, change):
    config = tiny_config(optimizer="muon")
    run = trainer("run", config)
    run.train_step()
    run.save()
    path = tmp_path / "run" / STATE_FILE
    with safe_open(path, framework="pt") as file:
        facts, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors[name] = change(tensors[name]).contiguous()
    save_file(tensors, path, facts)
    with pytest.raises(CheckpointError, match="does not fit"):
        trainer("run", config).resume()


@pytest.mark.parametrize(
    "facts",
    [
        "[]",
        "{}",
        "x",
        "[" * 3_000,
        '{"step": -1}',
        '{"step": "x"}',
        '{"seconds": NaN}',
        '{"data": 3}',
        '{"step": 1e300}',
    ],
)
def test_facts_of_a_state_that_are_none_are_refused(trainer, tmp_path, facts):
    run = trainer("run")
    run.save()
    path = tmp_path / "run" / STATE_FILE
    with safe_open(path, framework="pt") as file:
        known, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if facts.startswith('{"'):
        facts = json.dumps(json.loads(known["lakhnes"]) | json.loads(facts))
    save_file(tensors, path, {"lakhnes": facts})
    with pytest.raises(CheckpointError, match="not the state of a training run"):
        trainer("run").resume()


def test_a_state_of_another_shape_is_refused_before_a_model_is_built(trainer, tmp_path):
    trainer("run").save()
    large = tiny_config(model=dataclasses.replace(TINY, n_layer=1_000, d_model=64))
    with pytest.raises(CheckpointError, match="does not fit the configuration"):
        check_shapes(tmp_path / "run" / STATE_FILE, large)
    with pytest.raises(CheckpointError, match="3 streams, expected 50000"):
        check_shapes(tmp_path / "run" / STATE_FILE, tiny_config(batch_size=50_000))
    check_shapes(tmp_path / "run" / STATE_FILE, tiny_config())


def test_lines_of_a_log_that_are_none_are_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    good = '{"step": 3, "tokens": 5, "loss": 1.5}'
    bad = ["[]", "3", '"x"', "{}", '{"step": "x", "tokens": 1}', '{"step": 1, "tokens": 1, "valid": 3}', "[" * 9_000]
    bad += ['{"step": 1, "tokens": 1, "loss": NaN}', '{"step": 1, "tokens": 1e400}', '{"step": 1, "tok', "\x1b[31m"]
    path.write_text("\n".join([*bad, good, *bad]))
    assert [line["step"] for line in read_log(path)] == [3]
