"""A song that is given twice, under whatever spelling of its path, is taken once; what cannot be is told plainly."""

import tarfile
from pathlib import Path

import pytest

import lakhnes


@pytest.fixture
def songs(tmp_path, song, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs" / "deep").mkdir(parents=True)
    lakhnes.write(song, tmp_path / "songs" / "a.tx1.txt")
    lakhnes.write(song, tmp_path / "songs" / "deep" / "b.mid")
    return tmp_path / "songs"


def made(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.vgm"))


@pytest.mark.parametrize("other", ["songs/a.tx1.txt", "./songs//a.tx1.txt", "songs/../songs/a.tx1.txt", "songs", "{}"])
def test_a_song_that_is_given_twice_is_taken_once(run, songs, other):
    again = other.format(songs / "a.tx1.txt")
    result = run("convert", "songs/a.tx1.txt", again, "--to", "vgm", "-o", "out/")
    assert result.exit_code == 0, result.output
    assert made("out") == (["a.vgm", "deep/b.vgm"] if other == "songs" else ["a.vgm"])
    Path("list").write_text(f"songs/a.tx1.txt\n{again}\n" if other != "songs" else "songs/a.tx1.txt\nsongs/a.tx1.txt\n")
    result = run("render", "--files", "list", "songs/a.tx1.txt", "-o", "sound/", "--rate", 11025)
    assert result.exit_code == 0, result.output
    assert [path.as_posix() for path in Path("sound").rglob("*.wav")] == ["sound/songs/a.wav"]


def test_a_folder_or_an_archive_that_is_given_twice_is_taken_once(run, songs):
    assert run("convert", "songs", "./songs", "--to", "vgm", "-o", "folder/").exit_code == 0
    assert made("folder") == ["a.vgm", "deep/b.vgm"]
    with tarfile.open("songs.tar", "w") as tar:
        tar.add("songs")
    result = run("convert", "songs.tar", songs.parent / "songs.tar", "--to", "vgm", "-o", "tar/")
    assert result.exit_code == 0, result.output
    assert made("tar") == ["songs/a.vgm", "songs/deep/b.vgm"]


def test_a_path_through_a_link_is_another_file(run, songs):
    (songs.parent / "elsewhere" / "in").mkdir(parents=True)
    (songs.parent / "elsewhere" / "a.tx1.txt").write_bytes((songs / "a.tx1.txt").read_bytes())
    Path("songs/link").symlink_to(songs.parent / "elsewhere" / "in")
    Path("list").write_text("songs/a.tx1.txt\nsongs/link/../a.tx1.txt\n")
    assert run("convert", "--files", "list", "--to", "vgm", "-o", "out/").exit_code == 0
    assert made("out") == ["songs/a.vgm", "songs/link/a.vgm"]


def test_two_songs_of_one_name_are_told_how_they_stay_apart(run, songs):
    (songs / "deep" / "a.tx1.txt").write_bytes((songs / "a.tx1.txt").read_bytes())
    result = run("convert", "songs/a.tx1.txt", "songs/deep/a.tx1.txt", "--to", "vgm", "-o", "out/")
    assert result.exit_code == 1
    assert "the folder above both" in result.stderr
    assert "--from" not in result.stderr
    assert run("convert", "songs", "--to", "vgm", "-o", "out/").exit_code == 0


def test_an_entry_that_is_twice_in_an_archive_is_told_and_the_others_are_converted(run, songs):
    with tarfile.open("twice.tar", "w") as tar:
        for name in ("a.tx1.txt", "deep/b.mid"):
            entry = tar.gettarinfo(songs / name)
            entry.name = "a.tx1.txt" if name == "a.tx1.txt" else "b.mid"
            for _ in range(2 if name == "a.tx1.txt" else 1):
                with (songs / name).open("rb") as file:
                    tar.addfile(entry, file)
    result = run("convert", "twice.tar", "--to", "vgm", "-o", "out/")
    assert result.exit_code == 1
    assert "twice.tar: a.tx1.txt: is in the archive twice; the first was taken" in result.stderr
    assert made("out") == ["a.vgm", "b.vgm"]


def test_several_songs_do_not_make_a_folder_with_the_name_of_a_file(run, songs):
    result = run("render", "songs/a.tx1.txt", "songs/deep/b.mid", "-o", "both.wav")
    assert result.exit_code == 2
    assert "both.wav is the name of a file, but several inputs need a folder: both.wav/" in result.output.replace(
        "\n", " "
    )
    assert not Path("both.wav").exists()
