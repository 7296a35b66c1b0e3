"""Sessions: a song, how it came to be, and every state that can be returned to, on disk.

A session is a folder: ``session.json`` lists its states, ``songs`` holds the song of each as MIDI, named for its hash.
Both are written whole or not at all, the songs first, so that whatever ends the server leaves a session that can be
opened. A state names its parent, what was done there and with which options; the way from the first to the present one
is the song's lineage, which can be repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lakhnes._native import Song
from lakhnes.errors import FormatError, LakhnesError, LimitError
from lakhnes.files import read_limited, user_folder
from lakhnes.outputs import check_writable, write_bytes

__all__ = ["Sessions", "UnknownError", "sessions_directory"]

MOST_SESSIONS = 1_000
"""Sessions that are kept."""

MOST_STATES = 2_000
"""States of a session; a further one drops the oldest that is no ancestor of the present one."""

MOST_LINEAGE_BYTES = 20_000
"""What a state may say about how it was made."""

UNFINISHED_SECONDS = 600.0
"""Seconds after which a file that is half written is no other server's work any more."""

IDS = re.compile(r"[0-9a-f]{16}")


class UnknownError(FormatError):
    """There is no such session, or no such state in it."""


def sessions_directory() -> Path:
    """Return where sessions are kept: ``$LAKHNES_SESSIONS``, or ``lakhnes/sessions`` in the user's data."""
    if chosen := os.environ.get("LAKHNES_SESSIONS"):
        return Path(chosen)
    return user_folder("XDG_DATA_HOME", ".local/share") / "lakhnes" / "sessions"


