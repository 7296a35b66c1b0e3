"""``lakhnes generate``: new songs."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.files import AUDIO_FORMATS, SUFFIXES, WRITABLE, check_target

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.songs import Expression

__all__ = ["generate"]


def _formats(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in value.split(",")))
    for name in names:
        if name not in WRITABLE:
            raise click.BadParameter(f"{name!r} is none of {', '.join(WRITABLE)}")
    return names


@click.command()
@click.option("-n", "--num", default=1, show_default=True, type=click.IntRange(min=1), help="How many songs.")
@click.option(
    "-o",
    "--out-dir",
    default="generated",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where to; made if missing.",
)
@click.option(
    "-m", "--model", "model_name", default="bundled", show_default=True, help="bundled, or a checkpoint directory."
)
@click.option(
    "--length", default=1024, show_default=True, type=click.IntRange(1, 1_000_000), help="Events at the most."
)
@click.option("--min-length", default=64, show_default=True, type=click.IntRange(min=0), help="Events at the least.")
@click.option("--memory", default=512, show_default=True, type=click.IntRange(0, 1_000_000), help="Events remembered.")
@click.option(
    "--temperature", default=0.95, show_default=True, type=click.FloatRange(min=0), help="Higher is wilder; 0: none."
)
@click.option(
    "--top-k", default=32, show_default=True, type=click.IntRange(min=0), help="Choose among so many events; 0: all."
)
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Choose among the most probable share.")
@click.option("--seed", type=click.IntRange(min=0), help="Song I is drawn with seed SEED + I.  [default: a new one]")
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), help="Songs written at once.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--format", "formats", default="wav,tx1", show_default=True, callback=_formats, help="Files of each song."
)
@click.option(
    "--expression",
    default="natural",
    show_default=True,
    type=click.Choice(["plain", "natural"]),
    help="How scores without dynamics are played.",
)
@click.option("-f", "--force", is_flag=True, help="Replace outputs that exist.")
@common_options
@pass_console
def generate(
    console: Console,
    /,
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
) -> None:
    """Compose new songs and perform them.

    OUT_DIR gets 0.tx1.txt, 0.wav, 1.tx1.txt, … One path a song goes to stdout, that of its score if one is written.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.generate import generate as compose
    from lakhnes.sampling.generate import new_seed

    targets = [_targets(out_dir, index, formats) for index in range(num)]
    model = load_model(model_name, device)
    out_dir.mkdir(exist_ok=True)
    for paths in targets:
        for path in paths.values():
            check_target(path, overwrite=force)
    first = new_seed() if seed is None else seed
    console.note(f"seed {first}")
    facts = []
    for start in range(0, num, batch_size):
        count = min(batch_size, num - start)
        started = time.monotonic()
        with console.progress("compose", options["length"]) as advance:
            songs = compose(
                model, count, seed=first + start, batch_size=count, top_k=top_k or None, advance=advance, **options
            )
        seconds = (time.monotonic() - started) / count
        for index, song in enumerate(songs, start):
            facts.append(_write(song, targets[index], expression, force) | {"seed": first + index, "seconds": seconds})
            console.result(_listed(targets[index]))
    console.summary({"songs": facts})


def _targets(folder: Path, index: int, formats: list[str]) -> dict[str, Path]:
    """Return where each format of a song goes."""
    suffixes = {name: next(suffix for suffix, known in SUFFIXES.items() if known == name) for name in formats}
    return {name: folder / f"{index}{suffix}" for name, suffix in suffixes.items()}


def _listed(paths: dict[str, Path]) -> Path:
    """Return the path that stands for a song: its score, if there is one, for that can be read again."""
    scores = [path for name, path in paths.items() if name not in AUDIO_FORMATS]
    return scores[0] if scores else next(iter(paths.values()))


def _write(song: "Song", paths: dict[str, Path], expression: "Expression", force: bool) -> dict[str, Any]:
    from lakhnes.songs import write

    for name, path in paths.items():
        write(song, path, name, overwrite=force, expression=expression)
    return {
        "paths": {name: str(path) for name, path in paths.items()},
        "events": len(song.to_tx1().splitlines()),
        "duration": song.duration,
    }
