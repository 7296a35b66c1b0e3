"""The checkpoint format of this project.

``config.json`` gives the shape, ``model.safetensors`` the weights (half precision by default), ``README.md`` the model
card. Reading one builds tensors and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from lakhnes.errors import CheckpointError
from lakhnes.files import write_bytes
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.transformer_xl import TransformerXL

__all__ = ["BUNDLED", "load_model", "pick_device", "save_checkpoint"]

BUNDLED = Path(__file__).parent.parent / "bundled"
"""The directory of the checkpoint that comes with the package, known by the name ``bundled``."""

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
MAX_CONFIG_BYTES = 2**16


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of a name; ``"auto"`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    CheckpointError
        If there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise CheckpointError(f"device {name!r} is not to be had here; expected auto, cpu, cuda or mps") from None
    return device


def save_checkpoint(
    model: TransformerXL,
    directory: str | os.PathLike[str],
    *,
    dtype: torch.dtype = torch.float16,
    overwrite: bool = False,
) -> None:
    """Write a model's weights and shape into a directory, which is made if it is missing.

    Raises
    ------
    FileExistsError
        If there is a checkpoint already and `overwrite` is false.
    """
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(target / WEIGHTS_FILE, save(weights, {"format": "pt"}), overwrite=overwrite)
    write_bytes(target / CONFIG_FILE, model.config.to_json().encode(), overwrite=overwrite)


def load_model(name_or_path: str | os.PathLike[str] = "bundled", device: str = "auto") -> TransformerXL:
    """Load a model, ready to compose.

    Parameters
    ----------
    name_or_path
        ``"bundled"``, or a checkpoint directory.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    CheckpointError
        If the directory is missing or incomplete, or weights and shape do not fit each other.
    """
    directory = BUNDLED if str(name_or_path) == "bundled" else Path(name_or_path)
    if not directory.is_dir():
        raise CheckpointError(f"{name_or_path}: no such model; expected 'bundled' or a directory with {WEIGHTS_FILE}")
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (directory / name).is_file():
            raise CheckpointError(f"{directory}: {name} is missing")
    config = _read_config(directory / CONFIG_FILE)
    model = TransformerXL(config)
    path = directory / WEIGHTS_FILE
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_shapes(path, shapes, {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})
            model.load_state_dict({name: file.get_tensor(name).float() for name in shapes})
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    return model.to(pick_device(device)).eval()


def _read_config(path: Path) -> TransformerXLConfig:
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes, expected a small JSON file")
    try:
        return TransformerXLConfig.from_json(path.read_text())
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: not UTF-8 text") from None


def _check_shapes(path: Path, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            shape, wanted = found.get(name, "missing"), expected.get(name, "no such tensor")
            raise CheckpointError(f"{path}: tensor {name!r} is {shape}, expected {wanted}")
