"""Every hostile file is refused in one line, at once, in little memory, and nothing of it runs."""

import contextlib
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from attacks import archives, asks_for_code, asks_for_memory, damaged
from attacks.common import ATTACKS
from conftest import ROOT

MODULES = (asks_for_code, asks_for_memory, damaged, archives)
UNSAFE = {name for name, make in ATTACKS.items() if make.__module__ == asks_for_code.__name__}
"""Those that ask for code to be run; the others may also be called damaged."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the measure of memory is Linux's")


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    """What each attack came to, all made and imported once."""
    base = tmp_path_factory.mktemp("attacks")
    canary = base / "canary"
    sources = []
    for name, make in ATTACKS.items():
        folder = base / name
        folder.mkdir()
        make(folder, canary)
        archive = folder / "model.tar.gz"
        sources.append(archive if archive.exists() else folder)
    before = {path for path in base.rglob("*") if path.name != "secret"}
    command = [sys.executable, ROOT / "tests" / "attacks" / "attempt.py", base / "out", *sources]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True, cwd=base)
    after = {path for path in base.rglob("*") if path.name != "secret"}
    facts = [json.loads(line) for line in finished.stdout.splitlines()]
    slowest = max(facts, key=lambda fact: fact["cpu"])
    print(f"{len(facts)} attacks; slowest {slowest['cpu']:.2f} s ({Path(slowest['source']).name})")
    print(f"peak {facts[-1]['peak'] / 2**20:.0f} MiB; {sum(fact['wall'] for fact in facts):.1f} s in all")
    assert finished.stderr == ""
    return dict(zip(ATTACKS, facts, strict=True)), before, after


def test_there_are_at_least_thirty():
    assert len(ATTACKS) >= 30
    assert {make.__module__ for make in ATTACKS.values()} == {module.__name__ for module in MODULES}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_file_is_refused_at_once_and_in_little_memory(attempts, name):
    fact = attempts[0][name]
    assert fact["raised"] in (
        ["UnsafeCheckpointError"] if name in UNSAFE else ["UnsafeCheckpointError", "CheckpointError"]
    )
    assert "\n" not in fact["message"]
    assert len(fact["message"]) < 600
    assert fact["message"].startswith(fact["source"])
    assert fact["cpu"] < 1.0
    assert fact["peak"] < 512 * 2**20
    assert not fact["torch"]


def test_nothing_was_run_and_nothing_was_written(attempts):
    _, before, after = attempts
    assert after == before
    assert not any(path.name in ("canary", "out") for path in after)


class Naive(pickle.Unpickler):
    """What PyTorch 1.0 did: it imports and calls what the file names."""

    def find_class(self, module, name):
        if module.partition(".")[0] in ("mem_transformer", "proj_adaptive_softmax", "torch"):
            return type(name, (dict,), {"__init__": lambda self, *arguments: None, "__setstate__": dict.update})
        return super().find_class(module, name)

    def persistent_load(self, reference):
        return reference[1]


LIVE = (
    "os_system_alone",
    "os_system_in_place_of_the_magic_number",
    "posix_system_as_an_attribute",
    "builtins_eval",
    "builtins_exec",
    "eval_by_its_name_in_python_2",
    "chain_of_getattr",
    "pickle_in_a_pickle",
    "pickle_in_a_tensors_class",
    "class_of_a_module",
    "stack_global",
    "stack_global_inside_a_model",
    "inst_opcode",
    "obj_opcode",
)


@pytest.mark.parametrize("name", LIVE)
def test_the_attacks_are_live(tmp_path, name):
    """A reader that does what it is told makes the canary sing."""
    canary = tmp_path / "canary"
    ATTACKS[name](tmp_path, canary)
    stream = io.BytesIO((tmp_path / "model.pt").read_bytes())
    with contextlib.suppress(EOFError, pickle.UnpicklingError, TypeError):
        for _ in range(4):
            Naive(stream).load()
    assert canary.exists()
