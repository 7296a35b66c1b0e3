"""Which classes each name of an architecture stands for."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from lakhnes.errors import CheckpointError
from lakhnes.model.config import LSTMConfig, ModelConfig, NGramConfig, TransformerXLConfig

if TYPE_CHECKING:
    from lakhnes.model.network import Network

__all__ = ["CONFIGS", "build", "config_from_facts", "config_from_json"]

CONFIGS: dict[str, type[ModelConfig]] = {
    config.architecture: config for config in (TransformerXLConfig, LSTMConfig, NGramConfig)
}
"""The shape of each architecture, by its name in ``config.json``."""

_NETWORKS = {
    "transformer-xl": "lakhnes.model.transformer_xl:TransformerXL",
    "lstm": "lakhnes.model.lstm:LSTM",
    "n-gram": "lakhnes.model.ngram_network:NGramNetwork",
}


def config_from_json(text: str) -> ModelConfig:
    """Read the ``config.json`` of a model of any architecture.

    Raises
    ------
    CheckpointError
        If the text is not JSON, names no known architecture, or a value is missing, unknown or out of range.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"config: not JSON ({error})") from None
    name = facts.get("architecture") if isinstance(facts, dict) else None
    if not isinstance(name, str) or name not in CONFIGS:
        known = ", ".join(map(repr, CONFIGS))
        raise CheckpointError(f"config: expected an object with an architecture among {known}")
    return CONFIGS[name].from_facts(facts)


def config_from_facts(facts: dict[str, Any]) -> ModelConfig:
    """Return the shape with these hyper-parameters: of a Transformer-XL if no ``architecture`` is named.

    Raises
    ------
    KeyError
        If the architecture is not known.
    TypeError, CheckpointError
        If a value is unknown or out of range.
    """
    rest = dict(facts)
    return CONFIGS[rest.pop("architecture", TransformerXLConfig.architecture)](**rest)


def build(config: ModelConfig) -> Network:
    """Return a torch module of a shape, newly initialised; torch is imported now."""
    module, _, name = _NETWORKS[config.architecture].partition(":")
    network: Network = getattr(importlib.import_module(module), name)(config)
    return network
