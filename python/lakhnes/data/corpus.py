"""A split of a corpus in memory: every song's events, one after the other, in the compact form of the tokenizer.

A corpus directory has a folder a split, ``train/ valid/ test/``, of ``NAME.tx1.txt`` or ``NAME.tx2.txt``. Songs are
taken in the order of their file names, where the original took that of the file system.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, augment_events, events_from_text, quantize_events
from lakhnes.errors import FormatError, LakhnesError
from lakhnes.files import read_limited

__all__ = ["MIN_TOKENS", "Augmentation", "Corpus"]

MIN_TOKENS = 10
"""Songs of fewer events are left out, as LakhNES leaves them out of training and evaluation."""

MAX_TRANSPOSE = 6
MAX_STRETCH = 0.05
VOICES = 4


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How often each variation of LakhNES (Donahue et al. 2019, section 4.3) is applied to a song.

    Attributes
    ----------
    transpose, stretch, switch_pulses, ensemble : float
        Probabilities, from 0 to 1: pitches move by up to 6 semitones; waits stretch by up to 5 %; P1 and P2 exchange
        their parts; a random one to three of the four voices stay.
    """

    transpose: float = 1.0
    stretch: float = 1.0
    switch_pulses: float = 0.5
    ensemble: float = 0.5

    def apply(
        self, events: npt.NDArray[np.int32], vocabulary: Vocabulary, random: np.random.Generator
    ) -> npt.NDArray[np.int32]:
        """Return one random variation of a song."""
        chances = random.random(4)
        semitones = int(random.integers(-MAX_TRANSPOSE, MAX_TRANSPOSE + 1))
        factor = float(random.uniform(1.0 - MAX_STRETCH, 1.0 + MAX_STRETCH))
        kept = np.zeros(VOICES, dtype=bool)
        kept[random.permutation(VOICES)[: random.integers(1, VOICES)]] = True
        return augment_events(
            events,
            transpose=semitones if chances[0] < self.transpose else 0,
            stretch=factor if chances[1] < self.stretch else 1.0,
            switch_pulses=bool(chances[2] < self.switch_pulses),
            keep=kept.tolist() if chances[3] < self.ensemble else [True] * VOICES,
            vocabulary=vocabulary,
        )


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The songs of one split.

    Attributes
    ----------
    vocabulary : Vocabulary
    names : list of str
        File names without ``.tx1.txt`` or ``.tx2.txt``, sorted.
    events : int32 array, ``(n,)``
        All songs in a row; waits are exact, as negative numbers of samples.
    offsets : int64 array, ``(songs + 1,)``
        Where each song begins and the last one ends.
    """

    vocabulary: Vocabulary
    names: list[str]
    events: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def load(cls, data: Path, split: str, vocabulary: Vocabulary) -> Corpus:
        """Read a split of a corpus directory.

        Raises
        ------
        FormatError
            If the split's folder is missing or holds no song of this vocabulary's dialect.
        TokenError
            If a file holds something that is no event; the message names file and line.
        """
        folder = data / split
        suffix = f".{vocabulary.dialect}.txt"
        if not folder.is_dir():
            raise FormatError(f"{folder}: no such folder; a corpus directory has a folder for each of its splits")
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(suffix))
        if not paths:
            raise FormatError(f"{folder}: no song in it; expected files NAME{suffix}")
        songs = [_read_song(path, vocabulary) for path in paths]
        names = [path.name.removesuffix(suffix) for path in paths]
        offsets = np.concatenate([[0], np.cumsum([len(song) for song in songs], dtype=np.int64)])
        return cls(vocabulary, names, np.concatenate(songs), offsets)

    def __len__(self) -> int:
        return len(self.names)

    def song(self, index: int) -> npt.NDArray[np.int32]:
        """Return the events of one song, a view."""
        return self.events[self.offsets[index] : self.offsets[index + 1]]

    def ids(
        self, index: int, augmentation: Augmentation | None = None, random: np.random.Generator | None = None
    ) -> npt.NDArray[np.int64] | None:
        """Return a song as LakhNES trains and evaluates on it: ``<S> … <S>``, waits rounded to tokens.

        Returns ``None`` for a song of fewer than `MIN_TOKENS` tokens between its boundaries.
        """
        events = self.song(index)
        if augmentation is not None and random is not None:
            events = augmentation.apply(events, self.vocabulary, random)
        ids = quantize_events(events, True)
        return ids if len(ids) - 2 >= MIN_TOKENS else None

    def fingerprint(self) -> str:
        """Return a hash of the songs and their order, by which a run knows its data again."""
        digest = hashlib.sha256(self.offsets.astype("<i8").tobytes())
        digest.update(self.events.astype("<i4").tobytes())
        return digest.hexdigest()


def _read_song(path: Path, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    try:
        return events_from_text(read_limited(path).decode("ascii"), vocabulary)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: byte {error.start} is not ASCII text") from None
    except LakhnesError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from None
