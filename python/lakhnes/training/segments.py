"""The segments that a run reads, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from lakhnes.data.corpus import Corpus
from lakhnes.data.packing import Ids, StreamPacker
from lakhnes.torch_extra import Tensor, torch
from lakhnes.training.config import TrainingConfig
from lakhnes.training.resident import ResidentSongs
from lakhnes.training.song_order import SongOrder

__all__ = ["Segments"]


class Segments:
    """Segments of varied songs on the device.

    Parameters
    ----------
    songs : Corpus
    config : TrainingConfig
    rows : slice
        Which streams belong to this process.
    device : torch.device
    progress : callable
        Gives the share of the run that is done.

    Attributes
    ----------
    packer : StreamPacker
        Holds ids, or with ``config.resident``, once they are loaded, places in the table of songs on the device.
    """

    def __init__(
        self, songs: Corpus, config: TrainingConfig, rows: slice, device: torch.device, progress: Callable[[], float]
    ) -> None:
        self.config, self.rows, self.device, self.progress = config, rows, device, progress
        self.count = len(songs)
        self.order = SongOrder(songs, config.augmentation, config.seed)
        self.packer = StreamPacker(self._next_song, None, config.batch_size, config.tgt_len)
        self.resident: ResidentSongs | None = None

    def load(self) -> None:
        """Make the songs that stay on the device, if so configured."""
        if self.config.resident and self.resident is None:
            resident = ResidentSongs(self.song, self.count, self.config.resident, self.device, self.packer.streams)
            self.packer.streams, self.resident = resident.streams, resident

    def song(self, place: int, plain: bool) -> Ids | None:
        """Return what the model reads of the song at a place of the order, varied or plain."""
        ids = self.order.song(place, plain=plain)
        return None if ids is None else self.config.model.inputs(ids)

    def next(self) -> tuple[Tensor, Tensor]:
        """Return the next inputs and targets of the streams of this process."""
        segment = self.packer.next_segment()
        assert segment is not None, "the order of training songs has no end"
        inputs, targets = (torch.from_numpy(part[self.rows]) for part in segment)
        if self.resident is not None:
            return self.resident.inputs(inputs), self.resident.targets(targets)
        return inputs.to(self.device), targets.to(self.device)

    def held(self) -> list[Ids]:
        """Return what the streams still hold of their songs."""
        streams = self.packer.streams
        return streams if self.resident is None else self.resident.songs(streams)

    def _next_song(self, place: int) -> Ids | None:
        plain = self.progress() >= 1.0 - self.config.plain_tail
        return self.song(place, plain) if self.resident is None else self.resident.places(place, plain=plain)
