"""Random draws of a study, each kind from a stream of its own, so that no draw depends on how many others were made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["one_of", "random_name", "shuffled", "stream"]

T = TypeVar("T")


def stream(seed: int, *words: str) -> np.random.Generator:
    """Return the generator of a seed and of words that say what it is for."""
    digest = hashlib.sha256("\n".join([str(seed), *words]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def shuffled(items: Sequence[T], random: np.random.Generator) -> list[T]:
    """Return items in random order."""
    return [items[index] for index in random.permutation(len(items))]


def one_of(items: Sequence[T], random: np.random.Generator) -> T:
    """Return one of some items."""
    return items[int(random.integers(len(items)))]


def random_name(random: np.random.Generator) -> str:
    """Return a name of 128 random bits, in hexadecimal."""
    return random.bytes(16).hex()
