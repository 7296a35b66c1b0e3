"""Kill a run ten times at random moments, go on each time, and compare its weights with an uninterrupted run's.

``make check-resume``, or ``python benches/check_resume.py DATA`` with a corpus directory; without one it makes its own.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from small import make_corpus, tiny_config

KILLS = 10
STEPS = 250


def weights(run):
    tensors = load_file(run / "state.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.startswith("model.")])


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = Path(sys.argv[1]) if len(sys.argv) > 1 else make_corpus(folder / "data")
        config = folder / "run.toml"
        config.write_text(tiny_config(steps=STEPS, save_every=0.005, optimizer="muon").to_toml())

        def command(run):
            return [sys.executable, "-m", "lakhnes", "train", str(data), "-o", str(run), "--config", str(config), "-q"]

        started = time.monotonic()
        subprocess.run(command(folder / "whole"), check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - started
        choose = random.Random()
        kills, runs = 0, 1
        while kills < KILLS:
            # Loading takes most of so short a run: moments from before the first step to the end of it.
            running = subprocess.Popen(command(folder / f"killed{runs}"), stdout=subprocess.DEVNULL)
            try:
                running.wait(choose.uniform(0.3, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                kills += 1
            else:  # it came to its end: the next kills are those of another run
                runs += 1
        ended = [folder / f"killed{index}" for index in range(1, runs + 1)]
        subprocess.run(command(ended[-1]), check=True, stdout=subprocess.DEVNULL)
        same = all(torch.equal(weights(folder / "whole"), weights(run)) for run in ended)
        print(f"killed {kills} times in {runs} runs: the weights {'are the same' if same else 'DIFFER'}")
        return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
