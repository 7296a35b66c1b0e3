"""Songs of TX3 in training: their facts are left out at random, their tempo varies by whole frames."""

import numpy as np
import pytest

import lakhnes
from lakhnes._native import augment_events, events_from_text
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.controls import FACTS, kinds_of

TX3 = lakhnes.Vocabulary.tx3()
PLAIN = Augmentation(transpose=0.0, stretch=0.0, switch_pulses=0.0, ensemble=0.0)


@pytest.fixture(scope="module")
def events():
    lines = []
    for beat in range(64):
        lines += [f"P1_NOTEON_{60 + beat % 5}", f"TR_NOTEON_{40 + beat % 3}", f"WT_{round(733.79 * 8)}"]
    song = lakhnes.Song.from_tx1("\n".join(lines))
    return events_from_text(song.to_tx3(controls=False), TX3)


def symbols(events):
    return [TX3.symbol(int(event)) for event in events]


def test_a_song_of_a_corpus_states_neither_facts_nor_the_clock_of_its_recording(events):
    assert not any(name.startswith((*FACTS, "PERIOD", "PHASE")) for name in symbols(events))


def test_every_fact_is_stated_in_some_variations_and_left_out_of_others(events):
    augmentation = Augmentation(0.0, 0.0, 0.0, 0.0, controls=0.5)
    stated = np.zeros(len(FACTS))
    for seed in range(200):
        varied = augmentation.apply(events, TX3, np.random.default_rng(seed))
        kinds = kinds_of("tx3")[varied]
        stated += np.isin(np.arange(len(FACTS)), kinds)
        np.testing.assert_array_equal(varied[kinds < 0], events)  # the song itself is as it was
    places = {fact: place for place, fact in enumerate(FACTS)}
    silent = [places[f"REGISTER_{voice}"] for voice in ("P2", "NO")]  # a voice that rests, or has no pitch, has none
    assert (stated[silent] == 0).all()
    assert ((np.delete(stated, silent) > 40) & (np.delete(stated, silent) < 110)).all()  # 0.75 * 0.5 of 200


def test_a_song_that_states_everything_says_what_is_true_of_it(events):
    stated = symbols(augment_events(events, controls=True, vocabulary=TX3))
    assert {"DENSITY_P2_NONE", "DENSITY_NO_NONE", "LENGTH_10", "ENDS_STOP"} <= set(stated)


def test_rows_become_a_frame_longer_or_shorter_and_nothing_else_changes(events):
    seen = set()
    for seed in range(40):
        varied = Augmentation(0.0, 0.0, 0.0, 0.0, tempo=0.5).apply(events, TX3, np.random.default_rng(seed))
        assert (varied[1:] == events[1:]).all()
        seen.add(symbols(varied)[0])
    first = int(symbols(events)[0].removeprefix("TEMPO_"))
    assert seen == {f"TEMPO_{first + frames}" for frames in (-1, 0, 1)}


def test_without_variations_a_song_is_as_it_was(events):
    np.testing.assert_array_equal(PLAIN.apply(events, TX3, np.random.default_rng(0)), events)
