"""Every hostile file is refused in one line, at once, in little memory, and nothing of it runs."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from attacks.hostile import ATTACKS, LIVE
from conftest import ROOT

UNSAFE = [name for name in ATTACKS if list(ATTACKS).index(name) <= list(ATTACKS).index("persistent_id_in_text")]
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


@pytest.mark.parametrize("name", LIVE)
def test_the_attacks_are_live(tmp_path, name):
    """Python's own reader falls for them: the canary would sing."""
    canary = tmp_path / "canary"
    ATTACKS[name](tmp_path, canary)
    pickle.loads((tmp_path / "model.pt").read_bytes())
    assert canary.exists()
