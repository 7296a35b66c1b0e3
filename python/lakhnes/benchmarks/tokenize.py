"""Tokenizing: how many songs a second become token ids, beside what `pretty_midi` takes only to parse them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from lakhnes.benchmarks import Figure
from lakhnes.benchmarks.songs import cores, seconds_of, write_songs
from lakhnes.tokenizing import tokenize_files

__all__ = ["measure_tokenize"]

UNIT = "songs/s"
REPEATS = 5
MADE_SONGS, MADE_SECONDS = 32, 60
PARSED = 2
"""How many songs `pretty_midi` parses: it takes a tenth of a second for each."""


def measure_tokenize(songs: Sequence[Path]) -> dict[str, Figure]:
    """Measure the way from MIDI files to ids on one and on all cores, the fastest of a few.

    Files of other formats are passed over.
    """
    with tempfile.TemporaryDirectory(prefix="lakhnes-bench-") as name:
        paths = [path for path in songs if path.suffix.lower() in (".mid", ".midi")] or write_songs(
            Path(name), MADE_SONGS, MADE_SECONDS
        )
        count = cores()
        import pretty_midi  # noqa: F401  loaded here, so that its loading is not measured

        parsing = min(len(paths), PARSED) / min(seconds_of(lambda: _parse(paths[:PARSED]), 1))
        one = len(paths) / min(seconds_of(lambda: tokenize_files(paths, jobs=1), REPEATS))
        every = len(paths) / min(seconds_of(lambda: tokenize_files(paths, jobs=count), REPEATS))
    return {
        "tokenize": Figure(one, UNIT, parsing, "pretty_midi, which only parses"),
        f"tokenize_{count}_cores": Figure(every, UNIT, one, "one core"),
    }


def _parse(paths: Sequence[Path]) -> None:
    import pretty_midi

    pretty_midi.pretty_midi.MAX_TICK = 10**9  # it refuses songs of NES-MDB that last over four minutes otherwise
    for path in paths:
        pretty_midi.PrettyMIDI(str(path))
