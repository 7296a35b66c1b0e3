"""``lakhnes generate``: new songs."""

from typing import Any

import click

from lakhnes.cli.composing import compose_and_write, composing_options, ending_options, from_excerpt, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.sampling.params import SONG

__all__ = ["generate"]


@click.command()
@click.option(
    "--min-voices",
    default=SONG.min_voices,
    show_default=True,
    type=click.IntRange(0, 4),
    help="Compose a song in which fewer voices play again, up to three times.",
)
@ending_options(SONG)
@composing_options
@common_options
@pass_console
def generate(console: Console, /, **options: Any) -> None:
    """Compose new songs and perform them.

    OUT_DIR gets 0.tx1.txt, 0.wav, 1.tx1.txt, … For each song a path is printed, that of its score if one is written.
    """
    from lakhnes.sampling import compose

    params = params_of(options)
    songs = compose_and_write(console, from_excerpt(compose), params, **options)
    ends = {"<S>": "by themselves", "length": "at --length", "duration": "at --max-duration"}
    counts = {how: sum(song["ended"] == end for song in songs) for end, how in ends.items()}
    console.note("songs ended: " + ", ".join(f"{count} {how}" for how, count in counts.items() if count))
