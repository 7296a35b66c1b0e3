"""Shapes of models: what `config.json` beside the weights says."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary, score_state_tables, with_score_state
from lakhnes.errors import CheckpointError, shown

FORMAT_VERSION = 1

# A checkpoint is data from elsewhere: no dimension above this is built, so that a config of a few bytes cannot take
# all memory. The published LakhNES models use 2,048 at the most.
MAX_DIMENSION = 65_536
MAX_LAYERS = 1_024
MAX_PARAMETERS = 2_000_000_000
MAX_ORDER = 6
"""Of n-grams: six ids of either vocabulary fit into a 64-bit key."""

OPTIONAL = frozenset({"score_state"})
"""Entries of ``config.json`` that stand there only where they are true: older checkpoints know nothing of them."""

C = TypeVar("C", bound="ModelConfig")
Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""Tensors by their names in the checkpoint, and the length of each dimension."""


def check_range(name: str, value: object, least: int, most: int = MAX_DIMENSION) -> None:
    """Refuse a hyper-parameter that is no whole number of a range.

    Raises
    ------
    CheckpointError
        If it is not; the message names it.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise CheckpointError(f"config: {name} is {shown(value)}, expected a whole number from {least} to {most}")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What models of every architecture have.

    Attributes
    ----------
    vocabulary : str
        Name of the vocabulary, ``"tx1"`` (631 ids) or ``"tx2"`` (686 ids).
    vocab_size : int
        Number of token ids; id 0 is the song boundary ``<S>``.
    """

    architecture: ClassVar[str]
    title: ClassVar[str]
    exact: ClassVar[bool] = False
    """Whether a checkpoint stores the numbers as they are, and not in half precision."""

    vocabulary: str = "tx1"
    vocab_size: int = 631

    def __post_init__(self) -> None:
        check_range("vocab_size", self.vocab_size, 1)
        if self.vocabulary not in Vocabulary.names():
            known = " or ".join(map(repr, Vocabulary.names()))
            raise CheckpointError(f"config: vocabulary is {shown(self.vocabulary)}, expected {known}")
        if self.num_parameters > MAX_PARAMETERS:
            raise CheckpointError(f"config: {self.num_parameters} parameters, expected at most {MAX_PARAMETERS}")

    @property
    def mem_len(self) -> int:
        """Tokens of memory that the model was made for: the default of generation."""
        raise NotImplementedError

    @property
    def num_parameters(self) -> int:
        """Number of weights of a model of this shape."""
        raise NotImplementedError

    @property
    def min_tensors(self) -> int:
        """A lower bound of the number of tensors, known without listing them."""
        raise NotImplementedError

    @property
    def tensors(self) -> Shapes:
        """Every tensor of a model of this shape."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        """The shape in words."""
        raise NotImplementedError

    def inputs(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return what a torch module of this shape reads of a song, ``(N,)`` ids: these, or more beside each."""
        return ids

    def to_json(self) -> str:
        """Return the text of ``config.json``."""
        facts: dict[str, Any] = {"architecture": self.architecture, "format_version": FORMAT_VERSION}
        own = {name: value for name, value in dataclasses.asdict(self).items() if value or name not in OPTIONAL}
        return json.dumps(facts | own, indent=2) + "\n"

    @classmethod
    def from_facts(cls: type[C], facts: dict[str, Any]) -> C:
        """Return the shape with the entries of a ``config.json`` of this architecture.

        Raises
        ------
        CheckpointError
            If a value is missing, unknown or out of range.
        """
        version = facts.get("format_version")
        if version != FORMAT_VERSION:
            raise CheckpointError(f"config: format_version is {shown(version)}, expected {FORMAT_VERSION}")
        given = {name: value for name, value in facts.items() if name not in ("architecture", "format_version")}
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(given) - known):
            expected = ", ".join(sorted(known))
            raise CheckpointError(f"config: unknown entry {shown(unknown[0])}, expected only {expected}")
        if missing := sorted(known - set(given) - OPTIONAL):
            raise CheckpointError(f"config: entry {missing[0]!r} is missing")
        return cls(**given)


