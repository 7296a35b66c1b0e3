"""The state of a run as one safetensors file: written whole or not at all, read without running anything.

Tensors stand under names with a prefix (``model.``, ``optimizer.0.``, ``memory``, ``stream.``); numbers and texts stand
as JSON in the file's metadata.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, optim

from lakhnes.errors import CheckpointError
from lakhnes.files import replacing

__all__ = ["load_optimizer", "optimizer_tensors", "read_state", "write_state"]


def write_state(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts, replacing the file only when the new one is complete and on the disk."""
    whole = save({name: tensor.contiguous() for name, tensor in tensors.items()}, {"lakhnes": json.dumps(facts)})
    with replacing(path, overwrite=True) as unfinished, unfinished.open("wb") as file:
        file.write(whole)
        file.flush()
        os.fsync(file.fileno())


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_state` wrote.

    Raises
    ------
    CheckpointError
        If the file is not such a state.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["lakhnes"])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: not the state of a training run ({error})") from None


def optimizer_tensors(optimizers: list[optim.Optimizer]) -> dict[str, Tensor]:
    """Return the running moments of all weights, under names ``optimizer.I.WEIGHT.NAME``."""
    tensors = {}
    for index, optimizer in enumerate(optimizers):
        for weight, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                tensors[f"optimizer.{index}.{weight}.{name}"] = torch.as_tensor(value)
    return tensors


def load_optimizer(optimizers: list[optim.Optimizer], tensors: dict[str, Tensor]) -> None:
    """Give the optimizers the moments back that `optimizer_tensors` returned."""
    for index, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        for key, value in tensors.items():
            prefix, _, rest = key.partition(".")
            if prefix == "optimizer" and rest.startswith(f"{index}."):
                _, weight, name = rest.split(".")
                state["state"].setdefault(int(weight), {})[name] = value
        optimizer.load_state_dict(state)
