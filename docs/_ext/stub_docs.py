"""Documentation of the extension module, for autodoc, from its stub: compiled classes carry neither docs nor types."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import lakhnes
from lakhnes import _native

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Node: TypeAlias = "ast.ClassDef | ast.FunctionDef"

STUB = Path(_native.__file__).with_name("_native.pyi")

BEFORE_NAPOLEON = 400


def read_stub(text: str) -> dict[str, Node]:
    """Give the classes, functions and methods of a stub by their names: ``Song``, ``Song.perform``."""
    found: dict[str, Node] = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found[node.name] = node
        if isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}.{member.name}": member for member in node.body if isinstance(member, ast.FunctionDef)
            }
    return found


NODES = read_stub(STUB.read_text(encoding="utf-8"))


def key_of(name: str) -> str | None:
    """Give the name in the stub of what autodoc calls `name`; None if it is not of the extension module."""
    key = name.removeprefix("lakhnes.").removeprefix("_native.")
    head = key.partition(".")[0]
    native = getattr(_native, head, None)
    if native is None or key not in NODES:
        return None
    return key if "_native" in name or getattr(lakhnes, head, None) is native else None


def add_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Take the docstring of the stub; that of a class is followed by that of its constructor."""
    if (key := key_of(name)) is None:
        return
    texts = [ast.get_docstring(NODES[part]) for part in (key, f"{key}.__new__") if part in NODES]
    lines[:] = "\n\n".join(inspect.cleandoc(text) for text in texts if text).splitlines()


def add_signature(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returned: str
) -> tuple[str, str] | None:
    """Take the signature of the stub, with its types."""
    if (key := key_of(name)) is None:
        return None
    node = NODES.get(f"{key}.__new__") or NODES[key]
    if isinstance(node, ast.ClassDef):
        return "", ""
    if node.decorator_list and ast.unparse(node.decorator_list[0]) == "property":
        return None
    arguments = node.args
    for group in (arguments.posonlyargs, arguments.args):
        group[:] = [argument for argument in group if argument.arg not in ("self", "cls")]
    returns = "" if node.name == "__new__" or node.returns is None else ast.unparse(node.returns)
    return f"({_short(ast.unparse(arguments))})", _short(returns)


def _short(types: str) -> str:
    return types.replace("npt.", "").replace("np.", "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to autodoc."""
    app.connect("autodoc-process-docstring", add_docstring, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-signature", add_signature)
    return {"parallel_read_safe": True}
