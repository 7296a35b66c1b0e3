"""``lakhnes eval``: how well a model predicts songs."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lakhnes.archives import is_archive
from lakhnes.cli.console import Console, Interrupted, common_options, device_option, pass_console
from lakhnes.cli.options import names_of
from lakhnes.cli.place import Place
from lakhnes.data.layout import SPLITS
from lakhnes.extras import need
from lakhnes.training.choices import PRECISIONS

if TYPE_CHECKING:
    from lakhnes.data.corpus import Corpus
    from lakhnes.evaluation.score import Score
    from lakhnes.model.model import Model

__all__ = ["evaluate"]


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="DATA", type=Place(path_type=Path))
@click.option(
    "--split", "splits", metavar="NAMES", help="Separated by commas.  [default: those of valid,test that exist]"
)
@click.option(
    "--batch-size", default=10, show_default=True, type=click.IntRange(min=1), help="Streams read side by side."
)
@click.option("--tgt-len", default=128, show_default=True, type=click.IntRange(min=1), help="Tokens of a segment.")
@click.option("--mem-len", default=896, show_default=True, type=click.IntRange(min=0), help="Tokens remembered.")
@click.option("--songs", type=click.IntRange(min=1), help="Score only this number of songs of a split.")
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(PRECISIONS),
    help="Of matrix products.",
)
@click.option("--per-song", is_flag=True, help="Begin every song with an empty memory, and print each.")
@device_option
@common_options
@pass_console
def evaluate(
    console: Console, /, model: str, data: Path, splits: str | None, songs: int | None, precision: str, per_song: bool,
    device: str, **options: Any,
) -> None:  # fmt: skip
    """Print the perplexity of MODEL on DATA exactly as LakhNES computes it.

    MODEL is bundled, a checkpoint directory or a training run, of any architecture; DATA has folders valid and test of
    NAME.tx1.txt, or is an archive of NES-MDB. With --per-song every token of every song is scored; without it, as
    LakhNES does, memory is carried from song to song, and the unfinished last segment is dropped; songs that do not
    fill one segment of all streams are read in fewer.

    DATA may also be one song, in any readable format: it is scored as with --per-song, without torch.
    """
    if data.is_file() and not is_archive(data):
        if splits is not None or precision == "bfloat16":
            raise click.UsageError(f"--split and --precision are for corpora; {data} is one song")
        _one_song(console, model, data, options["mem_len"], device)
        return
    need("torch")
    from lakhnes._native import Vocabulary
    from lakhnes.checkpoint import load_model
    from lakhnes.data.corpus import Corpus
    from lakhnes.errors import FormatError

    loaded = load_model(model, device)
    vocabulary = Vocabulary(loaded.config.vocabulary)
    options |= {"max_songs": songs}
    facts = {}
    with _folder(console, data, vocabulary.dialect) as folder:
        existing = [split for split in ("valid", "test") if (folder / split).is_dir()]
        chosen = existing if splits is None else names_of(splits, SPLITS, "--split")
        if not chosen:
            raise FormatError(f"{data}: no folder valid or test in it")
        corpora = {split: Corpus.load(folder, split, vocabulary) for split in chosen}
        if not per_song:
            streams = {split: _streams(console, split, corpus, options) for split, corpus in corpora.items()}
        from lakhnes.training.precision import product_dtype  # loads torch

        options["dtype"] = product_dtype(precision, loaded.network.device)
        for split, corpus in corpora.items():
            with console.progress(split, min(songs or len(corpus), len(corpus))) as advance:
                given = options | {"advance": advance}
                try:
                    if per_song:
                        facts[split] = _per_song(console, split, loaded, corpus, given)
                    else:
                        facts[split] = _in_streams(console, split, loaded, corpus, given | streams[split])
                except Interrupted as stopped:
                    raise Interrupted(str(stopped), {**facts, **stopped.facts}) from None
    console.summary(facts)


def _one_song(console: Console, model: str, path: Path, mem_len: int, device: str) -> None:
    from lakhnes.checkpoint import load_model
    from lakhnes.evaluation.score import evaluate_song
    from lakhnes.songs import read

    score = evaluate_song(load_model(model, device), read(path), mem_len=mem_len)
    console.results(_line(path.name, score))
    console.summary({path.name: score.facts()})


@contextlib.contextmanager
def _folder(console: Console, data: Path, dialect: str) -> Iterator[Path]:
    """Give the corpus directory: DATA, or one for the while that is made of an archive of NES-MDB."""
    if not data.is_file():
        yield data
        return
    import tempfile

    from lakhnes.data.nesmdb import convert_nesmdb

    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        with console.progress("convert", None) as advance:
            convert_nesmdb(data, corpus, to=[dialect], finished=advance)
        yield corpus


def _streams(console: Console, split: str, corpus: "Corpus", options: dict[str, Any]) -> dict[str, int]:
    """Return the number of streams that the songs of a split fill, and tell if it is not the one asked for."""
    from lakhnes.evaluation.streams import streams_of

    asked = options["batch_size"]
    streams = streams_of(corpus, asked, options["tgt_len"], options["max_songs"])
    if streams < asked:
        console.note(f"{split}: too few songs for {asked} streams, so {streams}")
    return {"batch_size": streams}


def _in_streams(
    console: Console, split: str, model: "Model", corpus: "Corpus", options: dict[str, Any]
) -> dict[str, Any]:
    from lakhnes.evaluation.perplexity import EvaluationStopped
    from lakhnes.evaluation.perplexity import evaluate as score_of

    try:
        score = score_of(model, corpus, **options)
    except EvaluationStopped as stopped:
        console.results(f"{_line(split, stopped.score)}, interrupted")
        raise Interrupted(str(stopped), {split: stopped.score.facts()}) from None
    console.results(_line(split, score))
    return dict(score.facts())


def _per_song(
    console: Console, split: str, model: "Model", corpus: "Corpus", options: dict[str, Any]
) -> dict[str, Any]:
    import time

    from lakhnes.errors import FormatError
    from lakhnes.evaluation.score import Score
    from lakhnes.evaluation.songs import SongsStopped, evaluate_songs

    started = time.perf_counter()
    stopped = None
    try:
        scores = evaluate_songs(model, corpus, **options)
    except SongsStopped as stop:
        scores, stopped = stop.scores, str(stop)
    if not scores and stopped is None:
        raise FormatError(f"{split}: every song is too short to be scored")
    for song in scores:
        console.result(f"{song.name}: loss {song.loss:.4f}  PPL {song.ppl:.4f}  {song.positions} positions")
    facts: dict[str, Any] = {"per_song": [song.facts() for song in scores]}
    if scores:
        positions = sum(score.positions for score in scores)
        loss = sum(score.loss * score.positions for score in scores) / positions
        whole = Score(loss, positions, len(scores), time.perf_counter() - started)
        console.results(_line(split, whole) + (", interrupted" if stopped else ""))
        facts = dict(whole.facts()) | facts
    if stopped is not None:
        raise Interrupted(stopped, {split: facts})
    return facts


def _line(split: str, score: "Score") -> str:
    songs = "a song" if score.songs == 1 else f"{score.songs} songs"
    line = (
        f"{split}: loss {score.loss:.4f}  PPL {score.ppl:.4f}  "
        f"{score.positions} positions of {songs}  {score.seconds:.1f} s"
    )
    if score.notes:
        line += (
            f"\n{split}: {score.note_loss:.3f} nats a note-on token, {score.nats_a_note:.3f} a note in all, "
            f"{score.nats_a_second:.2f} a second of music"
        )
    return line
