"""``lakhnes accompany``: a melody for a rhythm."""

from typing import Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.composed import compose_and_write, perplexity
from lakhnes.cli.composing import composing_options, from_excerpt, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import arrange_options
from lakhnes.cli.place import Place
from lakhnes.errors import FormatError
from lakhnes.sampling.params import EXCERPT_LENGTH, MAX_LENGTH, SONG
from lakhnes.units import VOICES

__all__ = ["accompany"]

PITCHED = VOICES[:3]


@click.command()
@click.argument("song", metavar="SONG", type=Place())
@click.option(
    "--length",
    default=SONG.length,
    type=click.IntRange(1, MAX_LENGTH),
    help=f"Events of SONG that are taken.  [default: {EXCERPT_LENGTH}]",
)
@arrange_options("Take any MIDI file, arranged for four voices.")
@composing_options
@common_options
@pass_console
def accompany(console: Console, /, song: str, **options: Any) -> None:
    """Choose new pitches for a song: its rhythm, drums and note-offs stay.

    SONG is in any readable format. OUT_DIR gets 0.wav and the events, 0.tx3.txt or 0.tx1.txt, … For each song a path is
    printed, and on stderr the perplexities of the song's own pitches and of the chosen ones (--json has them too).
    """
    from lakhnes.sampling import accompaniments

    params = params_of(options)
    given = read_song(console, song, options)
    if not any(len(given.voices[voice]) for voice in PITCHED):
        raise FormatError(f"{song}: expected notes of {', '.join(PITCHED)} whose pitches are chosen, found none")
    excerpted = from_excerpt(accompaniments, given, params.length or EXCERPT_LENGTH)
    songs = compose_and_write(console, excerpted, params, given=song, **options)
    for index, facts in enumerate(songs):
        own = perplexity(facts["prime_ppl"])
        console.note(f"{index}: {perplexity(facts['ppl'])}, of the song's own pitches in their place {own}")
