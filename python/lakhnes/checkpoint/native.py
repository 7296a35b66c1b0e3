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

from lakhnes.checkpoint.config import CONFIG_FILE, RUN_FOLDER, WEIGHTS_FILE, read_config
from lakhnes.checkpoint.legacy import MODEL_FILE, read_published
from lakhnes.checkpoint.zoo import directory_of
from lakhnes.errors import CheckpointError
from lakhnes.files import write_bytes
from lakhnes.model.architectures import build
from lakhnes.model.base import Model
from lakhnes.model.transformer_xl import TransformerXL

__all__ = ["RUN_FOLDER", "load_model", "pick_device", "save_checkpoint"]


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
    model: Model,
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
    trained = {name for name, _ in model.named_parameters()}  # the tables of an n-gram model are stored as they are
    weights = {
        name: tensor.detach().to("cpu", dtype if name in trained else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    write_bytes(target / WEIGHTS_FILE, save(weights, {"format": "pt"}), overwrite=overwrite)
    write_bytes(target / CONFIG_FILE, model.config.to_json().encode(), overwrite=overwrite)


def load_model(name_or_path: str | os.PathLike[str] = "bundled", device: str = "auto") -> Model:
    """Load a model, ready to compose.

    Parameters
    ----------
    name_or_path
        ``"bundled"``, a checkpoint directory or that of a training run, the name of a published model that was
        imported (see `lakhnes.checkpoint.zoo`), or the folder of one as published, with ``model.pt``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    CheckpointError
        If the directory is missing or incomplete, or weights and shape do not fit each other.
    """
    directory = directory_of(name_or_path)
    if not (directory / WEIGHTS_FILE).exists() and (directory / RUN_FOLDER / WEIGHTS_FILE).is_file():
        directory /= RUN_FOLDER
    if (directory / MODEL_FILE).is_file() and not (directory / WEIGHTS_FILE).exists():
        return _load_published(directory).to(pick_device(device)).eval()
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (directory / name).is_file():
            raise CheckpointError(f"{directory}: {name} is missing")
    config = read_config(directory / CONFIG_FILE)
    path = directory / WEIGHTS_FILE
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            if len(shapes) < config.min_tensors:
                raise CheckpointError(f"{path}: {len(shapes)} tensors, expected at least {config.min_tensors}")
            with torch.device("meta"):  # only its shapes: memory is taken when they are known to be those of the file
                model = build(config)
            expected = model.state_dict()
            _check_shapes(path, shapes, {name: tuple(tensor.shape) for name, tensor in expected.items()})
            # Copies: the file may be replaced while the model lives.
            weights = {name: file.get_tensor(name).to(expected[name].dtype, copy=True) for name in shapes}
            model.load_state_dict(weights, assign=True)
            model.check()
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error})") from None
    except CheckpointError as error:
        raise CheckpointError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    return model.to(pick_device(device)).eval()


def _load_published(directory: Path) -> TransformerXL:
    published = read_published(directory)
    with torch.device("meta"):
        model = TransformerXL(published.config)
    weights = {name: torch.from_numpy(array.astype("f4")) for name, array in published.weights.items()}
    model.load_state_dict(weights, assign=True)
    return model


def _check_shapes(path: Path, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            shape, wanted = found.get(name, "missing"), expected.get(name, "no such tensor")
            raise CheckpointError(f"{path}: tensor {name!r} is {shape}, expected {wanted}")
