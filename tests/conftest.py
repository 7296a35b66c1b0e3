"""What the tests share: the reference data beside the repository, songs of their own, and ways to run the program."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from click.testing import CliRunner, Result

import lakhnes
from lakhnes.cli import cli
from lakhnes.extras import has

# The tests' models are small: waiting for a second thread at every product costs more than it computes. Set before
# torch is first imported; programs that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that runs the tests in the background makes them ignore Ctrl-C, and programs that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# On a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("busy")

ROOT = Path(__file__).resolve().parent.parent

TX1 = "\n".join(
    [
        "P1_NOTEON_69",
        "P2_NOTEON_57",
        "NO_NOTEON_12",
        "WT_11025",
        "P1_NOTEON_72",
        "TR_NOTEON_45",
        "NO_NOTEOFF",
        "WT_11025",
        "P1_NOTEOFF",
        "P2_NOTEOFF",
        "WT_5000",
        "TR_NOTEOFF",
        "WT_441",
    ]
)
"""A song in which every voice sounds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without torch, leave out what is marked as needing it: all else has to do without."""
    if not has("torch"):
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="torch is not installed"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; the test is skipped where it is not."""
    folder = ROOT.parent / "shared"
    if not (folder / "golden").is_dir():
        pytest.skip(f"the reference data are not in {folder}")
    return folder


@pytest.fixture
def song() -> lakhnes.Song:
    return lakhnes.Song.from_tx1(TX1)


@pytest.fixture
def song_file(tmp_path: Path) -> Path:
    path = tmp_path / "song.tx1.txt"
    path.write_text(TX1)
    return path


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command line in this process."""

    def call(*args: object, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(cli, [str(arg) for arg in args], input=stdin)

    return call


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a command line in a process of its own."""

    def call(*args: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "lakhnes", *map(str, args)]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)

    return call
