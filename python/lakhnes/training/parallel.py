"""Data-parallel training: the processes that train one model.

Under ``torchrun`` every process reads the same streams and takes the rows of its rank; `torch.distributed` sums the
gradients. Alone, a process is a group of one, and the same calls do nothing.
"""

from __future__ import annotations

import datetime
import os
from typing import Any

import torch
from torch import Tensor, distributed, nn

__all__ = ["Group"]

PATIENCE = datetime.timedelta(hours=24)
"""How long the others wait while the first evaluates; torchrun notices a process that died."""


class Group:
    """The processes of a run.

    Attributes
    ----------
    rank, size : int
        Number of this process, and how many there are. The first writes all files.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @classmethod
    def join(cls, device: torch.device) -> Group:
        """Join the processes that torchrun started; without torchrun, a group of one."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=PATIENCE)
        return cls(distributed.get_rank(), size)

    def leave(self) -> None:
        """Leave the group, at the end of the run."""
        if self.size > 1:
            distributed.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Return which of `count` streams belong to this process.

        Raises
        ------
        ValueError
            If they cannot be shared out equally.
        """
        if count % self.size:
            raise ValueError(f"batch_size is {count}, expected a multiple of the {self.size} processes")
        share = count // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def wrap(self, module: nn.Module, device: torch.device) -> nn.Module:
        """Return the module as one that averages its gradients over the group."""
        if self.size == 1:
            return module
        places = [device.index or 0] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=places, gradient_as_bucket_view=True)

    def total(self, values: list[float], device: torch.device) -> list[float]:
        """Return the sums of some numbers over all processes."""
        if self.size == 1:
            return values
        row = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(row)
        return [float(value) for value in row]

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, by rank, to the first; to the others nothing."""
        if self.size == 1:
            return [tensor]
        found: list[Any] = [None] * self.size
        # As objects: sizes may differ between processes, and it is done once in several minutes.
        distributed.gather_object(tensor.cpu(), found if self.first else None)
        return found if self.first else []
