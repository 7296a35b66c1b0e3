"""Composing: a model's next-token scores become songs."""

from lakhnes.sampling.generate import Composition, compose, continue_song, generate, generate_ids

__all__ = ["Composition", "compose", "continue_song", "generate", "generate_ids"]
