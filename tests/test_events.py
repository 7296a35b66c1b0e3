import numpy as np
import pytest

import lakhnes
from lakhnes._native import augment_events, events_from_text, quantize_events

VOCABULARY = lakhnes.Vocabulary.tx1()
TEXT = "WT_105\nP1_NOTEON_60\nP2_NOTEON_50\nWT_1234567\nP1_NOTEOFF\nNO_NOTEON_3\nWT_7"


def test_waits_stay_exact_and_the_rest_are_ids():
    events = events_from_text(TEXT, VOCABULARY)
    assert events.dtype == np.int32
    assert events.tolist()[0] == -105
    assert events.tolist()[3] == -1234567
    assert VOCABULARY.decode(events[events > 0].astype(np.int64)).split() == [
        "P1_NOTEON_60",
        "P2_NOTEON_50",
        "P1_NOTEOFF",
        "NO_NOTEON_3",
    ]


def test_quantized_events_are_the_ids_of_the_text():
    events = events_from_text(TEXT, VOCABULARY)
    ids = quantize_events(events, False)
    assert ids.dtype == np.int64
    assert ids.tolist() == VOCABULARY.encode(TEXT).tolist()
    assert quantize_events(events, True).tolist() == [0, *ids.tolist()[1:-1], 0]


def test_an_augmentation_without_options_changes_nothing():
    events = events_from_text(TEXT, VOCABULARY)
    assert augment_events(events).tolist() == events.tolist()


def test_each_augmentation_does_what_it_says():
    events = events_from_text(TEXT, VOCABULARY)
    up = augment_events(events, transpose=2)
    assert VOCABULARY.symbol(up[1]) == "P1_NOTEON_62"
    assert augment_events(events, stretch=2.0)[0] == -210
    switched = augment_events(events, switch_pulses=True)
    assert [VOCABULARY.symbol(id) for id in switched[1:3]] == ["P2_NOTEON_60", "P1_NOTEON_50"]
    drums = augment_events(events, keep=[False, False, False, True])
    assert [VOCABULARY.symbol(id) for id in drums[drums > 0]] == ["NO_NOTEON_3"]
    trimmed = augment_events(drums, trim=True)
    assert VOCABULARY.symbol(trimmed[0]) == "NO_NOTEON_3"
    assert (trimmed[[0, -1]] > 0).all()


def test_events_of_a_wrong_kind_are_refused():
    with pytest.raises(TypeError):
        quantize_events(np.zeros(3, dtype=np.float64), True)  # type: ignore[arg-type]
    with pytest.raises(lakhnes.FormatError, match="empty"):
        events_from_text("\n", VOCABULARY)
