"""Songs are composed and written: here or on a cluster, in batches or in part."""

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.composing import SHARED_FOLDER
from lakhnes.cli.console import FAILED, Interrupted
from lakhnes.cli.options import names_of
from lakhnes.cli.targets import is_done
from lakhnes.cluster import DEADLY
from lakhnes.data.layout import TEXTS
from lakhnes.files import PLAYABLE, WRITABLE, base_name, check_target, known_format, suffix_of
from lakhnes.remote import Remote
from lakhnes.sampling.params import SamplingParams
from lakhnes.sharding import WHOLE, Shard

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.cli.composing import Compose
    from lakhnes.cli.console import Console
    from lakhnes.cluster import Cluster
    from lakhnes.model.model import Model
    from lakhnes.progress import Advancing as Advance

__all__ = ["compose_and_write"]


def compose_and_write(
    console: "Console",
    compose: "Compose",
    params: SamplingParams,
    *,
    num: int,
    out_dir: "Path | Remote | None",
    model_name: str,
    formats: str | None,
    seed: int | None,
    force: bool,
    batch_size: int,
    device: str,
    given: str | None = None,
    shard: Shard = WHOLE,
    cluster: "Cluster | None" = None,
    **sound: Any,
) -> list[dict[str, Any]]:
    """Compose songs, write each as soon as its batch is done, and print their paths and the summary.

    `compose` makes songs of a model, their number, the parameters, a seed and a function to call as they grow; with
    each it gives facts for the summary, and among them as ``texts`` what is to be written in some format instead of the
    song. `given` is the file of the song that they are made of, if any: an event text stays one of its kind. Of a
    `shard`, only its songs are composed, and of these only those that are not there; on the workers of `cluster`, if
    there is one. `sound` are further options of `lakhnes.write`.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.composing import most_at_once, new_seed

    chosen = names_of(formats, WRITABLE, "--format") if formats is not None else []
    model = load_model(model_name, device)
    chosen = chosen or ["wav", known_format(given or "", TEXTS) or model.config.vocabulary]
    goes_on = shard != WHOLE or cluster is not None
    if goes_on and (seed is None or out_dir is None):
        raise click.UsageError("--shard and --scheduler need --seed and --out-dir, so that all machines mean the same")
    first = new_seed() if seed is None else seed
    stack = contextlib.ExitStack()
    folder = out_dir or Path(SHARED_FOLDER)
    if isinstance(folder, Remote):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    folder.mkdir(parents=True, exist_ok=True)
    if out_dir is not None and not goes_on:
        _refuse_existing(out_dir, chosen, num, force)
    command = click.get_current_context().info_name

    def files_of(index: int) -> dict[str, Path]:
        if out_dir is not None:
            return _files(folder / str(index), chosen)
        name = folder / f"{command}-{first + index}"
        return _files(name if force else _unused(name, chosen), chosen)

    batch_size = min(batch_size, most_at_once(model, params))
    console.note(f"seed {first}")
    facts: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    wanted = _missing(shard.numbers(num), chosen, out_dir if goes_on and not force else None)
    total = sum(map(len, wanted))
    try:
        with stack, console.progress("songs", total) as advance:

            def report(made: dict[str, Any]) -> None:
                if "error" in made:
                    console.error(f"Error: seed {made['seed']}: {made['error']}")
                    failed.append(made)
                    return
                facts.append(made)
                console.result(_listed(made["paths"]))

            if cluster is not None:
                assert out_dir is not None
                place = out_dir if isinstance(out_dir, Remote) else out_dir.absolute()
                work = partial(
                    _compose_task, compose=compose, params=params, model_name=model_name, device=device, first=first,
                    folder=place, formats=chosen, batch_size=batch_size, sound=sound,
                )  # fmt: skip
                for made in _on_cluster(cluster, work, wanted, first, out_dir, advance):
                    report(made)
                facts.sort(key=lambda made: int(made["seed"]))
                wanted = []
            for start, count in _batches(wanted, batch_size):
                batch = _Batch(advance, count, params.expected_events)
                songs = compose(model, count, params, seed=first + start, advance=batch)
                batch.finish()
                for made in _written(songs, start, first, params, files_of, force, sound):
                    report(_placed(made, out_dir))
    except KeyboardInterrupt:
        raise Interrupted(f"{len(facts)} of {total} songs written", {"songs": facts}) from None
    console.summary({"songs": facts} | ({"failed": failed} if failed else {}))
    if failed:
        raise click.exceptions.Exit(FAILED)
    return facts


def _written(
    songs: "Iterable[tuple[Song, dict[str, Any]]]",
    start: int,
    first: int,
    params: SamplingParams,
    files_of: Callable[[int], dict[str, Path]],
    force: bool,
    sound: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Write songs numbered from `start`; yield the facts of each, or its error."""
    for index, (song, known) in enumerate(songs, start):
        texts = known.pop("texts", {})
        if (lack := _too_short(song, known, params)) is not None:
            yield {"seed": first + index, "error": lack}
            continue
        yield _write(song, texts, files_of(index), force, sound) | {"seed": first + index} | known


