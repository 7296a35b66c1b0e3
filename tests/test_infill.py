"""New parts: particles are weighted by what was kept, and the measure measures."""

import math
from collections import Counter

import numpy as np
import pytest

import lakhnes
from lakhnes import Song, Vocabulary
from lakhnes.grammar import rules_of
from lakhnes.model.native_engine import NativeEngine
from lakhnes.sampling import SamplingParams, density, infilling
from lakhnes.sampling.density import log_odds
from lakhnes.sampling.infilling import infillings
from lakhnes.sampling.particle import KeptEvent, NoteCount
from lakhnes.sampling.particle_filter import LONGEST_SPAN
from lakhnes.sampling.proposals import Proposals
from new_parts import compare, part_of, summary, without
from small import tune

VOCABULARY = Vocabulary.tx1()
RULES = rules_of("tx1")


@pytest.fixture(scope="module")
def bundled():
    return lakhnes.load_model("bundled-tx1")


# --- proposals and their weights ---


def proposals(densities, **options):
    return Proposals(RULES, densities, 10.0, SamplingParams(**options), np.random.default_rng(0))


def says(**shares):
    """Return logits that give these events these shares, and all others next to nothing."""
    logits = np.full(len(VOCABULARY), -60.0)
    for symbol, share in shares.items():
        logits[VOCABULARY.id(symbol)] = math.log(share)
    return logits


def test_the_weights_make_up_for_what_is_proposed_too_often_or_not_at_all(monkeypatch):
    """On the average a weight is the model's probability of what was proposed, whatever share of it was."""
    monkeypatch.setattr(density, "STRENGTH", 0.0)
    ways = proposals({1: 4.0})
    kept = KeptEvent(5_000, 0, VOCABULARY.id("P1_NOTEON_60"))
    logits = says(P2_NOTEON_60=0.2, WT_5000=0.1, WT_2000=0.3, WT_9000=0.15, P2_NOTEON_64=0.05, TR_NOTEON_40=0.2)
    total, count = Counter(), 4_000
    for _ in range(count):
        particle = ways.begin()
        particle.place, particle.sounding = int(RULES.place[VOCABULARY.id("P1_NOTEON_60")]), 1
        ways.look(particle, logits)
        first, *_ = ways.next(particle, kept)
        total[VOCABULARY.symbol(first)] += math.exp(particle.log_weight) / count
    assert total.keys() == {"P2_NOTEON_60", "P2_NOTEON_64", "WT_2000", "WT_5000"}
    for symbol, share in {"P2_NOTEON_60": 0.2, "P2_NOTEON_64": 0.05, "WT_2000": 0.3, "WT_5000": 0.1}.items():
        # Samples are a little cooler than the model.
        assert total[symbol] == pytest.approx(share, abs=0.03)


def test_a_particle_that_waited_for_a_new_voice_is_weighted_by_how_probable_it_was_to_speak():
    ways = proposals({3: 1.0})
    particle = ways.begin()
    particle.must_speak = True
    ways.look(particle, says(P1_NOTEON_60=0.9, NO_NOTEON_3=0.1))
    assert ways.next(particle, KeptEvent(9_000, 0, VOCABULARY.id("P1_NOTEON_60"))) == [VOCABULARY.id("NO_NOTEON_3")]
    assert particle.log_weight == pytest.approx(math.log(0.1), abs=0.01)


def test_notes_become_more_probable_while_there_are_too_few_and_less_while_there_are_too_many():
    second = 44_100
    assert log_odds(NoteCount(), 4.0, 0) == 0.0
    few = log_odds(NoteCount(), 4.0, second)
    assert few > 1.0
    assert log_odds(NoteCount(second, second, 12.0, 12.0), 4.0, second) < -1.0
    # As many as there should be.
    assert abs(log_odds(NoteCount(second, second, 4.0, 4.0), 4.0, second)) < few / 3
    # As many now, but half as many as there should be before.
    assert log_odds(NoteCount(30 * second, 30 * second, 16.0, 32.0), 4.0, 30 * second) > 1.0
    # All that is long ago, and the voice has rested.
    assert log_odds(NoteCount(second, second, 12.0, 12.0), 4.0, 30 * second) > density.MAX_NATS


