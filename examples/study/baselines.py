"""Compose the songs of this study's baselines: a 5-gram model of a corpus, and an LSTM that was trained on it.

    lakhnes reproduce table2 nesmdb_midi_train_valid.tar.xz --rows lstm -o table2/
    python examples/study/baselines.py table2/corpus table2/lstm-*/model

writes ``songs/5-gram`` and ``songs/lstm`` beside this file, which the plans name: the models are not in the project.
The songs there are of the scale ``tiny``, whose LSTM has a perplexity of 67.5 on NES-MDB's valid split; another
``--scale`` gives those of a better one. The 5-gram model is sampled from its whole distribution, the LSTM as any model.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lakhnes
from lakhnes import Vocabulary
from lakhnes.data.corpus import Corpus
from lakhnes.model.estimation import estimate_ngram
from lakhnes.units import VOICES

SONGS = 40
"""Of each model: the preference study takes an excerpt from 24 of them, the Turing test from 40."""

SECONDS: dict[str, Any] = {"seconds": 12.0, "min_duration": 8.0}
"""An excerpt has 5 s."""

WHOLE: dict[str, Any] = {"temperature": 1.0, "top_k": None, "min_surprise": 0.0, "repetition": 0.0}


def main() -> None:
    """Write the songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="of TX1 texts, with a folder train")
    parser.add_argument("lstm", type=Path, help="a trained LSTM")
    options = parser.parse_args()
    corpus = Corpus.load(options.corpus, "train", Vocabulary.tx1())
    songs = (ids for index in range(len(corpus)) if (ids := corpus.ids(index)) is not None)
    write("5-gram", estimate_ngram(songs, 5), **WHOLE)
    write("lstm", lakhnes.load_model(options.lstm))


def write(name: str, model: lakhnes.Model, **sampling: Any) -> None:
    """Write songs in which all four voices play, as MIDI files named by their seeds."""
    folder = Path(__file__).resolve().parent / "songs" / name
    folder.mkdir(parents=True, exist_ok=True)
    seed, written = 1, 0
    while written < SONGS:
        (song,) = lakhnes.generate(model, 1, seed=seed, **SECONDS, **sampling)
        if all(len(song.voices[voice]) for voice in VOICES):
            lakhnes.write(song, folder / f"{seed:04}.mid", overwrite=True)
            written += 1
        seed += 1
    print(f"{folder}: {written} songs of seeds below {seed}")


if __name__ == "__main__":
    main()
