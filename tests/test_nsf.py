"""NSF files: as bytes, and as libgme plays them, where it is installed."""

import numpy as np
import pytest

import lakhnes
import libgme
from audio_distance import audio_distance
from nsf_files import tune
from onsets import level_errors, onset_errors

plays = pytest.mark.skipif(libgme.load() is None, reason="libgme is not installed (Debian: libgme0)")


def test_a_song_becomes_an_nsf_file(run, song_file, tmp_path):
    result = run("convert", song_file, "-o", tmp_path / "x.nsf")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'x.nsf'}\n"), result.stderr
    data = (tmp_path / "x.nsf").read_bytes()
    assert data[:6] == b"NESM\x1a\x01"
    assert int.from_bytes(data[0x6E:0x70], "little") == 16_639
    lakhnes.write(lakhnes.read(song_file), tmp_path / "y.nsf", title="song")
    assert (tmp_path / "y.nsf").read_bytes() == data == lakhnes.read(song_file).perform().to_nsf(title="song")


def test_a_song_without_a_title_is_called_after_its_file_and_one_with_a_title_is_not(run, process, song_file, tmp_path):
    def title(path):
        return path.read_bytes()[0x0E:0x2E].rstrip(b"\0")

    source = song_file.with_name("Overworld 1-1.tx1.txt")
    source.write_bytes(song_file.read_bytes())
    assert run("convert", source, "-o", tmp_path / "x.nsf").exit_code == 0
    assert title(tmp_path / "x.nsf") == b"Overworld 1-1"
    piped = process("convert", "-", "--from", "tx1", "-o", tmp_path / "y.nsf", stdin=source.read_bytes())
    assert piped.returncode == 0
    assert title(tmp_path / "y.nsf") == b"<?>"
    vgm = bytearray(lakhnes.read(source).perform().to_vgm())
    text = ("Its name" + 11 * "\0").encode("utf-16-le")
    tag = b"Gd3 \x00\x01\x00\x00" + len(text).to_bytes(4, "little") + text
    vgm[0x14:0x18] = (len(vgm) - 0x14).to_bytes(4, "little")
    vgm += tag
    vgm[4:8] = (len(vgm) - 4).to_bytes(4, "little")
    (tmp_path / "z.vgm").write_bytes(vgm)
    assert run("convert", tmp_path / "z.vgm", "-o", tmp_path / "z.nsf").exit_code == 0
    assert title(tmp_path / "z.nsf") == b"Its name"


def test_a_log_that_an_nsf_cannot_hold_is_refused_in_one_line(song, run, tmp_path):
    writes = song.perform().writes
    dendy = lakhnes.RegisterLog(writes, song.length, standard="dendy")
    with pytest.raises(lakhnes.FormatError, match="NSF cannot hold a log of a Dendy console"):
        dendy.to_nsf()
    with pytest.raises(ValueError, match="timing: expected exact or frame, found loose"):
        song.perform().to_nsf(timing="loose")
    lakhnes.write(dendy, tmp_path / "d.vgm")
    result = run("convert", tmp_path / "d.vgm", "-o", tmp_path / "d.nsf")
    assert result.exit_code == 1
    assert "NSF cannot hold" in result.stderr
    assert not (tmp_path / "d.nsf").exists()


def test_an_nsf_file_is_read_as_the_song_that_was_written(song, tmp_path):
    lakhnes.write(song, tmp_path / "x.nsf")
    again = lakhnes.read(tmp_path / "x.nsf")
    for voice, notes in song.voices.items():
        assert again.voices[voice][:, 2].tolist() == notes[:, 2].tolist()
        assert np.abs(again.voices[voice][:, :2] - notes[:, :2]).max() <= 88


@plays
@pytest.mark.parametrize("timing", ["exact", "frame"])
@pytest.mark.parametrize("standard", ["ntsc", "pal"])
def test_libgme_plays_what_we_render(song, timing, standard):
    """Its mixer is the linear one; its output has no offset and little treble."""
    log = song.perform()
    log = lakhnes.RegisterLog(log.writes, log.length, standard=standard)
    ours = log.render(filter="none", mixer="linear")
    with libgme.open_nsf(log.to_nsf(timing=timing)) as player:
        player.equalize()
        theirs = player.play(len(ours))
    assert np.abs(theirs).max() > 1_000
    assert audio_distance(ours, theirs) < 2.0


@plays
def test_libgme_and_we_agree_in_onsets_and_level():
    """To a frame, and to 1 dB nine times in ten; libgme reads the file, and so do we."""
    onsets, levels = [], []
    for seed in range(4):
        data = tune(seed, notes=40).perform().to_nsf()
        log = lakhnes.NsfFile.from_bytes(data).run(find_silence=False, max_duration=8)[0]
        ours = log.render(filter="none", mixer="linear").astype(float)
        with libgme.open_nsf(data) as player:
            player.equalize()
            theirs = player.play(len(ours)).astype(float)
        onsets.append(onset_errors(ours, theirs))
        levels.append(level_errors(ours, theirs))
    assert len(np.concatenate(onsets)) > 40
    assert np.concatenate(onsets).max() <= 1 / 60
    assert np.percentile(np.concatenate(levels), 90) < 1.0


@plays
def test_libgme_refuses_what_is_no_nsf():
    with pytest.raises(RuntimeError), libgme.open_nsf(b"NESM no"):
        pass
