"""The state of a run as one safetensors file: written whole or not at all, read without running anything.

Tensors have names with a prefix (``model.``, ``optimizer.0.``, ``average.``, ``stream.``, ``random``, ``memory``);
numbers and texts stand as JSON in the file's metadata.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lakhnes.checkpoint.native import check_header
from lakhnes.errors import CheckpointError, printable, shown
from lakhnes.outputs import replacing
from lakhnes.training.state_shapes import MAX_HEADER_BYTES

__all__ = ["RunState"]

NUMBERS = ("step", "tokens", "seconds", "position", "best", "waited", "data", "valid")

MAX_COUNT = 2**62


@dataclasses.dataclass(frozen=True)
class RunState:
    """Everything on which the next step of a run depends, but for its configuration.

    Attributes
    ----------
    step, tokens : int
        Steps taken, and tokens seen.
    seconds : float
        Spent in steps.
    position : int
        Place of the next song in the order of songs.
    best, waited
        Of `EarlyStopping`.
    data : str
        The fingerprint of the songs.
    valid : str or None
        That of the valid split, empty without one; None in states of older versions.
    model, average : dict of Tensor
        Weights by name, and their running averages, if any.
    optimizer : dict of Tensor
        Moments, by names ``I.WEIGHT.NAME``.
    streams : list of int64 tensors
        What each stream still holds of its song.
    memory : Tensor or None
        Of the streams of all processes.
    random : list of Tensor
        State of torch's generator, by rank.
    """

    step: int
    tokens: int
    seconds: float
    position: int
    best: float
    waited: int
    data: str
    valid: str | None
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    average: dict[str, Tensor]
    streams: list[Tensor]
    memory: Tensor | None
    random: list[Tensor]

    def write(self, path: Path) -> None:
        """Write the state; the file is replaced when the new one is complete and on the disk.

        Raises
        ------
        OSError
            If the disk refuses; the state before is intact.
        """
        tensors: dict[str, Tensor] = {}
        for part in ("model", "optimizer", "average"):
            tensors |= {f"{part}.{name}": tensor for name, tensor in getattr(self, part).items()}
        tensors |= {f"stream.{index}": stream for index, stream in enumerate(self.streams)}
        tensors |= {"random" if rank == 0 else f"random.{rank}": state for rank, state in enumerate(self.random)}
        if self.memory is not None:
            tensors["memory"] = self.memory
        facts = {name: getattr(self, name) for name in NUMBERS}
        facts["best"] = self.best if math.isfinite(self.best) else None
        whole = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"lakhnes": json.dumps(facts)})
        try:
            with replacing(path) as unfinished, unfinished.open("wb") as file:
                file.write(whole)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            left = "the state before is intact" if path.exists() else "there is no state yet"
            raise OSError(error.errno, f"{error.strerror} ({left})", str(path)) from None

    @classmethod
    def read(cls, path: Path) -> RunState:
        """Read what `write` wrote.

        Raises
        ------
        CheckpointError
            If the file is not such a state.
        """
        try:
            check_header(path, MAX_HEADER_BYTES)
            with safe_open(path, framework="pt") as file:
                numbers = _facts((file.metadata() or {})["lakhnes"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            streams, random = _part(tensors, "stream"), _part(tensors, "random")
            return cls(
                **numbers,
                model=_part(tensors, "model"),
                optimizer=_part(tensors, "optimizer"),
                average=_part(tensors, "average"),
                streams=[streams[str(index)] for index in range(len(streams))],
                memory=tensors.get("memory"),
                random=[tensors["random"], *(random[str(rank)] for rank in range(1, len(random) + 1))],
            )
        except (SafetensorError, CheckpointError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path}: not the state of a training run ({printable(str(error), 200)})") from None


def _facts(text: str) -> dict[str, Any]:
    """Return the numbers of a state, checked."""
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("expected an object with numbers")
    best = math.inf if facts["best"] is None else facts["best"]
    facts = {"valid": None} | facts
    for name in NUMBERS:
        value, whole = best if name == "best" else facts[name], name not in ("seconds", "best")
        if name in ("data", "valid"):
            if not isinstance(value, str) and (name == "data" or value is not None):
                raise ValueError(f"{name} is {shown(value)}, expected a fingerprint")
        elif isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= 0:
            raise ValueError(f"{name} is {shown(value)}, expected a number of at least 0")
        elif value > MAX_COUNT and name != "best":
            raise ValueError(f"{name} is {shown(value)}, expected at most {MAX_COUNT}")
    return {name: facts[name] for name in NUMBERS} | {"best": best}


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with ``NAME.``, under the rest of their names."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
