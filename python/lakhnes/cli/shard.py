"""``lakhnes data shard``: the texts of a corpus as memory-mapped shards; and what corpora in parts have in common."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import adding, force_option, scheduler_option, shard_option
from lakhnes.cli.place import Place
from lakhnes.data.layout import SPLITS, TEXTS, text_name
from lakhnes.sharding import Shard

if TYPE_CHECKING:
    from lakhnes.cluster import Cluster

__all__ = ["corpus_options", "note_part", "shard", "shard_texts"]

KINDS = ("npy", "parquet")

corpus_options = adding(
    click.option("--to", "formats", default="tx1,tx2", show_default=True, help="Texts to write, separated by commas."),
    click.option("--shards", is_flag=True, help="Write memory-mapped shards beside the texts."),
    shard_option("files, into DEST/parts; `lakhnes data merge DEST` joins the parts"),
    force_option("Write into DEST although it is not empty; of a part, begin it anew."),
)
"""Of the commands that write a corpus; with ``--shards`` they call `shard_texts`."""


@click.command()
@click.argument("data", metavar="DATA", type=Place(path_type=Path))
@click.option("-o", "--output", metavar="DEST", type=Place(path_type=Path), help="Elsewhere than beside the texts.")
@click.option("--vocabulary", type=click.Choice(TEXTS), help="Which texts.  [default: all that DATA has]")
@click.option(
    "--to", "kind", type=click.Choice(KINDS), default="npy", show_default=True,
    help="Arrays that lakhnes maps into memory, or Parquet, which other programs read (with -o).",
)  # fmt: skip
@shard_option("songs, into DEST/parts; `lakhnes data merge DEST` joins the parts")
@scheduler_option("texts")
@force_option("With --shard: begin the part anew.")
@common_options
@pass_console
def shard(
    console: Console, data: Path, output: Path | None, vocabulary: str | None, kind: str, shard: Shard | None,
    cluster: "Cluster | None", force: bool,
) -> None:  # fmt: skip
    """Tokenize the texts of a corpus directory into shards that are mapped into memory.

    Training and evaluation take them in place of the texts: at once, and without limit of size. Parquet files have a
    row a song: its name, input_ids and events. Hugging Face datasets reads DEST as it is.
    """
    from lakhnes.data.folder import check_exists
    from lakhnes.data.shard_parts import shard_part
    from lakhnes.errors import FormatError
    from lakhnes.extras import need

    check_exists(data)
    names = [vocabulary] if vocabulary else _dialects(data)
    if not names:
        raise FormatError(f"{data}: no texts NAME.tx1.txt, NAME.tx2.txt or NAME.tx3.txt in folders train, valid, test")
    if kind == "parquet":
        need("pyarrow")
        if output is None:
            raise click.UsageError("--to parquet needs -o: a folder of tables alone is what other programs read")
    if shard is not None:
        with console.progress("shard", None) as advance:
            made = shard_part(data, names, shard, output, to=kind, overwrite=force, cluster=cluster, advance=advance)
        note_part(console, output or data, shard)
        console.summary({"corpus": str(output or data), "shards": made})
        return
    facts = shard_texts(console, data, names, output, kind, cluster)
    console.result(output or data)
    console.summary({"corpus": str(output or data), "shards": facts})


def shard_texts(
    console: Console,
    data: Path,
    names: Iterable[str],
    output: Path | None = None,
    kind: str = "npy",
    cluster: "Cluster | None" = None,
) -> dict[str, dict[str, object]]:
    """Write and note the shards of these vocabularies; return their counts by vocabulary and split."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.corpus import shard_corpus
    from lakhnes.data.parquet import write_parquet
    from lakhnes.data.shards import write_shards

    write = write_parquet if kind == "parquet" else write_shards
    facts: dict[str, dict[str, object]] = {}
    for name in names:
        with console.progress(f"shard {name}", None) as advance:
            manifests = shard_corpus(data, Vocabulary(name), output, advance, write=write, cluster=cluster)
        facts[name] = note_manifests(console, name, manifests)
    return facts


def note_manifests(console: Console, name: str, manifests: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Note the shards of a vocabulary; return their counts by split."""
    facts: dict[str, object] = {}
    for split, manifest in manifests.items():
        facts[split] = {"songs": manifest["songs"], "events": manifest["events"]}
        console.note(f"{split}: shards of {manifest['songs']:,} songs, {manifest['events']:,} {name.upper()} events")
    return facts


def note_corpus(console: Console, target: Path, names: Iterable[str], shard: Shard | None, *, shards: bool) -> None:
    """Print the path of a corpus, with `shards` after writing its shards; or of a `shard`, the path of its part."""
    if shard is not None:
        note_part(console, target, shard)
        return
    if shards:
        shard_texts(console, target, names)
    console.result(target)


def note_part(console: Console, target: Path, shard: Shard) -> None:
    """Print the path of a part, and the command that joins all parts."""
    from lakhnes.data.parts import part_folder

    console.result(part_folder(target, shard))
    console.note(f"part {shard} is complete; when all are: lakhnes data merge {target}")


def _dialects(data: Path) -> list[str]:
    folders = [data / split for split in SPLITS if (data / split).is_dir()]
    return [name for name in TEXTS if any(next(folder.glob(text_name("*", name)), None) for folder in folders)]
