"""How fast the studio's page is, in a real Chromium: first sound, four alternatives, scrolling.

    python benches/studio_page.py --times 20

Starts ``lakhnes studio`` with the bundled model, as a user does, and clicks on the page through chromedriver.
Prints each figure beside its limit, and the machine's load. Times of first sound are taken in the browser: from the
click's own time stamp to the first samples above the level of silence that the page's analyser hears.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from browser import Browser, chromium

HEARD = 1e-3
"""The sample above which something is heard; the quietest note of a pulse channel alone is louder."""

LISTEN = """
(() => {
  const marks = window.marks = { click: 0, notes: 0, sound: 0, done: 0 };
  document.getElementById("go").addEventListener("click", (event) => { marks.click = event.timeStamp; },
    { capture: true, once: true });
  const { player } = studio, block = new Float32Array(1024);
  const look = () => {
    const now = performance.now();
    if (marks.click && !marks.notes && studio.roll.score?.live) marks.notes = now;
    if (marks.click && !marks.sound && player.analyser) {
      player.analyser.getFloatTimeDomainData(block);
      const middle = block.reduce((sum, each) => sum + each, 0) / block.length;
      if (block.some((sample) => Math.abs(sample - middle) > HEARD)) marks.sound = now;
    }
    if (marks.click && !marks.done && studio.composing.songs.length === 4 && !studio.composing.abort) marks.done = now;
    if (!marks.sound || !marks.done) setTimeout(look, 4);
  };
  studio.player.stop();
  studio.composing.clear();
  look();
  return true;
})()
""".replace("HEARD", str(HEARD))

SCROLL = """
new Promise((done) => {
  const roll = studio.roll, box = roll.canvas.getBoundingClientRect(), times = [];
  const frame = (now) => {
    times.push(now);
    if (now - times[0] > SECONDS * 1000) {
      const gaps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
      done([(times.length - 1) / (times.at(-1) - times[0]) * 1000, gaps[Math.floor(gaps.length * 0.99)]]);
      return;
    }
    roll.canvas.dispatchEvent(new WheelEvent("wheel", { deltaX: 40, clientX: box.left + 99, clientY: box.top + 99 }));
    if (roll.left >= roll.mostLeft) roll.scrollTo(0);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""


@contextlib.contextmanager
def studio(folder: Path, options: list[str]) -> Iterator[str]:
    """Start the studio as a process of its own; give its address."""
    command = [sys.executable, "-m", "lakhnes", "studio", "--no-browser", *options]
    environment = os.environ | {"LAKHNES_SESSIONS": str(folder / "sessions")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=20)


CANCEL = """
(async () => {
  const began = performance.now();
  document.getElementById("cancel").click();
  while ((await (await fetch("/health")).json()).queue.composing) { /* the server still works */ }
  return performance.now() - began;
})()
"""


def long_song(seconds: int = 600, notes: int = 10_000) -> str:
    """Return a TX1 text of some seconds with some notes, over all four voices."""
    choose = random.Random(1)
    steps, events = notes // 4, []
    ticks = seconds * 44_100 // steps
    for step in range(steps):
        for voice, low, high in (("P1", 60, 84), ("P2", 50, 72), ("TR", 30, 60), ("NO", 1, 16)):
            events.append(f"{voice}_NOTEON_{choose.randint(low, high)}")
        wait = ticks if step < steps - 1 else ticks - 100
        events.append(f"WT_{wait}")
    return "\n".join([*events, "P1_NOTEOFF", "P2_NOTEOFF", "TR_NOTEOFF", "NO_NOTEOFF", "WT_100"])


def composed(page: Browser, seconds: int, seed: int) -> dict[str, float]:
    """Click on compose; return milliseconds to the first notes, the first sound, and to four songs."""
    for name, value in (("seconds", seconds), ("seed", seed)):
        page.run(f"(document.getElementById({name!r}).value = {value})")
    page.run("studio.store.create('Speed').then(() => true)")
    page.run(LISTEN)
    page.click("#go")
    page.wait("marks.sound && marks.done", what="sound and four songs")
    marks = page.run("marks")
    return {name: marks[name] - marks["click"] for name in ("notes", "sound", "done")}


def cancelled(page: Browser, after: float) -> Any:
    """Click on compose, then on cancel; return milliseconds until the server has nothing to do."""
    page.run("(document.getElementById('seconds').value = 120)")
    page.click("#go")
    page.wait("studio.composing.abort && studio.roll.score?.live")
    time.sleep(after)
    return page.run(CANCEL)


def scrolled(page: Browser, seconds: float, scale: float) -> Any:
    """Scroll an open song, seen at some pixels a second; return frames a second, and 99 % of the times between them."""
    page.run(f"(studio.roll.scale = {scale}, studio.roll.scrollTo(0), true)")
    return page.run(SCROLL.replace("SECONDS", str(seconds)))


def weight(page: Browser, address: str) -> tuple[int, list[str]]:
    """Open the page anew; return the bytes of its files, and requests beyond its origin."""
    page.requests()
    page.open(address)
    page.wait("document.body.dataset.ready")
    asked = page.requests()
    sizes = page.run(
        "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
        ".filter((each) => !/studio$|sessions/.test(each.name)).map((each) => each.decodedBodySize)"
    )
    return sum(sizes), [url for url in asked if not url.startswith((address, "blob:", "data:", "chrome"))]


def row(what: str, values: list[float], unit: str, limit: str) -> str:
    """Return a line of the table."""
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return f"| {what} | {statistics.median(values):.2f} {unit}{spread} | {limit} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="how often songs are composed")
    parser.add_argument("--seconds", type=int, default=30, help="of each song")
    parser.add_argument("--model", help="which composes; the bundled one if not given")
    parser.add_argument("--json", action="store_true", help="print the times of each composition too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with studio(folder, ["--model", options.model] if options.model else []) as address, chromium(folder) as page:
            page.open(address)
            page.wait("document.body.dataset.ready")
            load = os.getloadavg()[0]
            found = [composed(page, options.seconds, seed) for seed in range(options.times)]
            stopped = [cancelled(page, 0.3 + 0.05 * index) for index in range(10)]
            page.run(f"studio.dialogs.openFile(new File([{json.dumps(long_song())}], 'long.tx1.txt')).then(() => true)")
            page.wait("studio.store.score?.length > 590 * 44100 && !!studio.sound")
            scrolling = {name: scrolled(page, 5, scale) for name, scale in (("30 s in view", 25), ("all in view", 1.7))}
            page.click("#play")
            page.wait("studio.player.playing")
            scrolling["30 s in view, playing"] = scrolled(page, 5, 25)
            page.click("#play")
            size, foreign = weight(page, address)
    print(f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after; {len(os.sched_getaffinity(0))} core(s)\n")
    print("| figure | median (range) | limit |\n| --- | --- | --- |")
    for name, what, limit in (
        ("notes", "click to the first notes", ""),
        ("sound", "click to the first sound", "< 1.0 s"),
        ("done", f"click to four songs of {options.seconds} s", "≤ 4 s"),
    ):
        print(row(what, [each[name] / 1000 for each in found], "s", limit))
    print(row("cancel to an idle server", [each / 1000 for each in stopped], "s", "≤ 0.1 s"))
    for name, (rate, slow) in scrolling.items():
        print(row(f"scrolling, {name} (99 % of frames within {slow:.0f} ms)", [rate], "frames/s", "≥ 50"))
    print(row("weight of the page", [size / 1000], "kB", "< 250"))
    print(row("requests beyond its origin", [len(foreign)], "", "0"))
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
