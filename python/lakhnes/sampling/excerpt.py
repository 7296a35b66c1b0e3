"""The beginning of a song as a model reads it, waits rounded to tokens, and as it is, to the sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lakhnes._native import Song, Vocabulary, events_from_text, quantize_events

__all__ = ["Excerpt"]


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """Some events of a song.

    Attributes
    ----------
    ids : list of int
        What the model reads, without boundaries.
    lines : list of str
        The same events as text, their waits exact.
    before, after : list of str
        The wait that opens the song and, where the excerpt is all of it, the one that closes it: no model reads them.
    """

    ids: list[int] = dataclasses.field(default_factory=list)
    lines: list[str] = dataclasses.field(default_factory=list)
    before: list[str] = dataclasses.field(default_factory=list)
    after: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, song: Song, vocabulary: Vocabulary, length: int) -> Excerpt:
        """Take the first `length` events of a song."""
        text = song.to_tx1() if vocabulary.dialect == "tx1" else song.to_tx2()
        lines = text.splitlines()
        ids = quantize_events(events_from_text(text, vocabulary), True)[1:-1].tolist()
        start = int(lines[0].startswith("WT_"))
        end = min(length, len(ids))
        return cls(
            ids[:end], lines[start : start + end], lines[:start], lines[start + end :] if end == len(ids) else []
        )

    def text(self, ids: Sequence[int], vocabulary: Vocabulary) -> str:
        """Return the text that `ids` make of the excerpt: what they leave unchanged of it stays exact."""
        own = zip(self.ids, self.lines, ids, strict=False)
        lines = [*self.before, *(line if token == new else vocabulary.symbol(new) for token, line, new in own)]
        added = ids[len(self.ids) :]
        lines += [vocabulary.symbol(token) for token in added] if added else self.after
        return "\n".join(lines)

    def song(self, ids: Sequence[int], vocabulary: Vocabulary) -> Song:
        """Return the song of `text`.

        Raises
        ------
        FormatError
            If there is no event at all.
        """
        return Song.from_bytes(self.text(ids, vocabulary).encode(), vocabulary.dialect)
