"""The training loop: segments of augmented songs in, a model out, and at any moment a state to go on from.

A run directory holds

``config.json``
    The `TrainingConfig`.
``state.safetensors``
    Everything that the next step depends on; replaced as a whole.
``log.jsonl``
    A line every so many steps and every evaluation.
``model/``
    The checkpoint of the last evaluation that `lakhnes.load_model` reads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from lakhnes.checkpoint.native import RUN_FOLDER, save_checkpoint
from lakhnes.data.corpus import Augmentation, Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.errors import CheckpointError, LakhnesError
from lakhnes.evaluation.perplexity import Score, evaluate
from lakhnes.files import write_bytes
from lakhnes.model.architectures import build
from lakhnes.training.config import TrainingConfig
from lakhnes.training.optimizer import make_optimizers
from lakhnes.training.precision import product_dtype
from lakhnes.training.state import load_optimizer, optimizer_tensors, read_state, write_state

__all__ = ["CONFIG_FILE", "STATE_FILE", "Report", "Trainer"]

CONFIG_FILE = "config.json"
STATE_FILE = "state.safetensors"
LOG_FILE = "log.jsonl"
LOG_STEPS = 20
MIN_STREAM = 2048
"""Tokens that a stream of the evaluation has at the least, so that little is lost with the unfinished last segment."""

Report = Callable[[dict[str, Any]], None]
"""Is given each line of the log as it is written."""

PLAIN = Augmentation(transpose=0.0, stretch=0.0, switch_pulses=0.0, ensemble=0.0)


class Trainer:
    """One training run.

    Parameters
    ----------
    config : TrainingConfig
    train, valid : Corpus
        `valid` may be ``None``: nothing is evaluated then.
    directory : Path
        The run directory; a state in it is gone on from.
    device : torch.device
    report : callable

    Attributes
    ----------
    stop : bool
        Set to end the run after the present step; its state is saved, and another `run` goes on from it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        train: Corpus,
        valid: Corpus | None,
        directory: Path,
        device: torch.device,
        report: Report = lambda line: None,
    ) -> None:
        self.config, self.train, self.valid = config, train, valid
        self.directory, self.device, self.report = directory, device, report
        self.dtype = product_dtype(config.precision, device)
        torch.manual_seed(config.seed)
        self.model = build(config.model).to(device)
        self.optimizers = make_optimizers(self.model, config)
        self.packer = StreamPacker(self.song, None, config.batch_size, config.tgt_len)
        self.memory: Tensor | None = None
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.order: tuple[int, np.ndarray[Any, np.dtype[np.int64]]] = (-1, np.zeros(0, dtype=np.int64))
        self.data_hash = train.fingerprint()
        self.stop = False

    def song(self, place: int) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Return the song at a place of the endless order: every epoch a new shuffle and new variations."""
        epoch, index = divmod(place, len(self.train))
        if self.order[0] != epoch:
            shuffle = np.random.default_rng([self.config.seed, epoch])
            self.order = (epoch, shuffle.permutation(len(self.train)))
        tail = self.progress >= 1.0 - self.config.plain_tail
        augmentation = PLAIN if tail else self.config.augmentation
        return self.train.ids(
            int(self.order[1][index]), augmentation, np.random.default_rng([self.config.seed, epoch, index])
        )

    @property
    def progress(self) -> float:
        """The share of the run that is done, 0 to 1."""
        return self.config.progress(self.step, self.seconds)

    def train_step(self) -> tuple[float, float]:
        """Take one step; return the loss of its segment, in nats a token, and the norm of the gradient."""
        if self.config.fresh_every and self.step % self.config.fresh_every == 0:
            self.packer.drop_streams()
            self.memory = None
        segment = self.packer.next_segment()
        assert segment is not None, "the order of training songs has no end"
        inputs, targets = (torch.from_numpy(part).to(self.device) for part in segment)
        progress = self.progress
        rate = self.config.rate(self.step, progress)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            hidden, self.memory = self.model(inputs, self.memory, self.config.memory_at(progress))
            logits = self.model.logits(hidden)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_grad_norm_(self.model.parameters(), self.config.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += inputs.numel()
        return float(loss.detach()), float(norm)

    def run(self) -> Score | None:
        """Train to the end of the run; return the score of the whole valid split.

        ``None`` when the run was stopped, and where there is nothing to score.

        Raises
        ------
        LakhnesError
            If the loss is no longer a number; the last saved state is left as it is.
        """
        self.model.train()
        write_bytes(self.directory / CONFIG_FILE, self.config.to_json().encode())
        saved = evaluated = self.seconds
        losses: list[float] = []
        while self.progress < 1.0 and not self.stop:
            started = time.perf_counter()
            loss, norm = self.train_step()
            self.seconds += time.perf_counter() - started
            losses.append(loss)
            if not np.isfinite(loss):
                raise LakhnesError(f"{self.directory}: the loss is {loss} at step {self.step}; lower the learning rate")
            if self.step % LOG_STEPS == 0:
                self.log({"loss": float(np.mean(losses)), "gradient": norm})
                losses.clear()
            if self.seconds - evaluated >= 60.0 * self.config.eval_every and self.progress < 1.0:
                evaluated = self.seconds
                self.evaluate(self.config.eval_songs)
            if self.seconds - saved >= 60.0 * self.config.save_every:
                saved = self.seconds
                self.save()
        self.save()
        return None if self.stop else self.evaluate(None)

    def evaluate(self, songs: int | None) -> Score | None:
        """Write a checkpoint and score the valid split, or its first so many songs, by the paper's measure.

        Songs that do not fill its ten streams are scored in fewer. ``None`` where there is nothing to score.
        """
        save_checkpoint(self.model, self.directory / RUN_FOLDER, overwrite=True)
        if self.valid is None:
            return None
        scored = map(self.valid.ids, range(len(self.valid))[:songs])
        tokens = sum(len(ids) - 1 for ids in scored if ids is not None)
        if tokens == 0:
            return None
        streams = min(max(tokens // MIN_STREAM, 1), 10)
        tgt_len = min(tokens // streams, 128)
        score = evaluate(self.model, self.valid, batch_size=streams, tgt_len=tgt_len, max_songs=songs, dtype=self.dtype)
        self.log({"valid": score.facts()})
        return score

    def log(self, facts: dict[str, Any]) -> None:
        """Append a line to the log and report it."""
        line = {
            "step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 3),
            "progress": round(self.progress, 5), "epoch": round(self.packer.position / len(self.train), 3),
            "rate": self.config.rate(self.step, self.progress), "memory": self.config.memory_at(self.progress),
        } | facts  # fmt: skip
        with (self.directory / LOG_FILE).open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.report(line)

    def save(self) -> None:
        """Write the state of the run."""
        tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizers)
        tensors["random"] = torch.get_rng_state()
        if self.memory is not None:
            tensors["memory"] = self.memory
        for index, stream in enumerate(self.packer.streams):
            tensors[f"stream.{index}"] = torch.from_numpy(stream.copy())
        facts = {
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds, "position": self.packer.position,
            "data": self.data_hash,
        }  # fmt: skip
        write_state(self.directory / STATE_FILE, tensors, facts)

    def resume(self) -> bool:
        """Go on from the state in the run directory, if there is one; return whether there was.

        Raises
        ------
        CheckpointError
            If the state is of other data or of another model.
        """
        path = self.directory / STATE_FILE
        if not path.exists():
            return False
        tensors, facts = read_state(path)
        if facts.get("data") != self.data_hash:
            raise CheckpointError(f"{path}: this run was begun on other songs; expected the same data directory")
        weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        try:
            self.model.load_state_dict(weights)
            load_optimizer(self.optimizers, tensors)
            self.packer.streams = [tensors[f"stream.{index}"].numpy() for index in range(self.config.batch_size)]
            self.step, self.tokens, self.seconds = facts["step"], facts["tokens"], facts["seconds"]
            self.packer.position = facts["position"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path}: the state does not fit the configuration ({error})") from None
        self.memory = tensors["memory"].to(self.device) if "memory" in tensors else None
        torch.set_rng_state(tensors["random"])
        return True
