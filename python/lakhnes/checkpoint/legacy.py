"""The checkpoints that LakhNES published, as checkpoints of this project.

A published model is a folder with ``model.pt``, the pickled module of the original training code, and ``vocab.txt``,
in a ``.tar.gz``. Its numbers are taken over as they are; what the module says of itself gives the shape. Nothing of the
file is executed (see `lakhnes.checkpoint.unpickler`), and torch is not needed.

The original names its tensors as the code of Dai et al. 2019 does; `LAYER` has both names. Of the attention types of
that code only type 0, the one of the paper, is taken over, with one matrix for input and output embedding.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes._native import Vocabulary
from lakhnes.checkpoint.archive import VOCABULARY_FILE, folder_of
from lakhnes.checkpoint.card import with_metadata
from lakhnes.checkpoint.config import CARD_FILE, CONFIG_FILE, MODEL_FILE, WEIGHTS_FILE
from lakhnes.checkpoint.torch_file import TorchFile, read_torch_file
from lakhnes.checkpoint.unpickler import Module, Tensor, quote
from lakhnes.errors import CheckpointError, LakhnesError
from lakhnes.files import file_sha256, read_limited
from lakhnes.model.config import TransformerXLConfig
from lakhnes.outputs import write_bytes

__all__ = ["VOCABULARY_FILE", "Published", "import_checkpoint", "read_published"]

MAX_LAYERS = 256
MAX_VOCABULARY_BYTES = 2**16
LAYER_NORM_EPSILON = 1e-5

LAYER = {
    "attention.qkv_net.weight": "dec_attn.qkv_net.weight",
    "attention.r_net.weight": "dec_attn.r_net.weight",
    "attention.o_net.weight": "dec_attn.o_net.weight",
    "attention_norm.weight": "dec_attn.layer_norm.weight",
    "attention_norm.bias": "dec_attn.layer_norm.bias",
    "inner.weight": "pos_ff.CoreNet.0.weight",
    "inner.bias": "pos_ff.CoreNet.0.bias",
    "outer.weight": "pos_ff.CoreNet.3.weight",
    "outer.bias": "pos_ff.CoreNet.3.bias",
    "feed_forward_norm.weight": "pos_ff.layer_norm.weight",
    "feed_forward_norm.bias": "pos_ff.layer_norm.bias",
}
"""A layer's tensors: our name and the original's."""

Weights = dict[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Published:
    """A published model.

    Attributes
    ----------
    config : TransformerXLConfig
    weights : dict of float arrays
        By the names of `lakhnes.model.transformer_xl.TransformerXL`; views of the file.
    vocabulary_checked : bool
        Whether there was a ``vocab.txt``, and so was compared.
    """

    config: TransformerXLConfig
    weights: Weights
    vocabulary_checked: bool


def read_published(folder: str | os.PathLike[str]) -> Published:
    """Read the ``model.pt`` of a folder without running anything of it.

    Raises
    ------
    UnsafeCheckpointError
        If the file asks for anything that no saved model needs.
    CheckpointError
        If it is damaged or a model of another kind, or ``vocab.txt`` is not its vocabulary.
    """
    path = Path(folder) / MODEL_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: {MODEL_FILE} is missing; expected the folder of a published model")
    file = read_torch_file(path)
    reader = _Reader(file)
    model = reader.model()
    config = _config(reader, model)
    checked = _check_vocabulary(path.parent / VOCABULARY_FILE, config)
    # Two bytes a number at the least. The two biases of the attention may be the same in all layers; nothing else may.
    shared = 2 * config.n_layer * config.n_head * config.d_head
    if (config.num_parameters - shared) * 2 > len(file.data):
        raise CheckpointError(f"{path}: {config.num_parameters} parameters are more than the file holds")
    return Published(config, _weights(reader, model, config), checked)


def import_checkpoint(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, overwrite: bool = False
) -> Published:
    """Write a published model as ``model.safetensors``, ``config.json``, ``vocab.txt`` and a model card.

    Parameters
    ----------
    source
        A folder with ``model.pt`` and ``vocab.txt``, the ``model.pt`` itself, or the ``.tar.gz`` as published.
    target
        The folder of the checkpoint; made if it is missing.
    overwrite
        Whether a checkpoint that is there is replaced.

    Raises
    ------
    UnsafeCheckpointError, CheckpointError
        As `read_published`; nothing is written then.
    FileExistsError
        If there is a checkpoint already and `overwrite` is false.
    """
    from safetensors.numpy import save

    destination = Path(target)
    names = (WEIGHTS_FILE, CONFIG_FILE, VOCABULARY_FILE, CARD_FILE)
    for name in names:
        if (destination / name).exists() and not overwrite:
            raise FileExistsError(17, "exists already (--force replaces it)", str(destination / name))
    with folder_of(Path(source)) as folder:
        published = read_published(folder)
        digest = file_sha256(folder / MODEL_FILE)
        made = not destination.exists()
        destination.mkdir(parents=True, exist_ok=True)
        weights, config, vocabulary, card = (destination / name for name in names)
        whole = {name: np.ascontiguousarray(array) for name, array in published.weights.items()}
        symbols = Vocabulary(published.config.vocabulary).symbols[1:]
        contents = (
            (weights, save(whole, {"format": "pt"})),
            (vocabulary, ("\n".join(symbols) + "\n").encode()),
            (card, _card(published.config, Path(source).name, digest).encode()),
            (config, published.config.to_json().encode()),
        )
        try:
            for path, content in contents:
                write_bytes(path, content, overwrite=overwrite)
        except OSError:
            if made and not any(destination.iterdir()):
                destination.rmdir()
            raise
    return published


class _Reader:
    """Modules and tensors by their dotted names, with errors that name the file."""

    def __init__(self, file: TorchFile) -> None:
        self.file, self.path = file, file.path

    def model(self) -> Module:
        root = self.file.root
        if isinstance(root, dict):
            raise CheckpointError(
                f"{self.path}: a dictionary ({len(root)} entries), expected a whole module: weights alone do not say "
                "the shape of their model"
            )
        if not isinstance(root, Module) or root.name != "mem_transformer.MemTransformerLM":
            found = root.name if isinstance(root, Module) else type(root).__name__
            raise CheckpointError(f"{self.path}: holds a {found}, expected a MemTransformerLM")
        return root

    def child(self, module: Module, dotted: str) -> Module:
        found = module
        for name in dotted.split("."):
            children = found.attributes.get("_modules")
            child = children.get(name) if isinstance(children, dict) else None
            if not isinstance(child, Module):
                raise CheckpointError(f"{self.path}: the module {dotted!r} of {module.name} is missing")
            found = child
        return found

    def tensor(self, module: Module, name: str) -> Tensor | None:
        owner, _, name = name.rpartition(".")
        parameters = (self.child(module, owner) if owner else module).attributes.get("_parameters")
        tensor = parameters.get(name) if isinstance(parameters, dict) else None
        return tensor if isinstance(tensor, Tensor) else None

    def array(self, module: Module, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return a tensor as an array of the shape that it must have."""
        tensor = self.tensor(module, name)
        if tensor is None or tensor.shape != shape:
            found = "missing" if tensor is None else str(tensor.shape)
            raise CheckpointError(f"{self.path}: tensor {name!r} is {found}, expected {shape}")
        if not tensor.storage.dtype.startswith("<f"):
            raise CheckpointError(f"{self.path}: tensor {name!r} is of type {tensor.storage.dtype}, expected numbers")
        array = self.file.array(tensor)
        if not np.isfinite(array).all():
            raise CheckpointError(f"{self.path}: tensor {name!r} has values that are not finite: damaged")
        return array

    def fact(self, module: Module, name: str, kind: type | tuple[type, ...] = int) -> Any:
        value = module.attributes.get(name)
        if not isinstance(value, kind):
            raise CheckpointError(
                f"{self.path}: {name} of {module.name} is {quote(type(value).__name__)}, not a number"
            )
        return value