def test_options_narrow_what_is_sampled():
    logits = says(P2_NOTEON_60=0.5, P2_NOTEON_61=0.3, P2_NOTEON_62=0.15, P2_NOTEON_63=0.05)

    def sampled(**options):
        ways = proposals({1: 4.0}, **({"top_k": None, "typical_p": None} | options))
        particle = ways.begin()
        ways.look(particle, logits)
        return {ways.sample(particle, ways.is_written) - VOCABULARY.id("P2_NOTEON_60") for _ in range(300)}

    assert sampled() == {0, 1, 2, 3}
    assert sampled(top_k=2) == {0, 1}
    assert sampled(top_p=0.85, temperature=1.0) == {0, 1, 2}
    assert sampled(min_p=0.5, temperature=1.0) == {0, 1}
    assert sampled(temperature=0.0) == {0}
    # One sampler for all: of what top-k leaves, as when new songs are sampled.
    assert sampled(top_k=2, top_p=0.6, temperature=1.0) == {0}


# --- whole songs ---


def test_many_particles_make_the_kept_voices_more_probable_than_one(bundled, monkeypatch):
    given = Song.from_tx1(tune(2))

    def surprise(count):
        monkeypatch.setattr(infilling, "PARTICLES", count)
        return np.mean([math.log(infillings(bundled, 1, given, ["tr"], seed=seed)[0].kept_ppl) for seed in range(2)])

    assert surprise(8) < surprise(1) - 0.1


def test_a_new_part_is_about_as_dense_as_the_old_one_was(bundled):
    bar = "P1_NOTEON_72\n{}TR_NOTEON_48\nWT_22050\nP1_NOTEON_76\n{}WT_22050\n"
    note = "P2_NOTEON_60\n"
    densities = []
    for often in (False, True):
        text = bar.format(note, "") * 8
        if often:
            text = text.replace("WT_22050\n", "WT_4410\n" + 4 * f"{note}WT_4410\n")
        given = Song.from_tx1(text + "P1_NOTEOFF\nP2_NOTEOFF\nTR_NOTEOFF\nWT_100")
        made = lakhnes.infill(bundled, given, ["p2"], num=2, seed=0)
        densities.append(np.mean([part_of(song, "p2").density for song in made]))
    assert densities[1] > 1.5 * densities[0]


def test_drums_that_a_song_never_had_are_no_few_strokes(bundled):
    given = without(Song.from_tx1(tune(1)), "no")
    (made,) = lakhnes.infill(bundled, given, ["no"], seed=0)
    assert len(made.voices["no"]) / made.duration > 2.0
    assert made.duration == given.duration


def test_a_long_rest_of_the_kept_voices_ends_as_it_should(bundled, monkeypatch):
    given = Song.from_tx1(
        f"P1_NOTEON_60\nWT_9000\nP1_NOTEOFF\nWT_{40 * 44_100}\nP1_NOTEON_62\nWT_9000\nP1_NOTEOFF\nWT_9"
    )
    longest = []
    rewind = NativeEngine._read
    monkeypatch.setattr(
        NativeEngine, "_read", lambda self, *read: longest.append(int(self._lengths.max())) or rewind(self, *read)
    )
    (version,) = infillings(bundled, 1, given, ["no"], SamplingParams(memory=64), seed=2)
    assert version.song.voices["p1"].tolist() == given.voices["p1"].tolist()
    assert version.song.length == given.length
    starts = version.song.voices["no"][:, 0]
    assert len(starts) > 40
    assert max(longest) <= len(version.events) + LONGEST_SPAN


def test_the_same_seed_makes_the_same_part_and_another_makes_another(bundled):
    given, params = Song.from_tx1(tune(0)), SamplingParams(memory=64)
    events = [infillings(bundled, 1, given, ["tr"], params, seed=seed)[0].events for seed in (1, 1, 2)]
    assert events[0] == events[1] != events[2]


