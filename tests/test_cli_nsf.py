"""NSF and NSFe files from the command line: heard, converted, looked into, and written as albums."""

import json

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes.files import suffix_of
from music_files import archive_of, files_below
from nsf_files import album, endless, matched, program, tune

TITLES = ["Title Screen", "Level 1/2: ../up"]
STEMS = ["game-01-Title_Screen", "game-02-Level_1_2_.._up"]


@pytest.fixture
def game(tmp_path):
    path = tmp_path / "game.nsf"
    path.write_bytes(album([1, 2], titles=TITLES, title="The Game", artist="Somebody", copyright="1990 They"))
    return path


def sound_of(path):
    return soundfile.read(path, dtype="int16")[0]


def heard(game, track, **options):
    return lakhnes.read_log(game, track=track).render_int16(**options)


def test_a_track_is_rendered_under_its_title(run, game):
    result = run("render", game, "--track", 2)
    wav = game.with_name(f"{STEMS[1]}.wav")
    assert (result.exit_code, result.stdout) == (0, f"{wav}\n"), result.stderr
    np.testing.assert_array_equal(sound_of(wav), heard(game, 2))
    assert np.abs(sound_of(wav)).max() > 1_000


def test_all_tracks_are_rendered_where_none_is_named(run, game, tmp_path):
    assert run("render", game, "-o", f"{tmp_path / 'out'}/").exit_code == 0
    assert files_below(tmp_path / "out") == [f"{stem}.wav" for stem in STEMS]
    for track, stem in enumerate(STEMS, 1):
        np.testing.assert_array_equal(sound_of(tmp_path / "out" / f"{stem}.wav"), heard(game, track))
    assert run("render", game, "--track", "all").exit_code == 0
    assert {f"{stem}.wav" for stem in STEMS} <= set(files_below(tmp_path))


def test_one_output_has_the_track_that_the_file_begins_with(run, process, game, tmp_path):
    data = bytearray(game.read_bytes())
    data[7] = 2
    game.write_bytes(data)
    assert run("render", game, "-o", tmp_path / "x.wav").exit_code == 0
    np.testing.assert_array_equal(sound_of(tmp_path / "x.wav"), heard(game, 2))
    piped = process("render", "-", "--from", "nsf", "-o", "-", stdin=game.read_bytes())
    assert piped.stdout == (tmp_path / "x.wav").read_bytes()
    first = process("render", "-", "--from", "nsf", "--track", 1, "-o", "-", stdin=game.read_bytes())
    assert len(first.stdout) == 44 + 2 * len(heard(game, 1))
    assert run("render", game, "-o", "-", "--track", "1,2").exit_code == 2


def test_a_file_of_one_song_gives_a_file_of_its_name(run, tmp_path):
    (tmp_path / "song.nsf").write_bytes(tune(3).perform().to_nsf(title="A title"))
    assert run("convert", tmp_path / "song.nsf", "-o", f"{tmp_path}/", "--to", "mid").exit_code == 0
    assert files_below(tmp_path) == ["song.mid", "song.nsf"]


@pytest.mark.parametrize("to", ["tx1", "tx2", "tx3", "mid", "vgm", "ftm", "exprsco.npz"])
def test_all_tracks_are_converted_to_any_format(run, game, tmp_path, to):
    result = run("convert", game, "-o", tmp_path / "tracks", "--to", to, "--json")
    assert result.exit_code == 0, result.stderr
    suffix = suffix_of(to)
    assert files_below(tmp_path / "tracks") == [stem + suffix for stem in STEMS]
    if to in ("tx1", "tx2", "mid"):
        for seed, stem in enumerate(STEMS, 1):
            again = lakhnes.read(tmp_path / "tracks" / (stem + suffix))
            near, events = matched(tune(seed).to_tx1(), again.to_tx1())
            assert near >= 0.99 * events, (near, events)


