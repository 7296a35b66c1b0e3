"""An endless programme: songs that are heard while they are composed.

A token is sampled when the sound that came before it has nearly run out, so it is heard a moment later, and no song is
ever composed further than it is played. Song ``i`` of a programme is the one that ``lakhnes generate --seed SEED+i``
writes, unless that has to compose it again because too few voices play in it (``min_voices``).
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from lakhnes._native import LivePlayer
from lakhnes.model.model import Model
from lakhnes.playback import Sink
from lakhnes.sampling.composer import Advance, Composer, ignore
from lakhnes.sampling.params import SONG, SamplingParams
from lakhnes.sampling.row_events import row_events
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["GAP", "LOOKAHEAD", "Broadcast", "Radio"]

LOOKAHEAD = 0.1
"""Seconds of sound that are left when the next tokens are sampled: what the tokens of one instant may take."""

GAP = 0.8
"""Seconds of silence between two songs."""

Samples = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Broadcast:
    """A song that was played.

    Attributes
    ----------
    seed : int
    events : int
    duration : float
        In seconds, as far as it was played.
    """

    seed: int
    events: int
    duration: float


class Radio:
    """Composes songs and plays them at once.

    Parameters
    ----------
    model : Model
        From `lakhnes.load_model`.
    sink : Sink
        Where the sound goes.
    player : LivePlayer
        The chip.
    params : SamplingParams
        How the songs are sampled.
    clock : callable
        Seconds from any moment on, the sink's own.
    advance : callable
        Called with the number of events composed since the last call.

    Attributes
    ----------
    songs : list of Broadcast
    latencies : list of float
        Of each event: the seconds from when it was sampled to when it is heard, the sink's buffers included.
    played : float
        Seconds of sound that were written.
    """

    def __init__(
        self,
        model: Model,
        sink: Sink,
        player: LivePlayer,
        params: SamplingParams = SONG,
        *,
        clock: Callable[[], float] = time.perf_counter,
        advance: Advance = ignore,
    ) -> None:
        self.model, self.sink, self.player, self.params = model, sink, player, params
        self._clock, self._advance = clock, advance
        self.songs: list[Broadcast] = []
        self.latencies: list[float] = []
        self.played = 0.0

    def run(
        self,
        seed: int,
        *,
        duration: float | None = None,
        num: int | None = None,
        begun: Callable[[int], object] = lambda seed: None,
    ) -> None:
        """Play one song after the other.

        Parameters
        ----------
        seed : int
            Of the first song; the next has the next.
        duration : float, optional
            Seconds of sound after which to stop. (Not before the wait that is being played ends.)
        num : int, optional
            Songs after which to stop.
        begun : callable
            Called with the seed of each song when it begins.
        """
        for index in itertools.count() if num is None else range(num):
            begun(seed + index)
            if index:
                # Composed while the last of the song before is still heard, so that it can be long.
                self._write(self.player.push(f"WT_{int(GAP * TICKS_PER_SECOND)}"), [])
            if not self._play_song(seed + index, duration):
                break
        self.sink.finish()

    def _play_song(self, seed: int, duration: float | None) -> bool:
        """Play a song; return whether another is to follow."""
        start, events, going = self.player.tick, 0, True
        sampled: list[float] = []  # when the events were sampled that are heard with the next wait
        for event in self._events(seed):
            sampled.append(self._clock())
            events += 1
            if len(samples := self.player.push(event)):
                self._write(samples, sampled)
                sampled = []
                going = duration is None or self.played < duration
                if not going:
                    break
        self.player.release()
        self.songs.append(Broadcast(seed, events, (self.player.tick - start) / TICKS_PER_SECOND))
        return going

    def _events(self, seed: int) -> Iterator[str]:
        """Sample the events of a song, each when there is little left to hear before it."""
        composer = Composer(self.model, [seed], self.params, advance=self._advance)
        events = composer.events([])
        self.sink.wait(LOOKAHEAD)
        for event in row_events(events) if "BAR" in composer.vocabulary.symbols else events:
            yield event
            self.sink.wait(LOOKAHEAD)

    def _write(self, samples: Samples, sampled: list[float]) -> None:
        heard = self._clock() + self.sink.waiting()
        self.latencies += [heard - moment for moment in sampled]
        self.sink.write(samples)
        self.played += len(samples) / self.player.sample_rate
