"""``lakhnes train``: a model from a corpus, or from any folder of MIDI files."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.place import Place
from lakhnes.cli.training import given_options, run_training, training_options
from lakhnes.data.layout import TEXTS
from lakhnes.training.choices import LENGTH, PRESET_NAMES

if TYPE_CHECKING:
    from lakhnes.training.config import TrainingConfig

__all__ = ["train"]

VOCABULARY_HELP = "Which texts of DATA to learn.  [default: the preset's, or else those that a corpus has]"


@click.command()
@click.argument("data", metavar="DATA", type=Place(path_type=Path))
@click.option("--preset", default="bundled", show_default=True, type=click.Choice(PRESET_NAMES))
@click.option("--vocabulary", type=click.Choice(TEXTS), help=VOCABULARY_HELP)
@click.option("--layers", type=click.IntRange(min=1), help="Depth of the model.")
@click.option("--width", type=click.IntRange(min=2), help="Width of the model (d_model).")
@click.option("--init", metavar="MODEL", help="Begin with the weights of this model.")
@training_options
@common_options
@pass_console
@click.pass_context
def train(context: click.Context, console: Console, /, data: Path, output: Path, preset: str, **options: Any) -> None:
    """Train a model on DATA, or resume the run in RUN.

    DATA is any folder of MIDI files, a corpus directory with folders train and valid, as `lakhnes data` writes them,
    or an archive of NES-MDB. Ctrl-C saves the run; the same command resumes it. The model is written to RUN/model, and
    that path to stdout; RUN/curve.png shows its loss, RUN/samples has songs of it.
    """
    given = given_options(context)
    run_training(console, data, output, given, lambda: new_config(data, preset, given), options["init"], preset)


def new_config(data: Path, preset: str, given: dict[str, Any]) -> "TrainingConfig":
    """Return the options of a new run: of the preset, changed by the file of ``--config``, changed by options."""
    from lakhnes._native import Vocabulary
    from lakhnes.model.config import TransformerXLConfig
    from lakhnes.training.presets import PRESETS, ROWS, SMALL

    config = from_file(given, PRESETS[preset])
    shape: dict[str, Any] = {}
    if isinstance(config.model, TransformerXLConfig):
        if "layers" in given:
            shape["n_layer"] = given["layers"]
        if "width" in given:
            shape |= {"d_model": given["width"], "d_inner": 4 * given["width"]}
            shape["n_head"] = max(given["width"] // config.model.d_head, 1)
        if "mem_len" in given:
            shape["mem_len"] = given["mem_len"]
    if "dropout" in given:
        shape["dropout"] = given["dropout"]
    dialect = given.get("vocabulary") or _vocabulary(data, config.model.vocabulary)
    shape |= {"vocabulary": dialect, "vocab_size": len(Vocabulary(dialect))}
    if dialect != "tx3" and isinstance(config.model, TransformerXLConfig):
        shape["score_state"] = False
        if config.model == ROWS:  # the room of the tables of the state of the score
            shape.setdefault("d_inner", SMALL.d_inner)
    return changed(dataclasses.replace(config, model=dataclasses.replace(config.model, **shape)), given)


def _vocabulary(data: Path, preferred: str) -> str:
    """Return the preferred vocabulary, unless `data` is a corpus that has texts of others only."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.folder import is_corpus

    had = [name for name in TEXTS if is_corpus(data, Vocabulary(name))]
    return preferred if preferred in had or not had else had[0]


def from_file(given: dict[str, Any], base: "TrainingConfig") -> "TrainingConfig":
    """Return the options of the file of ``--config``, if any; what it leaves out is as in `base`."""
    from lakhnes.training.run_directory import read_config

    return read_config(given["file"], base) if "file" in given else base


def changed(config: "TrainingConfig", given: dict[str, Any]) -> "TrainingConfig":
    """Return the options changed by those that were typed."""
    names = {field.name for field in dataclasses.fields(config)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in names}
    if "mem_len" in changes:
        changes["mem_len_start"] = min(config.mem_len_start, changes["mem_len"])
    if any(name in given for name in LENGTH):
        changes |= {name: given.get(name) for name in LENGTH}
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
