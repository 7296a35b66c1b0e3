"""Any MIDI file as one song of four voices, by API and command line; files made with mido."""

import io
import json

import mido
import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes.checkpoint import save_checkpoint
from small import tiny_model


def midi_of(*tracks: list[mido.Message]) -> bytes:
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    for messages in tracks:
        file.tracks.append(mido.MidiTrack(messages))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def chords(*pitches: list[int], channel: int = 0, length: int = 480) -> list[mido.Message]:
    """Chords one after another, each a beat (half a second) long."""
    messages = []
    for chord in pitches:
        messages += [mido.Message("note_on", note=pitch, velocity=90, channel=channel) for pitch in chord]
        messages += [
            mido.Message("note_off", note=pitch, channel=channel, time=length * (index == 0))
            for index, pitch in enumerate(chord)
        ]
    return messages


@pytest.fixture
def band() -> bytes:
    """Two chords of five notes, the second held after the first, and a drum on each beat."""
    drums = chords([36], [38], [36, 42], channel=9)
    return midi_of(chords([48, 60, 64, 67, 72], [43, 59, 62, 67, 74]), drums)


def test_every_voice_plays_and_every_note_is_accounted_for(band):
    song, report = lakhnes.Song.arrange(band)
    assert {name: len(notes) for name, notes in song.voices.items()} == {"p1": 2, "p2": 2, "tr": 2, "no": 3}
    assert song.voices["p1"][:, 2].tolist() == [72, 74]
    assert song.voices["tr"][:, 2].tolist() == [48, 43]
    assert report["notes"] == 14 == report["placed"] + len(report["unplaced"])
    lost = [(tick, channel, pitch, reason) for tick, channel, pitch, reason in report["unplaced"]]
    assert (0, 0, 60, "no free voice") in lost
    assert (44_100, 9, 42, "masked drum") in lost
    assert song.duration == 1.5


def test_arpeggios_take_in_what_finds_no_voice(band):
    song, report = lakhnes.Song.arrange(band, arpeggio=True)
    assert set(song.voices["p2"][:, 2].tolist()) == {60, 64, 67, 59, 62}
    assert report["arpeggiated"] == 4
    assert [reason for *_, reason in report["unplaced"]] == ["masked drum"]


def test_convert_arranges_tells_and_writes_what_can_be_read_again(run, band, tmp_path):
    source, out = tmp_path / "band.mid", tmp_path / "band.tx2.txt"
    source.write_bytes(band)
    result = run("convert", source, "-o", out, "--arrange")
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    assert result.stderr.startswith(
        f"{source}: 9 of 14 notes placed, 4 left out: no free voice, 1 left out: masked drum"
    )
    assert lakhnes.read(out).to_tx2() == lakhnes.Song.arrange(band)[0].to_tx2()
    facts = json.loads(run("convert", source, "-o", out, "--arrange", "--arpeggio", "--force", "--json").stdout)
    assert facts["arranged"][str(out)]["placed"] == 13


def test_render_plays_the_arrangement_by_file_and_by_pipe(run, process, band, tmp_path):
    source = tmp_path / "band.mid"
    source.write_bytes(band)
    result = run("render", source, "-o", tmp_path / "a.wav", "--arrange")
    assert result.exit_code == 0, result.stderr
    assert "9 of 14 notes placed" in result.stderr
    expected = lakhnes.Song.arrange(band)[0].perform().render_int16()
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], expected)
    piped = process("render", "-", "--from", "mid", "-o", "-", "--arrange", "-q", stdin=band)
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(piped.stdout), dtype="int16")[0], expected)
    facts = json.loads(run("render", source, "-o", tmp_path / "b.wav", "--arrange", "--json").stdout)
    assert facts["arranged"][str(source)]["notes"] == 14


def test_a_song_that_is_no_midi_is_refused_by_name(run, song_file, tmp_path):
    result = run("convert", song_file, "-o", tmp_path / "a.vgm", "--arrange")
    assert result.exit_code == 1
    assert f"{song_file}: tx1, expected MIDI to arrange" in result.stderr
    with pytest.raises(lakhnes.FormatError, match="byte 0: expected a MIDI file"):
        lakhnes.Song.arrange(b"no MIDI")