def _placed(made: dict[str, Any], folder: "Path | Remote | None") -> dict[str, Any]:
    """Put the files of a song, which are on this machine, behind an address, if they go there."""
    if isinstance(folder, Remote):
        for name, path in made.get("paths", {}).items():
            folder.put(Path(path), Path(path).name)
            Path(path).unlink()
            made["paths"][name] = folder.at(Path(path).name)
    return made


def _on_cluster(
    cluster: "Cluster",
    work: "Callable[[list[int]], list[dict[str, Any]]]",
    wanted: list[range],
    first: int,
    folder: "Path | Remote",
    advance: "Advance",
) -> Iterator[dict[str, Any]]:
    """Compose songs on the workers of a cluster; yield the facts of each, or its error."""
    for numbers, songs in cluster.map(work, [number for row in wanted for number in row]):
        advance(len(numbers))
        for made in songs or [{"seed": first + number, "error": DEADLY} for number in numbers]:
            if "paths" in made and isinstance(folder, Path):  # which begin with the folder as it was named
                made["paths"] = {name: str(folder / Path(path).name) for name, path in made["paths"].items()}
            yield made


def _compose_task(
    numbers: list[int],
    *,
    compose: "Compose",
    params: SamplingParams,
    model_name: str,
    device: str,
    first: int,
    folder: "Path | Remote",
    formats: list[str],
    batch_size: int,
    sound: dict[str, Any],
) -> list[dict[str, Any]]:
    """Compose songs on a worker, and write them; what is there is replaced, for a task may be done twice."""
    made: list[dict[str, Any]] = []
    with contextlib.nullcontext(folder) if isinstance(folder, Path) else tempfile.TemporaryDirectory() as local:
        for start, count in _batches(_rows(numbers), batch_size):
            songs = compose(_model(model_name, device), count, params, seed=first + start, advance=lambda events: None)
            written = _written(
                songs, start, first, params, lambda index: _files(Path(local) / str(index), formats), True, sound
            )
            made += (_placed(each, folder) for each in written)
    return made


@lru_cache(maxsize=1)
def _model(name: str, device: str) -> "Model":
    """Load a model, once in a worker."""
    from lakhnes.checkpoint import load_model

    return load_model(name, device)


def _missing(numbers: range, formats: list[str], folder: "Path | Remote | None") -> list[range]:
    """Return the numbers of songs in rows; of a folder, those that are not there."""
    if folder is None:
        return [numbers]
    if isinstance(folder, Remote):
        sizes = _there(folder)
        names = {number: [str(path) for path in _files(Path(str(number)), formats).values()] for number in numbers}
        return _rows(number for number in numbers if not all(sizes.get(name) for name in names[number]))
    return _rows(number for number in numbers if not is_done(list(_files(folder / str(number), formats).values())))


def _rows(numbers: Iterable[int]) -> list[range]:
    """Return the rows that numbers stand in."""
    rows: list[range] = []
    for number in numbers:
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


def _there(folder: Remote) -> dict[str, int]:
    """Return the sizes of the files behind an address, where there may be nothing yet."""
    try:
        return folder.files()
    except FileNotFoundError:
        return {}


def _refuse_existing(folder: "Path | Remote", formats: list[str], num: int, force: bool) -> None:
    """Refuse, before any work is done, a folder that holds a file of a song to come: whichever of a million it is."""
    paths = sorted(folder.iterdir()) if isinstance(folder, Path) else list(map(PurePosixPath, _there(folder)))
    for path in paths:
        for name in formats:
            number = path.name.removesuffix(suffix_of(name))
            is_number = number != path.name and number.isdecimal() and len(number) <= 20
            if is_number and f"{int(number)}" == number and int(number) < num:
                if isinstance(path, Path):
                    check_target(path, overwrite=force)
                elif isinstance(folder, Remote) and not force and len(path.parts) == 1:
                    raise FileExistsError(17, "exists already (--force replaces it)", folder.at(path.name))


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


def _files(name: Path, formats: list[str]) -> dict[str, Path]:
    """Name the files of a song by format."""
    return {each: name.with_name(name.name + suffix_of(each)) for each in formats}


def _unused(name: Path, formats: list[str]) -> Path:
    """Return a name of which no file of these formats exists: the name itself, or with a number from 2 on."""
    numbered = (name.with_name(f"{name.name}-{number}") for number in itertools.count(2))
    candidates = itertools.chain([name], numbered)
    return next(each for each in candidates if not any(path.exists() for path in _files(each, formats).values()))


def _listed(paths: dict[str, str]) -> str:
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
