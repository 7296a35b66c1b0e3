"""What lakhnes raises when its input is wrong.

Every message is one line: the file where known, the place (byte offset, line, token), and what was expected there.
What the operating system refuses stays an `OSError`.
"""

import warnings

__all__ = [
    "CheckpointError",
    "FormatError",
    "LakhnesError",
    "LakhnesWarning",
    "LimitError",
    "MissingExtraError",
    "TokenError",
    "UnsafeCheckpointError",
    "warn_of",
]


class LakhnesError(Exception):
    """Any mistake in the input of lakhnes; the base of all that follow."""


class LakhnesWarning(UserWarning):
    """Something in the input was left out. The command line prints it as one line."""


class FormatError(LakhnesError, ValueError):
    """The bytes of a file are not those of its format."""


class TokenError(LakhnesError, ValueError):
    """A token, or a token id, that the vocabulary does not have."""


class LimitError(LakhnesError, ValueError):
    """The input is larger than a documented limit; raised before memory is taken."""


class MissingExtraError(LakhnesError, ImportError):
    """A package of an extra is not installed; the message ends with the command that installs it."""


class CheckpointError(LakhnesError):
    """A model directory is missing, incomplete, or does not fit the model."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint asks for code to be run; none was."""


def warn_of(name: str, text: str, stacklevel: int = 3) -> None:
    """Warn of what a reader left out of a file, in one line; without a text, say nothing."""
    if text:
        warnings.warn(f"{name}: {text}", LakhnesWarning, stacklevel=stacklevel)
