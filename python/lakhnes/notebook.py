"""What songs and logs show of themselves in a notebook, and how a song is played from Python.

The page that holds the notebook needs nothing else: sound and drawing stand in it, and no request leaves the machine.
"""

from __future__ import annotations

import base64
import functools
import html
import importlib
import io
import math
from typing import TYPE_CHECKING, Any

from lakhnes import _native
from lakhnes._native import RegisterLog, Song
from lakhnes.audio import open_encoder
from lakhnes.progress import in_notebook
from lakhnes.songs import perform, render

if TYPE_CHECKING:
    pass

__all__ = ["log_html", "play", "player", "song_html"]

PLAYER_RATE = 48_000
"""The sample rate of embedded sound, in Hz: that of Opus."""

CODING: dict[str, Any] = {"subtype": "OPUS", "compression_level": 0.9}
"""Opus at about 33 kbit/s: a minute takes 0.33 MB as the text of a page, whatever is played."""

PLAYER_SECONDS = 180.0
"""Longer music is embedded up to here, so that a notebook stays small."""

BLOCK = "margin:0;max-width:900px"


def song_html(song: Song) -> str:
    """Show a song: its piano roll and a player."""
    return _figure(song.to_svg(), player(song), f"{_count(song)} notes, {song.duration:.1f} s")


def log_html(log: RegisterLog) -> str:
    """Show a log: the piano roll of what it plays, and a player."""
    facts = repr(log).partition("(")[2].rstrip(")")
    return _figure(log.transcribe().to_svg(), player(log), facts)


def player(played: Song | RegisterLog, *, autoplay: bool = False, **options: Any) -> str:
    """Give an HTML player with the sound in it, as Ogg Opus; of more than `PLAYER_SECONDS`, only the beginning.

    Parameters
    ----------
    played
    autoplay
        Whether it starts by itself.
    **options
        ``expression``, ``mixer``, ``filter``, ``loops`` and ``fade`` as of `lakhnes.render`; by default a song without
        dynamics gets those of NES music.
    """
    import numpy as np

    log = perform(played, expression=options.pop("expression", "natural"))
    left, blocks = round(PLAYER_SECONDS * PLAYER_RATE), []
    for block in log.blocks(**{"max_duration": math.inf} | options, sample_rate=PLAYER_RATE):
        blocks.append(block[:left])
        left -= len(blocks[-1])
        if not left:
            break
    file = io.BytesIO()
    samples = np.concatenate([np.zeros(0, np.int16), *blocks])[:, None]
    _native.export_samples(samples, PLAYER_RATE, file, "ogg", functools.partial(open_encoder, **CODING))
    data = base64.b64encode(file.getvalue()).decode()
    note = "" if left else f"<small>the first {PLAYER_SECONDS:.0f} s</small>"
    start = " autoplay" if autoplay else ""
    return f'<audio controls{start} style="width:100%" src="data:audio/ogg;base64,{data}"></audio>{note}'


def play(
    played: Song | RegisterLog, *, sample_rate: int = 44_100, device: str | int | None = None, **options: Any
) -> None:
    """Play a song: in a notebook by a player that starts, elsewhere on the sound card, until it has ended.

    See `Song.play`, which documents the parameters.
    """
    if in_notebook():
        display = importlib.import_module("IPython.display")
        display.display(display.HTML(player(played, autoplay=True, **options)))
        return
    from lakhnes.playback import open_sink

    samples = render(played, sample_rate=sample_rate, **{"expression": "natural"} | options)
    with open_sink("device", sample_rate, device=device) as sink:
        sink.write(samples)
        sink.finish()


def _count(song: Song) -> int:
    return sum(map(len, song.voices.values()))


def _figure(picture: str, sound: str, facts: str) -> str:
    return f'<figure style="{BLOCK}">{picture}{sound}<figcaption>{html.escape(facts)}</figcaption></figure>'
