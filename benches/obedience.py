"""Whether a model of TX3 does what is asked of it: tempo, key, silent voices, densities, registers, loops, endings.

    python benches/obedience.py MODEL --songs 50 --seconds 30

What is asked for differs from song to song, evenly over all values; what became of it is measured from the song alone,
as `lakhnes info` does. A tempo counts as obeyed where it is found within 1 %.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lakhnes
from lakhnes._native import Song, tx3_facts
from lakhnes.checkpoint import load_model
from lakhnes.model.model import Model
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.controls import REGISTERED, REGISTERS, TONICS
from lakhnes.sampling.looping import MOST_SURPRISING
from lakhnes.sampling.tempo import Tempo
from lakhnes.units import VOICES

TEMPOS = (90.0, 100.0, 112.0, 120.0, 128.0, 150.0, 180.0)
KEYS = [f"{tonic} {mode}" for mode in ("minor", "major") for tonic in TONICS]
PRESENT = ("low", "mid", "high")

Test = Callable[[Song, dict[str, Any]], bool]


def main() -> None:
    """Print a line for each control."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model, common = load_model(options.model), {"seconds": options.seconds}
    for name, asked, obeyed in controls():
        kept = [
            obeyed(song, wish)
            for index, wish in enumerate(itertools.islice(itertools.cycle(asked), options.songs))
            for song in lakhnes.generate(model, seed=options.seed + index, **wish, **common)
        ]
        print(f"{name:<10} {np.mean(kept):6.1%} of {len(kept)} songs", flush=True)
    ending(model, options.songs, options.seconds, options.seed)
    loops(model, options.songs, options.seconds, options.seed)


def controls() -> Iterator[tuple[str, list[dict[str, Any]], Test]]:
    """Give each control: its name, what is asked for in turn, and whether a song is so."""
    yield "tempo", [{"tempo": tempo} for tempo in TEMPOS], _is_tempo
    yield "key", [{"key": key} for key in KEYS], lambda song, asked: tx3_facts(song)["key"] == asked["key"]
    others = [[name for name in VOICES if name != silent] for silent in VOICES]
    yield "silence", [{"voices": names} for names in others], _are_silent
    densities = [{"density": {name: value}} for value in PRESENT for name in VOICES]
    yield "density", densities, lambda song, asked: _is_class(song, asked["density"], "density_class")
    registers = [{"register": {name: value}} for value in REGISTERS for name in REGISTERED]
    yield "register", registers, lambda song, asked: _is_class(song, asked["register"], "register_class")


def _is_tempo(song: Song, asked: dict[str, Any]) -> bool:
    taken = Tempo.of(asked["tempo"]).beats_a_minute
    return abs(tx3_facts(song)["beats_a_minute"] / taken - 1.0) < 0.01


def _are_silent(song: Song, asked: dict[str, Any]) -> bool:
    return all(len(song.voices[name]) == 0 for name in VOICES if name not in asked["voices"])


def _is_class(song: Song, asked: dict[str, str], fact: str) -> bool:
    voices = tx3_facts(song)["voices"]
    return all(voices[name][fact] == value for name, value in asked.items())


def ending(model: Model, songs: int, seconds: float, seed: int) -> None:
    """Tell how songs end, of which nothing is asked but their seconds."""
    made = compose(model, songs, params=SamplingParams(seconds=seconds), seed=seed)
    ends = [song.ended for song in made]
    counts = ", ".join(f"{ends.count(how)} {how}" for how in sorted(set(ends)))
    print(f"endings    {counts}; {np.mean([song.seconds for song in made]):.1f} s of composing a song")


def loops(model: Model, songs: int, seconds: float, seed: int) -> None:
    """Tell how surprising the seams of loops are, beside the songs."""
    made = compose(model, songs, params=SamplingParams(seconds=seconds), loop=True, seed=seed)
    surprises = np.array([song.loop.surprise if song.loop is not None else np.inf for song in made])
    fitting = np.mean(surprises <= MOST_SURPRISING)
    print(
        f"loops      seam's perplexity beside the song's: median {np.median(surprises):.2f}, {fitting:.1%} at most 1.3"
    )


if __name__ == "__main__":
    main()
