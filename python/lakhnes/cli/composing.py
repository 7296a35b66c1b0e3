"""What the commands that compose have in common: their options, and the files of a song."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click
from click.core import ParameterSource

from lakhnes.cli.console import FAILED, Interrupted
from lakhnes.cli.options import (
    adding,
    expression_option,
    force_option,
    loudness_options,
    midi_option,
    names_of,
    tag_options,
)
from lakhnes.cli.targets import STDIO, is_done
from lakhnes.data.layout import TEXTS
from lakhnes.files import PLAYABLE, WRITABLE, base_name, check_target, known_format, suffix_of
from lakhnes.sampling.params import BATCH_SIZE, MAX_LENGTH, MIN_DURATION, SECONDS, SONG, SamplingParams, params_from
from lakhnes.sharding import WHOLE, Shard

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.cli.console import Console
    from lakhnes.model.model import Model
    from lakhnes.progress import Advancing as Advance
    from lakhnes.sampling import Composition

    Compose: TypeAlias = Callable[..., list[tuple[Song, dict[str, Any]]]]

DTYPES = ("float32", "bfloat16", "int8")

SHARED_FOLDER = "generated"
"""Where songs go without ``--out-dir``: into one folder for all commands, under names that do not collide."""

__all__ = [
    "compose_and_write",
    "composing_options",
    "ending_options",
    "from_excerpt",
    "limit_options",
    "params_of",
    "sampling_options",
]

F = TypeVar("F", bound=Callable[..., Any])


class _OutputFolder(click.Path):
    """A folder, and not stdout: a song is several files."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == STDIO:
            self.fail("songs are files in a folder, and - stands for stdout", param, ctx)
        return super().convert(value, param, ctx)


def sampling_options(purpose: str = "") -> Callable[[F], F]:
    """Give the options that say how each event is sampled; their help begins with what they are for."""
    share = click.FloatRange(0, 1, min_open=True)
    of_probability = "events that together reach probability p."
    options = (
        ("--temperature", click.FloatRange(min=0), "Higher is more varied; 0: the most likely event."),
        ("--top-k", click.IntRange(min=0), "Sample from the k most likely events (0: all)."),
        ("--top-p", share, f"Sample from the most likely {of_probability}"),
        ("--min-p", click.FloatRange(0, 1), "Sample from events at least p times as likely as the first."),
        ("--typical-p", share, f"Sample from the most typical {of_probability}"),
        ("--memory", click.IntRange(0, MAX_LENGTH), "Events attended to.", "the model's own"),
        ("--dtype", click.Choice(DTYPES), "Type of stored weights; int8 on the CPU only.", "float32"),
    )
    return adding(*(_option(flag, kind, purpose + text, *default) for flag, kind, text, *default in options))


def ending_options(base: SamplingParams) -> Callable[[F], F]:
    """Give the options that say when a new part ends, and what may come before; their defaults are those of `base`."""
    shortest = f"{MIN_DURATION:g}, or --max-duration" if base.min_duration is None else f"{base.min_duration:g}"
    return adding(*limit_options(base), _ending_options(base, shortest))


def limit_options(base: SamplingParams, purpose: str = "") -> tuple[Callable[[F], F], Callable[[F], F]]:
    """Give the two options that say how long a song is; their help begins with what they are for."""
    unit = click.FloatRange(min=0, min_open=True)
    no_limit = f"{SECONDS:g}, unless --length or --max-duration is given" if base.length is None else "no limit"
    events = "no limit" if base.length is None else f"{base.length}, unless --seconds is given"
    within = purpose + "Seconds within which a song ends: at a bar line, where it would be heard as an ending."
    return (
        _option("--seconds", unit, within, no_limit, base=base),
        _option("--length", click.IntRange(1, MAX_LENGTH), f"{purpose}Events at the most.", events, base=base),
    )


def _ending_options(base: SamplingParams, shortest: str) -> Callable[[F], F]:
    return adding(
        _option("--min-length", click.IntRange(min=0), "Events at the least.", base=base),
        _option("--min-duration", click.FloatRange(min=0), "Seconds at the least.", shortest, base=base),
        _option("--max-duration", click.FloatRange(min=0, min_open=True), "Seconds at the most.", base=base),
        _option(
            "--min-surprise",
            click.FloatRange(min=0),
            "Raise the temperature where the last events had a lower loss (nats), against endless loops; 0: never.",
            base=base,
        ),
        click.option(
            "--no-grammar",
            "grammar",
            flag_value=False,
            default=base.grammar,
            help="Sample as the original did: events in any order, and no end before --length.",
        ),
    )


def _option(
    flag: str, kind: Any, text: str, default: str | None = None, *, base: SamplingParams = SONG
) -> Callable[[F], F]:
    """Give the option for the field of `SamplingParams` that has its name, with the default that stands there."""
    value = getattr(base, flag.removeprefix("--").replace("-", "_"))
    text += f"  [default: {default}]" if default else ""
    return click.option(flag, default=value, show_default=value is not None and not default, type=kind, help=text)


