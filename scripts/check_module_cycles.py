"""Find circles among the modules of a Rust crate, and name the lines that make them.

    python scripts/check_module_cycles.py rust/apu rust/tokenizer

The modules of a folder are compared with their siblings only: what a module or anything below it names of a sibling,
or of anything below that, is an edge, and the edges of siblings may form no circle. A parent and its children may name
each other. Tests (``#[cfg(test)]``), comments and strings do not count. Names that a module re-exports (``pub use``)
stand for the module in which they are defined. Exit 0: no circle; 1: circles, on stdout.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

Module = tuple[str, ...]
"""The path of a module from the crate's root, which is empty."""

NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\'',
    re.DOTALL,
)
TEST = re.compile(r"#\[cfg\(test\)\]\s*mod\s+\w+\s*\{")
USE = re.compile(r"(?P<visible>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
PATH = re.compile(r"(?<![\w:])(?:crate|super|self)(?:\s*::\s*\w+)+")


def code_of(source: str) -> str:
    """Blank out what is no code, so that every line stays where it is."""
    blank = lambda text: re.sub(r"[^\n]", " ", text)  # noqa: E731
    source = NOT_CODE.sub(lambda found: blank(found.group()), source)
    while (test := TEST.search(source)) is not None:
        depth, end = 1, test.end()
        while depth and end < len(source):
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        source = source[: test.start()] + blank(source[test.start() : end]) + source[end:]
    return source


def paths_of(tree: str) -> Iterator[tuple[list[str], str]]:
    """Expand a use tree into paths, each with the name that it gets."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, name = tree.partition(" as ")
        segments = [segment.strip() for segment in path.split("::")]
        if segments[-1] == "self":
            segments.pop()
        yield segments, name.strip() or segments[-1]
        return
    depth, part = 0, ""
    for letter in rest[: rest.rindex("}")] + ",":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            if part.strip():
                yield from paths_of(head + part.strip())
            part = ""
        else:
            part += letter


class Crate:
    """The modules of a crate and what they name of one another."""

    def __init__(self, source: Path) -> None:
        self.files: dict[Module, Path] = {}
        for path in sorted(source.rglob("*.rs")):
            *folders, stem = path.relative_to(source).with_suffix("").parts
            root = (stem == "lib" and not folders) or stem == "mod"
            self.files[tuple(folders) if root else (*folders, stem)] = path
        self.code = {module: code_of(path.read_text(encoding="utf-8")) for module, path in self.files.items()}
        self.exports: dict[tuple[Module, str], list[str]] = {}
        for module, code in self.code.items():
            for use in USE.finditer(code):
                if use["visible"]:
                    self.exports.update(((module, name), path) for path, name in paths_of(use["tree"]))

    def target(self, module: Module, path: list[str]) -> Module | None:
        """Find the module to which a path leads that stands in `module`; None for another crate's."""
        here = module
        for place, segment in enumerate(path):
            if segment == "crate":
                here = ()
            elif segment == "super":
                here = here[:-1]
            elif segment != "self":
                if (*here, segment) in self.files:
                    here = (*here, segment)
                elif (exported := self.exports.get((here, segment))) is not None and exported != path:
                    return self.target(here, exported + path[place + 1 :])
                else:
                    return here if place > 0 else None
        return here

    def edges(self) -> Iterator[tuple[Module, Module, str]]:
        """Give every name of another module: where, of which module, and the line."""
        for module, code in self.code.items():
            named = [
                (found.start(), [part.strip() for part in found.group().split("::")]) for found in PATH.finditer(code)
            ]
            for use in USE.finditer(code):
                named.extend((use.start("tree"), path) for path, _ in paths_of(use["tree"]))
            for start, path in named:
                target = self.target(module, path)
                if target is not None and target != module:
                    line = code.count("\n", 0, start) + 1
                    yield module, target, f"{self.files[module]}:{line}: {'::'.join(path)}"

    def circles(self) -> Iterator[tuple[list[Module], list[str]]]:
        """Give the circles of siblings, each with a line for every step."""
        graph: dict[Module, dict[Module, str]] = {}
        for module, target, line in self.edges():
            common = 0
            while module[common : common + 1] == target[common : common + 1] != ():
                common += 1
            sibling, other = module[: common + 1], target[: common + 1]
            if common < min(len(module), len(target)):
                graph.setdefault(sibling, {}).setdefault(other, line)
        seen: set[frozenset[Module]] = set()
        for start in graph:
            circle = shortest_circle(graph, start)
            if circle and frozenset(circle) not in seen:
                seen.add(frozenset(circle))
                steps = zip(circle, [*circle[1:], circle[0]], strict=True)
                yield circle, [graph[one][other] for one, other in steps]


def shortest_circle(graph: dict[Module, dict[Module, str]], start: Module) -> list[Module]:
    """Find the shortest way from a module back to itself; empty if there is none."""
    ways, visited = [[start]], {start}
    for way in ways:
        for target in graph.get(way[-1], ()):
            if target == start:
                return way
            if target not in visited:
                visited.add(target)
                ways.append([*way, target])
    return []


def main(crates: Iterable[str]) -> int:
    """Check the crates of some folders."""
    found = 0
    for folder in crates:
        for circle, lines in Crate(Path(folder, "src")).circles():
            found += 1
            print("circle:", " → ".join("::".join(module) for module in [*circle, circle[0]]))
            print(*(f"    {line}" for line in lines), sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
