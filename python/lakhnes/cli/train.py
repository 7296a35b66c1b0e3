"""``lakhnes train``: a model from a corpus."""

import dataclasses
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.errors import LakhnesError

if TYPE_CHECKING:
    from lakhnes.training.config import TrainingConfig
    from lakhnes.training.trainer import Trainer

__all__ = ["train"]

INTERRUPTED = 130
LENGTH = ("steps", "minutes")
CHANGEABLE = ("learning_rate", "precision", "mem_len")
ONLY_AT_THE_START = ("batch_size", "tgt_len", "seed", "optimizer", "layers", "width", "vocabulary", "preset", "init")


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="RUN", type=click.Path(path_type=Path), help="The run directory."
)
@click.option("--preset", default="bundled", show_default=True, type=click.Choice(["tiny", "bundled", "paper"]))
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Length of the run in time.")
@click.option("--steps", type=click.IntRange(min=1), help="Length of the run in steps.")
@click.option("--vocabulary", type=click.Choice(["tx1", "tx2"]), help="Which texts of DATA to learn.  [default: tx1]")
@click.option("--layers", type=click.IntRange(min=1), help="Depth of the model.")
@click.option("--width", type=click.IntRange(min=2), help="Width of the model (d_model).")
@click.option("--batch-size", type=click.IntRange(min=1), help="Streams read side by side.")
@click.option("--tgt-len", type=click.IntRange(min=1), help="Tokens of each stream in a step.")
@click.option("--mem-len", type=click.IntRange(min=0), help="Tokens remembered, at the end of the run.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Peak of the learning rate.")
@click.option("--optimizer", type=click.Choice(["adamw", "muon"]))
@click.option("--seed", type=click.IntRange(min=0), help="Of weights, order and variations.")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="Of matrix products.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--init", metavar="MODEL", help="Begin with the weights of this model.")
@click.option("-f", "--force", is_flag=True, help="Begin anew where RUN holds a run already.")
@common_options
@pass_console
@click.pass_context
def train(
    context: click.Context,
    console: Console,
    /,
    data: Path,
    output: Path,
    device: str,
    force: bool,
    **options: Any,
) -> None:
    """Train a model on a corpus directory, or go on with the run in RUN.

    DATA has folders train and valid of NAME.tx1.txt, as `lakhnes data nesmdb` writes them. Ctrl-C saves the run; the
    same command goes on from there. The model ends up in RUN/model, and the path of it goes to stdout.
    """
    from lakhnes.checkpoint.native import pick_device
    from lakhnes.training.allocator import keep_freed_memory
    from lakhnes.training.trainer import STATE_FILE

    keep_freed_memory()
    given = {name: value for name, value in options.items() if _is_given(context, name)}
    resumed = not force and (output / STATE_FILE).exists()
    config = _resumed_config(output, given) if resumed else _new_config(options["preset"], given)
    trainer = _trainer(console, config, data, output, pick_device(device))
    if resumed:
        trainer.resume()
        console.note(f"{output}: going on at step {trainer.step}, {trainer.progress:.1%} of the run")
    elif options["init"] is not None:
        _start_from(trainer, options["init"])
    parameters = config.model.num_parameters
    console.note(
        f"{parameters:,} parameters, {len(trainer.train)} songs, {str(trainer.dtype).removeprefix('torch.')} products"
    )
    with _stopping_politely(trainer):
        score = trainer.run()
    if trainer.stop:
        console.note(f"stopped at step {trainer.step}; the same command goes on from there")
        context.exit(INTERRUPTED)
    _finish(console, trainer, score)


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _new_config(preset: str, given: dict[str, Any]) -> "TrainingConfig":
    from lakhnes._native import Vocabulary
    from lakhnes.model.config import TransformerXLConfig
    from lakhnes.training.presets import PRESETS

    config = PRESETS[preset]
    assert isinstance(config.model, TransformerXLConfig)
    shape: dict[str, Any] = {}
    if "layers" in given:
        shape["n_layer"] = given["layers"]
    if "width" in given:
        shape |= {"d_model": given["width"], "d_inner": 4 * given["width"]}
        shape["n_head"] = max(given["width"] // config.model.d_head, 1)
    if "mem_len" in given:
        shape["mem_len"] = given["mem_len"]
    dialect = given.get("vocabulary", "tx1")
    shape |= {"vocabulary": dialect, "vocab_size": len(Vocabulary(dialect))}
    names = {field.name for field in dataclasses.fields(config)}
    changes: dict[str, Any] = {name: value for name, value in given.items() if name in names}
    if "mem_len" in changes:
        changes["mem_len_start"] = min(config.mem_len_start, changes["mem_len"])
    if any(name in given for name in LENGTH):
        changes |= {name: given.get(name) for name in LENGTH}
    return dataclasses.replace(config, model=dataclasses.replace(config.model, **shape), **changes)


def _resumed_config(output: Path, given: dict[str, Any]) -> "TrainingConfig":
    from lakhnes.files import read_limited
    from lakhnes.training.config import TrainingConfig
    from lakhnes.training.trainer import CONFIG_FILE

    if fixed := [name for name in ONLY_AT_THE_START if name in given]:
        flag = "--" + fixed[0].replace("_", "-")
        raise click.UsageError(f"{output} holds a run already: {flag} cannot change; --force begins anew")
    config = TrainingConfig.from_json(read_limited(output / CONFIG_FILE).decode())
    changes: dict[str, Any] = {name: given[name] for name in CHANGEABLE if name in given}
    if any(name in given for name in LENGTH):
        changes |= {name: given.get(name) for name in LENGTH}
    return dataclasses.replace(config, **changes)


def _trainer(console: Console, config: "TrainingConfig", data: Path, output: Path, device: Any) -> "Trainer":
    from lakhnes._native import Vocabulary
    from lakhnes.data.corpus import MIN_TOKENS, Corpus
    from lakhnes.training.trainer import Trainer

    vocabulary = Vocabulary(config.model.vocabulary)
    songs = Corpus.load(data, "train", vocabulary)
    if not any(songs.ids(index) is not None for index in range(len(songs))):
        raise LakhnesError(f"{data / 'train'}: every song is too short; expected at least one of {MIN_TOKENS} events")
    valid = Corpus.load(data, "valid", vocabulary) if (data / "valid").is_dir() else None
    output.mkdir(parents=True, exist_ok=True)
    return Trainer(config, songs, valid, output, device, lambda line: _tell(console, line))


def _start_from(trainer: "Trainer", name: str) -> None:
    from lakhnes.model.config import TransformerXLConfig
    from lakhnes.model.transformer_xl import TransformerXL

    start = TransformerXL.load(name, "cpu")
    assert isinstance(trainer.config.model, TransformerXLConfig)
    if start.config != dataclasses.replace(
        trainer.config.model, dropout=start.config.dropout, mem_len=start.config.mem_len
    ):
        raise LakhnesError(f"{name}: a model of another shape than this run's; expected {trainer.config.model}")
    trainer.model.load_state_dict(start.state_dict())


def _tell(console: Console, line: dict[str, Any]) -> None:
    where = f"{line['progress']:6.1%}  step {line['step']}  {line['tokens'] / 1e6:.1f} M tokens"
    if "valid" in line:
        console.note(f"{where}  valid PPL {line['valid']['ppl']:.3f}")
    elif line["step"] % 100 == 0:
        console.note(f"{where}  loss {line['loss']:.4f}  {line['tokens'] / max(line['seconds'], 1e-9):,.0f} tokens/s")


class _stopping_politely:  # noqa: N801 (reads as a statement)
    """Let Ctrl-C and SIGTERM end the run after the step that is under way; a second Ctrl-C ends it at once."""

    def __init__(self, trainer: "Trainer") -> None:
        self.trainer = trainer
        self.before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.before[number] = signal.signal(number, self.ask)

    def ask(self, number: int, frame: FrameType | None) -> None:
        if self.trainer.stop:
            raise KeyboardInterrupt
        self.trainer.stop = True

    def __exit__(self, *exception: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _finish(console: Console, trainer: "Trainer", score: Any) -> None:
    from lakhnes.checkpoint.native import RUN_FOLDER
    from lakhnes.files import write_bytes
    from lakhnes.training.card import model_card

    folder = trainer.directory / RUN_FOLDER
    card = model_card(
        trainer.config,
        command=shlex.join(["lakhnes", *sys.argv[1:]]),
        songs=len(trainer.train),
        tokens=trainer.tokens,
        seconds=trainer.seconds,
        score=score,
    )
    write_bytes(folder / "README.md", card.encode())
    console.result(folder)
    console.summary(
        {
            "model": str(folder),
            "steps": trainer.step,
            "tokens": trainer.tokens,
            "seconds": trainer.seconds,
            "valid": score.facts() if score is not None else None,
        }
    )
