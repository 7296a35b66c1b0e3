"""Songs divided into train, valid and test, so that versions of one piece stay together."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

__all__ = ["assign_splits"]


def assign_splits(
    keys: Sequence[str], groups: Sequence[Hashable | None], seed: int, *, valid: float, test: float = 0.0
) -> list[str]:
    """Return the split of each item.

    Whole groups are taken in an order that depends on the seed, until the shares are full. A share above 0 gets at
    least one item, if there are two.

    Parameters
    ----------
    keys
        What each item is known by: the order of the groups depends on the seed and on the key of their first item.
    groups
        Items of the same group stay in one split. An item with the group ``None`` is not counted, and stays in train.
    seed
    valid, test
        Shares of the items, from 0 to 1.
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(index)
    count = sum(map(len, members.values()))
    splits = ["train"] * len(keys)

    def drawn(group: Hashable) -> bytes:
        return hashlib.sha256(f"{seed} {keys[members[group][0]]}".encode("utf-8", "surrogateescape")).digest()

    order = sorted(members, key=drawn)
    for split, share in (("valid", valid), ("test", test)):
        room = max(round(count * share), 1 if share > 0 and count > 1 else 0)
        for group in list(order):
            if len(members[group]) <= room:
                room -= len(members[group])
                order.remove(group)
                for index in members[group]:
                    splits[index] = split
            if not room:
                break
    return splits
