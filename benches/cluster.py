"""Render and adapt folders on a Dask cluster of this machine, killing workers on the way, and compare with one process.

    python benches/cluster.py RENDER_DIR ADAPT_DIR SCRATCH [--workers 3] [--kills 2] [--rate 11025]

Each command runs with ``--jobs 1``, ``--jobs 2`` and with ``--scheduler``; the outputs have to be the same files. Times
are CPU seconds (user and system) of all processes concerned, which a busy machine changes little, and seconds by clock.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil


def run(*command):
    """Run a command; return its seconds by the clock and its CPU seconds."""
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *map(str, command)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, (status, command)
    return time.monotonic() - started, used.ru_utime + used.ru_stime


class Cluster:
    """A scheduler and workers, each of them processes as `dask scheduler` and `dask worker` start them."""

    def __init__(self, scratch, workers):
        self.file = scratch / "scheduler.json"
        self.file.unlink(missing_ok=True)
        end = ["--scheduler-file", str(self.file), "--no-dashboard"]
        self.log = (scratch / "dask.log").open("w")
        self.processes = [self.start("scheduler", *end, "--port", "0")]
        while not self.file.exists():
            time.sleep(0.2)
        options = ["--nthreads", "1", "--local-directory", str(scratch / "dask")]
        self.processes += [self.start("worker", *end, *options) for _ in range(workers)]

    def start(self, *command):
        return subprocess.Popen([sys.executable, "-m", "dask", *command], stdout=self.log, stderr=self.log)

    def cpu(self):
        """Return the CPU seconds of all processes so far; those of a worker that has died are its nanny's."""
        total = 0.0
        for process in self.processes:
            own = psutil.Process(process.pid)
            for each in [own, *own.children(recursive=True)]:
                times = each.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def kill_one(self):
        """Kill the process of a worker that works, not its nanny."""
        for nanny in self.processes[1:]:
            children = [
                each for each in psutil.Process(nanny.pid).children() if "spawn_main" in " ".join(each.cmdline())
            ]
            if children:
                children[0].kill()
                self.processes.append(self.processes.pop(1))  # another one the next time
                return children[0].pid
        return None

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


def same(one, other):
    """Return the number of files of two folders that are the same, or fail; hidden ones are of killed workers."""
    names, others = (
        sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
        for folder in (one, other)
    )
    assert names == others
    different = [name for name in names if not filecmp.cmp(one / name, other / name, shallow=False)]
    assert not different, different[:5]
    return len(names)


def files_below(folder):
    return sum(len(names) for _, _, names in os.walk(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("render", type=Path)
    parser.add_argument("adapt", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--only", choices=("render", "adapt"))
    parser.add_argument("--rate", type=int, default=11_025)
    options = parser.parse_args()
    scratch = options.scratch.absolute()
    scratch.mkdir(exist_ok=True)
    cluster = Cluster(scratch, options.workers)
    commands = {
        "render": ["lakhnes", "render", options.render.absolute(), "-q", "--rate", options.rate, "-o"],
        "adapt": ["lakhnes", "data", "adapt", options.adapt.absolute(), "-q"],
    }
    try:
        for name, command in commands.items():
            if options.only not in (None, name):
                continue
            one, two, many = (scratch / f"{name}-{jobs}" for jobs in ("one", "two", "many"))
            if one.is_dir():
                print(f"{name} --jobs 1: as an earlier call has left it", flush=True)
            else:
                seconds, used = run(*command, f"{one}/", "--jobs", 1)
                print(f"{name} --jobs 1: {seconds:.1f} s, {used:.1f} CPU s", flush=True)
            seconds, used = run(*command, f"{two}/", "--jobs", 2)
            print(f"{name} --jobs 2: {seconds:.1f} s, {used:.1f} CPU s", flush=True)
            shutil.rmtree(two)
            before, done = cluster.cpu(), threading.Event()

            def kill(one=one, many=many, done=done):
                whole = files_below(one)
                for number in range(options.kills):
                    # When a share of the files is there, wherever they are before they get their name.
                    share = (number + 1) / (options.kills + 2)
                    while not done.wait(0.1):
                        places = [many, *scratch.glob(f".{many.name}.*.part")]
                        if sum(map(files_below, places)) >= share * whole:
                            print(f"  killed {cluster.kill_one()} at {share:.0%}", flush=True)
                            break

            killer = threading.Thread(target=kill)
            killer.start()
            by_clock, client = run(*command, f"{many}/", "--scheduler", cluster.file)
            done.set()
            killer.join()
            all_of = client + cluster.cpu() - before
            print(f"{name} --scheduler: {by_clock:.1f} s, {all_of:.1f} CPU s ({client:.1f} of the client)", flush=True)
            over, used_over = by_clock / seconds - 1, all_of / used - 1
            print(f"  over --jobs 2: {over:.0%} by the clock, {used_over:.0%} CPU", flush=True)
            print(f"  {same(one, many):,} files, the same", flush=True)
            shutil.rmtree(many)
            shutil.rmtree(one)
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
