"""What an earlier bar predicts is more probable, so that bars return as often as in songs of people."""

import numpy as np
import pytest

import lakhnes
from lakhnes._native import ScoreStates, Vocabulary
from lakhnes.evaluation.features import features_of
from lakhnes.sampling.repetition import SURE, Repetition
from rows import TX3

HEADER = "TEMPO_6\nMETER_16\n"
BAR = "BAR\nP1_NOTEON_69\nTR_NOTEON_45\nROW_4\nP1_NOTEON_71\nROW_8\nP1_NOTEON_72\n"


def zeros(songs):
    return np.zeros((songs, len(TX3)), dtype=np.float32)


def raised(repetition, songs=1):
    logits = zeros(songs)
    repetition.lean(logits)
    return [{TX3.symbols[token]: float(row[token]) for token in np.flatnonzero(row)} for row in logits]


def test_the_prediction_of_a_bar_is_raised_once_it_has_been_right_often_enough():
    repetition = Repetition(0.5, TX3, 1)
    repetition.read(TX3.encode(HEADER + BAR + BAR))
    found = []
    for token in TX3.encode(BAR):
        found.append(raised(repetition)[0])
        repetition.take(np.array([token]))
    assert found == [{symbol: 0.5} for symbol in BAR.split()]
    first = Repetition(0.5, TX3, 1)
    first.read(TX3.encode(HEADER + BAR + "".join(BAR.splitlines(keepends=True)[: SURE - 1])))
    assert raised(first) == [{}]
    for token in TX3.encode(BAR)[SURE - 1 : SURE + 1]:
        first.take(np.array([token]))
    assert list(raised(first)[0].values()) == [0.5]


def test_every_song_has_its_own_bars():
    repetition = Repetition(-1.0, TX3, 3)
    repetition.read(TX3.encode(HEADER + BAR + BAR))
    bar, other = TX3.id("BAR"), TX3.id("P2_NOTEON_60")
    repetition.take(np.array([bar, other, bar]))
    assert raised(repetition, 3) == [{"P1_NOTEON_69": -1.0}, {}, {"P1_NOTEON_69": -1.0}]


@pytest.mark.parametrize(("nats", "vocabulary"), [(0.0, TX3), (0.5, Vocabulary.tx1())])
def test_nothing_is_raised_where_nothing_is_asked_for_or_there_are_no_bars(nats, vocabulary):
    repetition = Repetition(nats, vocabulary, 2)
    repetition.read([5] * 20)
    repetition.take(np.array([5, 6]))
    logits = np.zeros((2, len(vocabulary)), dtype=np.float32)
    repetition.lean(logits)
    assert not logits.any()


def test_more_repetition_makes_bars_of_the_bundled_model_return_more_often():
    model = lakhnes.load_model("bundled")
    options = {"seed": 3, "seconds": 20.0, "min_duration": 18.0, "memory": 256}

    def returning(nats):
        songs = lakhnes.generate(model, 4, repetition=nats, **options)
        return np.nanmean([features_of(song)["bars heard before"] for song in songs])

    assert returning(-4.0) < 0.1 < returning(4.0)


def test_states_say_what_they_expect_of_each_sequence():
    states = ScoreStates(2)
    states.feed(np.array(TX3.encode(HEADER + BAR + BAR + "BAR\nP1_NOTEON_69\n")), [1] * 18)
    assert states.expected().tolist() == [[0, 0], [TX3.id("TR_NOTEON_45"), 8]]
