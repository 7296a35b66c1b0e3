"""Try an installed wheel: compose, convert and render a song, and check that none of it needed torch.

Run by the interpreter of an environment that holds nothing but the wheel and its dependencies::

    python scripts/smoke_test.py
"""

import subprocess
import sys
import sysconfig
import tempfile
import wave
from pathlib import Path


def lakhnes(*arguments: str) -> str:
    """Run the command line of this environment and return what it printed; a failure ends the test with its message."""
    done = subprocess.run(
        [sys.executable, "-m", "lakhnes", *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        sys.exit(f"lakhnes {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Go the way of a new user, from the version to the sound."""
    print(lakhnes("--version").strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lakhnes("generate", "-n", "1", "--seed", "3", "--length", "128", "--format", "tx1,wav", "-o", str(folder))
        score = folder / "0.tx1.txt"
        for suffix in (".mid", ".vgm", ".nsf", ".flac", ".ogg"):
            lakhnes("convert", str(score), "-o", str(folder / f"song{suffix}"))
        lakhnes("render", str(folder / "song.mid"), "-o", str(folder / "again.wav"))
        for path in (folder / "0.wav", folder / "again.wav"):
            with wave.open(str(path)) as sound:
                assert sound.getnframes() > sound.getframerate(), f"{path.name}: shorter than a second"
                assert any(sound.readframes(sound.getnframes())), f"{path.name}: silent"
    check = "import lakhnes, sys; lakhnes.load_model(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=300)
    # A free-threaded interpreter takes its lock again for a module that does not say that it needs none.
    check = "import sys, lakhnes._native; sys.exit(getattr(sys, '_is_gil_enabled', bool)())"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        subprocess.run([sys.executable, "-c", check], check=True, timeout=300)
    print("composed, converted, rendered")


if __name__ == "__main__":
    main()
