"""Types of the extension module. What each name does is told here; `mypy.stubtest` holds the file to the extension."""

from collections.abc import Sequence
from typing import final

import numpy as np
import numpy.typing as npt

__all__ = [
    "Vocabulary",
    "__version__",
    "augment_events",
    "events_from_text",
    "quantize_events",
    "sample_augmentation",
]

__version__: str

@final
class Vocabulary:
    """The numbering of TX1 (631) or TX2 (686) events for a language model; id 0 is ``<S>``, the boundary of a song.

    The order of the ids is that of the vocabulary files beside the published LakhNES checkpoints.
    """

    def __new__(cls, dialect: str) -> Vocabulary:
        """Make the vocabulary ``"tx1"`` or ``"tx2"``."""
    @staticmethod
    def tx1() -> Vocabulary:
        """Make the vocabulary of notes and waits: 631 ids."""
    @staticmethod
    def tx2() -> Vocabulary:
        """Make the vocabulary that has velocities and timbres too: 686 ids."""
    @property
    def dialect(self) -> str:
        """``"tx1"`` or ``"tx2"``."""
    @property
    def symbols(self) -> list[str]:
        """All symbols; the index is the id."""
    def symbol(self, id: int) -> str:
        """Give the symbol of an id.

        Raises
        ------
        TokenError
            If there is no such id.
        """
    def id(self, symbol: str) -> int:
        """Give the id of a symbol; a wait of any length counts as the token that stands for it.

        Raises
        ------
        TokenError
            If there is no such symbol.
        """
    def encode(self, text: str) -> npt.NDArray[np.int64]:
        """Give the ids of a text of one event a line, each wait rounded to the token that stands for it.

        Raises
        ------
        TokenError
            If a line is no event; the message names it.
        LimitError
            If the text has more than 64 MiB or 16 Mi events.
        """
    def decode(self, ids: npt.NDArray[np.int64] | Sequence[int]) -> str:
        r"""Give the text of a sequence of ids, lines joined by ``\n`` with none at the end.

        Raises
        ------
        TokenError
            If an id does not exist; the message names its position.
        """
    def __len__(self) -> int: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __reduce__(self) -> tuple[type[Vocabulary], tuple[str]]: ...

def events_from_text(text: str, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """Read a TX text into the compact form: a wait of ``w`` samples is ``-w``, any other event its id.

    Raises
    ------
    TokenError
        If a line is no event of the vocabulary's dialect.
    FormatError
        If the text has no event.
    LimitError
        If the text has more than 64 MiB or 16 Mi events.
    """

def quantize_events(events: npt.NDArray[np.int32], frame: bool) -> npt.NDArray[np.int64]:
    """Turn the compact form into ids, waits rounded to tokens.

    With `frame`, as LakhNES trained and evaluated: one wait at each end is dropped, and the rest stands between two
    boundaries, ``<S> … <S>``.
    """

def augment_events(
    events: npt.NDArray[np.int32],
    *,
    transpose: int = 0,
    stretch: float = 1.0,
    switch_pulses: bool = False,
    keep: Sequence[bool] = ...,
    vocabulary: Vocabulary | None = None,
) -> npt.NDArray[np.int32]:
    """Vary a song in the compact form (LakhNES, section 4.3).

    Parameters
    ----------
    events
        The song; ids are those of TX1, or of `vocabulary`.
    transpose
        Semitones by which pulses and triangle move. A note that leaves its voice's range is dropped with its note-off.
    stretch
        Factor of every wait.
    switch_pulses
        Whether P1 and P2 exchange their parts.
    keep
        Which of P1, P2, TR and NO stay; four booleans.
    vocabulary
        TX1 where none is given.
    """

def sample_augmentation(
    events: npt.NDArray[np.int32], seed: int, vocabulary: Vocabulary | None = None
) -> npt.NDArray[np.int32]:
    """Vary a song as LakhNES drew its variations; the same seed draws the same one.

    With probability 1/2 only one to three voices stay; with probability 1/2 the pulses switch; -6 to 6 semitones;
    stretch in [0.95, 1.05).
    """
