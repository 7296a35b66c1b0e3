"""A loaded model: shape and weights in numpy arrays, without torch. The interface of `lakhnes.Model`.

`Model.begin` gives an engine that reads token by token: all that composing needs. `Model.network` is the same model as
a torch module, for evaluating corpora and for a GPU; torch is imported only there.
"""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lakhnes.errors import LakhnesError
from lakhnes.extras import need
from lakhnes.model.config import LSTMConfig, ModelConfig, NGramConfig, TransformerXLConfig
from lakhnes.model.engine import DTYPES, Engine, Floats, losses_of

if TYPE_CHECKING:
    from lakhnes._native import DecoderModel
    from lakhnes.model.network import Network

__all__ = ["READ_AT_ONCE", "Model", "as_network"]

READ_AT_ONCE = 256
"""Tokens whose logits are in memory at one time."""


class Model:
    """A language model over token ids. Its weights do not change.

    Parameters
    ----------
    config : ModelConfig
        The shape: what ``config.json`` holds.
    weights : mapping of str to array
        Every tensor of ``config.tensors``; all but the tables of n-gram models float32.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, … With ``"auto"`` songs are composed on the CPU, where a single token takes
        less time, and corpora are evaluated on a GPU, if there is one.
    """

    def __init__(self, config: ModelConfig, weights: Mapping[str, npt.NDArray[Any]], device: str = "auto") -> None:
        self.config, self.weights, self.device = config, dict(weights), device
        self._packed: dict[str, DecoderModel] = {}

    @classmethod
    def of(cls, network: Network) -> Model:
        """Return a torch module as it is now; its further training does not change the result."""
        weights = {}
        for name, tensor in network.state_dict().items():
            weight = tensor.detach().float() if tensor.is_floating_point() else tensor
            weights[name] = weight.cpu().numpy().copy()
        return cls(network.config, weights)

    @property
    def _facts(self) -> dict[str, str]:
        config = self.config
        return {
            "architecture": config.architecture,
            "shape": config.description,
            "parameters": f"{config.num_parameters:,} parameters",
            "vocabulary": f"{config.vocabulary} of {config.vocab_size} tokens",
            "device": f"device {self.device}",
        }

    def __repr__(self) -> str:
        return f"Model({'; '.join(self._facts.values())})"

    def _repr_html_(self) -> str:
        rows = (f"<tr><th>{name}</th><td>{html.escape(fact)}</td></tr>" for name, fact in self._facts.items())
        return f"<table>{''.join(rows)}</table>"

    @functools.cached_property
    def network(self) -> Network:
        """The model as a torch module on its device, in evaluation mode, with a copy of the weights."""
        from lakhnes.model.network import network_of

        return network_of(self.config, self.weights, self.device)

    def begin(
        self,
        sequences: int = 1,
        *,
        memory: int | None = None,
        length: int | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        keeps: bool = False,
    ) -> Engine:
        """Begin sequences of tokens.

        Parameters
        ----------
        sequences : int
        memory : int, optional
            Positions before the present one that are attended to; ``config.mem_len`` if not given. An LSTM remembers in
            its state and an n-gram model as much as its order says, whatever is given here.
        length : int, optional
            The most tokens that a sequence will have, where that is known: no room is made for more.
        dtype : str, optional
            How weights, keys and values of a Transformer-XL are stored, one of `DTYPES`; float32 if not given.
        threads : int, optional
            On the CPU; see `lakhnes.model.native_engine.thread_count`. The results do not depend on it.
        keeps : bool
            Whether `Engine.keep` will be called.

        Raises
        ------
        ValueError
            If `dtype` is unknown.
        LakhnesError
            If this model, on this device, has no such dtype.
        """
        if dtype not in (None, *DTYPES):
            raise ValueError(f"dtype is {dtype}, expected {', '.join(DTYPES)}")
        if not isinstance(self.config, TransformerXLConfig):
            return self._recurrent(sequences, dtype)
        kept = self.config.mem_len if memory is None else memory
        if length is not None:
            kept = min(kept, length)
        return self._transformer(self.config, sequences, kept, dtype, threads, keeps)

    @property
    def on_device(self) -> bool:
        """Whether a Transformer-XL composes in torch, on the device, and not in Rust, on the CPU."""
        return self.device not in ("auto", "cpu")

    def device_bytes(self) -> int | None:
        """Return the bytes that are free of a GPU beside the weights; None on other devices, which have no own memory.

        Raises
        ------
        CheckpointError
            If there is no such device.
        """
        need("torch")
        from lakhnes.model.ring import free_bytes

        device = self.network.device
        return free_bytes(device) if device.type == "cuda" else None

    def score(self, ids: Sequence[int] | npt.NDArray[np.int64], mem_len: int | None = None) -> Floats:
        """Return how improbable each token of a song is to the model.

        Parameters
        ----------
        ids : sequence of int, length n
            Token ids with both boundaries ``<S>`` (0), as `lakhnes.data.corpus.Corpus.ids` gives them.
        mem_len : int, optional
            Positions that are attended to; ``config.mem_len`` if not given.

        Returns
        -------
        float32 array, ``(n - 1,)``
            Negative log-likelihood, in nats, of every token but the first, given those before it.
        """
        tokens = np.asarray(ids, dtype=np.int64)
        engine = self.begin(memory=mem_len, length=len(tokens))
        losses = [np.zeros(0, dtype=np.float32)]
        for start in range(0, len(tokens) - 1, READ_AT_ONCE):
            following = tokens[start + 1 : start + 1 + READ_AT_ONCE]
            given = tokens[start : start + len(following)]
            losses.append(losses_of(engine.feed(given, [0] * len(given)), following))
        return np.concatenate(losses)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | os.PathLike[str], *, revision: str | None = None, device: str = "auto"
    ) -> Model:
        """Load a checkpoint from a directory, or from the Hugging Face Hub.

        Parameters
        ----------
        name_or_path
            A directory, or ``OWNER/NAME``; `lakhnes.load_model` takes the same as ``hf://OWNER/NAME``.
        revision : str, optional
            A branch, tag or commit of the repository; ``main`` if not given.
        device : str
            As of `lakhnes.load_model`.

        Raises
        ------
        CheckpointError
            If there is no such model, or it was not saved by lakhnes.
        MissingExtraError
            If it is on the Hub, and `huggingface_hub` is not installed.
        """
        from lakhnes.checkpoint.pretrained import from_pretrained

        return from_pretrained(name_or_path, revision=revision, device=device)

    def save_pretrained(self, directory: str | os.PathLike[str], **options: Any) -> None:
        """Write ``model.safetensors``, ``config.json`` and a model card with metadata into a directory.

        Parameters
        ----------
        directory : path
            Made if it is missing.
        dtype : str
            Of the stored weights: ``"float16"``, the default, or ``"float32"``.
        card : str, optional
            The model card in Markdown, without metadata; if not given, one that tells the shape.
        license : str
            An identifier of the Hub, such as ``"mit"``; by default ``"unknown"``.
        datasets, tags : sequence of str
            For the metadata of the card.
        overwrite : bool
            Whether files that are there are replaced; by default they are not.

        Raises
        ------
        FileExistsError
            If a file is there and `overwrite` is false.
        """
        from lakhnes.checkpoint.pretrained import save_pretrained

        save_pretrained(self, directory, **options)

    def push_to_hub(self, repository: str, **options: Any) -> str:
        """Write the checkpoint into a repository of the Hugging Face Hub, which is made if it is missing.

        Parameters
        ----------
        repository : str
            ``OWNER/NAME``. The key to it is that of ``HF_TOKEN``, or of ``hf auth login``.
        revision : str
            The branch, by default ``main``.
        private : bool
            Whether a repository that is made is private; by default it is not.
        message : str
            Of the commit.
        dtype, card, license, datasets, tags
            As of `save_pretrained`.

        Returns
        -------
        str
            The address of the commit.

        Raises
        ------
        CheckpointError
            If the Hub refuses it or cannot be reached.
        MissingExtraError
            If `huggingface_hub` is not installed.
        """
        from lakhnes.checkpoint.pretrained import push_to_hub

        return push_to_hub(self, repository, **options)

    def check(self) -> None:
        """Refuse weights from elsewhere that fit the shape but make no model.

        Raises
        ------
        CheckpointError
        """
        if isinstance(self.config, NGramConfig):
            from lakhnes.model.ngram import check

            check(self.config, self.weights)

    def _recurrent(self, sequences: int, dtype: str | None) -> Engine:
        from lakhnes.model.ngram import NGram
        from lakhnes.model.recurrent_engine import Cell, LSTMCell, NGramCell, RecurrentEngine

        if dtype not in (None, "float32"):
            raise LakhnesError(f"dtype: {dtype} is for Transformer-XL models, expected float32")
        cell: Cell
        if isinstance(self.config, LSTMConfig):
            cell = LSTMCell(self.config, self.weights)
        else:
            assert isinstance(self.config, NGramConfig)
            cell = NGramCell(NGram(self.config, self.weights))
        return RecurrentEngine(cell, sequences, self.config.vocab_size)

    def _transformer(
        self,
        config: TransformerXLConfig,
        sequences: int,
        memory: int,
        dtype: str | None,
        threads: int | None,
        keeps: bool,
    ) -> Engine:
        from lakhnes.model.native_engine import MAX_WINDOW, NativeEngine, pack

        # With same_length the present position is one of the `memory` keys, else it comes on top of them.
        window = max(memory if config.same_length else memory + 1, 1)
        if not self.on_device and window <= MAX_WINDOW:
            form = dtype or "float32"
            if form not in self._packed:
                self._packed[form] = pack(config, self.weights, form)
            reads = {"score_state": config.score_state, "keeps": keeps}
            return NativeEngine(self._packed[form], sequences, config.vocab_size, window, threads, **reads)
        if dtype == "int8":
            raise LakhnesError(f"dtype: int8 runs on the CPU with at most {MAX_WINDOW - 1} positions of memory")
        need("torch")
        from lakhnes.model.torch_engine import TorchEngine

        return TorchEngine(self.network, sequences, memory, dtype)


def as_network(model: Model | Network) -> Network:
    """Return the torch module of a model; a torch module as it is."""
    return model.network if isinstance(model, Model) else model
