"""Segments of a run and their gradients as recorded work: one record for each length of the memory."""

from __future__ import annotations

from collections.abc import Iterable

from lakhnes.model.recorder import Recorder, Work
from lakhnes.torch_extra import Tensor, nn
from lakhnes.training.segment_loss import SegmentLoss

__all__ = ["CapturedLoss"]


class CapturedLoss:
    """Segments and their gradients, replayed.

    Parameters
    ----------
    loss : SegmentLoss
    parameters : iterable of Parameter
        Those that get gradients.
    recorder : Recorder
    """

    def __init__(self, loss: SegmentLoss, parameters: Iterable[nn.Parameter], recorder: Recorder) -> None:
        self._loss, self._parameters, self._recorder = loss, list(parameters), recorder
        self._segments: dict[tuple[tuple[int, ...], int], tuple[_Segment, Work]] = {}

    def backward(self, inputs: Tensor, targets: Tensor, memory: Tensor | None, mem_len: int) -> tuple[Tensor, Tensor]:
        """Leave the gradients of a segment with the parameters; return its loss and the memory after it.

        Both are overwritten when a segment with a memory of this length is next computed.

        Raises
        ------
        RuntimeError
            If the device cannot record the segment.
        """
        key = (() if memory is None else tuple(memory.shape), mem_len)
        if key not in self._segments:
            segment = _Segment(self._loss, self._parameters, inputs, targets, memory, mem_len)
            self._segments[key] = segment, self._recorder.record(segment.compute)
        segment, replay = self._segments[key]
        segment.inputs.copy_(inputs)
        segment.targets.copy_(targets)
        if segment.memory is not None and memory is not None:
            segment.memory.copy_(memory)
        replay()
        for parameter, gradient in zip(self._parameters, segment.gradients, strict=True):
            parameter.grad = gradient
        return segment.loss, segment.after


class _Segment:
    """A segment: where its inputs are to be put, and where its results stand."""

    loss: Tensor
    after: Tensor
    gradients: list[Tensor | None]

    def __init__(
        self,
        loss: SegmentLoss,
        parameters: list[nn.Parameter],
        inputs: Tensor,
        targets: Tensor,
        memory: Tensor | None,
        mem_len: int,
    ) -> None:
        self._loss, self._parameters, self._mem_len = loss, parameters, mem_len
        self.inputs, self.targets = inputs.clone(), targets.clone()
        self.memory = None if memory is None else memory.clone()

    def compute(self) -> None:
        """Leave loss, memory and gradients: the work that is recorded."""
        for parameter in self._parameters:
            parameter.grad = None
        loss, self.after = self._loss(self.inputs, self.targets, self.memory, self._mem_len)
        loss.backward()
        self.loss, self.gradients = loss.detach(), [parameter.grad for parameter in self._parameters]
