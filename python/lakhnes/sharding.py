"""The part of a batch that one machine of several does: its shard, which every machine finds by itself.

A file belongs to a shard by a hash of its path below the folder that was given: the shards are the same on every
machine, in any order, and stay so when files are added.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import PurePath

from lakhnes.errors import shown

__all__ = ["MAX_SHARDS", "Shard"]

MAX_SHARDS = 1_000_000

MOST_DIGITS = 10
"""Of a number of a shard or of a task of Slurm."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part of a batch. The one shard of 1 is one too, with all that a part has; None stands for no shard.

    Attributes
    ----------
    index, count : int
        Which of how many shards, the first 0; at most `MAX_SHARDS`.

    Raises
    ------
    ValueError
        If there is no such shard.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_SHARDS or not 0 <= self.index < self.count:
            raise ValueError(f"no shard {self}: expected I/N with I from 0 to N - 1 and N at most {MAX_SHARDS:,}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str] = os.environ) -> Shard:
        """Read ``I/N``, or ``slurm``: the task of a job array, counted from its first one.

        Raises
        ------
        ValueError
            If it is neither, or this is no task of a job array.
        """
        if text == "slurm":
            return cls._of_slurm(environment)
        index, slash, count = text.partition("/")
        if not slash or not (index.isdecimal() and count.isdecimal()) or max(len(index), len(count)) > MOST_DIGITS:
            raise ValueError(f"no shard {shown(text)}: expected I/N, such as 0/8, or slurm")
        return cls(int(index), int(count))

    @classmethod
    def _of_slurm(cls, environment: Mapping[str, str]) -> Shard:
        names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT")
        found = {"SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_STEP": "1", **environment}
        for name in names:
            if not found.get(name, "").isdecimal() or len(found[name]) > MOST_DIGITS:
                raise ValueError(
                    f"slurm: this is no task of a job array (sbatch --array): {name} is not set to a number"
                )
        task, first, step, count = (int(found[name]) for name in names)
        return cls((task - first) // max(step, 1), count)

    def holds(self, name: PurePath | str) -> bool:
        """Tell whether a file is of this shard, by its path below the folder that was given."""
        path = PurePath(name).as_posix().encode(errors="surrogateescape")
        return int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "big") % self.count == self.index

    def numbers(self, count: int) -> range:
        """Return which of some numbered things are of this shard: those in a row, and about equally many in each."""
        return range(self.index * count // self.count, (self.index + 1) * count // self.count)
