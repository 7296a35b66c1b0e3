"""Where a name in a docstring leads that Sphinx does not find from where it stands.

A public name may be written as its users write it, `Song.arrange`, and a command as it is typed, `lakhnes train`. A
name without an entry of its own, such as a constant, has to exist; else it stays missing, which the build reports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


COMMANDS = "reference/command-line"
"""The page that has a section for each command."""


def find(name: str) -> object:
    """Give the module, or what is in one, of a dotted name; None if there is no such thing."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = getattr(found, part, None)
        return found
    return None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Element | None:
    """Resolve what is still missing."""
    if node["refdomain"] != "py":
        return None
    target, document = node["reftarget"], node["refdoc"]
    if target.startswith("lakhnes "):
        return make_refnode(app.builder, document, COMMANDS, target.replace(" ", "-"), text)
    if found := env.domains["py"].resolve_xref(env, document, app.builder, "obj", f"lakhnes.{target}", node, text):
        return found
    module, owner = node.get("py:module"), node.get("py:class")
    defined_in = getattr(find(f"{module}.{owner}"), "__module__", None)  # a class may be documented elsewhere
    places = ("lakhnes", module, f"{module}.{owner}", defined_in)
    known = (find(name) for name in (target, *(f"{place}.{target}" for place in places)))
    return text if any(thing is not None for thing in known) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