def composing_options(command: F) -> F:
    """Add the options that every composing command takes; `compose_and_write` takes what they give."""
    add: Callable[[F], F] = adding(
        click.option("-n", "--num", default=1, show_default=True, type=click.IntRange(min=1), help="How many songs."),
        click.option(
            "-o",
            "--out-dir",
            type=_OutputFolder(path_type=Path),
            help="Folder for the songs, made if missing; they are called 0, 1, …"
            f"  [default: {SHARED_FOLDER}, where names begin with the command and the seed]",
        ),
        click.option(
            "-m",
            "--model",
            "model_name",
            default="bundled",
            show_default=True,
            help="bundled, a checkpoint directory, or hf://OWNER/NAME.",
        ),
        sampling_options(),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Song I is that of seed SEED + I.  [default: a new one]"
        ),
        click.option(
            "--batch-size",
            default=BATCH_SIZE,
            show_default=True,
            type=click.IntRange(min=1),
            help="Songs composed at once.",
        ),
        click.option(
            "--device", default="auto", show_default=True, help="auto (composes on the CPU), cpu, cuda or mps."
        ),
        click.option("--format", "formats", help="Files of each song.  [default: wav and the model's events]"),
        expression_option("natural"),
        midi_option("gm"),
        loudness_options(),
        tag_options(),
        force_option(),
    )
    return add(command)


