"""Whether composed loops are heard as loops: how surprising their seams are, clicks at them, and NSF in another player.

    python benches/seams.py MODEL --songs 50 --seconds 20

- *surprise*: the perplexity of what follows the seam beside that of the song (`lakhnes.sampling.looping.Loop`).
- *click*: the spectral flux above 6 kHz within 10 ms of the seam, as a share of the most at the song's other onsets. A
  click is a step in the signal: it would stand above all of them.
- *libgme*: the distance (`tests/audio_distance.py`) between the second and the third turn of the loop as libgme plays
  the NSF, and between its second turn and ours.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

import libgme

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import lakhnes
from audio_distance import audio_distance
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.looping import MOST_SURPRISING

RATE = 44_100
FRAME, HOP = 512, 128
NEAR = RATE // 100 // HOP  # 10 ms
LOW = round(6_000 / RATE * FRAME)

Samples = npt.NDArray[np.float64]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = lakhnes.load_model(options.model)
    made = compose(model, options.songs, params=SamplingParams(seconds=options.seconds), loop=True, seed=options.seed)
    vocabulary = lakhnes.Vocabulary(model.config.vocabulary)
    songs = [vocabulary.song(np.array(song.ids)) for song in made]
    surprise = np.array([song.loop.surprise if song.loop is not None else np.inf for song in made])
    tell("surprise of the seam", surprise, MOST_SURPRISING)
    tell("click at the seam", np.array([click(song) for song in songs]), 1.0)
    if libgme.load() is None:
        print("libgme is not installed: left out")
        return
    turns = np.array([turns_in_libgme(song) for song in songs])
    tell("libgme: third turn to the second", turns[:, 0], 1.0)
    tell("libgme's second turn to ours", turns[:, 1], 2.0)


def tell(what: str, values: npt.NDArray[np.float64], most: float) -> None:
    """Print the median, the largest value, and how many are at most a bound."""
    print(
        f"{what:34} median {np.median(values):.2f}, most {values.max():.2f}, "
        f"at most {most}: {(values <= most).sum()} of {len(values)}",
        flush=True,
    )


def click(song: lakhnes.Song) -> float:
    """Give the flux at the seam, as a share of the most elsewhere in the second turn."""
    log = song.perform()
    first, _ = turn(log, loops=2)
    sound = log.render(loops=2).astype(float)
    rises = flux(sound)
    seam = first // HOP
    here = rises[max(seam - NEAR, 0) : seam + NEAR].max()
    rest = np.r_[rises[NEAR : seam - NEAR], rises[seam + NEAR : -NEAR]]
    return float(here / rest.max())


def flux(sound: Samples) -> Samples:
    """Give by how much the amplitude above 6 kHz rises from hop to hop, where hop 0 is centred on the first sample."""
    padded = np.pad(sound, FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * np.hanning(FRAME)
    treble = np.abs(np.fft.rfft(frames, axis=1))[:, LOW:].sum(axis=1)
    return np.maximum(np.diff(treble, prepend=treble[0]), 0.0)


def turn(log: lakhnes.RegisterLog, loops: int) -> tuple[int, int]:
    """Give where the last of some turns of the loop begins and ends in the sound."""
    found = log.loop_samples(sample_rate=RATE, loops=loops)
    if found is None:
        raise RuntimeError("a song without a loop")
    return found


def turns_in_libgme(song: lakhnes.Song) -> tuple[float, float]:
    """Give the distances of the third turn of the loop to the second, and of the second to ours."""
    log = song.perform()
    (first, end), (_, last) = turn(log, 2), turn(log, 3)
    with libgme.open_nsf(log.to_nsf(timing="frame"), RATE) as player:
        player.equalize()
        theirs = player.play(last).astype(float)
    ours = log.render(filter="none", mixer="linear", loops=2).astype(float)
    length = end - first
    again = theirs[end:][:length]
    return audio_distance(theirs[first:end], again), audio_distance(ours[first:end], theirs[first:end])


if __name__ == "__main__":
    main()
