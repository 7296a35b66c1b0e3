"""Any MIDI file as one song of four voices, and the report about it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lakhnes._native import Song
from lakhnes.errors import FormatError, in_utf8, warn_of
from lakhnes.units import TICKS_PER_SECOND

__all__ = ["arrange", "as_json", "told"]

LONG_LEAD_IN = 5.0
"""Seconds of silence at the beginning from which on it is told."""


def arrange(
    data: bytes, format: str, *, name: str, arpeggio: bool = False, parts: Mapping[str, str] | None = None
) -> tuple[Song, dict[str, Any]]:
    """Arrange the bytes of a MIDI file; `name` opens the message when they are wrong.

    Parameters
    ----------
    data, arpeggio, parts
        See `Song.arrange`.
    format
        The format of the bytes.

    Raises
    ------
    FormatError, LimitError
        If the format is not ``mid``, or the bytes are no MIDI file with notes.
    """
    if format != "mid":
        raise FormatError(f"{name}: {format}, expected MIDI to arrange")
    song, report = Song.arrange(data, arpeggio=arpeggio, parts=parts, name=in_utf8(name))
    warn_of(name, report["warnings"])
    return song, report


def as_json(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report as ``--json`` prints it: channels count from 1, as pictures and musicians have them."""
    unplaced = [(tick, channel + 1, pitch, reason) for tick, channel, pitch, reason in report["unplaced"]]
    return {**report, "unplaced": unplaced}


def told(report: Mapping[str, Any]) -> str:
    """Say in one line what became of the notes of a file; `report` is that of `Song.arrange`."""
    facts = [f"{report['placed']} of {report['notes']} notes placed"]
    kept = (("moved", "moved by octaves"), ("shortened", "shortened"), ("arpeggiated", "in arpeggios"))
    facts += [f"{report[key]} {text}" for key, text in kept if report[key]]
    if report["lead_in"] > LONG_LEAD_IN * TICKS_PER_SECOND:
        facts.append(f"silent for the first {report['lead_in'] / TICKS_PER_SECOND:.1f} s")
    unplaced = report["unplaced"]
    reasons = Counter[str](report["left_out"])
    facts += [f"{count} left out: {reason}" for reason, count in reasons.most_common()]
    if unplaced:
        facts.append(f"the first at {unplaced[0][0] / TICKS_PER_SECOND:.2f} s")
    return ", ".join(facts)
