"""Many small pieces of work on a Dask cluster.

Pieces are put together into tasks of some seconds, of which a few a thread are on their way at any time: a million
pieces take no more memory of the scheduler than a thousand. A worker that is lost costs its tasks only, which others do
again. Of a task that workers die of, the pieces are done in smaller tasks, and at the end those of a single piece by
themselves: a piece that workers die of then is given back as failed, and no other that was under way beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lakhnes.errors import LakhnesError, LakhnesWarning
from lakhnes.extras import load, need

if TYPE_CHECKING:
    import distributed

__all__ = ["DEADLY", "Cluster", "connect"]

TASK_SECONDS = 4.0
"""How long a task takes, about: long beside the milliseconds that a scheduler spends on it, short beside a lost one."""

FIRST_TASK = 4
"""Pieces of the first tasks, by which is measured how long one takes."""

MOST_IN_TASK = 4096

TASKS_AHEAD = 2
"""Tasks on their way for each thread of the cluster."""

LOOK_AGAIN = 5.0
"""Seconds after which the threads of the cluster are counted again: workers come and go."""

RETRIES = 2
"""How often a task is repeated that raises an error, such as one of a file system."""

DIVIDE = 16
"""Into how many tasks one is divided that workers have died of, to find the piece that they die of."""

DEADLY = "every worker that took it up has died"
"""What is said of such a piece."""

T = TypeVar("T")
R = TypeVar("R")


class Cluster:
    """Workers that do pieces of work; see `connect`.

    Parameters
    ----------
    client
        Of a Dask scheduler.
    """

    def __init__(self, client: distributed.Client) -> None:
        self._client = client

    def map(self, work: Callable[[list[T]], R], pieces: Sequence[T]) -> Iterator[tuple[list[T], R | None]]:
        """Do work, and give what came of each task as it is done, in any order.

        Parameters
        ----------
        work
            A function of a module, or a `functools.partial` of one: it is given pieces and runs on a worker. It may be
            run more than once for a piece.
        pieces
            What it is given, all of which can be pickled.

        Yields
        ------
        pieces : list
            Those of a task.
        result
            What `work` returned for them; None for one that workers die of.

        Raises
        ------
        Exception
            What `work` raises, repeatedly.
        """
        distributed = load("distributed")
        run = _Run(self._client, work, pieces)
        # With results: one that is lost with its worker is made again in the background, while others are given.
        done = distributed.as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        try:
            while run.fill(done):
                # What the future itself says may have changed since: its worker may have died after it gave the result.
                future, outcome = next(done)
                task = run.tasks.pop(future)
                if isinstance(outcome, _Outcome):
                    run.note(len(task), outcome.seconds)
                    for text in outcome.warnings:
                        warnings.warn(text, LakhnesWarning, stacklevel=2)
                    run.fill(done)
                    yield task, outcome.result
                    continue
                error = outcome[1] if isinstance(outcome, tuple) else None
                if error is not None and not isinstance(error, distributed.KilledWorker):
                    raise error
                if error is not None and run.alone:
                    yield task, None
                else:
                    run.again(task, divide=error is not None)
        finally:
            self._client.cancel(list(run.tasks))


class _Run(Generic[T, R]):
    """The tasks of some work: those on their way, and the pieces that are left."""

    def __init__(self, client: distributed.Client, work: Callable[[list[T]], R], pieces: Sequence[T]) -> None:
        self.tasks: dict[distributed.Future, list[T]] = {}
        self._client, self._work, self._pieces = client, work, pieces
        self._next = 0
        self._repeated: list[list[T]] = []
        self._suspects: list[list[T]] = []
        self.alone = False
        """Whether the one task on its way is of a single piece that workers may die of."""
        self._seconds: float | None = None  # of a piece
        self._threads, self._counted = 0, -LOOK_AGAIN
        self._number = 0
        self._key = f"lakhnes-{os.urandom(6).hex()}"

    def fill(self, done: Any) -> bool:
        """Send tasks until enough are on their way; return whether there are any."""
        if time.monotonic() - self._counted >= LOOK_AGAIN:
            self._threads, self._counted = sum(self._client.nthreads().values()), time.monotonic()
        while len(self.tasks) < max(TASKS_AHEAD * self._threads, 1) and (task := self._task()):
            self._send(task, done)
        if not self.tasks and self._suspects:
            self.alone = True
            self._send(self._suspects.pop(), done)
        return bool(self.tasks)

    def _send(self, task: list[T], done: Any) -> None:
        self._number += 1
        key = f"{self._key}-{self._number}"
        future = self._client.submit(_timed, self._work, task, key=key, retries=RETRIES, pure=False)
        self.tasks[future] = task
        done.add(future)

    def note(self, pieces: int, seconds: float) -> None:
        """Note how long a task took; the last ones count most."""
        each = seconds / pieces
        self._seconds = each if self._seconds is None else 0.7 * self._seconds + 0.3 * each

    def again(self, task: list[T], *, divide: bool) -> None:
        """Do the pieces of a task again, in tasks of a share of them if workers have died of it, or beside it."""
        if divide and len(task) == 1:
            self._suspects.append(task)
            return
        size = -(-len(task) // DIVIDE) if divide else len(task)
        self._repeated += [task[start : start + size] for start in range(0, len(task), size)]

    def _task(self) -> list[T]:
        if self._repeated:
            return self._repeated.pop()
        left = len(self._pieces) - self._next
        size = FIRST_TASK if self._seconds is None else int(TASK_SECONDS / max(self._seconds, 1e-6))
        # Towards the end, tasks get small, so that all threads end at about the same time.
        size = max(1, min(size, MOST_IN_TASK, -(-left // (2 * max(self._threads, 1)))))
        task = list(self._pieces[self._next : self._next + size])
        self._next += len(task)
        return task


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What came of a task: its result, the seconds that it took, and the warnings of lakhnes that there were."""

    result: Any
    seconds: float
    warnings: list[str]


