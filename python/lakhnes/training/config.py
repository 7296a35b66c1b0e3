"""What a training run is asked to do."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Collection, Mapping
from typing import Any

from lakhnes.data.augmentation import Augmentation
from lakhnes.errors import CheckpointError, shown
from lakhnes.model.architectures import CONFIGS, config_from_facts
from lakhnes.model.config import MAX_DIMENSION, ModelConfig, TransformerXLConfig
from lakhnes.training.choices import LENGTH, OPTIMIZERS, PRECISIONS
from lakhnes.training.toml import located, parse_toml

__all__ = ["TrainingConfig"]

LONGEST_WARMUP = 0.1
"""Share of a run whose length is in minutes after which the rate has risen, whatever its steps."""


MAX_SEGMENT = 2**22
"""Tokens of a segment of all streams."""

_WIDE = 65_536

WHOLE: dict[str, tuple[float, float]] = {
    "batch_size": (1, _WIDE), "tgt_len": (1, _WIDE), "accumulate": (1, _WIDE), "mem_len": (0, MAX_DIMENSION),
    "mem_len_start": (0, MAX_DIMENSION), "fresh_every": (0, 2**40), "steps": (1, 2**40), "warmup_steps": (0, 2**40),
    "seed": (0, 2**63 - 1), "eval_songs": (1, 2**40), "patience": (0, 2**40), "samples": (0, 10_000),
    "resident": (0, 1_000),
}  # fmt: skip
"""Options that are whole numbers: the least and the most."""

MINUTES = 1e9
ABOVE_0 = 5e-324
"""The least number that is."""

NUMBERS: dict[str, tuple[float, float]] = {
    "minutes": (ABOVE_0, MINUTES), "plain_tail": (0.0, 1.0), "learning_rate": (ABOVE_0, 1e6), "decay": (ABOVE_0, 1.0),
    "final_rate": (0.0, 1.0), "beta2": (0.0, 1.0 - 2**-53), "weight_decay": (0.0, 1e6), "clip": (ABOVE_0, 1e9),
    "ema": (0.0, 1.0 - 2**-53), "eval_every": (0.0, MINUTES), "save_every": (0.0, MINUTES),
    "sample_every": (0.0, MINUTES),
}  # fmt: skip
"""Options that are numbers: the least and the most."""


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """All options of a run; with the data they decide its result.

    Attributes
    ----------
    model : ModelConfig
        Of any architecture that is trained by gradients.
    augmentation : Augmentation
    plain_tail : float
        Share of the run, at its end, that sees the songs as they are.
    batch_size, tgt_len : int
        Streams, and tokens of each in a segment. Of several processes each reads its share of the streams.
    accumulate : int
        Segments of all streams in a step, one after the other; their gradients are averaged.
    mem_len, mem_len_start : int
        Memory at the end and at the start of the run.
    fresh_every : int
        Steps after which all streams begin new songs with an empty memory, so that the model learns how a song begins
        without any context, as it has to when it composes; 0 for never, as in LakhNES.
    memory_ramp : tuple of two floats
        Between which shares of the run the memory grows from its first length to its last.
    steps : int or None
        Length of the run in steps; or
    minutes : float or None
        its length in time. The run ends, and the rate is scheduled, by whichever comes first.
    learning_rate, warmup_steps, decay, final_rate
        Peak of the rate; steps of linear rise to it; share of the run, at its end, in which it falls along half a
        cosine (1 for all of it); the share of the peak at which it ends. With a short fall, a state from before it can
        be resumed by a longer run.
    optimizer : {"adamw", "muon"}
        With ``"muon"``, matrices of the layers are updated by Muon (Jordan et al. 2024) and all else by AdamW.
    beta2, weight_decay, clip : float
        Decay of the second moment; decoupled decay of matrices; largest norm of the gradient.
    precision : {"auto", "float32", "bfloat16"}
        Of matrix products. ``"auto"`` takes bfloat16 where the machine multiplies it in hardware.
    compile : bool
        Whether `torch.compile` makes the step. It needs a C++ compiler on the CPU.
    ema : float
        Decay of the running average of the weights, which is then what is evaluated and saved; 0 for none.
    seed : int
    eval_every, save_every : float
        Minutes between evaluations on the valid split and between saved states.
    eval_songs : int
        Songs of the valid split in those evaluations.
    patience : int
        Evaluations without a better score after which the run ends; the best model is kept. 0 for never.
    samples : int
        Songs that are composed and rendered at the end, and
    sample_every : float
        each time that this number of minutes has passed; 0 for at the end only.
    resident : int
        Passes of varied songs that are made beforehand and kept in the memory of the device, with one of songs as they
        are; 0 for songs that are made as they are read.
    """

    model: ModelConfig = dataclasses.field(default_factory=TransformerXLConfig)
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    plain_tail: float = 0.0
    batch_size: int = 16
    tgt_len: int = 128
    accumulate: int = 1
    mem_len: int = 512
    mem_len_start: int = 512
    fresh_every: int = 0
    memory_ramp: tuple[float, float] = (0.0, 0.0)
    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    decay: float = 1.0
    final_rate: float = 0.02
    optimizer: str = "adamw"
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    precision: str = "auto"
    compile: bool = False
    ema: float = 0.0
    seed: int = 0
    eval_every: float = 10.0
    save_every: float = 5.0
    eval_songs: int = 100
    patience: int = 0
    samples: int = 0
    sample_every: float = 0.0
    resident: int = 0

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise ValueError("the length of the run is not set: expected steps or minutes")
        for name, limits in WHOLE.items():
            _check_number(name, getattr(self, name), limits, whole=True, optional=name in LENGTH)
        for name, limits in NUMBERS.items():
            _check_number(name, getattr(self, name), limits, optional=name in LENGTH)
        if not isinstance(self.compile, bool):
            raise ValueError(f"compile is {shown(self.compile)}, expected true or false")
        if self.batch_size * self.tgt_len > MAX_SEGMENT:
            raise ValueError(
                f"batch_size x tgt_len is {self.batch_size * self.tgt_len}, expected at most {MAX_SEGMENT} tokens"
            )
        if not isinstance(self.memory_ramp, tuple) or len(self.memory_ramp) != 2:
            raise ValueError(f"memory_ramp is {shown(self.memory_ramp)}, expected two shares of the run")
        for share in self.memory_ramp:
            _check_number("memory_ramp", share, (0.0, 1.0))
        for name, known in (("optimizer", OPTIMIZERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {shown(getattr(self, name))}, expected one of {', '.join(known)}")
        if self.optimizer == "muon" and not isinstance(self.model, TransformerXLConfig):
            raise ValueError(f"optimizer is 'muon', expected adamw for {self.model.title.lower()}")

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the run that is done, 0 to 1."""
        by_steps = step / self.steps if self.steps is not None else 0.0
        by_time = seconds / (60.0 * self.minutes) if self.minutes is not None else 0.0
        return min(max(by_steps, by_time), 1.0)

    def rate(self, step: int, progress: float) -> float:
        """Return the learning rate: a linear rise, and half a cosine down to `final_rate` of the peak."""
        rise = (step + 1) / max(self.warmup_steps, 1)
        if self.minutes is not None:  # whose steps no one knows: a slow machine has few
            rise = max(rise, progress / LONGEST_WARMUP)
        rise = min(rise, 1.0)
        fallen = max(progress - (1.0 - self.decay), 0.0) / self.decay
        fall = self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + math.cos(math.pi * fallen))
        return self.learning_rate * rise * fall

    def memory_at(self, progress: float) -> int:
        """Return the length of memory at this share of the run, a multiple of `tgt_len` on the way."""
        start, end = self.memory_ramp
        if progress >= end:
            return self.mem_len
        if progress <= start:
            return self.mem_len_start
        grown = self.mem_len_start + (self.mem_len - self.mem_len_start) * (progress - start) / (end - start)
        return min(max(int(grown // self.tgt_len) * self.tgt_len, self.mem_len_start), self.mem_len)

    @property
    def step_tokens(self) -> int:
        """Tokens of a step, over all processes."""
        return self.batch_size * self.tgt_len * self.accumulate

    def facts(self) -> dict[str, Any]:
        """Return all options as plain values."""
        facts = dataclasses.asdict(self)
        facts["model"] = {"architecture": self.model.architecture} | facts["model"]
        facts["memory_ramp"] = list(self.memory_ramp)
        return facts

    def to_toml(self) -> str:
        """Return the configuration as TOML, which has no sign for what is not set."""
        import tomlkit

        facts = {name: value for name, value in self.facts().items() if value is not None}
        return tomlkit.dumps(
            {name: facts[name] for name in sorted(facts, key=lambda name: isinstance(facts[name], dict))}
        )

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> TrainingConfig:
        """Return the configuration of these options; those that are left out have their defaults.

        Raises
        ------
        CheckpointError
            If an option is unknown or out of range.
        """
        given = dict(facts)
        _check_names(given, {field.name for field in dataclasses.fields(cls)}, "")
        try:
            if "model" in given:
                given["model"] = _model_of(given["model"])
            if "augmentation" in given:
                given["augmentation"] = _augmentation_of(given["augmentation"])
            if isinstance(given.get("memory_ramp"), list):
                given["memory_ramp"] = tuple(given["memory_ramp"])
            return cls(**given)
        except ValueError as error:
            raise CheckpointError(f"training configuration: {error}") from None

    @classmethod
    def from_toml(cls, text: str, base: TrainingConfig | None = None) -> TrainingConfig:
        """Read a configuration from TOML; what it leaves out is as in `base`.

        A file that names the length of the run, in ``steps`` or ``minutes``, replaces both.

        Raises
        ------
        CheckpointError
            If it is not TOML, or an option is unknown or out of range.
        """
        given = parse_toml(text)
        facts = {} if base is None else base.facts()
        if not given.keys().isdisjoint(LENGTH):
            facts = {name: value for name, value in facts.items() if name not in LENGTH}
        try:
            for name in ("model", "augmentation"):
                part = given.get(name, {})
                if not isinstance(part, dict):
                    raise CheckpointError(f"training configuration: {name} is {shown(part)}, expected a table")
                kind = part.get("architecture", facts.get(name, {}).get("architecture"))
                before = facts.get(name, {})
                given[name] = (before if before.get("architecture") == kind else {}) | part
            return cls.from_facts(facts | given)
        except CheckpointError as error:
            raise CheckpointError(located(str(error), text)) from None


def _check_number(
    name: str, value: object, limits: tuple[float, float], *, whole: bool = False, optional: bool = False
) -> None:
    """Refuse what is no number of a range.

    Raises
    ------
    ValueError
        Its message begins with the name.
    """
    if optional and value is None:
        return
    least, most = limits
    kinds = int if whole else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most:
        return
    what = "a whole number" if whole else "a number"
    reach = f"above 0, up to {most:g}" if least == ABOVE_0 else f"from {least:.15g} to {most:.15g}"
    raise ValueError(f"{name} is {shown(value)}, expected {what} {reach}")


def _check_names(given: Mapping[str, Any], known: Collection[str], table: str) -> None:
    """Refuse an option that there is not."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name[:80], known, 1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of {', '.join(sorted(known))}"
            raise CheckpointError(f"training configuration: {table}{shown(name)} is no option; {hint}")


def _model_of(facts: Mapping[str, Any]) -> ModelConfig:
    name = facts.get("architecture", TransformerXLConfig.architecture)
    if not isinstance(name, str) or name not in CONFIGS:
        raise ValueError(f"architecture is {shown(name)}, expected one of {', '.join(CONFIGS)}")
    known = {field.name for field in dataclasses.fields(CONFIGS[name])}
    _check_names(facts, known | {"architecture"}, "model: ")
    try:
        return config_from_facts(dict(facts))
    except CheckpointError as error:
        raise ValueError(str(error).removeprefix("config: ")) from None


def _augmentation_of(facts: Mapping[str, Any]) -> Augmentation:
    _check_names(facts, {field.name for field in dataclasses.fields(Augmentation)}, "augmentation: ")
    for name, value in facts.items():
        _check_number(name, value, (0.0, 1.0))
    return Augmentation(**facts)