def test_tracks_of_a_folder_and_of_an_archive_keep_their_places(run, game, tmp_path):
    source = archive_of(tmp_path / "db.tar.xz", {"set/a/game.nsf": game.read_bytes(), "set/bad.nsf": b"NESM"})
    result = run("convert", source, "-o", tmp_path / "one", "--to", "vgm")
    assert result.exit_code == 1
    assert "bad.nsf: byte 0: expected NESM, 1A or NSFE" in result.stderr
    assert files_below(tmp_path / "one") == [f"set/a/{stem}.vgm" for stem in STEMS]
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "game.nsf").write_bytes(game.read_bytes())
    (tmp_path / "set" / "bad.nsf").write_bytes(b"NESM")
    result = run("convert", tmp_path / "set", "-o", tmp_path / "two", "--to", "vgm")
    assert result.exit_code == 1
    assert files_below(tmp_path / "two") == [f"a/{stem}.vgm" for stem in STEMS]


def test_a_track_that_is_not_there_is_an_error_of_one_line(run, game, song_file, tmp_path):
    result = run("render", game, "--track", 9)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.strip().endswith("game.nsf, track 9: track: expected 1 to 2, found 9")
    result = run("render", song_file, "--track", 1)
    assert result.exit_code == 1
    assert "tx1, expected NSF or NSFe to choose a track" in result.stderr
    for wrong in ("0", "x", "3-1", "1,,2", "99999999999"):
        assert run("render", game, "--track", wrong).exit_code == 2
    assert run("plot", game, "-o", tmp_path / "x.png", "--track", 9).exit_code == 1


def test_what_does_not_end_is_cut_off_and_fades(run, tmp_path):
    path = tmp_path / "endless.nsf"
    path.write_bytes(endless())
    result = run("render", path, "--max-duration", 6, "--fade", 2)
    assert (result.exit_code, result.stderr) == (0, "")
    samples = sound_of(tmp_path / "endless.wav").astype(float)
    assert len(samples) == 6 * 44_100
    plain = lakhnes.read_log(path, max_duration=6).render_int16().astype(float)
    share = np.abs(samples).reshape(-1, 4_410).sum(axis=1) / np.abs(plain).reshape(-1, 4_410).sum(axis=1)
    np.testing.assert_allclose(share[:40], 1)
    np.testing.assert_allclose(share[40:], np.linspace(0.975, 0.025, 20), atol=0.03)


def test_a_loop_is_played_as_often_as_fits(run, tmp_path):
    held = [
        0xA9,
        1,
        0x8D,
        0x15,
        0x40,
        0xA9,
        0xBF,
        0x8D,
        0,
        0x40,
        0xA9,
        0xFD,
        0x8D,
        2,
        0x40,
        0xA9,
        0,
        0x8D,
        3,
        0x40,
        0x60,
    ]
    path = tmp_path / "held.nsf"
    path.write_bytes(program([*held, *[0xEA] * (0x20 - len(held)), 0x60]))
    log = lakhnes.read_log(path)
    assert log.loop_start is not None
    for seconds in (5, 12):
        assert run("render", path, "-f", "--loops", 9, "--max-duration", seconds).exit_code == 0
        assert len(sound_of(tmp_path / "held.wav")) <= seconds * 44_100


def test_the_times_of_a_file_end_its_tracks(run, tmp_path):
    data = endless()
    info = bytes([0, 0x80, 0, 0x80, 0x20, 0x80, 0, 0, 1, 0])
    chunks = [(b"INFO", info), (b"DATA", data[0x80:]), (b"time", (3_000).to_bytes(4, "little"))]
    chunks += [(b"fade", (1_000).to_bytes(4, "little")), (b"NEND", b"")]
    nsfe = b"NSFE" + b"".join(len(body).to_bytes(4, "little") + name + body for name, body in chunks)
    (tmp_path / "timed.nsfe").write_bytes(nsfe)
    log = lakhnes.read_log(tmp_path / "timed.nsfe")
    assert (log.duration, log.fade) == (4.0, 1.0)
    assert run("render", tmp_path / "timed.nsfe").exit_code == 0
    level = np.abs(sound_of(tmp_path / "timed.wav").astype(float)).reshape(-1, 4_410).mean(axis=1)
    assert len(level) == 40
    assert level[-1] < 0.1 * level[25]
    # As a track of another file it has the same times.
    assert run("convert", tmp_path / "timed.nsfe", "-o", tmp_path / "again.nsfe").exit_code == 0
    again = lakhnes.NsfFile.from_bytes((tmp_path / "again.nsfe").read_bytes())
    assert (again.times, again.fades) == ([3.0], [1.0])


