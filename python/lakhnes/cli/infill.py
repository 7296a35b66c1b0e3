"""``lakhnes infill``: new parts for a song."""

from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.composing import compose_and_write, composing_options, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import arrange_options, names_of
from lakhnes.units import VOICES

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.model.model import Model
    from lakhnes.sampling import SamplingParams

__all__ = ["infill"]


@click.command()
@click.argument("song", metavar="SONG", type=click.Path())
@click.option("--voices", required=True, metavar="NAMES", help="Voices to write, separated by commas: p1,p2,tr,no.")
@arrange_options("Take any MIDI file, arranged for four voices.")
@composing_options
@common_options
@pass_console
def infill(console: Console, /, song: str, voices: str, **options: Any) -> None:
    """Write new parts for the named voices of a song; the others stay event for event.

    SONG is in any readable format. OUT_DIR gets 0.tx1.txt, 0.wav, … For each song a path is printed, and on stderr the
    perplexities of what was kept and of what was written (--json has them too).
    """
    from lakhnes.sampling import infillings

    names = names_of(voices.lower(), VOICES, "--voices")
    given = read_song(console, song, options)

    def fill(
        model: "Model", num: int, params: "SamplingParams", advance: Any, **chosen: Any
    ) -> "list[tuple[Song, dict[str, Any]]]":
        made = []

        def reached(share: float) -> None:  # of one version of several, as events of all
            advance(share * params.length / num)

        for version in infillings(model, num, given, names, params, reached=reached, **chosen):
            facts = {"events": len(version.events), "ppl": version.ppl, "kept_ppl": version.kept_ppl}
            made.append((version.song, facts | {"seconds": version.seconds}))
        return made

    params = params_of(options)
    for index, facts in enumerate(compose_and_write(console, fill, params, **options)):
        console.note(f"{index}: perplexity {facts['ppl']:.3f}, of what was kept {facts['kept_ppl']:.3f}")
