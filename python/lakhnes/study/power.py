"""How many listeners a difference needs: studies are simulated, analysed as ours are, and counted.

Listeners differ. In a Turing test a listener's log odds of a right answer are those of the condition and a normal
deviate; in a preference a listener likes each condition by a normal deviate more or less than all do; so in a rating.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lakhnes.extras import load
from lakhnes.study.estimates import (
    Floats,
    bradley_terry,
    bradley_terry_errors,
    cluster_interval,
    wilcoxon,
)

__all__ = ["Power", "Simulation", "power", "simulate_preferences", "simulate_turing"]

LEVEL = 0.05
"""Of the test."""

DRAWS = 400
"""Draws of listeners in each simulated study."""


@dataclasses.dataclass(frozen=True)
class Simulation:
    """What is simulated.

    Attributes
    ----------
    design : {"turing", "preference", "rating"}
    difference : float
        Turing: log odds of a right answer. Preference: the distance of two conditions in logits. Rating: the
        distance of their means, in points.
    conditions : int
        That are asked about; pairs are spread over all.
    pairs : int
        Of a listener, controls not counted.
    spread : float
        Standard deviation between listeners, in the unit of `difference`.
    noise : float
        Of ratings: standard deviation of one rating, in points.
    """

    design: str
    difference: float
    conditions: int
    pairs: int
    spread: float = 0.5
    noise: float = 1.0


@dataclasses.dataclass(frozen=True)
class Power:
    """The share of simulated studies that find a difference.

    Attributes
    ----------
    listeners : int
    power : float
    error : float
        Its standard error.
    """

    listeners: int
    power: float
    error: float


def power(simulation: Simulation, listeners: Sequence[int], *, studies: int = 200, seed: int = 0) -> list[Power]:
    """Return the power of studies with these numbers of listeners.

    Parameters
    ----------
    simulation : Simulation
    listeners : sequence of int
    studies : int
        Simulated for each number.
    seed : int
    """
    load("scipy", "study")
    found = {"turing": _turing_finds, "preference": _preference_finds, "rating": _rating_finds}[simulation.design]
    rows = []
    for count in listeners:
        random = np.random.default_rng([seed, count])
        share = sum(found(simulation, count, random) for _ in range(studies)) / studies
        rows.append(Power(count, share, math.sqrt(share * (1.0 - share) / studies)))
    return rows


def simulate_turing(
    logits: Sequence[float], listeners: int, pairs: int, spread: float, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Simulate a Turing test.

    Parameters
    ----------
    logits : sequence of float
        Of a right answer, for each condition.

    Returns
    -------
    right, counts : float64 array, ``(listeners, conditions)``
    """
    counts = _shares(listeners, len(logits), pairs, random)
    chance = _logistic(np.asarray(logits)[None, :] + spread * random.standard_normal((listeners, 1)))
    right: Floats = random.binomial(counts, chance).astype(np.float64)
    return right, counts.astype(np.float64)


def simulate_preferences(
    strengths: Sequence[float], listeners: int, pairs: int, spread: float, random: np.random.Generator
) -> Floats:
    """Simulate preferences; return wins, float64, ``(listeners, conditions, conditions)``."""
    names = np.arange(len(strengths))
    first, second = np.array([(one, two) for one in names for two in names if one < two]).T
    counts = _shares(listeners, len(first), pairs, random)
    tastes = np.asarray(strengths)[None, :] + spread * random.standard_normal((listeners, len(names)))
    won = random.binomial(counts, _logistic(tastes[:, first] - tastes[:, second]))
    wins = np.zeros((listeners, len(names), len(names)))
    wins[:, first, second], wins[:, second, first] = won, counts - won
    return wins


def _shares(
    listeners: int, kinds: int, pairs: int, random: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Deal the pairs of each listener from rounds of all kinds, as an assignment does, ``(listeners, kinds)``."""
    rounds = -(-listeners * pairs // kinds)
    dealt = np.concatenate([random.permutation(kinds) for _ in range(rounds)])[: listeners * pairs]
    counts = np.zeros((listeners, kinds), dtype=np.int64)
    np.add.at(counts, (np.repeat(np.arange(listeners), pairs), dealt), 1)
    return counts


def _logistic(values: Floats) -> Floats:
    result: Floats = 1.0 / (1.0 + np.exp(-values))
    return result


def _turing_finds(simulation: Simulation, listeners: int, random: np.random.Generator) -> bool:
    """Simulate a study; return whether the interval of the first condition leaves 1/2 out."""
    logits = [simulation.difference] * simulation.conditions
    right, counts = simulate_turing(logits, listeners, simulation.pairs, simulation.spread, random)
    interval = cluster_interval(right[:, 0], counts[:, 0], DRAWS)
    return 0.5 not in interval


def _preference_finds(simulation: Simulation, listeners: int, random: np.random.Generator) -> bool:
    """Simulate a study; return whether the two conditions differ by the test that an analysis makes."""
    others = [simulation.difference / 2.0] * (simulation.conditions - 2)
    strengths = [simulation.difference, 0.0, *others]
    wins = simulate_preferences(strengths, listeners, simulation.pairs, simulation.spread, random)
    fitted = bradley_terry(wins.sum(axis=0))
    covariance = bradley_terry_errors(wins, fitted)
    variance = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
    if not variance > 0.0:
        return False
    limit = float(load("scipy.stats", "study").t.ppf(1.0 - LEVEL / 2.0, listeners - 1))
    return bool(abs(fitted[0] - fitted[1]) > limit * math.sqrt(variance))


def _rating_finds(simulation: Simulation, listeners: int, random: np.random.Generator) -> bool:
    """Simulate a study; return whether Wilcoxon's test tells the two conditions apart."""
    counts = _shares(listeners, simulation.conditions, simulation.pairs, random)[:, :2]
    means = 3.0 + np.array([simulation.difference / 2.0, -simulation.difference / 2.0])
    liked = means + simulation.spread * random.standard_normal((listeners, 2))
    sums = np.zeros((listeners, 2))
    for index in np.ndindex(listeners, 2):
        ratings = liked[index] + simulation.noise * random.standard_normal(counts[index])
        sums[index] = np.clip(np.rint(ratings), 1, 5).sum()
    both = (counts > 0).all(axis=1)
    if not both.any():
        return False
    rated = sums[both] / counts[both]
    return wilcoxon(rated[:, 0], rated[:, 1]) < LEVEL
