"""The answers of a study, in SQLite.

A listener is a random id and the answers, each with its time; nothing else of a person is stored. The id is the hash of
the secret of a listener's link: who reads the file cannot answer for anyone. An answer is one transaction, on disk
before the reply is sent, and never changed: the same answer sent again, as after a lost connection, changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lakhnes.errors import LakhnesError

__all__ = ["ANSWERS", "Store", "id_of"]

ANSWERS = "answers.sqlite"

BUSY = 30.0
"""Seconds that another process may hold the file."""

DISK_ERRORS = frozenset({8, 10, 13, 14})
"""SQLite's READONLY, IOERR, FULL, CANTOPEN (https://sqlite.org/rescode.html)."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS listener (
    id TEXT PRIMARY KEY, slot INTEGER NOT NULL UNIQUE, code TEXT NOT NULL, created REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS heard (
    listener TEXT NOT NULL REFERENCES listener(id), step INTEGER NOT NULL, side INTEGER NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (listener, step, side)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer (
    listener TEXT NOT NULL REFERENCES listener(id), step INTEGER NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (listener, step)
) STRICT, WITHOUT ROWID;
"""


def id_of(secret: str) -> str:
    """Return the id of the listener who has a secret, 128 bits in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:32]


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file of answers, or make it."""
    return _prepared(path.absolute().as_uri(), "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;" + SCHEMA)


def _opened_to_read(path: Path) -> sqlite3.Connection:
    """Open a file of answers that nothing is added to; its folder may be one that cannot be written."""
    place = path.absolute().as_uri()
    has_tables = "SELECT * FROM listener, heard, answer LIMIT 1"
    try:
        return _prepared(f"{place}?mode=rw", has_tables)
    except sqlite3.OperationalError:  # where SQLite cannot write files of its own beside it
        return _prepared(f"{place}?mode=ro&immutable=1", has_tables)


def _prepared(place: str, commands: str) -> sqlite3.Connection:
    """Connect to a file, and run commands; what is no file of answers is closed again."""
    file = sqlite3.connect(place, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        file.execute("PRAGMA synchronous = FULL")
        file.executescript(commands)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _is_of_disk(error: sqlite3.Error) -> bool:
    """Return whether an error is no fault of the file: the disk is full, or may not be written."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DISK_ERRORS  # Python 3.10 does not know the code


class Store:
    """The file of answers; its methods may be called from any thread.

    Parameters
    ----------
    path : Path
        Made if it is missing.
    reads : bool
        Whether answers are read only; then the file has to be there.

    Raises
    ------
    LakhnesError
        If it cannot be opened, or is no such file.
    """

    def __init__(self, path: Path, *, reads: bool = False) -> None:
        self._lock = threading.Lock()
        try:
            self._file = _opened_to_read(path) if reads else _opened(path)
        except sqlite3.Error as error:
            expected = "" if _is_of_disk(error) else "; expected the answers of a study, or no file"
            raise LakhnesError(f"{path}: {error}{expected}") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._file.execute(query, values).fetchall()

    def enrol(self, limit: int) -> str | None:
        """Add a listener; return the secret that is the key to the listener's answers, or None where `limit` is met."""
        secret = secrets.token_urlsafe(16)
        code = secrets.token_hex(4).upper()
        with self._transaction() as file:
            (slot,) = file.execute("SELECT COUNT(*) FROM listener").fetchone()
            if slot >= limit:
                return None
            file.execute("INSERT INTO listener VALUES (?, ?, ?, ?)", (id_of(secret), slot, code, time.time()))
        return secret

    def slot(self, listener: str) -> int | None:
        """Return which of the plan's listeners this one is; None if there is no such listener."""
        rows = self._rows("SELECT slot FROM listener WHERE id = ?", listener)
        return int(rows[0][0]) if rows else None

    def code(self, listener: str) -> str:
        """Return the completion code of a listener."""
        return str(self._rows("SELECT code FROM listener WHERE id = ?", listener)[0][0])

    def next_step(self, listener: str) -> int:
        """Return the first step that is not answered; steps are answered in order."""
        return int(self._rows("SELECT COUNT(*) FROM answer WHERE listener = ?", listener)[0][0])

    def hear(self, listener: str, step: int, side: int) -> None:
        """Note that a clip was fetched; only the first time counts."""
        with self._transaction() as file:
            file.execute("INSERT OR IGNORE INTO heard VALUES (?, ?, ?, ?)", (listener, step, side, time.time()))

    def heard(self, listener: str, step: int) -> dict[int, float]:
        """Return when each clip of a step was first fetched, by its side: seconds since 1970."""
        return dict(self._rows("SELECT side, at FROM heard WHERE listener = ? AND step = ?", listener, step))

    def answer(self, listener: str, step: int, value: Any) -> bool:
        """Keep the answer of the next step; return whether it was that step's.

        False, and nothing changed, where the step has an answer already or earlier ones have none.
        """
        with self._transaction() as file:
            (following,) = file.execute("SELECT COUNT(*) FROM answer WHERE listener = ?", (listener,)).fetchone()
            if step != following:
                return False
            row = (listener, step, json.dumps(value), time.time())
            file.execute("INSERT INTO answer VALUES (?, ?, ?, ?)", row)
        return True

    def listeners(self) -> list[dict[str, Any]]:
        """Return all listeners: ``id``, ``slot``, ``code``, ``created``."""
        rows = self._rows("SELECT id, slot, code, created FROM listener ORDER BY slot")
        return [dict(zip(("id", "slot", "code", "created"), row, strict=True)) for row in rows]

    def answers(self) -> list[dict[str, Any]]:
        """Return all answers in order: ``listener``, ``step``, ``value``, ``at``, ``shown`` (the first clip's time)."""
        rows = self._rows(
            "SELECT listener, step, value, answer.at, (SELECT MIN(at) FROM heard WHERE heard.listener = answer.listener"
            " AND heard.step = answer.step) FROM answer JOIN listener ON listener.id = answer.listener"
            " ORDER BY slot, step"
        )
        names = ("listener", "step", "value", "at", "shown")
        return [dict(zip(names, (row[0], row[1], json.loads(row[2]), *row[3:]), strict=True)) for row in rows]
