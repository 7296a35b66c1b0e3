"""How many times faster than real time songs are rendered, and libgme plays our NSF export of them, in turns.

``python benches/rendering.py FILE|DIR... [--limit 100]`` prints medians over the songs. Of three renderings of a song
by each player the fastest counts. libgme gets both timings of an NSF: "exact" has its 6502 wait for each write's own
time, "frame" leaves it idle.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import libgme
from lakhnes import LakhnesError, RegisterLog
from lakhnes.cli.targets import expand
from lakhnes.songs import read_log

RATE = 44_100
REPEATS = 3
TIMINGS = ("exact", "frame")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("songs", nargs="+")
    parser.add_argument("--limit", type=int, default=100, help="evenly chosen songs at most")
    arguments = parser.parse_args()
    paths = [path for path, _ in expand(arguments.songs)]
    paths = (
        [paths[index * len(paths) // arguments.limit] for index in range(arguments.limit)]
        if (len(paths) > arguments.limit)
        else paths
    )
    speeds: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    for path in paths:
        log = read_log(path)
        players: dict[str, Callable[[], object]] = {"chip": log.render_int16}
        for timing in TIMINGS:
            nsf = export(log, timing)
            if nsf is not None:
                players[f"libgme, {timing}"] = lambda nsf=nsf, log=log: play(nsf, log)
        seconds = dict.fromkeys(players, float("inf"))
        for _ in range(REPEATS):
            for name, player in players.items():
                started = time.perf_counter()
                player()
                seconds[name] = min(seconds[name], time.perf_counter() - started)
        for name, taken in seconds.items():
            speeds.setdefault(name, []).append(log.duration / taken)
            ratios.setdefault(name, []).append(taken / seconds["chip"])
    for name, values in speeds.items():
        tell(name, values, "x real time")
        if name != "chip":
            tell(f"chip beside {name}", ratios[name], "times as fast")


def export(log: RegisterLog, timing: str) -> bytes | None:
    """Give the NSF of a log, or None where there is no libgme or the log does not fit."""
    if libgme.load() is None:
        return None
    try:
        return log.to_nsf(timing=timing)
    except LakhnesError:
        return None


def play(nsf: bytes, log: RegisterLog) -> None:
    with libgme.open_nsf(nsf, RATE) as player:
        player.play(log.length)


def tell(name: str, values: list[float], unit: str) -> None:
    values = sorted(values)
    median, low, high = statistics.median(values), values[len(values) // 10], values[-1 - len(values) // 10]
    print(f"{name}: median {median:,.1f} {unit} (8 in 10: {low:,.1f} to {high:,.1f}), {len(values)} songs")


if __name__ == "__main__":
    main()