def test_the_memory_of_an_infilling_is_bounded_by_its_length(bundled):
    given = Song.from_tx1(tune(1))
    made = [lakhnes.infill(bundled, given, ["p2"], seed=3, memory=memory) for memory in (50_000, 1_000_000)]
    assert made[0] == made[1]


# --- the measure ---


def test_a_part_is_counted():
    song = Song.from_tx1(
        "P1_NOTEON_60\nTR_NOTEON_36\nNO_NOTEON_5\nWT_22050\nP1_NOTEON_61\nWT_11025\nNO_NOTEON_5\nWT_11025\nP1_NOTEOFF\nWT_44100"
    )
    melody, drums = part_of(song, "p1"), part_of(song, "no")
    assert (melody.density, melody.together, melody.harmonic, melody.length) == (1.0, 0.5, 0.5, 0.5)
    assert (drums.density, drums.together) == (1.0, 0.5)
    assert math.isnan(drums.harmonic)
    silent = without(song, "p1")
    assert silent.duration == song.duration
    assert part_of(silent, "p1").density == 0.0
    assert len(silent.voices["tr"]) == 1


def test_replacements_are_summed_up_by_voice(bundled):
    song = Song.from_tx1(tune(0))
    found = [compare(bundled, song, song, "tr"), compare(bundled, song, without(song, "tr"), "tr")]
    found += [compare(bundled, song, song, "no")]
    assert found[0].old_loss == found[0].new_loss != found[1].new_loss
    heading, drums_last = summary(found)[0], summary(found)[-1]
    assert "within 2x" in heading
    assert summary(found)[1].split()[:3] == ["tr", "2", "0.50"]
    assert "50%" in summary(found)[1]
    assert drums_last.split()[:3] == ["no", "1", "1.00"]


@pytest.mark.parametrize(
    "place", ["nan", "inf", "-1", "1e999", "²b", "b", "0b", "9" * 5_000 + "b", "99b", "x" * 900, ""]
)
@pytest.mark.parametrize("flag", ["--from", "--to"])
def test_a_passage_that_is_none_of_the_song_is_wrong_usage(run, tmp_path, place, flag):
    (tmp_path / "a.tx1.txt").write_text(tune(0))
    result = run("infill", tmp_path / "a.tx1.txt", "--voices", "p2", flag, place, "-o", tmp_path / "out")
    assert result.exit_code == 2, result.stderr
    assert "expected" in result.stderr.splitlines()[-1]
    assert len(result.stderr) < 400
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("events", "voices"),
    [
        ("P1_NOTEON_72 WT_11025 P1_NOTEON_76 WT_11025 P1_NOTEOFF", ["p1"]),
        ("TR_NOTEON_40 WT_22050 TR_NOTEOFF", ["tr"]),
        ("P1_NOTEON_72 TR_NOTEON_48 WT_22050 P1_NOTEOFF TR_NOTEOFF", ["p1", "tr"]),
        ("P1_NOTEON_72 NO_NOTEON_5 WT_22050 P1_NOTEOFF NO_NOTEOFF", ["p1", "p2", "tr", "no"]),
        ("NO_NOTEON_5 WT_44100 NO_NOTEOFF", ["p2"]),  # beside a drum alone, at the very beginning
    ],
)
def test_voices_that_have_nothing_beside_them_get_music(bundled, events, voices):
    """Where no kept event is to be reached, a song could be waited through in silence."""
    given = Song.from_tx1("\n".join(events.split() + ["WT_90000"] * 4))
    for version in infillings(bundled, 3, given, voices, seed=4):
        written = {name: notes for name, notes in version.song.voices.items() if name in voices}
        notes = sum(map(len, written.values()))
        sounding = sum(int((rows[:, 1] - rows[:, 0]).sum()) for rows in written.values())
        assert notes >= 5, version.events
        assert sounding > 0.1 * given.duration * 44_100
