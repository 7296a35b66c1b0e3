"""``render`` and ``convert`` of addresses: ``s3://``, ``gs://`` and what else fsspec knows."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import click

from lakhnes.cli.console import Console, Interrupted
from lakhnes.cli.exporting import Exported, all_files_of, lines_into
from lakhnes.cli.targets import STDIO, Listed, collision
from lakhnes.cli.tracks import tracks_of
from lakhnes.cluster import DEADLY
from lakhnes.errors import FormatError, LakhnesError, LakhnesWarning, LimitError
from lakhnes.files import (
    ARCHIVES,
    FORMATS,
    MAX_INPUT_BYTES,
    PLAYABLE,
    base_name,
    format_to_read,
    known_format,
    one_line,
    suffix_of,
)
from lakhnes.remote import Remote, at_once, is_url
from lakhnes.sharding import Shard

if TYPE_CHECKING:
    from lakhnes.cluster import Cluster
    from lakhnes.exporting import ExportJob

__all__ = ["export_remote"]


AT_ONCE = 64
"""Songs whose files are on this machine at the same time: as WAV, some 150 MB."""


class _Song(NamedTuple):
    """A song: where it is, its file below the folder of the outputs, and how it is called in messages."""

    remote: Remote
    name: str
    relative: Path
    shown: str


def export_remote(
    console: Console,
    verb: str,
    inputs: Sequence[str],
    output: str | None,
    format: str,
    *,
    how: Mapping[str, Any],
    shard: Shard | None,
    log: Path | None,
    cluster: Cluster | None = None,
    stems: bool = False,
    **options: Any,
) -> Exported:
    """Write songs as `lakhnes.cli.exporting.export_inputs` does, where inputs or the output are addresses.

    Of a song whose file has tracks, all are written again when the command is repeated: its name does not say how many
    files it gives.
    """
    from lakhnes.arranging import told
    from lakhnes.exporting import BatchReport

    if STDIO in (*inputs, output) or output is None:
        raise click.UsageError("expected a folder as output (-o) where an input is an address; - is stdout")
    if any(given.lower().endswith(ARCHIVES) for given in (*inputs, output)):
        raise click.UsageError("archives are read and written on this machine, not at an address")
    target = Remote.of(output)
    songs, single = _songs(inputs, how["only"], target)
    if shard is not None:
        songs = [song for song in songs if shard.holds(song.relative)]
    single = single and not output.endswith("/") and known_format(output, (format,)) is not None
    if not single and FORMATS[format].album and known_format(output, (format,)) is not None:
        raise click.UsageError(
            f"{output} is one file of all songs, which is written on this machine, not at an address"
        )
    todo, skipped = _missing(songs, target, format, single=single, stems=stems, overwrite=how["overwrite"])
    options |= {"overwrite": True}  # what is there has been left out, and a task may be done twice
    if cluster is not None:
        options["threads"] = 1
    work = partial(
        _export, target=target, single=single, format=format, stems=stems, source_format=how["source_format"],
        tracks=how["tracks"], options=options,
    )  # fmt: skip
    report = BatchReport()
    written, targets = cast("list[Any]", report.written), dict[Any, object]()
    failed: list[dict[str, Any]] = []
    with console.progress(verb, len(todo)) as advance, lines_into(log) as note:
        try:
            for task, made in _done(work, todo, cluster):
                advance(len(task))
                for facts in made or [{"path": song.shown, "error": DEADLY, "output": None} for song in task]:
                    note({name: facts[name] for name in ("path", "output", "error")})
                    if facts["error"] is not None:
                        failed.append({"path": facts["path"], "error": facts["error"]})
                        report.failed.append((facts["path"], facts["error"]))
                        console.error(f"Error: {facts['path']}: {facts['error']}")
                        continue
                    written += facts["files"]
                    report.songs += 1
                    report.audio_seconds += facts["seconds"]
                    targets[facts["path"]] = facts["output"]
                    for file in facts["files"]:
                        console.result(file)
                    if facts["arranged"] is not None:
                        cast("dict[Any, Any]", report.arranged)[facts["path"]] = facts["arranged"]
                        console.note(f"{facts['path']}: {told(facts['arranged'])}")
        except KeyboardInterrupt:
            text = f"{report.songs} of {len(todo)} songs written, the same command goes on"
            raise Interrupted(text, {"files": sorted(written), "failed": failed}) from None
    return report, cast("list[Path]", skipped), targets


def _songs(inputs: Sequence[str], only: str | None, target: Remote) -> tuple[list[_Song], bool]:
    """List the songs of files and folders, without what an earlier run has put below `target`; say if it is a file."""
    among = PLAYABLE if only is None else (only,)
    made = f"{target.url.rstrip('/')}/"
    songs: list[_Song] = []
    single = len(inputs) == 1
    for given in inputs:
        remote = Remote.of(given)
        files = (
            {"": 0} if isinstance(given, Listed) else remote.files()
        )  # of a list, a file that is missing fails alone
        if "" in files:
            songs.append(_Song(remote, "", _relative(given), given))
            continue
        single = False
        found = [name for name in files if known_format(name, among)]
        if not found:
            raise FormatError(f"{given}: no {only or 'readable'} songs in this folder")
        inside = made.startswith(f"{remote.url.rstrip('/')}/") and made != f"{remote.url.rstrip('/')}/"
        for name in found:
            if not (inside and remote.at(name).startswith(made)):
                shown = remote.at(name) if is_url(given) else str(Path(given) / name)
                songs.append(_Song(remote, name, Path(name), shown))
    places: dict[str, _Song] = {}
    for song in songs:  # one that was given several times is taken as it was given first
        places.setdefault(song.remote.at(song.name), song)
    return list(places.values()), single


def _relative(given: str) -> Path:
    """Return the name of a file, with its folders if it is of a list."""
    path = Path(given.partition("::")[0].partition("://")[2]) if is_url(given) else Path(given)
    parts = [part for part in path.parts if part not in ("..", path.anchor)]
    return Path(*parts) if isinstance(given, Listed) else Path(path.name)


def _missing(
    songs: list[_Song], target: Remote, format: str, *, single: bool, stems: bool, overwrite: bool
) -> tuple[list[_Song], list[str]]:
    """Return the songs whose files are not there, and the names of the others."""
    from lakhnes.exporting import STEMS, stem_path

    try:
        there = target.files()
    except FileNotFoundError:
        there = {}
    if single:
        if "" in there and not overwrite:
            raise FileExistsError(17, "exists already (--force replaces it)", target.url)
        return songs, []
    todo: list[_Song] = []
    skipped: list[str] = []
    sources: dict[str, str] = {}
    for song in songs:
        name = _target(song.relative, format)
        if name.as_posix() in sources:
            raise collision(song.shown, str(name), sources[name.as_posix()])
        sources[name.as_posix()] = song.shown
        if song.remote.at(song.name) == target.at(name.as_posix()):
            raise FormatError(f"{song.shown}: would be replaced by its own output; -o names another place")
        files = [stem_path(name, voice) for voice in STEMS[:4]] if stems else [name]
        if not overwrite and all(there.get(file.as_posix(), 0) > 0 for file in files):
            skipped.append(song.shown)
        else:
            todo.append(song)
    return todo, skipped


def _target(relative: Path, format: str) -> Path:
    return relative.with_name(base_name(relative) + suffix_of(format))


def _done(work: Any, songs: list[_Song], cluster: Cluster | None) -> Iterator[tuple[list[_Song], Any]]:
    """Do the work here, in batches, or on the workers of a cluster."""
    if cluster is not None:
        yield from cluster.map(work, songs)
        return
    for start in range(0, len(songs), AT_ONCE):
        batch = songs[start : start + AT_ONCE]
        yield batch, work(batch)


def _export(songs: list[_Song], **how: Any) -> list[dict[str, Any]]:
    """Do the work of a task in runs, see `_export_run`."""
    runs = (songs[start : start + AT_ONCE] for start in range(0, len(songs), AT_ONCE))
    return [facts for run in runs for facts in _export_run(run, **how)]


def _export_run(
    songs: list[_Song],
    *,
    target: Remote,
    single: bool,
    format: str,
    stems: bool,
    source_format: str | None,
    tracks: tuple[int, ...] | None,
    options: dict[str, Any],
) -> list[dict[str, Any]]:
    """Read songs, write them to this machine, and put their files in place; return of each what became of it."""
    from lakhnes.exporting import export_files

    made: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[tuple[_Song, ExportJob]] = []
        for song, data in zip(songs, at_once(lambda song: song.remote.read(song.name), songs), strict=True):
            try:
                if isinstance(data, Exception):
                    raise data
                jobs += [(song, job) for job in _jobs(song, data, Path(folder), format, source_format, tracks, single)]
            except (LakhnesError, OSError) as error:
                made.append(_facts(song, error))
        errors: dict[int, Exception | None] = {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", LakhnesWarning)
            report = export_files(
                [job for _, job in jobs], format, stems=stems, **options,
                finished=lambda job, error: errors.update({id(job.target): error}),
            )  # fmt: skip
        for warning in caught:
            warnings.warn(_named(str(warning.message), songs), warning.category, stacklevel=2)
        written = set(report.written)
        for song, job in jobs:
            assert isinstance(job.target, Path)
            files = [file for file in all_files_of(job.target, stems) if file in written]
            names = ["" if single else file.relative_to(folder).as_posix() for file in files]
            failed = errors[id(job.target)] or _put(files, names, target)
            facts = _facts(song, failed, [target.at(name) for name in names])
            facts["output"] = target.at("" if single else job.target.relative_to(folder).as_posix())
            facts["seconds"] = report.audio_seconds / max(report.songs, 1)
            made.append(facts | {"arranged": report.arranged.get(job.source)})
    return made


def _put(files: list[Path], names: list[str], target: Remote) -> Exception | None:
    """Put the files of a song in place; return what is wrong with the first that cannot be."""
    done = at_once(lambda row: target.put(*row), zip(files, names, strict=True))
    return next((each for each in done if isinstance(each, Exception)), None)


def _jobs(
    song: _Song, data: bytes, folder: Path, format: str, source_format: str | None,
    tracks: tuple[int, ...] | None, single: bool,
) -> Iterator[ExportJob]:  # fmt: skip
    """Give the songs of a file, with where each goes in a folder of this machine."""
    from lakhnes.exporting import ExportJob

    if len(data) > MAX_INPUT_BYTES:
        raise LimitError(f"more than {MAX_INPUT_BYTES} bytes")
    name = source_format or format_to_read(song.relative)
    stem, number = base_name(song.relative), tracks[0] if tracks else None
    rows: list[tuple[int | None, str, str]] = [(number, stem, stem)]
    if FORMATS[name].tracks and not (single and tracks is None):
        rows = list(tracks_of(data, stem, tracks))
    for number, stem, title in rows:
        path = folder / song.relative.with_name(stem + suffix_of(format))
        path.parent.mkdir(parents=True, exist_ok=True)
        yield ExportJob(Path(song.shown), path, name, data, title=title, track=number)


def _facts(song: _Song, error: Exception | None, files: Sequence[str] = ()) -> dict[str, Any]:
    line = None if error is None else _named(one_line(error), [song]).removeprefix(f"{song.shown}: ")
    return {"path": song.shown, "output": None, "error": line, "files": list(files), "seconds": 0.0, "arranged": None}


def _named(text: str, songs: Sequence[_Song]) -> str:
    """Name songs in a message by their addresses, whose slashes a path has not kept."""
    for song in songs:
        text = text.replace(str(Path(song.shown)), song.shown)
    return text
