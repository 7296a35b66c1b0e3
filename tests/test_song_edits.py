"""Songs of songs: transposed, trimmed, spliced, joined; by Python and by `convert`."""

import numpy as np
import pytest

import lakhnes


def test_a_transposition_moves_the_melodic_voices_and_leaves_the_noise(song):
    higher = song.transpose(5)
    for voice in ("p1", "p2", "tr"):
        np.testing.assert_array_equal(higher.voices[voice][:, 2], song.voices[voice][:, 2] + 5)
    np.testing.assert_array_equal(higher.voices["no"], song.voices["no"])
    assert higher.transpose(-5) == song
    with pytest.raises(ValueError, match="p2 at tick 0: expected a pitch of 33 to 108, found 27"):
        song.transpose(-30)


def test_a_part_is_kept_with_the_notes_that_sound_into_it(song):
    part = song.trim(0.1, 0.4)
    assert part.duration == pytest.approx(0.3, abs=1e-4)
    assert part.voices["p1"][:, [0, 2]].tolist() == [[0, 69], [6_615, 72]]
    assert song.trim() == song
    for wrong in ((0.5, 0.5), (0.5, 0.2), (9.0, None), (-1.0, None)):
        with pytest.raises(ValueError, match=r"trim|start"):
            song.trim(*wrong)


def test_parts_are_joined_and_spliced(song):
    assert (song + song).length == 2 * song.length
    whole = song.trim(0, 0.25) + song.trim(0.25)
    assert whole.length == song.length
    np.testing.assert_array_equal(whole.voices["no"], song.voices["no"])
    longer = song.splice(song, 0.25, 0.25)
    assert longer.length == 2 * song.length
    assert song.splice(song.trim(0.1, 0.2), 0.1, 0.2).length == song.length
    assert len(song.splice(lakhnes.Song.from_tx1("WT_1"), 0.0).voices["p1"]) == 0
    with pytest.raises(TypeError):
        song + 1


def test_dynamics_survive_a_cut(song):
    expressive = song.express()
    sound = expressive.perform().render_int16()
    cut = 5_000
    halves = expressive.trim(0, cut / 44_100) + expressive.trim(cut / 44_100)
    again = halves.perform().render_int16()
    assert len(again) == len(sound)
    levels = [np.abs(part[cut + 1_000 : cut + 5_000].astype(float)).mean() for part in (sound, again)]
    assert levels[1] == pytest.approx(levels[0], rel=0.15)


def test_a_song_draws_itself(song, tmp_path):
    song.plot(tmp_path / "a.png", title="A")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert song.plot().axes
    with pytest.raises(FileExistsError):
        song.plot(tmp_path / "a.png", overwrite=False)


def test_convert_trims_and_transposes(run, song, song_file, tmp_path):
    out = tmp_path / "a.tx1.txt"
    result = run("convert", song_file, "-o", out, "--trim", "0.1:0.4", "--transpose", "-3")
    assert result.exit_code == 0, result.stderr
    assert out.read_text() == song.trim(0.1, 0.4).transpose(-3).to_tx1()
    lakhnes.write(song, tmp_path / "a.vgm")
    assert run("convert", tmp_path / "a.vgm", "-o", tmp_path / "b.tx1.txt", "--trim", ":0.2").exit_code == 0
    assert lakhnes.read(tmp_path / "b.tx1.txt").length == 8_820
    refused = run("convert", song_file, "-o", tmp_path / "c.mid", "--trim", "5:")
    assert refused.exit_code == 1
    assert f"{song_file}: trim: expected a start before the end" in refused.stderr
    for wrong in ("5", "5:4", "x:", "-1:"):
        assert run("convert", song_file, "-o", tmp_path / "c.mid", "--trim", wrong).exit_code == 2
