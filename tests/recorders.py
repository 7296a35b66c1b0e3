"""Recorders of devices that are not there."""

from lakhnes.model.recorder import WARMUP


class Recorder:
    """A recorder whose graphs are calls: it tells what was recorded, and how often each was replayed."""

    def __init__(self):
        self.replayed = []

    def record(self, work):
        for _ in range(WARMUP):
            work()
        number = len(self.replayed)
        self.replayed.append(0)

        def replay():
            self.replayed[number] += 1
            work()

        return replay


class Unable:
    """A recorder of a device that cannot record."""

    def record(self, work):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")
