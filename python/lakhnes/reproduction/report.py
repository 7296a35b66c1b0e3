"""Table 2 and Figure 3 as text and as a picture, the paper's figures beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lakhnes.outputs import replacing
from lakhnes.reproduction.published import FIGURE3, TABLE2
from lakhnes.reproduction.runner import Result

__all__ = ["ORDER", "as_markdown", "as_text", "draw_figure3", "order_of"]

ORDER = (
    ("random", "unigram"),
    ("unigram", "5-gram"),
    ("5-gram", "lstm"),
    ("5-gram", "lstm-augmented"),
    ("lstm", "lstm-augmented"),
    ("lstm", "transformer-xl"),
    ("lstm-augmented", "transformer-xl"),
    ("transformer-xl", "transformer-xl-augmented"),
    ("transformer-xl-augmented", "transformer-xl-pretrained"),
)
"""What the paper says of the rows: the first of each pair is worse than the second."""

MISSING = "-"


def order_of(results: Sequence[Result], split: str) -> list[tuple[str, str, bool]]:
    """Say of every pair of `ORDER` whose rows are known whether it holds on a split."""
    ppl = {result.name: result.scores[split]["ppl"] for result in results if split in result.scores}
    return [(worse, better, ppl[worse] > ppl[better]) for worse, better in ORDER if worse in ppl and better in ppl]


def _cells(results: Sequence[Result], splits: Sequence[str]) -> list[list[str]]:
    head = ["", "parameters", "tokens", "time"]
    rows = [head + [f"{split} PPL" for split in splits] + [f"paper's {split}" for split in splits]]
    for result in results:
        cells = [result.title, _count(result.parameters), _count(result.tokens), _time(result.seconds)]
        cells += [f"{result.scores[split]['ppl']:.3f}" for split in splits]
        published = TABLE2.get(result.name, {})
        rows.append(cells + [_published(result.name, published.get(split)) for split in splits])
    return rows


def as_text(results: Sequence[Result], splits: Sequence[str]) -> list[str]:
    """Return the lines of the table for a terminal."""
    rows = _cells(results, splits)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        numbers = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *numbers]))
    return lines


def as_markdown(results: Sequence[Result], splits: Sequence[str]) -> str:
    """Return the table as Markdown."""
    rows = _cells(results, splits)
    rows.insert(1, ["---"] + ["---:"] * (len(rows[0]) - 1))
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _published(name: str, ppl: float | None) -> str:
    """Return a figure of the paper with as many decimals as are published."""
    if ppl is None:
        return MISSING
    return f"{ppl:.3f}" if name.startswith("transformer-xl") else f"{ppl:.2f}"


def _count(number: int) -> str:
    if number >= 1_000_000:
        return f"{number / 1e6:.1f} M"
    return f"{number / 1e3:.0f} k" if number >= 10_000 else str(number) if number else MISSING


def _time(seconds: float) -> str:
    if not seconds:
        return MISSING
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def draw_figure3(
    points: Sequence[tuple[float, Result]], splits: Sequence[str], steps: int, path: Path, *, title: str
) -> None:
    """Draw perplexity against the steps of pre-training, the paper's beside ours.

    Parameters
    ----------
    points : sequence of (share, Result)
        Results after shares of the steps of pre-training, 0 first.
    splits : sequence of str
    steps : int
        Of the whole pre-training.
    path : Path
        A PNG.
    title : str
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    ours, theirs = figure.subplots(1, 2)
    for split, colour in zip(splits, ("#0057b7", "#c8102e", "#5b6770"), strict=False):
        style: dict[str, Any] = {"marker": "o", "color": colour, "label": split}
        ours.plot(
            [share * steps for share, _ in points], [result.scores[split]["ppl"] for _, result in points], **style
        )
        if split in FIGURE3:
            theirs.plot([share * 400_000 for share, _ in FIGURE3[split]], [ppl for _, ppl in FIGURE3[split]], **style)
    ours.set_title(title)
    theirs.set_title("the paper (Lakh MIDI, 41 M parameters)")
    for axes in (ours, theirs):
        axes.set_xlabel("steps of pre-training")
        axes.set_ylabel("perplexity")
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    with replacing(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
