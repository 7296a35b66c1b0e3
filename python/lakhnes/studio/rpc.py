"""The synthesis server of LakhNES: XML-RPC calls that turn TX1 and TX2 files into WAV files.

LakhNES (Donahue et al. 2019) kept sound in a second process, ``data/synth_server.py``, which listened on localhost:1337
and knew two functions, ``tx1_to_wav(in, out, rate)`` and ``tx2_to_wav(in, out, rate)``: paths of the same machine, and
the frame rate in Hz to which the score is reduced first, 0 for none. Each returned true. This server answers the same
calls. With a root, it reads and writes nothing outside that folder.
"""

from __future__ import annotations

import errno
import os
import socketserver
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from lakhnes.errors import FormatError
from lakhnes.files import one_line
from lakhnes.outputs import check_writable
from lakhnes.songs import read, write

__all__ = ["PORT", "Synthesizer", "serve_rpc"]

PORT = 1337
"""Where LakhNES's client looks."""

MAX_REQUEST_BYTES = 2**16
"""The largest request: two paths and a number need far less."""

MOST_CONNECTIONS = 256
"""Connections that may wait to be taken."""

REQUEST_SECONDS = 30.0
"""Seconds of silence after which a client is given up."""


class Synthesizer:
    """The functions that clients call.

    Parameters
    ----------
    root : Path, optional
        The folder in which all files have to be; the client may name any file that the server's user may, if not given.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = None if root is None else root.resolve(strict=True)
        if self._root is not None and not self._root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(root))
        if root is not None:
            check_writable(root)

    def tx1_to_wav(self, source: Any, target: Any, rate: Any = 0) -> bool:
        """Play a TX1 file into a WAV file; return true.

        Raises
        ------
        Fault
            If it cannot be done; the message is one line.
        """
        return self._to_wav("tx1", source, target, rate)

    def tx2_to_wav(self, source: Any, target: Any, rate: Any = 0) -> bool:
        """Play a TX2 file into a WAV file; return true.

        Raises
        ------
        Fault
            If it cannot be done; the message is one line.
        """
        return self._to_wav("tx2", source, target, rate)

    def _to_wav(self, format: str, source: Any, target: Any, rate: Any) -> bool:
        try:
            if isinstance(rate, bool) or not (rate is None or isinstance(rate, (int, float))):
                raise FormatError("rate: expected a frame rate in Hz, or 0")
            song = read(self._place(source), format)
            write(song, self._place(target), "wav", downsample=float(rate) if rate else None)
        except Exception as error:  # whatever goes wrong is said to the client, and the server goes on
            raise Fault(1, one_line(error)) from None
        return True

    def _place(self, given: Any) -> Path:
        """Return the file of a path; with a root, the one that it names there, links followed.

        Raises
        ------
        FormatError
            If it is no path, or leads out of the root.
        """
        if not isinstance(given, str) or not given or "\0" in given:
            raise FormatError("expected the path of a file")
        if self._root is None:
            return Path(given)
        place = Path(os.path.realpath(self._root / given))
        if not place.is_relative_to(self._root) or place == self._root:
            raise FormatError(f"{given[:200]}: outside the folder that this server may use")
        return place


class _Handler(SimpleXMLRPCRequestHandler):
    """A client: other sites' pages and oversized requests are refused before they are read."""

    rpc_paths = ("/", "/RPC2")
    timeout = REQUEST_SECONDS

    def do_POST(self) -> None:  # noqa: N802 (the name that http.server calls)
        length = self.headers.get("Content-Length", "")
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if "Origin" in self.headers or host not in ("localhost", "127.0.0.1"):
            self._refuse(403, "requests of web pages are refused")
        elif self.headers.get_content_type() != "text/xml":
            self._refuse(403, "expected an XML-RPC client")
        elif self.headers.get("Content-Encoding", "identity") != "identity":
            self._refuse(415, "expected a request that is not compressed")
        elif not length.isdecimal():
            self._refuse(411, "expected a Content-Length")
        elif len(length) > 9 or int(length) > MAX_REQUEST_BYTES:
            self._refuse(413, f"expected a request of at most {MAX_REQUEST_BYTES} bytes")
        else:
            super().do_POST()

    def _refuse(self, status: int, text: str) -> None:
        self.close_connection = True
        self.send_error(status, text)

    def log_message(self, format: str, *values: Any) -> None:
        """Print nothing: stderr is for errors."""


class _Server(socketserver.ThreadingMixIn, SimpleXMLRPCServer):
    """A thread for each client."""

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Go on when a client leaves in the middle of its request."""


def serve_rpc(
    port: int = PORT,
    root: Path | None = None,
    *,
    ready: Callable[[int], object] = lambda port: None,
    begun: Callable[[SimpleXMLRPCServer], object] = lambda server: None,
) -> None:
    """Serve on this machine until the process is interrupted.

    Parameters
    ----------
    port
        0 stands for a free one.
    root
        See `Synthesizer`.
    ready
        Called with the port when requests are answered.
    begun
        Called with the server, whose ``shutdown`` ends it.

    Raises
    ------
    OSError
        If the port is taken, or the root is no folder.
    """
    synthesizer = Synthesizer(root)
    with _Server(("localhost", port), requestHandler=_Handler, logRequests=False, allow_none=True) as server:
        server.register_function(synthesizer.tx1_to_wav, "tx1_to_wav")
        server.register_function(synthesizer.tx2_to_wav, "tx2_to_wav")
        begun(server)
        ready(server.server_address[1])
        server.serve_forever()
