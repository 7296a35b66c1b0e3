import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

import lakhnes
from conftest import TX1


def test_a_song_becomes_a_wav_and_its_path_is_printed(run, song_file, song):
    result = run("render", song_file)
    wav = song_file.with_name("song.wav")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{wav}\n", "")
    samples, rate = soundfile.read(wav, dtype="int16")
    assert rate == 44_100
    np.testing.assert_array_equal(samples, song.perform().render_int16())


def test_the_wav_is_the_same_by_batch_by_pipe_and_by_api(run, process, song_file, tmp_path):
    run("render", song_file, "-o", tmp_path / "a.wav")
    lakhnes.write(lakhnes.read(song_file), tmp_path / "b.wav")
    piped = process("render", "-", "--from", "tx1", "-o", "-", stdin=TX1.encode())
    assert piped.stderr == b""
    assert piped.stdout == (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_options_reach_the_chip(run, song_file, song, tmp_path):
    out = tmp_path / "a.flac"
    options = ["--rate", "22050", "--mixer", "linear", "--filter", "famicom"]
    assert run("render", song_file, "-o", out, *options).exit_code == 0
    samples, rate = soundfile.read(out, dtype="int16")
    assert rate == 22_050
    log = song.perform()
    np.testing.assert_array_equal(samples, log.render_int16(sample_rate=22_050, mixer="linear", filter="famicom"))
    run("render", song_file, "-o", tmp_path / "low.wav", "--downsample", "24")
    low, _ = soundfile.read(tmp_path / "low.wav", dtype="int16")
    np.testing.assert_array_equal(low, song.perform(downsample=24).render_int16())


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_dither_is_added_when_asked_for_and_is_the_same_every_time(run, song_file, song, tmp_path, format):
    out = tmp_path / f"a.{format}"
    assert run("render", song_file, "-o", out, "--dither").exit_code == 0
    samples, _ = soundfile.read(out, dtype="int16")
    dithered, plain = song.perform().render_int16(dither=True), song.perform().render_int16()
    np.testing.assert_array_equal(samples, dithered)
    assert set(np.unique(dithered.astype(int) - plain)) == {-1, 0, 1}


def test_stems_are_a_file_a_voice(run, song_file, song, tmp_path):
    result = run("render", song_file, "--stems", "-o", tmp_path / "s.wav")
    names = ["s.no.wav", "s.p1.wav", "s.p2.wav", "s.tr.wav"]
    assert result.stdout.split() == [str(tmp_path / name) for name in names]
    triangle, _ = soundfile.read(tmp_path / "s.tr.wav")
    np.testing.assert_allclose(triangle, lakhnes.render(song, stems=True)[2], atol=1e-4)
    assert run("render", song_file, "--stems", "-o", tmp_path / "s.wav").exit_code == 1


def make_folder(folder):
    (folder / "in" / "deep").mkdir(parents=True)
    for name in ["a.tx1.txt", "deep/b.tx1.txt", "deep/c.tx1.txt"]:
        (folder / "in" / name).write_text(TX1)
    (folder / "in" / "notes.txt").write_text("no song")
    return folder / "in"


def test_a_folder_is_rendered_in_parallel_and_a_bad_song_does_not_stop_it(run, tmp_path):
    songs = make_folder(tmp_path)
    (songs / "bad.tx1.txt").write_text("WT_5\nhello")
    result = run("render", songs, "-o", tmp_path / "out", "--jobs", "2", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [os.path.relpath(path, tmp_path / "out") for path in report["files"]] == [
        "a.wav",
        "deep/b.wav",
        "deep/c.wav",
    ]
    assert [failure["path"] for failure in report["failed"]] == [str(songs / "bad.tx1.txt")]
    assert f"{songs / 'bad.tx1.txt'}: line 2: expected" in result.stderr
    assert report["audio_seconds"] > 1.8
    written = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written == ["a.wav", "b.wav", "c.wav"]


def test_the_samples_do_not_depend_on_the_number_of_jobs(run, tmp_path):
    songs = make_folder(tmp_path)
    for jobs in (1, 3):
        assert run("render", songs, "-o", tmp_path / f"out{jobs}", "--jobs", jobs, "-q").exit_code == 0
    for path in (tmp_path / "out1").rglob("*.wav"):
        assert path.read_bytes() == (tmp_path / "out3" / path.relative_to(tmp_path / "out1")).read_bytes()


def test_two_songs_that_would_become_one_file_are_refused(run, tmp_path, song):
    for suffix in ("tx1.txt", "mid"):
        lakhnes.write(song, tmp_path / f"a.{suffix}")
    result = run("render", tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "--from chooses one format" in result.stderr
    assert not (tmp_path / "out").exists()
    assert run("render", tmp_path, "-o", tmp_path / "out", "--from", "mid").exit_code == 0


def test_a_vgm_is_played_with_its_loops(run, tmp_path, song):
    log = song.perform()
    looped = lakhnes.RegisterLog(log.writes, log.length, loop_start=0)
    lakhnes.write(looped, tmp_path / "x.vgm")
    assert run("render", tmp_path / "x.vgm", "--loops", "3", "--fade", "1").exit_code == 0
    assert soundfile.info(tmp_path / "x.wav").frames == 3 * log.length + 44_100


@pytest.mark.parametrize(("stop", "code", "words"), [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"")])
def test_an_interruption_leaves_nothing_half_written(tmp_path, stop, code, words):
    songs = tmp_path / "in"
    songs.mkdir()
    long_song = "\n".join(["P1_NOTEON_69\nWT_30000\nP1_NOTEOFF\nWT_30000"] * 800)
    for index in range(40):
        (songs / f"{index}.tx1.txt").write_text(long_song)
    command = [sys.executable, "-m", "lakhnes", "render", songs, "-o", tmp_path / "out", "--jobs", "1", "-q"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob("*.wav")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(stop)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == code
    assert errors.strip().startswith(words)
    assert len(errors.strip().splitlines()) == bool(words)
    left = list((tmp_path / "out").iterdir())
    assert 0 < len(left) < 40
    for path in left:
        assert path.suffix == ".wav"
        assert soundfile.info(io.BytesIO(path.read_bytes())).frames == 800 * 60_000


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("format", ["flac", "ogg"])
def test_a_batch_of_short_songs_that_libsndfile_codes_can_be_interrupted(tmp_path, song, format, stop, code):
    songs = tmp_path / "in"
    songs.mkdir()
    for index in range(1000):
        (songs / f"{index}.mid").write_bytes(song.to_midi())
    command = [sys.executable, "-m", "lakhnes", "render", songs, "-o", tmp_path / "out", "--format", format, "-j", "1"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(f"*.{format}")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(stop)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == code
    assert b"Traceback" not in errors
    assert 0 < len(list((tmp_path / "out").iterdir())) < 1000


def test_quiet_leaves_stderr_to_errors(run, tmp_path):
    songs = make_folder(tmp_path)
    told = run("render", songs, "-o", tmp_path / "out1")
    assert told.stderr.startswith("3 files written, 0 songs failed, ")
    assert told.stderr.count("\n") == 1  # and no bar, for this is no terminal
    quiet = run("-q", "render", songs, "-o", tmp_path / "out2")
    assert quiet.stderr == ""
    assert len(quiet.stdout.splitlines()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_bar_is_drawn_on_a_terminal_and_without_colour_if_asked(tmp_path):
    import pty

    songs = make_folder(tmp_path)
    seen = {}
    for name, environment in [("colour", {}), ("plain", {"NO_COLOR": "1"})]:
        terminal, end = pty.openpty()
        command = [sys.executable, "-m", "lakhnes", "render", songs, "-o", tmp_path / name]
        base = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=end, env=base | {"TERM": "xterm-256color"} | environment
        )
        os.close(end)
        assert child.wait(timeout=60) == 0
        seen[name] = os.read(terminal, 100_000)
        os.close(terminal)
    assert b"render" in seen["colour"]
    assert b"\x1b[38;5" in seen["colour"]
    assert b"render" in seen["plain"]
    assert b"\x1b[38;5" not in seen["plain"]
