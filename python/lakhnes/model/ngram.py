"""N-gram models: the uniform, unigram and 5-gram baselines of the paper (Donahue et al. 2019, section 5).

A context is what came since the last boundary ``<S>``, filled up with boundaries: songs know nothing of each other.
The state after a position is its context; `NGram.logits` turns it into the whole distribution of the next token, from
the shortest context to the longest that was seen in training (see `lakhnes.model.kneser_ney`).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from lakhnes.errors import CheckpointError
from lakhnes.model.base import Model
from lakhnes.model.config import NGramConfig
from lakhnes.model.kneser_ney import Song, Tables, estimate

__all__ = ["NGram"]


class NGram(Model):
    """An interpolated n-gram model.

    Its tables are buffers, for each order k from 2: ``contexts_k``, ``starts_k``, ``words_k``, ``masses_k`` and
    ``backoffs_k``, as in `lakhnes.model.kneser_ney.Level`.

    Parameters
    ----------
    config : NGramConfig
    tables : Tables, optional
        Of that size. Without them the tables are zeros, to be loaded.
    """

    config: NGramConfig
    unigram: Tensor

    def __init__(self, config: NGramConfig, tables: Tables | None = None) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("unigram", torch.zeros(config.vocab_size))
        for index, (contexts, ngrams) in enumerate(zip(config.contexts, config.ngrams, strict=True)):
            name = index + 2
            self.register_buffer(f"contexts_{name}", torch.zeros(contexts, dtype=torch.int64))
            self.register_buffer(f"starts_{name}", torch.zeros(contexts + 1, dtype=torch.int32))
            self.register_buffer(f"words_{name}", torch.zeros(ngrams, dtype=torch.int32))
            self.register_buffer(f"masses_{name}", torch.zeros(ngrams))
            self.register_buffer(f"backoffs_{name}", torch.zeros(contexts))
        if tables is not None:
            self._fill(tables)

    @classmethod
    def estimate(
        cls, songs: Iterable[Song], order: int = 5, *, vocabulary: str = "tx1", vocab_size: int = 631
    ) -> NGram:
        """Estimate a model from songs: token ids with both boundaries."""
        tables = estimate(songs, order, vocab_size)
        return cls.of(tables, order, vocabulary=vocabulary)

    @classmethod
    def of(cls, tables: Tables, order: int, *, vocabulary: str = "tx1") -> NGram:
        """Return the model of some tables.

        Raises
        ------
        ValueError
            If they are of no song at all.
        """
        if any(len(level.words) == 0 for level in tables.levels):
            raise ValueError("no song to estimate an n-gram model from; expected at least one")
        contexts = tuple(len(level.contexts) for level in tables.levels)
        ngrams = tuple(len(level.words) for level in tables.levels)
        config = NGramConfig(vocabulary, len(tables.unigram), order, contexts, ngrams)
        return cls(config, tables).eval()

    def _fill(self, tables: Tables) -> None:
        self.unigram.copy_(torch.from_numpy(tables.unigram))
        for name, level in enumerate(tables.levels, 2):
            for field in ("contexts", "starts", "words", "masses", "backoffs"):
                self.get_buffer(f"{field}_{name}").copy_(torch.from_numpy(getattr(level, field)))

    def forward(self, tokens: Tensor, memory: Tensor | None = None, mem_len: int = 0) -> tuple[Tensor, Tensor]:
        """Read ``(B, T)`` ids; `mem_len` changes nothing, for the order says what is remembered.

        Returns
        -------
        contexts : Tensor, int64, ``(B, T, order - 1)``
            The last tokens at every position, the present one last, nothing of the song before.
        memory : Tensor, int64, ``(B, order - 1)``
        """
        width = self.config.mem_len
        if width == 0:
            nothing = tokens[:, :0]
            return tokens[:, :, None][:, :, :0], nothing
        before = tokens.new_zeros(tokens.shape[0], width) if memory is None else memory
        row = torch.cat([before, tokens], dim=1)  # (B, width + T)
        windows = row.unfold(1, width, 1)[:, 1:]  # (B, T, width)
        # A token stays if no boundary stands after it.
        after = (windows[:, :, 1:] != 0).long().flip(-1).cumprod(-1).flip(-1)
        contexts = torch.cat([windows[:, :, :-1] * after, windows[:, :, -1:]], dim=-1)
        return contexts, row[:, -width:].detach()

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the next token after contexts, ``(…, order - 1)`` to ``(…, vocab_size)``."""
        size = self.config.vocab_size
        contexts = hidden.flatten(0, -2) if hidden.shape[-1] else hidden.reshape(hidden.shape[:-1].numel(), 0)
        chances = self.unigram.expand(len(contexts), size).clone()  # (N, V)
        key = torch.zeros(len(contexts), dtype=torch.int64, device=chances.device)
        base = 1
        for order in range(2, self.config.order + 1):
            key = key + contexts[:, -(order - 1)] * base
            base *= size
            if not self._interpolate(order, key, chances):
                break  # a context that was not seen has no longer one that was
        return chances.log().view(*hidden.shape[:-1], size)

    def _interpolate(self, order: int, key: Tensor, chances: Tensor) -> bool:
        """Mix the distributions of contexts, by their keys, with those of shorter ones; tell whether one was seen."""
        known, starts = self.get_buffer(f"contexts_{order}"), self.get_buffer(f"starts_{order}")
        place = torch.searchsorted(known, key).clamp_(max=len(known) - 1)
        rows = (known[place] == key).nonzero()[:, 0]
        if len(rows) == 0:
            return False
        place = place[rows]
        backoffs = torch.ones_like(chances[:, 0])
        backoffs[rows] = self.get_buffer(f"backoffs_{order}")[place]
        chances.mul_(backoffs[:, None])
        begins = starts[place].long()
        lengths = starts[place + 1].long() - begins
        first = lengths.cumsum(0) - lengths
        entries = torch.arange(int(lengths.sum()), device=key.device)
        entries += torch.repeat_interleave(begins - first, lengths)
        owners = torch.repeat_interleave(rows * self.config.vocab_size, lengths)
        words = self.get_buffer(f"words_{order}")[entries]
        chances.view(-1).index_add_(0, owners + words, self.get_buffer(f"masses_{order}")[entries])
        return True

    def check(self) -> None:
        """Refuse tables that point outside of each other, or are no probabilities.

        Raises
        ------
        CheckpointError
        """
        size = self.config.vocab_size
        _demand(self.unigram > 0, "unigram", "probabilities above 0")
        for order in range(2, self.config.order + 1):
            known, starts = self.get_buffer(f"contexts_{order}"), self.get_buffer(f"starts_{order}")
            words = self.get_buffer(f"words_{order}")
            _demand(known[1:] > known[:-1], f"contexts_{order}", "rising keys")
            ends = int(starts[0]) == 0 and int(starts[-1]) == len(words)
            _demand((starts[1:] > starts[:-1]) & ends, f"starts_{order}", "rising offsets from 0 to the end")
            _demand((words >= 0) & (words < size), f"words_{order}", f"ids from 0 to {size - 1}")
            for name in (f"masses_{order}", f"backoffs_{order}"):
                values = self.get_buffer(name)
                _demand((values >= 0) & (values <= 1), name, "numbers from 0 to 1")


def _demand(holds: Tensor, name: str, expected: str) -> None:
    if not bool(holds.all()):
        raise CheckpointError(f"tensor {name!r}: expected {expected}")
