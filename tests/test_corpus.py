"""A corpus in memory, its variations, and the streams that are made of it."""

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakhnes import FormatError, LimitError, TokenError, Vocabulary
from lakhnes.data import corpus as corpora
from lakhnes.data import shards
from lakhnes.data.augmentation import Augmentation
from lakhnes.data.corpus import Corpus, shard_corpus
from lakhnes.data.packing import StreamPacker
from small import make_corpus, tune

MIB = 2**20
VOCABULARY = Vocabulary.tx1()


@pytest.fixture
def corpus(tmp_path):
    return Corpus.load(make_corpus(tmp_path / "data"), "train", VOCABULARY)


def test_songs_come_in_the_order_of_their_names_framed_and_quantised(corpus):
    assert corpus.names == sorted(corpus.names)
    ids = corpus.ids(3)
    assert ids[0] == ids[-1] == 0
    # The text ends with a wait, which is dropped, as is one at the beginning.
    assert VOCABULARY.decode(ids[1:-1]) == VOCABULARY.decode(VOCABULARY.encode(tune(3).rsplit("\n", 1)[0]))


def test_a_byte_order_mark_is_no_event_and_bytes_are_counted_with_it(tmp_path):
    plain, marked = make_corpus(tmp_path / "plain", train=1), make_corpus(tmp_path / "marked", train=1)
    (path,) = (marked / "train").iterdir()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    songs = [Corpus.load(folder, "train", VOCABULARY).ids(0).tolist() for folder in (plain, marked)]
    assert songs[0] == songs[1]
    path.write_bytes(b"\xef\xbb\xbfWT_1\n\xff")
    with pytest.raises(FormatError, match="byte 8 is not ASCII text"):
        Corpus.load(marked, "train", VOCABULARY)


def test_a_song_of_fewer_than_ten_events_is_skipped(tmp_path):
    folder = make_corpus(tmp_path / "data", train=1)
    nine = "\n".join(["P1_NOTEON_60", "WT_10"] * 4 + ["P1_NOTEOFF"])
    (folder / "train" / "a.tx1.txt").write_text(nine)
    (folder / "train" / "b.tx1.txt").write_text(nine + "\nNO_NOTEON_3")
    corpus = Corpus.load(folder, "train", VOCABULARY)
    assert [corpus.ids(index) is None for index in range(3)] == [False, True, False]


def test_a_wrong_line_is_reported_with_its_file(tmp_path):
    folder = make_corpus(tmp_path / "data")
    bad = folder / "train" / "005.tx1.txt"
    bad.write_text("P1_NOTEON_60\nP1_NOTEON_200")
    with pytest.raises(TokenError, match=rf"{bad}: .*2.*P1_NOTEON_200"):
        Corpus.load(folder, "train", VOCABULARY)


def test_a_missing_or_empty_split_is_named(tmp_path):
    with pytest.raises(FormatError, match="test: no such folder"):
        Corpus.load(make_corpus(tmp_path / "data"), "test", VOCABULARY)
    with pytest.raises(FormatError, match=r"train: no song in it; expected files NAME\.tx2\.txt, or shards"):
        Corpus.load(tmp_path / "data", "train", Vocabulary.tx2())


def test_the_fingerprint_knows_songs_and_their_order(tmp_path, corpus):
    again = Corpus.load(tmp_path / "data", "train", VOCABULARY)
    assert again.fingerprint() == corpus.fingerprint()
    (tmp_path / "data" / "train" / "000.tx1.txt").write_text(tune(77))
    assert Corpus.load(tmp_path / "data", "train", VOCABULARY).fingerprint() != corpus.fingerprint()


@pytest.fixture
def sharded(tmp_path, corpus, monkeypatch):
    """The same corpus as shards alone, of which there are several."""
    monkeypatch.setattr(shards, "SHARD_EVENTS", 300)
    shard_corpus(tmp_path / "data", VOCABULARY, tmp_path / "shards")
    return tmp_path / "shards"


