"""What lakhnes raises when its input is wrong.

Every message is one line: the file where known, the place (byte offset, line, token), and what was expected there.
What the operating system refuses stays an `OSError`.
"""

import unicodedata
import warnings

__all__ = [
    "MAX_MESSAGE",
    "CheckpointError",
    "EntryError",
    "FormatError",
    "LakhnesError",
    "LakhnesWarning",
    "LimitError",
    "MissingExtraError",
    "TokenError",
    "UnsafeCheckpointError",
    "in_utf8",
    "printable",
    "shown",
    "warn_of",
]


MAX_MESSAGE = 800
"""Characters of a message; of a longer one the beginning and the end are printed."""

_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, on a terminal that knows them."""


class LakhnesError(Exception):
    """Any mistake in the input of lakhnes; the base of all that follow."""


class LakhnesWarning(UserWarning):
    """Something in the input was left out. The command line prints it as one line."""


class FormatError(LakhnesError, ValueError):
    """The bytes of a file are not those of its format."""


class EntryError(LakhnesError, OSError):
    """A file of an archive cannot be read; the others may."""


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


def printable(text: str, most: int | None = None) -> str:
    """Return a text as one line that no terminal takes for commands: names in files may hold anything.

    Parameters
    ----------
    text
        Control characters, line ends and marks of direction in it are escaped as Python escapes them.
    most
        Of more characters, the middle is left out.
    """
    if most is not None and len(text) > most:
        text = f"{text[: most * 2 // 3]} … {text[-most // 3 :]}"
    if text.isprintable():
        return text
    return "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if letter.isprintable() or letter == " ":
        return letter
    is_control = unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in _DIRECTIONS
    return letter.encode("unicode_escape").decode() if is_control else letter


def in_utf8(name: str) -> str:
    """Return a name as UTF-8 can hold it: bytes of a file name that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def shown(value: object, most: int = 40) -> str:
    """Return a value that a file holds for a message: short, whatever it is."""
    if isinstance(value, int) and abs(value) >= 10**most:
        return f"a number of more than {most} digits"
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
