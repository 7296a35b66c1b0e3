"""Collections of MIDI files as corpora."""

import json

import pytest
from mido import Message, MidiFile, MidiTrack

import lakhnes
from lakhnes.data.adapt import REPORT, adapt
from lakhnes.data.corpus import Corpus
from lakhnes.data.folder import prepare
from lakhnes.data.melodies import index_melodies
from music_files import collection, digest, files_below, melody


def lines(folder):
    return {line["path"]: line for line in map(json.loads, (folder / REPORT).read_text().splitlines())}


def test_a_folder_of_midi_becomes_a_corpus_that_training_reads(run, tmp_path):
    source = collection(tmp_path / "midis", range(10))
    collection(source / "more", [3, 20])
    (source / "more" / "tune 20.mid").rename(source / "more" / "LOUD.MIDI")
    (source / "broken.mid").write_bytes(b"MThd")
    (source / "notes.txt").write_text("no song")
    result = run("data", "adapt", source, tmp_path / "out", "--json", "--valid", 0.2, "--test", 0.1)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["files"], report["used"]) == (13, 11)
    assert report["dropped_files"] == {"unreadable": 1, "copy of another file": 1}
    assert report["failed"][0]["path"] == "broken.mid"
    assert report["failed"][0]["error"].startswith("broken.mid: unreadable: byte ")
    # P1 and TR of a file on two of three voices: six songs a file.
    assert report["songs"] == {"train": 48, "valid": 12, "test": 6}
    vocabulary = lakhnes.Vocabulary.tx1()
    loaded = {split: Corpus.load(tmp_path / "out", split, vocabulary) for split in report["songs"]}
    assert {split: len(songs) for split, songs in loaded.items()} == report["songs"]
    events = sum(len(songs.song(index)) for songs in loaded.values() for index in range(len(songs)))
    assert events == report["events"]["tx1"]
    assert report["hours"] == pytest.approx(66 * (60 * 9_500 + 100) / 44_100 / 3_600, rel=1e-3)
    told = lines(tmp_path / "out")
    assert told["more/LOUD.MIDI"]["name"] == "LOUD"
    assert told["tune 3.mid"]["reason"] == "copy of another file"
    kept = told["more/tune 3.mid"]
    assert (kept["songs"], kept["name"]) == (6, "tune_3")
    assert (tmp_path / "out" / kept["split"] / "tune_3_005.tx2.txt").is_file()


def piano(folder, count=6):
    """Write piano pieces: two hands on one track, chords under a tune whose notes overlap."""
    folder.mkdir()
    for number in range(count):
        messages = [Message("program_change", program=0)]
        for beat in range(24):
            chord = [48 + (5 * number + 7 * beat) % 12 + step for step in (0, 4, 7)]
            tune = 72 + (3 * number + beat * beat) % 12
            messages += [Message("note_on", note=pitch, velocity=70) for pitch in (*chord, tune)]
            messages += [Message("note_off", note=tune, time=700)]
            messages += [
                Message("note_off", note=chord[0], time=260),
                *(Message("note_off", note=n) for n in chord[1:]),
            ]
        file = MidiFile(type=0, tracks=[MidiTrack(messages)])
        file.save(folder / f"piece {number}.mid")
    return folder


def test_a_folder_of_piano_pieces_gives_songs_or_the_error_names_the_options_that_do(run, tmp_path):
    source = piano(tmp_path / "piano")
    result = run("data", "adapt", source, tmp_path / "out")
    assert result.exit_code == 1
    assert "6 too few monophonic instruments); --arrange makes a song of such a file, --overlap 30" in result.stderr
    assert not (tmp_path / "out").exists()
    result = run("data", "adapt", source, tmp_path / "out", "--arrange", "--json", "--valid", 0.2, "--to", "tx1,tx3")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["used"], report["arranged"], sum(report["songs"].values())) == (6, 6, 6)
    assert all(line["arranged"] and not line["dropped_instruments"] for line in lines(tmp_path / "out").values())
    song = lakhnes.read(next((tmp_path / "out" / "train").glob("piece_*_000.tx1.txt")))
    played = {voice: len(notes) for voice, notes in song.voices.items()}
    assert played["p1"] == 24  # the tune, by skyline
    assert played["tr"] == 24
    assert song.voices["p1"][0][0] == 0


