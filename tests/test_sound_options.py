"""How loud sound is, what files say about it, and where it goes on."""

import numpy as np
import pytest
import soundfile

import lakhnes
from conftest import TX1


def peak_of(path):
    samples, _ = soundfile.read(path)
    return 20 * np.log10(np.abs(samples).max())


@pytest.fixture
def long_file(tmp_path):
    path = tmp_path / "long.tx1.txt"
    path.write_text("\n".join([TX1] * 8))
    return path


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_peak_is_where_it_was_asked_for(run, song_file, tmp_path, format):
    for level, expected in (("-1dBFS", -1.0), ("-6", -6.0), ("dBFS", -1.0), ("0dBFS", 0.0)):
        out = tmp_path / f"{level}.{format}"
        result = run("render", song_file, "-o", out, "--normalize", level)
        assert result.exit_code == 0, result.stderr
        assert peak_of(out) == pytest.approx(expected, abs=0.01)


def loudness_of(samples, rate):
    """Loudness by ITU-R BS.1770-4, of a signal of 48 kHz."""
    from scipy.signal import lfilter

    assert rate == 48_000
    shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
    high_pass = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    weighted = lfilter(*high_pass, lfilter(*shelf, samples))
    block, step = int(0.4 * rate), int(0.1 * rate)
    powers = np.array([np.square(weighted[at : at + block]).mean() for at in range(0, len(weighted) - block + 1, step)])
    powers = powers[-0.691 + 10 * np.log10(powers + 1e-20) > -70]
    relative = -0.691 + 10 * np.log10(powers.mean()) - 10
    powers = powers[-0.691 + 10 * np.log10(powers) > relative]
    return -0.691 + 10 * np.log10(powers.mean())


def test_a_loudness_is_that_of_the_standard(run, long_file, tmp_path):
    out = tmp_path / "a.wav"
    result = run("render", long_file, "-o", out, "--normalize", "-23LUFS", "--rate", "48000")
    assert result.exit_code == 0, result.stderr
    assert loudness_of(*soundfile.read(out)) == pytest.approx(-23.0, abs=0.1)


def test_what_would_go_beyond_full_scale_is_refused(run, long_file, tmp_path):
    for options in (["--normalize", "0LUFS"], ["--gain", "60"], ["--normalize", "-1dBFS", "--gain", "2"]):
        result = run("render", long_file, "-o", tmp_path / "a.wav", *options)
        assert result.exit_code == 1
        assert "dB above it: a lower --gain or --normalize fits" in result.stderr
        assert not (tmp_path / "a.wav").exists()
    for wrong in ("loud", "3dBFS", "-200LUFS"):
        assert run("render", long_file, "-o", tmp_path / "a.wav", "--normalize", wrong).exit_code == 2


def test_a_gain_makes_louder_and_softer(run, song_file, tmp_path):
    for gain in (0, -6, 3):
        assert run("render", song_file, "-o", tmp_path / f"{gain}.wav", "--gain", gain).exit_code == 0
    plain = peak_of(tmp_path / "0.wav")
    assert peak_of(tmp_path / "-6.wav") == pytest.approx(plain - 6, abs=0.02)
    assert peak_of(tmp_path / "3.wav") == pytest.approx(plain + 3, abs=0.02)


def test_stems_keep_their_balance(run, song_file, tmp_path):
    assert run("render", song_file, "-o", tmp_path / "a.wav", "--stems").exit_code == 0
    assert run("render", song_file, "-o", tmp_path / "b.wav", "--stems", "--normalize", "dBFS").exit_code == 0
    voices = ("p1", "p2", "tr", "no")
    gains = [peak_of(tmp_path / f"b.{voice}.wav") - peak_of(tmp_path / f"a.{voice}.wav") for voice in voices]
    assert max(gains) - min(gains) < 0.1
    assert min(gains) > 1


def test_silence_stays_silent(run, tmp_path):
    (tmp_path / "s.tx1.txt").write_text("WT_44100")
    assert run("render", tmp_path / "s.tx1.txt", "-o", tmp_path / "s.wav", "--normalize", "-14LUFS").exit_code == 0


TAGS = ["--title", "Ein Lied", "--artist", "A. Musician", "--copyright", "2026 Nobody"]


def test_tags_reach_every_kind_of_file(run, song_file, tmp_path):
    for format in ("wav", "flac", "ogg", "vgm", "vgz", "nsf"):
        out = tmp_path / f"a.{format}"
        result = run("convert", song_file, "-o", out, *TAGS)
        assert result.exit_code == 0, result.stderr
        if format in ("wav", "flac", "ogg"):
            with soundfile.SoundFile(out) as file:
                assert (file.title, file.artist, file.copyright) == ("Ein Lied", "A. Musician", "2026 Nobody")
        elif format != "vgz":
            data = out.read_bytes()
            coding = "utf-16-le" if format == "vgm" else "ascii"
            for text in ("Ein Lied", "A. Musician", "2026 Nobody"):
                assert text.encode(coding) in data
    assert lakhnes.read_log(tmp_path / "a.vgz") == lakhnes.read_log(tmp_path / "a.vgm")


def test_without_a_title_a_file_is_called_as_its_song(run, song_file, tmp_path):
    assert run("convert", song_file, "-o", tmp_path / "a.flac").exit_code == 0
    with soundfile.SoundFile(tmp_path / "a.flac") as file:
        assert file.title == "song"
    assert run("convert", song_file, "-o", tmp_path / "a.vgm", "--artist", "Me").exit_code == 0
    assert "song".encode("utf-16-le") in (tmp_path / "a.vgm").read_bytes()
    plain = run("convert", song_file, "-o", tmp_path / "b.wav")
    assert plain.exit_code == 0
    assert b"LIST" not in (tmp_path / "b.wav").read_bytes()


def test_a_loop_point_reaches_vgm_and_sound(run, song, song_file, tmp_path):
    assert run("convert", song_file, "-o", tmp_path / "a.vgm", "--loop-start", "0.25").exit_code == 0
    assert lakhnes.read_log(tmp_path / "a.vgm").loop_start == 11_025
    result = run("render", song_file, "-o", tmp_path / "a.wav", "--loop-start", "0.25", "--loops", "3", "--fade", "0")
    assert result.exit_code == 0, result.stderr
    assert soundfile.info(tmp_path / "a.wav").frames == song.length + 2 * (song.length - 11_025)
    late = run("render", song_file, "-o", tmp_path / "b.wav", "--loop-start", "9")
    assert late.exit_code == 1
    assert str(song_file) in late.stderr


def test_python_writes_the_same(song, tmp_path):
    lakhnes.write(song, tmp_path / "a.wav", normalize=(-3.0, "dBFS"), tags={"title": "T"}, loop_start=0)
    assert peak_of(tmp_path / "a.wav") == pytest.approx(-3.0, abs=0.01)
    with pytest.raises(ValueError, match="normalize: expected a number and dBFS or LUFS, found dB"):
        lakhnes.write(song, tmp_path / "b.wav", normalize=(-3.0, "dB"))
    with pytest.raises(ValueError, match="tags: expected title, artist and copyright, found year"):
        lakhnes.write(song, tmp_path / "b.wav", tags={"year": "1"})
