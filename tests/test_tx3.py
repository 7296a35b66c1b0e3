"""TX3 in Python: texts, vocabulary, grammar, facts; the reader against its twin; audio of round trips."""

import os
import pickle
import tarfile

import numpy as np
import pytest

import lakhnes
import tx3_twin
from audio_distance import audio_distance
from lakhnes._native import Tx3Grammar, tx3_facts, tx3_song_and_loop

FRAME = 733.79152
ALL = os.environ.get("LAKHNES_ALL_SONGS") == "1"


def songs(shared, step):
    """Give every so many songs of NES-MDB, with their names."""
    with tarfile.open(shared / "data" / "nesmdb_midi_train_valid.tar.xz") as archive:
        members = (member for member in archive if member.name.endswith(".mid"))
        for index, member in enumerate(members):
            if index % step == 0:
                yield member.name, lakhnes.Song.from_midi(archive.extractfile(member).read())


def steady():
    """Sixteen notes of the triangle on rows of six frames, each five frames long."""
    ticks = [round(frame * FRAME) for row in range(17) for frame in (6 * row, 6 * row + 5)]
    lines = []
    for row in range(16):
        on, off, then = ticks[2 * row : 2 * row + 3]
        lines += [f"TR_NOTEON_{40 + row % 3}", f"WT_{off - on}", "TR_NOTEOFF", f"WT_{then - off}"]
    return lakhnes.Song.from_tx1("\n".join(lines))


def test_a_song_is_rows_and_one_length():
    text = steady().to_tx3()
    lines = text.split("\n")
    assert lines[:6] == ["TEMPO_6", "METER_16", "BAR", "TR_NOTEON_40", "TR_LEN_5", "ROW_1"]
    assert "NOTEOFF" not in text
    assert lines[-1] == "BAR"
    assert lakhnes.Song.from_tx3(text) == steady().on_frames() == steady()


def test_the_vocabulary_is_that_of_the_texts():
    vocabulary = lakhnes.Vocabulary.tx3()
    text = steady().to_tx3()
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert vocabulary.dialect == "tx3"
    assert len(vocabulary.symbols) == len(vocabulary) < 1024
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary == lakhnes.Vocabulary("tx3")
    with pytest.raises(lakhnes.TokenError, match=r"^line 1: expected TEMPO_2 to 24, found \"TEMPO_99\"$"):
        vocabulary.encode("TEMPO_99")


def test_facts_say_tempo_and_density():
    facts = tx3_facts(steady())
    assert (facts["frames_a_row"], facts["rows_a_bar"], facts["on_rows"]) == (6, 16, 1)
    assert facts["voices"]["p1"]["density_class"] == "none"
    assert "DENSITY_P1_NONE" in facts["controls"]
    assert facts["beats_a_minute"] == pytest.approx(150.2, abs=0.1)


def test_a_loop_is_kept():
    start = round(48 * FRAME)
    text = steady().to_tx3(controls=True, loop_start=start)
    assert "ENDS_LOOP" in text
    assert tx3_song_and_loop(text) == (steady(), start)


def test_the_grammar_admits_a_batch_of_songs():
    vocabulary = lakhnes.Vocabulary.tx3()
    ids = vocabulary.encode(steady().to_tx3())
    grammar = Tx3Grammar(2)
    for token in ids:
        allowed = grammar.allowed()
        assert allowed.shape == (2, len(vocabulary))
        assert allowed[:, token].all()
        grammar.advance(np.array([token, token]))
    assert grammar.ticks.tolist() == [steady().length] * 2
    assert grammar.select([1, 1, 0]).bars.tolist() == [2, 2, 2]
    assert grammar.allowed()[0, 0]
    with pytest.raises(ValueError, match="one a song"):
        grammar.advance(np.array([1]))
    with pytest.raises(lakhnes.TokenError, match="id 5000 at position 1"):
        grammar.advance(np.array([1, 5000]))


def test_what_the_grammar_lets_be_drawn_is_a_song():
    vocabulary, rng = lakhnes.Vocabulary.tx3(), np.random.default_rng(0)
    grammar = Tx3Grammar(4)
    drawn = []
    for _ in range(300):
        allowed = grammar.allowed()
        allowed[:, 0] = False
        tokens = np.array([rng.choice(np.flatnonzero(row)) for row in allowed])
        grammar.advance(tokens)
        drawn.append(tokens)
    for song, ticks in zip(np.array(drawn).T, grammar.ticks, strict=True):
        assert lakhnes.Song.from_tx3(vocabulary.decode(song)).length == ticks


def test_a_second_reader_finds_the_same_notes(shared):
    for name, song in songs(shared, 200):
        text = song.to_tx3()
        framed = song.on_frames()
        period, phase = tx3_facts(song)["frame_period"], tx3_facts(song)["frame_phase"]
        for voice, found in tx3_twin.notes(text).items():
            expected = framed.voices[voice.lower()][:, :3]
            frames = np.rint(expected[:, :2] / period - phase).astype(int).clip(0)
            assert [tuple(row) for row in np.column_stack([frames, expected[:, 2]]).tolist()] == found, (name, voice)


def test_songs_are_fixed_points(shared):
    for name, song in songs(shared, 1 if ALL else 100):
        text = song.to_tx3()
        assert lakhnes.Song.from_tx3(text).to_tx3() == text, name


def test_round_trips_sound_alike(shared):
    distances = []
    for _, song in songs(shared, 24 if ALL else 600):
        if 2 < song.duration < 90:
            sounds = [lakhnes.render(each) for each in (song, lakhnes.Song.from_tx3(song.to_tx3()))]
            distances.append(audio_distance(*sounds))
    assert np.median(distances) < (1 if ALL else 1.5)
    print(f"median distance of {len(distances)} songs: {np.median(distances):.3f}")
