"""``lakhnes checkpoint``: local models, and those that others have published."""

from pathlib import Path
from typing import Any

import click

from lakhnes.cli.console import Console, common_options, pass_console
from lakhnes.cli.group import SubcommandGroup
from lakhnes.cli.place import Place

__all__ = ["checkpoint"]


@click.group(cls=SubcommandGroup)
def checkpoint() -> None:
    """Import, list, download and describe models."""


@checkpoint.command("import")
@click.argument("source", metavar="MODEL_DIR")
@click.argument("target", metavar="DEST", type=Place(path_type=Path))
@click.option("-f", "--force", is_flag=True, help="Replace a checkpoint in DEST.")
@common_options
@pass_console
def import_(console: Console, source: str, target: Path, force: bool) -> None:
    """Convert a published LakhNES model to a checkpoint of this program.

    MODEL_DIR is the folder with model.pt and vocab.txt, the model.pt, or the .tar.gz as published. Nothing in it is
    executed. DEST gets model.safetensors, config.json, vocab.txt and README.md.
    """
    from lakhnes.checkpoint.legacy import import_checkpoint

    published = import_checkpoint(source, target, overwrite=force)
    config = published.config
    if not published.vocabulary_checked:
        console.note(f"no vocab.txt: taken for {config.vocabulary.upper()} by its {config.vocab_size} tokens")
    console.note(f"{config.num_parameters:,} parameters, {config.n_layer} layers, {config.vocabulary.upper()}")
    console.result(target)
    console.summary({"checkpoint": str(target), "parameters": config.num_parameters, "vocabulary": config.vocabulary})


@checkpoint.command("list")
@common_options
@pass_console
def list_(console: Console) -> None:
    """List the known models, and which of them are here."""
    from lakhnes.checkpoint.zoo import BUNDLED, ZooModel, models_directory, zoo

    places = {model: models_directory() / model.name for model in zoo()}
    described = ("comes with the package", "MIT", None, None, None, None)
    places = {ZooModel(name, *described): place for name, place in BUNDLED.items()} | places
    models: list[dict[str, Any]] = []
    for model, place in places.items():
        here = _is_checkpoint(place)
        size = f"{model.megabytes} MB" if model.megabytes else "-"
        ppl = f"test PPL {model.test_ppl:.3f}" if model.test_ppl else "-"
        what = f"{model.description}; licence: {model.licence}"
        console.result(f"{model.name:<21} {'here' if here else '-':<5} {size:<7} {ppl:<15} {what}")
        facts = {name: getattr(model, name) for name in ("megabytes", "test_ppl", "description", "licence")}
        models.append({"name": model.name, "here": here} | facts)
    if not all(facts["here"] for facts in models):
        console.note(
            "The authors' download links are dead. If you have a model's archive or folder: "
            f"lakhnes checkpoint import PATH {models_directory() / 'NAME'}"
        )
    console.summary({"models": models})


@checkpoint.command()
@click.argument("name", metavar="NAME")
@click.option("--url", metavar="URL", help="A mirror of the archive.  [default: the listed address]")
@click.option("--sha256", metavar="HEX", help="Hash of the archive.  [default: the one its authors state]")
@click.option("-o", "--out-dir", type=Place(path_type=Path), help="Where to write.  [default: the folder of models]")
@click.option("-f", "--force", is_flag=True, help="Replace a file with another hash.")
@common_options
@pass_console
def download(
    console: Console, name: str, url: str | None, sha256: str | None, out_dir: Path | None, force: bool
) -> None:
    """Download the archive of the published model NAME, resuming an earlier try.

    The archive is kept if its hash is right. It is not opened: `checkpoint import` does that.
    """
    from lakhnes.checkpoint.download import download as fetch
    from lakhnes.checkpoint.zoo import how_to_get, models_directory, zoo_model
    from lakhnes.errors import CheckpointError

    model = zoo_model(name)
    address, digest = url or model.url, sha256 or model.sha256
    if address is None:
        raise CheckpointError(f"{name}: {how_to_get(model)}")
    if digest is None:
        raise CheckpointError(f"{name}: its authors state no hash; expected --sha256 HEX")
    target = (out_dir or models_directory()) / f"{name}.tar.gz"
    with console.progress(name, model.megabytes and model.megabytes * 1_000_000) as advance:
        fetch(address, target, digest, overwrite=force, advance=advance)
    console.note(f"next: lakhnes checkpoint import {target} {models_directory() / name}")
    console.result(target)
    console.summary({"file": str(target), "sha256": digest.lower()})


@checkpoint.command()
@click.argument("model", metavar="MODEL", default="bundled")
@common_options
@pass_console
def info(console: Console, model: str) -> None:
    """Describe MODEL: bundled, a checkpoint or run directory, or a published model by name."""
    import dataclasses

    from lakhnes.checkpoint.zoo import directory_of, how_to_get, zoo
    from lakhnes.errors import CheckpointError

    known = next((entry for entry in zoo() if entry.name == model), None)
    facts: dict[str, Any] = {}
    try:
        directory = directory_of(model)
    except CheckpointError:
        if known is None:
            raise
        facts["state"] = f"not here: {how_to_get(known)}"
    else:
        facts = _facts_of(directory)
    if known is not None:
        facts |= dataclasses.asdict(known)
    for name, value in facts.items():
        console.result(f"{name:<15} {value}")
    console.summary(facts)


def _is_checkpoint(directory: Path) -> bool:
    from lakhnes.checkpoint.config import CONFIG_FILE, WEIGHTS_FILE

    return all((directory / name).is_file() for name in (CONFIG_FILE, WEIGHTS_FILE))


def _facts_of(directory: Path) -> dict[str, Any]:
    """Return the shape of a checkpoint, or of a published model as it was published."""
    import dataclasses

    from lakhnes.checkpoint.config import CONFIG_FILE, MODEL_FILE, RUN_FOLDER, WEIGHTS_FILE, read_config
    from lakhnes.checkpoint.legacy import read_published
    from lakhnes.errors import CheckpointError

    if not _is_checkpoint(directory) and _is_checkpoint(directory / RUN_FOLDER):
        directory /= RUN_FOLDER
    if _is_checkpoint(directory):
        weights, config = directory / WEIGHTS_FILE, read_config(directory / CONFIG_FILE)
    elif (directory / MODEL_FILE).is_file():
        weights, config = directory / MODEL_FILE, read_published(directory).config
    else:
        raise CheckpointError(f"{directory}: no checkpoint; expected {CONFIG_FILE} and {WEIGHTS_FILE}")
    return {
        "directory": str(directory),
        "weights": weights.name,
        "architecture": config.architecture,
        "bytes": weights.stat().st_size,
        "parameters": config.num_parameters,
        **dataclasses.asdict(config),
    }
