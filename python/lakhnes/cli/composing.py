"""What the commands that compose have in common: their options, and the files of a song."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from lakhnes.cli.options import adding, expression_option, force_option, names_of
from lakhnes.files import PLAYABLE, WRITABLE, check_target, suffix_of
from lakhnes.sampling.params import BATCH_SIZE, MAX_LENGTH, MIN_DURATION, SONG, SamplingParams

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.cli.console import Console
    from lakhnes.model.model import Model
    from lakhnes.sampling import Composition
    from lakhnes.songs import Expression

    Compose: TypeAlias = Callable[..., list[tuple[Song, dict[str, Any]]]]

DTYPES = ("float32", "bfloat16", "int8")

__all__ = ["compose_and_write", "composing_options", "ending_options", "from_excerpt", "params_of", "sampling_options"]

F = TypeVar("F", bound=Callable[..., Any])


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
    return adding(
        _option("--length", click.IntRange(1, MAX_LENGTH), "Events at the most.", base=base),
        _option("--min-length", click.IntRange(min=0), "Events at the least.", base=base),
        _option("--min-duration", click.FloatRange(min=0), "Seconds at the least.", shortest, base=base),
        _option("--max-duration", click.FloatRange(min=0, min_open=True), "Seconds at the most.", base=base),
        _option(
            "--min-surprise",
            click.FloatRange(min=0),
            "Raise the temperature where the last events had a lower loss (nats), against endless loops; 0: never.",
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
            default="generated",
            show_default=True,
            type=click.Path(path_type=Path),
            help="Folder for the songs; made if missing.",
        ),
        click.option(
            "-m",
            "--model",
            "model_name",
            default="bundled",
            show_default=True,
            help="bundled, or a checkpoint directory.",
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
            help="Songs composed at once.",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto (composes on the CPU), cpu, cuda or mps."
        ),
        click.option("--format", "formats", default="wav,tx1", show_default=True, help="Files of each song."),
        expression_option("natural"),
        force_option(),
    )
    return add(command)


def params_of(options: dict[str, Any], base: SamplingParams = SONG) -> SamplingParams:
    """Take the fields of `SamplingParams` out of a command's options; those that it does not have are as in `base`."""
    names = [field.name for field in dataclasses.fields(SamplingParams) if field.name in options]
    given = {name: options.pop(name) for name in names}
    return dataclasses.replace(base, **given | {"top_k": given["top_k"] or None})


def compose_and_write(
    console: "Console",
    compose: "Compose",
    params: SamplingParams,
    *,
    num: int,
    out_dir: Path,
    model_name: str,
    formats: str,
    expression: "Expression",
    seed: int | None,
    force: bool,
    batch_size: int,
    device: str,
) -> list[dict[str, Any]]:
    """Compose songs, write each as soon as its batch is done, and print their paths and the summary.

    `compose` makes songs of a model, their number, the parameters, a seed and a function to call as they grow; with
    each it gives facts for the summary, and among them as ``texts`` what is to be written in some format instead of the
    song.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.composing import most_at_once, new_seed

    chosen = names_of(formats, WRITABLE, "--format")
    model = load_model(model_name, device)
    out_dir.mkdir(exist_ok=True)
    _refuse_existing(out_dir, chosen, num, force)
    batch_size = min(batch_size, most_at_once(model, params))
    first = new_seed() if seed is None else seed
    console.note(f"seed {first}")
    facts: list[dict[str, Any]] = []
    for start in range(0, num, batch_size):
        count = min(batch_size, num - start)
        with console.progress("compose", params.length) as advance:
            songs = compose(model, count, params, seed=first + start, advance=advance)
        for index, (song, known) in enumerate(songs, start):
            texts = known.pop("texts", {})
            paths = {name: out_dir / f"{index}{suffix_of(name)}" for name in chosen}
            facts.append(_write(song, texts, paths, expression, force) | {"seed": first + index} | known)
            console.result(_listed(paths))
    console.summary({"songs": facts})
    return facts


def _refuse_existing(folder: Path, formats: list[str], num: int, force: bool) -> None:
    """Refuse, before any work is done, a folder that holds a file of a song to come: whichever of a million it is."""
    for path in sorted(folder.iterdir()):
        for name in formats:
            number = path.name.removesuffix(suffix_of(name))
            is_number = number != path.name and number.isdecimal() and len(number) <= 20
            if is_number and f"{int(number)}" == number and int(number) < num:
                check_target(path, overwrite=force)


def from_excerpt(
    compose: "Callable[..., list[Composition]]", given: "Song | None" = None, length: int = 0
) -> "Compose":
    """Give what `compose_and_write` takes: `compose` makes token ids of the first `length` events of a song."""

    def songs(model: "Model", num: int, params: SamplingParams, **options: Any) -> "list[tuple[Song, dict[str, Any]]]":
        from lakhnes._native import Vocabulary
        from lakhnes.sampling.excerpt import Excerpt

        vocabulary = Vocabulary(model.config.vocabulary)
        taken = Excerpt.of(given, vocabulary, length) if given is not None else Excerpt()
        made = []
        for song in compose(model, num, taken.ids, params, batch_size=num, **options):
            facts = {"events": len(song.ids), "ended": song.ended, "ppl": song.ppl, "seconds": song.seconds}
            facts |= {"prime_ppl": song.prime_ppl} if given is not None else {}
            if not params.grammar:  # a song would put the events in order
                facts["texts"] = {vocabulary.dialect: taken.text(song.ids, vocabulary)}
            made.append((taken.song(song.ids, vocabulary), facts))
        return made

    return songs


def _listed(paths: dict[str, Path]) -> Path:
    """Return the path that stands for a song: its score, if there is one, for that can be read again."""
    scores = [path for name, path in paths.items() if name in PLAYABLE]
    return scores[0] if scores else next(iter(paths.values()))


def _write(
    song: "Song", texts: dict[str, str], paths: dict[str, Path], expression: "Expression", force: bool
) -> dict[str, Any]:
    from lakhnes.files import write_bytes
    from lakhnes.songs import write

    for name, path in paths.items():
        if name in texts:
            write_bytes(path, texts[name].encode(), overwrite=force)
        else:
            write(song, path, name, overwrite=force, expression=expression)
    return {"paths": {name: str(path) for name, path in paths.items()}, "duration": song.duration}
