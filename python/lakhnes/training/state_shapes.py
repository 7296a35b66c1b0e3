"""Whether the state of a run has the shapes of its configuration: read from the file's header, without torch."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from lakhnes.checkpoint.native import check_header
from lakhnes.checkpoint.unpickler import quote
from lakhnes.errors import CheckpointError, printable
from lakhnes.training.config import TrainingConfig

__all__ = ["MAX_HEADER_BYTES", "check_shapes"]

MAX_HEADER_BYTES = 2**24
"""Of the file: a stream of each of 65,536 takes 5 MiB."""


def check_shapes(path: Path, config: TrainingConfig) -> None:
    """Refuse a state that is not of this configuration, before a model of its size is built.

    Raises
    ------
    CheckpointError
        If the file is no state, or its weights or streams are others.
    """
    try:
        check_header(path, MAX_HEADER_BYTES)
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in names if name.startswith("model.")}
    except (SafetensorError, CheckpointError) as error:
        raise CheckpointError(f"{path}: not the state of a training run ({printable(str(error), 200)})") from None
    expected = {f"model.{name}": shape for name, shape in config.model.tensors.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if shapes.get(name) != expected.get(name):
            raise CheckpointError(
                f"{path}: the state does not fit the configuration ({quote(name)} is {shapes.get(name, 'missing')}, "
                f"expected {expected.get(name, 'no such tensor')})"
            )
    streams = sum(name.startswith("stream.") for name in names)
    if streams != config.batch_size:
        raise CheckpointError(
            f"{path}: the state does not fit the configuration ({streams} streams, expected {config.batch_size})"
        )
