"""``lakhnes bench``: how fast lakhnes is on this machine."""

import click

from lakhnes.benchmarks import SUITES, Figure, load
from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.targets import expand
from lakhnes.errors import MissingExtraError

__all__ = ["bench"]


@click.command()
@click.argument("suites", metavar=f"[{'|'.join(SUITES)}]...", nargs=-1, type=click.Choice(SUITES))
@click.option("--songs", multiple=True, metavar="FILE|DIR", help="Measure on these.  [default: songs made for it]")
@common_options
@pass_console
def bench(console: Console, suites: tuple[str, ...], songs: tuple[str, ...]) -> None:
    """Measure speed, each figure beside a reference of the same run; all suites if none is named."""
    paths = [path for path, _ in expand(songs)]
    figures: dict[str, Figure] = {}
    chosen = list(dict.fromkeys(suites)) or list(SUITES)
    with console.progress("bench", len(chosen)) as advance:
        for name in chosen:
            try:
                figures |= load(name)(paths)
            except MissingExtraError as error:  # the others can be measured without
                if name in suites:
                    raise
                console.note(f"{name}: left out; {error}")
            advance(1)
    width = max(map(len, figures), default=0)
    for name, figure in figures.items():
        speed = f"{figure.value:,.{0 if figure.value >= 100 else 2}f} {figure.unit}"
        beside = f", {figure.ratio:,.2f} times {figure.against}" if figure.against else ""
        console.result(f"{name:{width}}  {speed}{beside}")
    console.summary(
        {
            name: {"value": figure.value, "unit": figure.unit, "reference": figure.reference, "ratio": figure.ratio}
            for name, figure in figures.items()
        }
    )