class Sessions:
    """The sessions in a folder.

    Parameters
    ----------
    folder : Path
        Made when the first session is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._sweep()

    def check(self) -> None:
        """Refuse a folder in which no session can be kept; it is made if it is missing.

        Raises
        ------
        LakhnesError
        """
        try:
            check_writable(self._folder)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise LakhnesError(
                f"{self._folder}: no sessions can be kept there ({why}); $LAKHNES_SESSIONS names another folder"
            ) from None

    def listed(self) -> list[dict[str, Any]]:
        """Return id, name, time of change and number of states of each session, the last changed first."""
        with self._lock:
            if not self._folder.is_dir():
                return []
            found = []
            for path in self._folder.iterdir():
                if not IDS.fullmatch(path.name):
                    continue
                try:
                    facts = self.get(path.name)
                    kept = {name: facts[name] for name in ("id", "name", "changed")}
                    found.append(kept | {"states": len(facts["states"])})
                except (ValueError, KeyError, TypeError):  # one that is damaged hides no other
                    continue
            return sorted(found, key=lambda facts: -float(facts["changed"]))

    def create(self, name: str) -> dict[str, Any]:
        """Make a session without a state.

        Raises
        ------
        LimitError
            If there are as many as there may be.
        """
        with self._lock:
            if self._folder.is_dir() and sum(1 for _ in self._folder.iterdir()) >= MOST_SESSIONS:
                raise LimitError(f"{MOST_SESSIONS} sessions are kept already; delete one first")
            identity = os.urandom(8).hex()
            (self._folder / identity / "songs").mkdir(parents=True)
            facts: dict[str, Any] = {"id": identity, "name": name[:100], "current": None, "next": 1, "states": []}
            return self._write(facts)

    def get(self, identity: str) -> dict[str, Any]:
        """Return a session: its name, its states, and the number of the present one.

        Raises
        ------
        UnknownError
            If there is no session of that id.
        """
        path = self._path(identity) / "session.json"
        with self._lock:
            try:
                facts: dict[str, Any] = json.loads(read_limited(path))
            except FileNotFoundError:
                raise UnknownError("there is no such session") from None
            return facts

    def delete(self, identity: str) -> None:
        """Delete a session and its songs."""
        path = self._path(identity)
        with self._lock:
            self.get(identity)
            gone = path.with_name(f".{identity}.deleted")
            path.rename(gone)  # in one step; what is left of it is no session
            shutil.rmtree(gone)

    def rename(self, identity: str, name: str) -> dict[str, Any]:
        """Give a session a name."""
        with self._lock:
            return self._write(self.get(identity) | {"name": name[:100]})

    def add(self, identity: str, song: Song, label: str, lineage: Mapping[str, Any]) -> dict[str, Any]:
        """Add a state after the present one, which it becomes.

        Parameters
        ----------
        identity
            Of the session.
        song
            The song of the state.
        label
            What was done, in a few words.
        lineage
            The operation and its options, from which it can be repeated.

        Raises
        ------
        LimitError
            If the lineage is too long.
        """
        if len(json.dumps(lineage)) > MOST_LINEAGE_BYTES:
            raise LimitError(f"lineage: expected at most {MOST_LINEAGE_BYTES} bytes")
        data = song.to_midi()
        digest = hashlib.sha256(data).hexdigest()[:32]
        with self._lock:
            facts = self.get(identity)
            path = self._path(identity) / "songs" / f"{digest}.mid"
            if not path.exists():
                write_bytes(path, data)
            state = {
                "number": facts["next"],
                "parent": facts["current"],
                "song": digest,
                "label": label[:200],
                "made": time.time(),
                "seconds": song.duration,
                "lineage": dict(lineage),
            }
            facts["states"].append(state)
            facts |= {"current": facts["next"], "next": facts["next"] + 1}
            dropped = self._shorten(facts)
            written = self._write(facts)
            for name in dropped:
                path.with_name(f"{name}.mid").unlink(missing_ok=True)
            return written

    def move(self, identity: str, number: int) -> dict[str, Any]:
        """Make another state the present one."""
        with self._lock:
            facts = self.get(identity)
            _state(facts, number)
            return self._write(facts | {"current": number})

    def song(self, identity: str, number: int | None = None) -> Song:
        """Return the song of a state, or of the present one.

        Raises
        ------
        UnknownError
            If there is no such state.
        """
        facts = self.get(identity)
        state = _state(facts, facts["current"] if number is None else number)
        digest = str(state["song"])
        if not re.fullmatch(r"[0-9a-f]{32}", digest):
            raise FormatError("session.json: a song's name is not a hash")
        return Song.from_midi(read_limited(self._path(identity) / "songs" / f"{digest}.mid"))

    def lineage(self, identity: str) -> list[dict[str, Any]]:
        """Return the states from the first to the present one."""
        facts = self.get(identity)
        states = {state["number"]: state for state in facts["states"]}
        way: list[dict[str, Any]] = []
        number = facts["current"]
        while number in states and len(way) <= len(states):
            way.append(states[number])
            number = states[number]["parent"]
        return way[::-1]

    def _shorten(self, facts: dict[str, Any]) -> set[str]:
        """Drop the oldest states that are no ancestors of the present one, or else the oldest.

        Return the songs that no state has any more.
        """
        states, dropped = facts["states"], set()
        while len(states) > MOST_STATES:
            parents = {state["number"]: state["parent"] for state in states}
            kept, number = set(), facts["current"]
            while number in parents:
                kept.add(number)
                number = parents[number]
            state = next((state for state in states if state["number"] not in kept), states[0])
            states.remove(state)
            dropped.add(str(state["song"]))
        return dropped - {str(state["song"]) for state in states}

    def _sweep(self) -> None:
        """Delete what a server that was killed has left: files half written, sessions half deleted."""
        for gone in self._folder.glob(".*.deleted"):
            shutil.rmtree(gone, ignore_errors=True)
        for pattern in ("*/.*.part", "*/songs/.*.part"):
            for part in self._folder.glob(pattern):
                with contextlib.suppress(OSError):
                    if time.time() - part.stat().st_mtime > UNFINISHED_SECONDS:
                        part.unlink()

    def _path(self, identity: str) -> Path:
        if not IDS.fullmatch(identity):
            raise UnknownError("there is no such session")
        return self._folder / identity

    def _write(self, facts: dict[str, Any]) -> dict[str, Any]:
        facts["changed"] = time.time()
        write_bytes(self._path(facts["id"]) / "session.json", json.dumps(facts).encode())
        return facts


def _state(facts: Mapping[str, Any], number: Any) -> dict[str, Any]:
    for state in facts["states"]:
        if state["number"] == number:
            found: dict[str, Any] = state
            return found
    raise UnknownError("there is no such state in this session")
