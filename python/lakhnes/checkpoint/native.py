"""The checkpoint format of this project.

``config.json`` gives the shape, ``model.safetensors`` the weights (half precision by default), ``README.md`` the model
card. Reading one makes arrays of numpy and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save

from lakhnes._native import Vocabulary
from lakhnes.checkpoint.config import CONFIG_FILE, MODEL_FILE, RUN_FOLDER, WEIGHTS_FILE, read_config
from lakhnes.checkpoint.unpickler import quote
from lakhnes.checkpoint.zoo import directory_of
from lakhnes.errors import CheckpointError
from lakhnes.files import open_plain
from lakhnes.model.config import ModelConfig, Shapes
from lakhnes.model.device import check_device
from lakhnes.model.model import Model
from lakhnes.outputs import write_bytes

if TYPE_CHECKING:
    from lakhnes.model.network import Network

__all__ = ["RUN_FOLDER", "check_header", "load_model", "save_checkpoint"]

MAX_HEADER_BYTES = 2**20
"""Of a safetensors file: some 8,000 tensors. The bundled model's has 9 kB."""

ROWS_WITHOUT_LINES = {"score_state.weight": 982, "recall.weight": 15}
"""Of the tables of the state of the score, before it told of the lines of the voices: their rows are the last ones."""


def save_checkpoint(
    model: Model | Network,
    directory: str | os.PathLike[str],
    *,
    dtype: str = "float16",
    overwrite: bool = False,
) -> None:
    """Write a model's weights and shape into a directory, which is made if it is missing.

    Parameters
    ----------
    model : Model or Network
        As it was loaded, or the torch module that is trained.
    directory : path
    dtype : str
        Of the stored weights: ``"float16"`` or ``"float32"``. The tables of n-gram models are stored as they are.
    overwrite : bool
        Whether a checkpoint that is there is replaced.

    Raises
    ------
    FileExistsError
        If there is a checkpoint already and `overwrite` is false.
    """
    stored = model if isinstance(model, Model) else Model.of(model)
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    weights = {
        name: np.ascontiguousarray(array, array.dtype if stored.config.exact else dtype)
        for name, array in stored.weights.items()
    }
    write_bytes(target / WEIGHTS_FILE, save(weights, {"format": "pt"}), overwrite=overwrite)
    write_bytes(target / CONFIG_FILE, stored.config.to_json().encode(), overwrite=overwrite)


def load_model(name_or_path: str | os.PathLike[str] = "bundled", device: str = "auto") -> Model:
    """Load a model, ready to compose.

    Parameters
    ----------
    name_or_path
        ``"bundled"``, a checkpoint directory or that of a training run, ``hf://OWNER/NAME[@REVISION]`` (see
        `lakhnes.checkpoint.hub`), the name of a published model that was imported (see `lakhnes.checkpoint.zoo`), or
        the folder of one as published, with ``model.pt``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``. With ``"auto"`` songs are composed on the CPU, and corpora
        evaluated on a GPU, if there is one. All but the first two need torch.

    Raises
    ------
    CheckpointError
        If the directory is missing or incomplete, weights and shape do not fit each other, or there is no such device.
    """
    directory = directory_of(name_or_path)
    if not (directory / WEIGHTS_FILE).exists() and (directory / RUN_FOLDER / WEIGHTS_FILE).is_file():
        directory /= RUN_FOLDER
    if device not in ("auto", "cpu"):
        check_device(device)
        from lakhnes.model.network import pick_device

        device = str(pick_device(device))
    if (directory / MODEL_FILE).is_file() and not (directory / WEIGHTS_FILE).exists():
        from lakhnes.checkpoint.legacy import read_published

        published = read_published(directory)
        weights = {name: array.astype(np.float32) for name, array in published.weights.items()}
        return Model(published.config, weights, device)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (directory / name).is_file():
            raise CheckpointError(f"{directory}: {name} is missing")
    config = read_config(directory / CONFIG_FILE)
    path = directory / WEIGHTS_FILE
    try:
        check_header(path)
        model = Model(config, _read_weights(path, config), device)
        model.check()
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({quote(error)})") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    known = len(Vocabulary(config.vocabulary))
    if config.vocab_size != known:
        raise CheckpointError(
            f"{directory / CONFIG_FILE}: vocab_size is {config.vocab_size}, expected {known} of {config.vocabulary}"
        )
    return model


