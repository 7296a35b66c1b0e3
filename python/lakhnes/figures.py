"""Figures of matplotlib that show themselves in a notebook, whether or not pyplot is used there."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["NotebookFigure"]


class NotebookFigure(Figure):
    """A figure with a picture for notebooks; it belongs to nobody, so that it goes when it is no longer used."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
