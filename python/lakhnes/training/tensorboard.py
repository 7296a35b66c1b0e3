"""The log of a run for TensorBoard; an extra, ``pip install lakhnes[tensorboard]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakhnes.extras import need

__all__ = ["TensorBoard"]

SCALARS = {"loss": "train/loss", "gradient": "train/gradient", "rate": "train/rate", "memory": "train/memory"}


class TensorBoard:
    """Writes the lines of a log as scalars, by step.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    MissingExtraError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        need("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder))

    def __call__(self, line: dict[str, Any]) -> None:
        """Write a line."""
        for name, title in SCALARS.items():
            if name in line:
                self.writer.add_scalar(title, line[name], line["step"])
        if "valid" in line:
            self.writer.add_scalar("valid/loss", line["valid"]["loss"], line["step"])
            self.writer.add_scalar("valid/ppl", line["valid"]["ppl"], line["step"])
        self.writer.flush()
