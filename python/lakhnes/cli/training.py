"""What `train` and `finetune` share: their options, and a run from its data to its model."""

import contextlib
import dataclasses
import datetime
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.console import INTERRUPTED, Console, device_option
from lakhnes.cli.options import adding, force_option
from lakhnes.cli.place import Place
from lakhnes.cli.resuming import refuse_other_start, resumed_config, write_start
from lakhnes.cli.targets import make_folders
from lakhnes.errors import LakhnesError
from lakhnes.extras import need
from lakhnes.outputs import check_writable
from lakhnes.training.choices import OPTIMIZERS, PRECISIONS

if TYPE_CHECKING:
    from lakhnes.data.corpus import Corpus
    from lakhnes.data.midi_files import MidiFile
    from lakhnes.model.config import ModelConfig
    from lakhnes.model.model import Model
    from lakhnes.training.config import TrainingConfig
    from lakhnes.training.trainer import Trainer

__all__ = ["given_options", "run_training", "stopping_politely", "training_options"]

training_options = adding(
    click.option("-o", "--output", required=True, metavar="RUN", type=Place(path_type=Path), help="The run directory."),
    click.option("--config", "file", metavar="FILE", type=Place(path_type=Path), help="Options as TOML."),
    click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Length of the run in minutes."),
    click.option("--steps", type=click.IntRange(min=1), help="Length of the run in steps."),
    click.option("--batch-size", type=click.IntRange(min=1), help="Streams read side by side."),
    click.option("--tgt-len", type=click.IntRange(min=1), help="Tokens of each stream in a segment."),
    click.option("--accumulate", type=click.IntRange(min=1), help="Segments of a step."),
    click.option("--mem-len", type=click.IntRange(min=0), help="Tokens remembered, at the end of the run."),
    click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Peak of the learning rate."),
    click.option("--optimizer", type=click.Choice(OPTIMIZERS)),
    click.option("--dropout", type=click.FloatRange(0, 1, max_open=True)),
    click.option("--ema", type=click.FloatRange(0, 1, max_open=True), help="Decay of averaged weights; 0: none."),
    click.option("--patience", type=click.IntRange(min=0), help="Evaluations without a better score that end the run."),
    click.option("--eval-every", type=click.FloatRange(min=0, min_open=True), help="Minutes between evaluations."),
    click.option("--save-every", type=click.FloatRange(min=0), help="Minutes between saved states."),
    click.option("--samples", type=click.IntRange(min=0), help="Songs composed and rendered at the end."),
    click.option("--sample-every", type=click.FloatRange(min=0), help="Minutes between samples; 0: at the end only."),
    click.option(
        "--resident",
        type=click.IntRange(min=0),
        help="Passes of songs made beforehand, kept on the device; 0: none.",
    ),
    click.option("--compile/--no-compile", "compile", default=None, help="Use torch.compile."),
    click.option("--tensorboard", is_flag=True, help="Log to RUN/tensorboard too."),
    click.option("--seed", type=click.IntRange(min=0), help="Of weights, order and variations."),
    click.option("--precision", type=click.Choice(PRECISIONS), help="Of matrix products."),
    device_option,
    click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 1024), help="Share the streams."),
    force_option("Replace the run in RUN, if any."),
)
"""Adds the options that both commands take."""


def given_options(context: click.Context) -> dict[str, Any]:
    """Return the options of the command line, without defaults."""
    typed = context.get_parameter_source
    default = click.core.ParameterSource.DEFAULT
    return {name: value for name, value in context.params.items() if typed(name) is not default}