def test_one_bad_file_does_not_stop_the_others(run, band, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mid").write_bytes(band)
    (tmp_path / "in" / "b.mid").write_bytes(b"MThd")
    for command, options in (("render", ()), ("convert", ("--to", "vgm"))):
        result = run(command, tmp_path / "in", "-o", tmp_path / command, "--arrange", *options)
        assert result.exit_code == 1
        assert len(result.stdout.split()) == 1
        assert "b.mid: byte 0" in result.stderr


HINT = "not NES-MDB's MIDI (tracks: unnamed, unnamed); --arrange makes four voices of any MIDI file"


ORDINARY = [
    ["info", "IN"],
    ["plot", "IN", "-o", "DIR/a.png"],
    ["play", "IN", "--sink", "DIR/a.wav", "--force"],
    ["render", "IN", "-o", "DIR/a.wav"],
    ["convert", "IN", "-o", "DIR/a.tx1.txt"],
    ["continue", "IN", "-m", "DIR/model", "--length", "20", "-o", "DIR/out"],
    ["accompany", "IN", "-m", "DIR/model", "--length", "20", "-o", "DIR/out"],
    ["infill", "IN", "-m", "DIR/model", "--voices", "p2", "-o", "DIR/out"],
    ["data", "stats", "DIR/in"],
]
"""Commands that take ordinary MIDI."""


@pytest.mark.parametrize("command", ORDINARY, ids=lambda command: command[0])
def test_every_command_that_reads_a_song_arranges_it_or_says_what_to_do(run, band, tmp_path, command):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "band.mid").write_bytes(band)
    save_checkpoint(tiny_model(), tmp_path / "model")
    words = [word.replace("IN", str(tmp_path / "in" / "band.mid")).replace("DIR", str(tmp_path)) for word in command]
    plain = run(*words)
    assert plain.exit_code == 1
    assert plain.stderr.count(str(tmp_path / "in" / "band.mid")) == 1
    assert HINT in plain.stderr
    arranged = run(*words, "--arrange", "--arpeggio", "--part", "tr=1")
    assert arranged.exit_code == 0, arranged.stderr
    alone = run(*words, "--part", "tr=1")
    assert alone.exit_code == 2
    assert "--part needs --arrange" in alone.stderr


def test_a_voice_plays_the_part_that_is_chosen_for_it(run, tmp_path):
    tracks = [chords([72], [74], [76]), chords([60], [62], [64], channel=1), chords([48], [50], [52], channel=2)]
    tracks[1].insert(0, mido.MetaMessage("track_name", name="Second Violin"))
    data = midi_of(*tracks)
    song, _ = lakhnes.Song.arrange(data, parts={"p1": "3", "tr": "violin"})
    assert song.voices["p1"][:, 2].tolist() == [48, 50, 52]
    assert song.voices["tr"][:, 2].tolist() == [60, 62, 64]
    with pytest.raises(ValueError, match="part: expected a channel with notes of its own"):
        lakhnes.Song.arrange(data, parts={"p1": "9"})
    with pytest.raises(ValueError, match="voice: expected p1, p2, tr or no"):
        lakhnes.Song.arrange(data, parts={"dmc": "1"})
    (tmp_path / "a.mid").write_bytes(data)
    options = ["--arrange", "--part", "p1=3", "--part", "tr=violin"]
    assert run("convert", tmp_path / "a.mid", "-o", tmp_path / "a.tx2.txt", *options).exit_code == 0
    assert lakhnes.read(tmp_path / "a.tx2.txt").to_tx2() == song.to_tx2()
    for wrong in ("p1", "p5=1", "p1="):
        refused = run("convert", tmp_path / "a.mid", "-o", tmp_path / "b.tx2.txt", "--arrange", "--part", wrong)
        assert refused.exit_code == 2


def test_channels_count_from_one_in_json_as_in_pictures(run, band, tmp_path):
    (tmp_path / "band.mid").write_bytes(band)
    facts = json.loads(run("convert", tmp_path / "band.mid", tmp_path / "a.mid", "--arrange", "--json").stdout)
    (report,) = facts["arranged"].values()
    assert {row[1] for row in report["unplaced"]} == {1, 10}
