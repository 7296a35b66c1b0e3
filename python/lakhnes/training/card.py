"""The model card beside the weights."""

from __future__ import annotations

from lakhnes.checkpoint.card import with_metadata
from lakhnes.evaluation.score import Score
from lakhnes.training.config import TrainingConfig

__all__ = ["model_card"]


def model_card(
    config: TrainingConfig,
    *,
    command: str,
    songs: int,
    tokens: int,
    seconds: float,
    score: Score | None,
    curve: str | None = None,
    data: str | None = None,
) -> str:
    """Return the text of a model card.

    Parameters
    ----------
    config : TrainingConfig
    command : str
        The command line that trained the model.
    songs, tokens, seconds
        Training songs; tokens seen, counting repetitions; time spent in training steps.
    score : Score, optional
        Of the valid split.
    curve : str, optional
        The picture of the loss, beside the card.
    data : str, optional
        Name of what the model was trained on.
    """
    model = config.model
    measured = "No valid split was given: not measured."
    if score is not None:
        measured = (
            f"Valid PPL **{score.ppl:.3f}** (loss {score.loss:.4f} nats a token over {score.positions:,} positions of "
            f"{score.songs} songs), in {score.batch_size} streams, segments of {score.tgt_len} and a memory of "
            f"{score.mem_len} tokens."
        )
    picture = f"![Loss over the tokens seen]({curve})\n\n" if curve else ""
    card = f"""# {model.title} for NES music

Vocabulary {model.vocabulary.upper()}, {model.num_parameters:,} parameters:
{model.description}.

## Evaluation

{measured}

{picture}## Training

    {command}

{songs:,} songs, {tokens:,} tokens in {seconds / 60:.0f} minutes; {config.optimizer}, peak rate {config.learning_rate},
batches of {config.batch_size * config.accumulate} x {config.tgt_len} tokens, memory {config.mem_len_start} to
{config.mem_len}.
"""
    return with_metadata(card, model, datasets=[data] if data else [])
