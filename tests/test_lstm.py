"""The recurrent baseline: segments, steps, checkpoints, and the trainer that it shares with the Transformer-XL."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lakhnes import CheckpointError, Vocabulary, generate, load_model
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.corpus import Corpus
from lakhnes.model.architectures import build, config_from_json
from lakhnes.model.config import LSTMConfig
from lakhnes.model.lstm import LSTM
from lakhnes.model.model import Model
from lakhnes.training.config import TrainingConfig
from lakhnes.training.trainer import Trainer
from small import make_corpus, tiny_config

SHAPE = LSTMConfig(n_layer=2, d_model=24, dropout=0.1)
CPU = torch.device("cpu")


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LSTM(SHAPE).eval()


@torch.inference_mode()
def test_segments_with_memory_and_single_steps_are_one_pass(model):
    tokens = torch.randint(1, 631, (3, 40), generator=torch.Generator().manual_seed(1))
    whole = model.logits(model(tokens)[0])
    memory, parts = None, []
    for start in range(0, 40, 16):
        hidden, memory = model(tokens[:, start : start + 16], memory)
        parts.append(model.logits(hidden))
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    assert memory.shape == (2, 2, 3, 24)
    engine = Model.of(model).begin(3)
    steps = np.stack([engine.feed(tokens[:, position].numpy()) for position in range(40)], axis=1)
    np.testing.assert_allclose(steps, whole, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_score_is_the_loss_of_every_token(model):
    ids = np.array([0, *range(1, 300), 0])
    losses = Model.of(model).score(ids)
    logits = model.logits(model(torch.from_numpy(ids[None, :-1]))[0])[0]
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(ids[1:]), reduction="none")
    np.testing.assert_allclose(losses, expected.numpy(), rtol=1e-4)


def test_the_number_of_parameters_is_that_of_the_weights(model):
    assert SHAPE.num_parameters == sum(weight.numel() for weight in model.parameters())
    assert SHAPE.tensors == {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    assert SHAPE.min_tensors <= len(SHAPE.tensors)
    assert type(build(SHAPE)) is LSTM
    assert config_from_json(SHAPE.to_json()) == SHAPE


@pytest.mark.parametrize(
    "changes", [{"n_layer": 0}, {"d_model": 1.5}, {"dropout": 1.0}, {"vocabulary": "tx4"}, {"d_model": 60_000}]
)
def test_a_shape_out_of_range_is_refused(changes):
    with pytest.raises(CheckpointError, match="config: "):
        LSTMConfig(**changes)


@pytest.mark.parametrize("text", ["[]", '{"architecture": "gru"}', '{"architecture": ["lstm"]}', "[" * 100_000])
def test_an_unknown_architecture_is_refused(text):
    with pytest.raises(CheckpointError, match="config: "):
        config_from_json(text)


def test_it_is_trained_resumed_and_loaded_from_its_run(tmp_path):
    data = make_corpus(tmp_path / "data")
    train, valid = (Corpus.load(data, split, Vocabulary.tx1()) for split in ("train", "valid"))
    config = tiny_config(model=SHAPE, steps=60, augmentation=Augmentation(0, 0, 0, 0), learning_rate=1e-2)
    assert TrainingConfig.from_toml(config.to_toml()) == config
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = Trainer(config, train, valid, tmp_path / "whole", CPU)
    score = whole.run()
    assert score.ppl < 100  # a uniform guess has 631
    first = Trainer(config, train, None, tmp_path / "parts", CPU)
    for _ in range(23):
        first.train_step()
    first.save()
    second = Trainer(config, train, None, tmp_path / "parts", CPU)
    assert second.resume()
    second.run()
    for ours, theirs in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    loaded = load_model(tmp_path / "whole")
    assert loaded.config == SHAPE
    (song,) = generate(loaded, 1, seed=1, length=50)
    assert song.duration > 0
