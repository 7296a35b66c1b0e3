"""``lakhnes generate``: new songs."""

import functools
from typing import Any

import click

from lakhnes.cli.composed import compose_and_write
from lakhnes.cli.composing import composing_options, ending_options, from_excerpt, params_of
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.controls import control_options, controls_of
from lakhnes.cli.options import scheduler_option, shard_option
from lakhnes.sampling.params import SONG

__all__ = ["generate"]


ENDS = ("seconds", "length", "min_length", "min_duration", "max_duration")
"""Options that a song in sections, which is as long as these, does not have."""


def _refuse_what_does_not_go_together(grammar: bool, form: str | None, loop: bool) -> None:
    """Refuse, as wrong usage, what could not be kept."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    given = [name for name in (*ENDS, "voices") if context.get_parameter_source(name) is not default]
    if form is not None and (ends := [name for name in given if name in ENDS]):
        flag = ends[0].replace("_", "-")
        raise click.UsageError(f"--form makes a song as long as its sections; --{flag} does not go with it")
    needs = ["--form"] * (form is not None) + ["--loop"] * loop + ["--voices"] * ("voices" in given)
    if not grammar and needs:
        raise click.UsageError(f"--no-grammar samples events in any order; {needs[0]} does not go with it")


@click.command()
@click.option(
    "--min-voices",
    default=SONG.min_voices,
    show_default=True,
    type=click.IntRange(0, 4),
    help="Compose a song in which fewer voices play again, up to three times.",
)
@control_options
@click.option("--loop", is_flag=True, help="Compose songs that go on after their end; .nsf, .vgm and .wav carry it.")
@click.option("--form", metavar="LETTERS", help="Sections, such as AABA: the same letter is the same section.")
@click.option("--section-bars", default=8, show_default=True, type=click.IntRange(1, 64), help="Bars of a section.")
@ending_options(SONG)
@shard_option("songs; with --seed and --out-dir")
@scheduler_option("model; with --out-dir, which its machines share")
@composing_options
@common_options
@pass_console
def generate(console: Console, /, loop: bool, form: str | None, section_bars: int, **options: Any) -> None:
    """Compose new songs and perform them.

    OUT_DIR gets 0.tx3.txt, 0.wav, 1.tx3.txt, … (or 0.tx1.txt, of a model that composes TX1). For each song a path is
    printed, that of its score if one is written. What is asked of a song (--tempo and the options after it) needs a
    model of TX3. With --shard, songs whose files are there are skipped.
    """
    from lakhnes.sampling import compositions
    from lakhnes.sampling.form import Form

    try:
        sections = None if form is None else Form(form.upper(), section_bars)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--form") from None
    _refuse_what_does_not_go_together(options["grammar"], form, loop)
    controls, params = controls_of(console, options), params_of(options)
    composing = functools.partial(compositions, controls=controls, loop=loop, form=sections)
    songs = compose_and_write(console, from_excerpt(composing), params, **options)
    ends = {
        "<S>": "by themselves",
        "seconds": "with their time",
        "length": "at --length",
        "duration": "at --max-duration",
    }
    ends |= {"loop": "where they loop", "form": "with their last section"}
    counts = {how: sum(song["ended"] == end for song in songs) for end, how in ends.items()}
    console.note("songs ended: " + ", ".join(f"{count} {how}" for how, count in counts.items() if count))
