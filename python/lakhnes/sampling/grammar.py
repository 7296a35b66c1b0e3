"""Which event may follow which, so that what is drawn is always a song.

At one sample the voices speak in the order P1, P2, TR, NO, each once; two waits never meet; a voice is silenced only
while it sounds; a song neither begins nor ends with a wait. Texts made from MIDI are always so.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lakhnes._native import Vocabulary

__all__ = ["BOUNDARY", "Grammar"]

BOUNDARY = 0
"""The id of ``<S>``."""

VOICES = ("P1", "P2", "TR", "NO")
NO_VOICE = -1


class Grammar:
    """What each of some songs may go on with.

    Parameters
    ----------
    vocabulary : Vocabulary
        TX1; for TX2 see `Grammar.supports`.
    batch_size : int
    device : torch.device
    """

    def __init__(self, vocabulary: Vocabulary, batch_size: int, device: torch.device) -> None:
        symbols = vocabulary.symbols
        voices = [VOICES.index(symbol[:2]) if symbol[:2] in VOICES else NO_VOICE for symbol in symbols]
        self.voice = torch.tensor(voices, device=device)  # (V,)
        self.is_wait = torch.tensor([symbol.startswith("WT_") for symbol in symbols], device=device)
        self.is_off = torch.tensor([symbol.endswith("_NOTEOFF") for symbol in symbols], device=device)
        self.is_on = torch.tensor(["_NOTEON_" in symbol for symbol in symbols], device=device)
        self.is_boundary = torch.zeros_like(self.is_wait)
        self.is_boundary[BOUNDARY] = True
        self.off_of_voice = [symbols.index(f"{voice}_NOTEOFF") for voice in VOICES]
        self.rows = torch.arange(batch_size, device=device)
        # The voice that spoke last at this sample, -1 for none yet; and whether a wait, or the beginning, came before.
        self.last_voice = torch.full((batch_size,), NO_VOICE, device=device)
        self.after_wait = torch.ones(batch_size, dtype=torch.bool, device=device)
        self.sounding = torch.zeros(batch_size, len(VOICES), dtype=torch.bool, device=device)

    @staticmethod
    def supports(vocabulary: Vocabulary) -> bool:
        """Whether there is a grammar for this dialect."""
        return vocabulary.dialect == "tx1"

    def allowed(self) -> Tensor:
        """Return ``(B, V)``, true where an event may come next. ``<S>`` may come wherever a wait may."""
        after_event = ~self.after_wait[:, None]  # (B, 1)
        allowed = (self.voice > self.last_voice[:, None]) | ((self.is_wait | self.is_boundary) & after_event)
        for voice, token in enumerate(self.off_of_voice):
            allowed[:, token] &= self.sounding[:, voice]
        return allowed

    def advance(self, tokens: Tensor) -> None:
        """Take note of the event that each song went on with, ``(B,)`` ids."""
        voice = self.voice[tokens]
        speaks = voice >= 0
        starts_or_stops = self.is_on[tokens] | self.is_off[tokens]
        rows, voices = self.rows[starts_or_stops], voice[starts_or_stops]
        self.sounding[rows, voices] = self.is_on[tokens[starts_or_stops]]
        self.last_voice = torch.where(speaks, voice, torch.full_like(voice, NO_VOICE))
        self.after_wait = ~speaks
