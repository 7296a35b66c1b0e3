"""What lies in the directory of a training run.

``config.toml``
    The `TrainingConfig`.
``state.safetensors``
    Everything that the next step depends on (`lakhnes.training.run_state`); replaced as a whole.
``start.txt``
    The model that the run began with, and its preset (`lakhnes.cli.resuming`).
``log.jsonl``
    The loss and the evaluations (`lakhnes.training.log`).
``model/``
    The checkpoint of the last evaluation (with `patience`, of the best) that `lakhnes.load_model` reads.
``samples/``
    Songs of the model, in folders by step.
``curve.png``
    The loss over the tokens seen.
``data/``
    The corpus, where it was made of other music.
"""

from __future__ import annotations

from pathlib import Path

from lakhnes.checkpoint.config import RUN_FOLDER
from lakhnes.errors import CheckpointError
from lakhnes.files import read_limited
from lakhnes.outputs import write_bytes
from lakhnes.training.config import TrainingConfig
from lakhnes.training.toml import MAX_BYTES

__all__ = ["CONFIG_FILE", "CORPUS_FOLDER", "CURVE_FILE", "LOG_FILE", "STATE_FILE", "check_links", "read_config",
           "samples_folder", "write_config"]  # fmt: skip

CONFIG_FILE = "config.toml"
STATE_FILE = "state.safetensors"
LOG_FILE = "log.jsonl"
CURVE_FILE = "curve.png"
CORPUS_FOLDER = "data"


def samples_folder(directory: Path, step: int) -> Path:
    """Return where the songs that are composed after a step go."""
    return directory / "samples" / f"step-{step:07}"


def check_links(directory: Path) -> None:
    """Refuse a run directory from which a link leads elsewhere: a run writes nothing outside of it.

    Raises
    ------
    CheckpointError
    """
    names = (CONFIG_FILE, STATE_FILE, LOG_FILE, CURVE_FILE, CORPUS_FOLDER, RUN_FOLDER, "samples", "tensorboard")
    for path in (directory / name for name in names):
        if path.is_symlink():
            raise CheckpointError(f"{path}: is a link, expected what the run has written")


def read_config(path: Path, base: TrainingConfig | None = None) -> TrainingConfig:
    """Read a configuration, that of a run or one written by hand; what it leaves out is as in `base`.

    Raises
    ------
    CheckpointError
        If the file is missing, or not a configuration.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: no such file; expected options of a training run as TOML")
    try:
        return TrainingConfig.from_toml(read_limited(path, 4 * MAX_BYTES).decode("utf-8-sig"), base)
    except (CheckpointError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: {error}") from None


def write_config(directory: Path, config: TrainingConfig) -> None:
    """Write the configuration of a run."""
    write_bytes(directory / CONFIG_FILE, config.to_toml().encode())