class LayeredConfig(ModelConfig):
    """A model of equal layers."""

    n_layer: int
    d_model: int
    dropout: float

    def __post_init__(self) -> None:
        check_range("n_layer", self.n_layer, 1, MAX_LAYERS)
        is_number = isinstance(self.dropout, (int, float)) and not isinstance(self.dropout, bool)
        if not is_number or not 0.0 <= self.dropout < 1.0:
            raise CheckpointError(f"config: dropout is {shown(self.dropout)}, expected a number from 0 up to 1")
        super().__post_init__()

    @property
    def layer_tensors(self) -> Shapes:
        """The tensors of a layer; ``{}`` in a name stands for the number of the layer."""
        raise NotImplementedError

    @property
    def other_tensors(self) -> Shapes:
        """The tensors that are of no layer."""
        return {"embedding.weight": (self.vocab_size, self.d_model), "output_bias": (self.vocab_size,)}

    @property
    def num_parameters(self) -> int:
        """Number of weights of a model of this shape."""
        return self.n_layer * _size(self.layer_tensors) + _size(self.other_tensors)

    @property
    def min_tensors(self) -> int:
        """A lower bound of the number of tensors, known without listing them."""
        return self.n_layer + 1

    @property
    def tensors(self) -> Shapes:
        """Every tensor of a model of this shape."""
        of_a_layer = self.layer_tensors.items()
        layers = {name.format(layer): shape for layer in range(self.n_layer) for name, shape in of_a_layer}
        return self.other_tensors | layers


def _size(shapes: Shapes) -> int:
    return sum(map(math.prod, shapes.values()))


