"""What is asked of a new song: its tempo, key and voices; and that it is told of any song."""

import json

import numpy as np
import pytest

import lakhnes
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.controls import Controls, key_token
from lakhnes.sampling.tempo import Tempo
from rows import TX3, on_frames, row_model, row_song
from small import tiny_model


@pytest.fixture(scope="module")
def model():
    return row_model()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows")
    save_checkpoint(model, path, dtype="float32")
    return path


def symbols(song):
    return [TX3.symbol(token) for token in song.ids]


@pytest.mark.parametrize(
    ("asked", "row", "beats"),
    [
        (150.0, 6.0, 150.2),
        (120.0, 7.5, 120.2),
        (100.0, 9.0, 100.2),
        (128.0, 7.0, 128.8),
        (133.0, 6.78125, 132.9),
        (450.0, 2.0, 450.7),
    ],
)
def test_a_tempo_is_the_nearest_of_whole_or_half_frames_or_else_of_a_32nd(asked, row, beats):
    tempo = Tempo.of(asked)
    assert (tempo.frames_a_row, round(tempo.beats_a_minute, 1)) == (row, beats)
    whole, *fine = tempo.symbols()
    assert int(whole.removeprefix("TEMPO_")) + (int(fine[0].removeprefix("FINE_")) if fine else 0) / 32 == row


def test_a_tempo_that_no_row_of_frames_has_is_refused():
    for beats in (0.0, 30.0, 500.0, float("nan")):
        with pytest.raises(ValueError, match=r"^tempo is .*, expected 37\.6 to 450\.7 beats a minute"):
            Controls(tempo=beats)


def test_the_tempo_that_is_asked_for_is_that_of_the_whole_song(model):
    for song in compose(
        model, 4, params=SamplingParams(length=200, min_voices=0), controls=Controls(tempo=133), seed=3
    ):
        named = [symbol for symbol in symbols(song) if symbol.startswith(("TEMPO", "FINE", "METER"))]
        assert named[:2] == ["TEMPO_6", "FINE_25"]
        assert set(named[2:]) <= {f"METER_{rows}" for rows in (12, 14, 16, 18, 20)}


def test_a_key_has_one_token_however_it_is_spelled():
    assert key_token("A minor") == "KEY_A_MINOR"
    assert key_token("Bb major") == key_token("a# Major") == "KEY_A#_MAJOR"
    assert key_token("Cb minor") == "KEY_B_MINOR"
    for wrong in ("H minor", "A", "A dorian", "minor"):
        with pytest.raises(ValueError, match="expected a tonic and its mode"):
            key_token(wrong)


def test_a_song_begins_with_what_is_asked_of_it_in_the_order_of_the_grammar(model):
    controls = Controls(150, "A minor", {"no": "low", "p1": "high"}, {"tr": "low", "p1": "mid"}, ["p1", "tr", "no"])
    expected = [
        "KEY_A_MINOR", "DENSITY_P1_HIGH", "DENSITY_P2_NONE", "DENSITY_NO_LOW", "REGISTER_P1_MID", "REGISTER_TR_LOW",
        "TEMPO_6",
    ]  # fmt: skip
    (song,) = compose(model, 1, params=SamplingParams(length=50, min_voices=0), controls=controls, seed=1)
    assert symbols(song)[: len(expected)] == expected


