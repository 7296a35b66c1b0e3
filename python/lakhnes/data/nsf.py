"""Collections of NSF files as corpora: a song a track, the songs of a game in one split.

What programs play and where their tracks end is in ``rust/apu/src/formats/nsf``. Here: which tracks are songs, copies
of songs left out, splits, and the report of what became of each track.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lakhnes._native import MelodyIndex
from lakhnes.cluster import Cluster
from lakhnes.data.converting import Song, converter, song_batches
from lakhnes.data.layout import PUBLISHED, TEXTS, staged_folder
from lakhnes.data.melodies import HeldOut
from lakhnes.data.nsf_tracks import COPY, LIKE_HELD_OUT, UNREADABLE, Collection, Track
from lakhnes.data.parts import Part, Parts, inputs_of, link, open_part
from lakhnes.data.report import Report
from lakhnes.data.splitting import assign_splits
from lakhnes.errors import FormatError
from lakhnes.sharding import Shard

__all__ = ["REPORT", "NsfReport", "convert_nsf", "merge_nsf"]

REPORT = "nsf.jsonl"
"""The file of a corpus that says what became of each track, a line of JSON for each."""


@dataclasses.dataclass
class NsfReport(Report):
    """What became of a collection.

    Attributes
    ----------
    files : int
        NSF files found.
    songs : Counter
        Songs, by split.
    seconds : dict
        Their length in seconds, by split.
    events : Counter
        Events of the written texts, by format.
    dropped : Counter
        How many tracks are no songs of the corpus, by reason.
    failed : list of (path, message)
        The files and tracks that could not be read.
    """

    files: int = 0
    songs: Counter[str] = dataclasses.field(default_factory=Counter)
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    events: Counter[str] = dataclasses.field(default_factory=Counter)
    dropped: Counter[str] = dataclasses.field(default_factory=Counter)
    failed: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def convert_nsf(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    seed: int = 0,
    threads: int = 0,
    valid: float = 0.05,
    test: float = 0.0,
    min_seconds: float = 1.0,
    max_duration: float = 300.0,
    effects: bool = False,
    exact: bool = False,
    exclude_like: Sequence[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    shard: Shard | None = None,
    shards: bool = False,
    cluster: Cluster | None = None,
    finished: Callable[[int], object] = lambda tracks: None,
) -> NsfReport:
    """Turn a collection of NSF files into a corpus.

    Parameters
    ----------
    source
        A folder, searched with its subfolders, or an archive of ``.nsf`` and ``.nsfe`` files.
    target
        The folder of the corpus: ``train/ valid/ test/`` with ``GAME-03-TITLE.tx1.txt`` …, and `REPORT`. It appears
        when all is done, or not at all.
    to
        Which texts to write: any of ``"tx1"``, ``"tx2"`` and ``"tx3"``.
    seed
        On what the splits depend.
    threads
        How many tracks at once; 0 stands for one a core. The result does not depend on it.
    valid, test
        Shares of the games, from 0 to 1, whose songs form these splits. A file is a game; files that share a song are
        one. Songs of train that are versions of one that is held out (see `MelodyIndex`) are left out.
    min_seconds
        The shortest song.
    max_duration
        Where tracks that do not end are cut off, in seconds.
    effects
        Whether tracks that a file calls sound effects are songs.
    exact
        Whether register writes are transcribed true to the chip instead of as NES-MDB does.
    exclude_like
        Folders or files of songs that are held out: a track that is a version of one of them is left out.
    overwrite
        Whether songs may be written into a folder that holds something.
    shard
        Only the files of this shard, by a hash of their paths in `source`, into ``target/parts``. A part that was
        interrupted goes on with the tracks that are missing; `merge_nsf` joins all parts.
    shards
        Of a shard: whether the merge writes memory-mapped shards beside the texts.
    cluster
        Workers that run the tracks instead of this machine, which reads the files and writes the texts.
    finished
        Called with the number of tracks that have been finished since the last call.

    Returns
    -------
    NsfReport
        A file or a track that cannot be read stands in its `failed`; the others are written. Of a shard, all songs are
        of train.

    Raises
    ------
    FormatError
        If there are no NSF files, or none gives a song; if an archive is cut off or a held-out song cannot be read.
    ValueError
        If the shares are more than 1 together.
    OSError
        If something cannot be read or written, or `target` holds something and `overwrite` is false.
    """
    if not (0 <= valid <= 1 and 0 <= test <= 1 and valid + test <= 1):
        raise ValueError(
            f"valid, test: expected shares of 0 to 1 that are not more than 1 together, found {valid}, {test}"
        )
    run = {"exact": exact, "max_duration": max_duration}
    plan: dict[str, Any] = {
        "command": "nsf", "source": str(source), "formats": [name for name in TEXTS if name in set(to)], "seed": seed,
        "valid": valid, "test": test, "min_seconds": min_seconds, "effects": effects, "run": run,
        "held_out": [os.fspath(place) for place in exclude_like],
    }  # fmt: skip
    if shard is not None:
        with open_part(Path(target), shard, overwrite=overwrite) as part:
            return _convert_part(part, shard, Path(source), plan | {"shards": shards}, threads, cluster, finished)
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        collection = Collection(effects=effects)
        train = staging / "train"
        _run(collection.tracks(Path(source)), train, plan, threads, cluster, lambda tracks: finished(len(tracks)))

        def place(track: Track, split: str | None) -> None:
            for path in (track.path(train, each) for each in plan["formats"]):
                if split is None:
                    path.unlink()
                elif split != "train":
                    (staging / split).mkdir(exist_ok=True)
                    path.rename(staging / split / path.name)

        failed = [(where, f"{where}: {line}") for _, where, line in collection.failed]
        folders = [train] * len(collection.found)
        return _join(collection.found, folders, len(collection.places), failed, plan, staging, place)


def merge_nsf(parts: Parts, staging: Path) -> NsfReport:
    """Make of the parts of a collection what `convert_nsf` makes of it; see `lakhnes.data.parts.merging`."""
    failed, tracks, folders = [], [], []
    for line, part, _ in parts.lines():
        if "error" in line:
            failed.append((line["path"], f"{line['path']}: {line['error']}"))
            continue
        tracks.append(Track.of(line))
        folders.append(part.folder / "train")
    of = {track.index: folder for track, folder in zip(tracks, folders, strict=True)}

    def place(track: Track, split: str | None) -> None:
        if split is not None:
            (staging / split).mkdir(exist_ok=True)
            for path in (track.path(of[track.index], each) for each in parts.plan["formats"]):
                link(path, staging / split / path.name)

    return _join(tracks, folders, parts.inputs["inputs"], failed, parts.plan, staging, place)


def _convert_part(
    part: Part, shard: Shard, source: Path, plan: dict[str, Any], threads: int, cluster: Cluster | None,
    finished: Callable[[int], object],
) -> NsfReport:  # fmt: skip
    part.begin(plan)
    done = {line["index"]: line["path"] for line in part.lines}
    inside = source.name + "/" if source.is_dir() else ""
    collection = Collection(effects=plan["effects"])

    def wanted(index: int, place: str) -> bool:
        if done.get(index, place) != place:
            raise FormatError(f"{part.folder}: made of other files than {source} has; --force begins anew")
        return index not in done and shard.holds(place.removeprefix(inside))

    def note(tracks: list[Track]) -> None:
        for track in tracks:
            part.add(track.facts())
        finished(len(tracks))

    _run(collection.tracks(source, wanted), part.folder / "train", plan, threads, cluster, note)
    for index, where, line in collection.failed:
        part.add({"index": index, "path": where, "error": line})
    if not collection.places:
        raise FormatError(f"{source}: no NSF files (.nsf, .nsfe) in it")
    part.finish(inputs_of(place.removeprefix(inside) for place in collection.places))
    lines = sorted(part.lines, key=lambda line: int(line["index"]))
    report = NsfReport(sum(shard.holds(place.removeprefix(inside)) for place in collection.places))
    report.failed = [(line["path"], f"{line['path']}: {line['error']}") for line in lines if "error" in line]
    _summarize(report, [Track.of(line) for line in lines if "error" not in line])
    return report


def _run(
    tracks: Iterable[Track], folder: Path, plan: dict[str, Any], threads: int, cluster: Cluster | None,
    note: Callable[[list[Track]], object],
) -> None:  # fmt: skip
    """Do what depends on each track alone: write its texts into a folder, and note what became of it, in batches."""
    held_out = HeldOut.of(plan["held_out"], jobs=threads)
    formats = plan["formats"]
    convert = converter(["tx1", *formats], threads=threads, cluster=cluster, **plan["run"])
    for batch in song_batches(tracks, lambda track: len(track.data), cluster):
        asked = [track for track in batch if not track.reason]
        songs: list[Song] = [(track.data, "nsf", track.number) for track in asked]
        for track, result in zip(asked, convert(songs), strict=True):
            track.write(result, folder, formats, plan["min_seconds"])
            if held_out is not None and track.notes is not None:
                track.like = held_out.index.find(track.path(folder, formats[0]), formats[0]) is not None
        for track in batch:
            track.data = b""
        note(batch)


def _join(
    tracks: list[Track],
    folders: list[Path],
    files: int,
    failed: list[tuple[str, str]],
    plan: dict[str, Any],
    staging: Path,
    place: Callable[[Track, str | None], None],
) -> NsfReport:
    """Do what depends on all tracks, whose texts are in `folders`: copies, splits, versions of what is held out."""
    source = plan["source"]
    if not files:
        raise FormatError(f"{source}: no NSF files (.nsf, .nsfe) in it")
    written = [number for number, track in enumerate(tracks) if not track.reason]
    groups = _drop_copies(tracks)
    for track in tracks:
        if track.like and not track.reason:
            track.reason = LIKE_HELD_OUT
    _split(tracks, groups, plan)
    _leave_out_versions(tracks, folders, plan["formats"][0])
    for number in written:
        place(tracks[number], None if tracks[number].reason else tracks[number].split)
    report = NsfReport(files, failed=failed)
    _summarize(report, tracks)
    if not report.songs:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped.most_common())
        reasons = reasons or f"none can be read; the first: {report.failed[0][1]}"
        raise FormatError(f"{source}: no track of the {report.files} NSF files is a song ({reasons})")
    lines = "".join(f"{json.dumps(track.line())}\n" for track in tracks)
    (staging / REPORT).write_text(lines, encoding="utf-8")
    return report


def _drop_copies(tracks: list[Track]) -> dict[int, int]:
    """Keep the first of songs with the same notes; return the first of the games that share songs with each.

    Games share songs directly or through others.
    """
    before: dict[int, int] = {}
    known: dict[str, int] = {}

    def first(game: int) -> int:
        while game in before:  # each step leads to an earlier game
            game = before[game]
        return game

    for track in tracks:
        if track.notes is None:
            continue
        if track.notes not in known:
            known[track.notes] = track.game
            continue
        track.reason = COPY
        one, two = sorted((first(track.game), first(known[track.notes])))
        if one != two:
            before[two] = one
    return {track.game: first(track.game) for track in tracks}


def _split(tracks: list[Track], groups: dict[int, int], plan: dict[str, Any]) -> None:
    """Give the songs of some games to the splits that are held out."""
    count = max((track.game for track in tracks), default=-1) + 1
    digests, used = [""] * count, list[int | None]([None]) * count
    for track in tracks:
        digests[track.game] = track.digest
        if not track.reason:
            used[track.game] = groups[track.game]
    splits = assign_splits(digests, used, plan["seed"], valid=plan["valid"], test=plan["test"])
    for track in tracks:
        if not track.reason:
            track.split = splits[track.game]


def _leave_out_versions(tracks: list[Track], folders: list[Path], format_name: str) -> None:
    """Leave out of train what is a version of a song of the other splits."""
    songs = [(track, track.path(folder, format_name)) for track, folder in zip(tracks, folders, strict=True)]
    songs = [(track, path) for track, path in songs if not track.reason]
    held_out = [(path, format_name) for track, path in songs if track.split != "train"]
    index = MelodyIndex(held_out) if held_out else None
    for track, path in songs:
        if index is not None and track.split == "train" and index.find(path, format_name) is not None:
            track.reason = LIKE_HELD_OUT


def _summarize(report: NsfReport, tracks: list[Track]) -> None:
    for track in tracks:
        if track.reason:
            report.dropped[track.reason] += 1
            if track.reason == UNREADABLE:
                report.failed.append((track.place, f"{track.place}, track {track.number}: {track.detail}"))
            continue
        report.songs[track.split] += 1
        report.seconds[track.split] = report.seconds.get(track.split, 0.0) + track.seconds
        report.events.update(track.events)
