"""Tokens a second of ``lakhnes train`` with its default preset, by what the processor can do.

``python benches/training_speed.py CORPUS [--old]`` prints a table for ``docs/performance.md``. Each row is a process of
its own whose environment keeps torch, MKL and oneDNN from better instructions; the rows take turns, and a figure is the
median of the steps of all turns. They are of processor time, on one thread, so that a busy machine gives nearly the
figures of a quiet one. ``--old`` adds the optimizer of torch, which orthogonalises in bfloat16 on every processor:
where that is emulated, a step takes 10 s.
"""

import argparse
import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
ROWS = {
    "as the processor is": ({}, "ours"),
    "the same, torch's Muon": ({}, "old"),
    "float32 products": ({}, "float32"),
    "AVX2 only": (AVX2, "ours"),
    "AVX2 only, torch's Muon": (AVX2, "old"),
}
MEMORIES = (256, 1024)
"""At the start of a run, and at its end."""
TURNS, STEPS, WARM = 2, 6, 2


def measure(corpus, kind):
    """Return the type of the products, and the seconds of each step by the length of the memory."""
    import torch

    from lakhnes import Vocabulary
    from lakhnes.data.corpus import Corpus
    from lakhnes.training import optimizer, trainer
    from lakhnes.training.presets import PRESETS

    torch.set_num_threads(1)
    config = dataclasses.replace(PRESETS["bundled"], precision="float32" if kind == "float32" else "auto")
    if kind == "float32":
        optimizer.Muon = functools.partial(optimizer.Muon, dtype=torch.float32)
    elif kind == "old":
        optimizer.Muon = functools.partial(torch.optim.Muon, adjust_lr_fn="match_rms_adamw")
    songs = Corpus.load(corpus, "train", Vocabulary(config.model.vocabulary))
    seconds = {}
    for memory in MEMORIES[:1] if kind == "old" else MEMORIES:
        with tempfile.TemporaryDirectory() as folder:
            here = dataclasses.replace(config, mem_len_start=memory)
            run = trainer.Trainer(here, songs, None, Path(folder), torch.device("cpu"))
            run.model.train()
            # The number of segments that fill the memory.
            warm, steps = (1, 3) if kind == "old" else (WARM + memory // config.tgt_len, STEPS)
            seconds[memory] = [_seconds(run.train_step) for _ in range(warm + steps)][warm:]
    return {"dtype": str(run.dtype).removeprefix("torch."), "tokens": config.step_tokens, "seconds": seconds}


def _seconds(step):
    started = time.process_time()
    step()
    return time.process_time() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.corpus, given.one)))
        return
    found = {}
    for turn in range(TURNS):
        for name, (environment, kind) in ROWS.items():
            if kind == "old" and (turn or not given.old):
                continue
            command = [sys.executable, __file__, str(given.corpus), "--one", kind]
            done = subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
            found.setdefault(name, []).append(json.loads(done.stdout))
    print(f"| tokens a second | products | {' | '.join(f'memory of {memory}' for memory in MEMORIES)} |")
    print("| --- | --- | ---: | ---: |")
    for name, results in found.items():
        cells = []
        for memory in MEMORIES:
            steps = [second for result in results for second in result["seconds"].get(str(memory), [])]
            cells.append(f"{results[0]['tokens'] / statistics.median(steps):,.0f}" if steps else "")
        print(f"| {name} | {results[0]['dtype']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