def test_a_voice_that_is_left_out_is_silent(model):
    options = {"length": 250, "seed": 5}
    assert all(len(lakhnes.generate(model, **options)[0].voices[name]) for name in ("p1", "p2", "tr", "no"))
    for asked in ({"voices": ["p1", "tr"]}, {"density": {"p2": "none", "no": "none"}}):
        (song,) = lakhnes.generate(model, **asked, **options)
        assert [name for name, notes in song.voices.items() if len(notes)] == ["p1", "tr"]
        assert on_frames(song)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"density": {"p3": "low"}}, "density of 'p3': expected one of the voices p1, p2, tr, no"),
        ({"density": {"p1": "much"}}, "density of p1 is 'much', expected one of none, low, mid, high"),
        ({"register": {"no": "low"}}, "register of 'no': expected one of the voices p1, p2, tr"),
        ({"voices": []}, "voices: none; expected some of p1, p2, tr, no"),
        ({"voices": ["p1", "x"]}, "voices: x; expected some of p1, p2, tr, no"),
        ({"voices": ["p1"], "density": {"p2": "low"}}, "density of p2: it is left out of voices"),
        ({"voices": ["p1"], "density": {"p1": "none"}}, "density is none for every voice"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_one_line(model, asked, message):
    with pytest.raises(ValueError, match=message):
        lakhnes.generate(model, length=30, **asked)


def test_a_model_without_controls_refuses_each_by_its_name(run, tmp_path):
    plain = tiny_model()
    for asked in ({"tempo": 150}, {"key": "A minor"}, {"density": {"p1": "low"}}, {"voices": ["p1"]}):
        with pytest.raises(lakhnes.LakhnesError, match=f"^{next(iter(asked))}: the model composes TX1, .*TX3"):
            lakhnes.generate(plain, length=30, **asked)
    save_checkpoint(plain, tmp_path / "plain")
    result = run("generate", "-m", tmp_path / "plain", "-o", tmp_path / "o", "--tempo", 120)
    assert result.exit_code == 1
    assert "tempo: the model composes TX1" in result.stderr


def test_the_command_takes_what_python_takes_and_tells_the_tempo(run, folder, tmp_path, model):
    asked = ["--tempo", 150, "--key", "A minor", "--density", "p1=high,no=none", "--voices", "p1,tr"]
    result = run("generate", "-m", folder, "-o", tmp_path, "--seed", 4, "--length", 150, "--register", "tr=low", *asked)
    assert result.exit_code == 0, result.output
    assert "tempo: 150.2 beats a minute, 6 frames a row" in result.stderr
    (song,) = lakhnes.generate(
        model, seed=4, length=150, tempo=150, key="A minor", density={"p1": "high", "no": "none"}, voices=["p1", "tr"],
        register={"tr": "low"},
    )  # fmt: skip
    assert result.stdout.split() == [str(tmp_path / "0.tx3.txt")]
    assert lakhnes.read(tmp_path / "0.tx3.txt") == song
    for wrong in (["--key", "H"], ["--density", "p1"], ["--density", "p1=x"], ["--voices", "p9"], ["--tempo", 9]):
        assert run("generate", "-m", folder, "-o", tmp_path, "-f", *wrong).exit_code == 2


def test_info_tells_of_any_song_what_could_be_asked_for(run, tmp_path):
    song = row_song()
    for name in ("a.tx3.txt", "a.mid", "a.vgm", "a.tx1.txt"):
        lakhnes.write(song, tmp_path / name)
        music = json.loads(run("info", tmp_path / name, "--json").stdout)["files"][0]["music"]
        assert music["frames_a_row"] * music["rows_a_bar"] == 96.0
        assert music["beats_a_minute"] == pytest.approx(150.2, abs=0.1)
        assert music["key"] is not None
        assert music["length_class"] == 20
        assert music["voices"]["p1"]["density_class"] == "low"
        assert music["voices"]["no"]["register_class"] is None
        assert music["on_rows"] == 1.0
    told = run("info", tmp_path / "a.mid").stdout
    assert "tempo     150.2 beats a minute" in told
    assert "density   p1=low,p2=low,tr=low,no=low" in told


def test_info_tells_of_a_song_without_notes_that_there_is_nothing_to_tell(run, tmp_path):
    (tmp_path / "rest.tx1.txt").write_text("WT_44100")
    result = run("info", tmp_path / "rest.tx1.txt", "--json")
    assert json.loads(result.stdout)["files"][0]["music"] is None


def test_info_finds_from_where_a_song_repeats_itself(run, tmp_path):
    bars = row_song(4).to_tx3().removesuffix("BAR").removeprefix("TEMPO_6\nMETER_16\n")
    intro = "BAR\nP1_NOTEON_50\nROW_8\nP2_NOTEON_55\n"
    text = "TEMPO_6\nMETER_16\n" + intro + 2 * bars
    song = lakhnes.Song.from_tx3(text.removesuffix("\n") + "\nBAR")
    lakhnes.write(song, tmp_path / "loop.mid")
    repeats = json.loads(run("info", tmp_path / "loop.mid", "--json").stdout)["files"][0]["music"]["repeats"]
    bar = 96 * 733.79152 / 44_100
    assert (repeats["bars"], repeats["again"]) == (4, 4)
    np.testing.assert_allclose([repeats["start"], repeats["end"]], [bar, 5 * bar], atol=0.001)
    lakhnes.write(row_song(6), tmp_path / "plain.mid")
    assert json.loads(run("info", tmp_path / "plain.mid", "--json").stdout)["files"][0]["music"]["repeats"] is None
