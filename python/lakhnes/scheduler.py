"""Where a Dask cluster is: the address of its scheduler, or processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakhnes.cluster import Cluster, own_version, scheduler_answers
from lakhnes.errors import LakhnesError, shown
from lakhnes.extras import load, need
from lakhnes.files import read_limited

__all__ = ["connect", "local_cluster"]

CONNECT_SECONDS = 5.0
"""For the machine of a scheduler to take a connection, and then for the scheduler to answer."""

MAX_FILE_BYTES = 2**24
"""Of the file of a scheduler, which lists its workers."""


@contextlib.contextmanager
def connect(scheduler: str) -> Iterator[Cluster]:
    """Connect to a Dask cluster, or make one on this machine for as long as the block runs.

    Parameters
    ----------
    scheduler
        The address of a scheduler (``tcp://HOST:PORT``, ``HOST:PORT``), ``local:N`` for N processes here, or the file
        that ``dask scheduler --scheduler-file`` writes.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    LakhnesError
        If the text names no scheduler, none answers there, or its workers have another version of lakhnes.
    """
    need("distributed")
    distributed = load("distributed")
    name, _, count = scheduler.partition(":")
    with contextlib.ExitStack() as stack:
        if name == "local":
            if not count.isdecimal() or not 1 <= int(count[:5]) <= 1024:
                raise LakhnesError(f"{scheduler}: expected local:N with N processes from 1 to 1024")
            where: dict[str, Any] = {"address": stack.enter_context(local_cluster(int(count)))}
        else:
            where = {"address": _address(scheduler)}
        stack.enter_context(
            load("distributed.utils").silence_logging_cmgr(logging.CRITICAL)
        )  # errors are lines of ours
        try:
            if isinstance(where["address"], str):
                _check_answer(where["address"])
            client = stack.enter_context(distributed.Client(**where, timeout=CONNECT_SECONDS, set_as_default=False))
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None)
            why = said.lower() if said else " ".join(str(error).split()) or type(error).__name__
            raise LakhnesError(f"{scheduler}: no Dask scheduler answers there ({why})") from None
        with scheduler_answers(client, scheduler):
            # Later ones are asked in their tasks; those without lakhnes die when a task reaches them.
            found = client.run(own_version, on_error="return").values()
        others = {version for version in found if isinstance(version, str)} - {own_version()}
        others |= {"none" for error in found if "ModuleNotFoundError" in repr(error)}  # Dask has made a text of it
        if others:
            raise LakhnesError(
                f"{scheduler}: workers have lakhnes {', '.join(sorted(others))}, expected {own_version()} as here"
            )
        yield Cluster(client)


def _address(scheduler: str) -> str:
    """Return the address of a scheduler, that in its file if it is one.

    A client that is made with another text raises errors of any kind, and prints a traceback when it is deleted.
    """
    comm = load("distributed.comm")
    address = _address_in(Path(scheduler)) if os.path.lexists(scheduler) else scheduler
    try:
        scheme, place = comm.parse_address(address)
        load("distributed.comm.registry").get_backend(scheme)
        if scheme in ("tcp", "tls"):
            host, port = comm.parse_host_port(place)
            if not host or not 0 < port < 2**16:
                raise ValueError
        if scheme == "tls" and load("distributed").Security().get_connection_args("client")["ssl_context"] is None:
            raise LakhnesError(
                f"{scheduler}: expected keys and certificates as distributed.comm.tls of Dask's configuration"
            )
    except ValueError:
        raise LakhnesError(
            f"{scheduler}: expected the address of a Dask scheduler (tcp://HOST:PORT), the file in which it stands, or "
            f"local:N{'' if address == scheduler else f', found {shown(address)} in it'}"
        ) from None
    return address


def _check_answer(address: str) -> None:
    """Ask what is at an address for its kind: of what is no scheduler, a client of Dask waits for more without end.

    Raises
    ------
    OSError
        If nothing answers in time.
    ValueError
        If something else does.
    """
    comm = load("distributed.comm")
    scheme, place = comm.parse_address(address)
    if scheme in ("tcp", "tls"):  # Dask would try again where a connection is refused
        socket.create_connection(comm.parse_host_port(place), CONNECT_SECONDS).close()
    try:
        kind = asyncio.run(asyncio.wait_for(_kind(address), CONNECT_SECONDS))
    except (OSError, asyncio.TimeoutError) as error:  # the second is no kind of the first before Python 3.11
        raise TimeoutError(f"no answer in {CONNECT_SECONDS:g} s") from error
    except Exception as error:  # whatever msgpack and numpy raise when the bytes of another program are read as Dask's
        raise ValueError("something else does") from error
    if kind != "Scheduler":
        raise ValueError(f"a {shown(kind)} does")


async def _kind(address: str) -> Any:
    """Return of what kind a server of Dask says that it is, such as ``Scheduler`` or ``Worker``."""
    given = load("distributed").Security().get_connection_args("client")
    comm = await load("distributed.comm").connect(address, timeout=CONNECT_SECONDS, **given)
    try:
        return (await load("distributed.core").send_recv(comm, op="identity"))["type"]
    finally:
        comm.abort()


def _address_in(path: Path) -> str:
    """Return what ``dask scheduler --scheduler-file`` has written."""
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        if isinstance(address := json.loads(read_limited(path, MAX_FILE_BYTES))["address"], str):
            return address
    raise LakhnesError(f"{path}: expected what `dask scheduler --scheduler-file` writes, JSON with the address")


@contextlib.contextmanager
def local_cluster(processes: int) -> Iterator[Any]:
    """Make a Dask cluster on this machine, whose processes are started again when they die.

    Yields
    ------
    distributed.LocalCluster
        With one thread a process.
    """
    settings = {
        # The tasks that a worker died of twice are divided: here its death has no other reason than one of them.
        "distributed.scheduler.allowed-failures": 1,
        # Dask gives a process up for good that is not there just this long after one of its deaths (by default 15 s),
        # even if it is being started: where that takes long, or many have died, no process is left in the end.
        "distributed.deploy.lost-worker-timeout": "30 days",
    }
    distributed = load("distributed")
    with (
        load("dask.config").set(settings),
        distributed.LocalCluster(
            n_workers=processes, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
    ):
        yield cluster
