"""The models that go by a name: the bundled ones, those that LakhNES published, and those on the Hugging Face Hub.

``zoo.json`` lists the published ones: what they were trained on, the size and the SHA-256 of the archive as the LakhNES
README states them, the perplexity on NES-MDB's test split that it reports, and the URL of a mirror, where there is one.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path

from lakhnes.errors import CheckpointError
from lakhnes.files import user_folder

__all__ = ["BUNDLED", "ZooModel", "directory_of", "how_to_get", "models_directory", "zoo", "zoo_model"]

_PACKAGE = Path(__file__).parent.parent

BUNDLED = {"bundled": _PACKAGE / "bundled" / "tx3", "bundled-tx1": _PACKAGE / "bundled" / "tx1"}
"""The directories of the checkpoints that come with the package, by name; the first is the default everywhere."""

_ZOO_FILE = Path(__file__).with_name("zoo.json")


@dataclasses.dataclass(frozen=True)
class ZooModel:
    """A published model.

    Attributes
    ----------
    name, description, licence : str
    megabytes : int or None
        Size of the archive.
    sha256, url : str or None
        Of the archive ``NAME.tar.gz``; ``None`` where nobody states it.
    test_ppl : float or None
        Perplexity on the test split of NES-MDB that the authors report.
    """

    name: str
    description: str
    licence: str
    megabytes: int | None
    sha256: str | None
    url: str | None
    test_ppl: float | None


@functools.cache
def zoo() -> tuple[ZooModel, ...]:
    """Return the published models."""
    return tuple(ZooModel(**facts) for facts in json.loads(_ZOO_FILE.read_text()))


def zoo_model(name: str) -> ZooModel:
    """Return the published model of a name.

    Raises
    ------
    CheckpointError
        If there is no such model.
    """
    for model in zoo():
        if model.name == name:
            return model
    raise CheckpointError(f"{name}: no published model; expected one of {', '.join(model.name for model in zoo())}")


def models_directory() -> Path:
    """Return where models of the zoo are kept: ``$LAKHNES_MODELS``, or ``lakhnes/models`` in the user's cache."""
    if chosen := os.environ.get("LAKHNES_MODELS"):
        return Path(chosen)
    return user_folder("XDG_CACHE_HOME", ".cache") / "lakhnes" / "models"


def how_to_get(model: ZooModel) -> str:
    """Say in one line how to get a published model."""
    place = models_directory() / model.name
    return (
        "the authors' download links are dead"
        + (
            f"; 'lakhnes checkpoint download {model.name}' takes it from a mirror"
            if model.url
            else f" and no mirror is known ('lakhnes checkpoint download {model.name} --url URL' takes one)"
        )
        + f"; if you have its archive or folder: 'lakhnes checkpoint import PATH {place}'"
    )


def directory_of(name_or_path: str | os.PathLike[str]) -> Path:
    """Return the directory of a model.

    Parameters
    ----------
    name_or_path
        ``"bundled"``, ``"bundled-tx1"``, a directory, the name of a published model that was imported into
        `models_directory`, or ``hf://OWNER/NAME[@REVISION]`` (see `lakhnes.checkpoint.hub`).

    Raises
    ------
    CheckpointError
        If there is no such model; for a published one the message says how to get it.
    """
    name = os.fspath(name_or_path)
    if name in BUNDLED:
        return BUNDLED[name]
    if name.startswith("hf://"):
        from lakhnes.checkpoint.hub import fetch

        return fetch(name)
    directory = Path(name)
    if name and directory.is_dir():  # an empty one would be the folder in which we are
        return directory
    for model in zoo():
        if model.name == name:
            kept = models_directory() / name
            if kept.is_dir():
                return kept
            raise CheckpointError(f"{name} is not here: {how_to_get(model)}")
    if name and directory.exists():
        raise CheckpointError(f"{name}: is a file, expected a checkpoint directory")
    known = ", ".join([*BUNDLED, *(model.name for model in zoo())])
    raise CheckpointError(
        f"{name or 'an empty name'}: no such model; expected a directory, hf://OWNER/NAME, or one of {known}"
    )
