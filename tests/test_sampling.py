"""Composing: the grammar, the cached decoder, and the songs that come out."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakhnes
from lakhnes import Vocabulary
from lakhnes.grammar import rules_of
from lakhnes.model.model import Model
from lakhnes.sampling import SamplingParams, accompany_ids, composing
from lakhnes.sampling import compose as compose_with
from lakhnes.sampling.batches import MOST_AT_ONCE, most_at_once
from lakhnes.sampling.composer import Composer
from lakhnes.sampling.composing import _voices_of
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.grammar import EventGrammar
from lakhnes.sampling.sampler import sample
from lakhnes.studio.watching import Watch, WatchedModel
from legality import VOCABULARY, faults
from small import tiny_model, wide_model


@pytest.fixture(scope="module")
def model():
    return wide_model()


@pytest.fixture(scope="module")
def tx2_model():
    return tiny_model(6, vocabulary="tx2", vocab_size=686)


def compose(model, num=1, prime=(), *, seed=None, batch_size=8, **options):
    """Compose whatever voices play."""
    params = SamplingParams(**{"min_voices": 0} | options)
    return compose_with(model, num, prime, params, seed=seed, batch_size=batch_size)


def generate_ids(model, num, **options):
    return [song.ids for song in compose(model, num, **options)]


def eager_to_end(model):
    """Return the model with a bias for the boundary that nothing outweighs."""
    bias = model.weights["output_bias"].copy()
    bias[0] = 1e4
    return Model(model.config, model.weights | {"output_bias": bias})


@pytest.mark.parametrize("dialect", ["tx1", "tx2"])
@settings(max_examples=12)
@given(seed=st.integers(0, 2**31))
def test_the_grammar_allows_songs_only_and_every_song(dialect, seed):
    generator = np.random.default_rng(seed)
    vocabulary = Vocabulary(dialect)
    grammar = EventGrammar(rules_of(dialect), 1)
    ids = []
    for _ in range(60):
        allowed = grammar.allowed()[0].copy()
        assert bool(allowed[0]) == bool(allowed[1])  # a song may end where a wait may come
        allowed[0] = False
        for token in generator.permutation(np.arange(1, len(vocabulary)))[:20]:
            assert bool(allowed[token]) == (not faults([*ids, int(token)], vocabulary))
        ids.append(int(generator.choice(np.flatnonzero(allowed))))
        grammar.advance(np.array([ids[-1]]))
    assert faults(ids, vocabulary) == []


@pytest.mark.parametrize("dialect", ["tx1", "tx2"])
def test_the_grammar_admits_the_text_of_any_midi(shared, dialect):
    vocabulary = Vocabulary(dialect)
    for path in sorted((shared / "golden" / "lawnmower").glob("*.mid")):
        song = lakhnes.read(path)
        ids = Excerpt.of(song, vocabulary, 5_000).ids
        assert len(ids) > 100
        assert faults(ids, vocabulary) == []
        grammar = EventGrammar(rules_of(dialect), 1)
        for token in ids:
            assert grammar.admits(token)
            assert bool(grammar.allowed()[0, token])
            grammar.advance(np.array([token]))


def test_songs_of_tx2_have_no_faults_and_read_back_as_they_were_drawn(tx2_model):
    vocabulary = Vocabulary.tx2()
    for ids in generate_ids(tx2_model, 3, length=200, seed=1, memory=32, top_k=None):
        assert faults(ids, vocabulary) == []
        text = vocabulary.decode(ids)
        # What comes after the last wait takes no time; no timbre is written of a voice without notes, or twice.
        timed = [line for line in text[: text.rindex("WT_")].splitlines() if "TIMBRE" not in line]
        again = [line for line in lakhnes.Song.from_tx2(text).to_tx2().splitlines() if "TIMBRE" not in line]
        of_notes = [[line for line in lines if "WT" not in line] for lines in (timed, again)]
        assert len(of_notes[0]) > 40
        assert of_notes[1][: len(of_notes[0])] == of_notes[0]


def test_without_the_grammar_songs_are_as_long_as_asked_and_disorderly(model):
    for ids in generate_ids(model, 3, length=150, seed=1, memory=32, top_k=None, grammar=False):
        assert len(ids) == 150
        assert 0 not in ids
        assert faults(ids)


def ticks(ids):
    return sum(int(symbol[3:]) for symbol in map(VOCABULARY.symbol, ids) if symbol.startswith("WT_"))


def test_a_song_ends_at_the_duration_asked_for(model):
    songs = compose(model, 4, length=400, max_duration=1.5, seed=6, memory=32)
    assert {song.ended for song in songs} == {"duration"}
    for song in songs:
        assert 1.4 * 44_100 < ticks(song.ids) <= 1.5 * 44_100
        assert faults(song.ids) == []
    alone = compose(model, 1, length=400, max_duration=1.5, seed=8, memory=32)
    assert alone[0].ids == songs[2].ids


def test_a_song_may_not_end_before_the_duration_asked_for(model):
    eager = eager_to_end(model)
    (default,) = compose(eager, 1, length=3000, min_length=0, seed=6, memory=32)
    assert 6.0 * 44_100 <= ticks(default.ids) < 20 * 44_100
    songs = compose(eager, 4, length=2000, min_length=0, min_duration=2.0, seed=6, memory=32)
    assert {song.ended for song in songs} == {"<S>"}
    for song in songs:
        assert ticks(song.ids) >= 2.0 * 44_100
        assert len(song.ids) < 500


def test_the_temperature_rises_where_a_song_does_not_surprise(model):
    composer = Composer(model, [1, 2, 3], SamplingParams(min_surprise=0.6, temperature=0.9))
    composer.surprise = np.array([2.0, 0.3, 0.0], dtype=np.float32)
    np.testing.assert_allclose(composer.temperature(), [0.9, 1.8, 2.7], rtol=1e-6)


def test_surprise_is_of_the_last_events_and_of_each_song_by_itself(model):
    options = {"length": 120, "memory": 32}
    calm, lively = (compose(model, 2, seed=5, min_surprise=nats, **options) for nats in (0.0, 50.0))
    for before, after in zip(calm, lively, strict=True):
        assert before.ids[:40] == after.ids[:40]  # at first there is nothing to get out of
        assert before.ids != after.ids
        assert faults(after.ids) == []
    assert compose(model, 1, seed=6, min_surprise=50.0, **options)[0].ids == lively[1].ids
    # The original's sampler knows nothing of it.
    first, second = (compose(model, 1, seed=5, min_surprise=n, grammar=False, **options)[0] for n in (0.0, 50.0))
    assert first.ids == second.ids


def test_songs_have_no_faults_and_read_back_as_they_were_drawn(model):
    for ids in generate_ids(model, 4, length=200, seed=1, memory=32, top_k=None):
        assert faults(ids) == []
        assert 64 <= len(ids) <= 200
        text = VOCABULARY.decode(ids)
        # What comes after the last wait takes no time: there, notes that are held end.
        timed = text[: text.rindex("WT_")].splitlines()
        again = lakhnes.Song.from_tx1(text).to_tx1().splitlines()
        assert again[: len(timed)] == timed
        assert all(line.endswith("_NOTEOFF") for line in again[len(timed) + 1 :])


def test_the_seed_decides_whatever_the_batch(model):
    options = {"length": 80, "memory": 32}
    songs = generate_ids(model, 5, seed=3, batch_size=5, **options)
    assert songs == generate_ids(model, 5, seed=3, batch_size=2, **options)
    assert songs[2:4] == generate_ids(model, 2, seed=5, **options)
    assert songs != generate_ids(model, 5, seed=4, batch_size=5, **options)


def test_a_song_that_has_ended_is_read_no_further_and_the_others_stay_as_they_are(model):
    watch = Watch(lambda: None)
    options = {"length": 300, "max_duration": 2, "min_duration": 0, "memory": 32, "seed": 3}
    songs = generate_ids(WatchedModel(model, watch), 4, batch_size=4, **options)
    lengths = [len(ids) for ids in songs]
    assert max(lengths) > min(lengths) + 2
    for ids, read in zip(songs, watch.ids(), strict=True):
        assert len(read) <= len(ids) + 2  # the boundary before it, and the one that ends it
    assert songs == generate_ids(model, 4, batch_size=1, **options)


def test_a_song_may_end_by_itself_but_not_before_its_least_length(model):
    eager = eager_to_end(model)
    assert {len(ids) for ids in generate_ids(eager, 3, length=500, min_length=20, min_duration=0, seed=0)} <= {20, 21}


def test_a_continuation_does_not_end_where_its_prime_does(model):
    """A song that is whole would be followed by nothing."""
    eager, prime = eager_to_end(model), lakhnes.Song.from_tx1("\n".join(["P1_NOTEON_69", "WT_1000", "P1_NOTEOFF"] * 30))
    for song in lakhnes.continue_song(eager, prime, num=3, seed=2):
        added = len(song.to_tx1().split()) - len(prime.to_tx1().split())
        assert added >= 60  # of 64 events, some waits may be one
    (asked,) = lakhnes.continue_song(eager, prime, min_length=0, seed=2)
    assert len(asked.to_tx1().split()) < len(prime.to_tx1().split()) + 60


def test_the_api_gives_songs(model):
    songs = lakhnes.generate(model, num=2, length=70, seed=9)
    assert [type(song) for song in songs] == [lakhnes.Song] * 2
    assert songs == lakhnes.generate(model, num=2, length=70, seed=9)
    assert np.abs(lakhnes.render(songs[0])).max() > 0.01


def test_streamed_events_come_one_by_one_and_are_those_of_the_song(model):
    read = []
    events = lakhnes.stream(model, length=70, seed=9, advance=read.append)
    first = next(events)
    assert len(read) == 0  # the second event has not been sampled
    text = "\n".join([first, *events])
    assert lakhnes.Song.from_tx1(text) == lakhnes.generate(model, length=70, seed=9, min_voices=0)[0]


def test_a_streamed_continuation_is_what_comes_after_the_prime(model, song):
    added = list(lakhnes.stream(model, song, prime_length=6, length=30, seed=3, memory=64))
    (whole,) = lakhnes.continue_song(model, song, prime_length=6, length=30, seed=3, memory=64)
    kept = song.to_tx1().splitlines()[:6]
    assert lakhnes.Song.from_tx1("\n".join([*kept, *added])) == whole


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num", 0),
        ("length", 0),
        ("temperature", -1.0),
        ("top_k", 0),
        ("top_p", 0.0),
        ("min_p", 2.0),
        ("typical_p", 0.0),
        ("min_voices", 5),
        ("min_duration", -1.0),
        ("min_surprise", -0.1),
        ("max_duration", 0.0),
        ("memory", -1),
        ("batch_size", 0),
    ],
)
def test_an_option_out_of_range_is_refused(model, option, value):
    with pytest.raises(ValueError, match=option):
        generate_ids(model, **({"num": 1} | {option: value}))


def test_a_continuation_keeps_its_prime_and_is_scored(model, song):
    ids = generate_ids(model, 1, length=120, seed=2, memory=64)[0]
    prime = ids[:50]
    (composed,) = compose(model, 1, prime=prime, length=30, min_length=30, seed=1, memory=200)
    assert composed.ids[:50] == prime
    assert len(composed.ids) == 80
    assert faults(composed.ids) == []
    losses = model.score([0, *composed.ids], 200)
    assert composed.prime_ppl == pytest.approx(float(np.exp(losses[:50].mean())), rel=1e-3)
    assert composed.ppl == pytest.approx(float(np.exp(losses[50:].mean())), rel=1e-3)
    (again,) = lakhnes.continue_song(model, song, prime_length=6, length=40, seed=3)
    assert again.to_tx1().splitlines()[:3] == song.to_tx1().splitlines()[:3]
    assert again.duration > 0.25


def test_an_illegal_prime_is_refused(model):
    off = VOCABULARY.id("P1_NOTEOFF")
    with pytest.raises(lakhnes.LakhnesError, match="prime: token 0"):
        compose(model, 1, prime=[off], length=10)


def test_an_accompaniment_changes_pitches_only(model):
    ids = generate_ids(model, 1, length=150, seed=4, memory=64)[0]
    versions = accompany_ids(model, 2, ids, SamplingParams(memory=64), seed=1)
    assert versions[0].ids != versions[1].ids
    for version in versions:
        assert faults(version.ids) == []
        changed = 0
        for before, after in zip(ids, version.ids, strict=True):
            old, new = VOCABULARY.symbol(before), VOCABULARY.symbol(after)
            if "_NOTEON_" in old and not old.startswith("NO"):
                assert old.rpartition("_")[0] == new.rpartition("_")[0]
                changed += old != new
            else:
                assert old == new
        assert changed > 10


def test_an_accompaniment_applies_top_k(model):
    ids = generate_ids(model, 1, length=60, seed=4, memory=64)[0]
    first, second = accompany_ids(model, 2, ids, SamplingParams(memory=64, top_k=1), seed=1)
    assert first.ids == second.ids  # one choice is no choice


def test_a_song_in_which_too_few_voices_play_is_composed_again_whatever_the_batch(model):
    options = {"length": 40, "memory": 32, "top_k": None}
    plain = compose(model, 6, seed=15, **options)
    asked = compose(model, 6, seed=15, min_voices=4, **options)
    alone = [compose(model, 1, seed=15 + index, min_voices=4, **options)[0].ids for index in range(6)]
    assert [song.ids for song in asked] == alone
    before, after = ([_voices_of(song.ids, model) for song in songs] for songs in (plain, asked))
    assert min(before) < 4
    assert sum(after) > sum(before)
    for old, new, count, better in zip(plain, asked, before, after, strict=True):
        assert better > count or new.ids == old.ids


def test_further_attempts_at_a_song_are_those_of_no_other_seed(monkeypatch):
    """Every song is found too poor, and tried again as often as may be."""
    monkeypatch.setattr(composing, "_voices_of", lambda ids, model: 0)
    used = []
    following = composing._Attempts.next

    def noted(self):
        if (seed := following(self)) is not None:
            used.append(np.random.default_rng(seed).random())
        return seed

    monkeypatch.setattr(composing._Attempts, "next", noted)
    params = SamplingParams(length=2, min_length=0, min_duration=0.0, min_voices=4)
    composing.compose(tiny_model(), 2, (), params, seed=5)
    assert len(used) == len(set(used)) == 2 * composing.ATTEMPTS
    far = [seed + (turn << bits) for seed in (5, 6) for turn in range(1, 5) for bits in (32, 64)]
    others = {np.random.default_rng(seed).random() for seed in far}
    assert not others & set(used)
    with pytest.raises(ValueError, match="expected seeds from 0"):
        composing.compose(tiny_model(), 2, (), params, seed=2**64 - 1)


@pytest.mark.parametrize("seed", [1.5, "5", [5]])
def test_a_seed_that_is_no_whole_number_is_refused_in_these_words(seed):
    with pytest.raises(TypeError, match=re.escape(f"seed is {seed!r}, expected a whole number")):
        lakhnes.generate(tiny_model(), seed=seed)


def test_a_large_batch_is_chosen_by_any_number_of_threads_with_the_same_songs(monkeypatch):
    vocabulary = lakhnes.Vocabulary.tx3()
    model = tiny_model(vocabulary="tx3", vocab_size=len(vocabulary), score_state=True)
    params = SamplingParams(length=12, memory=8, min_voices=0)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append([song.ids for song in composing.compose(model, 75, (), params, seed=4, batch_size=75)])
    assert found[0] == found[1]
    nothing = np.full((75, 9), -np.inf, dtype=np.float32)
    with pytest.raises(ValueError, match="no token may come next"):
        sample(nothing, np.zeros(75, dtype=np.float32), params, threads=3)


def test_a_batch_of_a_million_takes_the_memory_of_some_hundred_songs():
    assert most_at_once(tiny_model(), SamplingParams(length=4)) == MOST_AT_ONCE
    wide = tiny_model()
    assert most_at_once(wide, SamplingParams(length=10**6, memory=10**6)) == 2**30 // (2 * 4 * 2 * 32 * (10**6 + 1))
