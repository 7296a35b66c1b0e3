"""``lakhnes data compare``: what tells two folders of songs apart."""

import os
from pathlib import Path
from typing import Any

import click

from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.place import Place

__all__ = ["compare"]

FOLDER = Place(path_type=Path)


@click.command()
@click.argument("first", metavar="A", type=FOLDER)
@click.argument("second", metavar="B", type=FOLDER)
@click.option(
    "--songs", default=200, show_default=True, type=click.IntRange(min=0),
    help="Compare at most this number of each, drawn by the seed (0: all).",
)  # fmt: skip
@click.option(
    "--length", default=1024, show_default=True, type=click.IntRange(min=0),
    help="Measure about this number of TX1 events of a song, so that lengths tell nothing (0: all).",
)  # fmt: skip
@click.option("--known", metavar="DIR", type=FOLDER, help="Also look for runs of notes that stand in the songs of DIR.")
@click.option("--features", "count", default=12, show_default=True, type=click.IntRange(min=0), help="Rows printed.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of songs, folds and forest.")
@common_options
@pass_console
def compare(
    console: Console, first: Path, second: Path, songs: int, length: int, known: Path | None, count: int, seed: int
) -> None:
    """Compare the songs of two folders, as tables in Markdown.

    Prints medians of features of rhythm, pitch, lengths and repetition, all counted in video frames; the AUC of a
    random forest that tries to tell the songs of B from those of A by them, in cross-validation (0.5: it cannot, 1: it
    always can); and the features that tell most. Needs scikit-learn: pip install 'lakhnes[evaluation]'.
    """
    from lakhnes.errors import FormatError
    from lakhnes.evaluation.comparison import FEWEST, compare, markdown
    from lakhnes.evaluation.features import features_of
    from lakhnes.files import one_line

    failed: list[tuple[Path, Exception]] = []
    chosen = [_drawn(folder, songs, seed) for folder in (first, second)]
    sides: list[list[dict[str, float]]] = []
    with console.progress("measure", sum(map(len, chosen))) as advance:
        for paths in chosen:
            read = _songs(paths, failed, advance)
            sides.append([features_of(song, events=length or None) for song in read if song.length])
    for _, error in failed:
        console.error(f"Error: {one_line(error)}")
    for folder, side in zip((first, second), sides, strict=True):
        if len(side) < FEWEST:
            raise FormatError(f"{folder}: {len(side)} songs, expected at least {FEWEST} to compare")
    comparison = compare(sides[0], sides[1], seed=seed)
    names = Path(os.path.realpath(first)).name, Path(os.path.realpath(second)).name
    names = names if names[0] != names[1] else (str(first), str(second))
    console.results(markdown(comparison, names, count=count))
    facts = comparison.facts() | {"failed": [{"path": str(path), "error": str(error)} for path, error in failed]}
    if known is not None:
        facts["novelty"] = _novelty(console, known, dict(zip(names, chosen, strict=True)))
    console.summary(facts)
    if failed:
        raise click.exceptions.Exit(FAILED)


def _drawn(folder: Path, most: int, seed: int) -> list[Path]:
    """Return the songs of a folder, or some of them."""
    import numpy as np

    from lakhnes.errors import FormatError
    from lakhnes.evaluation.statistics import find_songs

    found = find_songs(folder)
    if len(found) > 1:
        raise FormatError(f"{folder}: a corpus of {', '.join(found)}; expected one of these folders")
    paths = next(iter(found.values()))
    if not most or len(paths) <= most:
        return paths
    return [paths[index] for index in np.sort(np.random.default_rng(seed).permutation(len(paths))[:most])]


def _songs(paths: list[Path], failed: list[tuple[Path, Exception]] | None, advance: Any) -> Any:
    from lakhnes.errors import LakhnesError
    from lakhnes.songs import read

    for path in paths:
        try:
            yield read(path)
        except (LakhnesError, OSError) as error:
            if failed is not None:
                failed.append((path, error))
        advance(1)


def _novelty(console: Console, known: Path, sides: dict[str, list[Path]]) -> dict[str, Any]:
    """Print the longest runs of notes that songs share with those of a folder, and return their quantiles."""
    import numpy as np

    from lakhnes.evaluation.novelty import RunIndex

    paths = _drawn(known, 0, 0)
    with console.progress("read what is known", len(paths)) as advance:
        index = RunIndex(_songs(paths, None, advance))
    facts: dict[str, Any] = {}
    lines = ["", "| longest run known | median | 95th percentile | longest |", "| --- | ---: | ---: | ---: |"]
    for name, chosen in sides.items():
        with console.progress(f"look for runs of {name}", len(chosen)) as advance:
            runs = [index.longest(song) for song in _songs(chosen, None, advance)]
        quantiles = np.quantile(runs, [0.5, 0.95, 1.0]).tolist()
        facts[name] = {"runs": runs} | dict(zip(("median", "p95", "longest"), quantiles, strict=True))
        lines.append(f"| {name} | " + " | ".join(f"{value:.0f}" for value in quantiles) + " |")
    console.results("\n".join(lines))
    return facts
