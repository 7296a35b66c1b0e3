"""``lakhnes data shard``: the texts of a corpus as memory-mapped shards."""

from collections.abc import Iterable
from pathlib import Path

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import adding, force_option
from lakhnes.data.layout import SPLITS, TEXTS, text_name

__all__ = ["corpus_options", "shard", "shard_texts"]

corpus_options = adding(
    click.option("--to", "formats", default="tx1,tx2", show_default=True, help="Texts to write, separated by commas."),
    click.option("--shards", is_flag=True, help="Write memory-mapped shards beside the texts."),
    force_option("Write into DEST although it is not empty."),
)
"""Of the commands that write a corpus; with ``--shards`` they call `shard_texts`."""


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", metavar="DEST", type=click.Path(path_type=Path), help="Elsewhere than beside the texts."
)
@click.option("--vocabulary", type=click.Choice(TEXTS), help="Which texts.  [default: all that DATA has]")
@common_options
@pass_console
def shard(console: Console, data: Path, output: Path | None, vocabulary: str | None) -> None:
    """Tokenize the texts of a corpus directory into shards that are mapped into memory.

    Training and evaluation take them in place of the texts: at once, and without limit of size.
    """
    from lakhnes.errors import FormatError

    names = [vocabulary] if vocabulary else _dialects(data)
    if not names:
        raise FormatError(f"{data}: no texts NAME.tx1.txt, NAME.tx2.txt or NAME.tx3.txt in folders train, valid, test")
    facts = shard_texts(console, data, names, output)
    console.result(output or data)
    console.summary({"corpus": str(output or data), "shards": facts})


def shard_texts(
    console: Console, data: Path, names: Iterable[str], output: Path | None = None
) -> dict[str, dict[str, object]]:
    """Write and note the shards of these vocabularies; return their counts by vocabulary and split."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.corpus import shard_corpus

    facts: dict[str, dict[str, object]] = {}
    for name in names:
        with console.progress(f"shard {name}", None) as advance:
            manifests = shard_corpus(data, Vocabulary(name), output, advance)
        facts[name] = {}
        for split, manifest in manifests.items():
            facts[name][split] = {"songs": manifest["songs"], "events": manifest["events"]}
            console.note(
                f"{split}: shards of {manifest['songs']:,} songs, {manifest['events']:,} {name.upper()} events"
            )
    return facts


def _dialects(data: Path) -> list[str]:
    folders = [data / split for split in SPLITS if (data / split).is_dir()]
    return [name for name in TEXTS if any(next(folder.glob(text_name("*", name)), None) for folder in folders)]