def _config(reader: _Reader, model: Module) -> TransformerXLConfig:
    """Return the shape that the module's own attributes say."""
    attention_type = reader.fact(model, "attn_type")
    if attention_type != 0:
        raise CheckpointError(f"{reader.path}: attention type {quote(attention_type)}, expected 0, the paper's")
    n_layer = reader.fact(model, "n_layer")
    if not 1 <= n_layer <= MAX_LAYERS:
        raise CheckpointError(f"{reader.path}: not 1 to {MAX_LAYERS} layers")
    tokens = reader.fact(model, "n_token")
    sizes = {len(Vocabulary(name)): name for name in Vocabulary.names()}
    if tokens not in sizes:
        raise CheckpointError(f"{reader.path}: {quote(tokens)} tokens, expected {' or '.join(map(str, sizes))}")
    layer = reader.child(model, "layers.0")
    if reader.fact(reader.child(layer, "dec_attn"), "pre_lnorm") or reader.fact(
        reader.child(layer, "pos_ff"), "pre_lnorm"
    ):
        raise CheckpointError(
            f"{reader.path}: normalises before its sub-layers; expected after, as published models do"
        )
    try:
        return TransformerXLConfig(
            vocabulary=sizes[tokens],
            vocab_size=tokens,
            n_layer=n_layer,
            n_head=reader.fact(model, "n_head"),
            d_model=reader.fact(model, "d_model"),
            d_head=reader.fact(model, "d_head"),
            d_inner=reader.fact(reader.child(layer, "pos_ff"), "d_inner"),
            dropout=reader.fact(reader.child(model, "drop"), "p", (int, float)),
            same_length=bool(reader.fact(model, "same_length")),
            clamp_len=max(reader.fact(model, "clamp_len"), 0),  # the original writes -1 for none
            mem_len=reader.fact(model, "mem_len"),
        )
    except CheckpointError as error:
        raise CheckpointError(f"{reader.path}: {error}") from None


