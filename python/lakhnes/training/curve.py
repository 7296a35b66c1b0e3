"""The picture of a run: its loss and its perplexity on the valid split, over the tokens it has seen."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from lakhnes.outputs import replacing
from lakhnes.training.log import read_log

__all__ = ["draw_curve"]

MOST = 700.0
"""A loss whose exponential a float still holds."""

SMOOTH = 10
"""Lines of the log that are averaged to a point of the loss."""


def draw_curve(log: Path, picture: Path) -> bool:
    """Draw the log of a run as a PNG; return whether there was anything to draw."""
    from matplotlib.figure import Figure

    lines = read_log(log)
    losses = [(line["tokens"] / 1e6, line["loss"]) for line in lines if "loss" in line and math.isfinite(line["loss"])]
    scores = [(line["tokens"] / 1e6, line["valid"]["loss"]) for line in lines if "valid" in line]
    if not losses and not scores:
        return False
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    if losses:
        axes.plot(*zip(*losses, strict=True), color="#b0b8bf", linewidth=0.8)
        # A single point is no line: it gets a mark.
        mark = "o" if len(losses) == 1 else ""
        axes.plot(*zip(*_smoothed(losses), strict=True), color="#0057b7", marker=mark, label="training")
    if scores:
        axes.plot(*zip(*scores, strict=True), "o-", color="#c8102e", markersize=4, label="valid")
        last = scores[-1]
        axes.annotate(f"PPL {math.exp(min(last[1], MOST)):.2f}", last, (0, 8), textcoords="offset points", ha="right")
    axes.set_xlabel("million tokens")
    axes.set_ylabel("loss (nats a token)")
    # Bounded, for matplotlib asks for values that are far outside the picture.
    to_perplexity, to_loss = (lambda loss: np.exp(np.clip(loss, -20, 20))), (lambda ppl: np.log(np.maximum(ppl, 1e-9)))
    right = axes.secondary_yaxis("right", functions=(to_perplexity, to_loss))
    right.set_ylabel("perplexity")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    with replacing(picture) as unfinished:
        figure.savefig(unfinished, format="png", dpi=120)
    return True


def _smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    means = []
    for end in range(1, len(points) + 1):
        window = points[max(end - SMOOTH, 0) : end]
        means.append((window[-1][0], sum(loss for _, loss in window) / len(window)))
    return means
