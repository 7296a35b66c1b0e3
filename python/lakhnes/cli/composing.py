"""What the commands that compose have in common: their options, and the files of a song."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from lakhnes.files import PLAYABLE, WRITABLE, check_target, suffix_of

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.cli.console import Console
    from lakhnes.model.base import Model
    from lakhnes.sampling import Composition
    from lakhnes.songs import Expression

    Draw: TypeAlias = Callable[..., list[tuple[Song, dict[str, Any]]]]

__all__ = ["compose_and_write", "composing_options", "dtype_option", "ending_options", "from_excerpt"]

F = TypeVar("F", bound=Callable[..., Any])


def _formats(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in value.split(",")))
    for name in names:
        if name not in WRITABLE:
            raise click.BadParameter(f"{name!r} is none of {', '.join(WRITABLE)}")
    return names


dtype_option = click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    help="Form of the weights; int8 on the CPU only.  [default: as the model's]",
)

OPTIONS = (
    click.option("-n", "--num", default=1, show_default=True, type=click.IntRange(min=1), help="How many songs."),
    click.option(
        "-o",
        "--out-dir",
        default="generated",
        show_default=True,
        type=click.Path(path_type=Path),
        help="Where to; made if missing.",
    ),
    click.option(
        "-m", "--model", "model_name", default="bundled", show_default=True, help="bundled, or a checkpoint directory."
    ),
    click.option(
        "--memory", default=512, show_default=True, type=click.IntRange(0, 1_000_000), help="Events remembered."
    ),
    click.option(
        "--temperature",
        default=0.95,
        show_default=True,
        type=click.FloatRange(min=0),
        help="Higher is wilder; 0 takes the most probable event.",
    ),
    click.option(
        "--top-k",
        default=32,
        show_default=True,
        type=click.IntRange(min=0),
        help="Choose among so many events; 0: all.",
    ),
    click.option(
        "--top-p", type=click.FloatRange(0, 1, min_open=True), help="Choose among the most probable share of events."
    ),
    click.option(
        "--min-p",
        type=click.FloatRange(0, 1),
        help="Choose among events at least so many times as probable as the most probable one.",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), help="Song I is drawn with seed SEED + I.  [default: a new one]"
    ),
    click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), help="Songs at once."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps."),
    dtype_option,
    click.option(
        "--format", "formats", default="wav,tx1", show_default=True, callback=_formats, help="Files of each song."
    ),
    click.option(
        "--expression",
        default="natural",
        show_default=True,
        type=click.Choice(["plain", "natural"]),
        help="How scores without dynamics are played.",
    ),
    click.option("-f", "--force", is_flag=True, help="Replace outputs that exist."),
)


ENDS = (
    click.option(
        "--min-duration", type=click.FloatRange(min=0), help="Seconds at the least.  [default: 6 of a new song]"
    ),
    click.option("--max-duration", type=click.FloatRange(min=0, min_open=True), help="Seconds at the most."),
    click.option(
        "--min-surprise",
        default=0.6,
        show_default=True,
        type=click.FloatRange(min=0),
        help="Raise the temperature where the last events surprised less (nats), against endless loops; 0: never.",
    ),
    click.option(
        "--no-grammar",
        "grammar",
        flag_value=False,
        default=True,
        help="Draw as the original did: events in any order, and no end before --length.",
    ),
)


def ending_options(command: F) -> F:
    """Add the options that say when a new part may end, and what may come before."""
    for option in reversed(ENDS):
        command = option(command)
    return command


def composing_options(command: F) -> F:
    """Add the options that every composing command takes; `compose_and_write` takes what they give."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def compose_and_write(
    console: "Console",
    draw: "Draw",
    *,
    num: int,
    out_dir: Path,
    model_name: str,
    formats: list[str],
    expression: "Expression",
    seed: int | None,
    force: bool,
    batch_size: int,
    device: str,
    top_k: int,
    **options: Any,
) -> list[dict[str, Any]]:
    """Compose songs, write each as soon as its batch is done, and print their paths and the summary.

    `draw` makes songs of a model, a number of them and the options that are left; with each it gives facts to tell, and
    among them as ``texts`` what is to stand in a file of some format instead of the song.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.generate import new_seed

    targets = [_targets(out_dir, index, formats) for index in range(num)]
    model = load_model(model_name, device)
    out_dir.mkdir(exist_ok=True)
    for paths in targets:
        for path in paths.values():
            check_target(path, overwrite=force)
    first = new_seed() if seed is None else seed
    console.note(f"seed {first}")
    facts: list[dict[str, Any]] = []
    for start in range(0, num, batch_size):
        count = min(batch_size, num - start)
        with console.progress("compose", options.get("length")) as advance:
            options |= {"seed": first + start, "batch_size": count, "top_k": top_k or None, "advance": advance}
            songs = draw(model, count, **options)
        for index, (song, told) in enumerate(songs, start):
            texts = told.pop("texts", {})
            facts.append(_write(song, texts, targets[index], expression, force) | {"seed": first + index} | told)
            console.result(_listed(targets[index]))
    console.summary({"songs": facts})
    return facts


def from_excerpt(draw: "Callable[..., list[Composition]]", given: "Song | None" = None, length: int = 0) -> "Draw":
    """Give a `Draw` of a function that makes token ids out of the first `length` events of a song."""

    def songs(model: "Model", num: int, **options: Any) -> "list[tuple[Song, dict[str, Any]]]":
        from lakhnes._native import Vocabulary
        from lakhnes.sampling.excerpt import Excerpt

        vocabulary = Vocabulary(model.config.vocabulary)
        taken = Excerpt.of(given, vocabulary, length) if given is not None else Excerpt()
        made = []
        for drawn in draw(model, num, taken.ids, **options):
            told = {"events": len(drawn.ids), "ended": drawn.ended, "ppl": drawn.ppl, "seconds": drawn.seconds}
            told |= {"prime_ppl": drawn.prime_ppl} if given is not None else {}
            if not options.get("grammar", True):  # a song would put the events in order
                told["texts"] = {vocabulary.dialect: taken.text(drawn.ids, vocabulary)}
            made.append((taken.song(drawn.ids, vocabulary), told))
        return made

    return songs


def _targets(folder: Path, index: int, formats: list[str]) -> dict[str, Path]:
    """Return where each format of a song goes."""
    return {name: folder / f"{index}{suffix_of(name)}" for name in formats}


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