def _weights(reader: _Reader, model: Module, config: TransformerXLConfig) -> Weights:
    """Return every tensor under our name."""
    embedding = reader.array(model, "word_emb.emb_layers.0.weight", (config.vocab_size, config.d_model))
    output = reader.array(model, "crit.out_layers.0.weight", embedding.shape)
    if not np.array_equal(embedding, output):
        raise CheckpointError(f"{reader.path}: two embedding matrices, expected one for input and output")
    weights = {
        "embedding.weight": embedding,
        "output_bias": reader.array(model, "crit.out_layers.0.bias", (config.vocab_size,)),
    }
    shapes = config.layer_tensors
    for index in range(config.n_layer):
        layer = reader.child(model, f"layers.{index}")
        for ours, theirs in LAYER.items():
            weights[f"layers.{index}.{ours}"] = reader.array(layer, theirs, shapes[f"layers.{{}}.{ours}"])
        for name in ("dec_attn.layer_norm", "pos_ff.layer_norm"):
            epsilon = reader.fact(reader.child(layer, name), "eps", float)
            if epsilon != LAYER_NORM_EPSILON:
                raise CheckpointError(f"{reader.path}: eps of {name} is {epsilon}, expected {LAYER_NORM_EPSILON}")
        for name in ("r_w_bias", "r_r_bias"):  # one for all layers, or one a layer
            own = reader.tensor(layer, f"dec_attn.{name}") is not None
            owner, path = (layer, f"dec_attn.{name}") if own else (model, name)
            weights[f"layers.{index}.attention.{name}"] = reader.array(owner, path, (config.n_head, config.d_head))
    return weights


def _check_vocabulary(path: Path, config: TransformerXLConfig) -> bool:
    if not path.is_file():
        return False
    try:
        found = read_limited(path, MAX_VOCABULARY_BYTES).decode("ascii").split()
    except (LakhnesError, UnicodeDecodeError):
        raise CheckpointError(f"{path}: not a list of events") from None
    symbols = Vocabulary(config.vocabulary).symbols
    expected = symbols[1:] if found[:1] != symbols[:1] else symbols  # the original adds <S> itself
    for line, (one, other) in enumerate(zip(found, expected, strict=False), 1):
        if one != other:
            raise CheckpointError(f"{path}: line {line}: {quote(one)}, expected {other!r} of {config.vocabulary}")
    if len(found) != len(expected):
        raise CheckpointError(f"{path}: {len(found)} events, expected {len(expected)} of {config.vocabulary}")
    return True


def _card(config: TransformerXLConfig, source: str, digest: str) -> str:
    card = f"""# A Transformer-XL for NES music, imported

Imported from `{source}` (SHA-256 of its `{MODEL_FILE}`: `{digest}`), a checkpoint of LakhNES (Donahue et al., ISMIR
2019). The weights are unchanged. They keep the terms under which they were published.

Vocabulary {config.vocabulary.upper()}, {config.num_parameters:,} parameters: {config.n_layer} layers, {config.n_head}
heads of {config.d_head}, d_model {config.d_model}, d_inner {config.d_inner}, memory {config.mem_len}.
"""
    return with_metadata(card, config, tags=["lakhnes"])
