"""Work that waits in a queue, runs in a thread, and can be cancelled: what clients ask for.

A `Queue` takes at most some number of jobs; a further one is refused with the time after which to try again. Each
job has a time limit. Nothing here knows of HTTP.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

from lakhnes.errors import LakhnesError

__all__ = ["BusyError", "Job", "JobError", "Queue"]

RETRY_SECONDS = 2
"""Seconds after which a client that was refused may come again, for each job before it."""


class JobError(LakhnesError):
    """A job was cancelled, or took longer than it may."""


class BusyError(LakhnesError):
    """The queue is full.

    Attributes
    ----------
    retry_after : int
        Seconds after which the client may come again.
    """

    def __init__(self, waiting: int) -> None:
        self.retry_after = RETRY_SECONDS * max(waiting, 1)
        super().__init__(f"{waiting} jobs are waiting already; try again in {self.retry_after} s")


class Job:
    """A piece of work.

    Parameters
    ----------
    work : callable
        Called in a thread of the queue with the job; it calls `check` often.
    time_limit : float
        Seconds that it may take once it runs.
    """

    _numbers = itertools.count(1)

    def __init__(self, work: Callable[[Job], Any], time_limit: float) -> None:
        self.number = next(self._numbers)
        self.watch: Any = None
        """What the work shows of itself while it runs; see `lakhnes.studio.watching.Watch`."""
        self._work, self._time_limit = work, time_limit
        self._cancelled = threading.Event()
        self._deadline: float | None = None
        self.future: Future[Any]

    def check(self) -> None:
        """Return if the work shall go on.

        Raises
        ------
        JobError
            If it was cancelled, or has taken as long as it may.
        """
        if self._cancelled.is_set():
            raise JobError("cancelled")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise JobError(f"stopped after {self._time_limit:g} s, the longest that a job may take")

    def cancel(self) -> None:
        """End the work: at once if it waits, else when it next calls `check`."""
        self._cancelled.set()
        self.future.cancel()

    @property
    def running(self) -> bool:
        """Whether the work has begun."""
        return self._deadline is not None

    @property
    def done(self) -> bool:
        """Whether the work has ended, in whatever way."""
        return self.future.done()

    def result(self) -> Any:
        """Return what the work gave, once it is done; raise what it raised.

        Raises
        ------
        JobError
            If it was cancelled.
        """
        try:
            return self.future.result(timeout=0)
        except CancelledError:
            raise JobError("cancelled") from None

    def run(self) -> Any:
        """Do the work, in a thread of the queue."""
        self._deadline = time.monotonic() + self._time_limit
        self.check()
        return self._work(self)


class Queue:
    """Jobs in the order in which they came, some at once.

    Parameters
    ----------
    name : str
        Of its threads.
    workers : int
        How many run at once.
    waiting : int
        How many may wait besides.
    time_limit : float
        Seconds that a job may take.
    """

    def __init__(self, name: str, *, workers: int, waiting: int, time_limit: float) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._workers, self._waiting, self._time_limit = workers, waiting, time_limit
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}

    def add(self, work: Callable[[Job], Any]) -> Job:
        """Put work into the queue.

        Raises
        ------
        BusyError
            If the queue is full.
        """
        job = Job(work, self._time_limit)
        with self._lock:
            if len(self._jobs) >= self._workers + self._waiting:
                raise BusyError(len(self._jobs))
            self._jobs[job.number] = job
            job.future = self._executor.submit(job.run)
        job.future.add_done_callback(lambda future: self._forget(job))
        return job

    def place(self, job: Job) -> int:
        """Return how many jobs will begin before this one; 0 if it runs, or is the next."""
        with self._lock:
            earlier = [other for number, other in self._jobs.items() if number < job.number and not other.running]
        return 0 if job.running else len(earlier)

    def __len__(self) -> int:
        """Return how many jobs run or wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Cancel every job and end the threads."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _forget(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.number, None)
