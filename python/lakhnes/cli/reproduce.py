"""``lakhnes reproduce``: the experiments of the paper, run again."""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import INTERRUPTED, Console, common_options, device_option, pass_console
from lakhnes.cli.group import SubcommandGroup
from lakhnes.cli.options import names_of
from lakhnes.cli.place import Place
from lakhnes.cli.targets import make_folders
from lakhnes.extras import need
from lakhnes.outputs import check_writable
from lakhnes.training.choices import SCALE_NAMES

if TYPE_CHECKING:
    from lakhnes.data.corpus import Corpus
    from lakhnes.reproduction.runner import Result, Runner
    from lakhnes.reproduction.scales import Row
    from lakhnes.training.log import Report
    from lakhnes.training.trainer import Trainer

__all__ = ["reproduce"]


@click.group(cls=SubcommandGroup)
def reproduce() -> None:
    """Run the experiments of the paper again."""


@reproduce.command()
@click.argument("data", metavar="DATA", type=Place(path_type=Path))
@click.option(
    "--scale",
    default="tiny",
    show_default=True,
    type=click.Choice(SCALE_NAMES),
    help="tiny: under an hour on two free cores; bundled: hours; paper: days of a GPU.",
)
@click.option(
    "--pretrain", metavar="DIR", type=Place(path_type=Path), help="Other music, as `lakhnes data adapt` writes it."
)
@click.option(
    "-o", "--output", default="table2", show_default=True, metavar="DIR", type=Place(path_type=Path),
    help="Where rows are kept.",
)  # fmt: skip
@click.option("--rows", "names", metavar="NAMES", help="Only these rows, separated by commas.  [default: all]")
@click.option(
    "--use", "models", metavar="ROW=MODEL", multiple=True, help="Evaluate this model in place of training the row."
)
@device_option
@common_options
@pass_console
@click.pass_context
def table2(
    context: click.Context,
    console: Console,
    /,
    data: Path,
    scale: str,
    pretrain: Path | None,
    output: Path,
    names: str | None,
    models: tuple[str, ...],
    device: str,
) -> None:
    """Train and evaluate every row of the paper's Table 2, and print it beside the paper's.

    DATA is a corpus with folders train, valid and (if it is to be measured) test, or an archive of NES-MDB. Rows are
    random, unigram, 5-gram, lstm, lstm-augmented, transformer-xl, transformer-xl-augmented, transformer-xl-pretrained;
    the last one, and Figure 3, need --pretrain. Results are kept under a hash of their configuration; after Ctrl-C or a
    crash the same command resumes.
    """
    need("torch")
    from lakhnes.errors import FormatError
    from lakhnes.model.device import check_device

    check_device(device)
    if not data.is_file() and not any((data / split).is_dir() for split in ("valid", "test")):
        raise FormatError(f"{data}: no folder valid or test in it; expected one to measure")
    from lakhnes.reproduction.scales import SCALES

    chosen = SCALES[scale]
    rows = chosen.rows()
    if names is not None:
        wanted = names_of(names, [row.name for row in rows], "--rows")
        rows = [row for row in rows if row.name in wanted]
    use = _models(models, [row.name for row in chosen.rows()])
    make_folders([output])
    check_writable(output)
    corpora = _corpora(_corpus(console, data, output), pretrain)
    from lakhnes.reproduction.runner import Stopped  # loads torch

    runner = _runner(console, chosen, corpora, output, use, device)
    results: list[Result] = []
    for row in rows:
        if not runner.can(row):
            console.note(f"{row.title}: left out without --pretrain DIR")
            continue
        try:
            results.append(runner.result(row))
        except Stopped:
            console.note(f"{row.title}: stopped; the same command resumes it")
            console.failure("interrupted: the same command goes on")
            context.exit(INTERRUPTED)
        scores = "  ".join(f"{split} PPL {score['ppl']:.3f}" for split, score in results[-1].scores.items())
        console.note(f"{row.title}: {scores}")
    _finish(console, runner, rows, results)


def _models(given: tuple[str, ...], rows: list[str]) -> dict[str, str]:
    models = {}
    for entry in given:
        row, separator, model = entry.partition("=")
        if not separator or not model:
            raise click.BadParameter(f"{entry!r} is not ROW=MODEL", param_hint="--use")
        if row.strip() not in rows:
            raise click.BadParameter(f"{row.strip()!r} is not a row", param_hint="--use")
        models[row.strip()] = model
    return models


