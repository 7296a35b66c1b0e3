"""Estimates with their uncertainty, where answers of one listener belong together.

Intervals by the bootstrap draw listeners, not answers, with replacement. The percentiles are widened for few listeners
as Hesterberg (2015, The American Statistician 69:4, section 4.2) does: percentile intervals of n draws are too narrow
by about the factor that separates the normal from Student's distribution.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lakhnes.extras import load

__all__ = [
    "BOOTSTRAPS", "Interval", "bradley_terry", "bradley_terry_errors", "cluster_interval", "draw_weights",
    "exact_binomial", "holm", "percentiles", "wilcoxon",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

BOOTSTRAPS = 2_000
"""Draws of listeners."""

CONFIDENCE = 0.95

REGULARIZATION = 0.001
"""Added to every rate of the Markov chain from which strengths come, so that a condition that never loses, or
conditions that were never compared, have finite strengths; of little weight beside some answers to each pair."""

STREAM = 0x5EED
"""Seed of the bootstrap: the same answers give the same intervals."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def exact_binomial(right: int, count: int) -> tuple[Interval, float]:
    """Return the interval of a share (Clopper and Pearson 1934) and the two-sided p of 1/2, for independent answers."""
    test = load("scipy.stats", "study").binomtest(right, count)
    interval = test.proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(interval.low), float(interval.high)), float(test.pvalue)


def draw_weights(listeners: int, draws: int = BOOTSTRAPS, seed: int = STREAM) -> Floats:
    """Return how often each listener comes in each draw, ``(draws, listeners)``."""
    random = np.random.default_rng(seed)
    weights: Floats = random.multinomial(listeners, np.full(listeners, 1.0 / listeners), size=draws).astype(np.float64)
    return weights


def percentiles(draws: Floats, listeners: int) -> tuple[Floats, Floats]:
    """Return lower and upper limits of draws, ``(draws, …)``, widened for few listeners; NaN for fewer than two."""
    if listeners < 2:
        nothing = np.full(draws.shape[1:], np.nan)
        return nothing, nothing
    stats = load("scipy.stats", "study")
    quantile = stats.t.ppf((1.0 + CONFIDENCE) / 2.0, listeners - 1)
    tail = float(stats.norm.cdf(-math.sqrt(listeners / (listeners - 1)) * quantile))
    return np.nanquantile(draws, tail, axis=0), np.nanquantile(draws, 1.0 - tail, axis=0)


def cluster_interval(sums: Floats, counts: Floats, draws: int = BOOTSTRAPS) -> Interval:
    """Return the interval of a mean over all answers, by the bootstrap over listeners.

    Parameters
    ----------
    sums, counts : float64 array, ``(listeners,)``
        Of each listener's answers: right ones or ratings, and how many.
    """
    present = counts > 0
    sums, counts = sums[present], counts[present]
    weights = draw_weights(len(counts), draws)
    low, high = percentiles((weights @ sums) / (weights @ counts), len(counts))
    return Interval(float(low), float(high))


def bradley_terry(wins: Floats, start: Floats | None = None) -> Floats:
    """Return the strengths of a Bradley-Terry model in logits, with mean 0.

    Maximum likelihood by iterative Luce spectral ranking (Maystre and Grossglauser 2015), which is choix's.

    Parameters
    ----------
    wins : float64 array, ``(conditions, conditions)``
        How often the condition of a row was preferred to that of a column.
    start : float64 array, optional
        Where the iteration begins.
    """
    choix = load("choix", "study")
    try:
        strengths = choix.ilsr_pairwise_dense(
            wins, alpha=REGULARIZATION, initial_params=start, max_iter=1_000, tol=1e-6
        )
    except RuntimeError:  # not converged, which answers without any connection may not
        return np.full(len(wins), np.nan)
    return np.asarray(strengths - np.mean(strengths), dtype=np.float64)


def bradley_terry_errors(wins: Floats, strengths: Floats) -> Floats:
    """Return the covariance of strengths, ``(conditions, conditions)``, robust to differences between listeners.

    The sandwich of Liang and Zeger (1986): the inverse information around the sum of squares of the listeners' scores.

    Parameters
    ----------
    wins : float64 array, ``(listeners, conditions, conditions)``
    strengths : float64 array, ``(conditions,)``
    """
    chance = 1.0 / (1.0 + np.exp(strengths[None, :] - strengths[:, None]))  # that the row wins
    games = wins + wins.transpose(0, 2, 1)
    scores = (wins - games * chance).sum(axis=2)  # (listeners, conditions)
    rates = games.sum(axis=0) * chance * chance.T
    information = np.diag(rates.sum(axis=1)) - rates
    inverse = np.linalg.pinv(information)
    listeners = len(wins)
    spread = scores.T @ scores * (listeners / max(listeners - 1, 1))
    covariance: Floats = inverse @ spread @ inverse
    return covariance


def wilcoxon(first: Floats, second: Floats) -> float:
    """Return the p of Wilcoxon's signed-rank test of listeners' mean ratings; NaN where all are equal."""
    differences = first - second
    if not np.any(differences):
        return math.nan
    return float(load("scipy.stats", "study").wilcoxon(differences).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm (1979); NaN stays and counts for nothing."""
    known = sorted((value, index) for index, value in enumerate(values) if not math.isnan(value))
    corrected = list(values)
    largest = 0.0
    for rank, (value, index) in enumerate(known):
        largest = max(largest, min(value * (len(known) - rank), 1.0))
        corrected[index] = largest
    return corrected
