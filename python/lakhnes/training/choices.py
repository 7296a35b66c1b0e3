"""The values that options of a run may have; the command line lists them without loading anything else."""

from __future__ import annotations

__all__ = ["LENGTH", "OPTIMIZERS", "PRECISIONS", "PRESET_NAMES"]

PRESET_NAMES = ("tiny", "bundled", "paper")
"""Of `lakhnes.training.presets.PRESETS`, and of the scales of `lakhnes.reproduction`."""

OPTIMIZERS = ("adamw", "muon")

PRECISIONS = ("auto", "float32", "bfloat16")
"""Of matrix products."""

LENGTH = ("steps", "minutes")
"""The options that say how long a run is."""
