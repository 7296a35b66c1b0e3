import copy
import io
import pickle

import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakhnes
from conftest import TX1
from lakhnes import RegisterLog, Song
from lakhnes.files import PLAYABLE


@st.composite
def tx2_texts(draw):
    """Legal TX2 texts in the order in which they are written."""
    lines = []
    held = dict.fromkeys(["P1", "P2", "TR", "NO"], False)
    pitches = {"P1": (33, 108), "P2": (33, 108), "TR": (21, 108), "NO": (1, 16)}
    for _ in range(draw(st.integers(1, 20))):
        for voice, (low, high) in pitches.items():
            choice = draw(st.sampled_from(["rest", "on", "off"]))
            if choice == "on":
                lines.append(f"{voice}_NOTEON_{draw(st.integers(low, high))}")
                held[voice] = True
                if voice != "TR":
                    lines.append(f"{voice}_VELOCITY_{draw(st.integers(1, 15))}")
            elif choice == "off" and held[voice]:
                lines.append(f"{voice}_NOTEOFF")
                held[voice] = False
        lines.append(f"WT_{draw(st.integers(1, 100_000))}")
    return "\n".join([*lines, *(f"{voice}_NOTEOFF" for voice, on in held.items() if on)])


@given(tx2_texts())
def test_midi_and_tx2_round_trips_are_fixed_points(text):
    song = Song.from_tx2(text)
    assert Song.from_tx2(song.to_tx2()).to_tx2() == song.to_tx2()
    assert Song.from_midi(song.to_midi()).to_midi() == song.to_midi()
    assert Song.from_midi(song.to_midi()).to_tx2() == song.to_tx2()


def test_a_written_text_is_what_was_read(song):
    assert song.to_tx1() == TX1
    assert Song.from_bytes(TX1.encode(), "tx1") == song


def test_notes_are_arrays_of_start_end_pitch_and_velocity(song):
    assert song.length == 11025 + 11025 + 5000 + 441
    assert song.duration == pytest.approx(song.length / 44_100)
    assert list(song.voices) == ["p1", "p2", "tr", "no"]
    assert song.voices["p1"].tolist() == [[0, 11025, 69, 15], [11025, 22050, 72, 15]]
    assert song.voices["tr"].tolist() == [[11025, 27050, 45, 1]]
    assert song.voices["no"].dtype == np.int64


def test_changes_within_notes_are_arrays_of_tick_and_value():
    song = Song.from_tx2("P1_NOTEON_60\nP1_VELOCITY_9\nP1_TIMBRE_2\nWT_100\nP1_VELOCITY_3\nWT_100\nP1_NOTEOFF")
    assert song.velocity_changes["p1"].tolist()[-1] == [100, 3]
    assert song.timbre_changes["p1"].tolist() == [[0, 2]]
    assert song.timbre_changes["tr"].shape == (0, 2)


def test_the_piano_roll_shows_each_voice_while_it_sounds(song):
    roll = song.piano_roll(frame_rate=100)
    assert roll.shape == (4, 128, int(song.duration * 100))
    assert roll.dtype == np.uint8
    assert (roll[0, 69, :25] == 15).all()
    assert (roll[0, 72, 25:50] == 15).all()
    assert roll[0].any(axis=0).sum() == 50
    with pytest.raises(lakhnes.LimitError, match="frames"):
        song.piano_roll(frame_rate=1e9)
    with pytest.raises(ValueError, match="frame_rate"):
        song.piano_roll(frame_rate=0)


def test_pretty_midi_has_the_same_notes(song):
    midi = song.to_pretty_midi()
    assert isinstance(midi, pretty_midi.PrettyMIDI)
    assert [instrument.name for instrument in midi.instruments] == ["p1", "p2", "tr", "no"]
    assert midi.instruments[0].notes[1].start == pytest.approx(0.25)
    again = io.BytesIO()
    midi.write(again)
    assert Song.from_midi(again.getvalue()).voices["p2"].tolist() == song.voices["p2"].tolist()


def test_songs_and_logs_are_values(song):
    assert copy.deepcopy(song) == song
    log = song.perform()
    assert pickle.loads(pickle.dumps(log)) == log
    assert song != Song.from_tx1("WT_5")
    assert repr(song) == "Song(5 notes, 0.623 s)"


@pytest.mark.parametrize("format", PLAYABLE)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_one_line(format, data):
    try:
        Song.from_bytes(data, format)
    except lakhnes.LakhnesError as error:
        assert "\n" not in str(error)
        assert "expected" in str(error)


@pytest.mark.parametrize("format", PLAYABLE)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_log_or_refused_in_one_line(format, data):
    try:
        RegisterLog.from_bytes(data, format)
    except lakhnes.LakhnesError as error:
        assert "\n" not in str(error)
        assert "expected" in str(error) or "supported" in str(error)


def test_vgm_keeps_a_log(song):
    log = song.perform()
    assert RegisterLog.from_vgm(log.to_vgm()) == log
    assert log.writes.shape[1] == 3
    assert RegisterLog(log.writes, log.length).render().tolist() == log.render().tolist()


@pytest.mark.parametrize("row", [[-1, 0, 0], [0, 24, 0], [0, 0, 256], [0, -1, 0]])
def test_an_impossible_write_is_refused(row):
    with pytest.raises(ValueError, match="write 0"):
        RegisterLog(np.array([row]), 100)


def test_an_unknown_format_or_option_is_refused(song):
    with pytest.raises(ValueError, match="mp3: expected one of tx1 tx2 tx3 mid"):
        Song.from_bytes(b"", "mp3")
    log = song.perform()
    for wrong in ({"mixer": "x"}, {"filter": "x"}, {"sample_rate": 7_999}, {"loops": 0}, {"fade": -1}):
        with pytest.raises(ValueError, match="expected"):
            log.render(**wrong)  # type: ignore[arg-type]


def test_a_song_with_voices_of_another_is_as_long_as_the_longer(song):
    other = lakhnes.Song.from_tx1("P2_NOTEON_60\nWT_44100\nP2_NOTEOFF")
    mixed = song.with_voices(other, ["p2", "no"])
    assert mixed.length == max(song.length, 44_100)
    for voice, source in {"p1": song, "p2": other, "tr": song, "no": other}.items():
        np.testing.assert_array_equal(mixed.voices[voice], source.voices[voice])
    with pytest.raises(ValueError, match="voice: expected p1, p2, tr or no, found dmc"):
        song.with_voices(other, ["dmc"])


def test_expressing_a_flat_song_gives_it_dynamics_and_leaves_another_alone(song):
    assert song.is_flat
    expressed = song.express()
    assert not expressed.is_flat
    assert len(expressed.velocity_changes["p1"])
    assert expressed.express() == expressed
    assert expressed.voices["p1"][:, :3].tolist() == song.voices["p1"][:, :3].tolist()