def run_training(
    console: Console,
    data: Path,
    output: Path,
    given: dict[str, Any],
    configure: Callable[[], "TrainingConfig"],
    start: str | None = None,
    preset: str | None = None,
) -> None:
    """Do a whole run: data, training, evaluation, samples, card.

    `configure` gives the options of a new run, `start` names the model that it begins with, if any, `preset` the preset
    of `train`.
    """
    need("torch")
    from lakhnes._native import Vocabulary
    from lakhnes.data.folder import check_exists, check_music
    from lakhnes.model.device import check_device
    from lakhnes.training.run_directory import LOG_FILE, STATE_FILE, check_links
    from lakhnes.training.state_shapes import check_shapes

    check_device(given.get("device", "auto"))
    alone = "WORLD_SIZE" not in os.environ
    # What is wrong with the options, the directory and the music is found before torch is loaded, which takes seconds
    # and memory. A process that torchrun starts again resumes, whatever was typed.
    check_exists(data)
    check_links(output)
    anew = given.get("force", False) and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
    resumed = not anew and (output / STATE_FILE).exists()
    if resumed:
        refuse_other_start(output, start, preset, given)
    config = resumed_config(output, given, configure) if resumed else configure()
    if resumed:
        check_shapes(output / STATE_FILE, config)
    processes = given.get("processes", 1)
    if config.batch_size % processes:
        raise click.UsageError(f"batch_size is {config.batch_size}, expected a multiple of the {processes} processes")
    begun = _begun(start, config) if start is not None and not resumed else None
    files = check_music(data, Vocabulary(config.model.vocabulary))
    make_folders([output])
    check_writable(output)
    if processes > 1 and alone:
        raise click.exceptions.Exit(_several(processes))
    prepare = partial(_prepare, config=config, data=data, files=files, output=output, anew=anew and not resumed)
    corpora = None
    if alone:
        prepare(console)
        corpora = _corpora(config, data, output)
    from lakhnes.model.network import pick_device
    from lakhnes.training.allocator import keep_freed_memory
    from lakhnes.training.parallel import Group
    from lakhnes.training.trainer import Trainer

    keep_freed_memory()
    device = pick_device(given.get("device", "auto"))
    group = Group.join(device)
    try:
        group.total([0.0], device)  # all have read the directory before one writes
        quiet = dataclasses.replace(console, quiet=console.quiet or not group.first)
        if corpora is None:
            if group.first:
                prepare(quiet)
            group.total([0.0], device)  # until the first has made the corpus
            corpora = _corpora(config, data, output)
        try:
            trainer = Trainer(config, *corpora, output, device, group=group)
        except ValueError as error:  # streams that cannot be shared out
            raise click.UsageError(str(error)) from None
        if resumed:
            trainer.resume()
            quiet.note(f"{output}: resumed at step {trainer.step}, {trainer.progress:.1%} of the run")
        else:
            if begun is not None:
                _start_from(trainer, begun)
            if group.first:
                for name in (STATE_FILE, LOG_FILE):
                    (output / name).unlink(missing_ok=True)
                write_start(output, start, preset)
        tuned = start is not None and not resumed
        _run(quiet, trainer, data, given.get("tensorboard", False), first_score=tuned)
    finally:
        group.leave()


