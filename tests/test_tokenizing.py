"""Many files at once as token ids."""

import numpy as np
import pytest

import lakhnes
from music_files import melody


@pytest.fixture
def files(tmp_path):
    """Return songs in every format, more than there are threads."""
    paths = []
    for seed in range(12):
        song = lakhnes.Song.from_midi(melody(seed, count=20))
        for suffix in ("mid", "tx1.txt", "tx2.txt"):
            paths.append(tmp_path / f"{seed}.{suffix}")
            lakhnes.write(song, paths[-1])
    return paths


@pytest.mark.parametrize("dialect", ["tx1", "tx2"])
def test_files_give_the_ids_of_their_texts_in_their_order(files, dialect):
    vocabulary = lakhnes.Vocabulary(dialect)
    ids, offsets = lakhnes.tokenize_files(files, dialect)
    assert (ids.dtype, offsets.dtype, len(offsets), offsets[0], offsets[-1]) == (
        np.int32,
        np.int64,
        len(files) + 1,
        0,
        len(ids),
    )
    for index, path in enumerate(files):
        song = lakhnes.read(path)
        text = song.to_tx1() if dialect == "tx1" else song.to_tx2()
        assert np.array_equal(ids[offsets[index] : offsets[index + 1]], vocabulary.encode(text)), path


def test_the_number_of_jobs_changes_nothing(files):
    one, four = (lakhnes.tokenize_files(files, jobs=jobs) for jobs in (1, 4))
    assert np.array_equal(one.ids, four.ids)
    assert np.array_equal(one.offsets, four.offsets)


def test_a_text_of_the_vocabularys_own_keeps_its_boundaries_and_waits(tmp_path):
    path = tmp_path / "a.tx1.txt"
    path.write_text("<S>\nWT_104\nWT_5\nP1_NOTEON_60\nWT_9\n<S>\n")
    assert lakhnes.tokenize_files([path], lakhnes.Vocabulary.tx1()).ids.tolist() == [0, 100, 5, 399, 9, 0]


def test_no_files_are_no_songs():
    ids, offsets = lakhnes.tokenize_files([])
    assert (ids.tolist(), offsets.tolist()) == ([], [0])


def test_the_first_bad_file_is_named_with_its_place(files, tmp_path):
    late, early, lines = tmp_path / "late.mid", tmp_path / "early.mid", tmp_path / "lines.tx1.txt"
    late.write_bytes(b"no song")
    early.write_bytes(b"MThd")
    lines.write_text("WT_5\nP9_NOTEON_60")
    with pytest.raises(lakhnes.FormatError, match=r"early\.mid: byte "):
        lakhnes.tokenize_files([*files, early, *files, late], jobs=4)
    with pytest.raises(lakhnes.TokenError, match=r"lines\.tx1\.txt: line 2: expected "):
        lakhnes.tokenize_files([lines])
    with pytest.raises(FileNotFoundError, match=r"no such file.*nowhere\.mid"):
        lakhnes.tokenize_files([tmp_path / "nowhere.mid"])
    sound = tmp_path / "a.wav"
    sound.touch()
    with pytest.raises(lakhnes.FormatError, match="must end in one of"):
        lakhnes.tokenize_files([sound])
    with pytest.raises(lakhnes.TokenError, match="expected the vocabulary"):
        lakhnes.tokenize_files(files, "tx4")
