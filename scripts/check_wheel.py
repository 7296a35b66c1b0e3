"""Install a wheel, or a source distribution, into a new virtual environment and go the way of a new user there.

``python scripts/check_wheel.py dist/lakhnes-….whl`` installs with neither Rust nor a compiler within reach; a
``.tar.gz`` is built, so it needs both. Checked are: what the installation takes on disk, that torch is not among it,
what `scripts/smoke_test.py` does, and that a command which needs torch says so in one line.
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

MAX_BYTES = 350_000_000
"""Of the wheel and its dependencies on disk."""

TORCH_COMMAND = "pip install 'lakhnes[torch]'"
SMOKE_TEST = Path(__file__).with_name("smoke_test.py").resolve()


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program; what it prints is caught."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=1800, **options)  # type: ignore[call-overload,no-any-return]


def checked(*command: object, **options: object) -> str:
    """Run a program that must succeed; return what it printed."""
    done = run(*command, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def size_of(packages: Path) -> int:
    """Return the bytes that an environment's packages take, without pip, which is there before."""
    files = (path for path in packages.rglob("*") if path.is_file())
    own = (path for path in files if not path.relative_to(packages).parts[0].startswith(("pip", "setuptools")))
    return sum(
        path.stat().st_blocks * 512 if hasattr(path.stat(), "st_blocks") else path.stat().st_size for path in own
    )


def check_contents(package: Path) -> None:
    """Check what a source distribution has beside its sources."""
    with tarfile.open(package) as archive:
        names = {Path(name).name for name in archive.getnames()}
    for wanted in ("lakhnes.1", "lakhnes-generate.1", "Cargo.lock", "LICENSE", "model.safetensors"):
        if wanted not in names:
            sys.exit(f"{package}: {wanted} is missing")


def check(package: Path, folder: Path) -> None:
    """Install a package into a folder and try it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    if package.suffix == ".whl":
        environment["PATH"] = str(folder / "no-programs")  # no cargo, no compiler
    else:
        check_contents(package)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = {"env": environment, "cwd": folder}
    checked(python, "-m", "pip", "install", "--quiet", package, **options)
    packages = Path(checked(python, "-c", "import lakhnes; print(lakhnes.__path__[0])", **options).strip()).parent
    size = size_of(packages)
    print(f"{package.name}: {size / 1e6:.0f} MB with its dependencies")
    if size > MAX_BYTES:
        sys.exit(f"expected at most {MAX_BYTES / 1e6:.0f} MB")
    if (packages / "torch").exists():
        sys.exit("torch was installed: expected it with the extra `torch` alone")
    print(checked(python, SMOKE_TEST, **options), end="")
    refused = run(python, "-m", "lakhnes", "train", "x", "-o", "y", **options)
    if refused.returncode != 1 or refused.stdout or refused.stderr.count("\n") != 1:
        sys.exit(f"train: exit code {refused.returncode}, expected 1 and one line\n{refused.stdout}{refused.stderr}")
    if not refused.stderr.strip().endswith(TORCH_COMMAND):
        sys.exit(f"train: {refused.stderr.strip()}, expected a line that ends with {TORCH_COMMAND}")


def main() -> None:
    """Check each package that the command line names."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="lakhnes-") as folder:
            check(Path(name).resolve(), Path(folder))


if __name__ == "__main__":
    main()
