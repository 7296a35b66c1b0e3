"""Every row of the table of failing cases, beside the repository: what its README expects is what comes."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from small import make_corpus

CASES = ROOT.parent / "shared" / "cases"
ROW = re.compile(r"\| `([^|]*)` \|([^|]*)\|([^|]*)\|")
SECONDS = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?) s\b")
NOTES = re.compile(r"(\d+) notes")
TRAINS = re.compile(r"^[^#\n]*\b(train|finetune) ", re.MULTILINE)
SLOW = {"infill-only-voice.sh", "cli-memory-far-longer-than-the-song.sh"}


def rows():
    """Give the file of each row, what it is, and what is expected."""
    table = CASES / "README.md"
    for line in table.read_text().splitlines() if table.is_file() else []:
        if found := ROW.match(line):
            name = found[1].split("`")[0]
            script = name.removesuffix(".tx1.txt") + ".sh"
            yield script if (CASES / script).is_file() else name, found[2], found[3]


TABLE = list(rows())


@pytest.mark.skipif(not TABLE, reason=f"there is no table in {CASES}")
def test_every_file_of_the_folder_stands_in_the_table():
    named = " ".join(re.findall(r"`([^`]*)`", (CASES / "README.md").read_text()))
    for path in CASES.iterdir():
        assert path.name == "README.md" or path.name.split(".")[0] in named


@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "what", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_a_case_gives_what_the_table_expects(run, tmp_path, name, what, expected):
    path = CASES / name
    if name.endswith(".toml") or (name.endswith(".sh") and TRAINS.search(path.read_text())):
        pytest.importorskip("torch")
    if name.endswith(".sh"):
        program = tmp_path / "lakhnes"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m lakhnes "$@"\n')
        program.chmod(0o755)
        environment = os.environ | {"LAKHNES": str(program)}
        finished = subprocess.run(["bash", str(path)], env=environment, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout + finished.stderr
    elif name.endswith(".toml"):
        small = ["--steps", 1, "--samples", 0, "--layers", 1, "--width", 64, "--batch-size", 2, "--tgt-len", 16]
        data = make_corpus(tmp_path / "data")
        result = run("train", data, "-o", tmp_path / "run", "--preset", "tiny", "--config", path, *small)
        assert result.exit_code == 0, result.stderr
    elif name.endswith(".tar"):
        result = run("convert", path, "-o", tmp_path / "out", "--to", "tx1")
        assert result.exit_code == 0, result.stderr
        assert len(list((tmp_path / "out").rglob("*.tx1.txt"))) == 1
    else:
        _check_sound(run, tmp_path, path, what, expected)


def _check_sound(run, folder, path, what, expected):
    loops = ["--loops", 2, "--fade", 0] if "--fade 0" in what else []
    arrange = [] if "`render" in what or path.suffix == ".vgm" else ["--arrange"]
    result = run("--json", "render", path, "-o", folder / "x.wav", *arrange, *loops)
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    if seconds := SECONDS.search(expected.split("(now")[0]):
        assert summary["audio_seconds"] == pytest.approx(float(seconds[1]), abs=0.01)
    if notes := NOTES.search(expected):
        (report,) = summary["arranged"].values()
        assert report["notes"] == int(notes[1])
    if re.search(r"(with )?a warning(?! at most)", expected):
        assert "Warning: " in result.stderr
