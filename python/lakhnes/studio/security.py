"""What the servers refuse before any of it is read: other hosts, other sites' pages, wrong tokens, oversized bodies.

A page of another site can make a browser send requests to this machine, and can give its own name this machine's
address (DNS rebinding). So a request must name a host that this server has (`Host`), and one that a page sends must
come from this server's own page (`Origin`, `Sec-Fetch-Site`; Fetch standard, WHATWG). A server that other machines can
reach asks for a token.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MAX_BODY_BYTES", "POLICY", "Guard", "RefusedError", "is_loopback"]

MAX_BODY_BYTES = 96 * 2**20
"""The largest body of a request: a song of 64 MiB in base64, and what else a request says."""

MAX_BODIES_BYTES = 256 * 2**20
"""Bodies that are in memory at one time."""

BODY_SECONDS = 30.0
"""Seconds between two parts of a body."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page: its own files, no code within the HTML, nothing from elsewhere."""

HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

OPEN_PATHS = ("/", "/page/", "/favicon.ico", "/health")
"""Paths that need no token: the page's own files, which hold nothing of the user's."""


def is_loopback(host: str) -> bool:
    """Tell whether only programs of this machine reach a server on this host."""
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


class RefusedError(Exception):
    """A request that is refused: the status, and a sentence."""

    def __init__(self, status: int, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status, self.retry_after = status, retry_after


class Guard:
    """The application behind every check.

    Parameters
    ----------
    app
        What answers a request that passes.
    hosts
        Names, without a port, by which this server may be called; empty for any, which needs a token.
    token
        What each request has to give as ``Authorization: Bearer TOKEN``, if anything.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str | None = None) -> None:
        if not hosts and not token:
            raise ValueError("a server that takes any host needs a token")
        self._app, self._hosts, self._token = app, frozenset(hosts), token
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with_headers = _adding_headers(send)
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        reserved = 0
        try:
            self._check(scope, headers)
            reserved = self._reserve(scope, headers)
            await self._app(scope, _limited(receive, reserved), with_headers)
        except RefusedError as refusal:
            await _refuse(with_headers, refusal)
        finally:
            self._bytes -= reserved

    def _check(self, scope: Scope, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        name = _name_of(host)
        if not name or (self._hosts and name not in self._hosts):
            raise RefusedError(
                421, f"this server is not called {host[:100] or 'nothing'}; open it by the address it printed"
            )
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise RefusedError(403, "requests of other sites' pages are refused")
        if headers.get(b"sec-fetch-site") in ("cross-site", "same-site") and scope["method"] != "GET":
            raise RefusedError(403, "requests of other sites' pages are refused")
        path = scope["path"]
        if self._token and path not in OPEN_PATHS and not path.startswith("/page/"):
            given = headers.get(b"authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                raise RefusedError(401, "expected the server's token, as Authorization: Bearer TOKEN")

    def _reserve(self, scope: Scope, headers: dict[bytes, str]) -> int:
        """Return the length of the body, for which there is room in memory."""
        if scope["method"] in ("GET", "HEAD"):
            return 0
        if b"transfer-encoding" in headers:
            raise RefusedError(411, "expected a Content-Length")
        length = headers.get(b"content-length", "0")
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else -1
        if size < 0:
            raise RefusedError(400, "the Content-Length is no number")
        if size > MAX_BODY_BYTES:
            raise RefusedError(413, f"a body of {size} bytes, expected at most {MAX_BODY_BYTES}")
        if self._bytes + size > MAX_BODIES_BYTES:
            raise RefusedError(429, "too much is being uploaded at once; try again", retry_after=2)
        self._bytes += size
        return size


def _name_of(host: str) -> str:
    """Return the name in a ``Host`` header, without its port; empty if it is malformed."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return ""
    return name or ""


def _limited(receive: Receive, expected: int) -> Receive:
    """Give the body of a request, whose parts have to come in time."""
    left = expected

    async def next_part() -> Message:
        nonlocal left
        if left <= 0:  # the next message is the end of the connection, which may take as long as it likes
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except asyncio.TimeoutError:
            raise RefusedError(408, f"the rest of the body did not come within {BODY_SECONDS:g} s") from None
        left -= len(message.get("body", b""))
        if not message.get("more_body", False):
            left = 0
        return message

    return next_part


def _adding_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message.get("headers", ())}
            message["headers"] = [*message.get("headers", ()), *(pair for pair in HEADERS if pair[0] not in present)]
        await send(message)

    return add


async def _refuse(send: Send, refusal: RefusedError) -> None:
    body = json.dumps({"error": str(refusal)}).encode()
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    headers.append((b"connection", b"close"))  # the rest of a refused body is not read
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
