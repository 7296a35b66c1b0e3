"""``lakhnes data adapt``: any folder of MIDI files as a corpus."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import jobs_option, names_of, scheduler_option
from lakhnes.cli.shard import corpus_options, note_corpus, shard_texts
from lakhnes.data.layout import TEXTS
from lakhnes.sharding import Shard

if TYPE_CHECKING:
    from lakhnes.data.adapt import AdaptReport

__all__ = ["adapt", "note_adapted"]


@click.command()
@click.argument("source", metavar="MIDI_DIR")
@click.argument("target", metavar="DEST")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**64 - 1), help="Of all random choices.")
@click.option("--valid", default=0.05, show_default=True, type=click.FloatRange(0, 1), help="Share of files for valid.")
@click.option("--test", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Share of files for test.")
@click.option(
    "--overlap",
    metavar="MS",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0, max=10_000),
    help="Cut notes off that overlap the next one by at most this, instead of dropping their instrument.",
)
@click.option(
    "--exclude-like",
    metavar="DIR",
    multiple=True,
    help="Drop files that are versions of a song in DIR, in any key and tempo; may be repeated.",
)
@click.option("--max-examples", default=16, show_default=True, type=click.IntRange(min=1), help="Songs a file at most.")
@click.option(
    "--min-instruments", default=1, show_default=True, type=click.IntRange(min=1), help="Monophonic instruments a file."
)
@click.option("--min-seconds", default=5.0, show_default=True, type=click.FloatRange(0, 1e6), help="Shortest file.")
@click.option("--max-seconds", default=600.0, show_default=True, type=click.FloatRange(0, 1e6), help="Longest file.")
@click.option(
    "--clip", metavar="S", default=180.0, show_default=True, type=click.FloatRange(1, 1e6), help="Longest song."
)
@click.option(
    "--arrange", is_flag=True, help="Make one song of a file whose instruments play chords, instead of dropping it."
)
@click.option("--no-drums", is_flag=True, help="Leave the noise silent.")
@jobs_option("Files")
@scheduler_option()
@corpus_options
@common_options
@pass_console
def adapt(
    console: Console, /, source: str, target: str, formats: str, clip: float, no_drums: bool, shards: bool,
    shard: Shard | None, force: bool, **options: Any,
) -> None:  # fmt: skip
    """Convert any folder of MIDI files to training songs for the four voices.

    Instruments that play one note at a time go to P1, P2 and TR in every order, up to 16 songs a file; drums become
    noise. Files whose instruments play chords, as piano pieces, need --arrange, which makes one song of each. DEST gets
    folders train, valid, test of NAME_000.tx1.txt and NAME_000.tx2.txt, and adapted.jsonl, which says why each file and
    instrument that is not used was left out. The same seed gives the same bytes. Both may be addresses, such as
    s3://BUCKET/FOLDER, with lakhnes[cluster].
    """
    from lakhnes.data.adapt import REPORT
    from lakhnes.data.adapt import adapt as adapt_collection
    from lakhnes.data.midi_files import find_midi_files
    from lakhnes.remote import is_url, uploaded

    chosen = names_of(formats, TEXTS, "--to")
    if options["valid"] + options["test"] > 1:
        raise click.UsageError("--valid and --test are more than 1 together")
    if is_url(target) and (shard is not None or options["cluster"] is not None):
        raise click.UsageError("--shard and --scheduler write into a folder that all machines share, not to an address")
    started = time.monotonic()
    remote = is_url(target)
    files = find_midi_files(Path(source)) if Path(source).exists() and not is_url(source) else None
    total = len(files) if files is not None and shard is None else None
    with uploaded(target, last=REPORT, overwrite=force) if remote else contextlib.nullcontext(Path(target)) as place:
        with console.progress("adapt", total) as advance:
            report = adapt_collection(
                source, place, to=chosen, max_song_seconds=clip, drums=not no_drums, overwrite=force, finished=advance,
                shard=shard, shards=shards, files=files, **options,
            )  # fmt: skip
        seconds = time.monotonic() - started
        note_adapted(console, report, seconds, arrange=options["arrange"])
        if remote and shards:
            shard_texts(console, place, chosen)
    if remote:
        console.result(target)
    else:
        note_corpus(console, place, chosen, shard, shards=shards)
    console.summary({"corpus": target} | report.facts() | {"seconds": seconds})


def note_adapted(console: Console, report: "AdaptReport", seconds: float, *, arrange: bool) -> None:
    """Note what became of a collection."""
    from lakhnes.data.adapt import POLYPHONIC, POLYPHONIC_HINT

    for _, error in report.failed:
        console.note(f"left out: {error}")
    counts = ", ".join(f"{count:,} {split}" for split, count in report.songs.items())
    songs = f"{report.songs.total():,} songs ({counts}), {report.hours:.1f} hours"
    console.note(f"{songs}, of {report.used:,} of {report.files:,} files, {seconds:.1f} s")
    for what, dropped in (("files", report.dropped_files), ("instruments", report.dropped_instruments)):
        if dropped:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.most_common())
            console.note(f"{what} left out: {reasons}")
    if report.dropped_files[POLYPHONIC] and not arrange:
        console.note(f"of files left out: {POLYPHONIC_HINT}")
    if report.arranged:
        console.note(f"arranged: {report.arranged:,} files, a song of each")
    if report.trimmed:
        console.note(f"notes cut off where the next begins: {report.trimmed:,}")
