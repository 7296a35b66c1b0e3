"""What the commands that compose have in common: their options, and the files of a song."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

from lakhnes.cli.options import (
    adding,
    expression_option,
    force_option,
    loudness_options,
    midi_option,
    tag_options,
)
from lakhnes.cli.place import Place
from lakhnes.cli.targets import STDIO
from lakhnes.files import WRITABLE, known_format
from lakhnes.remote import Remote, is_url
from lakhnes.sampling.params import BATCH_SIZE, MAX_LENGTH, MIN_DURATION, SECONDS, SONG, SamplingParams, params_from

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.model.model import Model
    from lakhnes.sampling import Composition

    Compose: TypeAlias = Callable[..., Iterator[tuple[int, Song, dict[str, Any]]]]

DTYPES = ("float32", "bfloat16", "int8")

SHARED_FOLDER = "generated"
"""Where songs go without ``--out-dir``: into one folder for all commands, under names that do not collide."""

__all__ = [
    "composing_options",
    "ending_options",
    "from_excerpt",
    "limit_options",
    "params_of",
    "sampling_options",
]

F = TypeVar("F", bound=Callable[..., Any])


class _OutputFolder(Place):
    """A folder, and not stdout: a song is several files."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == STDIO:
            self.fail("songs are files in a folder, and - stands for stdout", param, ctx)
        if is_url(value):
            return Remote.of(value)
        if known_format(value, WRITABLE) is not None and not Path(value).exists():
            self.fail(
                f"{value} is the name of a file, expected that of a folder; --format says what is written", param, ctx
            )
        return super().convert(value, param, ctx)


def sampling_options(purpose: str = "") -> Callable[[F], F]:
    """Give the options that say how each event is sampled; their help begins with what they are for."""
    share = click.FloatRange(0, 1, min_open=True)
    of_probability = "events that together reach probability p."
    options = (
        ("--temperature", click.FloatRange(min=0), "Higher is more varied; 0: the most likely event."),
        ("--top-k", click.IntRange(min=0), "Sample from the k most likely events (0: all)."),
        ("--top-p", share, f"Sample from the most likely {of_probability}"),
        ("--min-p", click.FloatRange(0, 1), "Sample from events at least p times as likely as the first."),
        ("--typical-p", share, f"Sample from the most typical {of_probability}"),
        ("--memory", click.IntRange(0, MAX_LENGTH), "Events attended to.", "the model's own"),
        ("--dtype", click.Choice(DTYPES), "Type of stored weights; int8 on the CPU only.", "float32"),
    )
    return adding(*(_option(flag, kind, purpose + text, *default) for flag, kind, text, *default in options))


def ending_options(base: SamplingParams) -> Callable[[F], F]:
    """Give the options that say when a new part ends, and what may come before; their defaults are those of `base`."""
    shortest = f"{MIN_DURATION:g}, or --max-duration" if base.min_duration is None else f"{base.min_duration:g}"
    return adding(*limit_options(base), _ending_options(base, shortest))


def limit_options(base: SamplingParams, purpose: str = "") -> tuple[Callable[[F], F], Callable[[F], F]]:
    """Give the two options that say how long a song is; their help begins with what they are for."""
    unit = click.FloatRange(min=0, min_open=True)
    no_limit = f"{SECONDS:g}, unless --length or --max-duration is given" if base.length is None else "no limit"
    events = "no limit" if base.length is None else f"{base.length}, unless --seconds is given"
    within = purpose + "Seconds within which a song ends: at a bar line, where it would be heard as an ending."
    return (
        _option("--seconds", unit, within, no_limit, base=base),
        _option("--length", click.IntRange(1, MAX_LENGTH), f"{purpose}Events at the most.", events, base=base),
    )


def _ending_options(base: SamplingParams, shortest: str) -> Callable[[F], F]:
    return adding(
        _option("--min-length", click.IntRange(min=0), "Events at the least.", base=base),
        _option("--min-duration", click.FloatRange(min=0), "Seconds at the least.", shortest, base=base),
        _option("--max-duration", click.FloatRange(min=0, min_open=True), "Seconds at the most.", base=base),
        _option(
            "--min-surprise",
            click.FloatRange(min=0),
            "Raise the temperature where the last events had a lower loss (nats), against endless loops; 0: never.",
            base=base,
        ),
        _option(
            "--repetition",
            click.FloatRange(-100, 100),
            "Nats by which what an earlier bar predicts is more probable; below 0: less repetition.",
            base=base,
        ),
        click.option(
            "--no-grammar",
            "grammar",
            flag_value=False,
            default=base.grammar,
            help="Sample as the original did: events in any order, and no end before --length.",
        ),
    )


