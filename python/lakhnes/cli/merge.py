"""``lakhnes data merge``: the parts of a corpus become the corpus."""

import time
from pathlib import Path

import click

from lakhnes.cli.adapt import note_adapted
from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.nesmdb import facts_of, note_converted
from lakhnes.cli.nsf import note_nsf
from lakhnes.cli.options import force_option
from lakhnes.cli.place import Place
from lakhnes.cli.shard import note_manifests, shard_texts

__all__ = ["merge"]


@click.command()
@click.argument("target", metavar="DEST", type=Place(path_type=Path))
@force_option("Write into DEST although it holds more than parts.")
@common_options
@pass_console
def merge(console: Console, target: Path, force: bool) -> None:
    """Join the parts of a corpus that machines have made with --shard.

    DEST/parts holds a folder for each part; of machines without a common file system, copy them there first. Copies,
    versions of one song and splits are found among all files, so DEST gets, byte for byte, what one machine would have
    written. The parts are removed at the end.
    """
    from lakhnes.data.adapt import merge_adapted
    from lakhnes.data.nesmdb import merge_nesmdb
    from lakhnes.data.nsf import merge_nsf
    from lakhnes.data.parts import merging
    from lakhnes.data.shard_parts import merge_shards
    from lakhnes.errors import FormatError

    started = time.monotonic()
    failed = False
    with merging(target, overwrite=force) as (parts, staging):
        command = parts.plan["command"]
        if command == "adapt":
            adapted = merge_adapted(parts, staging)
            note_adapted(console, adapted, time.monotonic() - started, arrange=parts.plan["how"]["arrange"])
            facts = adapted.facts()
        elif command == "nesmdb":
            converted = merge_nesmdb(parts, staging)
            note_converted(console, converted, time.monotonic() - started)
            facts, failed = facts_of(converted), bool(converted.failed)
        elif command == "nsf":
            played = merge_nsf(parts, staging)
            note_nsf(console, played, time.monotonic() - started)
            facts, failed = played.facts(), bool(played.failed)
        elif command == "shard":
            manifests = merge_shards(parts, staging)
            facts = {"shards": {name: note_manifests(console, name, each) for name, each in manifests.items()}}
        else:
            raise FormatError(f"{target}: parts of {command!r}, which this version does not know")
    if parts.plan.get("shards"):
        shard_texts(console, target, parts.plan["formats"])
    console.result(target)
    console.summary({"corpus": str(target)} | facts | {"seconds": time.monotonic() - started})
    if failed:
        raise click.exceptions.Exit(FAILED)
