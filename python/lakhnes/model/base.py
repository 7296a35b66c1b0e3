"""What all language models here can do, whatever is inside: the interface of `lakhnes.Model`.

A model reads segments of token ids and remembers what it read before them. `forward` gives the state after every
position and the memory to hand over with the next segment; `logits` turns a state into scores of the next token.
Everything else, from perplexity to sampling, is built on these two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from lakhnes.errors import CheckpointError
from lakhnes.model.config import ModelConfig

if TYPE_CHECKING:
    from lakhnes._native import Song

__all__ = ["Model"]

SEGMENT = 256
"""Tokens that `Model.score` reads at once."""

M = TypeVar("M", bound="Model")


class Model(nn.Module):
    """A language model over token ids.

    Attributes
    ----------
    config : ModelConfig
        The shape: what ``config.json`` holds.
    memory_songs : int
        The dimension of memory that counts the songs of a batch.
    """

    config: ModelConfig
    memory_songs = 1

    def forward(self, tokens: Tensor, memory: Tensor | None = None, mem_len: int = 0) -> tuple[Tensor, Tensor]:
        """Read one segment.

        Parameters
        ----------
        tokens : Tensor, int64, ``(B, T)``
        memory : Tensor, optional
            What this method returned for the segment before; its shape is the model's own business.
        mem_len : int
            How many positions the returned memory holds at the most, where memory is a row of positions.

        Returns
        -------
        hidden : Tensor, ``(B, T, …)``
            The state after every position.
        memory : Tensor, detached
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """Return unnormalised log-probabilities of the next token, ``(B, T, …)`` to ``(B, T, vocab_size)``."""
        raise NotImplementedError

    def check(self) -> None:
        """Refuse weights from elsewhere that fit the shape but make no model.

        Raises
        ------
        CheckpointError
        """

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(tensor.device for tensor in (*self.parameters(), *self.buffers()))

    @torch.inference_mode()
    def score(self, ids: Sequence[int] | npt.NDArray[np.int64], mem_len: int | None = None) -> npt.NDArray[np.float32]:
        """Return how surprised the model is by each token of a song.

        Parameters
        ----------
        ids : sequence of int, length n
            Token ids with both boundaries ``<S>`` (0), as `lakhnes.data.corpus.Corpus.ids` gives them.
        mem_len : int, optional
            Positions that are remembered; what the model was made for if not given.

        Returns
        -------
        float32 array, ``(n - 1,)``
            Negative log-likelihood, in nats, of every token but the first, given those before it.
        """
        tokens = torch.as_tensor(np.asarray(ids, dtype=np.int64), device=self.device)[None]
        kept = self.config.mem_len if mem_len is None else mem_len
        training = self.training
        self.eval()
        memory: Tensor | None = None
        losses = []
        for start in range(0, tokens.shape[1] - 1, SEGMENT):
            end = min(start + SEGMENT, tokens.shape[1] - 1)
            hidden, memory = self(tokens[:, start:end], memory, kept)
            logits = self.logits(hidden)[0].float()
            losses.append(functional.cross_entropy(logits, tokens[0, start + 1 : end + 1], reduction="none"))
        self.train(training)
        return torch.cat(losses).cpu().numpy() if losses else np.zeros(0, dtype=np.float32)

    def generate(self, num: int = 1, **options: Any) -> list[Song]:
        """Compose songs; see `lakhnes.generate`."""
        # Sampling is built on models, not the other way round: what is convenient here is looked up when it is asked.
        from lakhnes.sampling import generate

        songs: list[Song] = generate(self, num, **options)
        return songs

    def save(self, directory: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write a checkpoint; see `lakhnes.checkpoint.save_checkpoint`."""
        from lakhnes.checkpoint import save_checkpoint

        save_checkpoint(self, directory, overwrite=overwrite)

    @classmethod
    def load(cls: type[M], name_or_path: str | os.PathLike[str], device: str = "auto") -> M:
        """Read a checkpoint of this class of models (of any, if asked of `Model`); see `lakhnes.load_model`.

        Raises
        ------
        CheckpointError
            If there is none, or it is of another architecture.
        """
        from lakhnes.checkpoint import load_model

        model = load_model(name_or_path, device)
        if not isinstance(model, cls):
            raise CheckpointError(f"{name_or_path}: a {model.config.architecture} model, expected a {cls.__name__}")
        return model
