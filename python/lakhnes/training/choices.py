"""The values that options of a run may have; the command line lists them without loading anything else."""

from __future__ import annotations

__all__ = ["LENGTH", "OPTIMIZERS", "PRECISIONS", "PRESET_NAMES", "SCALE_NAMES"]

SCALE_NAMES = ("tiny", "bundled", "paper")
"""Of `lakhnes.reproduction.scales.SCALES`."""

PRESET_NAMES = (*SCALE_NAMES, "gpu")
"""Of `lakhnes.training.presets.PRESETS`."""

OPTIMIZERS = ("adamw", "muon")

PRECISIONS = ("auto", "float32", "bfloat16")
"""Of matrix products."""

LENGTH = ("steps", "minutes")
"""The options that say how long a run is."""
