"""A simulation of many workers by discrete events: where a batch saturates, and what failures cost.

    python benches/scale.py [--files 1186253] [--cpu 0.006] [--read 14000] [--write 700000] [--mtbf 24] [--gigabytes 2]

Three things are waited for, each one after the other, in the order of the requests:

    scheduler    a time for each task, in which nothing else is sent (Dask's is one process)
    disk         the bytes of a task divided by its rate, which all workers share
    worker       the seconds of a task; it fails at random, comes back after a while, and others do its task again

The same with shards has no scheduler: each worker has its part from the beginning, goes on with it when it comes back
(what is written is not lost but for the task in hand), and the whole ends with the last one.
"""

import argparse
import heapq
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Job:
    """A batch and what it runs on; times in seconds, sizes in bytes a file."""

    files: int = 1_186_253
    cpu: float = 0.006
    read: float = 14_000
    write: float = 700_000
    workers: int = 1000
    task_seconds: float = 4.0
    scheduler_seconds: float = 0.002
    disk_rate: float = 2e9
    mtbf: float = 24 * 3600.0
    restart: float = 60.0
    spread: float = 0.3
    """Of the durations of tasks, the standard deviation of their logarithm."""
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a batch went."""

    seconds: float
    efficiency: float
    """The CPU seconds of all files, divided by those that all workers had."""
    failures: int
    redone: int
    """Tasks that were done again, in whole or in part."""


class Server:
    """Serves one request after the other."""

    def __init__(self):
        self.free = 0.0

    def serve(self, now, seconds):
        """Return when a request that arrives now is done."""
        self.free = max(self.free, now) + seconds
        return self.free


def _task_times(job, random):
    """Give the CPU seconds and the files of each task."""
    size = max(1, round(job.task_seconds / job.cpu))
    left = job.files
    while left:
        files = min(size, left)
        yield files * job.cpu * random.lognormvariate(-(job.spread**2) / 2, job.spread), files
        left -= files


def with_scheduler(job):
    """Simulate tasks that a scheduler hands out: whoever is free does the next one."""
    choose = random.Random(job.seed)
    tasks = _task_times(job, choose)
    again, scheduler, disk = [], Server(), Server()
    # What happens next: when, a number that makes it unique, the worker, its task, and whether it fails then.
    events = [(0.0, worker, worker, None, False) for worker in range(job.workers)]
    fails_at = [choose.expovariate(1 / job.mtbf) for _ in range(job.workers)]
    heapq.heapify(events)
    number, failures, end, waiting = job.workers, 0, 0.0, []
    while events:
        now, _, worker, task, fails = heapq.heappop(events)
        idle = [worker]
        if fails:
            failures += 1
            again.append(task)
            fails_at[worker] = now + job.restart + choose.expovariate(1 / job.mtbf)
            number += 1
            heapq.heappush(events, (now + job.restart, number, worker, None, False))
            idle, waiting = waiting, []  # those for whom there was no task any more
        elif task is not None:
            end = max(end, now)
        for each in idle:
            following = again.pop() if again else next(tasks, None)
            if following is None:
                waiting.append(each)
                continue
            cpu, files = following
            begin = scheduler.serve(now, job.scheduler_seconds)
            done = max(begin + cpu, disk.serve(begin, files * (job.read + job.write) / job.disk_rate))
            number += 1
            while fails_at[each] < begin:  # it failed while it had nothing to do, and came back
                fails_at[each] += job.restart + choose.expovariate(1 / job.mtbf)
            failed = fails_at[each] < done
            heapq.heappush(events, (fails_at[each] if failed else done, number, each, following, failed))
    total = job.files * job.cpu
    return Outcome(end, total / (end * job.workers), failures, failures)


def with_shards(job):
    """Simulate a shard a worker: files by a hash, so that their numbers differ as a binomial distribution has them."""
    choose = random.Random(job.seed)
    disk, ends, failures = Server(), [], 0
    share = job.files / job.workers
    size = max(1, round(job.task_seconds / job.cpu))
    events, left = [], job.files
    for worker in range(job.workers):
        files = min(max(0, round(choose.gauss(share, share**0.5))), left)
        files = left if worker == job.workers - 1 else files
        left -= files
        events.append((0.0, worker, files, choose.expovariate(1 / job.mtbf)))
    heapq.heapify(events)
    while events:
        now, worker, left, fails_at = heapq.heappop(events)
        if not left:
            ends.append(now)
            continue
        files = min(size, left)
        cpu = files * job.cpu * choose.lognormvariate(-(job.spread**2) / 2, job.spread)
        done = max(now + cpu, disk.serve(now, files * (job.read + job.write) / job.disk_rate))
        if fails_at < done:
            failures += 1
            back = fails_at + job.restart
            heapq.heappush(events, (back, worker, left, back + choose.expovariate(1 / job.mtbf)))
        else:
            heapq.heappush(events, (done, worker, left - files, fails_at))
    end = max(ends)
    return Outcome(end, job.files * job.cpu / (end * job.workers), failures, failures)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=Job.files)
    parser.add_argument("--cpu", type=float, default=Job.cpu, help="CPU seconds a file")
    parser.add_argument("--read", type=float, default=Job.read, help="bytes a file")
    parser.add_argument("--write", type=float, default=Job.write, help="bytes a file")
    parser.add_argument("--mtbf", type=float, default=24, help="hours between failures of a worker")
    parser.add_argument("--restart", type=float, default=60, help="seconds until it is back")
    parser.add_argument("--gigabytes", type=float, default=2, help="that the disk takes in a second")
    parser.add_argument("--scheduler", type=float, default=Job.scheduler_seconds, help="seconds a task")
    options = parser.parse_args()
    job = Job(
        files=options.files,
        cpu=options.cpu,
        read=options.read,
        write=options.write,
        mtbf=3600 * options.mtbf,
        restart=options.restart,
        disk_rate=1e9 * options.gigabytes,
        scheduler_seconds=options.scheduler,
    )
    row("workers", "tasks of", "scheduler: seconds", "efficiency", "failures", "shards: seconds", "efficiency")
    row(*["---"] * 7)
    for workers in (1, 10, 100, 1000):
        for task_seconds in (0.5, 4.0, 30.0):
            each = replace(job, workers=workers, task_seconds=task_seconds)
            one, other = with_scheduler(each), with_shards(each)
            row(
                f"{workers:,}", f"{task_seconds:g} s", f"{one.seconds:,.0f}", f"{one.efficiency:.0%}",
                one.failures, f"{other.seconds:,.0f}", f"{other.efficiency:.0%}",
            )  # fmt: skip


if __name__ == "__main__":
    main()
