"""``lakhnes data nesmdb``: the NES Music Database as a corpus."""

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
    from lakhnes.data.nesmdb import CorpusReport

__all__ = ["facts_of", "nesmdb", "note_converted"]

SCORE_RATE_HELP = "Reduce songs to this frame rate first (NES-MDB's scores have 24 Hz).  [default: keep every sample]"


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DEST")
@jobs_option("Songs")
@click.option("--exact", is_flag=True, help="Transcribe register writes true to the chip, not as NES-MDB does.")
@click.option("--score-rate", type=click.FloatRange(1, 44_100), metavar="HZ", help=SCORE_RATE_HELP)
@scheduler_option(None)
@corpus_options
@common_options
@pass_console
def nesmdb(
    console: Console, /, source: str, target: str, formats: str, jobs: int, shards: bool, shard: Shard | None,
    force: bool, **options: Any,
) -> None:  # fmt: skip
    """Convert an NES-MDB archive or folder to TX1 and TX2 texts.

    SRC is a folder or an archive (.zip, .tar.gz, .tar.xz) with folders train, valid, test of .vgm, .mid, .exprsco.pkl,
    .tx1.txt or .tx2.txt files, or of any other form of NES-MDB. DEST gets folders of the same names with NAME.tx1.txt
    and NAME.tx2.txt.
    """
    from lakhnes.data.nesmdb import convert_nesmdb, count_songs

    chosen = names_of(formats, TEXTS, "--to")
    started = time.monotonic()
    with console.progress("convert", count_songs(source) if shard is None else None) as advance:
        report = convert_nesmdb(
            source, target, to=chosen, threads=jobs, overwrite=force, finished=advance, shard=shard, shards=shards,
            **options,
        )  # fmt: skip
    seconds = time.monotonic() - started
    note_converted(console, report, seconds)
    if shard is not None or report.songs:
        note_corpus(console, Path(target), chosen, shard, shards=shards)
    console.summary({"corpus": target} | facts_of(report) | {"seconds": seconds})
    if report.failed:
        raise click.exceptions.Exit(FAILED)


def note_converted(console: Console, report: "CorpusReport", seconds: float) -> None:
    """Note what became of a database."""
    for _, error in report.failed:
        console.error(f"Error: {error}")
    counts = ", ".join(f"{count} {split}" for split, count in report.songs.items())
    events = ", ".join(f"{count:,} {name.upper()} events" for name, count in report.events.items())
    console.note(f"{report.songs.total()} songs ({counts}), {events}, {len(report.failed)} failed, {seconds:.1f} s")


def facts_of(report: "CorpusReport") -> dict[str, Any]:
    """Return what ``--json`` prints of a database."""
    failed = [{"path": place, "error": error} for place, error in report.failed]
    return {"songs": dict(report.songs), "events": dict(report.events), "failed": failed}
