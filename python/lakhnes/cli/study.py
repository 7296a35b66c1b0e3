"""``lakhnes study``: listening studies."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.options import force_option
from lakhnes.cli.place import Place
from lakhnes.study.plan import DESIGNS

if TYPE_CHECKING:
    from lakhnes.study.plan import Exclusion
    from lakhnes.study.power import Power
    from lakhnes.study.responses import Responses

__all__ = ["study"]

PATH = Place(path_type=Path)

MOST_COUNTS = 20
"""Numbers that a list of ``power`` may have."""


@click.group()
def study() -> None:
    """Ask listeners what songs are worth: make, run and analyse listening studies."""


@study.command()
@click.argument("plan", metavar="PLAN.toml", type=PATH)
@click.option("-o", "--output", required=True, type=PATH, help="Folder of the study.")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME=PATH",
    help="Another folder, corpus or model for a condition; may be repeated.",
)  # fmt: skip
@force_option("Replace a study that nobody has answered.")
@common_options
@pass_console
def create(console: Console, plan: Path, output: Path, sources: tuple[str, ...], force: bool) -> None:
    """Make a study of a plan: clips, who hears what, and the texts of the page.

    Conditions are folders of songs, splits of a corpus, or models, which compose with a seed. All is drawn from the
    seed of the plan and written into plan.json, which can be published when the study is over.
    """
    from lakhnes.study.creation import create as create_study

    replaced = {}
    for source in sources:
        name, separator, path = source.partition("=")
        if not separator or not path:
            raise click.BadParameter(f"{source!r}, expected NAME=PATH", param_hint="--source")
        replaced[name] = path
    made, left_out = create_study(plan, output, replaced=replaced, overwrite=force, progress=console.progress)
    for name in left_out:
        console.note(f"condition {name}: left out, for its files are missing; --source {name}=PATH says where they are")
    chosen = made.plan
    console.note(
        f"{len(made.clips)} clips of {len(chosen.conditions)} conditions, {chosen.listeners} listeners,"
        f" {chosen.pairs} {'clips' if chosen.design == 'rating' else 'pairs'} each, {chosen.controls} of them controls"
    )
    console.result(output)
    if left_out and not chosen.controls:
        console.note("no control pairs: who does not listen will not be found out")
    facts = {"conditions": chosen.names, "left_out": left_out, "clips": len(made.clips), "listeners": chosen.listeners}
    console.summary({"study": str(output)} | facts)


@study.command()
@click.argument("folder", metavar="STUDY", type=PATH)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--invite", default=0, type=click.IntRange(min=0), help="First make this number of links, one a listener."
)
@click.option("--url", help="What links begin with, where a proxy stands before the server.")
@common_options
@pass_console
def serve(console: Console, folder: Path, host: str, port: int, invite: int, url: str | None) -> None:
    """Serve the page of a study to listeners, until Ctrl-C.

    Prints the address, or with --invite the links, on stdout. Answers are kept in STUDY/answers.sqlite. For listeners
    elsewhere put a proxy with TLS before it (docs/studies.md).
    """
    from lakhnes.study.server import Server, answer_requests, listen

    server = Server.open(folder)
    with listen(host, port) as opened:
        shown = f"[{host}]" if ":" in host else host
        base = (url or f"http://{shown}:{opened.getsockname()[1]}").rstrip("/") + "/"
        invited = server.invite(invite)
        if len(invited) < invite:
            console.error(f"{len(invited)} links of {invite}: the study takes {server.study.plan.limit} listeners")
        links = [f"{base}#{secret}" for secret in invited]
        for line in links or [base]:
            console.result(line)
        console.summary({"url": base, "links": links})
        answer_requests(server, opened)


@study.command()
@click.argument("inputs", metavar="STUDY", nargs=-1, required=True, type=PATH)
@click.option("-o", "--output", type=PATH, help="Folder of the report.  [default: STUDY/analysis]")
@click.option(
    "--turk-key", type=PATH, help="STUDY is results of LakhNES's user study, of Mechanical Turk; its key.csv."
)
@click.option("--design", type=click.Choice(DESIGNS[:2]), help="With --turk-key: what was asked.")
@click.option("--skip", multiple=True, metavar="NAME", help="With --turk-key: leave out the pairs of a condition.")
@click.option(
    "--max-failed-controls", type=click.FloatRange(0, 1),
    help="Leave out who failed a greater share.  [default: the plan's; paper: 0 Turing, 0.05 preference]",
)  # fmt: skip
@click.option(
    "--min-controls", type=click.IntRange(min=0),
    help="Leave out who answered fewer controls.  [default: the plan's; paper: 6 Turing]",
)  # fmt: skip
@click.option("--min-answers", type=click.IntRange(min=0), help="Leave out who answered less.  [default: the plan's]")
@force_option()
@common_options
@pass_console
def analyze(
    console: Console, inputs: tuple[Path, ...], output: Path | None, turk_key: Path | None, design: str | None,
    skip: tuple[str, ...], max_failed_controls: float | None, min_controls: int | None, min_answers: int | None,
    force: bool,
) -> None:  # fmt: skip
    """Print what listeners answered, and write tables, a figure and a methods paragraph.

    Writes answers.csv (every answer), listeners.csv, analysis.json, figure.png and methods.txt. The same command reads
    results of LakhNES's own study: lakhnes study analyze RESULTS.csv --turk-key key.csv --design turing -o REPORT
    """
    from lakhnes.study.analysis import analyze as analyze_answers
    from lakhnes.study.report import markdown, write_report

    if turk_key is None and (len(inputs) > 1 or design or skip):
        raise click.UsageError("several inputs, --design and --skip need --turk-key")
    if turk_key is not None and (design is None or output is None):
        raise click.UsageError("--turk-key needs --design and -o")
    answered = _answered(inputs, turk_key, design, skip)
    exclusion = _exclusion(answered.exclusion, max_failed_controls, min_controls, min_answers)
    result = analyze_answers(answered, exclusion)
    paths = write_report(answered, result, output or inputs[0] / "analysis", overwrite=force)
    console.results(markdown(result))
    console.note(f"{result.listeners} listeners, {len(result.excluded)} left out, {result.answers} answers analysed")
    for path in paths:
        console.note(str(path))
    console.summary(result.facts() | {"files": [str(path) for path in paths]})


def _answered(inputs: tuple[Path, ...], key: Path | None, design: str | None, skip: tuple[str, ...]) -> "Responses":
    from lakhnes.study.responses import from_study, from_turk

    return from_study(inputs[0]) if key is None or design is None else from_turk(key, inputs, design, skip)


def _exclusion(planned: "Exclusion", failures: float | None, controls: int | None, answers: int | None) -> "Exclusion":
    from dataclasses import replace

    given = {"control_failures": failures, "min_controls": controls, "min_answers": answers}
    return replace(planned, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


def _counts(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    try:
        counts = [int(word) for word in text.split(",")]
    except ValueError:
        counts = []
    if not 1 <= len(counts) <= MOST_COUNTS or not all(1 <= count <= 10_000 for count in counts):
        raise click.BadParameter(f"{text!r}, expected 1 to {MOST_COUNTS} numbers from 1 to 10,000, separated by commas")
    return counts


@study.command()
@click.option("--design", default="preference", show_default=True, type=click.Choice(DESIGNS), help="Of the study.")
@click.option(
    "--difference", default=0.6, show_default=True,
    help="Logits between two conditions (Turing: log odds of a right answer; rating: points).",
)  # fmt: skip
@click.option("--conditions", default=6, show_default=True, type=click.IntRange(1, 24), help="That are asked about.")
@click.option("--listeners", default="10,20,30,50,80", show_default=True, callback=_counts, help="Numbers, by commas.")
@click.option(
    "--pairs", default="12,24", show_default=True, callback=_counts, help="Of a listener, without controls, by commas."
)
@click.option(
    "--spread", default=0.5, show_default=True, type=click.FloatRange(min=0),
    help="Standard deviation between listeners, in the unit of the difference.",
)  # fmt: skip
@click.option("--studies", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Simulated for each.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the simulation.")
@common_options
@pass_console
def power(
    console: Console, design: str, difference: float, conditions: int, listeners: list[int], pairs: list[int],
    spread: float, studies: int, seed: int,
) -> None:  # fmt: skip
    """Print how often studies of some sizes would find a difference, by simulation.

    Each figure is the share of simulated studies, with listeners who differ, in which the analysis finds the difference
    at 5 %: two conditions apart, or in a Turing test one condition from guessing.
    """
    from lakhnes.study.power import Simulation
    from lakhnes.study.power import power as power_of

    if design != "turing" and conditions < 2:
        raise click.BadParameter("expected at least 2", param_hint="--conditions")
    table: dict[int, list[Power]] = {}
    with console.progress("simulate", len(listeners) * len(pairs)) as advance:
        for count in pairs:
            simulation = Simulation(design, difference, conditions, count, spread)
            table[count] = []
            for number in listeners:
                table[count] += power_of(simulation, [number], studies=studies, seed=seed)
                advance(1)
    console.result("| listeners | " + " | ".join(f"{count} pairs" for count in pairs) + " |")
    console.result("| ---: |" + " ---: |" * len(pairs))
    for index, number in enumerate(listeners):
        console.result(f"| {number} | " + " | ".join(f"{table[count][index].power:.2f}" for count in pairs) + " |")
    rows = [
        {"listeners": row.listeners, "pairs": count, "power": row.power, "error": row.error}
        for count in pairs
        for row in table[count]
    ]
    console.summary({"power": rows})