def test_shards_hold_the_songs_of_the_texts(corpus, sharded):
    found = Corpus.load(sharded, "train", VOCABULARY)
    assert len(found.shards) > 2
    assert found.names == corpus.names
    assert found.fingerprint() == corpus.fingerprint() == shards.fingerprint(found.shards)
    for index in range(len(corpus)):
        np.testing.assert_array_equal(found.song(index), corpus.song(index))
    with pytest.raises(IndexError):
        found.song(len(corpus))
    assert not list(sharded.rglob("*.txt.*"))
    assert all(isinstance(shard.events, np.memmap) for shard in found.shards)


def test_shards_beside_texts_that_have_changed_are_refused(tmp_path, corpus):
    folder = tmp_path / "data"
    manifest = shard_corpus(folder, VOCABULARY)["train"]
    assert Corpus.load(folder, "train", VOCABULARY).fingerprint() == corpus.fingerprint() == manifest["fingerprint"]
    (folder / "train" / "000.tx1.txt").write_text(tune(7) + "\nWT_5")
    with pytest.raises(FormatError, match="the texts are not those of the shards"):
        Corpus.load(folder, "train", VOCABULARY)
    shard_corpus(folder, VOCABULARY)
    assert Corpus.load(folder, "train", VOCABULARY).fingerprint() != corpus.fingerprint()


@pytest.mark.parametrize("damage", ["events", "offsets", "names", "manifest", "missing"])
def test_damaged_shards_are_refused(sharded, corpus, damage):
    train = sharded / "train"
    if damage == "manifest":
        (train / "tx1.json").write_text('{"format": "lakhnes-shards", "version": 1}')
    elif damage == "missing":
        (train / "tx1-00001.events.npy").unlink()
    elif damage == "names":
        (train / "tx1.names.txt").write_text("one\ntwo")
    else:
        path = train / f"tx1-00001.{damage}.npy"
        path.write_bytes(path.read_bytes()[:-8] + b"\1\0\0\0\2\0\0\0")
    with pytest.raises((FormatError, FileNotFoundError), match="tx1"):
        Corpus.load(sharded, "train", VOCABULARY)


@pytest.mark.skipif(sys.platform != "linux", reason="the pages of a map are counted in /proc")
def test_a_sharded_corpus_that_is_read_whole_keeps_a_few_songs_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "DROP_AFTER", 8 * MIB)
    monkeypatch.setattr(shards, "SHARD_EVENTS", 4 * MIB)
    song = np.full(MIB // 4, -100, dtype=np.int32)
    before = mapped_bytes()
    shards.write_shards(tmp_path / "train", VOCABULARY, ((f"{index}", song) for index in range(64)))
    corpus = Corpus.load(tmp_path, "train", VOCABULARY)
    assert len(corpus.shards) == 4
    for index in [*range(len(corpus)), 5]:  # the last one's pages have been given back since
        assert int(corpus.song(index).sum()) == -25 * MIB
        assert mapped_bytes() - before < 16 * MIB


def mapped_bytes():
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields["RssFile"].split()[0])


