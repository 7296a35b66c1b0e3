"""``lakhnes continue``: songs that continue another."""

from typing import Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.composed import compose_and_write, perplexity
from lakhnes.cli.composing import composing_options, ending_options, from_excerpt, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import arrange_options
from lakhnes.cli.place import Place
from lakhnes.sampling.params import CONTINUATION, PRIME_LENGTH

__all__ = ["continue_"]


@click.command("continue")
@click.argument("prime", metavar="PRIME", type=Place())
@click.option(
    "--prime-length",
    default=PRIME_LENGTH,
    show_default=True,
    type=click.IntRange(min=0),
    help="Events of PRIME that are kept.",
)
@ending_options(CONTINUATION)
@arrange_options("Take any MIDI file, arranged for four voices.")
@composing_options
@common_options
@pass_console
def continue_(console: Console, /, prime: str, prime_length: int, **options: Any) -> None:
    """Continue a song: its beginning is kept, the model writes the rest.

    PRIME is a song in any readable format. OUT_DIR gets 0.wav and the events, 0.tx3.txt or 0.tx1.txt, … For each song a
    path is printed, and on stderr the perplexities of the prime and of each continuation (--json has them too).
    """
    from lakhnes.sampling import compositions

    given = read_song(console, prime, options)
    continuing, params = from_excerpt(compositions, given, prime_length), params_of(options, CONTINUATION)
    songs = compose_and_write(console, continuing, params, given=prime, **options)
    console.note(f"prime: {perplexity(songs[0]['prime_ppl'])}")
    for index, song in enumerate(songs):
        console.note(f"{index}: {perplexity(song['ppl'])}")
