"""Songs are composed and written: here or on a cluster, in batches or in part."""

import contextlib
import itertools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from lakhnes.cli.composing import SHARED_FOLDER
from lakhnes.cli.console import FAILED, Interrupted
from lakhnes.cli.options import names_of
from lakhnes.cli.targets import is_done, make_folders
from lakhnes.cluster import DEADLY
from lakhnes.data.layout import TEXTS
from lakhnes.files import PLAYABLE, WRITABLE, base_name, known_format, suffix_of
from lakhnes.outputs import check_target
from lakhnes.remote import Remote
from lakhnes.sampling.params import SamplingParams
from lakhnes.sharding import Shard
from lakhnes.units import MAX_SEED

if TYPE_CHECKING:
    from lakhnes._native import Song
    from lakhnes.cli.composing import Compose
    from lakhnes.cli.console import Console
    from lakhnes.cluster import Cluster
    from lakhnes.model.model import Model
    from lakhnes.progress import Advancing as Advance

__all__ = ["compose_and_write", "perplexity"]


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
    shard: Shard | None = None,
    cluster: "Cluster | None" = None,
    **sound: Any,
) -> list[dict[str, Any]]:
    """Compose songs, write each as soon as it is finished, and print their paths in order, and the summary.

    `compose` makes songs of a model, their seeds, the parameters, how many to compose at once, and a function to call
    as they grow. It gives each with its seed when it is finished, and with facts for the summary; among them as
    ``texts`` what is to be written in some format instead of the song. `given` is the file of the song that they are
    made of, if any: an event text stays one of its kind. Of a `shard`, only its songs are composed, and of these only
    those that are not there; on the workers of `cluster`, if there is one. `sound` are further options of
    `lakhnes.write`.
    """
    from lakhnes.checkpoint import load_model
    from lakhnes.sampling.composing import new_seed

    chosen = names_of(formats, WRITABLE, "--format") if formats is not None else []
    model = load_model(model_name, device)
    chosen = chosen or ["wav", known_format(given or "", TEXTS) or model.config.vocabulary]
    goes_on = shard is not None or cluster is not None
    if goes_on and (seed is None or out_dir is None):
        raise click.UsageError("--shard and --scheduler need --seed and --out-dir, so that all machines mean the same")
    first = new_seed() if seed is None else seed
    if first + num - 1 > MAX_SEED:
        raise click.BadParameter(
            f"the last of {num:,} songs would be that of a seed above {MAX_SEED:,}", param_hint="--seed"
        )
    stack = contextlib.ExitStack()
    folder = out_dir or Path(SHARED_FOLDER)
    if isinstance(folder, Remote):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    make_folders([folder])
    if out_dir is not None and not goes_on:
        _refuse_existing(out_dir, chosen, num, force)
    command = click.get_current_context().info_name

    def files_of(index: int) -> dict[str, Path]:
        if out_dir is not None:
            return _files(folder / str(index), chosen)
        name = folder / f"{command}-{first + index}"
        return _files(name if force else _unused(name, chosen), chosen)

    console.note(f"seed {first}")
    numbers = _missing(
        range(num) if shard is None else shard.numbers(num), chosen, out_dir if goes_on and not force else None
    )
    songs = _Songs(console, _seeds(numbers, first))
    try:
        with stack, console.progress("songs", len(numbers)) as advance:
            if cluster is not None:
                assert out_dir is not None
                place = out_dir if isinstance(out_dir, Remote) else out_dir.absolute()
                work = partial(
                    _compose_task, compose=compose, params=params, model_name=model_name, device=device, first=first,
                    folder=place, formats=chosen, batch_size=batch_size, sound=sound,
                )  # fmt: skip
                for made in _on_cluster(cluster, work, numbers, first, out_dir, advance):
                    songs.report(made)
            else:
                growth = _Growth(advance, len(numbers), batch_size, params.expected_events)
                composed = compose(model, songs.seeds, params, batch_size=batch_size, advance=growth)
                for made in _written(composed, first, params, files_of, force, sound):
                    growth.finish()
                    songs.report(_placed(made, out_dir))
    except KeyboardInterrupt:
        written = songs.end()[0]
        raise Interrupted(f"{len(written)} of {len(numbers)} songs written", {"songs": written}) from None
    facts, failed = songs.end()
    console.summary({"songs": facts} | ({"failed": failed} if failed else {}))
    if failed:
        raise click.exceptions.Exit(FAILED)
    return facts


def perplexity(value: float) -> str:
    """Say a perplexity, or that nothing was there to score."""
    return f"perplexity {value:.3f}" if math.isfinite(value) else "nothing to score"


