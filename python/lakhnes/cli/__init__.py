"""The command line: ``lakhnes COMMAND``.

Each command is a module of its own, loaded when it runs; `COMMANDS` holds all that the overview prints. So
``lakhnes --help`` starts at once. A command module imports nothing heavier than click at its top, and whatever else it
needs when it runs.
"""

from typing import Any

import click

from lakhnes.cli.console import Console, common_options
from lakhnes.cli.group import LazyGroup

__all__ = ["cli", "main"]

COMMANDS = {
    "generate": "Compose new songs and perform them.",
    "continue": "Continue a song: its beginning is kept, the model writes the rest.",
    "accompany": "Choose new pitches for a song: its rhythm, drums and note-offs stay.",
    "infill": "Write new parts for the named voices of a song; the others stay event for event.",
    "render": "Play songs on the chip and write what is heard.",
    "convert": "Turn songs into another format.",
    "info": "Tell what is in songs.",
    "plot": "Draw the piano roll of a song.",
    "play": "Hear songs in any readable format, or with --radio songs that are composed while they are heard.",
    "tokenize": "Write songs as one array of token ids.",
    "studio": "Open the studio in a browser: compose, hear, see, change and export songs.",
    "serve": "Serve the HTTP API, or the synthesis server of LakhNES.",
    "data": "Make corpora for training and evaluation.",
    "train": "Train a model on DATA, or resume the run in RUN.",
    "finetune": "Fine-tune MODEL on DATA.",
    "eval": "Print the perplexity of MODEL on DATA exactly as LakhNES computes it.",
    "reproduce": "Run the experiments of the paper again.",
    "checkpoint": "Import, list, download and describe models.",
    "completion": "Print the script that completes commands and options in SHELL.",
    "study": "Ask listeners what songs are worth: make, run and analyse listening studies.",
    "bench": "Measure speed, each figure beside a reference of the same run; all suites if none is named.",
}
"""The line of each command in the overview. Its module and its function are called as the command is."""


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from lakhnes import __version__

    console = context.ensure_object(Console)
    console.result(f"lakhnes, version {__version__}")
    facts: dict[str, Any] = {"version": __version__}
    if console.verbose:
        from lakhnes.cli import version

        facts = version.facts()
        for line in version.lines(facts):
            console.result(line)
    console.summary(facts)
    context.exit()


@click.group(
    cls=LazyGroup,
    overview=COMMANDS,
    epilog="Exit codes: 0 done, 1 some or all of the work failed, 2 wrong usage, 130 interrupted, 143 terminated.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_print_version,
    help="Show the version and exit; with -v also the build, torch and CUDA.",
)  # fmt: skip
@common_options
def cli() -> None:
    """Compose and perform music for the sound chip of the Nintendo Entertainment System."""


def main() -> None:
    """Run the command line; the entry point of the ``lakhnes`` script."""
    cli.main(prog_name="lakhnes")
