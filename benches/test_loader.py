"""Reading training segments: tokens a second of varied songs in packed streams, from texts in memory and from shards.

For comparison: the trainer consumes some thousands of tokens a second on two cores.
"""

import numpy as np
import pytest

from lakhnes import Vocabulary
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.data.shards import write_shards

STREAMS, ROWS, SONGS, EVENTS = 8, 256, 2000, 1900


@pytest.fixture(scope="module")
def songs():
    random = np.random.default_rng(0)
    made = random.integers(1, 200, (SONGS, EVENTS)).astype(np.int32)
    made[:, 1::2] = -random.integers(1, 20_000, made[:, 1::2].shape)
    return [(f"{index}", song) for index, song in enumerate(made)]


@pytest.mark.parametrize("form", ["memory", "shards"])
def test_segments(benchmark, songs, tmp_path, form):
    vocabulary = Vocabulary.tx1()
    if form == "memory":
        corpus = Corpus.of(vocabulary, [name for name, _ in songs], [song for _, song in songs])
    else:
        write_shards(tmp_path / "train", vocabulary, songs)
        corpus = Corpus.load(tmp_path, "train", vocabulary)

    def song(place):
        index = int(np.random.default_rng([0, place // SONGS]).integers(SONGS))
        return corpus.ids(index, Augmentation(), np.random.default_rng([0, place]))

    packer = StreamPacker(song, None, STREAMS, ROWS)
    benchmark.pedantic(packer.next_segment, rounds=500, warmup_rounds=20)
    benchmark.extra_info["tokens_per_second"] = STREAMS * ROWS / benchmark.stats.stats.mean
