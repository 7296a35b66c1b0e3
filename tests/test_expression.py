"""Songs without dynamics, played as NES music: the option in every place that makes sound."""

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes.checkpoint import save_checkpoint
from lakhnes.exporting import ExportJob, export_files
from small import tiny_model


@pytest.fixture
def held() -> lakhnes.Song:
    """A second of a pulse and of a drum."""
    return lakhnes.Song.from_tx1("P1_NOTEON_60\nNO_NOTEON_10\nWT_44100\nP1_NOTEOFF\nNO_NOTEOFF\nWT_1")


def test_a_held_note_decays_in_a_natural_performance_only(held):
    plain, natural = (lakhnes.render(held, expression=name, stems=True)[0] for name in ("plain", "natural"))
    np.testing.assert_array_equal(plain, lakhnes.render(held, stems=True)[0])

    def loudness(sound, second):
        return np.std(sound[int(44_100 * second) :][:2_205])

    assert loudness(plain, 0.8) == pytest.approx(loudness(plain, 0.1), rel=0.05)
    assert loudness(natural, 0.8) < 0.8 * loudness(natural, 0.1) < 0.8 * loudness(plain, 0.1)
    assert loudness(natural, 0.95) < 0.5 * loudness(natural, 0.8)


def test_every_way_to_sound_plays_the_same_performance(run, held, tmp_path):
    path = tmp_path / "held.tx1.txt"
    path.write_text(held.to_tx1())
    expected = held.perform(expression="natural").render_int16()
    assert not np.array_equal(expected, held.perform().render_int16())
    for command in ("render", "convert"):
        assert run(command, path, "-o", tmp_path / f"{command}.wav", "--expression", "natural").exit_code == 0
    lakhnes.write(held, tmp_path / "write.wav", expression="natural")
    export_files([ExportJob(path, tmp_path / "batch.flac")], format="flac", expression="natural")
    for name in ("render.wav", "convert.wav", "write.wav", "batch.flac"):
        np.testing.assert_array_equal(soundfile.read(tmp_path / name, dtype="int16")[0], expected)


def test_a_natural_vgm_holds_the_writes_of_the_performance(run, held, tmp_path):
    path = tmp_path / "held.tx1.txt"
    path.write_text(held.to_tx1())
    assert run("convert", path, "-o", tmp_path / "held.vgm", "--expression", "natural").exit_code == 0
    assert (tmp_path / "held.vgm").read_bytes() == held.perform(expression="natural").to_vgm()


def test_a_song_that_has_dynamics_is_played_as_it_stands():
    song = lakhnes.Song.from_tx2("P1_NOTEON_60\nP1_VELOCITY_3\nWT_40000\nP1_VELOCITY_9\nWT_40000\nP1_NOTEOFF\nWT_1")
    assert song.perform(expression="natural") == song.perform()


def test_another_expression_is_refused(run, held, tmp_path):
    with pytest.raises(ValueError, match="expression: expected plain or natural, found loud"):
        held.perform(expression="loud")
    assert run("render", tmp_path / "a.mid", "--expression", "loud").exit_code == 2


def test_composed_songs_are_natural_unless_plain_is_asked_for(run, tmp_path):
    save_checkpoint(tiny_model(), tmp_path / "model")
    options = ["-m", tmp_path / "model", "--seed", 3, "--length", 90]
    assert run("generate", *options, "-o", tmp_path / "natural").exit_code == 0
    assert run("generate", *options, "-o", tmp_path / "plain", "--expression", "plain").exit_code == 0
    song = lakhnes.read(tmp_path / "plain" / "0.tx1.txt")
    for name in ("plain", "natural"):
        sound = soundfile.read(tmp_path / name / "0.wav", dtype="int16")[0]
        np.testing.assert_array_equal(sound, song.perform(expression=name).render_int16())
