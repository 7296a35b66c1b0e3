"""Tokenized songs as Parquet, for programs that read tables: Hugging Face `datasets`, pandas, Spark, DuckDB.

The folder of a split holds ``tx1-00000.parquet`` …, a row a song::

    name       string        of the song
    input_ids  list<int32>   <S> … <S>, as a model reads it: waits are rounded to tokens
    events     list<int32>   as `lakhnes.data.shards` has them: a wait of w samples is -w, anything else its id

The vocabulary, a symbol a line, is in the metadata of the file, under ``lakhnes.vocabulary``. The same songs and the
same version of pyarrow give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakhnes._native import Vocabulary, quantize_events
from lakhnes.data.shards import Events, Shard, gathered
from lakhnes.errors import FormatError, printable
from lakhnes.extras import load
from lakhnes.outputs import replacing

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_parquet"]

ROWS = 1024
"""Songs of a row group: what is read at once."""


def write_parquet(
    folder: Path, vocabulary: Vocabulary, songs: Iterable[tuple[str, Events]], *, text_bytes: int | None = None
) -> dict[str, Any]:
    """Write songs, each a name and its events, as the Parquet files of a split.

    Files of an earlier call of the same vocabulary are removed. `text_bytes` says nothing here.

    Returns
    -------
    dict
        The numbers of ``songs`` and ``events``, and the ``files``.

    Raises
    ------
    FormatError
        If there is no song.
    MissingExtraError
        If pyarrow is not installed.
    """
    parquet = load("pyarrow.parquet")
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"{vocabulary.dialect}-*.parquet"):
        path.unlink()
    count, events, files = 0, 0, []
    for number, (names, shard) in enumerate(gathered(songs)):
        path = folder / f"{vocabulary.dialect}-{number:05}.parquet"
        with replacing(path) as unfinished:
            parquet.write_table(
                _table(vocabulary, names, shard), unfinished, compression="zstd", row_group_size=ROWS, version="2.6"
            )
        files.append(path.name)
        count, events = count + len(shard), events + len(shard.events)
    if not files:
        raise FormatError(f"{folder}: no song to write")
    return {"songs": count, "events": events, "files": files}


def _table(vocabulary: Vocabulary, names: list[str], shard: Shard) -> pa.Table:
    arrow = load("pyarrow")
    songs = [shard.song(index) for index in range(len(shard))]
    symbols = "\n".join(vocabulary.symbols)
    row = arrow.list_(arrow.int32())
    columns = {
        "name": arrow.array([printable(name).encode("utf-8", "replace").decode() for name in names]),
        "input_ids": arrow.array([quantize_events(song, True).astype("int32") for song in songs], row),
        "events": arrow.array(songs, row),
    }
    return arrow.table(columns, metadata={"lakhnes.vocabulary": symbols, "lakhnes.dialect": vocabulary.dialect})
