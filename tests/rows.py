"""A small TX3 model of random weights, and a song of rows, for the tests of what is composed in bars."""

import numpy as np

import lakhnes
from lakhnes.model.config import TransformerXLConfig
from lakhnes.model.model import Model
from small import random_model

FRAME = 733.791_52  # ticks of an NTSC frame
TX3 = lakhnes.Vocabulary.tx3()


def row_model(seed=3, *, score_state=False, **bias):
    """Return a model of random weights; `bias` adds to the logits of the tokens whose names begin so."""
    shape = TransformerXLConfig(
        vocabulary="tx3", vocab_size=len(TX3), n_layer=1, n_head=2, d_model=32, d_head=16, d_inner=64, dropout=0.0,
        pre_norm=True, mem_len=64, score_state=score_state,
    )  # fmt: skip
    model = random_model(shape, seed)
    added = model.weights["output_bias"].copy()
    for name, nats in bias.items():
        added += np.array([nats if symbol.startswith(name) else 0.0 for symbol in TX3.symbols], dtype=np.float32)
    return Model(model.config, model.weights | {"output_bias": added})


def brisk_model(seed=3, **bias):
    """Return a model whose bars are short: rows follow each other closely, bars come often, tempos are quick."""
    return row_model(
        seed, BAR=5.0, ROW_=1.0, TEMPO_2=-3.0, TEMPO_1=-3.0, **{f"TEMPO_{n}": 3.0 for n in (5, 6, 7)}, **bias
    )


def song_text(bars=8, pattern=(60, 64, 67, 72)):
    """Return a TX3 text: a melody of its own in each pair of bars, over a bass and a drum."""
    lines = ["TEMPO_6", "METER_16"]
    for bar in range(bars):
        lines.append("BAR")
        for beat in range(4):
            lines += [f"ROW_{4 * beat}"] if beat else []
            lines += [f"P1_NOTEON_{pattern[beat] + bar // 2}"]
            lines += [f"P2_NOTEON_{pattern[-1 - beat] - 12 + bar % 3}"] if beat % 2 == 0 else []
            lines += [f"TR_NOTEON_{36 + pattern[beat] % 12}", f"NO_NOTEON_{3 + 8 * (beat % 2)}"]
            lines += ["NO_LEN_3"] if bar == 0 and beat < 2 else []
    return "\n".join([*lines, "BAR"])


def row_song(bars=8, **options):
    """Return the song of `song_text`."""
    return lakhnes.Song.from_tx3(song_text(bars, **options))


def on_frames(song):
    """Tell whether every note begins and ends on a frame of the song's own clock."""
    ticks = np.concatenate([notes[:, :2].ravel() for notes in song.voices.values()])
    return bool((np.abs(ticks / FRAME - np.round(ticks / FRAME)) < 1 / FRAME).all())
