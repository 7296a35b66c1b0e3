"""``lakhnes finetune``: a trained model, trained further on other music."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.place import Place
from lakhnes.cli.train import changed, from_file
from lakhnes.cli.training import given_options, run_training, training_options

if TYPE_CHECKING:
    from lakhnes.training.config import TrainingConfig

__all__ = ["finetune"]


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="DATA", type=Place(path_type=Path))
@training_options
@common_options
@pass_console
@click.pass_context
def finetune(context: click.Context, console: Console, /, model: str, data: Path, output: Path, **options: Any) -> None:
    """Fine-tune MODEL on DATA.

    Its shape and vocabulary stay; its weights are trained at a lower rate. MODEL is bundled, a checkpoint or run
    directory, or the name of an imported model; DATA is as for `lakhnes train`.
    """
    given = given_options(context)
    del given["model"]  # its name; of a run's options `model` is the shape
    run_training(console, data, output, given, lambda: tuned_config(model, given), model)


def tuned_config(name: str, given: dict[str, Any]) -> "TrainingConfig":
    """Return the options of a run that begins with a model."""
    from lakhnes.checkpoint import load_model
    from lakhnes.errors import CheckpointError
    from lakhnes.model.config import LSTMConfig, TransformerXLConfig
    from lakhnes.training.presets import FINETUNING

    shape = load_model(name, "cpu").config
    if not isinstance(shape, (TransformerXLConfig, LSTMConfig)):
        raise CheckpointError(f"{name}: an n-gram model counts, it is not trained by gradients")
    if "dropout" in given:
        shape = dataclasses.replace(shape, dropout=given["dropout"])
    base = dataclasses.replace(FINETUNING, model=shape)
    if shape.mem_len:  # an LSTM remembers without positions
        base = dataclasses.replace(base, mem_len=shape.mem_len, mem_len_start=min(shape.mem_len, base.mem_len_start))
    config = from_file(given, base)
    return changed(dataclasses.replace(config, model=shape), given)
