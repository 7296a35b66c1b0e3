"""Who hears what: balanced pairs, sides and clips, controls among them, all drawn from one seed.

Each pair of conditions comes equally often over all listeners, and with each side equally often; no listener hears a
clip twice; the clips of a condition are used equally often. Counts differ by one where they cannot be equal.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from lakhnes.errors import LakhnesError
from lakhnes.study.draws import one_of, shuffled, stream
from lakhnes.study.plan import HUMAN, Plan

__all__ = ["Item", "assign", "most_heard"]


@dataclasses.dataclass(frozen=True)
class Item:
    """What a listener is asked.

    Attributes
    ----------
    clips : tuple of str
        The names of the clips A and B, or of the one to rate.
    control, practice : bool
    """

    clips: tuple[str, ...]
    control: bool = False
    practice: bool = False


def kinds_of(plan: Plan) -> list[tuple[str, ...]]:
    """Return what the study compares: unordered pairs of conditions, or single ones to rate."""
    tested = plan.tested
    if plan.design == "rating":
        return [(name,) for name in tested]
    if plan.design == "turing":
        return [(HUMAN, name) for name in tested if name != HUMAN]
    return list(itertools.combinations(tested, 2))


def assign(plan: Plan, clips: dict[str, list[str]]) -> list[list[Item]]:
    """Draw the items of every listener.

    Parameters
    ----------
    plan : Plan
    clips : dict of str to list of str
        The names of the clips of each condition.

    Returns
    -------
    list of list of Item
        Of each listener: practice first, then pairs and controls in random order.

    Raises
    ------
    LakhnesError
        If a condition has fewer clips than one listener hears of it.
    """
    random = stream(plan.seed, "assignment")
    rests = {name: _Pile(names, random) for name, names in clips.items()}
    questions = _balanced(kinds_of(plan), random)
    controls = _balanced([(HUMAN, plan.control)], random)
    practice = _balanced(_practice_kinds(plan), random)
    listeners = []
    for _ in range(plan.listeners):
        heard: set[str] = set()

        def item(conditions: tuple[str, ...], heard: set[str] = heard, **facts: bool) -> Item:
            return Item(tuple(rests[name].take(heard) for name in conditions), **facts)

        asked = [item(conditions) for conditions in itertools.islice(questions, plan.pairs - plan.controls)]
        asked += [item(conditions, control=True) for conditions in itertools.islice(controls, plan.controls)]
        first = [item(conditions, practice=True) for conditions in itertools.islice(practice, plan.page.practice)]
        listeners.append(first + shuffled(asked, random))
    return listeners


def most_heard(plan: Plan) -> dict[str, int]:
    """Return for each condition the most clips of it that one listener may hear: as many does it need."""
    kinds = kinds_of(plan)
    questions, practice = plan.pairs - plan.controls, plan.page.practice
    needed = dict.fromkeys(plan.names, practice if plan.page.practice else 0)
    for name in plan.names:
        # A run of successive questions meets whole rounds of all kinds, and parts of two more unless it ends with one.
        with_it = sum(name in kind for kind in kinds)
        rounds, rest = divmod(questions, len(kinds))
        most = rounds * with_it + (max(min(rest, 2 * with_it), with_it) if rest else 0)
        needed[name] += min(most, questions)
    if plan.controls:
        needed[plan.control] += plan.controls
        needed[HUMAN] += plan.controls
    return needed


def _practice_kinds(plan: Plan) -> list[tuple[str, ...]]:
    """Practice shows the clearest difference that there is: human against the control, if there is one."""
    return [(HUMAN, plan.control)] if plan.controls else kinds_of(plan)


def _balanced(kinds: Sequence[tuple[str, ...]], random: np.random.Generator) -> Iterator[tuple[str, ...]]:
    """Give kinds without end: each kind once in every round, and in every two rounds once with each side first."""
    while True:
        first = [kind if random.random() < 0.5 else kind[::-1] for kind in kinds]
        for order in (first, [kind[::-1] for kind in first]):
            yield from shuffled(order, random)


class _Pile:
    """The clips of a condition: those come first that were heard least."""

    def __init__(self, names: Sequence[str], random: np.random.Generator) -> None:
        self.random = random
        self.uses = dict.fromkeys(names, 0)

    def take(self, heard: set[str]) -> str:
        left = [name for name in self.uses if name not in heard]
        if not left:
            raise LakhnesError(f"{len(self.uses)} clips of a condition, fewer than one listener hears")
        least = min(self.uses[name] for name in left)
        chosen = one_of([name for name in left if self.uses[name] == least], self.random)
        self.uses[chosen] += 1
        heard.add(chosen)
        return chosen
