"""``lakhnes generate``: new songs."""

from typing import Any

import click

from lakhnes.cli.composing import compose_and_write, composing_options, ending_options, from_excerpt
from lakhnes.cli.console import Console, common_options, pass_console

__all__ = ["generate"]


@click.command()
@click.option(
    "--length", default=1024, show_default=True, type=click.IntRange(1, 1_000_000), help="Events at the most."
)
@click.option("--min-length", default=64, show_default=True, type=click.IntRange(min=0), help="Events at the least.")
@click.option(
    "--min-voices",
    default=3,
    show_default=True,
    type=click.IntRange(0, 4),
    help="Compose a song in which fewer voices play again, up to three times.",
)
@ending_options
@composing_options
@common_options
@pass_console
def generate(console: Console, /, **options: Any) -> None:
    """Compose new songs and perform them.

    OUT_DIR gets 0.tx1.txt, 0.wav, 1.tx1.txt, … One path a song goes to stdout, that of its score if one is written.
    """
    from lakhnes.sampling import compose

    songs = compose_and_write(console, from_excerpt(compose), **options)
    ends = {"<S>": "by themselves", "length": "at --length", "duration": "at --max-duration"}
    counts = {how: sum(song["ended"] == end for song in songs) for end, how in ends.items()}
    console.note("songs ended: " + ", ".join(f"{count} {how}" for how, count in counts.items() if count))
