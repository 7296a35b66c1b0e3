"""The shards of a corpus that several machines tokenize: the songs of each in runs, and all of them in order.

A part holds its songs in runs of `RUN`, each a folder of shards of its own (see `lakhnes.data.shards`), so that a part
that was interrupted goes on with the run in which it was. The merge reads them in the order of all songs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lakhnes._native import Vocabulary
from lakhnes.cluster import Cluster
from lakhnes.data.corpus import read_texts, text_bytes, texts_in
from lakhnes.data.layout import SPLITS
from lakhnes.data.parquet import write_parquet
from lakhnes.data.parts import Part, Parts, inputs_of, open_part
from lakhnes.data.shards import Events, Shard, read_shards, write_shards
from lakhnes.errors import FormatError
from lakhnes.sharding import Shard as PartOf

__all__ = ["RUN", "merge_shards", "shard_part"]

RUN = 2048
"""Songs of a run."""


def shard_part(
    data: Path,
    vocabularies: Sequence[str],
    shard: PartOf,
    target: Path | None = None,
    *,
    to: str = "npy",
    overwrite: bool = False,
    cluster: Cluster | None = None,
    advance: Callable[[int], object] = lambda songs: None,
) -> dict[str, dict[str, dict[str, int]]]:
    """Tokenize the texts of a corpus directory that are of a shard, by their paths below it.

    Parameters
    ----------
    data
        A corpus directory.
    vocabularies
        Which of its texts.
    shard
    target
        The folder of the shards, in which the parts are until `merge_shards` joins them; `data` if None.
    to
        What `merge_shards` writes: ``npy`` or ``parquet``.
    overwrite
        Whether to begin anew what is there of the part.
    cluster
        Workers that read the texts instead of this machine; they have the same files.
    advance
        Called with the number of songs since its last call.

    Returns
    -------
    dict
        The numbers of ``songs`` and ``events`` of the part, by vocabulary and split.

    Raises
    ------
    FormatError, TokenError
        If there are no texts, or one cannot be read.
    """
    plan = {"command": "shard", "source": str(data), "vocabularies": list(vocabularies), "to": to}
    facts: dict[str, dict[str, dict[str, int]]] = {}
    sizes: dict[str, int] = {}
    places: list[str] = []
    with open_part(target or data, shard, overwrite=overwrite, beside_texts=True) as part:
        part.begin(plan)
        done = {line["folder"]: line for line in part.lines}
        for name in vocabularies:
            vocabulary = Vocabulary(name)
            facts[name] = {}
            for split in SPLITS:
                paths = texts_in(data / split, vocabulary) if (data / split).is_dir() else []
                mine = [number for number, path in enumerate(paths) if shard.holds(f"{split}/{path.name}")]
                places += [f"{split}/{path.name}" for path in paths]
                if paths:
                    sizes[f"{name} {split}"] = text_bytes(paths)
                    facts[name][split] = {"songs": 0, "events": 0}
                for first in range(0, len(mine), RUN):
                    numbers = mine[first : first + RUN]
                    folder = f"{split}/{name}-{first // RUN:05}"
                    line = done.get(folder) or _run(part, folder, paths, numbers, vocabulary, cluster, advance)
                    if line["songs"] != numbers:
                        raise FormatError(f"{part.folder}: made of other texts than {data} has; --force begins anew")
                    facts[name][split]["songs"] += len(numbers)
                    facts[name][split]["events"] += line["events"]
        if not places:
            raise FormatError(f"{data}: no texts of {', '.join(vocabularies)} in folders {', '.join(SPLITS)}")
        part.finish(inputs_of(places) | {"text_bytes": sizes})
    return facts


def _run(
    part: Part,
    folder: str,
    paths: list[Path],
    numbers: list[int],
    vocabulary: Vocabulary,
    cluster: Cluster | None,
    advance: Callable[[int], object],
) -> dict[str, Any]:
    songs = read_texts([paths[number] for number in numbers], vocabulary, advance, cluster)
    manifest = write_shards(part.folder / folder, vocabulary, songs)
    split = folder.partition("/")[0]
    line = {"index": len(part.lines), "folder": folder, "vocabulary": vocabulary.dialect, "split": split}
    line |= {"songs": numbers, "events": manifest["events"]}
    part.add(line)
    return line


def merge_shards(parts: Parts, staging: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Make of the parts what `shard_corpus` makes of the texts; return the manifests by vocabulary and split."""
    write = write_parquet if parts.plan["to"] == "parquet" else write_shards
    manifests: dict[str, dict[str, dict[str, Any]]] = {}
    sizes = parts.inputs["text_bytes"]
    for name in parts.plan["vocabularies"]:
        manifests[name] = {}
        for split in SPLITS:
            runs = [
                (line["songs"], part.folder / line["folder"])
                for part in parts.parts
                for line in part.lines
                if (line["vocabulary"], line["split"]) == (name, split)
            ]
            if runs:
                songs = _in_order(runs, Vocabulary(name))
                size = sizes.get(f"{name} {split}")
                manifests[name][split] = write(staging / split, Vocabulary(name), songs, text_bytes=size)
    return manifests


def _in_order(runs: list[tuple[list[int], Path]], vocabulary: Vocabulary) -> Iterator[tuple[str, Events]]:
    """Give the songs of all runs by their numbers in the split."""
    rows: list[tuple[int, str, Shard, int]] = []
    for numbers, folder in runs:
        names, shards, _ = read_shards(folder, vocabulary)
        if len(names) != len(numbers):
            raise FormatError(f"{folder}: holds {len(names)} songs, expected the {len(numbers)} of the report")
        places = [(shard, index) for shard in shards for index in range(len(shard))]
        rows += [(number, name, *place) for number, name, place in zip(numbers, names, places, strict=True)]
    rows.sort(key=lambda row: row[0])
    for place, (number, *_) in enumerate(rows):
        if number != place:
            raise FormatError(f"{runs[0][1]}: song {place} is {'twice' if number < place else 'nowhere'} in the parts")
    for _, name, shard, index in rows:
        yield name, shard.song(index)