def test_voices_of_other_chips_are_named(run, tmp_path):
    (tmp_path / "vrc.nsf").write_bytes(endless(chips=0x21))
    result = run("render", tmp_path / "vrc.nsf", "--max-duration", 1)
    assert result.exit_code == 0
    expected = f"Warning: {tmp_path / 'vrc.nsf'}, track 1: the voices of these chips are not played: VRC6, Sunsoft 5B\n"
    assert result.stderr == expected
    with pytest.warns(lakhnes.LakhnesWarning, match="not played: VRC6, Sunsoft 5B"):
        log = lakhnes.read_log(tmp_path / "vrc.nsf", max_duration=1)
    assert "VRC6" in log.warnings


def test_tracks_are_played_in_the_order_of_the_playlist(run, tmp_path):
    data = album([1, 2, 3], "nsfe")
    ordered = data[:-8] + (2).to_bytes(4, "little") + b"plst\x02\x00" + data[-8:]
    (tmp_path / "x.nsfe").write_bytes(ordered)
    assert lakhnes.NsfFile.from_bytes(ordered).playlist == [3, 1]
    options = ["--sink", tmp_path / "x.wav", "--force", "--json", "--fade", 0]
    for named, expected in (([], [3, 1]), (["--track", "2"], [2]), (["--track", "1-3"], [1, 2, 3])):
        result = run("play", tmp_path / "x.nsfe", *options, *named)
        assert result.exit_code == 0, result.stderr
        assert [song["track"] for song in json.loads(result.stdout)["files"]] == expected
        length = sum(len(heard(tmp_path / "x.nsfe", track)) for track in expected)
        assert len(sound_of(tmp_path / "x.wav")) == length


def test_info_tells_titles_times_and_console(run, game, tmp_path):
    result = run("info", game)
    assert result.exit_code == 0, result.stderr
    seconds = round(tune(1).perform().duration)
    for line in (
        "  title     The Game",
        "  artist    Somebody",
        "  console   ntsc, called 60.10 times a second",
        "  tracks    2, begins with 1",
        f"         1  Title Screen, 0:{seconds:02}",
    ):
        assert line in result.stdout.splitlines()
    (facts,) = json.loads(run("info", game, "--json").stdout)["files"]
    assert (facts["format"], facts["title"], facts["copyright"]) == ("nsf", "The Game", "1990 They")
    assert [track["title"] for track in facts["tracks"]] == TITLES
    assert facts["tracks"][0]["time"] == pytest.approx(tune(1).perform().duration, abs=1e-3)
    assert (facts["chips"], facts["playlist"], facts["standards"]) == ([], [], ["ntsc"])


def test_info_of_a_track_tells_what_it_plays(run, game):
    (facts,) = json.loads(run("info", game, "--track", 2, "--json").stdout)["files"]
    assert (facts["track"], facts["title"]) == (2, TITLES[1])
    assert facts["ending"] in ("silence", "max_duration")
    assert facts["writes"] == len(lakhnes.read_log(game, track=2).writes)
    told = run("info", game, "--track", 2).stdout
    assert "  track     2 Level 1/2: ../up\n" in told
    assert "  ends      " in told
    assert run("info", game, "--track", 3).exit_code == 1


def test_info_of_a_folder_tells_of_all_its_songs(run, game, song_file):
    result = run("info", game.parent)
    assert result.exit_code == 0, result.stderr
    assert str(game) in result.stdout
    assert str(song_file) in result.stdout
    assert result.stderr == "2 files (1 nsf, 1 tx1): 2 tracks, 0:01 min\n"
    assert run("info", game, "--track", 1, game).exit_code == 0


def test_plot_draws_a_track(run, game, tmp_path):
    for track in (1, 2):
        result = run("plot", game, "-o", tmp_path / f"{track}.png", "--track", track)
        assert result.exit_code == 0, result.stderr
    assert run("plot", game, "-o", tmp_path / "first.png").exit_code == 0
    first, second, default = ((tmp_path / f"{name}.png").read_bytes() for name in ("1", "2", "first"))
    assert first == default != second


