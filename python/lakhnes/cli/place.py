"""Files and folders as parameters."""

from typing import Any

import click

__all__ = ["EMPTY_NAME", "Place"]

EMPTY_NAME = "expected a file or folder, found an empty name"


class Place(click.Path):
    """A file or a folder; an empty name, which as a path is the folder in which we are, is refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; see `click.ParamType.convert`."""
        if value == "":
            self.fail(EMPTY_NAME, param, ctx)
        return super().convert(value, param, ctx)