def test_texts_that_would_fill_the_memory_are_refused(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr(corpora, "MAX_EVENTS", 300)
    with pytest.raises(LimitError, match="lakhnes data shard"):
        Corpus.load(tmp_path / "data", "train", VOCABULARY)


def test_each_variation_has_its_probability(corpus):
    plain = corpus.song(0)

    def share(**chances):
        augmentation = Augmentation(
            **(dict.fromkeys(["transpose", "stretch", "switch_pulses", "ensemble"], 0.0) | chances)
        )
        varied = [augmentation.apply(plain, VOCABULARY, np.random.default_rng(seed)) for seed in range(200)]
        return np.mean([len(events) != len(plain) or (events != plain).any() for events in varied])

    assert share() == 0.0
    assert share(stretch=1.0) > 0.95
    assert 0.85 < share(transpose=1.0) < 0.98  # one in thirteen moves by nothing
    assert 0.4 < share(switch_pulses=0.5) < 0.6
    assert 0.1 < share(ensemble=0.2) < 0.3


def test_an_ensemble_keeps_one_to_three_voices(corpus):
    augmentation = Augmentation(transpose=0, stretch=0, switch_pulses=0, ensemble=1.0)
    sizes = set()
    for seed in range(100):
        events = augmentation.apply(corpus.song(0), VOCABULARY, np.random.default_rng(seed))
        sizes.add(len({VOCABULARY.symbol(int(event))[:2] for event in events if event > 0}))
    assert sizes <= {0, 1, 2, 3}  # the songs have no second pulse
    assert {1, 2} <= sizes


@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=30),
    batch_size=st.integers(1, 4),
    tgt_len=st.integers(1, 9),
)
def test_streams_hold_whole_songs_and_the_target_is_the_next_token(lengths, batch_size, tgt_len):
    songs = [np.arange(length) + 1000 * index for index, length in enumerate(lengths)]
    packer = StreamPacker(lambda place: songs[place], len(songs), batch_size, tgt_len)
    segments = list(packer)
    for inputs, targets in segments:
        assert inputs.shape == targets.shape == (batch_size, tgt_len)
        np.testing.assert_array_equal(targets, inputs + 1)
    seen = [value for stream in range(batch_size) for inputs, _ in segments for value in inputs[stream]]
    assert len(seen) == len(set(seen)) <= sum(length - 1 for length in lengths)
    assert not segments or segments[0][0][0, 0] == 0


def test_an_unfinished_segment_is_dropped_with_the_rest_of_all_streams():
    songs = [np.arange(11), np.arange(5)]
    packer = StreamPacker(lambda place: songs[place], 2, 2, 4)
    # One segment: the second stream has no tokens for another, though the first still holds six.
    assert [inputs.tolist() for inputs, _ in packer] == [[[0, 1, 2, 3], [0, 1, 2, 3]]]
    assert packer.position == 2


def test_a_shard_that_is_cut_off_while_it_is_in_use_is_told(sharded):
    """Reading what is not there any more would end the process."""
    found = Corpus.load(sharded, "train", VOCABULARY)
    last = len(found) - 1
    assert len(found.song(last))
    for path in (sharded / "train").glob("*.events.npy"):
        os.truncate(path, 128)
    with pytest.raises(FormatError, match="cut off while it was in use"):
        found.song(last)


@pytest.mark.parametrize(
    ("name", "value"),
    [("songs", -1), ("songs", "x"), ("shards", {}), ("shards", [3]), ("fingerprint", None), ("names_file", 5)],
)
def test_an_entry_of_a_manifest_that_is_none_is_named(sharded, name, value):
    path = sharded / "train" / "tx1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(FormatError, match=rf"tx1.json: ({name}|songs) is"):
        Corpus.load(sharded, "train", VOCABULARY)


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"x" * 500])
def test_an_array_of_a_shard_that_is_none_is_refused(sharded, data):
    train = sharded / "train"
    manifest = json.loads((train / "tx1.json").read_text())
    entry = manifest["shards"][0]
    (train / entry["events_file"]).write_bytes(data)
    entry["events_sha256"] = hashlib.sha256(data).hexdigest()
    (train / "tx1.json").write_text(json.dumps(manifest))
    with pytest.raises(FormatError, match="expected an array of numpy"):
        Corpus.load(sharded, "train", VOCABULARY)


def test_a_manifest_that_does_not_say_the_size_of_its_texts_is_refused(tmp_path):
    data = make_corpus(tmp_path / "data", train=3, valid=1)
    shard_corpus(data, Vocabulary.tx1())
    path = data / "train" / "tx1.json"
    path.write_text(path.read_text().replace('"text_bytes"', '"text_bytez"'))
    with pytest.raises(FormatError, match="the texts are not those of the shards"):
        Corpus.load(data, "train", Vocabulary.tx1())