@pytest.mark.parametrize("form", ["nsf", "nsfe"])
def test_a_folder_becomes_an_album(run, tmp_path, form):
    folder = tmp_path / "My songs"
    (folder / "more").mkdir(parents=True)
    for name, seed in (("One", 1), ("Two", 2), ("more/Three", 3)):
        lakhnes.write(tune(seed), folder / f"{name}.mid")
    (folder / "bad.mid").write_bytes(b"MThd")
    target = tmp_path / f"album.{form}"
    result = run("convert", folder, "-o", target, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["files"] == [str(target)]
    assert [failure["path"] for failure in report["failed"]] == [str(folder / "bad.mid")]
    file = lakhnes.NsfFile.from_bytes(target.read_bytes())
    assert (file.title, file.track_titles) == ("My songs", ["One", "Two", "Three"])
    assert file.times == pytest.approx([tune(seed).perform().duration for seed in (1, 2, 3)], abs=1e-3)
    assert file.fades == [0.0] * 3
    for track in (1, 2, 3):
        near, events = matched(tune(track).to_tx1(), lakhnes.read(target, track=track).to_tx1())
        assert near >= 0.99 * events
    (folder / "bad.mid").unlink()
    assert run("convert", folder, "-o", target).exit_code == 1  # it is there already
    again = run("convert", folder, "-o", target, "--force")
    assert (again.exit_code, again.stdout) == (0, f"{target}\n"), again.stderr


def test_all_tracks_of_a_file_go_to_the_other_form_and_one_does_if_named(run, game, tmp_path):
    assert run("convert", game, "-o", tmp_path / "game.nsfe").exit_code == 0
    whole = lakhnes.NsfFile.from_bytes((tmp_path / "game.nsfe").read_bytes())
    assert (whole.title, whole.artist, whole.track_titles) == ("The Game", "Somebody", TITLES)
    assert run("convert", game, "-o", tmp_path / "two.nsfe", "--track", 2).exit_code == 0
    one = lakhnes.NsfFile.from_bytes((tmp_path / "two.nsfe").read_bytes())
    assert (len(one), one.track_titles) == (1, TITLES[1:])


def test_an_album_of_too_many_songs_is_refused_before_they_are_read(run, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(256):
        (folder / f"{index:03}.tx1.txt").write_text("no song at all")
    result = run("convert", folder, "-o", tmp_path / "x.nsf")
    assert result.exit_code == 1
    assert result.stderr == "Error: songs of an album: expected at most 255, found 256\n"
    assert not (tmp_path / "x.nsf").exists()


def test_a_song_is_written_as_nsfe_and_read_by_track(tmp_path):
    lakhnes.write(tune(5), tmp_path / "x.nsfe", title="Five")
    file = lakhnes.NsfFile.from_bytes((tmp_path / "x.nsfe").read_bytes())
    assert (file.title, file.track_titles, len(file)) == ("Five", ["Five"], 1)
    assert lakhnes.read(tmp_path / "x.nsfe") == lakhnes.read(tmp_path / "x.nsfe", track=1)
    with pytest.raises(ValueError, match="track: expected 1 to 1, found 2"):
        lakhnes.read(tmp_path / "x.nsfe", track=2)
    lakhnes.write(tune(5), tmp_path / "x.mid")
    with pytest.raises(lakhnes.FormatError, match="mid, expected NSF or NSFe to choose a track"):
        lakhnes.read(tmp_path / "x.mid", track=1)


def test_a_damaged_file_is_told_by_every_command_in_one_line(run, tmp_path):
    bad = tmp_path / "bad.nsf"
    bad.write_bytes(b"NESM\x1a" + bytes(40))
    commands = [["render", bad], ["info", bad], ["plot", bad, "-o", tmp_path / "x.png"]]
    commands += [["convert", bad, "-o", tmp_path / f"x.{suffix}"] for suffix in ("mid", "nsfe")]
    commands += [["play", bad, "--sink", "null"], ["data", "nsf", tmp_path, tmp_path / "out"]]
    for command in commands:
        result = run(*command)
        assert result.exit_code == 1
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
        assert "bad.nsf: byte 45: expected a header of 128 bytes" in line
    assert files_below(tmp_path) == ["bad.nsf"]