@dataclasses.dataclass(frozen=True)
class TransformerXLConfig(LayeredConfig):
    """Hyper-parameters of a Transformer-XL.

    Attributes
    ----------
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
    score_state : bool
        Whether the model reads the state of the score beside each token of TX3 (`lakhnes._native.ScoreStates`): what
        each voice plays and with which sound, and the place in the bar. Each of its numbers is a row of one table,
        which is added to the embedding of the token. So are the embeddings of the tokens that come next if the song
        repeats an earlier bar, each element times a weight of a second table.
    """

    architecture: ClassVar[str] = "transformer-xl"
    title: ClassVar[str] = "A Transformer-XL"

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
    score_state: bool = False

    def __post_init__(self) -> None:
        for name in ("n_head", "d_model", "d_head", "d_inner"):
            check_range(name, getattr(self, name), 1)
        for name in ("pre_norm", "same_length", "score_state"):
            if not isinstance(getattr(self, name), bool):
                raise CheckpointError(f"config: {name} is {shown(getattr(self, name))}, expected true or false")
        for name in ("clamp_len", "mem_len"):
            check_range(name, getattr(self, name), 0)
        if self.d_model % 2:
            raise CheckpointError(f"config: d_model is {self.d_model}, expected an even number (sines and cosines)")
        if self.score_state and self.vocabulary != "tx3":
            raise CheckpointError("config: score_state is true, expected false: only TX3 has one")
        super().__post_init__()

    @property
    def layer_tensors(self) -> Shapes:
        """The tensors of a layer."""
        inner, width, hidden = self.n_head * self.d_head, self.d_model, self.d_inner
        shapes: Shapes = {
            "attention.qkv_net.weight": (3 * inner, width),
            "attention.r_net.weight": (inner, width),
            "attention.o_net.weight": (width, inner),
            "attention.r_w_bias": (self.n_head, self.d_head),
            "attention.r_r_bias": (self.n_head, self.d_head),
            "attention_norm.weight": (width,),
            "attention_norm.bias": (width,),
            "inner.weight": (hidden, width),
            "inner.bias": (hidden,),
            "outer.weight": (width, hidden),
            "outer.bias": (width,),
            "feed_forward_norm.weight": (width,),
            "feed_forward_norm.bias": (width,),
        }
        return {"layers.{}." + name: shape for name, shape in shapes.items()}

    @property
    def other_tensors(self) -> Shapes:
        """The tensors that are of no layer."""
        norm: Shapes = {"final_norm.weight": (self.d_model,), "final_norm.bias": (self.d_model,)}
        shapes = super().other_tensors | (norm if self.pre_norm else {})
        if self.score_state:
            rows, recall_rows, _ = score_state_tables()
            shapes |= {"score_state.weight": (rows, self.d_model), "recall.weight": (recall_rows, self.d_model)}
        return shapes

    def inputs(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the ids of a song, with `score_state` ``(N, 1 + F + 2P)``: each with the state behind it."""
        return with_score_state(ids) if self.score_state else ids

    @property
    def description(self) -> str:
        """The shape in words."""
        return (
            f"{self.n_layer} layers, {self.n_head} heads of {self.d_head}, d_model {self.d_model}, "
            f"d_inner {self.d_inner}, {'pre' if self.pre_norm else 'post'}-norm, memory {self.mem_len}"
            f"{', reads the state of the score' if self.score_state else ''}"
        )


@dataclasses.dataclass(frozen=True)
class LSTMConfig(LayeredConfig):
    """Hyper-parameters of an LSTM.

    Attributes
    ----------
    n_layer, d_model : int
        Depth, and width of embeddings and of every layer.
    dropout : float
        Of embeddings and of what each layer gives, in training only.
    """

    architecture: ClassVar[str] = "lstm"
    title: ClassVar[str] = "An LSTM"

    n_layer: int = 2
    d_model: int = 512
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_range("d_model", self.d_model, 1)
        super().__post_init__()

    @property
    def mem_len(self) -> int:
        """Tokens remembered: none as such, for the state of an LSTM has one size."""
        return 0

    @property
    def layer_tensors(self) -> Shapes:
        """The tensors of a layer: of the four gates input, forget, cell and output, one below the other."""
        gates = 4 * self.d_model
        return {
            "layers.weight_ih_l{}": (gates, self.d_model),
            "layers.weight_hh_l{}": (gates, self.d_model),
            "layers.bias_ih_l{}": (gates,),
            "layers.bias_hh_l{}": (gates,),
        }

    @property
    def description(self) -> str:
        """The shape in words."""
        return f"{self.n_layer} layers, d_model {self.d_model}"


@dataclasses.dataclass(frozen=True)
class NGramConfig(ModelConfig):
    """Size of an n-gram model.

    Attributes
    ----------
    order : int
        Tokens of the longest n-gram: 0 for a uniform guess, 1 for the frequencies of tokens, 5 for the paper's 5-gram.
    contexts, ngrams : tuple of int
        Of the orders 2 and up: contexts that were seen, and n-grams that were.
    """

    architecture: ClassVar[str] = "n-gram"
    title: ClassVar[str] = "An n-gram model"
    exact: ClassVar[bool] = True

    order: int = 5
    contexts: tuple[int, ...] = ()
    ngrams: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_range("order", self.order, 0, MAX_ORDER)
        for name in ("contexts", "ngrams"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)) or len(value) != max(self.order - 1, 0):
                raise CheckpointError(f"config: {name} is {shown(value)}, expected a number for each order from 2")
            for number in value:
                check_range(name, number, 1, MAX_PARAMETERS)
            object.__setattr__(self, name, tuple(value))  # JSON gives lists
        super().__post_init__()

    @property
    def mem_len(self) -> int:
        """Tokens before the present one that the longest n-gram looks at."""
        return max(self.order - 1, 0)

    @property
    def num_parameters(self) -> int:
        """Number of probabilities and of weights of shorter contexts."""
        return sum(self.contexts) + sum(self.ngrams) + (self.vocab_size if self.order else 0)

    @property
    def min_tensors(self) -> int:
        """The number of tensors."""
        return 1 + 5 * max(self.order - 1, 0)

    @property
    def tensors(self) -> Shapes:
        """Every tensor of a model of this size: the unigram probabilities, then of each order from 2 its table."""
        shapes: Shapes = {"unigram": (self.vocab_size,)}
        for order, (contexts, ngrams) in enumerate(zip(self.contexts, self.ngrams, strict=True), 2):
            shapes |= {
                f"contexts_{order}": (contexts,),
                f"starts_{order}": (contexts + 1,),
                f"words_{order}": (ngrams,),
                f"masses_{order}": (ngrams,),
                f"backoffs_{order}": (contexts,),
            }
        return shapes

    @property
    def description(self) -> str:
        """The shape in words."""
        return f"order {self.order}, " + (f"{sum(self.ngrams):,} n-grams" if self.ngrams else "no contexts")
