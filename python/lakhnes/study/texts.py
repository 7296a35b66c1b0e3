"""The words of the page: a file of TOML in the folder of the study, which can be translated."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from lakhnes.study.schema import Key, Toml, text

__all__ = ["Question", "Texts"]

MOST_QUESTIONS, MOST_OPTIONS = 20, 20


@dataclasses.dataclass(frozen=True)
class Question:
    """A question of the questionnaire; an answer is the number of an option, from 1."""

    id: str
    question: str
    options: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Texts:
    """All words of the page.

    Attributes
    ----------
    language : str
        Of the page, such as ``en``, for screen readers.
    questions : tuple of Question
    words : dict of str to str
        By the names that the page's program calls them.
    """

    language: str
    questions: tuple[Question, ...]
    words: dict[str, str]

    @classmethod
    def read(cls, path: Path, like: Path | None = None) -> Texts:
        """Read the words of a page.

        Parameters
        ----------
        path : Path
        like : Path, optional
            The file whose words it must have, all of them and no others.

        Raises
        ------
        FormatError
            If a word is missing, unknown or empty.
        OSError
            If the file cannot be read.
        """
        toml = Toml(path)
        given = toml.table(toml.root, {"language": text(35), "questions": _questions, "words": _words})
        expected = cls.read(like).words if like is not None else None
        for name in ("language", "questions", "words"):
            if name not in given:
                raise toml.error((name,), "is missing")
        keys = dict.fromkeys(expected if expected is not None else given["words"], text())
        words = toml.table(given["words"], keys, ("words",))
        for name in keys:
            if name not in words:
                raise toml.error(("words", name), "is missing")
        questions = tuple(_question(toml, each) for each in given["questions"])
        names = [question.id for question in questions]
        if len(set(names)) != len(names):
            raise toml.error(("questions",), f"two have one id; ids are {', '.join(names)}")
        return cls(given["language"], questions, words)


_questions = Key(
    lambda value: isinstance(value, list) and len(value) <= MOST_QUESTIONS, f"at most {MOST_QUESTIONS} tables"
)
_words = Key(lambda value: isinstance(value, dict), "a table")
_options = Key(
    lambda value: isinstance(value, list) and 2 <= len(value) <= MOST_OPTIONS and all(map(text(300).holds, value)),
    f"2 to {MOST_OPTIONS} texts of at most 300 characters",
)


def _question(toml: Toml, given: Any) -> Question:
    place = ("questions",)
    keys = {"id": text(40), "question": text(), "options": _options}
    table = toml.table(given, keys, place)
    for name in keys:
        if name not in table:
            raise toml.error((*place, name), "is missing")
    return Question(table["id"], table["question"], tuple(table["options"]))
