"""What the answers of a listening study say: who is left out, and figures with intervals for each condition.

Turing tests: the share of right answers. Preferences: wins, and strengths by Bradley and Terry (1952). Ratings: means.
Intervals are for 95 % and drawn over listeners; tests are corrected by Holm for the number of them in their table.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from lakhnes.errors import LakhnesError
from lakhnes.study.estimates import (
    Floats,
    Interval,
    bradley_terry,
    bradley_terry_errors,
    cluster_interval,
    draw_weights,
    exact_binomial,
    holm,
    percentiles,
    wilcoxon,
)
from lakhnes.study.extra import need
from lakhnes.study.plan import HUMAN, Exclusion
from lakhnes.study.responses import Response, Responses

__all__ = ["Analysis", "analyze", "exclude", "win_matrices"]

REFITS = 500
"""Draws of listeners for which strengths are fitted anew."""


@dataclasses.dataclass(frozen=True)
class Analysis:
    """The result of a study.

    Attributes
    ----------
    title, design : str
    listeners : int
        Who answered at least one question.
    excluded : dict of str to str
        Why a listener is left out, by id.
    answers : int
        That are analysed, controls not counted.
    controls, failed_controls : int
        Of the listeners who are kept.
    conditions : list of dict
        A row for each condition, the best first; see `analyze`.
    comparisons : list of dict
        A row for each pair of conditions.
    exclusion : Exclusion
    """

    title: str
    design: str
    listeners: int
    excluded: dict[str, str]
    answers: int
    controls: int
    failed_controls: int
    conditions: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]
    exclusion: Exclusion

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return dataclasses.asdict(self)


def analyze(answered: Responses, exclusion: Exclusion | None = None) -> Analysis:
    """Analyse answers.

    Parameters
    ----------
    answered : Responses
    exclusion : Exclusion, optional
        Whom to leave out; what the plan says if not given.

    Returns
    -------
    Analysis
        Rows of a Turing test: ``count``, ``right``, ``accuracy``, its exact binomial interval ``exact_low`` and
        ``exact_high``, ``low`` and ``high`` over listeners, ``p`` of the exact binomial test against 1/2, ``p_holm``;
        the control's row has ``control`` true and no ``p_holm``. Of preferences: ``wins``, ``losses``, ``share``,
        ``share_low``, ``share_high``, ``strength`` (logits, mean 0), ``low``, ``high``; and of each comparison
        ``wins``, ``losses``, ``difference``, ``low``, ``high``, ``p`` (cluster-robust Wald test, Student's
        distribution), ``p_holm``. Of ratings: ``count``, ``mean``, ``low``, ``high``; of each comparison
        ``difference``, ``listeners``, ``p`` (Wilcoxon), ``p_holm``.

    Raises
    ------
    LakhnesError
        If nobody has answered or nobody is kept, or a package is not installed.
    """
    need("scipy")
    chosen = exclusion or answered.exclusion
    present = {response.listener for response in answered.responses}
    if not present:
        raise LakhnesError(f"{answered.title}: no answers yet")
    excluded = exclude(answered, chosen)
    kept = [response for response in answered.responses if response.listener not in excluded]
    if not kept:
        raise LakhnesError(
            f"{answered.title}: all {len(present)} listeners are left out; --max-failed-controls and others"
        )
    asked = [response for response in kept if not response.control]
    controls = [response for response in kept if response.control]
    measure = {"turing": _turing, "preference": _preference, "rating": _rating}[answered.design]
    conditions, comparisons = measure(answered, kept)
    return Analysis(
        answered.title, answered.design, len(present), excluded, len(asked), len(controls),
        sum(not response.right for response in controls), conditions, comparisons, chosen,
    )  # fmt: skip


def exclude(answered: Responses, exclusion: Exclusion) -> dict[str, str]:
    """Return who is left out, and why; who answered nothing is not counted."""
    by_listener: dict[str, list[Response]] = {}
    for response in answered.responses:
        by_listener.setdefault(response.listener, []).append(response)
    excluded = {}
    for listener, given in by_listener.items():
        controls = [response for response in given if response.control]
        failed = sum(not response.right for response in controls)
        if controls and failed / len(controls) > exclusion.control_failures:
            excluded[listener] = f"{failed} of {len(controls)} controls failed"
        elif len(controls) < exclusion.min_controls:
            excluded[listener] = f"{len(controls)} controls answered, fewer than {exclusion.min_controls}"
        elif len(given) < exclusion.min_answers:
            excluded[listener] = f"{len(given)} answers, fewer than {exclusion.min_answers}"
    return excluded


Rows = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _listeners(kept: list[Response]) -> list[str]:
    return list(dict.fromkeys(response.listener for response in kept))


def _sums(
    kept: list[Response], listeners: list[str], condition: str, values: dict[int, float]
) -> tuple[Floats, Floats]:
    """Return the sum of values of each listener's answers on a condition, and their number."""
    place = {listener: index for index, listener in enumerate(listeners)}
    sums, counts = np.zeros(len(listeners)), np.zeros(len(listeners))
    for index, response in enumerate(kept):
        if condition in response.conditions:
            sums[place[response.listener]] += values[index]
            counts[place[response.listener]] += 1
    return sums, counts


