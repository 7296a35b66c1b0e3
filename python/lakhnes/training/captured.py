"""The step of a run as graphs of a CUDA device: launched as a whole, without a processor that names each kernel.

A small model's kernels take microseconds, less than it takes to launch one. A graph is recorded for each length of the
memory, and replayed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from lakhnes.torch_extra import Tensor, nn, torch
from lakhnes.training.segment_loss import SegmentLoss

__all__ = ["CapturedLoss"]

WARMUP = 3
"""Times that a segment is computed before it is recorded, in which libraries choose their kernels."""


@dataclasses.dataclass
class _Graph:
    """A recorded segment: where its inputs are to be put, and where its results stand."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    targets: Tensor
    memory: Tensor | None
    loss: Tensor
    after: Tensor
    gradients: list[Tensor | None]


class CapturedLoss:
    """Segments and their gradients, replayed from graphs.

    Parameters
    ----------
    loss : SegmentLoss
    parameters : iterable of Parameter
        Those that get gradients.
    """

    def __init__(self, loss: SegmentLoss, parameters: Iterable[nn.Parameter]) -> None:
        self._loss, self._parameters = loss, list(parameters)
        self._graphs: dict[tuple[tuple[int, ...], int], _Graph] = {}

    def backward(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> tuple[Tensor, Tensor]:
        """Leave the gradients of a segment with the parameters; return its loss and the memory after it.

        Both are overwritten when a segment with a memory of this length is next computed.

        Raises
        ------
        RuntimeError
            If the device cannot record the segment.
        """
        key = (() if memory is None else tuple(memory.shape), mem_len)
        if key not in self._graphs:
            self._graphs[key] = self._record(inputs, targets, memory, mem_len)
        recorded = self._graphs[key]
        recorded.inputs.copy_(inputs)
        recorded.targets.copy_(targets)
        if recorded.memory is not None and memory is not None:
            recorded.memory.copy_(memory)
        recorded.graph.replay()
        for parameter, gradient in zip(self._parameters, recorded.gradients, strict=True):
            parameter.grad = gradient
        return recorded.loss, recorded.after

    def _record(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> _Graph:
        given = inputs.clone(), targets.clone(), None if memory is None else memory.clone()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUP):
                self._compute(*given, mem_len)
        torch.cuda.current_stream().wait_stream(stream)
        self._forget()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss, after = self._compute(*given, mem_len)
        gradients = [parameter.grad for parameter in self._parameters]
        self._forget()
        return _Graph(graph, *given, loss, after, gradients)

    def _compute(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> tuple[Tensor, Tensor]:
        self._forget()
        loss, after = self._loss(inputs, targets, memory, mem_len)
        loss.backward()
        return loss.detach(), after

    def _forget(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None
