"""From the paths on a command line to pairs of input and output."""

import contextlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from lakhnes.cli.tracks import Piece, pieces
from lakhnes.errors import FormatError, LimitError
from lakhnes.files import (
    FORMATS,
    MAX_INPUT_BYTES,
    PLAYABLE,
    base_name,
    files_below,
    format_to_read,
    known_format,
    read_limited,
    suffix_of,
)
from lakhnes.outputs import check_target
from lakhnes.sharding import Shard

__all__ = [
    "STDIO",
    "Listed",
    "Pair",
    "album",
    "collision",
    "expand",
    "is_batch",
    "is_done",
    "is_folder",
    "listed",
    "make_folders",
    "once",
    "pair",
    "read_input",
]

STDIO = "-"
"""Stdin as an input, stdout as an output."""


MAX_LIST_BYTES = 2**30


class Listed(str):
    """A path of a list: what is made of it keeps its folders, below the folder of the outputs."""

    __slots__ = ()


def listed(source: str) -> list[Listed]:
    """Read a list of paths, a line a path; ``-`` is stdin. Empty lines count for nothing.

    Raises
    ------
    FormatError
        If there is no path in it, or it is no text.
    """
    name = "stdin" if source == STDIO else source
    data = sys.stdin.buffer.read() if source == STDIO else read_limited(source, MAX_LIST_BYTES)
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise FormatError(f"{name}: line {line}: expected a path in UTF-8, found a zero byte")
    paths = [Listed(os.fsdecode(line.removesuffix(b"\r"))) for line in data.split(b"\n") if line.strip()]
    if not paths:
        raise FormatError(f"{name}: no path in this list, expected one a line")
    return paths


def expand(inputs: Sequence[str], only: str | None = None) -> list[tuple[Path, Path]]:
    """List the songs that the inputs stand for: files as they are, folders with all readable files below them.

    Parameters
    ----------
    inputs
        Files and folders; of `Listed` files, the folders count.
    only
        The one format to look for in folders.

    Returns
    -------
    list of (file, name relative to the input it came from)
    """
    among = PLAYABLE if only is None else (only,)
    songs = []
    for name in inputs:
        given = Path(name)
        if isinstance(name, Listed):
            parts = [part for part in given.parts if part not in ("..", given.anchor)]
            songs.append((given, Path(*parts)))
            continue
        if not given.is_dir():
            songs.append((given, Path(given.name)))
            continue
        found = files_below(given, among)
        if not found:
            raise FormatError(f"{given}: no {only or 'readable'} songs in this folder")
        songs += [(given / path, Path(path)) for path in found]
    return songs


def once(songs: list[tuple[Path, Path]], inputs: Sequence[str]) -> list[tuple[Path, Path]]:
    """Take a file that was given several times, under any spelling of its path, once: as it was given first."""
    if len(inputs) < 2:  # of one folder, each file is found once
        return songs
    seen: set[str] = set()
    found = []
    for song in songs:
        # A link before `..` leads to another folder than the text of the path says.
        path = os.path.normcase(os.path.realpath(song[0]) if ".." in song[0].parts else song[0].absolute())
        if path not in seen:
            seen.add(path)
            found.append(song)
    return found


def collision(source: str, target: str, other: str) -> FormatError:
    """Say that two songs would become one file, and what keeps them apart."""
    if known_format(source, PLAYABLE) != known_format(other, PLAYABLE):
        return FormatError(f"{source}: becomes {target}, and so does {other}; --from chooses one format")
    return FormatError(
        f"{source}: becomes {target}, and so does {other}; their names stay apart if the folder above both is given"
    )


class Pair(NamedTuple):
    """A song that is read, and the file that is made of it."""

    piece: Piece
    target: Path


def is_folder(output: str) -> bool:
    """Tell whether the name of an output stands for a folder: it is one already, or ends in a slash."""
    return output.endswith(os.sep) or Path(output).is_dir()


def album(
    inputs: Sequence[str],
    output: str | None,
    target: str,
    *,
    only: str | None,
    source_format: str | None,
    tracks: tuple[int, ...] | None,
    overwrite: bool,
) -> list[Piece]:
    """List the songs that become tracks of one file: where several are given, or a folder, and `output` is such a file.

    Empty where each song has a file of its own.
    """
    if output is None or is_folder(output) or not FORMATS[target].album or known_format(output, (target,)) is None:
        return []
    songs = pieces(expand(inputs, only), source_format, tracks)
    if len(songs) == 1 and not any(Path(given).is_dir() for given in inputs):
        return []
    check_target(output, overwrite=overwrite)
    return songs