def _timed(work: Callable[[list[T]], R], task: list[T]) -> _Outcome:
    """Do a task on a worker."""
    started = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LakhnesWarning)
        result = work(task)
    told = [str(warning.message) for warning in caught if issubclass(warning.category, LakhnesWarning)]
    return _Outcome(result, time.monotonic() - started, told)


def _version() -> str:
    from lakhnes._native import __version__

    return __version__


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
        If there is no scheduler there, or its workers have another version of lakhnes.
    """
    need("distributed")
    distributed = load("distributed")
    name, _, count = scheduler.partition(":")
    with contextlib.ExitStack() as stack:
        if name == "local":
            # The tasks that a worker died of twice are divided: here its death has no other reason than one of them.
            stack.enter_context(load("dask.config").set({"distributed.scheduler.allowed-failures": 1}))
            if not count.isdecimal() or not 1 <= int(count[:5]) <= 1024:
                raise LakhnesError(f"{scheduler}: expected local:N with N processes from 1 to 1024")
            local = distributed.LocalCluster(
                n_workers=int(count), threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
            )
            where: dict[str, Any] = {"address": stack.enter_context(local)}
        elif Path(scheduler).is_file():
            where = {"scheduler_file": scheduler}
        else:
            where = {"address": scheduler}
        try:
            client = stack.enter_context(distributed.Client(**where, timeout=20, set_as_default=False))
        except (OSError, TimeoutError, ValueError) as error:
            raise LakhnesError(f"{scheduler}: no Dask scheduler answers there ({str(error).splitlines()[0]})") from None
        others = sorted({version for version in client.run(_version).values() if version != _version()})
        if others:
            raise LakhnesError(f"{scheduler}: workers have lakhnes {', '.join(others)}, expected {_version()} as here")
        yield Cluster(client)
