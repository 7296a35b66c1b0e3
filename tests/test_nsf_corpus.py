"""Collections of NSF files as corpora."""

import json
import os
import tarfile
from pathlib import Path

import pytest

import lakhnes
from lakhnes.data.corpus import Corpus
from lakhnes.data.nsf import REPORT, convert_nsf
from music_files import archive_of, digest, files_below
from nsf_files import album, endless, matched, program, tune


def lines(folder):
    told = map(json.loads, (folder / REPORT).read_text().splitlines())
    return {(line["path"].rpartition("/")[2], line["track"]): line for line in told}


def make_collection(folder, games=8):
    """Make files of three tracks each, of which no two are alike."""
    folder.mkdir()
    for game in range(games):
        seeds = [100 * game + index for index in range(3)]
        (folder / f"Game {game}.nsf").write_bytes(album(seeds, title=f"Game {game}"))
    return folder


def test_a_collection_becomes_a_corpus_that_training_reads(run, tmp_path):
    source = make_collection(tmp_path / "set")
    result = run("data", "nsf", source, tmp_path / "out", "--valid", 0.25, "--test", 0.125, "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["files"], report["songs"]) == (8, {"train": 15, "valid": 6, "test": 3})
    told = lines(tmp_path / "out")
    assert len(told) == 24
    for game in range(8):
        assert len({told[f"Game {game}.nsf", track]["split"] for track in (1, 2, 3)}) == 1
    line = told["Game 5.nsf", 2]
    assert (line["name"], line["title"]) == ("Game_5-02-Tune_501", "Tune 501")
    text = (tmp_path / "out" / line["split"] / f"{line['name']}.tx1.txt").read_text()
    near, events = matched(tune(501).to_tx1(), text)
    assert near >= 0.99 * events
    vocabulary = lakhnes.Vocabulary.tx2()
    loaded = {split: Corpus.load(tmp_path / "out", split, vocabulary) for split in report["songs"]}
    assert {split: len(songs) for split, songs in loaded.items()} == report["songs"]
    assert report["hours"] == pytest.approx(sum(line["seconds"] for line in told.values()) / 3_600, rel=1e-3)


def test_only_the_texts_that_are_asked_for_are_written(run, tmp_path):
    source = make_collection(tmp_path / "set", 1)
    result = run("data", "nsf", source, tmp_path / "out", "--to", "tx3", "--shards")
    assert result.exit_code == 0, result.stderr
    names = files_below(tmp_path / "out")
    texts = [name for name in names if name.endswith(".txt") and not name.endswith("names.txt")]
    assert texts == [f"train/Game_0-{track:02}-Tune_{track - 1}.tx3.txt" for track in (1, 2, 3)]
    assert "train/tx3.json" in names
    assert "3 songs (3 train)" in result.stderr


def test_copies_silence_effects_and_short_tracks_are_left_out_and_named(run, tmp_path):
    source = make_collection(tmp_path / "set", 2)
    (source / "same bytes.nsf").write_bytes((source / "Game 1.nsf").read_bytes())
    (source / "same song.nsf").write_bytes(tune(101).perform().to_nsf(timing="frame"))
    (source / "silence.nsf").write_bytes(program([0x60, *[0xEA] * 0x1F, 0x60]))
    data = album([900, 901], "nsfe")
    (source / "effects.nsfe").write_bytes(data[:-8] + (1).to_bytes(4, "little") + b"psfx\x01" + data[-8:])
    (source / "short.nsf").write_bytes(tune(950, notes=2).perform().to_nsf())
    (source / "bad.nsf").write_bytes(b"NESM\x1a")
    result = run("data", "nsf", source, tmp_path / "out", "--valid", 0, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    dropped = {"copy of another song": 4, "silent": 1, "sound effect": 1, "too short": 1}
    assert (report["dropped"], report["songs"]) == (dropped, {"train": 7})
    assert [failure["path"].rpartition("/")[2] for failure in report["failed"]] == ["bad.nsf"]
    told = lines(tmp_path / "out")
    assert told["effects.nsfe", 2]["reason"] == "sound effect"
    assert told["same song.nsf", 1]["reason"] == "copy of another song"
    written = [name for name in files_below(tmp_path / "out") if name.endswith("tx1.txt")]
    assert sorted(line["name"] for line in told.values() if "name" in line) == [
        Path(name).name[:-8] for name in written
    ]
    both = convert_nsf(source, tmp_path / "all", valid=0, effects=True, min_seconds=0)
    assert both.songs == {"train": 9}


def test_games_that_share_a_song_stay_in_one_split(tmp_path):
    source = make_collection(tmp_path / "set", 6)
    for game in range(6):  # another version of each: one song more
        (source / f"Game {game} (J).nsf").write_bytes(album([100 * game, 100 * game + 50]))
    convert_nsf(source, tmp_path / "out", valid=0.3, test=0.2)
    told = lines(tmp_path / "out")
    for game in range(6):
        lines_of = [line for (path, _), line in told.items() if path.startswith(f"Game {game}")]
        assert [line.get("reason") for line in lines_of].count("copy of another song") == 1
        assert len({line["split"] for line in lines_of if "split" in line}) == 1
    assert {line["split"] for line in told.values() if "split" in line} == {"train", "valid", "test"}


@pytest.mark.timeout(60)
def test_a_file_that_holds_a_song_twice_is_read_once_and_ends(tmp_path):
    (tmp_path / "set").mkdir()
    for game in range(3):
        (tmp_path / "set" / f"{game}.nsf").write_bytes(album([game, game, 50 + game]))
    report = convert_nsf(tmp_path / "set", tmp_path / "out", valid=0.3)
    assert sum(report.songs.values()) == 6


def test_games_that_share_songs_with_a_third_stay_in_its_split_too(tmp_path):
    (tmp_path / "set").mkdir()
    for name, seeds in (("a", [1, 10]), ("b", [2, 20]), ("c", [2, 1, 30]), ("d", [4, 40]), ("e", [5, 50])):
        (tmp_path / "set" / f"{name}.nsf").write_bytes(album(seeds))
    for seed in range(6):
        convert_nsf(tmp_path / "set", tmp_path / f"out{seed}", valid=0.4, seed=seed)
        told = lines(tmp_path / f"out{seed}")
        assert len({told[f"{name}.nsf", 2]["split"] for name in "ab"} | {told["c.nsf", 3]["split"]}) == 1


def test_versions_of_held_out_songs_are_left_out(tmp_path):
    source = tmp_path / "set"
    source.mkdir()
    for seed in range(4):
        (source / f"{seed}.nsf").write_bytes(tune(seed, notes=60).perform().to_nsf())
    held_out = tmp_path / "held"
    held_out.mkdir()
    lakhnes.write(tune(2, notes=60), held_out / "mine.mid")
    report = convert_nsf(source, tmp_path / "out", valid=0, exclude_like=[held_out])
    assert report.dropped == {"like a held-out song": 1}
    assert lines(tmp_path / "out")["2.nsf", 1]["reason"] == "like a held-out song"
    assert sum(report.songs.values()) == 3


def test_a_track_that_does_not_end_is_cut_off(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "endless.nsf").write_bytes(endless())
    report = convert_nsf(tmp_path / "set", tmp_path / "out", valid=0, max_duration=3)
    assert report.seconds["train"] == pytest.approx(3, abs=0.1)


def test_an_archive_and_any_number_of_jobs_give_the_same_bytes(run, tmp_path):
    source = make_collection(tmp_path / "set", 4)
    members = {f"set/{path.name}": path.read_bytes() for path in sorted(source.iterdir())}
    packed = archive_of(tmp_path / "set.tar.xz", members)
    for name, given, jobs in (("one", source, 1), ("three", source, 3), ("packed", packed, 2)):
        assert run("data", "nsf", given, tmp_path / name, "--jobs", jobs, "-q").exit_code == 0
    assert digest(tmp_path / "one") == digest(tmp_path / "three") == digest(tmp_path / "packed")


def test_what_is_no_collection_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "set").mkdir()
    result = run("data", "nsf", tmp_path / "set", tmp_path / "out")
    assert (result.exit_code, "no NSF files (.nsf, .nsfe) in it" in result.stderr) == (1, True)
    (tmp_path / "set" / "silence.nsf").write_bytes(program([0x60, *[0xEA] * 0x1F, 0x60]))
    result = run("data", "nsf", tmp_path / "set", tmp_path / "out")
    assert (result.exit_code, "no track of the 1 NSF files is a song (1 silent)" in result.stderr) == (1, True)
    assert run("data", "nsf", tmp_path / "set", tmp_path / "out", "--valid", 0.7, "--test", 0.7).exit_code == 2
    assert not (tmp_path / "out").exists()


def test_fifty_songs_of_nesmdb_come_back_from_their_nsf_files(shared, tmp_path):
    archive = Path(os.environ.get("LAKHNES_NESMDB", shared / "data" / "nesmdb_midi_train_valid.tar.xz"))
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    source = tmp_path / "set"
    source.mkdir()
    songs = {}
    with tarfile.open(archive) as file:
        for member in file:
            if "/valid/" in member.name and member.isfile() and (data := file.extractfile(member)):
                songs[Path(member.name).stem] = data.read()
    names = sorted(songs)[:: len(songs) // 50][:50]
    for name in names:
        (source / f"{name}.nsf").write_bytes(lakhnes.Song.from_midi(songs[name]).perform().to_nsf())
    report = convert_nsf(source, tmp_path / "out", to=["tx1"], valid=0, min_seconds=0)
    assert (report.songs, report.dropped) == ({"train": 50}, {})
    near = events = 0
    for name in names:
        text = (tmp_path / "out" / "train" / f"{name}.tx1.txt").read_text()
        one, both = matched(lakhnes.Song.from_midi(songs[name]).to_tx1(), text)
        near, events = near + one, events + both
    assert near >= 0.99 * events, (near, events)