def pair(
    inputs: Sequence[str],
    output: str | None,
    target: str,
    *,
    only: str | None,
    source_format: str | None = None,
    tracks: tuple[int, ...] | None = None,
    shard: Shard | None = None,
) -> list[Pair]:
    """Say for each input file where its output goes.

    Without `output`, beside the input. Several inputs, or a folder, need a folder as output, which is made; so does
    whatever is a folder already or ends in a slash. One file goes to the file that `output` names. A file with tracks
    is several inputs; but where `output` names a file and no track is named, it is the track that it begins with. Of a
    batch, the songs of one shard are taken, by the paths of their files.

    Raises
    ------
    OSError
        If the folder of an output is missing.
    FormatError
        If two inputs would become the same output.
    """
    found = [song for song in once(expand(inputs, only), inputs) if not _is_below(song[0], output, inputs)]
    if shard is not None:
        if not is_batch(inputs):
            raise click.UsageError("--shard takes a part of several songs, and one file was given")
        found = [song for song in found if shard.holds(song[1])]
    named = output is not None and not is_folder(output) and known_format(output, (target,)) is not None
    single = named and not is_batch(inputs)
    songs = pieces(found, source_format, tracks, single=single)
    suffix = suffix_of(target)
    many = is_batch(inputs) or len(songs) > 1

    def name_of(piece: Piece) -> Path:
        return piece.relative.with_name(base_name(piece.relative) + suffix)

    if output is None:
        pairs = [Pair(piece, piece.path.with_name(name_of(piece).name)) for piece in songs]
    elif many or is_folder(output):
        if Path(output).is_file():
            raise click.UsageError(f"{output} is a file, but several inputs need a folder")
        if named:
            raise click.UsageError(
                f"{output} is the name of a file, but several inputs need a folder: {output}{os.sep}"
            )
        pairs = [Pair(piece, Path(output) / name_of(piece)) for piece in songs]
        # A folder that is its own output has what an earlier run made beside what it was made of.
        pairs = [pair for pair in pairs if not _is_same(pair.piece.path, pair.target)] or pairs
        _refuse_collisions(pairs)
        make_folders({path.parent for _, path in pairs})
    else:
        pairs = [Pair(piece, Path(output)) for piece in songs]
    _refuse_collisions(pairs)
    return pairs


def make_folders(folders: Iterable[Path]) -> None:
    """Make the folders of outputs; those that are empty when the command ends, for nothing was written, are removed.

    Raises
    ------
    OSError
    """
    made: list[Path] = []
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(lambda: _remove_empty(made))
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(20, "is a file, expected a folder", str(folder))
        for place in reversed([folder, *folder.parents]):
            with contextlib.suppress(FileExistsError):
                place.mkdir()
                made.append(place)
        folder.mkdir(exist_ok=True)  # or it is a file


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def is_batch(inputs: Sequence[str]) -> bool:
    """Return whether the inputs are several songs: a folder, or more than one file."""
    return len(inputs) > 1 or any(isinstance(given, Listed) or Path(given).is_dir() for given in inputs)


def is_done(files: Sequence[Path]) -> bool:
    """Return whether all files of a song are there: files appear whole or not at all, but for empty ones."""
    return all(file.is_file() and file.stat().st_size > 0 for file in files)


def read_input(source: str, source_format: str | None) -> tuple[bytes, str, str]:
    """Read a file, or stdin for ``-``: give its bytes, their format, and its name for messages."""
    if source != STDIO:
        return read_limited(source), source_format or format_to_read(source), source
    if source_format is None:
        raise click.UsageError("- needs --from, for stdin has no name that says the format")
    data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if len(data) > MAX_INPUT_BYTES:
        raise LimitError(f"stdin: more than {MAX_INPUT_BYTES} bytes")
    return data, source_format, "stdin"


def _is_below(path: Path, output: str | None, inputs: Sequence[str]) -> bool:
    """Return whether a song of a folder lies in the output folder below it: an earlier run made it."""
    if output is None or not Path(output).is_dir():
        return False
    made = Path(output).absolute()
    if made not in path.absolute().parents or path in map(Path, inputs):
        return False
    return all(made != Path(given).absolute() for given in inputs)


def _is_same(source: Path, target: Path) -> bool:
    with contextlib.suppress(OSError):  # a name that is too long names no file
        return source.exists() and target.exists() and target.samefile(source)
    return False


def _refuse_collisions(pairs: Iterable[Pair]) -> None:
    sources: dict[str, Path] = {}  # by their names, for a path that has been hashed takes twice its memory
    for piece, target in pairs:
        source, name = piece.path, os.path.normcase(target)
        if name in sources:
            raise collision(str(source), str(target), str(sources[name]))
        if _is_same(source, target):
            raise FormatError(f"{source}: would be replaced by its own output; -o names another place")
        sources[name] = source
