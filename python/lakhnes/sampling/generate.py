"""New songs from a model."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
import torch

from lakhnes._native import Song, Vocabulary
from lakhnes.model.transformer_xl import TransformerXL
from lakhnes.sampling.decoder import Decoder
from lakhnes.sampling.grammar import BOUNDARY, Grammar
from lakhnes.sampling.sampler import draw, uniforms

__all__ = ["generate", "generate_ids", "new_seed"]

MAX_LENGTH = 1_000_000
"""Events of one song at the most: a day of music."""


def new_seed() -> int:
    """Return a seed that no one chose."""
    return secrets.randbelow(2**31)


def generate(model: TransformerXL, num: int = 1, **options: object) -> list[Song]:
    """Compose songs.

    Parameters
    ----------
    model : TransformerXL
        From `lakhnes.load_model`.
    num : int
        How many songs.
    **options
        As of `generate_ids`: ``length``, ``memory``, ``temperature``, ``top_k``, ``top_p``, ``seed``, ``batch_size``.

    Returns
    -------
    list of Song
    """
    vocabulary = Vocabulary(model.config.vocabulary)
    songs = generate_ids(model, num, **options)  # type: ignore[arg-type]
    return [song_of(ids, vocabulary) for ids in songs]


def song_of(ids: list[int], vocabulary: Vocabulary) -> Song:
    """Return the song of a sequence of token ids without boundaries."""
    return Song.from_bytes(vocabulary.decode(ids).encode(), vocabulary.dialect)


def generate_ids(
    model: TransformerXL,
    num: int = 1,
    *,
    length: int = 1024,
    min_length: int = 64,
    memory: int | None = None,
    temperature: float = 0.95,
    top_k: int | None = 32,
    top_p: float | None = None,
    seed: int | None = None,
    batch_size: int = 8,
    advance: Callable[[int], None] = lambda events: None,
) -> list[list[int]]:
    """Compose songs as token ids.

    Parameters
    ----------
    model : TransformerXL
    num : int
        How many songs.
    length, min_length : int
        Events of a song at the most, and before it may end by itself.
    memory : int, optional
        Positions that are remembered; what the model was made for if not given.
    temperature, top_k, top_p
        See `lakhnes.sampling.sampler.draw`.
    seed : int, optional
        Song ``i`` is drawn with seed ``seed + i``, whatever the batch.
    batch_size : int
        Songs written at once.
    advance : callable
        Called with the number of events written since the last call.

    Returns
    -------
    list of lists of int
        Without the boundaries.

    Raises
    ------
    ValueError
        If an option is out of range.
    """
    _check_options(num, length, temperature, top_k, top_p, batch_size, memory)
    first = new_seed() if seed is None else seed
    songs: list[list[int]] = []
    for start in range(0, num, batch_size):
        seeds = [first + index for index in range(start, min(start + batch_size, num))]
        songs += _generate_batch(model, seeds, length, min_length, memory, temperature, top_k, top_p, advance)
    return songs


def _check_options(
    num: int,
    length: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    batch_size: int,
    memory: int | None,
) -> None:
    if num < 1 or batch_size < 1:
        raise ValueError("num and batch_size: expected at least 1")
    if not 1 <= length <= MAX_LENGTH:
        raise ValueError(f"length is {length}, expected 1 to {MAX_LENGTH}")
    if not 0.0 <= temperature < float("inf"):
        raise ValueError(f"temperature is {temperature}, expected 0 or more")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}, expected at least 1")
    if top_p is not None and not 0.0 < top_p <= 1.0:
        raise ValueError(f"top_p is {top_p}, expected more than 0 and at most 1")
    if memory is not None and not 0 <= memory <= MAX_LENGTH:
        raise ValueError(f"memory is {memory}, expected 0 to {MAX_LENGTH}")


@torch.inference_mode()
def _generate_batch(
    model: TransformerXL,
    seeds: list[int],
    length: int,
    min_length: int,
    memory: int | None,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    advance: Callable[[int], None],
) -> list[list[int]]:
    device = model.output_bias.device
    count = len(seeds)
    generators = [np.random.default_rng(seed) for seed in seeds]
    decoder = Decoder(model, count, model.config.mem_len if memory is None else memory)
    vocabulary = Vocabulary(model.config.vocabulary)
    grammar = Grammar(vocabulary, count, device) if Grammar.supports(vocabulary) else None
    tokens = torch.full((count,), BOUNDARY, dtype=torch.int64, device=device)
    songs: list[list[int]] = [[] for _ in seeds]
    ended = [False] * count
    for position in range(length):
        logits = decoder.step(tokens).float()
        if grammar is not None:
            logits.masked_fill_(~grammar.allowed(), float("-inf"))
        if position < min_length:
            logits[:, BOUNDARY] = float("-inf")
        tokens = draw(logits, uniforms(generators, device), temperature=temperature, top_k=top_k, top_p=top_p)
        if grammar is not None:
            grammar.advance(tokens)
        for index, token in enumerate(tokens.tolist()):
            ended[index] = ended[index] or token == BOUNDARY
            if not ended[index]:
                songs[index].append(token)
        advance(1)
        if all(ended):
            break
    return songs
