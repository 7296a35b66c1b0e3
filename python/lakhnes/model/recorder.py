"""What repeats work on a device without naming its kernels again: the graphs of CUDA.

Kernels of a small model take microseconds, less than it takes Python to launch one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from lakhnes.torch_extra import torch

__all__ = ["WARMUP", "CudaRecorder", "Recorder", "Work"]

Work: TypeAlias = Callable[[], None]

WARMUP = 3
"""Times that work is done before it is recorded, in which libraries choose their kernels."""


class Recorder(Protocol):
    """What records work on a device."""

    def record(self, work: Work) -> Work:
        """Return what repeats the work, with the same buffers and what they then hold.

        The work is done some times before. What it makes is that of its last call, and overwritten when it is repeated.

        Raises
        ------
        RuntimeError
            If the device cannot record it.
        """
        ...


class CudaRecorder:
    """Graphs of a CUDA device, which share the memory of what they compute on the way: no two run at once."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None

    def record(self, work: Work) -> Work:
        """See `Recorder`."""
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARMUP):
                    work()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Another thread of this process may use the device meanwhile: the studio evaluates where it composes.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                work()
        self._pool = self._pool or graph.pool()
        return graph.replay
