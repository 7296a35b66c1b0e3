"""Training and evaluation of the rows of a table, each kept under the hash of all that decides its result.

The output directory holds

``NAME-HASH/``
    A row: its model (for trained rows a run directory, which is resumed after an interruption) and, when it is done,
    ``result.json``.
``pretraining-HASH/``
    The run on other music, and its model after each share of the steps.
``table2.json``, ``table2.md``, ``figure3.png``
    The table and the figure of the rows that are done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lakhnes.checkpoint import load_model
from lakhnes.checkpoint.native import save_checkpoint
from lakhnes.data.corpus import Corpus
from lakhnes.errors import CheckpointError, LakhnesError
from lakhnes.evaluation.perplexity import evaluate
from lakhnes.files import file_sha256, read_limited
from lakhnes.model.estimation import estimate_ngram
from lakhnes.model.model import Model
from lakhnes.outputs import write_bytes
from lakhnes.progress import Progress, no_progress
from lakhnes.reproduction.scales import MEASURE, SHARES, Row, Scale
from lakhnes.torch_extra import torch
from lakhnes.training.config import TrainingConfig
from lakhnes.training.log import Report
from lakhnes.training.trainer import Trainer

__all__ = ["Result", "Runner", "Stopped", "subset"]

RESULT_FILE = "result.json"
FORMAT_VERSION = 1
"""Of results; raised when the same configuration gives another result."""

Watch = Callable[[str, Trainer], AbstractContextManager[Report]]
"""Runs around each training, by its title, lets it be stopped, and gives what is called with each line of its log."""


class Stopped(Exception):  # noqa: N818 (no mistake of anybody's)
    """The training under way was asked to stop, and has saved its state."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What is known of a row.

    Attributes
    ----------
    name, title : str
    parameters, tokens : int
        Weights of the model; training tokens seen, pre-training included (0 where it is not known).
    seconds : float
        Spent in training, pre-training included.
    scores : dict
        Of each split: loss, ppl, positions, songs, seconds.
    """

    name: str
    title: str
    parameters: int
    tokens: int
    seconds: float
    scores: dict[str, dict[str, float | int]]


def subset(corpus: Corpus, songs: int | None) -> Corpus:
    """Return a number of songs of a corpus, evenly spaced; all if it has no more."""
    if songs is None or songs >= len(corpus):
        return corpus
    chosen = [index * len(corpus) // songs for index in range(songs)]
    names, events = [corpus.names[index] for index in chosen], [corpus.song(index) for index in chosen]
    return Corpus.of(corpus.vocabulary, names, events)


class Runner:
    """Brings the rows of a scale to their results.

    Parameters
    ----------
    scale : Scale
    train : Corpus
        The train split; the runner takes the songs of the scale from it.
    splits : dict of Corpus
        What is measured, by name.
    pretrain : Corpus or None
        Other music; without it the rows that begin with pre-training are left out.
    output : Path
    device : torch.device
    use : dict of str
        Models to evaluate in place of training, by the name of the row.
    note : callable
        Called with a line on what is done now.
    progress : callable
        Shows how far a piece of work is.
    watch : callable
        Shows how far a training is, and lets it be stopped.
    """

    def __init__(
        self,
        scale: Scale,
        train: Corpus,
        splits: dict[str, Corpus],
        pretrain: Corpus | None,
        output: Path,
        device: torch.device,
        *,
        use: dict[str, str] | None = None,
        note: Callable[[str], None] = lambda line: None,
        progress: Progress = no_progress,
        watch: Watch = lambda title, trainer: contextlib.nullcontext(lambda line: None),
    ) -> None:
        self.scale, self.splits, self.pretrain = scale, splits, pretrain
        self.train = subset(train, scale.songs)
        self.output, self.device = output, device
        self.use, self.note, self.progress, self.watch = use or {}, note, progress, watch
        self.measured = {name: corpus.fingerprint() for name, corpus in splits.items()}

    def can(self, row: Row) -> bool:
        """Return whether a row can be made: pre-training needs other music."""
        return row.pretrained == 0.0 or self.pretrain is not None or row.name in self.use

    def facts(self, row: Row) -> dict[str, Any]:
        """Return all that decides the result of a row."""
        facts: dict[str, Any] = {
            "version": FORMAT_VERSION, "row": row.name, "measure": MEASURE, "splits": self.measured,
        }  # fmt: skip
        if row.name in self.use:
            return facts | {"model": self.use[row.name], "weights": _file_hash(self.use[row.name])}
        facts["train"] = self.train.fingerprint()
        if row.order is not None:
            return facts | {"order": row.order}
        assert row.training is not None
        facts["training"] = _course(row.training)
        if row.pretrained:
            facts |= {"pretraining": self.pretraining_facts(), "share": row.pretrained}
        return facts

    def pretraining_facts(self) -> dict[str, Any]:
        """Return all that decides the course of pre-training."""
        assert self.pretrain is not None
        return {"training": _course(self.scale.pretraining), "train": self.pretrain.fingerprint()}

    def directory(self, row: Row) -> Path:
        """Return where a row is kept."""
        return self.output / f"{row.name}-{_hash(self.facts(row))}"

    def known(self, row: Row) -> Result | None:
        """Return the result of a row if it is done."""
        path = self.directory(row) / RESULT_FILE
        if not path.is_file():
            return None
        try:
            return Result(**json.loads(read_limited(path)))
        except (ValueError, TypeError):
            raise CheckpointError(f"{path}: not a result; delete it to have it measured again") from None

    def result(self, row: Row) -> Result:
        """Return the result of a row: the one that is kept, or a new one.

        Raises
        ------
        Stopped
            If the training was asked to stop; the same call resumes it.
        LakhnesError
            If training failed, or there is nothing to score.
        """
        kept = self.known(row)
        if kept is not None:
            self.note(f"{row.title}: known")
            return kept
        folder = self.directory(row)
        folder.mkdir(parents=True, exist_ok=True)
        model, tokens, seconds = self.model(row, folder)
        scores = {}
        for name, corpus in self.splits.items():
            self.note(f"{row.title}: scoring {name}")
            with self.progress(f"{row.title}, {name}", len(corpus)) as advance:
                scores[name] = evaluate(model, corpus, **MEASURE, advance=advance).facts()
        result = Result(row.name, row.title, model.config.num_parameters, tokens, seconds, scores)
        write_bytes(folder / RESULT_FILE, (json.dumps(dataclasses.asdict(result), indent=2) + "\n").encode())
        return result

    def model(self, row: Row, folder: Path) -> tuple[Model, int, float]:
        """Return the model of a row, the tokens that it has seen and the seconds of its training."""
        if row.name in self.use:
            return load_model(self.use[row.name], str(self.device)), 0, 0.0
        if row.order is not None:
            return self.estimated(row, folder)
        assert row.training is not None
        start, before, spent = None, 0, 0.0
        if row.pretrained:
            start, before, spent = self.pretrained(row.pretrained)
        trainer = self.trained(row.title, row.training, self.train, folder, start)
        return load_model(folder, str(self.device)), before + trainer.tokens, spent + trainer.seconds

    def estimated(self, row: Row, folder: Path) -> tuple[Model, int, float]:
        """Return an n-gram model."""
        assert row.order is not None
        vocabulary = self.train.vocabulary
        self.note(f"{row.title}: counting")
        started = time.perf_counter()
        songs = [ids for index in range(len(self.train)) if (ids := self.train.ids(index)) is not None]
        model = estimate_ngram(songs, row.order, vocabulary=vocabulary.dialect, vocab_size=len(vocabulary))
        seconds = time.perf_counter() - started
        save_checkpoint(model, folder, overwrite=True)
        tokens = sum(len(ids) - 1 for ids in songs) if row.order else 0
        return model, tokens, seconds

    def pretrained(self, share: float) -> tuple[Path, int, float]:
        """Return the checkpoint after a share of pre-training, with the tokens seen and the seconds."""
        assert self.pretrain is not None
        whole = self.scale.pretraining
        assert whole.steps is not None
        folder = self.output / f"pretraining-{_hash(self.pretraining_facts())}"
        folder.mkdir(parents=True, exist_ok=True)
        for part in SHARES:
            target = folder / f"after-{round(100 * part)}"
            if not (target / RESULT_FILE).is_file():
                # One run in parts: its rate is constant, so that a longer one resumes from a shorter one's state.
                steps = max(round(part * whole.steps), 1)
                config = dataclasses.replace(whole, steps=steps)
                trainer = self.trained(f"Pre-training, {part:.0%}", config, self.pretrain, folder, None)
                save_checkpoint(trainer.model, target, dtype="float32", overwrite=True)
                facts = {"tokens": trainer.tokens, "seconds": trainer.seconds}
                write_bytes(target / RESULT_FILE, (json.dumps(facts) + "\n").encode())
            if part >= share:
                break
        facts = json.loads(read_limited(target / RESULT_FILE))
        return target, facts["tokens"], facts["seconds"]

    def trained(self, title: str, config: TrainingConfig, songs: Corpus, folder: Path, start: Path | None) -> Trainer:
        """Train to the end of a run, resumed from its state, if any.

        Raises
        ------
        Stopped
        """
        trainer = Trainer(config, songs, None, folder, self.device)
        if trainer.resume():
            self.note(f"{title}: resumed at step {trainer.step} of {config.steps}")
        else:
            self.note(f"{title}: training, {config.steps} steps")
            if start is not None:
                trainer.model.load_state_dict(load_model(start, str(self.device)).network.state_dict())
        with self.watch(title, trainer) as trainer.report:
            trainer.run()
        if trainer.stop:
            raise Stopped
        return trainer


def _course(config: TrainingConfig) -> dict[str, Any]:
    """Return the options of a configuration that decide the weights at the end."""
    facts = config.facts()
    for name in ("save_every", "eval_every", "eval_songs", "patience", "samples", "sample_every"):
        facts.pop(name, None)
    # Options that came later count only if they are used: rows that were made before keep their results.
    for name, unused in (("accumulate", 1), ("ema", 0.0), ("compile", False)):
        if facts.get(name) == unused:
            del facts[name]
    return facts


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _file_hash(model: str) -> str:
    """Return a hash of the weights of a given model, so that another one of its name is measured anew."""
    from lakhnes.checkpoint.config import MODEL_FILE, RUN_FOLDER, WEIGHTS_FILE
    from lakhnes.checkpoint.zoo import directory_of

    directory = directory_of(model)
    for place in (directory / WEIGHTS_FILE, directory / RUN_FOLDER / WEIGHTS_FILE, directory / MODEL_FILE):
        if place.is_file():
            return file_sha256(place)
    raise LakhnesError(f"{model}: no checkpoint; expected a directory with {WEIGHTS_FILE}")
