"""Where a name in a docstring leads that Sphinx does not find from where it stands.

A public name may be written as its users write it, `Song.arrange`, and a command as it is typed, `lakhnes train`. A
name without an entry of its own, such as a constant, has to exist; else it stays missing, which the build reports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def exists(name: str) -> bool:
    """Tell whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element) -> nodes.Element | None:
    """Resolve what is still missing."""
    if node["refdomain"] != "py":
        return None
    target, document = node["reftarget"], node["refdoc"]
    domains, builder = env.domains, app.builder
    if target.startswith("lakhnes "):
        label = target.replace(" ", "-")
        found = domains["std"].resolve_xref(env, document, builder, "ref", label, node, text)
        return found or domains["std"].resolve_xref(
            env, document, builder, "doc", "/reference/command-line", node, text
        )
    if found := domains["py"].resolve_xref(env, document, builder, "obj", f"lakhnes.{target}", node, text):
        return found
    near = (
        target,
        f"lakhnes.{target}",
        f"{node.get('py:module')}.{target}",
        f"{node.get('py:module')}.{node.get('py:class')}.{target}",
    )
    return text if any(map(exists, near)) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
