"""MIDI for other programs: General MIDI, which is read again to the tick."""

import io

import mido
import numpy as np
import pytest

import lakhnes
from conftest import TX1


def messages(data):
    file = mido.MidiFile(file=io.BytesIO(data))
    return file, [message for track in file.tracks for message in track]


def test_general_midi_has_audible_velocities_drums_and_programs(song):
    _, events = messages(song.to_midi(form="gm"))
    notes = [event for event in events if event.type == "note_on" and event.velocity > 0]
    assert min(note.velocity for note in notes) >= 100
    drums = [note.note for note in notes if note.channel == 9]
    assert drums
    assert all(35 <= key <= 81 for key in drums)
    programs = {event.channel: event.program for event in events if event.type == "program_change"}
    assert programs == {0: 81, 1: 81, 2: 39, 9: 0}


def test_it_is_read_again_as_the_song_whose_form_of_nesmdb_stays_the_default(song):
    assert lakhnes.Song.from_midi(song.to_midi(form="gm")) == song
    assert song.to_midi() == song.to_midi(form="nesmdb")
    with pytest.raises(ValueError, match="midi: expected nesmdb or gm, found xg"):
        song.to_midi(form="xg")


def test_dynamics_become_expression_and_come_back(song):
    expressive = song.express()
    data = expressive.to_midi(form="gm")
    _, events = messages(data)
    values = {event.value for event in events if event.type == "control_change" and event.control == 11}
    assert len(values) > 3
    again = lakhnes.Song.from_midi(data)
    for voice in ("p1", "p2", "no"):
        np.testing.assert_array_equal(again.voices[voice], expressive.voices[voice])
        np.testing.assert_array_equal(again.timbre_changes[voice], expressive.timbre_changes[voice])
    np.testing.assert_array_equal(again.perform().render_int16(), expressive.perform().render_int16())


def test_the_tempo_and_the_bars_are_those_of_the_notes():
    # 8 frames a row, rows of four a beat: 60 / (32 / 60.0988) = 112.7 beats a minute.
    frame, events = 733.8, []
    last = 0
    for row in range(256):
        at = round(8 * row * frame)
        if at > last:
            events.append(f"WT_{at - last}")
            last = at
        if row % 2 == 0:
            events += [f"P1_NOTEON_{60 + (row * 7 // 2) % 12}"]
        if row % 4 == 0:
            events += [f"TR_NOTEON_{40 + 5 * (row // 16 % 2)}"]
    song = lakhnes.Song.from_tx1("\n".join([*events, "WT_5000", "P1_NOTEOFF", "TR_NOTEOFF"]))
    file, events = messages(song.to_midi(form="gm"))
    tempo = next(event.tempo for event in events if event.type == "set_tempo")
    signature = next(event for event in events if event.type == "time_signature")
    beats = 60e6 / tempo
    assert min(abs(beats - multiple * 112.7) for multiple in (0.5, 1, 2)) < 0.5
    assert signature.numerator / signature.denominator in (1.0, 0.5, 2.0)
    assert file.ticks_per_beat == pytest.approx(tempo * 0.0441, abs=0.5)


def test_convert_writes_it_on_request_and_the_composing_commands_by_default(run, song_file, tmp_path):
    plain, general = tmp_path / "plain.mid", tmp_path / "general.mid"
    assert run("convert", song_file, "-o", plain).exit_code == 0
    assert run("convert", song_file, "-o", general, "--midi", "gm").exit_code == 0
    song = lakhnes.Song.from_tx1(TX1)
    assert plain.read_bytes() == song.to_midi()
    assert general.read_bytes() == song.to_midi(form="gm")
    assert run("convert", general, "-o", tmp_path / "again.mid").exit_code == 0
    assert (tmp_path / "again.mid").read_bytes() == song.to_midi()


def test_a_file_whose_tempo_another_program_has_changed_is_read_at_that_tempo(song):
    file = mido.MidiFile(file=io.BytesIO(song.to_midi(form="gm")))
    for track in file.tracks:
        for index, message in enumerate(track):
            if message.type == "set_tempo":
                track[index] = message.copy(tempo=2 * message.tempo)
    data = io.BytesIO()
    file.save(file=data)
    assert lakhnes.Song.from_midi(data.getvalue()).duration == pytest.approx(2 * song.duration, rel=1e-4)
