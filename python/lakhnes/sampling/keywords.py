"""Keyword arguments that a function hands on to `SamplingParams`, as parameters of its own."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from lakhnes.sampling.params import SamplingParams

__all__ = ["CHOICE", "sampling_keywords"]

F = TypeVar("F", bound=Callable[..., Any])

CHOICE = ("memory", "dtype", "temperature", "top_k", "top_p", "min_p", "typical_p")
"""The fields that say how an event is chosen, and not when a song ends."""


def sampling_keywords(base: SamplingParams, names: tuple[str, ...] | None = None) -> Callable[[F], F]:
    """Give a function with ``**options`` the fields of `SamplingParams` as parameters, with the defaults of `base`.

    `help`, completion and `inspect.signature` show them; an unknown name is refused, with the nearest known one.

    Parameters
    ----------
    base : SamplingParams
    names : tuple of str, optional
        The fields that the function takes; all if not given.
    """
    fields = [field for field in dataclasses.fields(SamplingParams) if names is None or field.name in names]

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        taken = [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=getattr(base, field.name), annotation=field.type
            )
            for field in fields
        ]
        known = [each.name for each in (*own, *taken)]

        @functools.wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:
            for name in keywords:
                if name not in known:
                    raise TypeError(f"{function.__name__}() has no parameter {name!r}{_nearest(name, known)}")
            return function(*args, **keywords)

        checked.__signature__ = signature.replace(parameters=[*own, *taken])  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return decorate


def _nearest(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; expected one of {', '.join(known)}"
