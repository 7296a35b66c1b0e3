"""Shape of a Transformer-XL: what `config.json` beside the weights says."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from lakhnes.errors import CheckpointError

ARCHITECTURE = "transformer-xl"
FORMAT_VERSION = 1

# A checkpoint is data from elsewhere: no dimension above this is built, so that a config of a few bytes cannot take
# all memory. The published LakhNES models use 2,048 at the most.
MAX_DIMENSION = 65_536
MAX_PARAMETERS = 2_000_000_000


@dataclasses.dataclass(frozen=True)
class TransformerXLConfig:
    """Hyper-parameters of a Transformer-XL.

    Attributes
    ----------
    vocabulary : str
        Name of the vocabulary, ``"tx1"`` (631 ids) or ``"tx2"`` (686 ids).
    vocab_size : int
        Number of token ids; id 0 is the song boundary ``<S>``.
    n_layer, n_head, d_model, d_head, d_inner : int
        Depth, attention heads, width, width of one head, width of the feed-forward layer.
    dropout : float
        Probability used in training only. (The published models were trained without dropout of attention weights.)
    pre_norm : bool
        Normalise the input of each sub-layer (with one more normalisation after the last) in place of its output.
        The published LakhNES models are post-norm (``False``).
    same_length : bool
        Each position attends to exactly the last ``mem_len`` keys (Dai et al. 2019, section 4.1).
    clamp_len : int
        Distances beyond this count as this; 0 for no clamping.
    mem_len : int
        Length of memory that the model was made for: the default of generation.
    """

    vocabulary: str = "tx1"
    vocab_size: int = 631
    n_layer: int = 12
    n_head: int = 8
    d_model: int = 512
    d_head: int = 64
    d_inner: int = 2048
    dropout: float = 0.1
    pre_norm: bool = False
    same_length: bool = False
    clamp_len: int = 0
    mem_len: int = 512

    def __post_init__(self) -> None:
        for name in ("vocab_size", "n_layer", "n_head", "d_model", "d_head", "d_inner"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_DIMENSION:
                raise CheckpointError(f"config: {name} is {value!r}, expected a whole number from 1 to {MAX_DIMENSION}")
        for name in ("clamp_len", "mem_len"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_DIMENSION:
                raise CheckpointError(f"config: {name} is {value!r}, expected a whole number from 0 to {MAX_DIMENSION}")
        if not isinstance(self.dropout, (int, float)) or not 0.0 <= self.dropout < 1.0:
            raise CheckpointError(f"config: dropout is {self.dropout!r}, expected a number from 0 up to 1")
        if self.vocabulary not in ("tx1", "tx2"):
            raise CheckpointError(f"config: vocabulary is {self.vocabulary!r}, expected 'tx1' or 'tx2'")
        if self.d_model % 2:
            raise CheckpointError(f"config: d_model is {self.d_model}, expected an even number (sines and cosines)")
        if self.num_parameters > MAX_PARAMETERS:
            raise CheckpointError(f"config: {self.num_parameters} parameters, expected at most {MAX_PARAMETERS}")

    @property
    def num_parameters(self) -> int:
        """Number of weights of a model of this shape."""
        inner = self.n_head * self.d_head
        attention = 5 * inner * self.d_model + 2 * inner
        feed_forward = 2 * self.d_model * self.d_inner + self.d_inner + self.d_model
        norms = 4 * self.d_model
        final_norm = 2 * self.d_model if self.pre_norm else 0
        return self.n_layer * (attention + feed_forward + norms) + self.vocab_size * (self.d_model + 1) + final_norm

    def to_json(self) -> str:
        """Return the text of ``config.json``."""
        facts: dict[str, Any] = {"architecture": ARCHITECTURE, "format_version": FORMAT_VERSION}
        return json.dumps(facts | dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TransformerXLConfig:
        """Read ``config.json``.

        Raises
        ------
        CheckpointError
            If the text is not JSON, names another architecture, or a value is missing, unknown or out of range.
        """
        try:
            facts = json.loads(text)
        except ValueError as error:
            raise CheckpointError(f"config: not JSON ({error})") from None
        if not isinstance(facts, dict) or facts.pop("architecture", None) != ARCHITECTURE:
            raise CheckpointError(f"config: expected an object with architecture {ARCHITECTURE!r}")
        version = facts.pop("format_version", None)
        if version != FORMAT_VERSION:
            raise CheckpointError(f"config: format_version is {version!r}, expected {FORMAT_VERSION}")
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(facts) - known):
            raise CheckpointError(f"config: unknown entry {unknown[0]!r}, expected only {', '.join(sorted(known))}")
        if missing := sorted(known - set(facts)):
            raise CheckpointError(f"config: entry {missing[0]!r} is missing")
        return cls(**facts)
