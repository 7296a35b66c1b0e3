"""A corpus for pre-training from music that is freely had, all of it by package managers.

    python examples/build_pretraining_corpus.py DEST [--work FOLDER] [--exclude-like NES-MDB] [--limit N]

- the MIDI files of Debian's openttd-openmsx, simutrans-data and freedoom (which keeps them in WAD archives)
- songs that Debian's accompaniment program mma plays over chord charts, one a style of its library
- the corpus that PyPI's music21 carries (``pip install music21``), exported to MIDI

Everything is gathered in FOLDER (default: ./pretraining-midi; a second run goes on where one stopped) and then
adapted to the four voices, as ``lakhnes data adapt`` does. Needs a Debian or Ubuntu with apt-get and dpkg for the first
two; what cannot be had is left out, and said so. The export of music21 takes an hour or two; --limit takes a part of
it.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import debian_midis
import export_music21
import mma_grooves

from lakhnes.data.adapt import adapt


def gather(work: Path, limit: int | None, jobs: int) -> None:
    """Put all the MIDI files there are into folders of their own."""
    midis = work / "midi"
    for package in (*debian_midis.GAMES, "mma"):
        try:
            unpacked = debian_midis.fetch(package, work / "packages")
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{package}: cannot be had ({error})", file=sys.stderr)
            continue
        count = (
            mma_grooves.play(unpacked, midis / package)
            if package == "mma"
            else debian_midis.collect(unpacked, midis / package)
        )
        print(f"{package}: {count} MIDI files", file=sys.stderr)
    if limit == 0:
        return
    try:
        count = export_music21.export_works(midis / "music21", limit, jobs)
    except ImportError:
        print("music21: not installed (pip install music21)", file=sys.stderr)
        return
    print(f"music21: {count} MIDI files", file=sys.stderr)


def main() -> None:
    """Gather, adapt, and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("destination", type=Path)
    parser.add_argument("--work", type=Path, default=Path("pretraining-midi"), help="where the MIDI files are gathered")
    parser.add_argument("--exclude-like", action="append", default=[], help="songs that are held out")
    parser.add_argument("--limit", type=int, help="works of music21 at most (0: none)")
    parser.add_argument("--overlap", type=float, default=30.0, help="milliseconds, as of `lakhnes data adapt`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    gather(options.work, options.limit, options.jobs)
    report = adapt(
        options.work / "midi",
        options.destination,
        seed=options.seed,
        jobs=options.jobs,
        overlap=options.overlap,
        exclude_like=options.exclude_like,
        min_seconds=3.0,
    )
    print(f"{report.songs.total()} songs, {report.hours:.1f} hours, of {report.used} of {report.files} files")
    for reason, count in report.dropped_files.most_common():
        print(f"left out: {count} files {reason}")


if __name__ == "__main__":
    main()