def _turing(answered: Responses, kept: list[Response]) -> Rows:
    listeners = _listeners(kept)
    values = {index: float(response.right) for index, response in enumerate(kept)}
    rows = []
    for name in answered.conditions:
        if name == HUMAN:
            continue
        sums, counts = _sums(kept, listeners, name, values)
        right, count = round(sums.sum()), round(counts.sum())
        if not count:
            continue
        exact, p = exact_binomial(right, count)
        clustered = cluster_interval(sums, counts)
        rows.append(
            {
                "condition": name, "control": name == answered.control, "count": count, "right": right,
                "accuracy": right / count, "exact_low": exact.low, "exact_high": exact.high, "low": clustered.low,
                "high": clustered.high, "p": p,
            }
        )  # fmt: skip
    tested = [row for row in rows if not row["control"]]
    for row, corrected in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = corrected
    return sorted(rows, key=lambda row: row["accuracy"]), []


def win_matrices(kept: list[Response], names: list[str]) -> Floats:
    """Return how often each condition won against each, ``(listeners, conditions, conditions)``, controls left out."""
    listeners = {listener: index for index, listener in enumerate(_listeners(kept))}
    place = {name: index for index, name in enumerate(names)}
    wins = np.zeros((len(listeners), len(names), len(names)))
    for response in kept:
        if not response.control:
            loser = response.conditions[2 - response.choice]
            wins[listeners[response.listener], place[response.chosen], place[loser]] += 1
    return wins


def _preference(answered: Responses, kept: list[Response]) -> Rows:
    names = [name for name in answered.conditions if name != answered.control]
    wins = win_matrices(kept, names)
    total = wins.sum(axis=0)
    strengths = bradley_terry(total)
    draws = _refitted(wins, strengths)
    low, high = percentiles(draws, len(wins))
    rows = []
    for index, name in enumerate(names):
        won, lost = round(total[index].sum()), round(total[:, index].sum())
        if not won + lost:
            continue
        games = (wins[:, index] + wins[:, :, index]).sum(axis=1)
        shares = cluster_interval(wins[:, index].sum(axis=1), games)
        rows.append(
            {
                "condition": name, "count": won + lost, "wins": won, "losses": lost, "share": won / (won + lost),
                "share_low": shares.low, "share_high": shares.high,
                "strength": strengths[index], "low": low[index], "high": high[index],
            }
        )  # fmt: skip
    rows.sort(key=lambda row: -row["strength"])
    return _plain(rows), _plain(_compared(names, wins, strengths, draws))


def _refitted(wins: Floats, strengths: Floats) -> Floats:
    """Return strengths for draws of listeners, ``(draws, conditions)``."""
    weights = draw_weights(len(wins), REFITS)
    totals = np.tensordot(weights, wins, axes=1)  # (draws, conditions, conditions)
    start = None if np.isnan(strengths).any() else strengths
    return np.stack([bradley_terry(total, start) for total in totals])


def _compared(names: list[str], wins: Floats, strengths: Floats, draws: Floats) -> list[dict[str, Any]]:
    covariance, total = bradley_terry_errors(wins, strengths), wins.sum(axis=0)
    student = need("scipy.stats").t
    rows = []
    for one, two in itertools.combinations(range(len(names)), 2):
        if strengths[one] < strengths[two]:
            one, two = two, one  # the better one first
        difference = strengths[one] - strengths[two]
        variance = covariance[one, one] + covariance[two, two] - 2.0 * covariance[one, two]
        statistic = difference / math.sqrt(variance) if variance > 0 else math.nan
        p = float(2.0 * student.sf(abs(statistic), len(wins) - 1)) if len(wins) > 1 else math.nan
        low, high = percentiles(draws[:, one] - draws[:, two], len(wins))
        rows.append(
            {
                "first": names[one], "second": names[two], "wins": round(total[one, two]),
                "losses": round(total[two, one]), "difference": difference, "low": low, "high": high, "p": p,
            }
        )  # fmt: skip
    return _corrected(rows)


def _rating(answered: Responses, kept: list[Response]) -> Rows:
    listeners = _listeners(kept)
    values = {index: float(response.choice) for index, response in enumerate(kept)}
    means, rows = {}, []
    for name in answered.conditions:
        sums, counts = _sums(kept, listeners, name, values)
        if not counts.sum():
            continue
        interval: Interval = cluster_interval(sums, counts)
        mean = sums.sum() / counts.sum()
        rows.append(
            {"condition": name, "count": round(counts.sum()), "mean": mean, "low": interval.low, "high": interval.high}
        )
        means[name] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    rows.sort(key=lambda row: -row["mean"])
    comparisons = []
    for one, two in itertools.combinations([row["condition"] for row in rows], 2):
        both = np.isfinite(means[one]) & np.isfinite(means[two])
        first, second = means[one][both], means[two][both]
        difference = float((first - second).mean()) if both.any() else math.nan
        p = wilcoxon(first, second) if both.any() else math.nan
        comparisons.append(
            {"first": one, "second": two, "difference": difference, "listeners": int(both.sum()), "p": p}
        )
    return _plain(rows), _plain(_corrected(comparisons))


def _corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected
    return rows


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with numbers of Python in place of those of numpy."""
    return [
        {name: float(value) if isinstance(value, (np.floating, np.ndarray)) else value for name, value in row.items()}
        for row in rows
    ]
