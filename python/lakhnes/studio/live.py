"""What a page sees and hears of songs while they are composed: their new notes, and the sound of one of them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from lakhnes._native import Song, Vocabulary
from lakhnes.errors import LakhnesError
from lakhnes.grammar import BOUNDARY
from lakhnes.studio.scores import cut, notes_of
from lakhnes.studio.watching import Watch
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["Live"]

SOUND_SECONDS = 120
"""Seconds of a song that are heard while it is composed."""

LEAST_SOUND = TICKS_PER_SECOND // 4
"""Samples that are worth sending."""


class Live:
    """What is new since one last looked.

    Parameters
    ----------
    vocabulary : Vocabulary
        That of the model.
    sound : bool
        Whether the first song is heard.
    most : int, optional
        The longest that a song may be, in ticks.
    """

    def __init__(self, vocabulary: Vocabulary, *, sound: bool, most: int | None = None) -> None:
        self._vocabulary, self.sound, self._most = vocabulary, sound, most
        self._notes: list[dict[str, int]] = []
        self._heard = 0

    def news(self, watch: Watch) -> dict[str, Any] | None:
        """Return what is new: of each song its length, and the notes that have ended; of the first its sound.

        Returns
        -------
        dict or None
            ``songs``, each with ``length`` (ticks) and ``voices``; ``sound``, 16-bit samples at 44,100 Hz in base64,
            and ``from``, the first one's number. None if there is nothing.
        """
        songs = [self._song(ids) for ids in watch.ids()]
        if not any(songs):
            return None
        if len(self._notes) != len(songs):
            self._notes = [{} for _ in songs]
        news: dict[str, Any] = {"songs": [self._fresh(index, song) for index, song in enumerate(songs)]}
        first = songs[0]
        if self.sound and first is not None:
            news |= self._new_sound(first)
        return news

    def _song(self, ids: list[int]) -> Song | None:
        read = ids[1:]
        if BOUNDARY in read:
            read = read[: read.index(BOUNDARY)]
        if not read:
            return None
        try:
            song = self._vocabulary.song(np.array(read, dtype=np.int64))
        except LakhnesError:  # it has no whole event yet
            return None
        return song if self._most is None else cut(song, self._most)

    def _fresh(self, index: int, song: Song | None) -> dict[str, Any]:
        if song is None:
            return {"length": 0, "voices": {}}
        sent, voices = self._notes[index], {}
        for voice, notes in notes_of(song).items():
            ended = [note for note in notes if note[1] < song.length]
            if new := ended[sent.get(voice, 0) :]:
                voices[voice] = new
                sent[voice] = len(ended)
        return {"length": song.length, "voices": voices}

    def _new_sound(self, song: Song) -> dict[str, Any]:
        end = min(song.length, SOUND_SECONDS * TICKS_PER_SECOND)
        if end - self._heard < LEAST_SOUND:
            return {}
        samples = song.perform(expression="natural").render_int16()[self._heard : end]
        news = {"from": self._heard, "sound": base64.b64encode(samples.astype("<i2").tobytes()).decode("ascii")}
        self._heard = end
        return news
