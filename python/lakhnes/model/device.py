"""Which names of devices cannot be right, as far as that can be told without torch, which takes seconds to load."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lakhnes.errors import CheckpointError, shown
from lakhnes.extras import need

__all__ = ["check_device", "unavailable"]

NAMED = re.compile(r"(cpu|cuda|mps|xpu)(?::(\d{1,3}))?")
"""A device that torch may have, and its number."""

DRIVERS = {"cuda": ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd"), "xpu": ("dri", "dxg")}
"""Nodes in ``/dev`` of the drivers that a device needs on Linux. ``nvidia*`` is NVIDIA's, ``nvhost*`` and ``nvmap``
Tegra's, ``dxg`` that of Windows below Linux, ``kfd`` AMD's, ``dri`` Intel's."""

MOST_PARTS = 8
"""More devices than NVIDIA's driver makes of a GPU that is divided (Multi-Instance GPU: seven)."""


def check_device(name: str) -> None:
    """Refuse the name of a device that cannot be on this machine; of any other, torch decides.

    Raises
    ------
    MissingExtraError
        If torch is not installed, which all devices but the CPU need.
    CheckpointError
        If the text names no device, the system has no driver for it, or fewer GPUs than its number says.
    """
    if name == "auto":
        return
    found = NAMED.fullmatch(name)
    if found is None:
        raise unavailable(name)
    if found[1] != "cpu":
        need("torch")
    if cannot_be(found[1], int(found[2] or 0)):
        raise unavailable(name)


def unavailable(name: str) -> CheckpointError:
    """Return the error for a device that is not there."""
    return CheckpointError(f"device {shown(name)} is not available; expected auto, cpu, cuda or mps")


def cannot_be(kind: str, number: int, platform: str = sys.platform, nodes: Path = Path("/dev")) -> bool:
    """Return whether a system, with these nodes of drivers, has no device of this kind and number for certain."""
    if platform == "darwin" or kind not in DRIVERS:
        return kind in DRIVERS or (kind == "mps" and platform != "darwin")
    if platform != "linux":
        return False
    drivers = [node.name for pattern in DRIVERS[kind] for node in nodes.glob(pattern)]
    return not drivers or (kind == "cuda" and _too_many(number, drivers))


def _too_many(number: int, drivers: Sequence[str]) -> bool:
    """Return whether a GPU has too large a number, where the nodes tell how many there are."""
    gpus = sum(re.fullmatch(r"nvidia\d+", name) is not None for name in drivers)
    return gpus > 0 and number >= MOST_PARTS * gpus