def params_of(options: dict[str, Any], base: SamplingParams = SONG) -> SamplingParams:
    """Take the fields of `SamplingParams` out of a command's options; those that it does not have are as in `base`."""
    context = click.get_current_context()
    names = [field.name for field in dataclasses.fields(SamplingParams) if field.name in options]
    values = {name: options.pop(name) for name in names}
    typed = [name for name in names if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    for least, most in (("min_duration", "max_duration"), ("min_duration", "seconds"), ("min_length", "length")):
        if least in typed and most in typed and values[least] > values[most]:
            flags = ["--" + name.replace("_", "-") for name in (most, least)]
            raise click.UsageError(f"{flags[0]} {values[most]:g} is below {flags[1]} {values[least]:g}")
    given = {name: values[name] for name in typed}
    if "top_k" in given:
        given["top_k"] = given["top_k"] or None
    try:
        return params_from(base, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def compose_and_write(
    console: "Console",
    compose: "Compose",
    params: SamplingParams,
    *,
    num: int,
    out_dir: Path | None,
    model_name: str,
    formats: str | None,
    seed: int | None,
    force: bool,
    batch_size: int,
    device: str,
    given: str | None = None,
    shard: Shard = WHOLE,
    **sound: Any,
) -> list[dict[str, Any]]:
    """Compose songs, write each as soon as its batch is done, and print their paths and the summary.

    `compose` makes songs of a model, their number, the parameters, a seed and a function to call as they grow; with
    each it gives facts for the summary, and among them as ``texts`` what is to be written in some format instead of the
    song. `given` is the file of the song that they are made of, if any: an event text stays one of its kind. Of a
    `shard`, only its songs are composed, and of these only those that are not there. `sound` are further options of
    `lakhnes.write`.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.composing import most_at_once, new_seed

    chosen = names_of(formats, WRITABLE, "--format") if formats is not None else []
    model = load_model(model_name, device)
    chosen = chosen or ["wav", known_format(given or "", TEXTS) or model.config.vocabulary]
    if shard != WHOLE and (seed is None or out_dir is None):
        raise click.UsageError("--shard needs --seed and --out-dir, so that all machines mean the same songs")
    first = new_seed() if seed is None else seed
    folder = out_dir or Path(SHARED_FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    if out_dir is not None and shard == WHOLE:
        _refuse_existing(out_dir, chosen, num, force)
    command = click.get_current_context().info_name

    def files_of(index: int) -> dict[str, Path]:
        if out_dir is not None:
            return _files(out_dir / str(index), chosen)
        name = folder / f"{command}-{first + index}"
        return _files(name if force else _unused(name, chosen), chosen)

    batch_size = min(batch_size, most_at_once(model, params))
    console.note(f"seed {first}")
    facts: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    wanted = _missing(shard, num, chosen, None if force else out_dir)
    total = sum(map(len, wanted))
    try:
        with console.progress("songs", total) as advance:
            for start, count in _batches(wanted, batch_size):
                batch = _Batch(advance, count, params.expected_events)
                songs = compose(model, count, params, seed=first + start, advance=batch)
                batch.finish()
                for index, (song, known) in enumerate(songs, start):
                    texts = known.pop("texts", {})
                    if (lack := _too_short(song, known, params)) is not None:
                        console.error(f"Error: seed {first + index}: {lack}")
                        failed.append({"seed": first + index, "error": lack})
                        continue
                    paths = files_of(index)
                    facts.append(_write(song, texts, paths, force, sound) | {"seed": first + index} | known)
                    console.result(_listed(paths))
    except KeyboardInterrupt:
        raise Interrupted(f"{len(facts)} of {total} songs written", {"songs": facts}) from None
    console.summary({"songs": facts} | ({"failed": failed} if failed else {}))
    if failed:
        raise click.exceptions.Exit(FAILED)
    return facts


def _missing(shard: Shard, num: int, formats: list[str], folder: Path | None) -> list[range]:
    """Return the numbers of the songs to be composed, in rows: all, or those of a shard that are not in the folder."""
    numbers = shard.numbers(num)
    if shard == WHOLE or folder is None:
        return [numbers]
    rows: list[range] = []
    for number in numbers:
        if is_done(list(_files(folder / str(number), formats).values())):
            continue
        if rows and rows[-1].stop == number:
            rows[-1] = range(rows[-1].start, number + 1)
        else:
            rows.append(range(number, number + 1))
    return rows


def _batches(rows: list[range], size: int) -> Iterator[tuple[int, int]]:
    """Give the first number and the count of each batch: songs of a batch have seeds in a row."""
    for row in rows:
        for start in range(row.start, row.stop, size):
            yield start, min(size, row.stop - start)


def _refuse_existing(folder: Path, formats: list[str], num: int, force: bool) -> None:
    """Refuse, before any work is done, a folder that holds a file of a song to come: whichever of a million it is."""
    for path in sorted(folder.iterdir()):
        for name in formats:
            number = path.name.removesuffix(suffix_of(name))
            is_number = number != path.name and number.isdecimal() and len(number) <= 20
            if is_number and f"{int(number)}" == number and int(number) < num:
                check_target(path, overwrite=force)


class _Batch:
    """Tells of a batch that grows how many of its songs that amounts to; they are done when the batch is."""

    def __init__(self, advance: "Advance", count: int, length: int) -> None:
        self._advance, self._count, self._length = advance, count, length
        self._told = 0.0

    def __call__(self, events: float) -> None:
        """Note that each song has got events; a song that is composed again adds none beyond its length."""
        share = min(self._count * events / self._length, 0.99 * self._count - self._told)
        self._tell(max(share, 0.0))

    def finish(self) -> None:
        """Note that the songs are composed."""
        self._tell(self._count - self._told)

    def _tell(self, songs: float) -> None:
        self._advance(songs)
        self._told += songs


def _too_short(song: "Song", facts: dict[str, Any], params: SamplingParams) -> str | None:
    """Say what is wrong with a song that its number of events has kept from lasting as long as was asked for."""
    least = params.min_duration or 0.0
    if facts.get("ended") != "length" or song.duration >= least:
        return None
    return f"{song.duration:.1f} s in --length {params.length} events, less than --min-duration {least:g}"


def from_excerpt(
    compose: "Callable[..., list[Composition]]", given: "Song | None" = None, length: int = 0
) -> "Compose":
    """Give what `compose_and_write` takes: `compose` makes token ids of the first `length` events of a song."""

    def songs(model: "Model", num: int, params: SamplingParams, **options: Any) -> "list[tuple[Song, dict[str, Any]]]":
        from lakhnes._native import Vocabulary
        from lakhnes.sampling.excerpt import Excerpt

        vocabulary = Vocabulary(model.config.vocabulary)
        taken = Excerpt.of(given, vocabulary, length) if given is not None else Excerpt()
        made = []
        for song in compose(model, num, taken.ids, params, batch_size=num, **options):
            facts = {"events": len(song.ids), "ended": song.ended, "ppl": song.ppl, "seconds": song.seconds}
            facts |= {"prime_ppl": song.prime_ppl} if given is not None else {}
            if song.loop is not None:
                facts["loop"] = {"seam_ppl": song.loop.seam_ppl, "song_ppl": song.loop.song_ppl}
            if not params.grammar or "BAR" in vocabulary.symbols:
                # A song would put the events in order, and find bars of its own.
                facts["texts"] = {vocabulary.dialect: taken.text(song.ids, vocabulary)}
            made.append((taken.song(song.ids, vocabulary), facts))
        return made

    return songs


def _files(name: Path, formats: list[str]) -> dict[str, Path]:
    """Name the files of a song by format."""
    return {each: name.with_name(name.name + suffix_of(each)) for each in formats}


def _unused(name: Path, formats: list[str]) -> Path:
    """Return a name of which no file of these formats exists: the name itself, or with a number from 2 on."""
    numbered = (name.with_name(f"{name.name}-{number}") for number in itertools.count(2))
    candidates = itertools.chain([name], numbered)
    return next(each for each in candidates if not any(path.exists() for path in _files(each, formats).values()))


def _listed(paths: dict[str, Path]) -> Path:
    """Return the path that stands for a song: its score, if there is one, for that can be read again."""
    scores = [path for name, path in paths.items() if name in PLAYABLE]
    return scores[0] if scores else next(iter(paths.values()))


def _write(
    song: "Song", texts: dict[str, str], paths: dict[str, Path], force: bool, sound: dict[str, Any]
) -> dict[str, Any]:
    from lakhnes.files import write_bytes
    from lakhnes.songs import write

    for name, path in paths.items():
        if name in texts:
            write_bytes(path, texts[name].encode(), overwrite=force)
        else:
            write(song, path, name, overwrite=force, title=base_name(path), **sound)
    return {"paths": {name: str(path) for name, path in paths.items()}, "duration": song.duration}
