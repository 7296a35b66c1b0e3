"""The beginning of a song as a model reads it, waits rounded to tokens, and as it is, to the sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from lakhnes._native import Song, Vocabulary, quantize_events
from lakhnes.errors import FormatError

__all__ = ["Excerpt", "expressed", "split_clock"]


def expressed(song: Song) -> Song:
    """Return a song with the dynamics and timbres of NES music, if it has none; no note is another.

    The triangle has none: a natural performance only leaves a frame between its notes, which belongs to the playing.
    """
    return song.express().with_voices(song, ["tr"]) if song.is_flat else song


def split_clock(ids: list[int], vocabulary: Vocabulary) -> tuple[list[int], list[int]]:
    """Divide a song of rows into the tokens that say on which frames it lies, which no model reads, and the others."""
    count = sum(vocabulary.symbol(token).startswith(("PERIOD_", "PHASE_")) for token in ids[:2])
    return ids[:count], ids[count:]


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """Some events of a song, in the compact form: an exact wait of ``w`` ticks is ``-w``, any other event its id.

    Attributes
    ----------
    ids : list of int
        What the model reads, without boundaries.
    events : list of int
        The same events, their waits exact.
    before, after : list of int
        The wait that opens the song and, where the excerpt is all of it, the one that closes it: no model reads them.
        Of a song of rows, the tokens that say on which frames it lies.
    """

    ids: list[int] = dataclasses.field(default_factory=list)
    events: list[int] = dataclasses.field(default_factory=list)
    before: list[int] = dataclasses.field(default_factory=list)
    after: list[int] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, song: Song, vocabulary: Vocabulary, length: int) -> Excerpt:
        """Take the first `length` events of a song.

        Raises
        ------
        FormatError
            If it has none.
        """
        in_rows = "BAR" in vocabulary.symbols
        events = vocabulary.events(expressed(song) if in_rows else song)
        if not len(events):
            raise FormatError("song: expected at least one event, found none")
        if in_rows:
            clock, ids = split_clock(events.tolist(), vocabulary)
            return cls(ids[:length], ids[:length], clock)
        ids = quantize_events(events, True)[1:-1].tolist()
        start = int(events[0] < 0)
        end = min(length, len(ids))
        exact = events.tolist()
        after = exact[start + end :] if end == len(ids) else []
        return cls(ids[:end], exact[start : start + end], exact[:start], after)

    def replaced(self, ids: Sequence[int]) -> list[int]:
        """Return the events that `ids` make of the excerpt: what they leave unchanged of it stays exact."""
        own = zip(self.ids, self.events, ids, strict=False)
        events = [*self.before, *(exact if token == new else new for token, exact, new in own)]
        added = ids[len(self.ids) :]
        return [*events, *(added or self.after)]

    def song(self, ids: Sequence[int], vocabulary: Vocabulary) -> Song:
        """Return the song of `replaced`.

        Raises
        ------
        FormatError
            If there is no event at all.
        """
        return vocabulary.song(np.array(self.replaced(ids), dtype=np.int64))

    def text(self, ids: Sequence[int], vocabulary: Vocabulary) -> str:
        """Return `replaced` event by event, where a song would put them in order."""
        events = self.replaced(ids)
        return "\n".join(f"WT_{-event}" if event < 0 else vocabulary.symbol(event) for event in events)
