"""What ``pip install lakhnes`` leaves out: packages that only some of the work needs, and how to get them."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from lakhnes.errors import MissingExtraError

__all__ = ["EXTRAS", "has", "load", "missing", "need"]

EXTRAS = {
    "cluster": "work on a cluster, and addresses such as s3://, need",
    "evaluation": "a classifier of songs needs",
    "hub": "models on the Hugging Face Hub need",
    "parquet": "tables of songs need",
    "play": "playing needs",
    "studio": "the studio and its server need",
    "study": "listening studies need",
    "tensorboard": "a log for TensorBoard needs",
    "torch": "training, evaluating corpora and computing on a GPU need",
}
"""Each extra, and what needs it, with its verb."""

OF_PACKAGE = {
    "choix": "study",
    "dask": "cluster",
    "distributed": "cluster",
    "fsspec": "cluster",
    "huggingface_hub": "hub",
    "pyarrow": "parquet",
    "pyloudnorm": "study",
    "python_multipart": "studio",
    "scipy": "study",
    "sklearn": "evaluation",
    "sounddevice": "play",
    "tensorboard": "tensorboard",
    "torch": "torch",
}
"""The extra that brings a package, where it is one alone."""

DISTRIBUTIONS = {"python_multipart": "python-multipart", "sklearn": "scikit-learn"}
"""Packages that are installed under another name than that of their module."""


def has(package: str) -> bool:
    """Return whether a package is installed; it is not imported, for that can take seconds."""
    return importlib.util.find_spec(package) is not None


def missing(package: str, extra: str | None = None) -> MissingExtraError:
    """Return the error for a package that is not there; its line ends with the command that installs it."""
    chosen = extra or OF_PACKAGE[package]
    name = DISTRIBUTIONS.get(package, package)
    return MissingExtraError(f"{EXTRAS[chosen]} the package {name}: pip install 'lakhnes[{chosen}]'")


def need(package: str, extra: str | None = None) -> None:
    """Refuse at once what needs a package that is not installed.

    Parameters
    ----------
    package : str
        Name of its module.
    extra : str, optional
        The extra that brings it, if several do.

    Raises
    ------
    MissingExtraError
    """
    if not has(package):
        raise missing(package, extra)


def load(name: str, extra: str | None = None) -> ModuleType:
    """Import a module of a package that an extra brings; see `need`.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    package = name.split(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise missing(package, extra) from None