def _corpus(console: Console, data: Path, output: Path) -> Path:
    """Return the corpus directory: DATA, or one made of an archive of NES-MDB."""
    if not data.is_file():
        return data
    from lakhnes.data.nesmdb import convert_nesmdb

    corpus = output / "corpus"
    if not corpus.exists():
        console.note(f"{data}: converting to {corpus}")
        output.mkdir(parents=True, exist_ok=True)
        with console.progress("convert", None) as advance:
            convert_nesmdb(data, corpus, to=["tx1"], finished=advance)
    return corpus


def _corpora(data: Path, pretrain: Path | None) -> "tuple[Corpus, dict[str, Corpus], Corpus | None]":
    """Read what is trained on, what is measured, by split, and the other music, if there is some."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.corpus import Corpus
    from lakhnes.errors import FormatError
    from lakhnes.evaluation.streams import check_filled
    from lakhnes.reproduction.scales import MEASURE

    vocabulary = Vocabulary.tx1()
    splits = {split: Corpus.load(data, split, vocabulary) for split in ("valid", "test") if (data / split).is_dir()}
    if not splits:  # of an archive
        raise FormatError(f"{data}: no folder valid or test in it; expected one to measure")
    train = Corpus.load(data, "train", vocabulary)
    other = Corpus.load(pretrain, "train", vocabulary) if pretrain is not None else None
    for corpus in splits.values():
        check_filled(corpus, MEASURE["batch_size"], MEASURE["tgt_len"])
    return train, splits, other


def _runner(
    console: Console,
    scale: Any,
    corpora: "tuple[Corpus, dict[str, Corpus], Corpus | None]",
    output: Path,
    models: dict[str, str],
    device: str,
) -> "Runner":
    from lakhnes.model.network import pick_device
    from lakhnes.reproduction.runner import Runner

    return Runner(
        scale, *corpora, output, pick_device(device),
        use=models, note=console.note, progress=console.progress, watch=partial(_watch, console),
    )  # fmt: skip


@contextlib.contextmanager
def _watch(console: Console, title: str, trainer: "Trainer") -> "Iterator[Report]":
    """Show how far a training is, and let Ctrl-C stop it."""
    from lakhnes.cli.live import live
    from lakhnes.cli.training import stopping_politely

    with live(console, title) as report, stopping_politely(trainer):
        yield report


def _finish(console: Console, runner: "Runner", rows: "list[Row]", results: "list[Result]") -> None:
    import json

    from lakhnes.outputs import write_bytes
    from lakhnes.reproduction.published import TABLE2
    from lakhnes.reproduction.report import as_markdown, as_text, draw_figure3, order_of

    splits = list(runner.splits)
    by_name = {result.name: result for result in results}
    table = [by_name[row.name] for row in rows if row.in_table and row.name in by_name]
    for line in as_text(table, splits):
        console.result(line)
    orders = {split: order_of(table, split) for split in splits}
    for split, pairs in orders.items():
        wrong = [f"{worse} is not worse than {better}" for worse, better, holds in pairs if not holds]
        verdict = "; ".join(wrong) if wrong else f"all {len(pairs)} comparisons as in the paper"
        console.result(f"order on {split}: {verdict}")
    facts: dict[str, Any] = {
        "scale": runner.scale.name,
        "songs": len(runner.train),
        "rows": [_row_facts(result) | {"published": TABLE2.get(result.name, {})} for result in table],
        "order": {
            split: [{"worse": worse, "better": better, "holds": holds} for worse, better, holds in pairs]
            for split, pairs in orders.items()
        },
        "figure3": None,
    }
    points = _points(rows, by_name)
    if points:
        picture = runner.output / "figure3.png"
        steps = runner.scale.pretraining.steps or 0
        draw_figure3(points, splits, steps, picture, title=f"here, scale {runner.scale.name}")
        console.result(picture)
        facts["figure3"] = {
            "path": str(picture),
            "points": [{"steps": round(share * steps)} | _row_facts(result) for share, result in points],
        }
    write_bytes(runner.output / "table2.json", (json.dumps(facts, indent=2) + "\n").encode(), overwrite=True)
    write_bytes(runner.output / "table2.md", as_markdown(table, splits).encode(), overwrite=True)
    console.summary(facts)


def _points(rows: "list[Row]", results: "dict[str, Result]") -> "list[tuple[float, Result]]":
    """Return the points of Figure 3, if there are at least two."""
    kinds = [row for row in rows if row.name.startswith(("transformer-xl-augmented", "transformer-xl-pretrained"))]
    points = [(row.pretrained, results[row.name]) for row in kinds if row.name in results]
    return points if len(points) > 1 else []


def _row_facts(result: "Result") -> dict[str, Any]:
    names = ("name", "title", "parameters", "tokens", "seconds")
    return {name: getattr(result, name) for name in names} | result.scores
