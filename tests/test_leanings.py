"""What is asked of a song is kept to throughout: notes that fit it are raised."""

import numpy as np
import pytest

import lakhnes
from lakhnes._native import tx3_facts, tx3_thirds
from lakhnes.sampling.controls import Controls
from lakhnes.sampling.leanings import DENSITY_GAIN, FRAME_NATS, FURTHEST, STRONGEST, Leanings
from lakhnes.units import TICKS_PER_SECOND
from rows import TX3

AT_ONCE = np.zeros(1, dtype=np.int64)


def nats(controls, ticks=AT_ONCE, songs=1):
    return Leanings(controls, TX3, songs).nats(ticks)


BETWEEN_ROWS = [TX3.id(symbol) for symbol in TX3.symbols if symbol.startswith("FRAME_")]


@pytest.mark.parametrize("asked", [Controls(), Controls(voices=["p1"], density={"p2": "none"})])
def test_nothing_is_raised_where_nothing_is_asked_for_and_what_falls_between_rows_is_lowered(asked):
    lowered = nats(asked)
    assert np.flatnonzero(lowered).tolist() == sorted(BETWEEN_ROWS)
    assert set(lowered[BETWEEN_ROWS].tolist()) == {-FRAME_NATS}
    assert Leanings(Controls(), lakhnes.Vocabulary.tx1(), 1).nats(AT_ONCE) is None


def test_with_a_tempo_less_falls_between_rows():
    lowered = nats(Controls(tempo=120.0))
    assert np.flatnonzero(lowered).tolist() == sorted(BETWEEN_ROWS)
    assert lowered[BETWEEN_ROWS].max() < -FRAME_NATS


def test_the_notes_of_a_key_are_raised_and_drums_are_not():
    raised = nats(Controls(key="C major"))
    assert raised[TX3.id("P1_NOTEON_60")] > raised[TX3.id("P1_NOTEON_64")] > 0 > raised[TX3.id("P1_NOTEON_61")]
    assert raised[TX3.id("TR_NOTEON_48")] == raised[TX3.id("P2_NOTEON_72")] == raised[TX3.id("P1_NOTEON_60")]
    assert not raised[[TX3.id("NO_NOTEON_1"), TX3.id("BAR"), TX3.id("P1_INST_1"), 0]].any()


def test_notes_outside_a_register_are_lowered_the_more_the_further_they_are():
    _, ((low, high), *_) = tx3_thirds()
    raised = nats(Controls(register={"p1": "mid"}))
    within = [raised[TX3.id(f"P1_NOTEON_{pitch}")] for pitch in range(int(low), int(high))]
    assert not np.any(within)
    below = [raised[TX3.id(f"P1_NOTEON_{int(low) - step}")] for step in (1, 4, 25)]
    above = [raised[TX3.id(f"P1_NOTEON_{int(high) - 1 + step}")] for step in (1, 4, 25)]
    assert below == above
    assert 0 > below[0] > below[1] > below[2] == -FURTHEST
    assert raised[TX3.id("P2_NOTEON_34")] == 0


def test_a_voice_is_raised_while_it_lacks_notes_and_lowered_when_it_has_too_many():
    leanings = Leanings(Controls(density={"no": "high"}), TX3, 2)
    drum, other = TX3.id("NO_NOTEON_3"), TX3.id("P1_NOTEON_60")
    start = leanings.nats(np.zeros(2, dtype=np.int64))
    np.testing.assert_allclose(start[:, drum], 0.0, atol=1e-6)
    for _ in range(400):
        leanings.take(np.array([drum, other]))
    later = leanings.nats(np.full(2, 10 * TICKS_PER_SECOND))
    assert later[0, drum] == -STRONGEST
    assert 0 < later[1, drum] <= STRONGEST
    assert not later[:, other].any()
    # As many as asked for: as the model has it.
    asked = 5.6 * np.sqrt(5.6 / 3.4)
    leanings = Leanings(Controls(density={"no": "high"}), TX3, 1)
    for _ in range(round(asked * 20)):
        leanings.take(np.array([drum]))
    assert abs(leanings.nats(np.array([20 * TICKS_PER_SECOND]))[0, drum]) < 0.02 * DENSITY_GAIN


def test_songs_of_a_high_density_have_more_notes_than_those_of_a_low_one():
    model, found = lakhnes.load_model("bundled"), {}
    for density in ("low", "high"):
        songs = lakhnes.generate(model, 4, seed=3, seconds=12, density={"p1": density})
        found[density] = np.mean([tx3_facts(song)["voices"]["p1"]["density"] for song in songs])
    assert found["high"] > 1.3 * found["low"], found
