"""Files that are read: which format a name stands for, what a folder holds, and how much is read."""

import errno
import functools
import os
import re
import stat
from io import BufferedReader
from pathlib import Path, PurePath

from lakhnes._native import formats
from lakhnes.errors import MAX_MESSAGE, FormatError, LakhnesError, LimitError, printable, warn_of

__all__ = [
    "ARCHIVES",
    "AUDIO_FORMATS",
    "FORMATS",
    "MAX_INPUT_BYTES",
    "PLAYABLE",
    "SCORES",
    "WRITABLE",
    "base_name",
    "file_sha256",
    "files_below",
    "format_of",
    "format_to_read",
    "is_of_macos",
    "known_format",
    "one_line",
    "open_plain",
    "read_limited",
    "safe_name",
    "suffix_of",
    "track_stem",
    "user_folder",
]

MAX_INPUT_BYTES = 64 * 2**20
"""The largest file that is read as a song; a larger one raises `LimitError` before it is opened."""

LONGEST_STEM = 180
"""Bytes of the names of tracks, but for their numbers and suffixes."""

BLOCK = 2**20
"""Bytes that are hashed at once."""

FORMATS = {row.name: row for row in formats()}
"""The table of formats, by name. It stands in ``rust/files/src/format.rs``."""

PLAYABLE = tuple(row.name for row in FORMATS.values() if row.readable)
"""Formats that can be read, and so played by the chip: songs and register writes."""

SCORES = tuple(name for name in PLAYABLE if FORMATS[name].holds != "log")
"""Those of them that hold a score."""

WRITABLE = tuple(row.name for row in FORMATS.values() if row.writable)
"""Formats that a song can be written in."""

AUDIO_FORMATS = tuple(row.name for row in FORMATS.values() if row.holds == "audio")
"""Formats that hold sound."""


ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")
"""The ends of the names of archives of songs, which some commands take."""


def format_of(path: str | os.PathLike[str], among: tuple[str, ...]) -> str:
    """Name the format of a file by the end of its name.

    Parameters
    ----------
    path
        The file; it need not exist.
    among
        The formats that make sense here, such as `SCORES`.

    Raises
    ------
    FormatError
        If the name ends in none of their suffixes.
    """
    if (found := known_format(path, among)) is not None:
        return found
    expected = " ".join(suffix for format_name in among for suffix in FORMATS[format_name].suffixes)
    raise FormatError(f"{path}: the name must end in one of {expected}")


def format_to_read(path: str | os.PathLike[str], among: tuple[str, ...] = PLAYABLE) -> str:
    """Name the format of a file that is to be read, as `format_of` does.

    Raises
    ------
    FileNotFoundError
        If the name ends in none of the suffixes, and there is no such file: then the name is mistyped.
    FormatError
        If the name ends in none of the suffixes.
    """
    if known_format(path, among) is None:
        if not os.path.lexists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
        if os.fspath(path).lower().endswith(ARCHIVES):
            raise FormatError(f"{path}: is an archive, expected a song; `lakhnes convert` takes the songs of archives")
    return format_of(path, among)


def known_format(path: str | os.PathLike[str], among: tuple[str, ...]) -> str | None:
    """Name the format of a file as `format_of` does; None if the name ends in none of the suffixes."""
    name = Path(path).name.lower()
    return next((known for known, suffixes in _suffixes(among) if name.endswith(suffixes)), None)


