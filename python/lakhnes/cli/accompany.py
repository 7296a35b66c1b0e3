"""``lakhnes accompany``: a melody for a rhythm."""

from typing import Any

import click

from lakhnes.cli.composing import compose_and_write, composing_options, from_excerpt
from lakhnes.cli.console import Console, common_options, pass_console

__all__ = ["accompany"]


@click.command()
@click.argument("song", metavar="SONG", type=click.Path())
@click.option(
    "--length", default=1024, show_default=True, type=click.IntRange(1, 1_000_000), help="Events of SONG taken."
)
@composing_options
@common_options
@pass_console
def accompany(console: Console, /, song: str, length: int, **options: Any) -> None:
    """Choose new pitches for a song: its rhythm, drums and note-offs stay.

    SONG is in any readable format. OUT_DIR gets 0.tx1.txt, 0.wav, … One path a song goes to stdout, the perplexities of
    the song's own pitches and of the chosen ones to stderr (and to --json).
    """
    from lakhnes.sampling import accompany_ids
    from lakhnes.songs import read

    songs = compose_and_write(console, from_excerpt(accompany_ids, read(song), length), length=length, **options)
    for index, facts in enumerate(songs):
        own = facts["prime_ppl"]
        console.note(f"{index}: perplexity {facts['ppl']:.3f}, of the song's own pitches in their place {own:.3f}")
