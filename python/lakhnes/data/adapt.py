"""Any collection of MIDI files as a corpus of TX1 and TX2 texts, as LakhNES adapts the Lakh MIDI dataset.

Which files, instruments and notes are kept, and how instruments become voices, is in ``rust/tokenizer/src/adapt``.
Here: the report of what became of each file, copies and versions of held-out songs left out, and splits in which
versions of one piece stay together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lakhnes.cluster import Cluster
from lakhnes.data.adapting import (
    POLYPHONIC,
    POLYPHONIC_HINT,
    REPORT,
    AdaptReport,
    Outcome,
    adapt_on,
    adapt_some,
    join,
    summary,
)
from lakhnes.data.layout import PUBLISHED, TEXTS, staged_folder
from lakhnes.data.melodies import HeldOut
from lakhnes.data.midi_files import MidiFile, find_midi_files
from lakhnes.data.parts import Part, Parts, inputs_of, link, open_part
from lakhnes.errors import FormatError
from lakhnes.remote import Remote, is_url
from lakhnes.sharding import Shard

__all__ = ["POLYPHONIC", "POLYPHONIC_HINT", "REPORT", "AdaptReport", "adapt", "merge_adapted"]


def adapt(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    to: Iterable[str] = PUBLISHED,
    seed: int = 0,
    jobs: int = 0,
    valid: float = 0.05,
    test: float = 0.0,
    overlap: float = 0.0,
    exclude_like: Sequence[str | os.PathLike[str]] = (),
    min_instruments: int = 1,
    min_seconds: float = 5.0,
    max_seconds: float = 600.0,
    max_examples: int = 16,
    max_song_seconds: float = 180.0,
    drums: bool = True,
    arrange: bool = False,
    overwrite: bool = False,
    shard: Shard | None = None,
    shards: bool = False,
    cluster: Cluster | None = None,
    files: Sequence[MidiFile] | None = None,
    finished: Callable[[int], object] = lambda files: None,
) -> AdaptReport:
    """Turn a folder of MIDI files into a corpus.

    Every song has up to three instruments of a file, which play one note at a time, on P1, P2 and TR, and its drums on
    NO. A file gives up to `max_examples` songs, other instruments on other voices. The result depends on the files
    (their bytes and their paths below `source`), the options and the seed; not on `jobs`.

    Parameters
    ----------
    source
        A folder, searched with its subfolders for ``.mid`` and ``.midi``, or one such file; or the address of a folder
        (``s3://…``, see `lakhnes.remote`).
    target
        The folder of the corpus: ``train/ valid/ test/`` with ``NAME_000.tx1.txt`` …, and `REPORT`. It appears when all
        is done, or not at all.
    to
        Which texts to write: any of ``"tx1"``, ``"tx2"`` and ``"tx3"``.
    seed
        On what all choices depend.
    jobs
        How many files at once; 0 stands for one a core.
    valid, test
        Shares of the files, from 0 to 1, whose songs form these splits. Files whose melodies say that they are
        versions of the same music stay in one split.
    overlap
        By how many milliseconds a note may reach into the next one; it is then cut off there. With 0 an instrument one
        of whose notes does so is left out, as in LakhNES.
    exclude_like
        Folders or files of songs that are held out: a MIDI file that is a version of one of them is left out.
    min_instruments
        The fewest instruments that play one note at a time.
    min_seconds, max_seconds
        The shortest and the longest file.
    max_examples
        The most songs of a file.
    max_song_seconds
        The longest song; notes that end later are left out.
    drums
        Whether drums play the noise.
    arrange
        Whether a file with too few instruments that play one note at a time, as a piano piece, gives one song by
        `Song.arrange` instead of none.
    overwrite
        Whether songs may be written into a folder that holds something.
    shard
        Only the files of this shard, by a hash of their paths below `source`, into ``target/parts``. A part that was
        interrupted goes on with the files that are missing. When all parts are there, `merge_adapted` makes of them
        what would have been made without shards.
    shards
        Of a shard: whether the merge writes memory-mapped shards beside the texts.
    cluster
        Workers that do the work instead of this machine; they have the same files, `target` too.
    files
        What `find_midi_files` has found in `source`, so that a large folder is not searched again.
    finished
        Called with the number of files that have been finished since the last call.

    Returns
    -------
    AdaptReport
        Of a shard, that of its files, as if there were no others: all songs are of train.

    Raises
    ------
    FormatError
        If there are no MIDI files, or none gives a song, or a held-out song cannot be read.
    ValueError
        If an option is out of its range.
    OSError
        If something cannot be read or written, or `target` holds something and `overwrite` is false.
    """
    if not (0 <= valid <= 1 and 0 <= test <= 1 and valid + test <= 1):
        raise ValueError(
            f"valid, test: expected shares of 0 to 1 that are not more than 1 together, found {valid}, {test}"
        )
    if max_examples < 1 or min_instruments < 1:
        raise ValueError("max_examples, min_instruments: expected 1 or more")
    how = {
        "seed": seed, "min_instruments": min_instruments, "min_seconds": min_seconds, "max_seconds": max_seconds,
        "overlap": overlap / 1000, "max_examples": max_examples, "max_song_seconds": max_song_seconds, "drums": drums,
        "arrange": arrange,
    }  # fmt: skip
    plan: dict[str, Any] = {
        "command": "adapt", "source": str(source), "formats": [name for name in TEXTS if name in set(to)],
        "valid": valid, "test": test, "held_out": [os.fspath(place) for place in exclude_like], "how": how,
    }  # fmt: skip
    if shard is not None:
        with open_part(Path(target), shard, overwrite=overwrite) as part:
            return _adapt_part(
                part,
                shard,
                _files(Remote.of(source) if is_url(source) else Path(source), files),
                plan | {"shards": shards},
                jobs,
                cluster,
                finished,
            )
    with staged_folder(Path(target), overwrite=overwrite) as staging:
        place = Remote.of(source) if is_url(source) else Path(source)
        return _adapt_all(staging, _files(place, files), plan, jobs, cluster, finished)


def _adapt_all(
    staging: Path, files: list[MidiFile], plan: dict[str, Any], jobs: int, cluster: Cluster | None,
    finished: Callable[[int], object],
) -> AdaptReport:  # fmt: skip
    outcomes: list[Outcome] = [{}] * len(files)

    def note(number: int, facts: Outcome) -> None:
        outcomes[number] = facts
        finished(1)

    train = staging / "train"
    train.mkdir(parents=True)
    _adapt(files, train, plan, note, jobs, cluster)

    def place(number: int, split: str | None, names: list[str]) -> None:
        if split is None:
            for name in names:
                (train / name).unlink()
        elif split != "train":
            (staging / split).mkdir(exist_ok=True)
            for name in names:
                (train / name).rename(staging / split / name)

    return join(files, outcomes, plan, staging, place)


def _adapt_part(
    part: Part, shard: Shard, files: list[MidiFile], plan: dict[str, Any], jobs: int, cluster: Cluster | None,
    finished: Callable[[int], object],
) -> AdaptReport:  # fmt: skip
    part.begin(plan | inputs_of(file.place for file in files))
    done = {line["index"] for line in part.lines}
    mine = [number for number, file in enumerate(files) if shard.holds(file.place) and number not in done]

    def note(number: int, facts: Outcome) -> None:
        melody = facts.pop("melody")
        file = files[mine[number]]
        part.add({"index": mine[number], "path": file.place, "name": file.name} | facts, melody)
        finished(1)

    train = part.folder / "train"
    train.mkdir(exist_ok=True)
    if mine:
        _adapt([files[number] for number in mine], train, plan, note, jobs, cluster)
    part.finish()
    lines = sorted(part.lines, key=lambda line: int(line["index"]))
    return summary([_file_of(line) for line in lines], lines, ["train"] * len(lines), plan["formats"])


def merge_adapted(parts: Parts, staging: Path) -> AdaptReport:
    """Make of the parts of a collection what `adapt` makes of it; see `lakhnes.data.parts.merging`.

    Raises
    ------
    FormatError
        If no file gives a song.
    """
    rows = parts.lines()
    folders = [part.folder / "train" for _, part, _ in rows]
    outcomes = [{**line, "melody": melody} for line, _, melody in rows]
    files = [_file_of(line) for line, *_ in rows]
    (staging / "train").mkdir()

    def place(number: int, split: str | None, names: list[str]) -> None:
        if split is not None:
            (staging / split).mkdir(exist_ok=True)
            for name in names:
                link(folders[number] / name, staging / split / name)

    return join(files, outcomes, parts.plan, staging, place)


def _adapt(
    files: list[MidiFile],
    folder: Path,
    plan: dict[str, Any],
    note: Callable[[int, Outcome], None],
    jobs: int,
    cluster: Cluster | None,
) -> None:
    if cluster is not None:
        adapt_on(cluster, files, folder, plan, note)
        return
    adapt_some(files, folder, plan, note, held_out=HeldOut.of(plan["held_out"], jobs=jobs), jobs=jobs)


def _file_of(line: dict[str, Any]) -> MidiFile:
    return MidiFile(Path(line["path"]), line["path"], line["name"])


def _files(source: Path | Remote, known: Sequence[MidiFile] | None = None) -> list[MidiFile]:
    files = find_midi_files(source) if known is None else list(known)
    if not files:
        raise FormatError(f"{source.url if isinstance(source, Remote) else source}: no MIDI files (.mid, .midi) in it")
    return files