@functools.cache
def _suffixes(among: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((known, tuple(FORMATS[known].suffixes)) for known in among)


def files_below(folder: str | os.PathLike[str], among: tuple[str, ...] | None = None) -> list[str]:
    """List the files of a folder and of the folders in it.

    What macOS adds of its own is left out (see `is_of_macos`), and so is what is neither a file nor a folder. A link to
    a file counts as one, a link to a folder is not followed. Of a folder that may not be read a warning says so.

    Parameters
    ----------
    folder
        Where to look.
    among
        Formats to look for; any file if None.

    Returns
    -------
    list of str
        Paths relative to `folder`, with ``/`` between their parts, in the order of these.
    """
    found, waiting = [], [""]
    while waiting:
        inner = waiting.pop()
        try:
            with os.scandir(Path(folder, inner)) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != "__MACOSX":
                            waiting.append(f"{inner}{entry.name}/")
                    elif (among is None or known_format(entry.name, among)) and _is_file_of_users(entry):
                        found.append(inner + entry.name)
        except PermissionError as error:
            warn_of(error.filename, "may not be read, left out")
    return sorted(found, key=lambda path: path.split("/"))


def is_of_macos(path: PurePath) -> bool:
    """Return whether macOS has added a file of its own: ``._NAME`` (AppleDouble), or what lies below ``__MACOSX``."""
    return path.name.startswith("._") or "__MACOSX" in path.parts


def _is_file_of_users(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith("._") and entry.is_file()


def suffix_of(format: str) -> str:
    """Give the end of the name of a file of a format; the reverse of `format_of`.

    Raises
    ------
    FormatError
        If there is no such format.
    """
    if format not in FORMATS:
        raise FormatError(f"{format}: expected one of {' '.join(FORMATS)}")
    return FORMATS[format].suffixes[0]


def base_name(path: str | os.PathLike[str]) -> str:
    """Give the name of a file without its folder and without the suffix that names its format."""
    name = Path(path).name
    for suffix in (suffix for row in FORMATS.values() for suffix in row.suffixes):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return Path(path).stem


def open_plain(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading; a pipe or a device, which may have no end, is refused.

    Raises
    ------
    OSError
        If it is not a regular file, or cannot be opened.
    """
    # Without waiting for the other end of a pipe.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number, words = errno.EINVAL, "is no regular file, expected one (- reads standard input)"
        if stat.S_ISDIR(mode):
            number, words = errno.EISDIR, "is a directory, expected a file"
        raise OSError(number, words, os.fspath(path))
    return os.fdopen(descriptor, "rb")


def safe_name(text: str, longest: int = 80) -> str:
    """Give a name that any file system takes: letters, digits and ``_ . -``, of at most `longest` characters."""
    return re.sub(r"[^\w.-]+", "_", text)[:longest].strip("._")


def track_stem(name: str, track: int, title: str) -> str:
    """Name the files of a track of a file: ``game-03-Title``; of a long title the start, for names have 255 bytes."""
    room = max(LONGEST_STEM - len(os.fsencode(name)), 0)
    safe = os.fsencode(safe_name(title))[:room].decode(errors="ignore")
    return "-".join([name, f"{track:02}", *filter(None, [safe])])


def read_limited(path: str | os.PathLike[str], limit: int = MAX_INPUT_BYTES) -> bytes:
    """Read a whole regular file, or raise `LimitError` before reading when it holds more than `limit` bytes."""
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise LimitError(f"{path}: {size} bytes, expected at most {limit}")
        data = file.read(limit + 1)  # it may grow
    if len(data) > limit:
        raise LimitError(f"{path}: more than {limit} bytes")
    return data


def file_sha256(path: Path) -> str:
    """Return the hash of a file, read block by block: it may be larger than memory."""
    import hashlib  # here, for --help needs none of OpenSSL

    digest = hashlib.sha256()
    with open_plain(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def user_folder(variable: str, default: str) -> Path:
    """Return the folder that a variable of the environment names, or else that of a name in the user's own folder.

    Raises
    ------
    LakhnesError
        If the system does not know where that is, as for a user without a name.
    """
    if chosen := os.environ.get(variable):
        return Path(chosen)
    try:
        return Path.home() / default
    except RuntimeError:
        raise LakhnesError(f"this user has no home folder; ${variable} may name one in place of ~/{default}") from None


def one_line(error: BaseException) -> str:
    """Say in one line what went wrong: file, place, and what was expected there."""
    return printable(_said(error), MAX_MESSAGE)


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {(error.strerror or type(error).__name__).lower()}"
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror is not None:
        return error.strerror.lower()
    if isinstance(error, MemoryError):
        return f"{text}: not enough memory" if text else "not enough memory"
    if isinstance(error, (LakhnesError, OSError, ValueError)):
        return text or type(error).__name__
    return f"internal error: {type(error).__name__}: {text} (-v shows where)"
