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
STEPS = 400


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
        kills = 0
        while kills < KILLS:
            running = subprocess.Popen(command(folder / "killed"), stdout=subprocess.DEVNULL)
            try:
                # Loading takes most of so short a run: moments from before the first step to the end of it.
                running.wait(choose.uniform(0.3, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                kills += 1
            else:
                break
        print(f"killed {kills} times")
        subprocess.run(command(folder / "killed"), check=True, stdout=subprocess.DEVNULL)
        same = torch.equal(weights(folder / "whole"), weights(folder / "killed"))
        print("the weights are the same" if same else "the weights DIFFER")
        return 0 if same and kills else 1


if __name__ == "__main__":
    sys.exit(main())
