"""What ``pip install lakhnes`` leaves out: packages that only some of the work needs, and how to get them."""

from __future__ import annotations

import importlib.util

from lakhnes.errors import MissingExtraError

__all__ = ["EXTRAS", "has", "missing", "need"]

EXTRAS = {
    "huggingface_hub": ("hub", "models on the Hugging Face Hub need"),
    "tensorboard": ("tensorboard", "a log for TensorBoard needs"),
    "torch": ("torch", "training, evaluating corpora and computing on a GPU need"),
}
"""Each package that an extra brings: the extra, and what needs it, with its verb."""


def has(package: str) -> bool:
    """Return whether a package is installed; it is not imported, for that can take seconds."""
    return importlib.util.find_spec(package) is not None


def missing(package: str) -> MissingExtraError:
    """Return the error for a package that is not there; its line ends with the command that installs it."""
    extra, purpose = EXTRAS[package]
    return MissingExtraError(f"{purpose} the package {package}: pip install 'lakhnes[{extra}]'")


def need(package: str) -> None:
    """Refuse at once what needs a package that is not installed.

    Raises
    ------
    MissingExtraError
    """
    if not has(package):
        raise missing(package)
