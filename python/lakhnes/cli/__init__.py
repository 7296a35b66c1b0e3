"""The command line: ``lakhnes COMMAND``.

Each command stands in a module of its own that imports, at its top, nothing heavier than click; what a command needs it
imports when it runs. So ``lakhnes --help`` and ``lakhnes render`` start at once and never load torch.
"""

import click

from lakhnes.cli.console import common_options
from lakhnes.cli.group import LazyGroup

__all__ = ["cli", "main"]

COMMANDS = {
    "generate": "lakhnes.cli.generate:generate",
    "continue": "lakhnes.cli.continue_:continue_song",
    "accompany": "lakhnes.cli.accompany:accompany",
    "infill": "lakhnes.cli.infill:infill",
    "render": "lakhnes.cli.render:render",
    "convert": "lakhnes.cli.convert:convert",
    "info": "lakhnes.cli.info:info",
    "plot": "lakhnes.cli.plot:plot",
    "play": "lakhnes.cli.play:play",
    "data": "lakhnes.cli.data:data",
    "train": "lakhnes.cli.train:train",
    "finetune": "lakhnes.cli.finetune:finetune",
    "eval": "lakhnes.cli.evaluate:evaluate",
    "reproduce": "lakhnes.cli.reproduce:reproduce",
    "checkpoint": "lakhnes.cli.checkpoint:checkpoint",
    "bench": "lakhnes.cli.bench:bench",
}


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="lakhnes", prog_name="lakhnes")
@common_options
def cli() -> None:
    """Compose and perform music for the sound chip of the Nintendo Entertainment System."""


def main() -> None:
    """Run the command line; the entry point of the ``lakhnes`` script."""
    cli.main(prog_name="lakhnes")
