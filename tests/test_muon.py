"""The project's Muon: its updates are those of torch's in either precision; which precision a machine gets."""

import dataclasses

import pytest

pytest.importorskip("torch")

import torch
from torch import nn, optim

from lakhnes import Vocabulary
from lakhnes.data.corpus import Corpus
from lakhnes.training import precision
from lakhnes.training.muon import Muon, orthogonalised
from lakhnes.training.optimizer import load_moments, make_optimizers, moments
from lakhnes.training.precision import fast_dtype, product_dtype
from lakhnes.training.trainer import Trainer
from small import TINY, make_corpus, tiny_config, tiny_model

CPU = torch.device("cpu")
SHAPES = ((96, 32), (32, 32), (32, 96), (32, 32), (64, 48))
DTYPES = (torch.float32, torch.bfloat16)


def matrices(seed):
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def moved(weights, optimizer, steps=4):
    """Return how far the weights go by some steps of gradients that are always the same."""
    before = [weight.detach().clone() for weight in weights]
    generator = torch.Generator().manual_seed(7)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
    return [weight.detach() - start for weight, start in zip(weights, before, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_updates_are_those_of_torchs_muon_within_the_rounding_of_bfloat16(dtype):
    own, other = matrices(1), matrices(1)
    expected = moved(other, optim.Muon(other, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"))
    for update, wanted in zip(moved(own, Muon(own, 0.02, 0.1, dtype)), expected, strict=True):
        assert float((update - wanted).norm() / wanted.norm()) < 0.02


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 16, 80)])
def test_the_singular_values_of_an_update_are_nearly_equal(dtype, shape):
    random = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonalised(random * 1e-4, dtype).float())
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3


def test_a_matrix_without_a_gradient_stays_and_a_gradient_of_zeros_only_decays():
    weights = matrices(3)
    optimizer = Muon(weights, 0.1, 0.5)
    weights[0].grad = torch.zeros_like(weights[0])
    before = [weight.detach().clone() for weight in weights]
    optimizer.step()
    torch.testing.assert_close(weights[0].detach(), before[0] * 0.95)
    assert all(torch.equal(weight, start) for weight, start in zip(weights[1:], before[1:], strict=True))


def test_the_moments_of_a_run_with_torchs_muon_are_taken_over():
    """States have moments by the names of torch's optimizer."""
    model, config = tiny_model().network, tiny_config(optimizer="muon")
    own = make_optimizers(model, config)
    theirs = [optim.Muon(own[0].param_groups[0]["params"]), own[1]]
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    theirs[0].step()
    state = moments(theirs[:1])
    load_moments(own, state)
    assert state.keys() == moments(own[:1]).keys()
    assert next(iter(state)).endswith(".momentum_buffer")
    assert all(torch.equal(state[name], moment) for name, moment in moments(own[:1]).items())


def machine(monkeypatch, *, capability="AVX512", multiplies=True):
    """Make torch report another processor."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(precision.torch.cpu, "_is_avx512_bf16_supported", lambda: multiplies, raising=False)


@pytest.mark.parametrize(
    ("capability", "multiplies", "expected"),
    [
        ("AVX512", True, torch.bfloat16),
        ("AVX512", False, torch.float32),
        ("AVX2", False, torch.float32),
        ("AVX2", True, torch.float32),  # kept to it by ATEN_CPU_CAPABILITY
    ],
)
def test_bfloat16_is_for_machines_that_multiply_it(monkeypatch, capability, multiplies, expected):
    machine(monkeypatch, capability=capability, multiplies=multiplies)
    assert fast_dtype(CPU) == product_dtype("auto", CPU) == expected
    assert Muon(matrices(1), 0.1, 0.0).dtype == expected
    assert fast_dtype(torch.device("mps")) == torch.float32
    assert product_dtype("bfloat16", CPU) == torch.bfloat16
    assert product_dtype("float32", CPU) == torch.float32


@pytest.fixture
def trainer(tmp_path):
    corpus = Corpus.load(make_corpus(tmp_path / "data"), "train", Vocabulary.tx1())

    def make(name, config):
        (tmp_path / name).mkdir(exist_ok=True)
        return Trainer(config, corpus, None, tmp_path / name, CPU)

    return make


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("multiplies", [True, False])
def test_a_run_of_one_machine_goes_on_on_the_other(monkeypatch, trainer, multiplies, pre_norm):
    """Its memory is kept in the type of the products, which is another there."""
    model = dataclasses.replace(TINY, pre_norm=pre_norm, dropout=0.0)
    config = tiny_config(optimizer="muon", precision="auto", model=model)
    machine(monkeypatch, multiplies=multiplies)
    first = trainer("run", config)
    for _ in range(6):
        first.train_step()
    first.save()
    machine(monkeypatch, multiplies=not multiplies)
    second = trainer("run", config)
    assert second.resume()
    assert second.dtype != first.dtype
    loss, _ = second.train_step()
    assert float(loss) == pytest.approx(float(first.train_step()[0]), abs=0.05)
    assert second.memory.dtype == second.dtype
