"""Defaults that are functions, in signatures: by their name, as their source has them; ``...`` where they have none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FUNCTION = re.compile(r"<function (?P<name>[\w.]+|<lambda>)(?: at 0x[0-9a-f]+)?>")
"""As `repr` shows a function, and as autodoc does, without the address."""


def name_functions(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """Write a signature with the names of functions; None where there is nothing to change."""
    if signature is None or not FUNCTION.search(signature):
        return None
    return FUNCTION.sub(lambda found: "..." if found["name"] == "<lambda>" else found["name"], signature), returned


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to autodoc."""
    app.connect("autodoc-process-signature", name_functions)
    return {"parallel_read_safe": True}
