"""``lakhnes --version``: what is installed, in one place and in one form."""

import json
import os
import re
import subprocess
import sys

import pytest
import tomlkit

import lakhnes
from conftest import ROOT
from lakhnes._native import build_info
from lakhnes.checkpoint import save_checkpoint
from lakhnes.extras import has
from small import tiny_model


def test_the_version_is_the_same_everywhere(run):
    workspace = tomlkit.parse((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
    assert lakhnes.__version__ == workspace == citation
    assert f"## [{lakhnes.__version__}] - 20" in (ROOT / "CHANGELOG.md").read_text()
    assert run("--version").stdout == f"lakhnes, version {lakhnes.__version__}\n"
    assert json.loads(run("--version", "--json").stdout) == {"version": lakhnes.__version__}


@pytest.mark.parametrize("words", [["--version", "-v"], ["-v", "--version"]])
def test_with_v_it_tells_the_build_and_whether_torch_and_cuda_are_there(run, words):
    result = run(*words)
    assert result.exit_code == 0
    first, build, torch = result.stdout.splitlines()
    assert first == f"lakhnes, version {lakhnes.__version__}"
    info = build_info()
    assert build == f"build: {info['profile']}, {info['target']}, instructions: {info['instructions']}"
    assert torch.startswith("torch: ")
    assert ("CUDA: " in torch) == has("torch")
    assert torch.endswith("pip install 'lakhnes[torch]'") != has("torch")
    facts = json.loads(run(*words, "--json").stdout)
    assert facts["build"] == info
    assert (facts["torch"] is not None) == has("torch")


def test_the_environment_keeps_the_decoder_from_better_instructions(tmp_path):
    """Eight bits give the same songs with all of them."""
    save_checkpoint(tiny_model(), tmp_path / "model")
    written = {}
    for name in ("portable", "avx2", "avx512", "nonsense"):
        environment = os.environ | {"LAKHNES_SIMD": name}
        probe = "from lakhnes._native import build_info; print(build_info()['instructions'])"
        command = [sys.executable, "-c", probe]
        chosen = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        assert chosen in {"portable": ("portable",), "avx2": ("avx2", "portable")}.get(name, (chosen,))
        command = [sys.executable, "-m", "lakhnes", "generate", "-m", str(tmp_path / "model"), "--seed", "2"]
        command += ["--length", "60", "--dtype", "int8", "--format", "tx1", "-o", str(tmp_path / name)]
        subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)
        written[name] = (tmp_path / name / "0.tx1.txt").read_text()
    assert len(set(written.values())) == 1
