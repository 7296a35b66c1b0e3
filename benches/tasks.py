"""What a model makes of songs that it has not seen: ``make tasks CORPUS=nesmdb_tx``.

Of the first twenty valid songs that are long enough: the negative log-likelihood of what follows in the song and of
what follows in another, and whether accompaniments and infillings keep what they must. Prints a table; ends with 1 if
they do not, or if any song is better continued by another.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import lakhnes
from lakhnes.data.corpus import Corpus
from task_checks import accompaniment_faults, continuations, infilling_faults

PRIME, LENGTH = 512, 128
EVENTS = 512
VOICES = (["p1"], ["p2"], ["tr"], ["no"], ["p2", "tr"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="with a folder valid")
    parser.add_argument("--model", default="bundled-tx1")
    parser.add_argument("--songs", type=int, default=20)
    chosen = parser.parse_args()
    model = lakhnes.load_model(chosen.model)
    corpus = Corpus.load(chosen.corpus, "valid", lakhnes.Vocabulary(model.config.vocabulary))
    ids = [song[1:-1] for index in range(len(corpus)) if (song := corpus.ids(index)) is not None]
    ids = [song for song in ids if len(song) >= 2 * PRIME][: chosen.songs]
    failed = 0

    started = time.perf_counter()
    found = continuations(model, ids, prime_length=PRIME, length=LENGTH)
    own, other = (np.array([getattr(pair, name) for pair in found]) for name in ("own", "other"))
    foreign = np.roll(other, 1)  # each song's own end, but after the beginning of the song before it
    failed += int((own >= foreign).sum()) + (own.mean() >= other.mean())
    print(f"continue   {len(found)} songs, {PRIME} events read, {LENGTH} scored (nats): {own.mean():.3f} of the song's")
    print(f"           own end and {other.mean():.3f} of another's; its own is lower in {(own < other).sum()}.")
    print(f"           The same ends after another song's beginning: {foreign.mean():.3f}, higher in")
    print(f"           {(foreign > own).sum()} of {len(found)}, {time.perf_counter() - started:.0f} s", flush=True)

    started = time.perf_counter()
    faults = [accompaniment_faults(model, song[:EVENTS].tolist(), seed=n) for n, song in enumerate(ids)]
    failed += sum(map(bool, faults))
    print(f"accompany  {len(ids)} songs of {EVENTS} events: {sum(not found for found in faults)} keep waits, drums,")
    print(f"           note-offs, and have their pitches in range, {time.perf_counter() - started:.0f} s", flush=True)

    started = time.perf_counter()
    faults = []
    for index, song in enumerate(ids):
        excerpt = corpus.vocabulary.song(song[:EVENTS])
        faults.append(infilling_faults(model, excerpt, VOICES[index % len(VOICES)], seed=index))
    failed += sum(map(bool, faults))
    print(f"infill     {len(ids)} songs of {EVENTS} events, voices in turn: {sum(not found for found in faults)} keep")
    print(f"           the others to the event, {time.perf_counter() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
