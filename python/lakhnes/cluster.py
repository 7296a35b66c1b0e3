"""Many small pieces of work on a Dask cluster.

Pieces are put together into tasks of a second or more, of which a few a thread are on their way at any time: a million
pieces take no more memory of the scheduler than a thousand. A worker that is lost costs its tasks only, which others do
again. Of a task that workers die of, the pieces are done in smaller tasks, and at the end those of a single piece by
themselves: a piece that workers die of then is given back as failed, and no other that was under way beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import queue
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lakhnes.errors import LakhnesError, LakhnesWarning, warn_of
from lakhnes.extras import load

if TYPE_CHECKING:
    import distributed

__all__ = ["DEADLY", "Cluster", "own_version", "scheduler_answers"]

TASK_SECONDS = 1.0
"""How long a task takes, about: long beside the scheduler's milliseconds; a lost one costs as much."""

TASK_SECONDS_A_THREAD = 0.004
"""How long it takes at least for each thread of the cluster: the scheduler, about 2 ms a task, is half busy then."""

FIRST_TASK = 4
"""Pieces of the first tasks, by which is measured how long one takes."""

MOST_IN_TASK = 4096

TASKS_AHEAD = 2
"""Tasks on their way for each thread of the cluster."""

LOOK_AGAIN = 5.0
"""Seconds after which the cluster is looked at again: workers come and go."""

WARN_AFTER = 30.0
"""Seconds without a worker after which a warning says so."""

SEND_AGAIN = 60.0
"""Seconds in which there are workers, none of them has a task, and none is done, until all are sent again."""

NOTHING_FOR = 600.0
"""Seconds in which no worker has a task, for want of workers or for another reason, until that ends the work."""

RETRIES = 2
"""How often a task is repeated that raises an error, such as one of a file system."""

DIVIDE = 16
"""Into how many tasks one is divided that workers have died of, to find the piece that they die of."""

UNREADABLE = "deserialization of the task graph"
"""In what Dask says of work that the scheduler cannot read."""

DEADLY = "every worker that took it up has died"
"""What is said of such a piece."""

T = TypeVar("T")
R = TypeVar("R")


class Cluster:
    """Workers that do pieces of work; see `lakhnes.scheduler.connect`.

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
        LakhnesError
            If the scheduler has gone, there are no workers for `NOTHING_FOR`, or they have another version of lakhnes.
        Exception
            What `work` raises, repeatedly.
        """
        run = _Run(self._client, work, pieces)
        try:
            while run.fill():
                if (done := run.wait()) is None:
                    continue
                task, outcome = done
                if outcome is None:
                    yield task, None
                    continue
                for text in outcome.warnings:
                    warnings.warn(text, LakhnesWarning, stacklevel=2)
                run.fill()
                yield task, outcome.result
        finally:
            run.end()