def check_header(path: Path, most: int = MAX_HEADER_BYTES) -> None:
    """Refuse a safetensors file whose header is no model's, before it is parsed.

    Raises
    ------
    CheckpointError
        If it has more than `most` bytes.
    OSError
        If the path is that of no regular file.
    """
    with open_plain(path) as file:
        size = int.from_bytes(file.read(8), "little")
    if size > most:
        raise CheckpointError(f"not a safetensors file (a header of {size} bytes, expected at most {most})")


def _read_weights(path: Path, config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a file; memory is taken when their shapes are known to be those of the model."""
    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        if len(names) < config.min_tensors:
            raise CheckpointError(f"{len(names)} tensors, expected at least {config.min_tensors}")
        slices = {name: file.get_slice(name) for name in names}
        shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        _check_shapes(shapes, _without_lines(config.tensors) if _lacks_lines(shapes) else config.tensors)
        types = {name: part.get_dtype() for name, part in slices.items()}
        _check_types(types, config)
        if "BF16" in types.values():  # a type that numpy does not have
            weights = {name: _widened(facts) for name, facts in deserialize(path.read_bytes())}  # type: ignore[no-untyped-call]
        else:  # copies: the file may be replaced while the model lives
            weights = {name: _whole(file.get_tensor(name)) for name in names}
    if not config.exact:
        for name, array in weights.items():
            if not np.isfinite(array).all():
                raise CheckpointError(f"tensor {name!r} has values that are not finite: damaged")
    for name in ROWS_WITHOUT_LINES.keys() & weights.keys():
        weights[name] = _with_all_rows(weights[name], config.tensors[name][0])
    return weights


def _lacks_lines(shapes: Shapes) -> bool:
    """Return whether all tables of the state of the score are from before the lines."""
    return all(shapes.get(name, ())[:1] == (rows,) for name, rows in ROWS_WITHOUT_LINES.items())


def _without_lines(shapes: Shapes) -> Shapes:
    """Return the shapes that a model's tensors had before the lines."""
    rows = ROWS_WITHOUT_LINES
    return {name: (rows[name], *shape[1:]) if name in rows else shape for name, shape in shapes.items()}


def _with_all_rows(table: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    """Return a table with zeros for the rows that it lacks: a model that was trained without them."""
    return np.concatenate([table, np.zeros((rows - len(table), *table.shape[1:]), table.dtype)])


def _whole(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array.astype(np.float32) if array.dtype.kind == "f" else array.copy()


def _widened(facts: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Return a tensor as float32; numbers of type BF16 are the upper halves of such."""
    if facts["dtype"] == "BF16":
        halves = np.frombuffer(facts["data"], "<u2").astype("<u4")
        array = (halves << 16).view(np.float32)
    else:
        kinds = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
        array = np.frombuffer(facts["data"], kinds[facts["dtype"]]).astype(np.float32)
    shaped: npt.NDArray[np.float32] = array.reshape(facts["shape"])
    return shaped


def _check_shapes(found: Shapes, expected: Shapes) -> None:
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            shape, wanted = found.get(name, "missing"), expected.get(name, "no such tensor")
            raise CheckpointError(f"tensor {quote(name)} is {shape}, expected {wanted}")


def _check_types(found: Mapping[str, str], config: ModelConfig) -> None:
    for name, dtype in found.items():
        if not (dtype in ("F16", "BF16", "F32", "F64") or (config.exact and dtype in ("I32", "I64"))):
            raise CheckpointError(f"tensor {quote(name)} is of type {dtype}, expected F16 or F32")
