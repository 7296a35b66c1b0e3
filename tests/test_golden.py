"""The whole program against what the original programs made of the same songs."""

import csv
import gzip
import hashlib
import io
import json
import shutil

import pytest
import soundfile
from click.testing import CliRunner

import lakhnes
from audio_distance import audio_distance
from lakhnes.cli import cli

LAWNMOWER = "202_LawnMower"
TITLE, CLEAR, FUEL = (f"{LAWNMOWER}_{name}" for name in ("00_01Title", "02_03LevelClear", "03_04OutofFuel"))


@pytest.fixture(scope="module")
def corpus(shared, tmp_path_factory):
    """NES-MDB as texts, made once: what the command said, and the folder (377 MB, deleted after the tests)."""
    folder = tmp_path_factory.mktemp("nesmdb") / "corpus"
    archive = shared / "data" / "nesmdb_midi_train_valid.tar.xz"
    result = CliRunner().invoke(cli, ["data", "nesmdb", str(archive), str(folder), "--json"])
    yield result, folder
    shutil.rmtree(folder.parent)


def test_all_songs_of_nesmdb_become_the_texts_of_the_original(corpus, shared):
    result, folder = corpus
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["songs"] == {"train": 4502, "valid": 403}
    assert report["events"] == {"tx1": 9_032_319, "tx2": 27_208_567}
    assert report["failed"] == []
    with (shared / "golden" / "nesmdb_tx.sha256.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 4905
    wrong = [
        f"{row['split']}/{row['name']}.{form}.txt"
        for row in rows
        for form in ("tx1", "tx2")
        if sha256(folder / row["split"] / f"{row['name']}.{form}.txt") != row[f"{form}_sha256"]
    ]
    assert wrong == []


def test_songs_of_nesmdb_are_rendered_without_failure(corpus, run, tmp_path):
    _, folder = corpus
    songs = sorted(folder.glob("*/*.tx2.txt"))[::10]
    assert len(songs) == 491
    result = run("render", *songs, "-o", tmp_path, "--json", "--rate", "8000")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert len(report["files"]) == 491
    assert report["failed"] == []
    for path in tmp_path.iterdir():
        assert path.stat().st_size > 44
        path.unlink()


def test_midi_reduced_to_24_hz_is_the_published_scores_of_24_hz(run, shared, tmp_path):
    data = shared / "data"
    midi, scores = data / "nesmdb_midi_train_valid.tar.xz", data / "nesmdb24_exprsco_valid.tar.xz"
    assert run("data", "nesmdb", midi, tmp_path / "midi", "--to", "tx1", "--score-rate", 24).exit_code == 0
    assert run("data", "nesmdb", scores, tmp_path / "scores", "--to", "tx1").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "scores" / "valid").iterdir())
    assert len(names) == 403
    for name in names:
        assert (tmp_path / "midi" / "valid" / name).read_bytes() == (tmp_path / "scores" / "valid" / name).read_bytes()


def test_expressive_scores_of_nesmdb_are_read(run, shared, tmp_path):
    archive = shared / "data" / "nesmdb24_exprsco_valid.tar.xz"
    result = run("data", "nesmdb", archive, tmp_path / "corpus", "--to", "tx2", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["songs"] == {"valid": 403}
    assert report["failed"] == []


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("reference", "source", "downsample"),
    [
        (f"{TITLE}.simp", f"{TITLE}.simp.vgm", None),
        (f"{TITLE}.tx1_full", f"{TITLE}.tx1.txt", None),
        (f"{CLEAR}.simp", f"{CLEAR}.simp.vgm", None),
        (f"{CLEAR}.midi_full", f"{CLEAR}.mid", None),
        (f"{CLEAR}.midi100", f"{CLEAR}.mid", 100),
        (f"{CLEAR}.tx1_full", f"{CLEAR}.tx1.txt", None),
        (f"{FUEL}.simp", f"{FUEL}.simp.vgm", None),
        (f"{FUEL}.midi_full", f"{FUEL}.mid", None),
        (f"{FUEL}.midi100", f"{FUEL}.mid", 100),
        (f"{FUEL}.tx1_full", f"{FUEL}.tx1.txt", None),
    ],
)
def test_songs_sound_as_the_original_player_played_them(run, shared, tmp_path, reference, source, downsample):
    lawnmower = shared / "golden" / "lawnmower"
    options = [] if downsample is None else ["--downsample", downsample]
    result = run("render", lawnmower / source, "-o", tmp_path / "ours.wav", "--filter", "none", "--loops", 1, *options)
    assert result.exit_code == 0, result.stderr
    ours, _ = soundfile.read(tmp_path / "ours.wav")
    theirs, _ = soundfile.read(io.BytesIO(gzip.decompress((lawnmower / f"{reference}.wav.gz").read_bytes())))
    assert abs(len(ours) - len(theirs)) <= 1
    distance = audio_distance(ours, theirs[:, 0])
    print(f"{reference}: {distance:.3f}")
    assert distance < 1.0


def test_the_distance_tells_songs_apart(song):
    """The measure itself, on songs of our own: nothing to itself and to a quieter copy, much to another song."""
    sound = lakhnes.render(song, filter="none")
    assert audio_distance(sound, sound) == 0
    assert audio_distance(sound, 0.25 * sound + 0.1) < 1e-6
    other = lakhnes.Song.from_tx1(
        song.to_tx1().replace("P1_NOTEON_72", "P1_NOTEON_67").replace("NO_NOTEON_12", "NO_NOTEON_4")
    )
    assert audio_distance(sound, lakhnes.render(other, filter="none")) > 1.0
