"""The result of a study as a table, a paragraph, a figure, and files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from pathlib import Path
from typing import Any

from lakhnes.outputs import replacing, write_bytes
from lakhnes.study.analysis import Analysis
from lakhnes.study.plan import HUMAN, Plan
from lakhnes.study.responses import Responses

__all__ = ["FILES", "answers_csv", "defused", "draw", "listeners_csv", "markdown", "methods", "write_report"]

FILES = ("answers.csv", "listeners.csv", "analysis.json", "figure.png", "methods.txt")
"""What `write_report` writes."""

FORMULAS = ("=", "+", "-", "@")
"""What a cell begins with that spreadsheets run as a formula (OWASP, CSV injection)."""

COLORS = {HUMAN: "#0057b7"}
OTHER, CONTROL = "#c8102e", "#8b8794"

TITLES = {
    "turing": "Share of answers that find the human clip",
    "preference": "Share of comparisons won",
    "rating": "Mean rating",
}


def defused(cell: object) -> str:
    """Return the text of a cell that no spreadsheet runs: a formula gets an apostrophe, numbers stay as they are.

    What is no printable character, such as a line break, becomes a space.
    """
    if not isinstance(cell, str):
        return str(cell)
    text = "".join(character if character.isprintable() else " " for character in cell)
    return f"'{text}" if text.lstrip().startswith(FORMULAS) else text


def _csv(header: list[str], rows: list[list[object]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(map(defused, header))
    writer.writerows([*map(defused, row)] for row in rows)
    return sink.getvalue()


def answers_csv(answered: Responses, analysis: Analysis) -> str:
    """Return every answer as a row of comma-separated values, those of listeners who are left out too."""
    header = [
        "listener", "position", "condition_a", "condition_b", "clip_a", "clip_b", "choice", "chosen", "control",
        "seconds", "excluded",
    ]  # fmt: skip
    rows: list[list[object]] = []
    for each in answered.responses:
        two = len(each.conditions) == 2
        conditions, clips = (*each.conditions, "")[:2], (*each.clips, "")[:2]
        choice = "AB"[each.choice - 1] if two else each.choice
        seconds = "" if each.seconds is None else each.seconds
        chosen = each.chosen if two else ""
        left_out = int(each.listener in analysis.excluded)
        rows.append(
            [each.listener, each.position, *conditions, *clips, choice, chosen, int(each.control), seconds, left_out]
        )
    return _csv(header, rows)


def listeners_csv(answered: Responses, analysis: Analysis) -> str:
    """Return every listener as a row: answers to the questionnaire, headphone check, completion code, exclusion."""
    questions = list(dict.fromkeys(name for listener in answered.listeners for name in listener.questions))
    header = ["listener", *questions, "headphones_right", "completion_code", "excluded"]
    rows: list[list[object]] = [
        [
            each.id, *(each.questions.get(name, "") for name in questions),
            "" if each.headphones is None else each.headphones, each.code, analysis.excluded.get(each.id, ""),
        ]
        for each in answered.listeners
    ]  # fmt: skip
    return _csv(header, rows)


COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "turing": (("condition", ""), ("count", "d"), ("right", "d"), ("accuracy", ".3f"), ("exact", "i"), ("", "i"),
               ("p", "p"), ("p_holm", "p")),
    "preference": (("condition", ""), ("wins", "d"), ("losses", "d"), ("share", ".3f"), ("strength", "+.2f"),
                   ("", "i")),
    "rating": (("condition", ""), ("count", "d"), ("mean", ".2f"), ("", "i")),
}  # fmt: skip

PAIR_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "preference": (("first", ""), ("second", ""), ("wins", "d"), ("losses", "d"), ("difference", "+.2f"), ("", "i"),
                   ("p", "p"), ("p_holm", "p")),
    "rating": (("first", ""), ("second", ""), ("listeners", "d"), ("difference", "+.2f"), ("p", "p"), ("p_holm", "p")),
}  # fmt: skip

HEADINGS = {"exact": "95 % exact", "": "95 % over listeners", "p_holm": "p (Holm)"}


def markdown(analysis: Analysis) -> str:
    """Return the tables of a result in Markdown."""
    tables = [_table(COLUMNS[analysis.design], analysis.conditions)]
    if analysis.comparisons:
        tables.append(_table(PAIR_COLUMNS[analysis.design], analysis.comparisons))
    return "\n\n".join(tables)


def _table(columns: tuple[tuple[str, str], ...], rows: list[dict[str, Any]]) -> str:
    lines = [[HEADINGS.get(name, name) for name, _ in columns]]
    lines.append(["---" if form == "" else "---:" for _, form in columns])
    lines += [[_cell(row, name, form) for name, form in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(row: dict[str, Any], name: str, form: str) -> str:
    if form == "i":
        prefix = f"{name}_" if name else ""
        return f"{row[prefix + 'low']:.2f} to {row[prefix + 'high']:.2f}"
    value = row.get(name)
    if form == "":
        return str(value) + (" (control)" if row.get("control") else "")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if form == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    return format(value, form)


QUESTIONS = {
    "turing": "heard pairs of clips, one of them composed by a human, and chose the one that they took for human",
    "preference": "heard pairs of clips from different sources and chose the one that they preferred",
    "rating": "heard single clips and rated each from 1 (bad) to 5 (excellent)",
}

STATISTICS = {
    "turing": (
        "For each source we report the share of right answers with its exact binomial (Clopper-Pearson) interval and"
        " with a 95 % interval from a bootstrap over listeners (2,000 draws; widened as in Hesterberg 2015),"
        " and exact binomial tests against 1/2, corrected by Holm."
    ),
    "preference": (
        "Strengths are those of a Bradley-Terry model (choix; logits, mean 0), with 95 % intervals from a bootstrap"
        " over listeners (500 draws; percentiles widened as in Hesterberg 2015); differences are tested by Wald tests"
        " with covariances robust to clustering by listener (Liang and Zeger 1986), corrected by Holm."
    ),
    "rating": (
        "Means have 95 % intervals from a bootstrap over listeners (2,000 draws; percentiles widened as in Hesterberg"
        " 2015); sources are compared by Wilcoxon signed-rank tests of listeners' mean ratings, corrected by Holm."
    ),
}


def methods(analysis: Analysis, plan: Plan | None) -> str:
    """Return a paragraph on how the study was done, to be pasted."""
    parts = [f"{analysis.listeners} listeners {QUESTIONS[analysis.design]}."]
    if plan is not None:
        parts.append(_clips_of(plan))
        if plan.controls:
            parts.append(f"Of {plan.pairs} pairs, {plan.controls} were controls ({plan.control} against human music).")
    parts.append(f"We left out {_left_out(analysis)}")
    parts.append(
        f"{analysis.answers} answers of {analysis.listeners - len(analysis.excluded)} listeners were analysed."
    )
    return " ".join([*parts, STATISTICS[analysis.design]])


def _left_out(analysis: Analysis) -> str:
    rules, exclusion = [], analysis.exclusion
    if exclusion.control_failures < 1:
        share = exclusion.control_failures
        rules.append("failed any control" if share == 0 else f"failed more than {share:.0%} of the controls")
    if exclusion.min_controls:
        rules.append(f"answered fewer than {exclusion.min_controls} controls")
    if exclusion.min_answers > 1:
        rules.append(f"gave fewer than {exclusion.min_answers} answers")
    return f"{len(analysis.excluded)} listeners" + (f" who {' or '.join(rules)}." if rules else ".")


def _clips_of(plan: Plan) -> str:
    clips, names = plan.clips, ", ".join(plan.names)
    what = f"excerpts of {clips.length:g} s" if clips.length else f"songs of at most {clips.max_length:g} s"
    place = " from a random place" if clips.length and clips.start == "random" else ""
    voices = f" with at least {clips.min_voices} voices" if clips.min_voices else ""
    how = "with their own dynamics" if clips.expression == "own" else f"with the same ({clips.expression}) expression"
    return (
        f"The sources were {names}. Clips were {what}{place} of songs{voices}, played by one model of the chip {how}"
        " and matched in integrated loudness (ITU-R BS.1770-4). Pairs of sources, sides and clips were balanced over"
        f" listeners, and no listener heard a clip twice (seed {plan.seed})."
    )


def draw(analysis: Analysis, path: Path, *, overwrite: bool = True) -> None:
    """Write the figure of a result as PNG, SVG or PDF: a bar a condition, and Bradley-Terry strengths beside.

    All intervals are those over listeners.
    """
    from matplotlib.figure import Figure

    rows, design = analysis.conditions, analysis.design
    panels = 2 if design == "preference" else 1
    figure = Figure(figsize=(panels * (1.5 + 0.7 * len(rows)), 4), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _draw_bars(axes[0], rows, design)
    if design == "preference":
        _draw_strengths(axes[1], rows)
    for panel in axes:
        panel.set_xticks(range(len(rows)), [row["condition"] for row in rows], rotation=30, ha="right")
        panel.spines[["top", "right"]].set_visible(False)
    with replacing(path, overwrite=overwrite) as temporary:
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150, metadata=metadata)


def _draw_bars(axes: Any, rows: list[dict[str, Any]], design: str) -> None:
    key, low, high = {
        "turing": ("accuracy", "low", "high"),
        "preference": ("share", "share_low", "share_high"),
        "rating": ("mean", "low", "high"),
    }[design]
    values = [row[key] for row in rows]
    colors = [CONTROL if row.get("control") else COLORS.get(row["condition"], OTHER) for row in rows]
    axes.bar(range(len(rows)), values, color=colors, width=0.7)
    axes.errorbar(range(len(rows)), values, yerr=_errors(rows, key, low, high), fmt="none", ecolor="black", capsize=4)
    axes.set_ylabel(TITLES[design])
    if design == "rating":
        axes.set_ylim(1, 5)
    else:
        axes.set_ylim(0, 1)
        axes.axhline(0.5, color="black", linewidth=0.8, linestyle="--")


def _draw_strengths(axes: Any, rows: list[dict[str, Any]]) -> None:
    values = [row["strength"] for row in rows]
    errors = _errors(rows, "strength", "low", "high")
    axes.errorbar(range(len(rows)), values, yerr=errors, fmt="o", color="black", markersize=5, capsize=4)
    axes.axhline(0.0, color="black", linewidth=0.8, linestyle="--")
    axes.margins(x=0.15)
    axes.set_ylabel("Bradley-Terry strength (logits)")


def _errors(rows: list[dict[str, Any]], key: str, low: str, high: str) -> list[list[float]]:
    below = [max(row[key] - row[low], 0.0) for row in rows]
    return [below, [max(row[high] - row[key], 0.0) for row in rows]]


def write_report(answered: Responses, analysis: Analysis, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write `FILES` into a folder; return their paths.

    Raises
    ------
    OSError
        If one exists and `overwrite` is false, or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    if not overwrite:
        for path in paths:
            if path.exists():
                raise FileExistsError(17, "exists already (--force replaces it)", os.fspath(path))
    facts = json.dumps(_finite(analysis.facts()), indent=1, allow_nan=False)
    for path, text in zip(
        (folder / "answers.csv", folder / "listeners.csv", folder / "analysis.json", folder / "methods.txt"),
        (answers_csv(answered, analysis), listeners_csv(answered, analysis), facts + "\n",
         methods(analysis, answered.plan) + "\n"),
        strict=True,
    ):  # fmt: skip
        write_bytes(path, text.encode())
    draw(analysis, folder / "figure.png")
    return paths


def _finite(value: Any) -> Any:
    """Return a value as JSON has it, which knows no NaN."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
