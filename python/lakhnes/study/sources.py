"""Where the songs of a condition come from: a folder, a split of a corpus, or a model that composes them."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakhnes._native import Song, Vocabulary
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.sampling.params import SONG, SamplingParams
from lakhnes.study.draws import shuffled, stream
from lakhnes.study.plan import MEASURED_MODELS, Condition

if TYPE_CHECKING:
    from lakhnes.model.model import Model

__all__ = ["Sources"]

BATCH = 4
"""Songs composed at once."""

UNPRUNED: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": None,
    "typical_p": None,
    "min_surprise": 0.0,
    "repetition": 0.0,
}
"""How baselines are sampled: from their whole distribution. The first k of equally likely tokens are not random."""


class Sources:
    """The sources of a plan's conditions; a context manager, for archives are unpacked into a temporary folder.

    Parameters
    ----------
    base : Path
        The folder that relative paths of the plan start from: that of the plan.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self._unpacked: dict[Path, Path] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="lakhnes-study-")

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def is_missing(self, condition: Condition) -> bool:
        """Return whether the files of a condition are not there."""
        from lakhnes.checkpoint.zoo import directory_of
        from lakhnes.errors import CheckpointError

        for path in (condition.folder, condition.corpus):
            if path is not None and not self._path(path).exists():
                return True
        if condition.model is None or condition.model in MEASURED_MODELS:
            return False
        try:
            directory_of(self._model(condition.model))
        except CheckpointError:
            return True
        return False

    def songs(self, condition: Condition, plan_seed: int) -> Iterator[tuple[str, Song]]:
        """Give songs of a condition with their names, those of files in random order.

        Raises
        ------
        LakhnesError
            If the source is missing or cannot be read; the message names the condition.
        """
        try:
            yield from self._songs(condition, plan_seed)
        except (LakhnesError, OSError) as error:
            from lakhnes.files import one_line

            raise LakhnesError(f"condition {condition.name}: {one_line(error)}") from None

    def _songs(self, condition: Condition, plan_seed: int) -> Iterator[tuple[str, Song]]:
        from lakhnes.evaluation.statistics import find_songs
        from lakhnes.files import base_name
        from lakhnes.songs import read

        if condition.model is not None:
            yield from self._composed(condition)
            return
        if condition.folder is not None:
            paths = [path for songs in find_songs(self._path(condition.folder)).values() for path in songs]
        else:
            assert condition.corpus is not None
            assert condition.split is not None
            paths = next(iter(find_songs(self._corpus(condition.corpus) / condition.split).values()))
        for path in shuffled(paths, stream(plan_seed, "songs", condition.name)):
            yield base_name(path), read(path)

    def _composed(self, condition: Condition) -> Iterator[tuple[str, Song]]:
        from lakhnes.sampling.composing import compose
        from lakhnes.sampling.excerpt import Excerpt

        model, params = self._load(condition), self._params(condition)
        vocabulary = Vocabulary(model.config.vocabulary)
        seed = condition.seed
        while True:
            for offset, song in enumerate(compose(model, BATCH, (), params, seed=seed, batch_size=BATCH)):
                yield f"seed {seed + offset}", Excerpt().song(song.ids, vocabulary)
            seed += BATCH

    def _params(self, condition: Condition) -> SamplingParams:
        base = dataclasses.replace(SONG, **UNPRUNED) if condition.model in MEASURED_MODELS else SONG
        return dataclasses.replace(base, **condition.sampling)

    def _load(self, condition: Condition) -> Model:
        from lakhnes.checkpoint import load_model

        assert condition.model is not None
        if condition.model not in MEASURED_MODELS:
            return load_model(self._model(condition.model))
        from lakhnes.model.estimation import estimate_ngram

        songs: list[Any] = [[0, 0]]  # the uniform distribution knows no song
        if condition.corpus is not None and condition.split is not None:
            from lakhnes.data.corpus import Corpus

            corpus = Corpus.load(self._corpus(condition.corpus), condition.split, Vocabulary.tx1())
            songs = [ids for index in range(len(corpus)) if (ids := corpus.ids(index)) is not None]
        return estimate_ngram(songs, MEASURED_MODELS[condition.model])

    def _path(self, path: str) -> Path:
        return self.base / path

    def _model(self, name: str) -> str:
        """Return the directory beside the plan that a model's name stands for, or the name."""
        beside = self._path(name)
        return str(beside) if beside.is_dir() else name

    def _corpus(self, path: str) -> Path:
        """Return the folder of a corpus; an archive of NES-MDB is made one, once."""
        from lakhnes.archives import is_archive
        from lakhnes.data.nesmdb import convert_nesmdb

        source = self._path(path)
        if not is_archive(source):
            if not source.is_dir():
                raise FormatError(f"{source}: no such folder; expected a corpus or an archive of NES-MDB")
            return source
        if source not in self._unpacked:
            target = Path(self._folder.name) / str(len(self._unpacked))
            convert_nesmdb(source, target, to=("tx1",))
            self._unpacked[source] = target
        return self._unpacked[source]
