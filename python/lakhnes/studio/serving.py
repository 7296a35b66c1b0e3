"""Servers: the API on a host and a port, with the page or without it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

import uvicorn
from starlette.routing import BaseRoute

from lakhnes.errors import LakhnesError
from lakhnes.studio.api import Service, application
from lakhnes.studio.security import is_loopback

__all__ = ["listen", "serve"]

BACKLOG = 256
"""Connections that may wait to be taken."""

MOST_CONNECTIONS = 256
"""Connections at one time; a further one is answered with 503."""

ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 (never the default, and only with a token)


def listen(host: str, port: int, token: str | None = None) -> socket.socket:
    """Return a socket that listens; port 0 stands for a free one.

    Raises
    ------
    LakhnesError
        If other machines would reach the server and there is no token.
    OSError
        If the port is taken, or the host is not an address of this machine.
    """
    if not is_loopback(host) and not token:
        raise LakhnesError(f"{host}: other machines reach this server; --token TOKEN says who may use it")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # For each connection: without it, Nagle's algorithm delays an answer until the client acknowledges its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen there: {error.strerror}", f"{host}:{port}") from error
    return listener


def serve(
    service: Service,
    listener: socket.socket,
    host: str,
    *,
    token: str | None = None,
    extra: Callable[[Service], list[BaseRoute]] | None = None,
    ready: Callable[[], object] = lambda: None,
) -> None:
    """Serve until the process is interrupted.

    Parameters
    ----------
    service, extra
        See `lakhnes.studio.api.application`.
    listener
        From `listen`.
    host
        The name under which it listens.
    token
        What every request has to give; that of `listen`.
    ready
        Called when requests are answered.
    """
    app = application(service, hosts=_names(host), token=token, extra=extra)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, limit_concurrency=MOST_CONNECTIONS, timeout_keep_alive=30,
        timeout_graceful_shutdown=2, server_header=False, h11_max_incomplete_event_size=32 * 1024,
    )  # fmt: skip

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    Server(config).run([listener])


def _names(host: str) -> Sequence[str]:
    """Return the names by which a server may be called; none stands for any."""
    if host in ANY_HOST:
        return ()
    return ("127.0.0.1", "localhost", "::1") if is_loopback(host) else (host,)
