"""Events of a song as they are sampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lakhnes._native import Song, Vocabulary
from lakhnes.model.model import Model
from lakhnes.sampling.composer import Advance, Composer, ignore
from lakhnes.sampling.composing import new_seed
from lakhnes.sampling.excerpt import Excerpt
from lakhnes.sampling.keywords import sampling_keywords
from lakhnes.sampling.params import CONTINUATION, PRIME_LENGTH, SONG, params_from

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from lakhnes.sampling.params import SamplingOptions

__all__ = ["stream"]


@sampling_keywords(SONG)
def stream(
    model: Model,
    prime: Song | None = None,
    *,
    prime_length: int = PRIME_LENGTH,
    seed: int | None = None,
    advance: Advance = ignore,
    **options: Unpack[SamplingOptions],
) -> Iterator[str]:
    """Compose one song and give each event as soon as it is sampled.

    Parameters
    ----------
    model : Model
        From `lakhnes.load_model`.
    prime : Song, optional
        A song that is continued. Its own events are not given again.
    prime_length : int
        Events of the prime that are read, from its beginning.
    seed : int, optional
        The same seed gives the events of the song that `generate` or `continue_song` makes of it, with one exception:
        a song in which fewer than ``min_voices`` voices play is composed again by `generate`, which a stream cannot do,
        for its events are out before they can be counted. With ``min_voices=0`` there is no exception.
    advance : callable
        Called with the number of events sampled since the last call.
    **options
        As of `generate` or, with a prime, of `continue_song`.

    Yields
    ------
    str
        An event of the model's vocabulary: ``"P1_NOTEON_60"``, ``"WT_735"``, …; joined by newlines they are a text that
        `Song.from_tx1` or `Song.from_tx2` reads. The song has ended when no more come.
    """
    if prime is None:
        params, ids = params_from(SONG, {**options}), []
    else:
        params = params_from(CONTINUATION, {**options})
        ids = Excerpt.of(prime, Vocabulary(model.config.vocabulary), prime_length).ids
    composer = Composer(model, [new_seed() if seed is None else seed], params, len(ids), advance)
    return composer.events(ids)
