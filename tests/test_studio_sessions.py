"""Sessions on disk: states, lineage, and what is left when the server is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import lakhnes
from lakhnes.errors import LimitError
from lakhnes.studio import sessions as module
from lakhnes.studio.sessions import Sessions, UnknownError
from small import tune


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path / "sessions")


def song(seed):
    return lakhnes.Song.from_tx1(tune(seed))


def test_a_session_keeps_its_songs_and_how_they_came_to_be(sessions, tmp_path):
    identity = sessions.create("My song")["id"]
    sessions.add(identity, song(1), "composed", {"operation": "generate", "seed": 1})
    sessions.add(identity, song(2), "changed", {"operation": "edit"})
    again = Sessions(tmp_path / "sessions")
    assert again.song(identity) == song(2)
    assert again.song(identity, 1) == song(1)
    assert [state["lineage"]["operation"] for state in again.lineage(identity)] == ["generate", "edit"]
    assert again.listed()[0] | {"changed": 0} == {"id": identity, "name": "My song", "changed": 0, "states": 2}


def test_a_step_after_going_back_is_a_branch_and_nothing_is_lost(sessions):
    identity = sessions.create("x")["id"]
    for seed in (1, 2):
        sessions.add(identity, song(seed), str(seed), {})
    sessions.move(identity, 1)
    facts = sessions.add(identity, song(3), "3", {})
    assert [state["parent"] for state in facts["states"]] == [None, 1, 1]
    assert [state["label"] for state in sessions.lineage(identity)] == ["1", "3"]
    assert sessions.song(identity, 2) == song(2)


def test_a_deleted_session_is_gone_with_its_songs(sessions, tmp_path):
    identity = sessions.create("x")["id"]
    sessions.add(identity, song(1), "1", {})
    sessions.delete(identity)
    assert sessions.listed() == []
    assert list((tmp_path / "sessions").iterdir()) == []
    with pytest.raises(UnknownError):
        sessions.get(identity)


@pytest.mark.parametrize("identity", ["..", "../../etc", "", "0123456789abcdeg", "0" * 16])
def test_what_is_no_session_of_the_folder_is_refused(sessions, identity):
    with pytest.raises(UnknownError):
        sessions.get(identity)


def test_sessions_and_lineages_have_limits(sessions, monkeypatch):
    monkeypatch.setattr(module, "MOST_SESSIONS", 1)
    monkeypatch.setattr(module, "MOST_STATES", 3)
    identity = sessions.create("x")["id"]
    with pytest.raises(LimitError, match="delete one first"):
        sessions.create("y")
    with pytest.raises(LimitError, match="lineage"):
        sessions.add(identity, song(1), "1", {"x": "x" * 30_000})
    for seed in range(5):
        sessions.add(identity, song(seed), str(seed), {})
    assert len(sessions.get(identity)["states"]) == 3
    assert sessions.song(identity) == song(4)
    assert len(list(sessions._path(identity).glob("songs/*.mid"))) == 3


def test_a_damaged_session_hides_no_other_and_leftovers_of_a_killed_server_are_swept(sessions, tmp_path):
    kept, damaged = (sessions.create(name)["id"] for name in ("kept", "damaged"))
    folder = tmp_path / "sessions"
    (folder / damaged / "session.json").write_text("{")
    left = [folder / kept / ".session.json.0a.part", folder / kept / "songs" / ".x.mid.0b.part"]
    for path in left:
        path.write_text("half")
    os.utime(left[1], (0, 0))
    gone = folder / f".{'0' * 16}.deleted"
    gone.mkdir()
    again = Sessions(folder)
    assert [session["name"] for session in again.listed()] == ["kept"]
    assert [path.exists() for path in (*left, gone)] == [True, False, False]  # the first may be another server's work


WRITER = """
import sys
from pathlib import Path
import lakhnes
from lakhnes.studio.sessions import Sessions
sys.path.insert(0, sys.argv[2])
from lakhnes import Song
sessions = Sessions(Path(sys.argv[1]))
identity = sessions.create("killed")["id"]
print(identity, flush=True)
for pitch in range(40, 10_000):
    text = f"P1_NOTEON_{40 + pitch % 60}\\nWT_{pitch}\\nP1_NOTEOFF"
    sessions.add(identity, Song.from_tx1(text), str(pitch), {})
    print(pitch, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_server_that_is_killed_leaves_every_session_whole(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "s"), str(tmp_path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    identity = writer.stdout.readline().strip()
    for _ in range(5):
        writer.stdout.readline()
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    folder = tmp_path / "s" / identity
    facts = json.loads((folder / "session.json").read_text())
    assert len(facts["states"]) >= 5
    kept = Sessions(tmp_path / "s")
    for state in facts["states"]:
        assert kept.song(identity, state["number"]).length > 0
    kept.add(identity, song(1), "after", {})
