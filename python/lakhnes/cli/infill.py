"""``lakhnes infill``: new parts for a song."""

from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.arranged import read_song
from lakhnes.cli.composed import compose_and_write, perplexity
from lakhnes.cli.composing import composing_options, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import arrange_options, names_of
from lakhnes.cli.place import Place
from lakhnes.errors import FormatError, shown
from lakhnes.units import VOICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakhnes._native import Song
    from lakhnes.model.model import Model
    from lakhnes.sampling import SamplingParams

__all__ = ["infill"]


@click.command()
@click.argument("song", metavar="SONG", type=Place())
@click.option("--voices", required=True, metavar="NAMES", help="Voices to write, separated by commas: p1,p2,tr,no.")
@arrange_options("Take any MIDI file, arranged for four voices.")
@click.option("--from", "start", metavar="SECONDS|BARb", help="Where the passage begins: 8, or 3b for bar 3 (from 1).")
@click.option("--to", "end", metavar="SECONDS|BARb", help="Where it ends, the same way.  [default: with the song]")
@composing_options
@common_options
@pass_console
def infill(console: Console, /, song: str, voices: str, start: str | None, end: str | None, **options: Any) -> None:
    """Write new parts for the named voices of a song; the others stay event for event.

    With --from and --to a passage of them is written anew, and -n 4 gives four alternatives.

    SONG is in any readable format. OUT_DIR gets 0.wav and the events, 0.tx3.txt or 0.tx1.txt, … For each song a path is
    printed, and on stderr the perplexities of what was kept and of what was written (--json has them too).
    """
    from lakhnes.sampling import infillings
    from lakhnes.sampling.infilling import window_of

    names = names_of(voices.lower(), VOICES, "--voices")
    given = read_song(console, song, options)
    if not given.length:
        raise FormatError(f"{song}: expected a song of some length, found one of 0 s")
    try:
        window = window_of(given, _place(start, "--from"), _place(end, "--to"))
    except ValueError as error:
        raise click.UsageError(f"{song}: {error}") from None

    def fill(
        model: "Model", seeds: "Iterable[int]", params: "SamplingParams", advance: Any, batch_size: int
    ) -> "Iterator[tuple[int, Song, dict[str, Any]]]":
        def reached(share: float) -> None:  # of one version, as events
            advance(share * params.expected_events)

        for seed in seeds:  # one after the other: each reads several candidates at once
            (version,) = infillings(model, 1, given, names, params, window=window, reached=reached, seed=seed)
            facts = {"events": len(version.events), "ppl": version.ppl, "kept_ppl": version.kept_ppl}
            yield seed, version.song, facts | {"seconds": version.seconds}

    params = params_of(options)
    for index, facts in enumerate(compose_and_write(console, fill, params, given=song, **options)):
        console.note(f"{index}: {perplexity(facts['ppl'])}, of what was kept {perplexity(facts['kept_ppl'])}")


def _place(text: str | None, flag: str) -> float | str | None:
    """Read seconds, or a bar such as ``3b``."""
    if text is None or text.endswith("b"):
        return text
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{shown(text)}: expected seconds, or a bar such as 3b", param_hint=flag) from None
