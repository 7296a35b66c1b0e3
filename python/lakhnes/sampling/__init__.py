"""Composing: a model's next-token scores become songs."""

from lakhnes.sampling.accompany import accompany, accompany_ids
from lakhnes.sampling.generate import compose, continue_song, generate, generate_ids
from lakhnes.sampling.infill import Infilling, infill, infill_texts
from lakhnes.sampling.streaming import stream
from lakhnes.sampling.writing import Composition

__all__ = [
    "Composition",
    "Infilling",
    "accompany",
    "accompany_ids",
    "compose",
    "continue_song",
    "generate",
    "generate_ids",
    "infill",
    "infill_texts",
    "stream",
]
