"""How often bars return in the songs of folders, and at which distance.

    python benches/returning_bars.py nesmdb_tx/train generated/ --songs 400

Folders of any readable songs; of more than --songs, as many evenly spaced by name.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import lakhnes
from lakhnes.evaluation.returning import Returns, returns_of_songs
from lakhnes.files import PLAYABLE, known_format

DISTANCES = (1, 2, 3, 4, 8, 12, 16, 24, 32)


def main() -> None:
    """Print a table of the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--songs", type=int, default=400)
    options = parser.parse_args()
    for folder in options.folders:
        paths = sorted(path for path in folder.rglob("*") if known_format(path, PLAYABLE))
        step = max(len(paths) // options.songs, 1)
        print(f"{folder}:", told(returns_of_songs(lakhnes.read(path) for path in paths[::step][: options.songs])))


def told(returns: Returns) -> str:
    """Return a few lines that say how often bars return."""
    share = returns.returning / max(returns.bars, 1)
    middle = statistics.median(returns.shares) if returns.shares else float("nan")
    counts = f"{returns.songs} songs, {returns.bars} bars that sound"
    lines = [f"{counts}; {share:.1%} return (median of songs of 8 bars and more: {middle:.1%})"]
    at = {distance: returns.distances[distance] / max(returns.returning, 1) for distance in DISTANCES}
    other = 1.0 - sum(at.values()) if returns.returning else 0.0
    lines.append("  bars before: " + ", ".join(f"{d}: {s:.1%}" for d, s in at.items()) + f", others {other:.1%}")
    for bars, (rows, alike) in returns.sections.items():
        lines.append(f"  rows of {bars} bars that return whole: {alike / max(rows, 1):.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
