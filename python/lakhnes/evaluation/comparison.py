"""Two folders of songs beside each other: what tells them apart, and how well."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.errors import LakhnesError
from lakhnes.evaluation.features import TABLE
from lakhnes.extras import need

__all__ = ["Comparison", "compare", "markdown"]

FOLDS = 5
TREES = 400
FEWEST = 10
"""Songs of a side below which no classifier is trained."""

Array = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What tells two sets of songs apart.

    Attributes
    ----------
    songs : tuple of two ints
    auc : float
        Area under the ROC curve of a random forest in cross-validation: the probability that it finds a song of the
        second set likelier to be one than a song of the first. 0.5: it cannot tell them apart; 1: always.
    low, high : float
        A 95 % interval of it, by drawing songs of both sides anew 1,000 times.
    features : list of dict
        ``name``, ``medians`` (of both sides; None without a value), ``auc`` of this feature alone (0.5 to 1); the most
        telling first.
    """

    songs: tuple[int, int]
    auc: float
    low: float
    high: float
    features: list[dict[str, Any]]

    def facts(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return dataclasses.asdict(self)


def compare(first: Sequence[dict[str, float]], second: Sequence[dict[str, float]], *, seed: int = 0) -> Comparison:
    """Compare two sets of songs by their features.

    Parameters
    ----------
    first, second : sequence of dict
        As `lakhnes.evaluation.features.features_of` gives them.
    seed : int
        Of the forest, the folds and the interval.

    Raises
    ------
    LakhnesError
        If a side has fewer than ten songs, or scikit-learn is not installed.
    """
    if min(len(first), len(second)) < FEWEST:
        raise LakhnesError(f"{len(first)} and {len(second)} songs, expected at least {FEWEST} on each side")
    names = list(first[0])
    table = np.array([[song[name] for name in names] for song in (*first, *second)], dtype=np.float64)
    labels = np.repeat([0, 1], [len(first), len(second)])
    scores = _scores(table, labels, seed)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(1_000):
        chosen = [random.choice(np.flatnonzero(labels == side), (labels == side).sum()) for side in (0, 1)]
        drawn.append(_auc(scores[chosen[0]], scores[chosen[1]]))
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
    features = [_feature(name, column, labels) for name, column in zip(names, table.T, strict=True)]
    features.sort(key=lambda feature: -feature["auc"])
    overall = _auc(scores[labels == 0], scores[labels == 1])
    return Comparison((len(first), len(second)), overall, low, high, features)


def _scores(table: Array, labels: npt.NDArray[np.int64], seed: int) -> Array:
    """How much each song looks like the second side, by forests that have not seen it, float64, ``(songs,)``."""
    need("sklearn")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    # A feature that a song does not have is a fact of its own: far below what others have.
    lowest = np.nanmin(np.where(np.isfinite(table), table, np.nan), axis=0, initial=0.0)
    filled = np.where(np.isfinite(table), table, lowest - 10.0)
    forest = RandomForestClassifier(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores: Array = cross_val_predict(forest, filled, labels, cv=folds, method="predict_proba")[:, 1]
    return scores


def _auc(first: Array, second: Array) -> float:
    """Return the share of pairs in which the second has more; ties count half."""
    order = np.sort(first)
    below = np.searchsorted(order, second, side="left")
    until = np.searchsorted(order, second, side="right")
    return float((below + until).sum() / (2 * len(first) * len(second)))


def _feature(name: str, column: Array, labels: npt.NDArray[np.int64]) -> dict[str, Any]:
    sides = [column[(labels == side) & np.isfinite(column)] for side in (0, 1)]
    medians = [float(np.median(side)) if len(side) else None for side in sides]
    alone = _auc(*sides) if all(map(len, sides)) else 0.5
    return {"name": name, "medians": medians, "auc": max(alone, 1.0 - alone)}


def markdown(comparison: Comparison, names: tuple[str, str], *, count: int = 12) -> str:
    """Return a comparison as tables in Markdown: the figures of `TABLE`, and the `count` most telling features."""
    by_name = {feature["name"]: feature for feature in comparison.features}
    lines = [f"| median | {names[0]} | {names[1]} | tells apart (AUC) |", "| --- | ---: | ---: | ---: |"]
    lines.append(f"| songs | {comparison.songs[0]} | {comparison.songs[1]} | |")
    lines += [_line(by_name[name]) for name in TABLE]
    shown = f"{comparison.auc:.2f} ({comparison.low:.2f} to {comparison.high:.2f})"
    lines.append(f"| **all features, random forest** | | | **{shown}** |")
    lines += ["", f"| most telling | {names[0]} | {names[1]} | tells apart (AUC) |", "| --- | ---: | ---: | ---: |"]
    lines += [_line(feature) for feature in comparison.features[:count]]
    return "\n".join(lines)


def _line(feature: dict[str, Any]) -> str:
    first, second = ("" if median is None else f"{median:.3g}" for median in feature["medians"])
    return f"| {feature['name']} | {first} | {second} | {feature['auc']:.2f} |"
