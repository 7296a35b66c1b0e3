"""``lakhnes continue``: a song goes on."""

from typing import Any

import click

from lakhnes.cli.composing import compose_and_write, composing_options, ending_options, from_excerpt
from lakhnes.cli.console import Console, common_options, pass_console

__all__ = ["continue_song"]


@click.command("continue")
@click.argument("prime", metavar="PRIME", type=click.Path())
@click.option(
    "--prime-length", default=512, show_default=True, type=click.IntRange(min=0), help="Events of PRIME that are kept."
)
@click.option(
    "--length", default=512, show_default=True, type=click.IntRange(1, 1_000_000), help="Events added at the most."
)
@click.option("--min-length", default=0, show_default=True, type=click.IntRange(min=0), help="Events at the least.")
@ending_options
@composing_options
@common_options
@pass_console
def continue_song(console: Console, /, prime: str, prime_length: int, **options: Any) -> None:
    """Let a song go on: its beginning is kept, the model writes the rest.

    PRIME is a song in any readable format. OUT_DIR gets 0.tx1.txt, 0.wav, … One path a song goes to stdout, the
    perplexities of the prime and of each continuation to stderr (and to --json).
    """
    from lakhnes.sampling import compose
    from lakhnes.songs import read

    options["min_duration"] = options["min_duration"] or 0.0
    songs = compose_and_write(console, from_excerpt(compose, read(prime), prime_length), **options)
    console.note(f"prime: perplexity {songs[0]['prime_ppl']:.3f}")
    for index, song in enumerate(songs):
        console.note(f"{index}: perplexity {song['ppl']:.3f}")
