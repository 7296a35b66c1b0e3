"""The files of a checkpoint, and the one that gives its shape."""

from __future__ import annotations

from pathlib import Path

from lakhnes.errors import CheckpointError, LimitError
from lakhnes.files import read_limited
from lakhnes.model.architectures import config_from_json
from lakhnes.model.config import ModelConfig

__all__ = ["CARD_FILE", "CONFIG_FILE", "MAX_CONFIG_BYTES", "MODEL_FILE", "RUN_FOLDER", "WEIGHTS_FILE", "read_config"]

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
MODEL_FILE = "model.pt"
"""The pickled module of a published model."""

CARD_FILE = "README.md"
RUN_FOLDER = "model"
"""Where in the directory of a training run its checkpoint is."""

MAX_CONFIG_BYTES = 2**16


def read_config(path: Path) -> ModelConfig:
    """Read ``config.json``.

    Raises
    ------
    CheckpointError
        If it is no such file; the message names it.
    """
    try:
        return config_from_json(read_limited(path, MAX_CONFIG_BYTES).decode("utf-8-sig"))
    except LimitError:
        raise CheckpointError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes, expected a small JSON file") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: not UTF-8 text") from None
