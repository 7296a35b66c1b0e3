import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakhnes
from lakhnes import Vocabulary

DIALECTS = ["tx1", "tx2"]


@pytest.mark.parametrize(("dialect", "size"), [("tx1", 631), ("tx2", 686)])
def test_sizes_are_those_of_the_published_vocabularies(dialect, size):
    vocabulary = Vocabulary(dialect)
    assert len(vocabulary) == len(vocabulary.symbols) == len(set(vocabulary.symbols)) == size
    assert vocabulary.symbols[0] == "<S>"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_symbols_equal_the_original_vocabulary_files(dialect, shared):
    symbols = (shared / "golden" / f"{dialect}_vocab.txt").read_text().split()
    vocabulary = Vocabulary(dialect)
    assert vocabulary.symbols[-len(symbols) :] == symbols
    assert len(vocabulary) - len(symbols) in (0, 1)  # with or without <S>


@given(st.sampled_from(DIALECTS), st.data())
def test_ids_survive_decoding_and_encoding(dialect, data):
    vocabulary = Vocabulary(dialect)
    ids = data.draw(st.lists(st.integers(0, len(vocabulary) - 1), max_size=200))
    encoded = vocabulary.encode(vocabulary.decode(ids))
    assert encoded.dtype == np.int64
    assert encoded.tolist() == ids
    assert vocabulary.decode(np.array(ids, dtype=np.int64)) == vocabulary.decode(ids)


@given(st.text(max_size=40))
def test_any_text_is_encoded_or_refused_with_its_line(text):
    try:
        ids = Vocabulary.tx1().encode(text)
    except lakhnes.TokenError as error:
        assert str(error).startswith("line ")
        assert "expected" in str(error)
        assert "\n" not in str(error)
    else:
        assert len(ids) == len([line for line in text.split("\n") if line.strip(" \t\r\n\f")])


@given(st.integers(1, 1_000_000))
def test_a_wait_becomes_the_nearest_token(wait):
    vocabulary = Vocabulary.tx1()
    tokens = [int(symbol[3:]) for symbol in vocabulary.symbols if symbol.startswith("WT_")]
    token = int(vocabulary.symbol(vocabulary.id(f"WT_{wait}"))[3:])
    assert abs(token - wait) == min(abs(other - wait) for other in tokens)


@pytest.mark.parametrize("wrong", [[631], [-1], [0, 70_000], np.array([1, 631])])
def test_an_unknown_id_is_refused(wrong):
    with pytest.raises(lakhnes.TokenError, match="expected an id below 631"):
        Vocabulary.tx1().decode(wrong)


def test_an_unknown_symbol_is_refused_with_what_was_expected():
    with pytest.raises(lakhnes.TokenError, match='expected P1_NOTEON_33 to 108, found "P1_NOTEON_200"'):
        Vocabulary.tx1().id("P1_NOTEON_200")
    with pytest.raises(lakhnes.TokenError, match="expected"):
        Vocabulary.tx1().id("P1_VELOCITY_3")
    with pytest.raises(lakhnes.TokenError, match="expected one symbol"):
        Vocabulary.tx1().id("WT_1\nWT_2")


def test_vocabularies_are_values():
    assert Vocabulary.tx1() == Vocabulary("tx1") != Vocabulary.tx2()
    assert pickle.loads(pickle.dumps(Vocabulary.tx2())) == Vocabulary.tx2()
    with pytest.raises(lakhnes.TokenError, match="tx4"):
        Vocabulary("tx4")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_song_is_its_events_and_they_are_the_song(dialect):
    song = lakhnes.Song.from_tx1("WT_7\nP1_NOTEON_60\nWT_105\nTR_NOTEON_45\nP1_NOTEOFF\nWT_123456\nTR_NOTEOFF\nWT_3")
    song = lakhnes.Song.from_tx2(song.express().to_tx2()) if dialect == "tx2" else song
    vocabulary = Vocabulary(dialect)
    events = vocabulary.events(song)
    assert events.dtype == np.int32
    assert -events[events < 0].sum() == song.length
    assert vocabulary.song(events) == vocabulary.song(events.tolist()) == song
    text = song.to_tx1() if dialect == "tx1" else song.to_tx2()
    rounded = vocabulary.song([0, *vocabulary.encode(text), 0])
    assert rounded == lakhnes.Song.from_bytes(vocabulary.decode(vocabulary.encode(text)).encode(), dialect)


def test_events_that_make_no_song_are_refused():
    assert Vocabulary.names() == ["tx1", "tx2", "tx3"]
    with pytest.raises(lakhnes.TokenError, match="id 631 at position 1: expected an id below 631"):
        Vocabulary.tx1().song([5, 631])
    with pytest.raises(lakhnes.FormatError, match="empty"):
        Vocabulary.tx1().song([])
    with pytest.raises(lakhnes.LimitError):
        Vocabulary.tx1().song([-(2**40)])
