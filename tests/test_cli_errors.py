"""A user's mistake gives one line that says what, where, and what was expected; nothing is left behind."""

import os
import subprocess
import sys
import tarfile

import pytest

import lakhnes
from conftest import TX1


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


CASES = {
    "empty.tx1.txt": lambda song: b"",
    "pitch.tx1.txt": lambda song: b"WT_5\nP1_NOTEON_200",
    "binary.tx1.txt": lambda song: b"WT_5\n\xff\xfe",
    "truncated.mid": lambda song: song.to_midi()[:-30],
    "header.mid": lambda song: song.to_midi()[:10],
    "text.mid": lambda song: TX1.encode(),
    "text.vgm": lambda song: TX1.encode(),
    "code.exprsco.pkl": lambda song: b"cos\nsystem\n(S'echo'\ntR.",
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("command", ["render", "convert", "info"])
def test_a_bad_file_gets_one_line_and_exit_code_1(run, tmp_path, song, command, name):
    path = tmp_path / name
    path.write_bytes(CASES[name](song))
    before = tree(tmp_path)
    target = {"render": ["-o", tmp_path / "x.wav"], "convert": ["-o", tmp_path / "x.vgm"], "info": []}[command]
    result = run(command, path, *target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {path}: ")
    assert "expected" in result.stderr
    assert result.stderr.count("\n") == 1
    assert tree(tmp_path) == before


def test_the_pitch_that_is_out_of_range_is_named_with_its_line(run, tmp_path):
    path = tmp_path / "pitch.tx1.txt"
    path.write_text("WT_5\nP1_NOTEON_200")
    expected = f'Error: {path}: line 2: expected P1_NOTEON_33 to 108, found "P1_NOTEON_200"\n'
    assert run("render", path).stderr == expected


@pytest.mark.parametrize("command", ["render", "convert"])
def test_an_output_in_a_missing_folder_is_refused(run, song_file, tmp_path, command):
    before = tree(tmp_path)
    result = run(command, song_file, "-o", tmp_path / "nowhere" / "x.wav")
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path / 'nowhere'}: the folder does not exist\n")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", ["render", "convert", "plot"])
def test_an_existing_output_is_kept_without_force(run, song_file, tmp_path, command):
    target = tmp_path / ("x.png" if command == "plot" else "x.wav")
    target.write_bytes(b"mine")
    result = run(command, song_file, "-o", target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--force" in result.stderr
    assert target.read_bytes() == b"mine"
    assert run(command, song_file, "-o", target, "--force").exit_code == 0
    assert target.read_bytes() != b"mine"


@pytest.mark.parametrize("command", ["render", "info"])
def test_a_missing_input_is_named(run, tmp_path, command):
    result = run(command, tmp_path / "no.mid")
    assert (result.exit_code, result.stderr) == (1, f"Error: {tmp_path / 'no.mid'}: no such file or directory\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", "-m", "nowhere", "-o", "songs"],
        pytest.param(["eval", "nowhere", "."], marks=pytest.mark.torch),
        pytest.param(["train", "nowhere", "-o", "run"], marks=pytest.mark.torch),
    ],
)
def test_a_missing_model_or_corpus_is_named_and_leaves_nothing(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: nowhere")
    assert "expected" in result.stderr or "a corpus directory has" in result.stderr
    assert result.stderr.count("\n") == 1
    assert tree(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
@pytest.mark.parametrize("name", ["x.mid", "x.wav", "x.flac", "x.ogg"])
def test_a_full_disk_leaves_nothing_behind(song_file, tmp_path, name):
    import resource

    command = [sys.executable, "-m", "lakhnes", "convert", song_file, "-o", tmp_path / name]
    few = (100, 100)  # bytes; what writes more is refused
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, few),
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {tmp_path / name}: ")
    assert result.stderr.count("\n") == 1
    assert tree(tmp_path) == [str(song_file)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["render"],
        ["render", "x.mid", "--rate", "7"],
        ["render", "x.mid", "--mixer", "no"],
        ["convert", "x.mid"],
        ["data", "nesmdb", "a", "b", "--to", "tx4"],
        ["nothing"],
        ["render", "x.mid", "--unknown"],
    ],
)
def test_wrong_usage_is_exit_code_2(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert result.stdout == ""


def test_a_traceback_is_shown_only_when_asked_for(process, tmp_path):
    arguments = ["data", "nesmdb", tmp_path / "no", tmp_path / "out"]
    plain, verbose = process(*arguments), process(*arguments, "-v")
    assert plain.returncode == verbose.returncode == 1
    assert b"Traceback" not in plain.stderr
    assert b"Traceback" in verbose.stderr


def test_a_fault_of_our_own_is_one_line_too(run, song_file, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("lakhnes.plotting.plot_song", broken)
    result = run("plot", song_file, "-o", song_file.with_name("x.png"))
    assert result.exit_code == 1
    assert result.stderr == "Error: internal error: ZeroDivisionError: oops (-v shows where)\n"


def test_a_song_over_the_limit_can_be_allowed(run, tmp_path):
    path = tmp_path / "long.tx1.txt"
    path.write_text("P1_NOTEON_60\nWT_88200\nP1_NOTEOFF")
    refused = run("render", path, "--max-duration", "1")
    assert refused.exit_code == 1
    assert "expected at most 44100 ticks" in refused.stderr
    assert not (tmp_path / "long.wav").exists()
    assert run("render", path, "--max-duration", "2").exit_code == 0


def test_a_broken_pipe_is_no_drama(song_file):
    command = [sys.executable, "-m", "lakhnes", "render", song_file, "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        errors = child.stderr.read()
        assert child.wait(timeout=60) == 1
    assert b"Traceback" not in errors


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_a_damaged_archive_leaves_no_corpus(run, tmp_path, song, damage):
    archive = tmp_path / "a.tar.gz"
    source = tmp_path / "train"
    source.mkdir()
    for index in range(5):
        lakhnes.write(song, source / f"{index}.mid")
    with tarfile.open(archive, "w:gz") as file:
        file.add(source, "db/train")
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2] if damage == "cut" else b"not an archive at all")
    before = tree(tmp_path)
    result = run("data", "nesmdb", archive, tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {archive}: expected a whole .tar.gz or .tar.xz archive")
    assert tree(tmp_path) == before


def test_an_archive_that_is_cut_anywhere_is_refused_in_one_line(run, tmp_path, song):
    source = tmp_path / "train"
    source.mkdir()
    for index in range(3):
        lakhnes.write(song, source / f"{index}.mid")
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as file:
        file.add(source, "db/train")
    data = (tmp_path / "whole.tar.gz").read_bytes()
    archive = tmp_path / "a.tar.gz"
    for end in range(1, len(data) - 8, 5):  # the last 8 bytes are a checksum of what is all there
        archive.write_bytes(data[:end])
        result = run("data", "nesmdb", archive, tmp_path / "out")
        if result.exit_code == 0:  # only blocks of zeros, which fill up the archive, are missing
            assert len(list((tmp_path / "out" / "train").glob("*.tx1.txt"))) == 3
            break
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"Error: {archive}: expected a whole .tar.gz or .tar.xz archive"), (end, line)
        assert not (tmp_path / "out").exists()
    assert end > len(data) // 2