class _Songs:
    """What has become of songs, which are finished in any order; their lines are printed in that of their seeds."""

    def __init__(self, console: "Console", seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self._console = console
        self._made: dict[int, dict[str, Any]] = {}
        self._printed = 0

    def report(self, made: dict[str, Any]) -> None:
        """Take the facts of a song, or its error, and print what is due."""
        self._made[made["seed"]] = made
        while self._printed < len(self.seeds) and (next_one := self._made.get(self.seeds[self._printed])):
            self._print(next_one)
            self._printed += 1

    def end(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Print what is left; return the facts of the songs that were written, and the errors of the others."""
        made = [self._made[seed] for seed in sorted(self._made)]
        for left in made[self._printed :]:
            self._print(left)
        self._printed = len(made)
        return [each for each in made if "error" not in each], [each for each in made if "error" in each]

    def _print(self, made: dict[str, Any]) -> None:
        if "error" in made:
            self._console.error(f"Error: seed {made['seed']}: {made['error']}")
        else:
            self._console.result(_listed(made["paths"]))


def _written(
    songs: "Iterable[tuple[int, Song, dict[str, Any]]]",
    first: int,
    params: SamplingParams,
    files_of: Callable[[int], dict[str, Path]],
    force: bool,
    sound: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Write songs, each with its seed, numbered from that of `first` on; yield the facts of each, or its error."""
    for seed, song, known in songs:
        texts = known.pop("texts", {})
        if (lack := _too_short(song, known, params)) is not None:
            yield {"seed": seed, "error": lack}
            continue
        paths = files_of(seed - first)
        if not song.length and any(name in TEXTS and name not in texts for name in paths):
            yield {"seed": seed, "error": "lasts 0 s, of which an event text has nothing to say"}
            continue
        yield _write(song, texts, paths, force, sound) | {"seed": seed} | known


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
    wanted: Sequence[int],
    first: int,
    folder: "Path | Remote",
    advance: "Advance",
) -> Iterator[dict[str, Any]]:
    """Compose songs on the workers of a cluster; yield the facts of each, or its error."""
    for numbers, songs in cluster.map(work, list(wanted)):
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
        seeds = [first + number for number in numbers]
        songs = compose(_model(model_name, device), seeds, params, batch_size=batch_size, advance=lambda events: None)
        for each in _written(
            songs, first, params, lambda index: _files(Path(local) / str(index), formats), True, sound
        ):
            made.append(_placed(each, folder))
    return made


@lru_cache(maxsize=1)
def _model(name: str, device: str) -> "Model":
    """Load a model, once in a worker."""
    from lakhnes.checkpoint import load_model

    return load_model(name, device)


def _missing(numbers: range, formats: list[str], folder: "Path | Remote | None") -> Sequence[int]:
    """Return the numbers of songs; of a folder, of those that are not there."""
    if folder is None:
        return numbers
    if isinstance(folder, Remote):
        sizes = _there(folder)
        names = {number: [str(path) for path in _files(Path(str(number)), formats).values()] for number in numbers}
        return [number for number in numbers if not all(sizes.get(name) for name in names[number])]
    return [number for number in numbers if not is_done(list(_files(folder / str(number), formats).values()))]


def _seeds(numbers: Sequence[int], first: int) -> Sequence[int]:
    """Return the seeds of songs; of a range a range: there may be a billion of them."""
    if isinstance(numbers, range):
        return range(first + numbers.start, first + numbers.stop, numbers.step)
    return [first + number for number in numbers]


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


class _Growth:
    """Tells of songs that grow, some of all at once, how many whole ones their events amount to."""

    def __init__(self, advance: "Advance", count: int, at_once: int, length: int) -> None:
        self._advance, self._count, self._at_once, self._length = advance, count, at_once, length
        self._finished, self._told = 0, 0.0

    def __call__(self, events: float) -> None:
        """Note that the songs have got events; those that are not finished count for less than whole ones."""
        unfinished = min(self._at_once, self._count - self._finished)
        self._tell(min(self._told + events / self._length, self._finished + 0.99 * unfinished))

    def finish(self) -> None:
        """Note that a song is finished."""
        self._finished += 1
        self._tell(self._finished)

    def _tell(self, songs: float) -> None:
        if songs > self._told:
            self._advance(songs - self._told)
            self._told = songs


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
    from lakhnes.outputs import write_bytes
    from lakhnes.songs import write

    for name, path in paths.items():
        if name in texts:
            write_bytes(path, texts[name].encode(), overwrite=force)
        else:
            write(song, path, name, overwrite=force, title=base_name(path), **sound)
    return {"paths": {name: str(path) for name, path in paths.items()}, "duration": song.duration}
