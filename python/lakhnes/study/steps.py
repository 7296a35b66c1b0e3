"""The way of a listener: consent, questionnaire, headphone check, practice, pairs; and which answers each takes."""

from __future__ import annotations

import math
import time
from typing import Any

from lakhnes.study.assignment import Item
from lakhnes.study.creation import Study
from lakhnes.study.headphones import INTERVALS
from lakhnes.study.texts import Texts

__all__ = ["RATINGS", "Steps", "UnheardError"]

RATINGS = 5
"""A rating is 1 to 5, as in mean opinion scores (ITU-T P.800)."""

TOLERANCE = 0.9
"""Share of the time that the clips of a step last after which an answer may come: clocks differ."""

PAUSE = 8.0
"""Seconds of a pair besides its clips, to say how long a study takes."""


class UnheardError(Exception):
    """An answer came before all clips of its step can have been heard."""


class Steps:
    """The steps of one listener.

    Parameters
    ----------
    study : Study
    texts : Texts
    slot : int
        Which of the plan's listeners.
    """

    def __init__(self, study: Study, texts: Texts, slot: int) -> None:
        self.study, self.texts = study, texts
        items = study.listeners[slot]
        # Texts may lose their last question while a study runs; the steps keep their numbers.
        self.steps: list[tuple[str, Any]] = [("consent", None), ("questions", None)]
        self.steps += [("headphones", check) for check in study.headphones]
        self.steps += [("practice" if item.practice else "pair", item) for item in items]

    def __len__(self) -> int:
        return len(self.steps)

    def minutes(self) -> int:
        """Return about how long all of it takes."""
        seconds = sum(self._seconds(step) + PAUSE for step in range(len(self)))
        return math.ceil(seconds / 60)

    def describe(self, step: int) -> dict[str, Any]:
        """Return what the page may know of a step: nothing of conditions, clips and right answers."""
        kind, what = self.steps[step]
        alike = [index for index, (other, _) in enumerate(self.steps) if other == kind]
        return {
            "step": step, "kind": kind, "number": alike.index(step) + 1, "count": len(alike),
            "sides": len(self.clips(step)), "choices": self._choices(kind, what),
        }  # fmt: skip

    def clips(self, step: int) -> tuple[str, ...]:
        """Return the names of the clips of a step."""
        kind, what = self.steps[step]
        if kind == "headphones":
            return (what["clip"],)
        return what.clips if isinstance(what, Item) else ()

    def check(self, step: int, value: Any, heard: dict[int, float]) -> None:
        """Check an answer.

        Parameters
        ----------
        step : int
        value
            ``True`` for the consent; option numbers by the ids of the questions; else the number of a choice, from 1.
        heard : dict of int to float
            When each clip of the step was first fetched.

        Raises
        ------
        ValueError
            If the step does not take it.
        UnheardError
            If not all clips can have been heard.
        """
        kind, what = self.steps[step]
        if kind == "consent":
            if value is not True:
                raise ValueError("expected true")
        elif kind == "questions":
            self._check_questions(value)
        elif isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= self._choices(kind, what):
            raise ValueError(f"expected a whole number from 1 to {self._choices(kind, what)}")
        sides = len(self.clips(step))
        if len(heard) < sides:
            raise UnheardError
        if sides and time.time() - min(heard.values()) < TOLERANCE * self._seconds(step):
            raise UnheardError

    def _check_questions(self, value: Any) -> None:
        asked = {question.id: len(question.options) for question in self.texts.questions}
        if not isinstance(value, dict) or value.keys() != asked.keys():
            raise ValueError(f"expected answers to {', '.join(asked) or 'no question'}")
        for name, count in asked.items():
            if isinstance(value[name], bool) or not isinstance(value[name], int) or not 1 <= value[name] <= count:
                raise ValueError(f"{name}: expected a whole number from 1 to {count}")

    def _choices(self, kind: str, what: Any) -> int:
        if kind == "headphones":
            return INTERVALS
        if not isinstance(what, Item):
            return 0
        return RATINGS if self.study.plan.design == "rating" else len(what.clips)

    def _seconds(self, step: int) -> float:
        """Return how long the clips of a step last; those of the headphone check are not timed."""
        durations = (self.study.clips[clip]["duration"] for clip in self.clips(step) if clip in self.study.clips)
        return float(sum(durations))
