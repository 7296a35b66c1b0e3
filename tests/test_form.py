"""Songs in sections: one that returns is played again, note for note and with its instruments."""

import numpy as np
import pytest

import lakhnes
from lakhnes.bars import bars_of
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.controls import Controls
from lakhnes.sampling.form import Form, copied
from rows import TX3, on_frames, row_model, song_text
from small import tiny_model


@pytest.fixture(scope="module")
def model():
    return row_model(BAR=2.0, ROW_=2.0, P1_NOTEON=2.0, TR_NOTEON=2.0)


def contents(ids):
    return [bar.onsets for bar in bars_of(ids)]


def test_sections_of_one_letter_are_alike_and_others_are_not(model):
    options = {"params": SamplingParams(min_voices=0), "form": Form("AABCA", 3)}
    for song in compose(model, 2, seed=4, **options):
        assert song.ended == "form"
        bars = contents(song.ids)
        assert len(bars) == 15
        a, again, b, c, last = (bars[3 * place : 3 * place + 3] for place in range(5))
        assert a == again == last
        assert a != b != c != a
        assert on_frames(TX3.song(song.ids))
        grammar = lakhnes._native.Tx3Grammar(1)
        for token in song.ids:
            assert grammar.allowed()[0, token]
            grammar.advance(np.array([token], dtype=np.int64))


def test_a_song_in_sections_is_that_of_its_seed(model):
    options = {"form": "ABA", "section_bars": 2, "min_voices": 0}
    first, second = (lakhnes.generate(model, 2, seed=seed, **options) for seed in (4, 5))
    assert first[1] == second[0]
    assert first[0] != first[1]


def test_a_copy_sounds_as_the_section_did_whatever_was_said_in_between():
    text = song_text(4).replace("BAR\nP1_NOTEON_60", "BAR\nP1_NOTEON_60\nP1_INST_5\nP1_VOL_9\nP1_LEN_8", 1)
    changed = text.removesuffix("BAR").replace("P1_NOTEON_61\n", "P1_NOTEON_61\nP1_INST_7\nP1_VOL_4\nP1_LEN_0\n", 1)
    changed = changed.replace("BAR\nP1_NOTEON_61", "BAR\nTEMPO_7\nMETER_12\nP1_NOTEON_61", 1).replace(
        "ROW_12", "ROW_11"
    )
    ids = TX3.encode(changed + "BAR").tolist()
    lines = [place for place, token in enumerate(ids) if token == TX3.id("BAR")]
    copy = copied(ids, lines[0], lines[2], TX3)
    whole = TX3.song(ids + copy)
    bars = bars_of(ids + copy)
    assert [bar.onsets for bar in bars[4:6]] == [bar.onsets for bar in bars[:2]]
    start, length = bars[4].tick, bars[2].tick
    for name in ("p1", "p2", "tr", "no"):
        first, second = (notes_from(whole, name, at, length) for at in (0, start))
        # The last note of each may be held by what comes after it, or by the end of the song.
        np.testing.assert_allclose(first[:-1], second[:-1], atol=1)
    changes = [whole.velocity_changes["p1"], whole.timbre_changes["p1"]]
    for rows in changes:
        first, second = (
            [[tick - at, value] for tick, value in rows.tolist() if at <= tick < at + length - 20_000]
            for at in (0, start)
        )
        assert len(first) == len(second)
        np.testing.assert_allclose(np.array(first), np.array(second), atol=1)


def notes_from(song, name, start, length):
    notes = song.voices[name]
    inside = notes[(notes[:, 0] >= start) & (notes[:, 0] < start + length)]
    return inside - np.array([start, start, 0, 0])


def test_what_is_asked_of_a_song_holds_in_all_its_sections(model):
    (song,) = compose(
        model,
        1,
        params=SamplingParams(min_voices=0),
        seed=2,
        form=Form("ABA", 2),
        controls=Controls(150, voices=["p1"]),
    )
    assert [TX3.symbol(token) for token in song.ids if TX3.symbol(token).startswith("TEMPO")] == ["TEMPO_6"]
    assert [name for name, notes in TX3.song(song.ids).voices.items() if len(notes)] in (["p1"], [])


def test_a_form_is_made_of_letters_and_needs_bars(run, model, tmp_path):
    for letters in ("", "A1", "aab", "A" * 65):
        with pytest.raises(ValueError, match="expected 1 to 64 letters from A to Z, such as AABA"):
            Form(letters)
    with pytest.raises(ValueError, match="bars of a section: 0"):
        Form("AA", 0)
    with pytest.raises(lakhnes.LakhnesError, match=r"^form: the model composes TX1, which has no bars"):
        lakhnes.generate(tiny_model(), form="AABA")
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    options = ["-m", tmp_path / "model", "-o", tmp_path, "--format", "tx3", "--seed", 4, "--min-voices", 0]
    result = run("generate", "--form", "aba", "--section-bars", 2, *options)
    assert result.exit_code == 0, result.output
    assert "songs ended: 1 with their last section" in result.stderr
    bars = contents(TX3.encode((tmp_path / "0.tx3.txt").read_text()).tolist())
    assert bars[:2] == bars[4:6]
    assert run("generate", "--form", "A?", *options, "-f").exit_code == 2
