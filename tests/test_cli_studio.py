"""The commands that serve: real processes, asked over real connections."""

import os
import signal
import subprocess
import sys
import xmlrpc.client

import httpx
import pytest

import lakhnes
from conftest import TX1


@pytest.fixture
def started(tmp_path):
    """Start a command; give the address that it prints, and stop it at the end."""
    processes = []

    def start(*arguments):
        environment = os.environ | {"LAKHNES_SESSIONS": str(tmp_path / "sessions")}
        command = [sys.executable, "-m", "lakhnes", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        processes.append(process)
        return process.stdout.readline().strip(), process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_studio_prints_its_address_and_opens_a_file(started, tmp_path):
    (tmp_path / "my tune.tx1.txt").write_text(TX1)
    address, process = started("studio", tmp_path / "my tune.tx1.txt", "--no-browser")
    opened = httpx.get(f"{address}studio", timeout=60).json()["opened"]
    session = httpx.get(f"{address}sessions/{opened}", timeout=60).json()
    assert session["name"] == "my tune"
    assert session["states"][0]["label"] == "opened my tune.tx1.txt"
    assert session["score"]["length"] == lakhnes.Song.from_tx1(TX1).length
    assert "lakhnes studio" in httpx.get(address, timeout=60).text
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) in (0, 130, -signal.SIGINT)


def test_any_midi_file_is_arranged_for_the_studio(started, tmp_path):
    import pretty_midi

    song = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(90, pitch, 0.0, 1.0) for pitch in (48, 60, 64, 67, 72)]
    song.instruments.append(piano)
    song.write(str(tmp_path / "band.mid"))
    address, _ = started("studio", tmp_path / "band.mid", "--no-browser")
    opened = httpx.get(f"{address}studio", timeout=60).json()["opened"]
    session = httpx.get(f"{address}sessions/{opened}", timeout=60).json()
    assert "arranged band.mid: 3 of 5 notes placed" in session["states"][0]["label"]


def test_the_api_plays_a_song_for_the_command_line(started, run, tmp_path, song_file):
    address, _ = started("serve", "--http", "127.0.0.1:0")
    mine, theirs = tmp_path / "mine.wav", tmp_path / "theirs.wav"
    assert run("render", song_file, "-o", mine).exit_code == 0
    answer = run("render", song_file, "-o", theirs, "--server", address)
    assert answer.exit_code == 0, answer.output
    assert theirs.read_bytes() == mine.read_bytes()
    assert run("render", song_file, "-o", theirs, "--server", address).exit_code == 1  # it exists
    gone = run("render", song_file, "-o", tmp_path / "no.wav", "--server", "http://127.0.0.1:9")
    assert gone.exit_code == 1
    assert "no answer" in gone.output
    assert not (tmp_path / "no.wav").exists()


def test_the_synthesis_server_answers_and_is_confined(started, tmp_path):
    (tmp_path / "a.tx1.txt").write_text(TX1)
    address, _ = started("serve", "--rpc", "0", "--root", tmp_path)
    with xmlrpc.client.ServerProxy(address) as server:
        assert server.tx1_to_wav("a.tx1.txt", "a.wav", 24)
        with pytest.raises(xmlrpc.client.Fault, match="outside the folder"):
            server.tx1_to_wav("a.tx1.txt", "../b.wav", 24)
    assert (tmp_path / "a.wav").stat().st_size > 1000


def test_what_makes_no_sense_is_wrong_usage(run):
    for arguments in (["serve"], ["serve", "--http", "here"], ["serve", "--http", "127.0.0.1:1", "--root", "."]):
        assert run(*arguments).exit_code == 2, arguments
    for port in ("²", "9" * 5_000, "-1", ""):
        assert "expected HOST:PORT" in run("serve", "--http", f"localhost:{port}").stderr


@pytest.mark.parametrize("command", [["studio", "--no-browser"], ["serve", "--http", "127.0.0.1:0"]])
def test_what_would_fail_at_the_first_request_is_refused_at_the_start(run, tmp_path, monkeypatch, command):
    monkeypatch.setenv("LAKHNES_SESSIONS", str(tmp_path / "sessions"))
    (tmp_path / "model").mkdir()
    for name, told in ((tmp_path / "none", "no such model"), (tmp_path / "model", "config.json is missing")):
        result = run(*command, "-m", "bundled", "-m", name)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert f"{name}: {told}" in result.stderr
    for token in ("", "a b", "a\n", "é"):  # an empty one is that of a variable that is not set
        result = run(*command, "--token", token)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--token" in result.stderr


def test_a_missing_extra_is_one_line_with_the_command_to_install_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for arguments in (["studio", "--no-browser"], ["serve", "--http", "127.0.0.1:0"]):
        answer = run(*arguments)
        assert answer.exit_code == 1
        assert answer.output.strip().splitlines() == [
            "Error: the studio and its server need the package uvicorn: pip install 'lakhnes[studio]'"
        ]
