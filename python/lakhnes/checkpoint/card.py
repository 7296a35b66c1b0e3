"""Model cards: the metadata at their top, by which the Hugging Face Hub lists models, and a card for any model."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lakhnes.model.config import ModelConfig

__all__ = ["card_of", "with_metadata"]

TAGS = ("music", "symbolic-music", "chiptune", "nes")


def with_metadata(
    card: str,
    config: ModelConfig,
    *,
    license: str = "unknown",
    datasets: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> str:
    """Return a card with its metadata, as YAML between two lines ``---``.

    Parameters
    ----------
    card : str
        Markdown without metadata.
    config : ModelConfig
    license : str
        An identifier of the Hub, such as ``"mit"``; ``"unknown"`` where the terms are not stated.
    datasets : sequence of str
        What the model was trained on; left out if the list is empty.
    tags : sequence of str
        Added to those of every model.
    """
    facts: dict[str, str | list[str]] = {
        "library_name": "lakhnes",
        "license": license,
        "tags": [*TAGS, config.architecture, *tags],
        "metrics": ["perplexity"],
    }
    if datasets:
        facts["datasets"] = list(datasets)
    # JSON strings and lists are YAML, whatever is in them.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
    return "\n".join(["---", *lines, "---", "", card])


def card_of(config: ModelConfig) -> str:
    """Return a card that says what the shape says, for a model of which nothing else is known."""
    return f"""# {config.title} for NES music

Vocabulary {config.vocabulary.upper()}, {config.num_parameters:,} parameters:
{config.description}.

```python
import lakhnes

model = lakhnes.load_model("PATH")  # this directory, or hf://OWNER/NAME
songs = lakhnes.generate(model, num=4, seed=0)
```
"""
