"""What the command that resumes a run may ask for: what it names is applied, or refused if the run has it otherwise."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.errors import LakhnesError, printable
from lakhnes.training.choices import LENGTH

if TYPE_CHECKING:
    from lakhnes.training.config import TrainingConfig

__all__ = ["refuse_other_start", "resumed_config", "write_start"]

CHANGEABLE = (
    "learning_rate", "precision", "mem_len", "compile", "patience", "samples", "sample_every", "eval_every",
    "save_every",
)  # fmt: skip
"""Options that may change when a run is resumed, as its length may; all others stay."""

START_FILE, NO_START = "start.txt", "-"
"""Of a run directory: the name of the model that the run began with, or a dash; and a line with its preset."""

FINETUNING = "finetune"
"""In place of a preset."""


def write_start(output: Path, start: str | None, preset: str | None) -> None:
    """Write down how a run begins: the model, and the preset (``None`` for fine-tuning)."""
    from lakhnes.outputs import write_bytes

    name = printable(start) if start else NO_START  # in one line, whatever it is
    write_bytes(output / START_FILE, f"{name}\n{preset or FINETUNING}\n".encode(errors="replace"))


def refuse_other_start(output: Path, start: str | None, preset: str | None, given: dict[str, Any]) -> None:
    """Refuse to resume a run that began otherwise: it is not the run that is asked for.

    Raises
    ------
    click.UsageError
    """
    from lakhnes.files import read_limited

    if not (output / START_FILE).is_file():  # of an older run
        return
    began, *before = read_limited(output / START_FILE).decode(errors="replace").splitlines() or [NO_START]
    kind = ""
    if began != (printable(start).encode(errors="replace").decode() if start else NO_START):
        kind = "from random weights" if began == NO_START else f"that began with the model {printable(began, 200)}"
    elif before and (before[0] == FINETUNING) != (preset is None):
        kind = "of lakhnes finetune" if preset else "of lakhnes train"
    elif before and preset is not None and "preset" in given and before[0] != preset:
        kind = f"of the preset {printable(before[0], 40)}"
    if kind:
        raise click.UsageError(
            f"{output} holds a run {kind}: the command that began it resumes it; --force replaces it"
        )


def resumed_config(output: Path, given: dict[str, Any], configure: Callable[[], "TrainingConfig"]) -> "TrainingConfig":
    """Return the options of a run that is resumed, changed by those of the file of ``--config`` and those typed.

    Parameters
    ----------
    given
        The options that were typed, by name.
    configure
        Returns the options of a new run by the same command: a run is always resumed by the command that began it.

    Raises
    ------
    click.UsageError
        If an option that cannot change is another in the run.
    CheckpointError
        If the configuration of the run, or the file, cannot be read.
    """
    from lakhnes.model.config import TransformerXLConfig
    from lakhnes.training.run_directory import CONFIG_FILE, read_config

    own = read_config(output / CONFIG_FILE)
    filed = read_config(given["file"], own) if "file" in given else own
    differing = [*_typed_otherwise(own, given), *_filed_otherwise(own, filed, given)]
    if differing and not _begins(configure, own):
        raise click.UsageError(
            f"{output} holds a run already, with {differing[0]}: it cannot change; --force replaces the run"
        )
    changes: dict[str, Any] = {name: getattr(filed, name) for name in (*CHANGEABLE, *LENGTH)}
    changes |= {name: given[name] for name in CHANGEABLE if name in given}
    if any(name in given for name in LENGTH):
        changes |= {name: given.get(name) for name in LENGTH}
    changes["mem_len_start"] = min(filed.mem_len_start, changes["mem_len"])
    if isinstance(own.model, TransformerXLConfig):
        memory = filed.model.mem_len
        if memory == own.model.mem_len == own.mem_len:  # what it learns to read is what it reads when it composes
            memory = changes["mem_len"]
        changes["model"] = dataclasses.replace(own.model, mem_len=memory)
    try:
        return dataclasses.replace(own, **changes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _begins(configure: Callable[[], "TrainingConfig"], own: "TrainingConfig") -> bool:
    """Return whether a command would begin a run of these options."""
    try:
        return _fixed(configure()) == _fixed(own)
    except (LakhnesError, click.UsageError):
        return False


def _typed_otherwise(own: "TrainingConfig", given: dict[str, Any]) -> Iterator[str]:
    """Give the options of a run that were typed with other values."""
    facts = own.facts()
    facts |= {"layers": facts["model"].get("n_layer"), "width": facts["model"].get("d_model")}
    facts |= {name: facts["model"].get(name) for name in ("vocabulary", "dropout")}
    for name, value in given.items():
        if name in facts and name not in (*CHANGEABLE, *LENGTH) and facts[name] != value:
            yield f"--{name.replace('_', '-')} {facts[name]}"


def _filed_otherwise(own: "TrainingConfig", filed: "TrainingConfig", given: dict[str, Any]) -> Iterator[str]:
    """Give the options of a run that a file has with other values, but for those that were typed."""
    before, after = _fixed(own), _fixed(filed)
    typed = {"n_layer": "layers", "d_model": "width"}
    for name in sorted(before.keys() | after.keys()):
        last = name.rpartition(".")[2]
        if before.get(name) != after.get(name) and typed.get(last, last) not in given:
            yield f"{name} {before.get(name)} where {given['file']} has {after.get(name)}"


def _fixed(config: "TrainingConfig") -> dict[str, Any]:
    """Return the options that cannot change, those of tables by ``TABLE.NAME``."""
    facts = config.facts()
    for table in ("model", "augmentation"):
        facts |= {f"{table}.{name}": value for name, value in facts.pop(table).items()}
    changing = {*CHANGEABLE, *LENGTH, "mem_len_start", "model.mem_len"}
    return {name: value for name, value in facts.items() if name not in changing}
