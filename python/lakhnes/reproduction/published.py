"""What the paper reports, for the tables to print beside their own figures.

Perplexities on NES-MDB's splits: those of Transformers to three decimals from the authors' repository (its models NES,
NESAug, Lakh100k, Lakh200k and LakhNES), the others from Table 2 of the paper, which gives
the test split only (written down from memory, and still to be compared with the paper).
"""

from __future__ import annotations

__all__ = ["FIGURE3", "TABLE2"]

TABLE2: dict[str, dict[str, float]] = {
    "random": {"valid": 631.00, "test": 631.00},
    "unigram": {"test": 198.14},
    "5-gram": {"test": 37.25},
    "lstm": {"test": 14.11},
    "lstm-augmented": {"test": 12.64},
    "transformer-xl": {"valid": 4.099, "test": 3.501},
    "transformer-xl-augmented": {"valid": 3.175, "test": 2.741},
    "transformer-xl-pretrained": {"valid": 2.800, "test": 2.460},
}
"""Perplexity of each row and split."""

FIGURE3: dict[str, list[tuple[float, float]]] = {
    "valid": [(0.0, 3.175), (0.25, 2.911), (0.5, 2.817), (1.0, 2.800)],
    "test": [(0.0, 2.741), (0.25, 2.545), (0.5, 2.472), (1.0, 2.460)],
}
"""Perplexity by split, after shares of the paper's 400,000 steps of pre-training."""
