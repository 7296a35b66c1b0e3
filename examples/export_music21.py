"""The corpus that music21 (PyPI) carries, as MIDI files: ``python export_music21.py DEST [--limit N] [--jobs N]``.

Some 3,100 works, from folk tunes to string quartets, most of them free of copyright. Slow (a second or two a work), but
what is exported already is not exported again, so a stopped run goes on.
"""

import argparse
import multiprocessing
import random
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from music21 import stream

PATIENCE = 90
"""Seconds of computing after which a work is given up."""

NOT_NOTES = {".rntxt"}
"""Analyses in Roman numerals: chords without a rhythm of their own."""


def export_works(destination: Path, limit: int | None = None, jobs: int = 1) -> int:
    """Export works into a folder; give the number of MIDI files that it holds afterwards."""
    from music21 import corpus

    destination.mkdir(parents=True, exist_ok=True)
    root = Path(corpus.__file__).parent
    works = sorted(Path(path) for path in corpus.getCorePaths() if Path(path).suffix not in NOT_NOTES)
    random.Random(0).shuffle(works)  # any first part of it is a fair sample
    with multiprocessing.Pool(jobs) as pool:
        for work, error in pool.imap_unordered(partial(_export, root, destination), works[:limit]):
            if error:
                print(f"{work}: {error}", flush=True)
    return sum(1 for _ in destination.glob("*.mid"))


def _export(root: Path, destination: Path, work: Path) -> tuple[Path, str]:
    """Export the tunes of a work; say which of them could not be, and note that down for the next run."""
    from music21 import converter

    name = "-".join(work.relative_to(root).with_suffix("").parts)
    done = destination / f".{name}.done"
    if done.exists():
        return work, done.read_text("utf-8")
    signal.signal(signal.SIGPROF, _give_up)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    errors = []
    try:
        score = converter.parse(work)
        # A file of several tunes is an opus.
        tunes = list(score.scores) if "Opus" in score.classes else [score]
        for index, tune in enumerate(tunes):
            try:
                _write(tune, destination / (f"{name}-{index:03}.mid" if len(tunes) > 1 else f"{name}.mid"))
            except TimeoutError:
                raise
            except Exception as error:  # whatever a library may raise: the other tunes go on
                errors.append(f"tune {index}: {type(error).__name__}: {error}")
    except Exception as error:  # whatever a parser of ten formats may raise: the other works go on
        errors.append(f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    told = "; ".join(errors)
    done.write_text(told, "utf-8")
    return work, told


def _write(tune: "stream.Score", path: Path) -> None:
    """Write a tune as MIDI, with its repeats if they can be made sense of."""
    from music21 import bar, repeat

    try:
        tune.write("midi", path)
    except repeat.ExpanderException:
        for mark in list(tune[bar.Repeat]):
            if mark.activeSite is not None:
                mark.activeSite.remove(mark)
        tune.write("midi", path)


def _give_up(number: int, frame: object) -> None:
    raise TimeoutError(f"not done after {PATIENCE} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("destination", type=Path)
    parser.add_argument("--limit", type=int, help="works at most")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    print(export_works(options.destination, options.limit, options.jobs), "MIDI files in", options.destination)
