"""Files in and out: which format a name stands for, how much is read, and how a result appears whole or not at all."""

import contextlib
import errno
import functools
import os
import re
import stat
from collections.abc import Iterable, Iterator
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
    "check_target",
    "check_writable",
    "file_sha256",
    "files_below",
    "format_of",
    "format_to_read",
    "is_of_macos",
    "is_special",
    "known_format",
    "naming",
    "one_line",
    "open_plain",
    "read_limited",
    "remove_unfinished",
    "replacing",
    "safe_name",
    "suffix_of",
    "track_stem",
    "unfinished_name",
    "user_folder",
    "write_bytes",
]

MAX_INPUT_BYTES = 64 * 2**20
"""The largest file that is read as a song; a larger one raises `LimitError` before it is opened."""

TRIAL_BYTES = 2**16
"""What is written to see whether a folder takes it: more than a file system may keep in its own tables."""

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


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Refuse, before any work is done, a target whose folder is missing or that exists and must not be replaced.

    Raises
    ------
    FileNotFoundError
        If the folder of the target does not exist.
    IsADirectoryError
        If the target is a folder.
    FileExistsError
        If the target exists and `overwrite` is false.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "the folder does not exist", str(target.parent))
    if target.is_dir():
        raise IsADirectoryError(21, "is a folder, expected a file", str(target))
    if not overwrite and target.exists():
        raise FileExistsError(17, "exists already (--force replaces it)", str(target))


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name a file in the error of a full disk, which does not: Python knows no name where it writes."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def check_writable(folder: Path) -> None:
    """Make a folder, if it is missing, and refuse one in which nothing can be written: a full disk is one too.

    Raises
    ------
    OSError
    """
    folder.mkdir(parents=True, exist_ok=True)
    trial = unfinished_name(folder / "trial")
    try:
        trial.write_bytes(bytes(TRIAL_BYTES))
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(folder)) from None
    finally:
        trial.unlink(missing_ok=True)


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


def unfinished_name(target: Path) -> Path:
    """Return a hidden, unused name beside a file or folder, for what will take its name when it is complete.

    File systems take names of up to 255 bytes, so of a long name the start is kept.
    """
    start = os.fsencode(target.name)[:200].decode(errors="ignore")
    return target.with_name(f".{start}.{os.urandom(4).hex()}.part")


def remove_unfinished(files: Iterable[Path]) -> None:
    """Remove what processes that were killed have left beside files, which others have written since."""
    names: dict[Path, set[bytes]] = {}
    for file in files:
        names.setdefault(file.parent, set()).add(os.fsencode(file.name)[:200])
    for folder, here in names.items():
        for path in folder.iterdir():
            unfinished = re.fullmatch(rb"\.(.+)\.[0-9a-f]{8,16}\.part", os.fsencode(path.name), re.DOTALL)
            if unfinished and unfinished[1][:200] in here:
                path.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Return whether a path is neither a file nor a folder nor unused: a pipe, a device."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file whole or not at all.

    Gives a temporary path in the same folder. When the block ends without an exception, what was written there takes
    the name of the target in one step; otherwise it is deleted. A pipe or device stays what it is: it gets the whole
    file at the end.

    Raises
    ------
    OSError
        As `check_target` does, or when the disk refuses.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite)
    if is_special(target):
        with _filling(target) as temporary:
            yield temporary
        return
    temporary = unfinished_name(target)
    try:
        yield temporary
        if not overwrite and target.exists():
            check_target(target, overwrite=False)
        temporary.replace(target)
    except OSError as error:  # of a full disk Python does not name the file, and else its name for the time being
        if error.filename not in (None, os.fspath(temporary)):
            raise
        words = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, words, os.fspath(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _filling(target: Path) -> Iterator[Path]:
    """Give a path in a temporary folder; copy what was written there into a pipe or a device."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "whole")
        with Path(folder, "whole").open("rb") as whole, target.open("wb") as sink:  # a pipe waits for its reader
            shutil.copyfileobj(whole, sink)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, overwrite: bool = True) -> None:
    """Write `data` to a file, whole or not at all."""
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


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
