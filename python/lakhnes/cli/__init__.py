"""The command line: ``lakhnes COMMAND``.

Each command is a module of its own, loaded when it runs; `COMMANDS` holds all that the overview prints. So
``lakhnes --help`` starts at once. A command module imports nothing heavier than click at its top, and whatever else it
needs when it runs.
"""

import click

from lakhnes.cli.console import common_options
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
    "studio": "Open the studio in a browser: compose, hear, see, change and export songs.",
    "serve": "Serve the HTTP API, or the synthesis server of LakhNES.",
    "data": "Make corpora for training and evaluation.",
    "train": "Train a model on DATA, or resume the run in RUN.",
    "finetune": "Fine-tune MODEL on DATA.",
    "eval": "Print the perplexity of MODEL on DATA exactly as LakhNES computes it.",
    "reproduce": "Run the experiments of the paper again.",
    "checkpoint": "Import, list, download and describe models.",
    "bench": "Measure speed, each figure beside a reference of the same run; all suites if none is named.",
}
"""The line of each command in the overview. Its module and its function are called as the command is."""


def _print_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from lakhnes import __version__

        click.echo(f"lakhnes, version {__version__}")
        context.exit()


@click.group(
    cls=LazyGroup,
    overview=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
@common_options
def cli() -> None:
    """Compose and perform music for the sound chip of the Nintendo Entertainment System."""


def main() -> None:
    """Run the command line; the entry point of the ``lakhnes`` script."""
    cli.main(prog_name="lakhnes")
