"""Archives and folders of NES-MDB as corpora."""

import json
import tarfile

import numpy as np
import pytest

import lakhnes
from conftest import TX1
from music_files import archive_of, digest, files_below


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w"])
def test_an_archive_of_midi_is_converted_to_both_texts(run, tmp_path, song, mode):
    members = {"db/train/a.mid": song.to_midi(), "db/valid/b.mid": song.to_midi(), "db/readme.txt": b"hello"}
    result = run("data", "nesmdb", archive_of(tmp_path / "db.tar", members, mode), tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["songs"] == {"train": 1, "valid": 1}
    assert report["events"] == {"tx1": 2 * (TX1.count("\n") + 1), "tx2": 2 * (song.to_tx2().count("\n") + 1)}
    names = ["train/a.tx1.txt", "train/a.tx2.txt", "valid/b.tx1.txt", "valid/b.tx2.txt"]
    assert files_below(tmp_path / "out") == names
    assert (tmp_path / "out" / names[0]).read_text() == TX1
    assert (tmp_path / "out" / names[3]).read_text() == song.to_tx2()


def test_a_folder_of_another_form_is_converted(run, tmp_path, song):
    (tmp_path / "db" / "test").mkdir(parents=True)
    lakhnes.write(song, tmp_path / "db" / "test" / "a.tx2.txt")
    result = run("data", "nesmdb", tmp_path / "db", tmp_path / "out", "--to", "tx1")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'out'}\n")
    assert files_below(tmp_path / "out") == ["test/a.tx1.txt"]


def test_shards_are_written_beside_the_texts_when_asked_for(run, tmp_path, song):
    source = archive_of(tmp_path / "db.tar.gz", {"db/train/a.mid": song.to_midi()}, "w:gz")
    result = run("data", "nesmdb", source, tmp_path / "corpus", "--shards")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "corpus" / "train").iterdir()}
    assert {"a.tx1.txt", "tx1.json", "tx1-00000.events.npy", "tx2-00000.offsets.npy", "tx2.names.txt"} <= names


def test_no_path_of_an_archive_leads_out_of_the_target(run, tmp_path, song):
    midi = song.to_midi()
    names = ["../../train/up.mid", "/train/root.mid", "train/../../../valid/x.mid", "train/..\\..\\w.mid", "train/.mid"]
    archive = archive_of(tmp_path / "db.tar", dict.fromkeys(names, midi))
    with tarfile.open(tmp_path / "links.tar", "w") as file:
        link = tarfile.TarInfo("train/link.mid")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    before = {path.name for path in tmp_path.iterdir()}
    assert run("data", "nesmdb", archive, tmp_path / "out").exit_code == 0
    assert files_below(tmp_path / "out") == [
        f"{split}/{name}.{form}.txt"
        for split, name in [("train", "root"), ("train", "up"), ("valid", "x")]
        for form in ("tx1", "tx2")
    ]
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}
    linked = run("data", "nesmdb", tmp_path / "links.tar", tmp_path / "links")
    assert linked.exit_code == 1
    assert "no songs in folders named train, valid, test" in linked.stderr


def test_a_bad_song_is_reported_and_the_others_written(run, tmp_path, song):
    members = {"t/train/good.mid": song.to_midi(), "t/train/bad.mid": b"MThd", "t/train/good.midi": song.to_midi()}
    result = run("data", "nesmdb", archive_of(tmp_path / "db.tar", members), tmp_path / "out", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert sorted(failure["path"] for failure in report["failed"]) == ["t/train/bad.mid", "t/train/good.midi"]
    assert "t/train/bad.mid: byte" in result.stderr
    assert "a second song of this name" in result.stderr
    assert files_below(tmp_path / "out") == ["train/good.tx1.txt", "train/good.tx2.txt"]


def test_a_folder_that_holds_something_is_written_to_only_by_force(run, tmp_path, song):
    archive = archive_of(tmp_path / "db.tar", {"db/train/a.mid": song.to_midi()})
    target = tmp_path / "out"
    (target / "train").mkdir(parents=True)
    (target / "train" / "mine.tx1.txt").write_text(TX1)
    refused = run("data", "nesmdb", archive, target)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert files_below(target) == ["train/mine.tx1.txt"]
    assert run("data", "nesmdb", archive, target, "--force").exit_code == 0
    assert files_below(target) == ["train/a.tx1.txt", "train/a.tx2.txt", "train/mine.tx1.txt"]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_the_number_of_jobs_changes_nothing(run, tmp_path, song):
    members = {f"db/train/{index}.mid": song.to_midi() for index in range(300)}
    archive = archive_of(tmp_path / "db.tar", members)
    for jobs in (1, 4):
        assert run("data", "nesmdb", archive, tmp_path / f"out{jobs}", "--jobs", jobs, "-q").exit_code == 0
    assert len(files_below(tmp_path / "out1")) == 600
    assert digest(tmp_path / "out1") == digest(tmp_path / "out4")


def test_songs_are_reduced_to_the_frames_of_a_score_when_asked_for(run, tmp_path, song):
    archive = archive_of(tmp_path / "db.tar", {"db/valid/a.mid": song.to_midi()})
    lakhnes.write(song, tmp_path / "a.exprsco.npz")  # which has 24 frames a second
    score = lakhnes.read(tmp_path / "a.exprsco.npz")
    assert run("data", "nesmdb", archive, tmp_path / "out", "--score-rate", 24).exit_code == 0
    for dialect, text in (("tx1", score.to_tx1()), ("tx2", score.to_tx2())):
        assert (tmp_path / "out" / "valid" / f"a.{dialect}.txt").read_text() == text
    reduced = lakhnes.read(tmp_path / "out" / "valid" / "a.tx1.txt")
    starts = np.concatenate([notes[:, 0] for notes in reduced.voices.values()])
    frame = 44_100 / 24
    assert np.abs(starts - np.round(starts / frame) * frame).max() <= 1
    assert reduced.to_tx1() != TX1


def test_a_score_rate_that_no_score_has_is_refused(run, tmp_path, song):
    archive = archive_of(tmp_path / "db.tar", {"db/train/a.mid": song.to_midi()})
    result = run("data", "nesmdb", archive, tmp_path / "out", "--score-rate", 1e9)
    assert result.exit_code == 2
    assert "'--score-rate': 1000000000.0 is not in the range" in result.stderr
    assert not (tmp_path / "out").exists()
