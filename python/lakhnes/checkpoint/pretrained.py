"""What ``save_pretrained``, ``from_pretrained`` and ``push_to_hub`` do, by the conventions of the Hugging Face Hub."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lakhnes.checkpoint import hub
from lakhnes.checkpoint.card import card_of, with_metadata
from lakhnes.checkpoint.config import CARD_FILE
from lakhnes.checkpoint.native import load_model, save_checkpoint
from lakhnes.model.model import Model
from lakhnes.outputs import write_bytes

__all__ = ["from_pretrained", "push_to_hub", "save_pretrained"]


def save_pretrained(
    model: Model,
    directory: str | os.PathLike[str],
    *,
    dtype: str = "float16",
    card: str | None = None,
    license: str = "unknown",
    datasets: Sequence[str] = (),
    tags: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write a checkpoint with its model card; see `Model.save_pretrained`."""
    target = Path(directory) / CARD_FILE
    if target.exists() and not overwrite:
        raise FileExistsError(17, "exists already (overwrite=True replaces it)", str(target))
    save_checkpoint(model, directory, dtype=dtype, overwrite=overwrite)
    text = with_metadata(card or card_of(model.config), model.config, license=license, datasets=datasets, tags=tags)
    write_bytes(target, text.encode(), overwrite=overwrite)


def from_pretrained(
    name_or_path: str | os.PathLike[str], *, revision: str | None = None, device: str = "auto"
) -> Model:
    """Load a checkpoint from a directory or from the Hub; see `Model.from_pretrained`."""
    name = os.fspath(name_or_path)
    if Path(name).is_dir():
        return load_model(name, device)
    address = name if name.startswith(hub.PREFIX) else hub.PREFIX + name
    return load_model(f"{address}@{revision}" if revision else address, device)


def push_to_hub(
    model: Model,
    repository: str,
    *,
    revision: str = "main",
    private: bool = False,
    message: str = "A model of lakhnes",
    dtype: str = "float16",
    card: str | None = None,
    license: str = "unknown",
    datasets: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> str:
    """Write a checkpoint into a repository of the Hub; see `Model.push_to_hub`."""
    with tempfile.TemporaryDirectory(prefix="lakhnes-") as folder:
        save_pretrained(model, folder, dtype=dtype, card=card, license=license, datasets=datasets, tags=tags)
        return hub.upload(Path(folder), repository, revision=revision, private=private, message=message)