def _several(count: int) -> int:
    """Run this command line in several processes, by torchrun; return the exit code."""
    threads = str(max((os.cpu_count() or count) // count, 1))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {"OMP_NUM_THREADS": threads} | os.environ | {"TORCH_CPP_LOG_LEVEL": "ERROR"}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the processes get it from the terminal
    try:
        running = subprocess.Popen([*command, "-m", "lakhnes", *sys.argv[1:]], env=environment)  # noqa: S603
        signal.signal(signal.SIGTERM, lambda number, frame: running.send_signal(number))
        return running.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _prepare(
    console: Console, *, config: "TrainingConfig", data: Path, files: "list[MidiFile]", output: Path, anew: bool
) -> None:
    """Make a corpus of the music, in the run directory, unless it is one."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.folder import is_corpus, prepare
    from lakhnes.training.run_directory import CORPUS_FOLDER

    vocabulary = Vocabulary(config.model.vocabulary)
    if is_corpus(data, vocabulary):
        return
    if anew:
        shutil.rmtree(output / CORPUS_FOLDER, ignore_errors=True)
    prepare(
        data, output / CORPUS_FOLDER, vocabulary,
        seed=config.seed, files=files, note=console.note, progress=console.progress,
    )  # fmt: skip


def _corpora(config: "TrainingConfig", data: Path, output: Path) -> "tuple[Corpus, Corpus | None]":
    """Read the splits train and valid."""
    from lakhnes._native import Vocabulary
    from lakhnes.data.corpus import MIN_TOKENS, Corpus
    from lakhnes.data.folder import is_corpus
    from lakhnes.training.run_directory import CORPUS_FOLDER

    vocabulary = Vocabulary(config.model.vocabulary)
    corpus = data if is_corpus(data, vocabulary) else output / CORPUS_FOLDER
    songs = Corpus.load(corpus, "train", vocabulary)
    if not any(songs.ids(index) is not None for index in range(len(songs))):
        raise LakhnesError(f"{corpus / 'train'}: every song is too short; expected at least one of {MIN_TOKENS} events")
    return songs, Corpus.load(corpus, "valid", vocabulary) if (corpus / "valid").is_dir() else None


def _begun(name: str, config: "TrainingConfig") -> "Model":
    """Return the model that a run begins with, if it is of the shape of the run."""
    from lakhnes.checkpoint import load_model

    start = load_model(name, "cpu")
    own, given = _shape(config.model), _shape(start.config)
    if given != own and given | {"score_state": True} != own:
        raise LakhnesError(f"{name}: a model of another shape than this run's; expected {config.model}")
    return start


def _start_from(trainer: "Trainer", start: "Model") -> None:
    # A table for the state of the score that the model did not have stays as it is, zeros.
    trainer.model.load_state_dict(trainer.model.state_dict() | start.network.state_dict())
    if trainer.average is not None:
        trainer.average.load(trainer.model.state_dict())


def _shape(config: "ModelConfig") -> dict[str, Any]:
    """Return what decides the names and shapes of the weights."""
    facts = {"architecture": config.architecture} | dataclasses.asdict(config)
    return {name: value for name, value in facts.items() if name not in ("dropout", "mem_len")}


def _run(console: Console, trainer: "Trainer", data: Path, tensorboard: bool, *, first_score: bool) -> None:
    """Train to the end; with `first_score`, score the model that it begins with, and compare."""
    from lakhnes.cli.live import live

    config = trainer.config
    console.note(
        f"{config.model.num_parameters:,} parameters, {len(trainer.train)} songs, "
        f"{str(trainer.dtype).removeprefix('torch.')} products"
        + (f", {trainer.group.size} processes" if trainer.group.size > 1 else "")
    )
    console.note(_extent(config, trainer.progress))
    reports: list[Callable[[dict[str, Any]], None]] = []
    if tensorboard and trainer.group.first:
        from lakhnes.training.tensorboard import TensorBoard

        reports.append(TensorBoard(trainer.directory / "tensorboard"))
    before = trainer.score(None) if first_score and trainer.group.first else None
    if before is not None:
        console.note(f"valid PPL before: {before.ppl:.3f}")
    with live(console) as shown, stopping_politely(trainer):
        reports.append(shown)

        def report(line: dict[str, Any]) -> None:
            for each in reports:
                each(line)

        trainer.report, trainer.note = report, console.note
        score = trainer.run()
    if trainer.stop or (trainer.progress < 1.0 and not trainer.stopping.exhausted):
        console.note(f"stopped at step {trainer.step}; the same command resumes it")
        if trainer.group.first:
            facts = {"steps": trainer.step, "tokens": trainer.tokens, "seconds": trainer.seconds}
            console.failure("interrupted: the same command resumes the run", facts)
        raise click.exceptions.Exit(INTERRUPTED)
    if before is not None and score is not None:
        console.note(f"valid PPL after: {score.ppl:.3f} (before: {before.ppl:.3f})")
    if trainer.group.first:
        _finish(console, trainer, data, score)


def _extent(config: "TrainingConfig", progress: float) -> str:
    """Say how long a run takes: its steps, or its minutes and the time of the day at which they are over."""
    if config.minutes is None:
        return f"{config.steps:,} steps"
    left = config.minutes * (1.0 - progress)
    end = datetime.datetime.now() + datetime.timedelta(minutes=left)
    return f"at most {left:.{0 if left >= 10 else 1}f} minutes of training, until about {end:%H:%M}"


@contextlib.contextmanager
def stopping_politely(trainer: "Trainer") -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run, whose state is saved; a second one ends it at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        if trainer.stop and trainer.group.size == 1:
            raise KeyboardInterrupt
        trainer.ask_to_stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(console: Console, trainer: "Trainer", data: Path, score: Any) -> None:
    from lakhnes.checkpoint.native import RUN_FOLDER
    from lakhnes.outputs import write_bytes
    from lakhnes.training.card import model_card
    from lakhnes.training.curve import draw_curve
    from lakhnes.training.run_directory import CURVE_FILE, LOG_FILE

    folder = trainer.directory / RUN_FOLDER
    picture = trainer.directory / CURVE_FILE
    drawn = draw_curve(trainer.directory / LOG_FILE, picture)
    if drawn:
        write_bytes(folder / CURVE_FILE, picture.read_bytes())
    card = model_card(
        trainer.config,
        command=shlex.join(["lakhnes", *sys.argv[1:]]),
        songs=len(trainer.train),
        tokens=trainer.tokens,
        seconds=trainer.seconds,
        score=score,
        curve=CURVE_FILE if drawn else None,
        data=Path(os.path.realpath(data)).name,
    )
    write_bytes(folder / "README.md", card.encode())
    for song in trainer.songs:
        console.note(f"composed {song}")
    console.result(folder)
    console.summary(
        {
            "model": str(folder),
            "steps": trainer.step,
            "tokens": trainer.tokens,
            "seconds": trainer.seconds,
            "valid": score.facts() if score is not None else None,
            "songs": [str(song) for song in trainer.songs],
            "curve": str(picture) if drawn else None,
        }
    )
