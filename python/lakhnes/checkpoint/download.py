"""Downloads that are resumed where they stopped and kept only if their hash is right. What arrives is never opened."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lakhnes.errors import CheckpointError
from lakhnes.files import file_sha256
from lakhnes.outputs import naming

__all__ = ["MAX_DOWNLOAD_BYTES", "download"]

MAX_DOWNLOAD_BYTES = 2**30
"""Larger answers are refused; a published archive has 147 MB."""

TIMEOUT = 30.0
"""Seconds without an answer."""

PIECE = 2**18


def download(
    url: str,
    target: str | os.PathLike[str],
    sha256: str,
    *,
    overwrite: bool = False,
    advance: Callable[[int], None] = lambda steps: None,
) -> Path:
    """Load a file whose hash is known.

    What was loaded before an interruption stays beside the target as ``TARGET.part`` and is not loaded again.

    Parameters
    ----------
    url : str
        ``https:`` or ``http:``; the hash, not the way, vouches for the content.
    target
        The file; its folder is made if it is missing. If it has the right hash already, nothing is loaded.
    sha256 : str
        64 hexadecimal digits.
    overwrite : bool
        Whether a target with another hash is replaced.
    advance : callable
        Called with the number of bytes since the last call.

    Raises
    ------
    CheckpointError
        If the address, the answer or the hash is wrong.
    FileExistsError
        If the target is another file and `overwrite` is false.
    """
    if not url.startswith(("https://", "http://")):
        raise CheckpointError(f"{url}: expected an address that begins with https:// or http://")
    wanted = sha256.lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise CheckpointError(f"{sha256}: expected a SHA-256, 64 hexadecimal digits")
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        if file_sha256(path) == wanted:
            return path
        if not overwrite:
            raise FileExistsError(17, "is another file (--force replaces it)", str(path))
    part = path.with_name(f"{path.name}.part")
    if not (part.exists() and file_sha256(part) == wanted):
        _fetch(url, part, advance)
        if (found := file_sha256(part)) != wanted:
            part.unlink()
            raise CheckpointError(f"{url}: has SHA-256 {found}, expected {wanted}; it was deleted")
    part.replace(path)
    return path


def _fetch(url: str, part: Path, advance: Callable[[int], None]) -> None:
    """Load the rest of a file; all of it where the server cannot give a part."""
    kept = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={kept}-"} if kept else {}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (download checks the scheme)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            _store(url, answer, part, kept, advance)
    except urllib.error.HTTPError as error:
        error.close()
        if kept and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # longer than the file: it was another one
            _fetch(url, part, advance)
            return
        raise CheckpointError(f"{url}: the server answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise CheckpointError(f"{url}: {reason}; run it again to resume") from None
    except ValueError as error:
        raise CheckpointError(f"{url}: {error}") from None


def _store(url: str, answer: http.client.HTTPResponse, part: Path, kept: int, advance: Callable[[int], None]) -> None:
    resumed = answer.status == http.client.PARTIAL_CONTENT and (
        answer.headers.get("Content-Range", "").startswith(f"bytes {kept}-")
    )
    begin = kept if resumed else 0
    length = answer.headers.get("Content-Length", "")
    expected = begin + int(length) if length.isdecimal() else None
    if expected is not None and expected > MAX_DOWNLOAD_BYTES:
        raise CheckpointError(f"{url}: {expected} bytes, expected at most {MAX_DOWNLOAD_BYTES}")
    size = begin
    advance(begin)
    with naming(part), part.open("ab" if resumed else "wb") as file:
        while piece := answer.read(PIECE):
            size += len(piece)
            if size > MAX_DOWNLOAD_BYTES:
                raise CheckpointError(f"{url}: more than {MAX_DOWNLOAD_BYTES} bytes")
            file.write(piece)
            advance(len(piece))
    if expected is not None and size < expected:
        raise CheckpointError(f"{url}: cut off at {size} of {expected} bytes; run it again to resume")
