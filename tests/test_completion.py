"""``lakhnes completion``: the shells complete commands, options and their values."""

import os
import shutil
import subprocess
import sys

import pytest

from lakhnes.cli.completion import SHELLS


@pytest.fixture
def environment(tmp_path):
    """A shell's environment in which `lakhnes` is that of this interpreter."""
    program = tmp_path / "bin" / "lakhnes"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakhnes "$@"\n')
    program.chmod(0o755)
    return os.environ | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_asks_the_program(run, shell):
    result = run("completion", shell)
    assert result.exit_code == 0, result.stderr
    assert f"_LAKHNES_COMPLETE={shell}_complete" in result.stdout
    assert run("completion", "tcsh").exit_code == 2


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("lakhnes gen", {"generate"}),
        ("lakhnes checkpoint i", {"import", "info"}),
        ("lakhnes render --mi", {"--mixer"}),
        ("lakhnes render --mixer l", {"linear"}),
        ("lakhnes completion ", set(SHELLS)),
    ],
)
def test_bash_completes_with_the_script(environment, typed, expected):
    words = typed.split(" ")
    script = (
        'eval "$(lakhnes completion bash)"\n'
        f"COMP_WORDS=({' '.join(word or repr('') for word in words)}); COMP_CWORD={len(words) - 1}\n"
        'complete -p lakhnes >/dev/null && _lakhnes_completion lakhnes && printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "--norc", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == expected
