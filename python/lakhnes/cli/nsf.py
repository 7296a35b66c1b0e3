"""``lakhnes data nsf``: NSF files as a corpus."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import FAILED, Console, common_options, pass_console
from lakhnes.cli.options import jobs_option, names_of, scheduler_option
from lakhnes.cli.shard import corpus_options, note_corpus
from lakhnes.data.layout import TEXTS
from lakhnes.sharding import Shard

if TYPE_CHECKING:
    from lakhnes.data.nsf import NsfReport

__all__ = ["note_nsf", "nsf"]


@click.command()
@click.argument("source", metavar="COLLECTION")
@click.argument("target", metavar="DEST")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**64 - 1), help="Of the splits.")
@click.option("--valid", default=0.05, show_default=True, type=click.FloatRange(0, 1), help="Share of games for valid.")
@click.option("--test", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Share of games for test.")
@click.option(
    "--exclude-like",
    metavar="DIR",
    multiple=True,
    help="Drop songs that are versions of a song in DIR, in any key and tempo; may be repeated.",
)
@click.option("--min-seconds", default=1.0, show_default=True, type=click.FloatRange(min=0), help="Shortest song.")
@click.option(
    "--max-duration",
    metavar="S",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Cut tracks that do not end off there (seconds).",
)
@click.option("--effects", is_flag=True, help="Take tracks that a file calls sound effects, too.")
@click.option("--exact", is_flag=True, help="Transcribe register writes true to the chip, not as NES-MDB does.")
@jobs_option("Tracks")
@scheduler_option(None)
@corpus_options
@common_options
@pass_console
def nsf(
    console: Console, /, source: str, target: str, formats: str, jobs: int, shards: bool, shard: Shard | None,
    force: bool, **options: Any,
) -> None:  # fmt: skip
    """Convert a collection of .nsf and .nsfe files to training songs, a song a track.

    COLLECTION is a folder, searched with its subfolders, or an archive (.zip, .tar.gz, .tar.xz). DEST gets folders
    train, valid, test of GAME-03-TITLE.tx1.txt and so on, in which the songs of a game stay together, and nsf.jsonl,
    which says why each track that is not used was left out: copies of songs, silence, sound effects.
    """
    from lakhnes.data.nsf import convert_nsf

    chosen = names_of(formats, TEXTS, "--to")
    if options["valid"] + options["test"] > 1:
        raise click.UsageError("--valid and --test are more than 1 together")
    started = time.monotonic()
    with console.progress("convert", None) as advance:
        report = convert_nsf(
            source, target, to=chosen, threads=jobs, overwrite=force, finished=advance, shard=shard, shards=shards,
            **options,
        )  # fmt: skip
    seconds = time.monotonic() - started
    note_nsf(console, report, seconds)
    note_corpus(console, Path(target), chosen, shard, shards=shards)
    console.summary({"corpus": target} | report.facts() | {"seconds": seconds})
    if report.failed:
        raise click.exceptions.Exit(FAILED)


def note_nsf(console: Console, report: "NsfReport", seconds: float) -> None:
    """Note what became of a collection."""
    for _, error in report.failed:
        console.error(f"Error: {error}")
    counts = ", ".join(f"{count:,} {split}" for split, count in report.songs.items())
    songs = f"{report.songs.total():,} songs ({counts}), {report.hours:.1f} hours"
    console.note(f"{songs}, of {report.files:,} files, {len(report.failed)} failed, {seconds:.1f} s")
    if report.dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.dropped.most_common())
        console.note(f"tracks left out: {reasons}")
