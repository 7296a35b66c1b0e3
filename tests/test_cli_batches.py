"""Batches that are begun again, and commands that share a folder."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

import lakhnes
from conftest import TX1
from lakhnes.checkpoint import save_checkpoint
from music_files import archive_of, files_below
from small import tiny_model


@pytest.fixture
def songs(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a", "deep/b", "deep/c"):
        (folder / f"{name}.tx1.txt").write_text(TX1)
    return folder


def times(folder):
    return {name: (folder / name).stat().st_mtime_ns for name in files_below(folder)}


@pytest.mark.parametrize("command", [["render"], ["convert", "--to", "mid"]])
def test_a_repeated_batch_does_what_is_missing_and_tells_what_it_skips(run, songs, tmp_path, command):
    out = tmp_path / "out"
    assert run(*command, songs, "-o", out).exit_code == 0
    before = times(out)
    missing = next(name for name in before if "b." in name)
    (out / missing).unlink()
    again = run(*command, songs, "-o", out)
    assert (again.exit_code, again.stdout) == (0, f"{out / missing}\n")
    assert "1 files written, 0 songs failed, 2 skipped, for their output exists already (--force replaces it)" in (
        again.stderr
    )
    assert {name: time for name, time in times(out).items() if name != missing} == {
        name: time for name, time in before.items() if name != missing
    }
    report = json.loads(run(*command, songs, "-o", out, "--json").stdout)
    assert report["files"] == []
    assert sorted(report["skipped"]) == sorted(str(songs / name) for name in files_below(songs))
    forced = run(*command, songs, "-o", out, "--force")
    assert len(forced.stdout.split()) == 3
    assert "skipped" not in forced.stderr


def test_a_single_file_that_exists_is_refused(run, song_file, tmp_path):
    (tmp_path / "a.wav").write_text("precious")
    result = run("render", song_file, "-o", tmp_path / "a.wav")
    assert result.exit_code == 1
    assert "a.wav: exists already (--force replaces it)" in result.stderr
    assert (tmp_path / "a.wav").read_text() == "precious"


def test_an_empty_file_and_a_part_of_the_stems_are_not_complete(run, songs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.wav").touch()
    assert run("render", songs, "-o", out).exit_code == 0
    assert (out / "a.wav").stat().st_size > 1000
    stems = tmp_path / "stems"
    assert run("render", songs, "-o", stems, "--stems").exit_code == 0
    kept = (stems / "a.no.wav").stat().st_mtime_ns
    (stems / "a.p1.wav").unlink()
    again = run("render", songs, "-o", stems, "--stems")
    assert (again.exit_code, again.stdout) == (0, f"{stems / 'a.p1.wav'}\n")
    assert (stems / "a.no.wav").stat().st_mtime_ns == kept
    assert "12 files of 3 songs written" in run("render", songs, "-o", stems, "--stems", "--force").stderr


@pytest.mark.parametrize("within", [".", "made"])
def test_a_folder_that_is_its_own_output_and_one_within_it_go_on_too(run, songs, within):
    first = run("convert", songs, "-o", songs / within, "--to", "mid")
    again = run("convert", songs, "-o", songs / within, "--to", "mid")
    assert (first.exit_code, again.exit_code, again.stdout) == (0, 0, ""), again.stderr
    assert "3 skipped" in again.stderr


def test_the_songs_of_an_archive_go_on_too(run, tmp_path):
    archive = archive_of(tmp_path / "db.tar.gz", dict.fromkeys(["x/a.tx1.txt", "x/b.tx1.txt"], TX1.encode()), "w:gz")
    out = tmp_path / "out"
    assert run("convert", archive, "-o", out, "--to", "mid").exit_code == 0
    (out / "x" / "a.mid").unlink()
    again = run("convert", archive, "-o", out, "--to", "mid")
    assert (again.exit_code, again.stdout) == (0, f"{out / 'x' / 'a.mid'}\n")
    assert "1 skipped" in again.stderr


def test_a_name_that_gets_too_long_stops_no_other_song_of_a_batch(run, tmp_path, song):
    songs = tmp_path / "in"
    songs.mkdir()
    for name in ("a", "x" * 251):  # 255 bytes with .mid, and more with .tx1.txt
        (songs / f"{name}.mid").write_bytes(song.to_midi())
    result = run("convert", songs, "-o", tmp_path / "out", "--to", "tx1")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [str(tmp_path / "out" / "a.tx1.txt")]
    assert "name too long" in result.stderr
    again = run("convert", songs, "-o", tmp_path / "out", "--to", "tx1", "--force")
    assert (again.exit_code, again.stdout) == (1, result.stdout)


def test_what_macos_adds_to_a_folder_is_no_song(run, tmp_path, song):
    for name, data in (("a.mid", song.to_midi()), ("._a.mid", b"\0\5\x16\7"), ("__MACOSX/b.mid", b"\0\5\x16\7")):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    result = run("convert", tmp_path / "in", "-o", tmp_path / "out", "--to", "tx1")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out' / 'a.tx1.txt'}\n"), result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("info", "song"), ("plot", "song", "-o", "a.png"), ("render", "song"), ("render", "song", "-o", "out"),
        ("convert", "song", "-o", "a.mid"), ("continue", "song"), ("tokenize", "song", "-o", "a.npz"),
    ],
)  # fmt: skip
def test_a_name_that_is_mistyped_is_missing_whatever_it_ends_in(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    result = run(*command)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "Error: song: no such file or directory"
    assert not list(tmp_path.iterdir())


def test_an_interrupted_batch_is_completed_by_the_same_command_and_nothing_is_done_twice(tmp_path):
    songs, out, count = tmp_path / "in", tmp_path / "out", 12
    songs.mkdir()
    midi = lakhnes.Song.from_tx1("\n".join(["P1_NOTEON_69\nWT_30000\nP1_NOTEOFF\nWT_30000"] * 250)).to_midi()
    for index in range(count):
        (songs / f"{index:02}.mid").write_bytes(midi)
    command = [sys.executable, "-m", "lakhnes", "render", songs, "-o", out, "--format", "flac", "--jobs", "1"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.flac"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    before = times(out)
    assert 3 <= len(before) < count
    told = re.search(rf"interrupted: (\d+) of {count} songs written, the same command goes on", errors.decode())
    assert int(told[1]) == len(before)
    finished = subprocess.run(command, capture_output=True, timeout=100, check=False)
    assert finished.returncode == 0
    after = times(out)
    assert len(after) == count
    assert {name: after[name] for name in before} == before
    assert all(soundfile.info(out / name).frames == 250 * 60_000 for name in after)
    assert f"{count - len(before)} files written".encode() in finished.stderr


def test_a_log_has_a_line_about_each_song(run, songs, tmp_path):
    (songs / "bad.tx1.txt").write_text("hello")
    log = tmp_path / "log.jsonl"
    assert run("render", songs, "-o", tmp_path / "out", "--log", log).exit_code == 1
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(line["path"] for line in lines) == sorted(str(songs / name) for name in files_below(songs))
    bad = next(line for line in lines if "bad" in line["path"])
    assert "line 1: expected" in bad["error"]
    assert {line["error"] for line in lines if line is not bad} == {None}
    assert all(Path(line["output"]).exists() for line in lines if line is not bad)


def test_commands_share_the_default_folder_under_names_of_their_own(run, song_file, tmp_path, monkeypatch):
    save_checkpoint(tiny_model(), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    printed = []
    for command in (
        ["generate", "--seed", 3, "--num", 2, "--length", 70],
        ["generate", "--seed", 3, "--length", 70],
        ["generate", "--length", 70],
        ["continue", song_file, "--seed", 3, "--length", 20],
        ["accompany", song_file, "--seed", 3],
        ["infill", song_file, "--voices", "p2", "--seed", 3],
        ["infill", song_file, "--voices", "p2", "--seed", 3],
    ):
        result = run(*command, "-m", "model", "--format", "tx1")
        assert result.exit_code == 0, result.output
        printed += result.stdout.split()
    assert printed[:3] == [f"generated/generate-{name}.tx1.txt" for name in ("3", "4", "3-2")]
    assert printed[4:] == [
        f"generated/{name}.tx1.txt" for name in ("continue-3", "accompany-3", "infill-3", "infill-3-2")
    ]
    assert len(set(printed)) == 8 == len(files_below(tmp_path / "generated"))
    assert run("generate", "--seed", 3, "--length", 70, "-m", "model", "--format", "tx1", "--force").exit_code == 0
    assert len(files_below(tmp_path / "generated")) == 8


def test_songs_have_no_place_on_stdout(run):
    result = run("generate", "-o", "-")
    assert result.exit_code == 2
    assert "songs are files in a folder" in result.stderr
