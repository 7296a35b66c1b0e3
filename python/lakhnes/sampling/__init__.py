"""Composing: a model's next-token scores become songs."""

from lakhnes.sampling.generate import generate, generate_ids

__all__ = ["generate", "generate_ids"]
