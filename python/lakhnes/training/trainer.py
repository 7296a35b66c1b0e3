"""The training loop: segments of augmented songs in, a model out, and at any moment a state to go on from.

A run directory holds

``config.toml``
    The `TrainingConfig`.
``state.safetensors``
    Everything that the next step depends on; replaced as a whole.
``log.jsonl``
    A line every so many steps and every evaluation.
``model/``
    The checkpoint of the last evaluation (with `patience`, of the best) that `lakhnes.load_model` reads.
``samples/``
    Songs of the model, in folders by step.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from lakhnes.checkpoint.native import RUN_FOLDER, load_model, save_checkpoint
from lakhnes.data.corpus import Augmentation, Corpus
from lakhnes.data.packing import StreamPacker
from lakhnes.errors import CheckpointError, LakhnesError
from lakhnes.evaluation.perplexity import Score, evaluate
from lakhnes.files import read_limited, write_bytes
from lakhnes.model.architectures import build
from lakhnes.model.model import Model
from lakhnes.model.network import Network
from lakhnes.training.average import Average
from lakhnes.training.config import TrainingConfig
from lakhnes.training.curve import read_log
from lakhnes.training.optimizer import make_optimizers
from lakhnes.training.parallel import Group
from lakhnes.training.precision import product_dtype
from lakhnes.training.state import load_optimizer, optimizer_tensors, read_state, write_state

__all__ = ["CONFIG_FILE", "LOG_FILE", "STATE_FILE", "Report", "Trainer", "read_run"]

CONFIG_FILE = "config.toml"
OLD_CONFIG_FILE = "config.json"
"""Of runs that were begun before there was a `CONFIG_FILE`."""

STATE_FILE = "state.safetensors"
LOG_FILE = "log.jsonl"
SAMPLES = "samples"
LOG_STEPS = 20
MIN_STREAM = 2048
"""Tokens that a stream of the evaluation has at the least, so that little is lost with the unfinished last segment."""

Report = Callable[[dict[str, Any]], None]
"""Is given each line of the log as it is written."""

PLAIN = Augmentation(transpose=0.0, stretch=0.0, switch_pulses=0.0, ensemble=0.0)


class Step(nn.Module):
    """What is differentiated in a step: the mean loss of a segment, in nats a token."""

    def __init__(self, model: Network, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> tuple[Tensor, Tensor]:
        """Return the loss of a segment ``(B, T)`` and the memory after it."""
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            hidden, memory = self.model(inputs, memory, mem_len)
            logits = self.model.logits(hidden)
        return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten()), memory


def read_run(directory: Path) -> TrainingConfig:
    """Return the configuration of a run directory.

    Raises
    ------
    CheckpointError
        If it has none, or a broken one.
    """
    for name, read in ((CONFIG_FILE, TrainingConfig.from_toml), (OLD_CONFIG_FILE, TrainingConfig.from_json)):
        if (directory / name).is_file():
            try:
                return read(read_limited(directory / name).decode())
            except (CheckpointError, UnicodeDecodeError) as error:
                raise CheckpointError(f"{directory / name}: {error}") from None
    raise CheckpointError(f"{directory}: {CONFIG_FILE} is missing")


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
    group : Group, optional
        The processes that share the work.

    Attributes
    ----------
    stop : bool
        Set to end the run after the present step; its state is saved, and another `run` goes on from it.
    songs : list of Path
        The songs that were composed and rendered last.
    """

    def __init__(
        self,
        config: TrainingConfig,
        train: Corpus,
        valid: Corpus | None,
        directory: Path,
        device: torch.device,
        report: Report = lambda line: None,
        group: Group | None = None,
    ) -> None:
        self.config, self.train, self.valid = config, train, valid
        self.directory, self.device, self.report = directory, device, report
        self.group = group or Group()
        self.rows = self.group.rows(config.batch_size)
        self.dtype = product_dtype(config.precision, device)
        torch.manual_seed(config.seed)
        self.model = build(config.model).to(device)
        torch.manual_seed(config.seed + self.group.rank)  # of dropout: every process its own
        self.optimizers = make_optimizers(self.model, config)
        self.average = Average(self.model, config.ema) if config.ema else None
        module = Step(self.model, self.dtype)
        if config.compile:
            module.compile(dynamic=True)  # memory grows
        self.module = self.group.wrap(module, device)
        self.packer = StreamPacker(self.song, None, config.batch_size, config.tgt_len)
        self.memory: Tensor | None = None
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.best, self.waited = float("inf"), 0
        self.songs: list[Path] = []
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

    def segment(self) -> tuple[Tensor, Tensor]:
        """Return the next inputs and targets of the streams of this process."""
        segment = self.packer.next_segment()
        assert segment is not None, "the order of training songs has no end"
        inputs, targets = (torch.from_numpy(part[self.rows]).to(self.device) for part in segment)
        return inputs, targets

    def train_step(self) -> tuple[float, float]:
        """Take one step; return the loss of its segments, in nats a token, and the norm of the gradient."""
        started = time.perf_counter()
        config = self.config
        if config.fresh_every and self.step % config.fresh_every == 0:
            self.packer.drop_streams()
            self.memory = None
        progress = self.progress
        rate, mem_len = config.rate(self.step, progress), config.memory_at(progress)
        loss = 0.0
        for last in (part == config.accumulate - 1 for part in range(config.accumulate)):
            inputs, targets = self.segment()
            # The processes exchange their gradients once a step, with those of its last segment.
            alone = contextlib.nullcontext() if last or self.group.size == 1 else self.module.no_sync()  # type: ignore[operator]
            with alone:
                part_loss, self.memory = self.module(inputs, targets, self.memory, mem_len)
                (part_loss / config.accumulate).backward()
            loss += float(part_loss.detach()) / config.accumulate
        norm = clip_grad_norm_(self.model.parameters(), config.clip)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.step)
        self.step += 1
        self.tokens += config.step_tokens
        spent = (time.perf_counter() - started) if self.group.first else 0.0
        loss, spent = self.group.total([loss / self.group.size, spent], self.device)
        self.seconds += spent
        return loss, float(norm)

    def run(self) -> Score | None:
        """Train to the end of the run; return the score of the whole valid split.

        ``None`` when the run was stopped, where there is nothing to score, and to all processes but the first.

        Raises
        ------
        LakhnesError
            If the loss is no longer a number; the last saved state is left as it is.
        OSError
            If something cannot be written; the last saved state is left as it is.
        """
        self.model.train()
        if self.group.first:
            write_bytes(self.directory / CONFIG_FILE, self.config.to_toml().encode())
        saved = evaluated = sampled = self.seconds
        losses: list[float] = []
        stopped = self.agreed(self.stop)
        while self.progress < 1.0 and not stopped and not self.exhausted:
            loss, norm = self.train_step()
            losses.append(loss)
            if not np.isfinite(loss):
                raise LakhnesError(f"{self.directory}: the loss is {loss} at step {self.step}; lower the learning rate")
            if self.step % LOG_STEPS == 0:
                self.log({"loss": float(np.mean(losses)), "gradient": norm})
                losses.clear()
            if self.seconds - evaluated >= 60.0 * self.config.eval_every and self.progress < 1.0:
                evaluated = self.seconds
                self.evaluate(self.config.eval_songs)
            if self.config.sample_every and self.seconds - sampled >= 60.0 * self.config.sample_every:
                sampled = self.seconds
                self.sample()
            if self.seconds - saved >= 60.0 * self.config.save_every:
                saved = self.seconds
                self.save()
            stopped = self.agreed(self.stop)
        if losses:
            self.log({"loss": float(np.mean(losses)), "gradient": norm})
        self.save()
        return None if stopped else self.finish()

    def agreed(self, value: bool) -> bool:
        """Return whether any process says so."""
        return self.group.total([float(value)], self.device)[0] > 0

    @property
    def exhausted(self) -> bool:
        """Whether as many evaluations as there is patience for have passed without a better score."""
        return 0 < self.config.patience <= self.waited

    def finish(self) -> Score | None:
        """Score the model of the run, and let it compose."""
        score = self.evaluate(None if not self.config.patience else self.config.eval_songs)
        if self.config.patience and self.group.first and score is not None:
            self.model.load_state_dict(load_model(self.directory / RUN_FOLDER, str(self.device)).network.state_dict())
            self.average = None
            score = self.score(None)
        self.sample()
        return score

    @contextlib.contextmanager
    def averaged(self) -> Any:
        """Let the model have its averaged weights, if there are any, and be in evaluation."""
        with self.average.in_place() if self.average is not None else contextlib.nullcontext():
            self.model.eval()
            yield
            self.model.train()

    def evaluate(self, songs: int | None) -> Score | None:
        """Write a checkpoint and score the valid split, or its first so many songs, by the paper's measure.

        ``None`` where there is nothing to score. With `patience` only a better model replaces the checkpoint.
        """
        score = None
        if self.group.first:
            if not self.config.patience:
                self.write_model()
            score = self.score(songs)
            if self.config.patience and (score is None or score.loss < self.best):
                self.write_model()
        if self.config.patience:
            # The first tells the others; what is not to be scored waits for nothing.
            (loss,) = self.group.total([score.loss if score is not None else 0.0], self.device)
            better = loss < self.best
            self.best, self.waited = (loss, 0) if better else (self.best, self.waited + (loss > 0))
        return score

    def write_model(self) -> None:
        """Write the checkpoint."""
        with self.averaged():
            save_checkpoint(self.model, self.directory / RUN_FOLDER, overwrite=True)

    def score(self, songs: int | None) -> Score | None:
        """Score the valid split, or its first so many songs; those that do not fill ten streams, in fewer."""
        if self.valid is None:
            return None
        scored = map(self.valid.ids, range(len(self.valid))[:songs])
        tokens = sum(len(ids) - 1 for ids in scored if ids is not None)
        if tokens == 0:
            return None
        streams = min(max(tokens // MIN_STREAM, 1), 10)
        with self.averaged():
            score = evaluate(
                self.model,
                self.valid,
                batch_size=streams,
                tgt_len=min(tokens // streams, 128),
                max_songs=songs,
                dtype=self.dtype,
            )
        self.log({"valid": score.facts()})
        return score

    def sample(self) -> None:
        """Let the model compose and render songs."""
        if not self.config.samples or not self.group.first:
            return
        from lakhnes.sampling import generate
        from lakhnes.songs import write

        folder = self.directory / SAMPLES / f"step-{self.step:07}"
        folder.mkdir(parents=True, exist_ok=True)
        with self.averaged():
            songs = generate(Model.of(self.model), self.config.samples, seed=self.config.seed)
        self.songs = [folder / f"{index}.wav" for index in range(len(songs))]
        for song, path in zip(songs, self.songs, strict=True):
            write(song, path.with_suffix(f".{self.config.model.vocabulary}.txt"), overwrite=True)
            write(song, path, overwrite=True, expression="natural")

    def log(self, facts: dict[str, Any]) -> None:
        """Append a line to the log and report it."""
        if not self.group.first:
            return
        line = {
            "step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 3),
            "progress": round(self.progress, 5), "epoch": round(self.packer.position / len(self.train), 3),
            "rate": self.config.rate(self.step, self.progress), "memory": self.config.memory_at(self.progress),
        } | facts  # fmt: skip
        path = self.directory / LOG_FILE
        try:
            with path.open("a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:  # of a full disk: Python does not name the file then
            raise OSError(error.errno, error.strerror, str(path)) from None
        self.report(line)

    def save(self) -> None:
        """Write the state of the run.

        Raises
        ------
        OSError
            If the disk refuses; the state before is left as it is.
        """
        memories = self.group.gather(self.memory if self.memory is not None else torch.zeros(0))
        states = self.group.gather(torch.get_rng_state())
        if not self.group.first:
            return
        tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizers)
        if self.average is not None:
            tensors |= self.average.tensors()
        tensors |= {"random" if rank == 0 else f"random.{rank}": state for rank, state in enumerate(states)}
        if self.memory is not None:
            tensors["memory"] = torch.cat(memories, dim=self.model.memory_songs)
        for index, stream in enumerate(self.packer.streams):
            tensors[f"stream.{index}"] = torch.from_numpy(stream.copy())
        facts = {
            "step": self.step, "tokens": self.tokens, "seconds": self.seconds, "position": self.packer.position,
            "best": self.best if np.isfinite(self.best) else None, "waited": self.waited, "data": self.data_hash,
        }  # fmt: skip
        path = self.directory / STATE_FILE
        try:
            write_state(path, tensors, facts)
        except OSError as error:
            left = "the state before is intact" if path.exists() else "there is no state yet"
            raise OSError(error.errno, f"{error.strerror} ({left})", str(path)) from None

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
        best = facts.get("best")
        self.best, self.waited = float("inf") if best is None else best, facts.get("waited", 0)
        if self.average is not None:
            self.average.load(tensors)
        self.memory = None
        if "memory" in tensors:
            count = self.rows.stop - self.rows.start
            memory = tensors["memory"].narrow(self.model.memory_songs, self.rows.start, count)
            self.memory = memory.contiguous().to(self.device)
        # Of a process that was not there before, what its seed gives.
        state = tensors.get("random" if self.group.first else f"random.{self.group.rank}")
        if state is not None:
            torch.set_rng_state(state)
        if self.group.first:
            self.forget_after()
        return True

    def forget_after(self) -> None:
        """Take out of the log what was done after the saved state: it will be done again."""
        path = self.directory / LOG_FILE
        if path.exists():
            lines = [json.dumps(line) for line in read_log(path) if line.get("step", 0) <= self.step]
            write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
