"""The training loop: segments of augmented songs in, a model out, and a state from which the run can resume.

`lakhnes.training.run_directory` lists the files that a run leaves.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from lakhnes.checkpoint.native import RUN_FOLDER, load_model, save_checkpoint
from lakhnes.data.corpus import Corpus
from lakhnes.errors import CheckpointError, LakhnesError
from lakhnes.evaluation.score import Score
from lakhnes.files import one_line
from lakhnes.model.architectures import build
from lakhnes.model.recorder import CudaRecorder
from lakhnes.torch_extra import Tensor, nn, torch
from lakhnes.training.average import Average
from lakhnes.training.captured import CapturedLoss
from lakhnes.training.config import TrainingConfig
from lakhnes.training.early_stopping import EarlyStopping
from lakhnes.training.interval import Interval
from lakhnes.training.log import Report, RunLog, is_log_step
from lakhnes.training.optimizer import load_moments, make_optimizers, moments
from lakhnes.training.parallel import Group
from lakhnes.training.patience import SLOW_STEP, Abandoned, telling_if_slow
from lakhnes.training.precision import product_dtype
from lakhnes.training.run_directory import LOG_FILE, STATE_FILE, samples_folder, write_config
from lakhnes.training.run_state import RunState
from lakhnes.training.samples import write_samples
from lakhnes.training.segment_loss import SegmentLoss
from lakhnes.training.segments import Segments
from lakhnes.training.state_check import check_state
from lakhnes.training.validation import validate

__all__ = ["Trainer"]

T = TypeVar("T")


class Trainer:
    """One training run.

    Parameters
    ----------
    config : TrainingConfig
    train, valid : Corpus
        `valid` may be ``None``: nothing is evaluated then.
    directory : Path
        The run directory.
    device : torch.device
    report : callable
        Called with each line of the log.
    group : Group, optional
        The processes that share the work.

    Attributes
    ----------
    stop : bool
        Set to end the run after the present step; its state is saved, and another `run` resumes it. `ask_to_stop`
        sets it, too.
    note : callable
        Called with lines for the user.
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
        loss = SegmentLoss(self.model, self.dtype)
        if config.compile:
            loss.compile(dynamic=True)  # memory grows
        self.segment_loss = self.group.wrap(loss, device)
        self.graphs = self._graphs(loss)
        self.segments = Segments(train, config, self.rows, device, lambda: self.progress)
        self.memory: Tensor | None = None
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.stopping = EarlyStopping(config.patience)
        self.log = RunLog(directory / LOG_FILE)
        self.songs: list[Path] = []
        self.data_hash = train.fingerprint()
        self.valid_hash = valid.fingerprint() if valid is not None else ""
        self.stop = False
        self.note: Callable[[str], object] = lambda line: None
        self._may_be_abandoned = self._told_of_slow_steps = False

    def ask_to_stop(self) -> None:
        """Set `stop`; from the handler of a signal, which runs in the midst of a step.

        A process alone gives the step up, or the evaluation: the state is then that before it.
        """
        self.stop = True
        if self._may_be_abandoned:
            self._may_be_abandoned = False
            raise Abandoned

    @property
    def progress(self) -> float:
        """The share of the run that is done, 0 to 1."""
        return self.config.progress(self.step, self.seconds)

    def train_step(self) -> tuple[Tensor, Tensor] | None:
        """Take one step; return the loss of its segments, in nats a token, and the norm of the gradient.

        Both are on the device, which may still be computing them. ``None`` if it was given up; see `ask_to_stop`.
        """
        started = time.perf_counter()
        config = self.config
        progress = self.progress
        before = (self.segments.packer.position, list(self.segments.packer.streams), self.memory, torch.get_rng_state())
        try:
            # A graph overwrites the memory in place: its steps, of milliseconds, are not given up.
            self._may_be_abandoned = self.group.size == 1 and self.graphs is None
            if config.fresh_every and self.step % config.fresh_every == 0:
                self.segments.packer.drop_streams()
                self.memory = None
            loss = self.backward(config.memory_at(progress))
            self._may_be_abandoned = False
        except Abandoned:
            self.segments.packer.position, self.segments.packer.streams, self.memory, random = before
            torch.set_rng_state(random)
            self.model.zero_grad(set_to_none=True)
            return None
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        rate = config.rate(self.step, progress)
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
        if self.group.size > 1:
            mean, spent = self.group.total([float(loss) / self.group.size, spent], self.device)
            loss = torch.tensor(mean)
        self.seconds += spent
        return loss, norm

    def _tell_slow(self) -> None:
        self._told_of_slow_steps = True
        self.note(
            f"a step, {self.config.step_tokens:,} tokens, takes more than {SLOW_STEP:.0f} s on this machine; "
            "--batch-size, --tgt-len and smaller models make it shorter"
        )

    def _graphs(self, loss: SegmentLoss) -> CapturedLoss | None:
        """Return what replays the segments of a step, where that is possible."""
        alone = self.group.size == 1 and self.config.accumulate == 1 and not self.config.compile
        if self.device.type != "cuda" or not alone:
            return None
        return CapturedLoss(loss, self.model.parameters(), CudaRecorder(self.device))

    def backward(self, mem_len: int) -> Tensor:
        """Add up the gradients of the segments of a step; return their mean loss on this process."""
        parts = self.config.accumulate
        loss = torch.zeros((), device=self.device)
        for part in range(parts):
            inputs, targets = self.segments.next()
            if (replayed := self._replay(inputs, targets, mem_len)) is not None:
                return replayed
            # The processes exchange their gradients once a step, with those of its last segment.
            alone = self.group.size > 1 and part < parts - 1
            with self.segment_loss.no_sync() if alone else contextlib.nullcontext():  # type: ignore[operator]
                part_loss, self.memory = self.segment_loss(inputs, targets, self.memory, mem_len)
                (part_loss / parts).backward()
            loss += part_loss.detach() / parts
        return loss

    def _replay(self, inputs: Tensor, targets: Tensor, mem_len: int) -> Tensor | None:
        """Replay a segment from its graph and return its loss; None where there are no graphs."""
        if self.graphs is None:
            return None
        try:
            loss, self.memory = self.graphs.backward(inputs, targets, self.memory, mem_len)
        except RuntimeError as error:
            self.graphs = None
            self.note(f"steps are computed without graphs: {one_line(error)}")
            return None
        return loss.clone()

    def run(self) -> Score | None:
        """Train to the end of the run; return the score of the whole valid split.

        ``None`` when the run was stopped, where there is nothing to score, and to all processes but the first.

        Raises
        ------
        LakhnesError
            If the loss is not a finite number; the last saved state is left as it is.
        OSError
            If something cannot be written; the last saved state is left as it is.
        """
        self.model.train()
        self.segments.load()
        if self.group.first:
            write_config(self.directory, self.config)
        evaluation = Interval(self.config.eval_every, self.seconds)
        sampling = Interval(self.config.sample_every or math.inf, self.seconds)
        saving = Interval(self.config.save_every, self.seconds)
        losses: list[Tensor] = []
        logged, norm = self.seconds, torch.zeros(())
        stopped = self.agreed(self.stop)
        while self.progress < 1.0 and not stopped and not self.stopping.exhausted:
            watched = self.group.first and not self._told_of_slow_steps
            with telling_if_slow(self._tell_slow) if watched else contextlib.nullcontext():
                taken = self.train_step()
            if taken is None:
                stopped = True
                break
            loss, norm = taken
            losses.append(loss)
            logs, saves = is_log_step(self.step, self.seconds - logged), saving.is_over(self.seconds)
            # To look at a loss is to wait for it: where a device computes it, only now and then.
            if logs or saves or self.device.type == "cpu":
                self.check(loss)
            if logs:
                logged = self.seconds
                self.write_losses(losses, norm)
            if evaluation.is_over(self.seconds) and self.progress < 1.0:
                self._unless_stopped(lambda: self.evaluate(self.config.eval_songs))
            if sampling.is_over(self.seconds):
                self._unless_stopped(self.sample)
            if saves:
                self.save()
            stopped = self.agreed(self.stop)
        if losses:
            self.check(losses[-1])
            self.write_losses(losses, norm)
        self.save()
        return None if stopped else self._unless_stopped(self.finish)

    def check(self, loss: Tensor) -> None:
        """Refuse to go on with a loss that is no finite number."""
        if not math.isfinite(loss):
            raise LakhnesError(
                f"{self.directory}: the loss is {float(loss)} at step {self.step}; lower the learning rate"
            )

    def write_losses(self, losses: list[Tensor], norm: Tensor) -> None:
        """Write the mean of the losses since the last line, and the last norm of the gradient; forget the losses."""
        self.write_log({"loss": float(torch.stack(losses).mean()), "gradient": float(norm)})
        losses.clear()

    def _unless_stopped(self, work: Callable[[], T]) -> T | None:
        """Do what leaves the state of the run as it is, unless the run is to stop: then it is given up."""
        alone = self.group.size == 1
        if alone and self.stop:
            return None
        try:
            self._may_be_abandoned = alone
            return work()
        except Abandoned:
            return None
        finally:
            self._may_be_abandoned = False
            self.model.train()

    def agreed(self, value: bool) -> bool:
        """Return whether the value is true on any process."""
        return self.group.total([float(value)], self.device)[0] > 0

    def write_log(self, facts: dict[str, Any]) -> None:
        """Append a line to the log and report it."""
        if not self.group.first:
            return
        line = {
            "step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 3),
            "progress": round(self.progress, 5), "epoch": round(self.segments.packer.position / len(self.train), 3),
            "rate": self.config.rate(self.step, self.progress), "memory": self.config.memory_at(self.progress),
        } | facts  # fmt: skip
        self.log.append(line)
        self.report(line)

    def finish(self) -> Score | None:
        """Score the model of the run, and let it compose."""
        songs = self.config.samples
        composing = f", then composes {songs} song{'s' * (songs != 1)}" if songs else ""
        if self.group.first and self.valid is not None:
            self.note(f"the model is scored on {len(self.valid)} songs of the valid split{composing}")
        score = self.evaluate(self.config.eval_songs if self.config.patience else None)
        if self.config.patience and self.group.first and score is not None:
            self.model.load_state_dict(load_model(self.directory / RUN_FOLDER, str(self.device)).network.state_dict())
            self.average = None
            score = self.score(None)
        self.sample()
        return score

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Evaluate the model within the block: with its averaged weights, if any."""
        with self.average.in_place() if self.average is not None else contextlib.nullcontext():
            self.model.eval()
            try:
                yield
            finally:
                self.model.train()

    def evaluate(self, songs: int | None) -> Score | None:
        """Write a checkpoint and score the valid split, or its first `songs`, by the paper's measure.

        ``None`` where there is nothing to score. With `patience` only a better model replaces the checkpoint.
        """
        if self.group.first and not self.config.patience:
            self.write_model()
        score = self.score(songs) if self.group.first else None
        if self.config.patience:  # decided by the loss of the first process, for all
            (loss,) = self.group.total([score.loss if score is not None else 0.0], self.device)
            better = loss == 0.0 or self.stopping.update(loss)
            if self.group.first and better:
                self.write_model()
        return score

    def write_model(self) -> None:
        """Write the checkpoint."""
        with self.averaged():
            save_checkpoint(self.model, self.directory / RUN_FOLDER, overwrite=True)

    def score(self, songs: int | None) -> Score | None:
        """Score the valid split, or its first `songs`, and log it; ``None`` where there is nothing to score."""
        if self.valid is None:
            return None
        with self.averaged():
            score = validate(self.model, self.valid, songs, self.dtype)
        if score is not None:
            self.write_log({"valid": score.facts()})
        return score

    def sample(self) -> None:
        """Let the model compose and render songs."""
        if self.config.samples and self.group.first:
            folder = samples_folder(self.directory, self.step)
            with self.averaged():
                self.songs = write_samples(self.model, folder, self.config.samples, self.config.seed)

    def save(self) -> None:
        """Write the state of the run.

        Raises
        ------
        OSError
            If the disk refuses; the state before is left as it is.
        """
        memories = self.group.gather(self.memory if self.memory is not None else torch.zeros(0))
        random = self.group.gather(torch.get_rng_state())
        if not self.group.first:
            return
        RunState(
            step=self.step,
            tokens=self.tokens,
            seconds=self.seconds,
            position=self.segments.packer.position,
            best=self.stopping.best,
            waited=self.stopping.waited,
            data=self.data_hash,
            valid=self.valid_hash,
            model=self.model.state_dict(),
            optimizer=moments(self.optimizers),
            average=self.average.state() if self.average is not None else {},
            streams=[torch.from_numpy(stream.copy()) for stream in self.segments.held()],
            memory=torch.cat(memories, dim=self.model.memory_songs) if self.memory is not None else None,
            random=random,
        ).write(self.directory / STATE_FILE)

    def resume(self) -> bool:
        """Resume from the state in the run directory, if any; return whether there was one.

        Raises
        ------
        CheckpointError
            If the state is of other data or of another model.
        """
        path = self.directory / STATE_FILE
        if not path.exists():
            return False
        state = RunState.read(path)
        if state.data != self.data_hash:
            raise CheckpointError(f"{path}: this run was begun on other songs; expected the same data directory")
        if state.valid not in (None, self.valid_hash):
            raise CheckpointError(f"{path}: this run is scored on another valid split; expected the one that it had")
        try:
            self.restore(state)
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path}: the state does not fit the configuration ({error})") from None
        if self.group.first:
            self.log.forget_after(self.step)
        return True

    def restore(self, state: RunState) -> None:
        """Take the state of a run; a process that the run did not have keeps the random state of its seed."""
        check_state(state, self.config, self.model, self.optimizers)
        self.model.load_state_dict(state.model)
        load_moments(self.optimizers, state.optimizer)
        if self.average is not None:
            self.average.load(state.average)
        self.segments.packer.streams = [stream.numpy() for stream in state.streams]
        self.segments.packer.position = state.position
        self.step, self.tokens, self.seconds = state.step, state.tokens, state.seconds
        self.stopping.best, self.stopping.waited = state.best, state.waited
        self.memory = None
        if state.memory is not None:
            count = self.rows.stop - self.rows.start
            memory = state.memory.narrow(self.model.memory_songs, self.rows.start, count)
            # In the type of this machine's products, which may be another than that of the machine before.
            self.memory = memory.contiguous().to(self.device, self.model.memory_dtype(self.dtype))
        if self.group.rank < len(state.random):
            torch.set_rng_state(state.random[self.group.rank])