def _option(
    flag: str, kind: Any, text: str, default: str | None = None, *, base: SamplingParams = SONG
) -> Callable[[F], F]:
    """Give the option for the field of `SamplingParams` that has its name, with the default that stands there."""
    value = getattr(base, flag.removeprefix("--").replace("-", "_"))
    text += f"  [default: {default}]" if default else ""
    return click.option(flag, default=value, show_default=value is not None and not default, type=kind, help=text)


def composing_options(command: F) -> F:
    """Add the options that every composing command takes; `compose_and_write` takes what they give."""
    add: Callable[[F], F] = adding(
        click.option("-n", "--num", default=1, show_default=True, type=click.IntRange(min=1), help="How many songs."),
        click.option(
            "-o",
            "--out-dir",
            type=_OutputFolder(path_type=Path),
            help="Folder or address (s3://…) for the songs, made if missing; they are called 0, 1, …"
            f"  [default: {SHARED_FOLDER}, where names begin with the command and the seed]",
        ),
        click.option(
            "-m",
            "--model",
            "model_name",
            default="bundled",
            show_default=True,
            help="bundled, a checkpoint directory, or hf://OWNER/NAME.",
        ),
        sampling_options(),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Song I is that of seed SEED + I.  [default: a new one]"
        ),
        click.option(
            "--batch-size",
            default=BATCH_SIZE,
            show_default=True,
            type=click.IntRange(min=1),
            help="Songs composed at once, as far as memory allows.",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto (composes on the CPU), cpu, cuda or mps."
        ),
        click.option("--format", "formats", help="Files of each song.  [default: wav and the model's events]"),
        expression_option("natural"),
        midi_option("gm"),
        loudness_options(),
        tag_options(),
        force_option(),
    )
    return add(command)


def params_of(options: dict[str, Any], base: SamplingParams = SONG) -> SamplingParams:
    """Take the fields of `SamplingParams` out of a command's options; those that it does not have are as in `base`."""
    context = click.get_current_context()
    names = [field.name for field in dataclasses.fields(SamplingParams) if field.name in options]
    values = {name: options.pop(name) for name in names}
    typed = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    for least, most in (("min_duration", "max_duration"), ("min_duration", "seconds"), ("min_length", "length")):
        if least in typed and most in typed and values[least] > values[most]:
            flags = ["--" + name.replace("_", "-") for name in (most, least)]
            raise click.UsageError(f"{flags[0]} {values[most]:g} is below {flags[1]} {values[least]:g}")
    given = {name: values[name] for name in typed}
    if "top_k" in given:
        given["top_k"] = given["top_k"] or None
    try:
        return params_from(base, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def from_excerpt(
    compose: "Callable[..., Iterator[tuple[int, Composition]]]", given: "Song | None" = None, length: int = 0
) -> "Compose":
    """Give what `compose_and_write` takes: `compose` makes token ids of the first `length` events of a song."""

    def songs(
        model: "Model", seeds: Iterable[int], params: SamplingParams, **options: Any
    ) -> "Iterator[tuple[int, Song, dict[str, Any]]]":
        from lakhnes._native import Vocabulary
        from lakhnes.sampling.excerpt import Excerpt

        vocabulary = Vocabulary(model.config.vocabulary)
        taken = Excerpt.of(given, vocabulary, length) if given is not None else Excerpt()
        for seed, song in compose(model, seeds, taken.ids, params, **options):
            facts = {"events": len(song.ids), "ended": song.ended, "ppl": song.ppl, "seconds": song.seconds}
            facts |= {"prime_ppl": song.prime_ppl} if given is not None else {}
            if song.loop is not None:
                facts["loop"] = {"seam_ppl": song.loop.seam_ppl, "song_ppl": song.loop.song_ppl}
            if not params.grammar or "BAR" in vocabulary.symbols:
                # A song would put the events in order, and find bars of its own.
                facts["texts"] = {vocabulary.dialect: taken.text(song.ids, vocabulary)}
            yield seed, taken.song(song.ids, vocabulary), facts

    return songs
