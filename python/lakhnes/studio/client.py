"""A client of the HTTP API: songs that are played by a server elsewhere."""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from lakhnes.errors import LakhnesError

__all__ = ["render_on"]

MAX_ANSWER_BYTES = 2**30
"""The longest sound that is taken: an hour at 96 kHz."""

SECONDS = 300.0
"""Seconds that a server may be silent."""


def render_on(server: str, data: bytes, source: str, format: str, *, token: str | None = None, **sound: Any) -> bytes:
    """Have a server play a song.

    Parameters
    ----------
    server
        Its address, such as ``http://127.0.0.1:8080``.
    data, source
        The bytes of the song and their format.
    format
        That of the sound.
    token
        What the server asks for.
    **sound
        Parameters of ``/render``.

    Raises
    ------
    LakhnesError
        If there is no server, or it refuses; the message is its own.
    """
    place = urlsplit(server if "//" in server else f"http://{server}")
    if place.scheme not in ("http", "https") or not place.hostname:
        raise LakhnesError(f"{server}: expected the address of a server, such as http://127.0.0.1:8080")
    body = {"song": {"data": base64.b64encode(data).decode("ascii"), "format": source}, "format": format, **sound}
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.netloc, timeout=SECONDS)
    try:
        connection.request("POST", f"{place.path.rstrip('/')}/render", json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read(MAX_ANSWER_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise LakhnesError(f"{server}: no answer ({error or type(error).__name__})") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise LakhnesError(f"{server}: {_reason(content, answer.status)}")
    if len(content) > MAX_ANSWER_BYTES:
        raise LakhnesError(f"{server}: more than {MAX_ANSWER_BYTES} bytes")
    return content


def _reason(content: bytes, status: int) -> str:
    try:
        return " ".join(str(json.loads(content)["error"]).split())
    except (ValueError, KeyError, TypeError):
        return f"answered with status {status}"