class _Run(Generic[T, R]):
    """The tasks of some work: those on their way, and the pieces that are left."""

    def __init__(self, client: distributed.Client, work: Callable[[list[T]], R], pieces: Sequence[T]) -> None:
        self._client, self._work, self._pieces = client, work, pieces
        self._address = client.scheduler.address
        self._tasks: dict[distributed.Future, list[T]] = {}
        self._done: queue.SimpleQueue[tuple[distributed.Future, _Outcome | BaseException]] = queue.SimpleQueue()
        self._next = 0
        self._repeated: list[list[T]] = []
        self._suspects: list[list[T]] = []
        self._alone: distributed.Future | None = None  # the one on its way, if it is of a piece that workers may die of
        self._seconds: float | None = None  # of a piece
        self._threads, self._looked = 0, -math.inf
        self._idle = self._sent_again = 0.0  # seconds in which no worker had a task; of these, when all were sent again
        self._warned = False
        self._number = 0
        self._key = f"lakhnes-{os.urandom(6).hex()}"

    def fill(self) -> bool:
        """Send tasks until enough are on their way; return whether there are any."""
        with scheduler_answers(self._client, self._address):
            if time.monotonic() - self._looked >= LOOK_AGAIN:
                self._look()
            if self._alone is None:
                while len(self._tasks) < max(TASKS_AHEAD * self._threads, 1) and (task := self._task()):
                    self._send(task)
                if not self._tasks and self._suspects:
                    self._alone = self._send(self._suspects.pop())
        return bool(self._tasks)

    def wait(self) -> tuple[list[T], _Outcome | None] | None:
        """Wait for a task: return it and what came of it, None for what workers die of; or None if it is done again.

        Nothing may have come for `LOOK_AGAIN` seconds; it returns None then too.
        """
        try:
            future, outcome = self._done.get(timeout=LOOK_AGAIN)
        except queue.Empty:
            return None
        if (task := self._tasks.pop(future, None)) is None:  # it has been sent again meanwhile
            return None
        alone = future is self._alone
        if alone:
            self._alone = None
        if isinstance(outcome, _Outcome):
            self._idle = self._sent_again = 0.0
            self._note(len(task), outcome.seconds)
            return task, outcome
        if future.status != "error":  # the scheduler has lost it, or its result
            (self._suspects if alone else self._repeated).append(task)
            return None
        self._idle = self._sent_again = 0.0
        if not isinstance(outcome, load("distributed").KilledWorker):
            raise self._told(outcome)
        if alone:
            return task, None
        if len(task) == 1:
            self._suspects.append(task)
        else:
            size = -(-len(task) // DIVIDE)
            self._repeated += [task[start : start + size] for start in range(0, len(task), size)]
        return None

    def _told(self, error: BaseException) -> BaseException:
        """Return an error of the work; of a scheduler or workers without lakhnes, the line that says so."""
        if isinstance(error, LakhnesError) or not (isinstance(error, ImportError) or UNREADABLE in str(error)):
            return error
        why = str(error).partition(". ")[0]
        return LakhnesError(
            f"{self._address}: expected lakhnes {own_version()} on scheduler and workers, as here ({why})"
        )

    def end(self) -> None:
        """Cancel what is on its way."""
        with contextlib.suppress(Exception):  # there may be no scheduler any more
            self._client.cancel(list(self._tasks))

    def _look(self) -> None:
        """Count the threads of the cluster; send all tasks again that no worker has; end if that goes on for long."""
        self._threads = sum(self._client.nthreads().values())
        on_workers = self._client.processing() if self._tasks else {}
        now = time.monotonic()
        if not self._tasks or any(str(key).startswith(self._key) for keys in on_workers.values() for key in keys):
            self._idle = self._sent_again = 0.0
        else:  # what the caller does with results, and the sleep of a laptop, is not time that workers were away
            self._idle += min(now - self._looked, 2 * LOOK_AGAIN)
        self._looked = now
        if self._idle > NOTHING_FOR:
            what = "no task has been on a worker" if self._threads else "no worker has been there"
            raise LakhnesError(
                f"{self._address}: {what} for {self._idle / 60:.0f} minutes, expected dask worker {self._address}"
            )
        if self._idle > WARN_AFTER and not self._threads and not self._warned:
            self._warned = True
            warn_of(self._address, f"no worker is there; waiting for one, {NOTHING_FOR / 60:.0f} minutes at most")
        if self._threads and self._idle - self._sent_again > SEND_AGAIN:
            self._send_again()

    def _send_again(self) -> None:
        """Send tasks again that no worker has, although there are workers, and that nothing has come of."""
        self._sent_again = self._idle
        lost, self._tasks = self._tasks, {}
        for future, task in lost.items():
            (self._suspects if future is self._alone else self._repeated).append(task)
        self._alone = None
        self._client.cancel(list(lost))

    def _send(self, task: list[T]) -> distributed.Future:
        self._number += 1
        key = f"{self._key}-{self._number}"
        future = self._client.submit(_timed, self._work, task, own_version(), key=key, retries=RETRIES, pure=False)
        self._tasks[future] = task
        self._client.loop.add_callback(self._follow, future)
        return future

    async def _follow(self, future: distributed.Future) -> None:
        """Wait, in the thread of the client, until a result is here; one that is lost with its worker is made again.

        `distributed.as_completed` does not do: it drops a future whose task is killed after it has had a result.
        """
        from asyncio import CancelledError  # loaded where there is a cluster: it takes longer than all else here

        outcome: _Outcome | BaseException
        try:
            outcome = await self._client.gather(future, asynchronous=True)
        except (Exception, CancelledError) as error:
            outcome = error
        self._done.put((future, outcome))

    def _note(self, pieces: int, seconds: float) -> None:
        """Note how long a task took; the last ones count most."""
        each = seconds / pieces
        self._seconds = each if self._seconds is None else 0.7 * self._seconds + 0.3 * each

    def _task(self) -> list[T]:
        if self._repeated:
            return self._repeated.pop()
        left = len(self._pieces) - self._next
        seconds = max(TASK_SECONDS, TASK_SECONDS_A_THREAD * self._threads)
        size = FIRST_TASK if self._seconds is None else int(seconds / max(self._seconds, 1e-6))
        # Towards the end, tasks get small, so that all threads end at about the same time.
        size = max(1, min(size, MOST_IN_TASK, -(-left // (2 * max(self._threads, 1)))))
        task = list(self._pieces[self._next : self._next + size])
        self._next += len(task)
        return task


@contextlib.contextmanager
def scheduler_answers(client: distributed.Client, address: str) -> Iterator[None]:
    """Say in a line that a scheduler has gone."""
    try:
        yield
    except Exception as error:
        if isinstance(error, LakhnesError) or not (isinstance(error, OSError) or client.status != "running"):
            raise
        raise LakhnesError(f"{address}: the Dask scheduler does not answer any more") from None


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What came of a task: its result, the seconds that it took, and the warnings of lakhnes that there were."""

    result: Any
    seconds: float
    warnings: list[str]


def _timed(work: Callable[[list[T]], R], task: list[T], version: str) -> _Outcome:
    """Do a task on a worker, if it has this version of lakhnes."""
    if version != own_version():
        raise LakhnesError(f"worker {socket.gethostname()}: it has lakhnes {own_version()}, expected {version} as here")
    started = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LakhnesWarning)
        result = work(task)
    told = [str(warning.message) for warning in caught if issubclass(warning.category, LakhnesWarning)]
    return _Outcome(result, time.monotonic() - started, told)


def own_version() -> str:
    """Return the version of lakhnes, of this process or of a worker."""
    from lakhnes._native import __version__

    return __version__
