"""Loops in WAV files, and the warnings that a VGM file gives."""

import json
import struct

import numpy as np
import pytest
import soundfile

import lakhnes


def looped(song):
    log = song.perform()
    return lakhnes.RegisterLog(log.writes, log.length, loop_start=11_025)


def chunks(data):
    """The chunks of a RIFF file, whose lengths must add up."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WAVE")
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    found, place = {}, 12
    while place < len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        found[name.decode()] = data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    assert place == len(data)
    return found


def loop_of(data):
    """First and last sample of the one loop, which goes forward and for ever."""
    smpl = struct.unpack("<15I", chunks(data)["smpl"])
    assert smpl[7:11] == (1, 0, 0, 0)
    assert smpl[13:] == (0, 0)
    return smpl[11:13]


def test_a_wav_file_says_where_the_music_loops(song, tmp_path):
    log = looped(song)
    lakhnes.write(log, tmp_path / "once.wav")
    assert loop_of((tmp_path / "once.wav").read_bytes()) == (11_025, log.length - 1)
    lakhnes.write(log, tmp_path / "more.wav", loops=3, fade=1.0, sample_rate=22_050)
    turn = log.length - 11_025
    assert loop_of((tmp_path / "more.wav").read_bytes()) == ((11_025 + 2 * turn) // 2, (log.length + 2 * turn) // 2 - 1)
    samples, rate = soundfile.read(tmp_path / "once.wav", dtype="int16")
    np.testing.assert_array_equal(samples, log.render_int16())
    assert rate == 44_100
    assert log.loop_samples(sample_rate=22_050) == (5_512, log.length // 2)
    assert song.perform().loop_samples() is None


def test_a_loop_goes_on_as_it_begins(song):
    """What is heard after the last sample of the loop is what stands at its first, where the chip comes round again."""
    log = looped(song)
    start, end = log.loop_samples(loops=3)
    sound = log.render(loops=4, filter="none")
    assert np.abs(sound[end : end + 5_000] - sound[start : start + 5_000]).mean() < 0.01


def test_a_song_without_a_loop_has_no_such_chunk(song, tmp_path):
    lakhnes.write(song, tmp_path / "x.wav")
    assert set(chunks((tmp_path / "x.wav").read_bytes())) == {"fmt ", "data"}


def test_every_way_to_render_says_where_the_music_loops(song, run, process, tmp_path):
    log = looped(song)
    lakhnes.write(log, tmp_path / "x.vgm")
    expected = log.loop_samples(loops=2)
    expected = (expected[0], expected[1] - 1)
    assert run("render", tmp_path / "x.vgm", "-o", tmp_path / "a.wav").exit_code == 0
    assert loop_of((tmp_path / "a.wav").read_bytes()) == expected
    assert run("render", tmp_path / "x.vgm", "-o", tmp_path / "s.wav", "--stems").exit_code == 0
    assert loop_of((tmp_path / "s.tr.wav").read_bytes()) == expected
    piped = process("render", tmp_path / "x.vgm", "-o", "-")
    assert piped.stdout == (tmp_path / "a.wav").read_bytes()
    assert run("convert", tmp_path / "x.vgm", "-o", tmp_path / "c.wav").exit_code == 0
    assert loop_of((tmp_path / "c.wav").read_bytes()) == (11_025, log.length - 1)
    piped = process("convert", tmp_path / "x.vgm", "-o", "-", "--to", "wav")
    assert piped.stdout == (tmp_path / "c.wav").read_bytes()
    assert run("render", tmp_path / "x.vgm", "-o", tmp_path / "a.flac").exit_code == 0
    flac, wav = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("a.flac", "a.wav"))
    np.testing.assert_array_equal(flac, wav)


def test_a_loop_of_no_samples_is_refused(tmp_path):
    with pytest.raises(ValueError, match="loop: expected samples of a WAV file"):
        lakhnes.write_audio(tmp_path / "x.wav", np.zeros(9, np.int16), loop=(5, 5))
    assert list(tmp_path.iterdir()) == []


def vgm_with_other_chips(song, count):
    """A VGM file with so many commands for a YM2612 in front of the song."""
    data = bytearray(song.perform().to_vgm())
    data[0xC0:0xC0] = bytes([0x52, 0x28, 0x00]) * count
    return bytes(data)


def test_commands_for_other_chips_are_left_out_with_a_warning(song, run, tmp_path):
    path = tmp_path / "x.vgm"
    path.write_bytes(vgm_with_other_chips(song, 3))
    warning = f"{path}: 3 commands for other sound chips left out"
    with pytest.warns(lakhnes.LakhnesWarning) as caught:
        assert lakhnes.read_log(path) == song.perform()
    assert [str(one.message) for one in caught] == [warning]
    assert lakhnes.RegisterLog.from_vgm(path.read_bytes()).skipped_commands == 3
    for target in ("x.wav", "x.flac"):
        result = run("render", path, "-o", tmp_path / target)
        assert (result.exit_code, result.stderr) == (0, f"Warning: {warning}\n")
    result = run("convert", path, "-o", tmp_path / "x.mid", "--json")
    assert result.stderr == f"Warning: {warning}\n"
    assert json.loads(result.stdout)["failed"] == []
    assert run("info", path, "-q").stderr == ""
    assert run("info", path).stderr == f"Warning: {warning}\n"


def test_chips_that_are_not_played_are_refused_in_one_line(song, run, tmp_path):
    for bit, words in ((0x80, "the sound chip of the Famicom Disk System"), (0x40, "a second NES APU")):
        data = bytearray(song.perform().to_vgm())
        data[0x87] |= bit
        (tmp_path / "x.vgm").write_bytes(data)
        result = run("render", tmp_path / "x.vgm", "-o", tmp_path / "x.wav")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"Error: {tmp_path / 'x.vgm'}: byte 132: {words} is not supported\n"
        assert not (tmp_path / "x.wav").exists()
