"""N-gram models: counts, discounts and probabilities against slow restatements and against NLTK."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakhnes import CheckpointError, Vocabulary, generate, load_model
from lakhnes.checkpoint import save_checkpoint
from lakhnes.data.corpus import Corpus
from lakhnes.model.estimation import estimate_ngram, model_of_tables
from lakhnes.model.kneser_ney import FALLBACK, count, discounts_of, estimate
from lakhnes.model.ngram import NGram
from small import make_corpus

SIZE = 7
SONGS = [
    np.array([0, *song, 0])
    for song in (
        [1, 2, 3, 1, 2, 4, 1, 2, 3, 5, 5, 1, 2],
        [2, 3, 1, 2, 3, 1, 1, 4, 2, 3],
        [5, 1, 2, 3, 3, 3, 4, 1, 2],
        [1],
    )
]
songs_of_ids = st.lists(
    st.lists(st.integers(1, SIZE - 1), min_size=1, max_size=30).map(lambda song: np.array([0, *song, 0])),
    min_size=1,
    max_size=6,
)


def windows(songs, order):
    """Give every n-gram that ends in a token of a song, as a tuple."""
    for song in songs:
        padded = [0] * (order - 1) + [int(token) for token in song[1:]]
        yield from (tuple(padded[end - order + 1 : end + 1]) for end in range(order - 1, len(padded)))


def slowly(songs, order, size, discounts):
    """Return the probability of a token after a context by the formulas of Chen & Goodman, on dictionaries."""
    counts = {order: Counter(windows(songs, order))}
    for length in range(order - 1, 0, -1):
        counts[length] = Counter(ngram[1:] for ngram in counts[length + 1])

    def chance(token, context):
        length = len(context) + 1
        lower = chance(token, context[1:]) if context else 1 / size
        after = {ngram[-1]: times for ngram, times in counts[length].items() if ngram[:-1] == context}
        if not after:
            return lower
        d = discounts[length - 1]
        kept = max(after.get(token, 0) - (d[min(after[token], 3) - 1] if token in after else 0), 0)
        left = sum(d[min(times, 3) - 1] for times in after.values())
        return (kept + left * lower) / sum(after.values())

    return chance


def distribution(model, context):
    contexts = np.array([context], dtype=np.int64).reshape(1, -1)
    return np.exp(NGram(model.config, model.weights).log_probabilities(contexts)[0].astype(np.float64))


def contexts_of(songs, order):
    seen = {ngram[1:] for ngram in windows(songs, order)}
    return [*sorted(seen), (6,) * (order - 1), (6, 6, 1, 2)[-(order - 1) :]]


@settings(max_examples=40)
@given(songs_of_ids, st.integers(2, 4))
def test_probabilities_are_those_of_the_formulas(songs, order):
    keys, counts = count(songs, order, SIZE)
    discounts = [None] * order
    for length in range(order, 0, -1):
        discounts[length - 1] = discounts_of(counts)
        keys, counts = np.unique(keys % SIZE ** (length - 1), return_counts=True)
    chance = slowly(songs, order, SIZE, discounts)
    model = model_of_tables(estimate(songs, order, SIZE), order)
    for context in contexts_of(songs, order)[:12]:
        expected = [chance(token, context) for token in range(SIZE)]
        assert sum(expected) == pytest.approx(1)
        np.testing.assert_allclose(distribution(model, context), expected, rtol=1e-5)


def test_interpolated_kneser_ney_is_that_of_nltk():
    from nltk.lm import KneserNeyInterpolated, Vocabulary

    order, discount = 3, 0.4
    words = "abcdefg"
    texts = [
        [tuple(words[token] for token in ngram[-length:]) for ngram in windows([song], order) for length in (1, 2, 3)]
        for song in SONGS
    ]
    theirs = KneserNeyInterpolated(order, discount=discount, vocabulary=Vocabulary(words, unk_cutoff=1))
    theirs.fit(texts)
    # NLTK leaves nothing of the single tokens to those that were not seen.
    ours = model_of_tables(estimate(SONGS, order, SIZE, [[0] * 3, [discount] * 3, [discount] * 3]), order)
    for context in contexts_of(SONGS, order):
        expected = [theirs.score(word, [words[token] for token in context]) for word in words]
        np.testing.assert_allclose(distribution(ours, context), expected, rtol=1e-5, atol=1e-7)


def test_discounts_follow_the_counts_of_counts():
    counts = np.repeat([1, 2, 3, 4, 9], [100, 40, 20, 12, 5])
    y = 100 / 180
    expected = [1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 12 / 20]
    np.testing.assert_allclose(discounts_of(counts), expected)
    np.testing.assert_array_equal(discounts_of(np.array([1, 1, 5])), FALLBACK)


def test_order_0_knows_nothing_and_order_1_the_frequencies():
    random, unigram = estimate_ngram(SONGS, 0, vocab_size=SIZE), estimate_ngram(SONGS, 1, vocab_size=SIZE)
    assert random.score(SONGS[0]) == pytest.approx([math.log(SIZE)] * 14)
    assert (random.config.num_parameters, unigram.config.num_parameters) == (0, SIZE)
    frequencies = distribution(unigram, ())
    assert frequencies.sum() == pytest.approx(1)
    assert frequencies.argmax() == Counter(token for song in SONGS for token in song[1:]).most_common(1)[0][0]
    assert frequencies[6] > 0  # never seen


@pytest.mark.torch
def test_a_song_is_scored_alike_in_any_segments_and_knows_nothing_of_the_song_before():
    import torch

    model = estimate_ngram(SONGS, 4, vocab_size=SIZE)
    row = torch.tensor([[*SONGS[0][:-1], *SONGS[1][:-1]]])
    network = model.network
    whole = network.logits(network(row)[0])[0]
    memory, parts = None, []
    for start in range(0, row.shape[1], 2):
        hidden, memory = network(row[:, start : start + 2], memory)
        parts.append(network.logits(hidden)[0])
    torch.testing.assert_close(torch.cat(parts), whole)
    alone = network.logits(network(torch.from_numpy(SONGS[1][None, :-1]))[0])[0]
    torch.testing.assert_close(whole[len(SONGS[0]) - 1 :], alone)
    np.testing.assert_array_equal(model.begin().feed(row[0].numpy(), [0] * row.shape[1]), whole)


@pytest.mark.torch
def test_a_longer_context_predicts_better_and_evaluation_scores_every_model_on_the_same_positions(tmp_path):
    from lakhnes.evaluation.perplexity import evaluate

    data = make_corpus(tmp_path / "data", train=30)
    vocabulary = Vocabulary.tx1()
    train, valid = (Corpus.load(data, split, vocabulary) for split in ("train", "valid"))
    songs = [train.ids(index) for index in range(len(train))]
    scores = [evaluate(estimate_ngram(songs, order), valid, batch_size=2, tgt_len=16) for order in (0, 1, 3, 5)]
    assert scores[0].ppl == pytest.approx(631, rel=1e-4)
    assert scores[0].ppl > scores[1].ppl > 2 * scores[2].ppl
    assert len({score.positions for score in scores}) == 1


def test_an_n_gram_model_is_saved_loaded_and_composes(tmp_path):
    data = make_corpus(tmp_path / "data", train=12)
    corpus = Corpus.load(data, "train", Vocabulary.tx1())
    model = estimate_ngram([corpus.ids(index) for index in range(len(corpus))], 5)
    save_checkpoint(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.config == model.config
    assert np.array_equal(again.score(corpus.ids(0)), model.score(corpus.ids(0)))
    songs = generate(again, 3, seed=1, length=80)
    assert all(len(song.voices["p1"]) > 3 for song in songs)
    assert [song.to_tx1() for song in generate(again, 3, seed=1, length=80, batch_size=1)] == [
        song.to_tx1() for song in songs
    ]


def damaged(name, change):
    def apply(tensors):
        tensors[name] = change(tensors[name])

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged("words_3", lambda words: words + SIZE), "words_3.*ids from 0 to 6"),
        (damaged("words_2", lambda words: -words - 1), "words_2.*ids"),
        (damaged("starts_4", lambda starts: starts + 1), "starts_4.*offsets"),
        (damaged("contexts_3", lambda keys: keys[::-1]), "contexts_3.*rising keys"),
        (damaged("masses_2", lambda masses: masses + math.nan), "masses_2.*numbers from 0 to 1"),
        (damaged("unigram", lambda chances: chances * 0), "unigram.*above 0"),
        (damaged("words_4", lambda words: words[:-1]), "words_4.*expected"),
    ],
)
def test_tables_that_make_no_model_are_refused(tmp_path, change, message):
    from safetensors.numpy import load_file, save_file

    save_checkpoint(estimate_ngram(SONGS, 4, vocab_size=SIZE), tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    change(tensors)
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path)