def test_pieces_that_are_not_arranged_are_told_beside_those_that_give_songs(run, tmp_path):
    source = piano(tmp_path / "piano", 1)
    (source / "tune.mid").write_bytes(melody(2))
    result = run("data", "adapt", source, tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "of files left out: --arrange makes a song of such a file" in result.stderr


def test_training_takes_a_folder_of_piano_pieces(tmp_path):
    told = []
    folder = prepare(piano(tmp_path / "piano"), tmp_path / "corpus", lakhnes.Vocabulary("tx3"), note=told.append)
    assert len(Corpus.load(folder, "train", lakhnes.Vocabulary("tx3"))) >= 4
    assert "6 of 6 MIDI files give 6 songs, 6 of them arranged" in told[0]


def test_the_summary_counts_songs_and_reasons(run, tmp_path):
    source = collection(tmp_path / "midis", range(3))
    (source / "short.mid").write_bytes(lakhnes.Song.from_tx1("P1_NOTEON_60\nWT_900\nP1_NOTEOFF").to_midi())
    result = run("data", "adapt", source, tmp_path / "out")
    assert result.stdout == f"{tmp_path / 'out'}\n"
    assert "18 songs (12 train, 6 valid), 0.1 hours, of 3 of 4 files" in result.stderr
    assert "files left out: 1 too short" in result.stderr


def test_the_same_seed_gives_the_same_bytes_with_any_jobs(run, tmp_path):
    source = collection(tmp_path / "midis", range(30))
    for index, options in enumerate([("--jobs", 1), ("--jobs", 3), ("--seed", 1)]):
        assert run("data", "adapt", source, tmp_path / f"{index}", "-q", *options).exit_code == 0
    first, second, third = (digest(tmp_path / f"{index}") for index in range(3))
    assert first == second != third


def test_a_file_gives_the_same_songs_in_any_collection(tmp_path):
    adapt(collection(tmp_path / "few", [5]), tmp_path / "a", valid=0)
    adapt(collection(tmp_path / "many", range(9)), tmp_path / "b", valid=0)
    for number in range(6):
        name = f"train/tune_5_{number:03}.tx2.txt"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_versions_of_held_out_songs_are_left_out_in_any_key_and_tempo(run, tmp_path):
    source = collection(tmp_path / "midis", range(4))
    held_out = tmp_path / "held" / "valid"
    held_out.mkdir(parents=True)
    lakhnes.write(lakhnes.Song.from_midi(melody(2, transpose=7, wait=5_555)), held_out / "other.tx1.txt")
    lakhnes.write(lakhnes.Song.from_midi(melody(77)), held_out / "else.mid")
    result = run("data", "adapt", source, tmp_path / "out", "--exclude-like", tmp_path / "held", "--json")
    report = json.loads(result.stdout)
    assert report["dropped_files"] == {"like a held-out song": 1}
    dropped = lines(tmp_path / "out")["tune 2.mid"]
    assert dropped["like"] == str(held_out / "other.tx1.txt")
    assert dropped["share"] > 0.9


def test_versions_of_one_song_stay_in_one_split(tmp_path):
    source = collection(tmp_path / "midis", range(12))
    for seed in range(12):
        (source / f"again {seed}.mid").write_bytes(melody(seed, transpose=3, wait=7_000))
    for seed in range(4):
        adapt(source, tmp_path / f"{seed}", seed=seed, valid=0.25, to=["tx1"])
        told = lines(tmp_path / f"{seed}")
        assert sum(line["split"] == "valid" for line in told.values()) == 6
        for index in range(12):
            assert told[f"tune {index}.mid"]["split"] == told[f"again {index}.mid"]["split"]


def test_overlaps_are_cut_off_only_on_request(run, tmp_path, song):
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    part = pretty_midi.Instrument(0)
    part.notes = [pretty_midi.Note(90, 60 + beat % 5, beat, beat + 1.02) for beat in range(20)]
    midi.instruments.append(part)
    (tmp_path / "midis").mkdir()
    midi.write(str(tmp_path / "midis" / "legato.mid"))
    strict = run("data", "adapt", tmp_path / "midis", tmp_path / "strict")
    assert strict.exit_code == 1
    assert "none of the 1 MIDI files gives a song (1 too few monophonic instruments)" in strict.stderr
    assert not (tmp_path / "strict").exists()
    trimmed = run("data", "adapt", tmp_path / "midis", tmp_path / "out", "--overlap", 30, "--json", "--to", "tx1")
    report = json.loads(trimmed.stdout)
    assert (report["trimmed"], report["songs"], list(report["events"])) == (19, {"train": 3}, ["tx1"])


def test_shards_are_written_beside_the_texts_on_request(run, tmp_path):
    source = collection(tmp_path / "midis", range(3))
    result = run("data", "adapt", source, tmp_path / "out", "--to", "tx1", "--shards")
    assert result.exit_code == 0, result.stderr
    assert "train: shards of 12 songs" in result.stderr


def test_a_folder_that_holds_something_is_written_to_only_by_force(run, tmp_path):
    source = collection(tmp_path / "midis", range(2))
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    refused = run("data", "adapt", source, target)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert files_below(target) == ["mine.txt"]
    assert run("data", "adapt", source, target, "--force").exit_code == 0
    assert (target / "mine.txt").read_text() == "mine"
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 1, "nowhere: there is no such file or folder"),
        (["empty"], 1, "empty: no MIDI files (.mid, .midi) in it"),
        (["midis", "--exclude-like", "empty"], 1, "empty: no song there"),
        (["midis", "--to", "tx4"], 2, "'tx4' is not one of tx1, tx2, tx3"),
        (["midis", "--valid", 0.8, "--test", 0.3], 2, "more than 1 together"),
        (["midis", "--exclude-like", "nowhere"], 1, "nowhere: there is no such file or folder"),
        (["midis", "--exclude-like", "midis/broken.mid"], 1, "midis/broken.mid: byte "),
    ],
)
def test_mistakes_give_one_line(run, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    collection(tmp_path / "midis", range(2))
    (tmp_path / "midis" / "broken.mid").write_bytes(b"MThd")
    result = run("data", "adapt", *arguments[:1], "out", *arguments[1:])
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_one_song_of_several_formats_is_indexed_once(tmp_path, song):
    for suffix in ("tx1.txt", "tx2.txt", "mid"):
        lakhnes.write(song, tmp_path / f"a.{suffix}")
    names, index = index_melodies([tmp_path])
    assert (names, len(index)) == ([str(tmp_path / "a.mid")], 1)
    assert index.find(tmp_path / "a.tx1.txt", "tx1") is None  # too short to tell


def test_a_song_is_found_among_others(tmp_path):
    source = collection(tmp_path / "midis", range(5))
    names, index = index_melodies([source])
    (tmp_path / "again.mid").write_bytes(melody(3, transpose=-4))
    number, share = index.find(tmp_path / "again.mid", "mid")
    assert names[number] == str(source / "tune 3.mid")
    assert 0.9 < share <= 1
