"""How like what a song had is what the model writes in its place: ``make tasks CORPUS=nesmdb_tx``.

Of songs spread over the valid split: each voice that plays enough is removed in turn and written anew. Prints, for each
voice, medians of what was written and of what was removed; with ``--pictures DIR`` a piano roll of each as well.
"""

import argparse
import sys
import time
from pathlib import Path

import lakhnes
from lakhnes.data.corpus import Corpus
from lakhnes.grammar import VOICES
from new_parts import compare, summary, without

EVENTS = 512
FEWEST_NOTES = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="with a folder valid")
    parser.add_argument("--model", default="bundled-tx1")
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--voices", nargs="+", default=[voice.lower() for voice in VOICES])
    parser.add_argument("--rewrite", action="store_true", help="do not remove the voice first: how busy it is may help")
    parser.add_argument("--pictures", type=Path, help="a folder for piano rolls")
    chosen = parser.parse_args()
    model = lakhnes.load_model(chosen.model)
    started, spent, found = time.perf_counter(), 0.0, []
    for index, song in enumerate(excerpts(chosen.corpus, model, chosen.songs)):
        for voice in chosen.voices:
            if len(song.voices[voice]) < FEWEST_NOTES:
                continue
            given = song if chosen.rewrite else without(song, voice)
            begun = time.perf_counter()
            (made,) = lakhnes.infill(model, given, [voice], seed=index)
            spent += time.perf_counter() - begun
            found.append(compare(model, song, made, voice))
            if chosen.pictures:
                draw(chosen.pictures, f"{index:02}-{voice}", song, made)
    if not found:
        sys.exit(f"{chosen.corpus}: expected songs of {EVENTS} events with voices of {FEWEST_NOTES} notes")
    print(f"infill     {len(found)} parts written for songs of {EVENTS} events: new|removed, medians,")
    print("           density with its quartiles")
    print("\n".join(summary(found)))
    print(f"{spent / len(found):.2f} s a part, {time.perf_counter() - started:.0f} s")
    return 0


def excerpts(folder: Path, model: lakhnes.Model, count: int) -> list[lakhnes.Song]:
    """Return the beginnings of songs that are spread over the split."""
    corpus = Corpus.load(folder, "valid", lakhnes.Vocabulary(model.config.vocabulary))
    ids = [song[1:-1] for index in range(len(corpus)) if (song := corpus.ids(index)) is not None]
    ids = [song for song in ids if len(song) >= EVENTS]
    places = [place * len(ids) // count for place in range(min(count, len(ids)))]
    return [corpus.vocabulary.song(ids[place][:EVENTS]) for place in places]


def draw(folder: Path, name: str, song: lakhnes.Song, made: lakhnes.Song) -> None:
    """Draw both songs."""
    from lakhnes.plotting import plot_song

    folder.mkdir(parents=True, exist_ok=True)
    for kind, one in (("old", song), ("new", made)):
        plot_song(one, folder / f"{name}-{kind}.png")


if __name__ == "__main__":
    sys.exit(main())
