"""The draw: what temperature, top-k and top-p make of probabilities, and what may never be drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakhnes.model.engine import losses_of
from lakhnes.sampling import SamplingParams
from lakhnes.sampling.sampler import sample

EVENLY = np.linspace(0, 0.9999, 3000, dtype=np.float32)
THREE = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))


def shares_of(**options):
    """Return how often each of three tokens is drawn, evenly over all random numbers."""
    allowed = options.pop("allowed", None)
    params = SamplingParams(**{"temperature": 1.0, "top_k": None} | options)
    tokens, losses = sample(np.tile(THREE, (len(EVENLY), 1)), EVENLY, params, allowed=allowed)
    np.testing.assert_allclose(losses, -THREE[tokens], atol=1e-6)
    return np.bincount(tokens, minlength=3) / len(EVENLY)


def test_samples_follow_the_probabilities():
    np.testing.assert_allclose(shares_of(), [0.5, 0.3, 0.2], atol=2e-3)
    allowed = np.tile([True, False, True], (len(EVENLY), 1))
    np.testing.assert_allclose(shares_of(allowed=allowed), [5 / 7, 0.0, 2 / 7], atol=2e-3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 2}, [0.625, 0.375, 0.0]),
        ({"top_k": 1}, [1.0, 0.0, 0.0]),
        ({"top_p": 0.6}, [0.625, 0.375, 0.0]),
        ({"top_p": 0.5}, [1.0, 0.0, 0.0]),
        ({"min_p": 0.5}, [0.625, 0.375, 0.0]),
        ({"min_p": 1.0}, [1.0, 0.0, 0.0]),
        ({"typical_p": 0.25}, [0.0, 1.0, 0.0]),
        ({"typical_p": 0.7}, [0.625, 0.375, 0.0]),
        ({"top_k": 2, "top_p": 0.61}, [1.0, 0.0, 0.0]),  # a share of what the one before leaves
        ({"temperature": 0.5}, [25 / 38, 9 / 38, 4 / 38]),
        ({"temperature": 0.0}, [1.0, 0.0, 0.0]),
    ],
)
def test_each_option_shapes_the_probabilities(options, expected):
    np.testing.assert_allclose(shares_of(**options), expected, atol=2e-3)


@given(seed=st.integers(0, 10_000), place=st.sampled_from([0.0, 0.3, 0.999999, 1.0 - 2**-24]))
def test_what_is_forbidden_is_never_sampled(seed, place):
    generator = np.random.default_rng(seed)
    logits = (generator.standard_normal((4, 50)) * 5).astype(np.float32)
    allowed = generator.random((4, 50)) < 0.1
    allowed[:, 7] = True
    uniform = np.full(4, place, dtype=np.float32)
    tokens, losses = sample(logits, uniform, SamplingParams(temperature=1.0), allowed=allowed)
    assert allowed[np.arange(4), tokens].all()
    masked, _ = sample(np.where(allowed, logits, np.float32(-np.inf)), uniform, SamplingParams(temperature=1.0))
    np.testing.assert_array_equal(masked, tokens)
    np.testing.assert_allclose(losses, losses_of(logits, tokens), atol=1e-5)


def test_a_sample_of_nothing_is_an_error_of_one_line():
    for logits in (np.full((1, 3), -np.inf, dtype=np.float32), np.full((1, 3), np.nan, dtype=np.float32)):
        with pytest.raises(ValueError, match=r"^logits: no token may come next"):
            sample(logits, np.zeros(1, dtype=np.float32), SamplingParams())
    with pytest.raises(ValueError, match=r"^allowed: expected 1 rows of 3, found 2 entries"):
        sample(THREE[None], np.zeros(1, dtype=np.float32), SamplingParams(), allowed=np.ones((1, 2), dtype=np.bool_))


def test_each_row_is_drawn_at_a_temperature_of_its_own():
    temperature = np.repeat(np.array([1.0, 0.5], dtype=np.float32), len(EVENLY) // 2)
    logits, params = np.tile(THREE, (len(EVENLY), 1)), SamplingParams()
    tokens, _ = sample(logits, np.tile(EVENLY[::2], 2), params, temperature=temperature)
    shares = [np.bincount(half, minlength=3) / len(half) for half in np.split(tokens, 2)]
    np.testing.assert_allclose(shares, [[0.5, 0.3, 0.2], [25 / 38, 9 / 38, 4 / 38]], atol=2e-3)
