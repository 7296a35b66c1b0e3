"""``lakhnes --version -v``: what is installed, and what it computes with."""

from __future__ import annotations

from typing import Any

from lakhnes._native import __version__, build_info
from lakhnes.extras import has, missing

__all__ = ["facts", "lines"]


def facts() -> dict[str, Any]:
    """Return version and build, and the version of torch, ``None`` if it is not installed."""
    torch = None
    if has("torch"):
        from lakhnes.torch_extra import torch_facts

        torch = torch_facts()
    return {"version": __version__, "build": build_info(), "torch": torch}


def lines(known: dict[str, Any]) -> list[str]:
    """Return the facts but for the version, as lines."""
    build, torch = known["build"], known["torch"]
    if torch is None:
        about = f"not installed; {missing('torch')}"
    else:
        about = f"{torch['version']}, CUDA: {torch['cuda'] or 'none'}"
    return [f"build: {build['profile']}, {build['target']}, instructions: {build['instructions']}", f"torch: {about}"]
