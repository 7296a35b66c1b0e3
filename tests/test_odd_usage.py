"""Odd songs and options at the ends of their ranges: what cannot be done is refused in a line, with the name."""

import os
import shutil
import sys
from pathlib import Path

import pytest

import lakhnes
from conftest import TX1

SONGS = {
    "a.tx1.txt": TX1,
    "empty.tx1.txt": "",
    "wait.tx1.txt": "WT_100\n",
    "no time.tx1.txt": "P1_NOTEON_60\nP1_NOTEOFF\n",
    "drums.tx1.txt": "NO_NOTEON_1\nWT_44100\nNO_NOTEOFF\n",
}

REFUSED = [
    # Songs of which nothing can be made.
    (1, "convert no~time.tx1.txt -o x.tx2.txt", "no time.tx1.txt: expected a song of some length for an event text"),
    (1, "convert no~time.tx1.txt -o x/ --to tx1", "no time.tx1.txt: expected a song of some length for an event text"),
    (1, "tokenize empty.tx1.txt -o x.npz", "empty.tx1.txt: expected events, one a line, found an empty text"),
    (1, "infill no~time.tx1.txt --voices p1 -o x", "no time.tx1.txt: expected a song of some length, found one of 0 s"),
    (1, "accompany wait.tx1.txt -o x", "wait.tx1.txt: expected notes of p1, p2, tr whose pitches are chosen, found"),
    (1, "accompany drums.tx1.txt -o x", "drums.tx1.txt: expected notes of p1, p2, tr whose pitches are chosen, found"),
    # Folders that are missing, or hold too little.
    (1, "data shard none", "none: no such folder"),
    (1, "data compare songs songs", "songs: 1 songs, expected at least 10 to compare"),
    # Options beyond their ranges, or given twice.
    (2, "generate --form AB1 -o x", "form is 'AB1', expected 1 to 64 letters"),
    (2, f"generate --form {'A' * 5_000} -o x", f"form is '{'A' * 39}…, expected 1 to 64 letters"),
    (2, f"generate --seed {2**64} -o x", "expected a number of at most 18,446,744,073,709,551,615"),
    (2, f"generate --seed {2**64 - 1} -n 2 -o x", "the last of 2 songs would be that of a seed above"),
    (2, "generate --density p1=high,p1=low -o x", "p1 is given twice"),
    (2, "generate --register tr=low,tr=low -o x", "tr is given twice"),
    (2, "infill songs/a.mid --arrange --part tr=99 --voices p1 -o x", "expected a channel of 1 to 16, or a name"),
    (2, "infill songs/a.mid --arrange --part tr=0 --voices p1 -o x", "expected a channel of 1 to 16, or a name"),
    (2, "convert songs/a.mid --arrange --part tr=1 --part tr=2 -o x.vgm", "tr is given twice"),
    (2, "generate -o x.mid", "x.mid is the name of a file, expected that of a folder; --format says what is written"),
    (2, "train songs -o x --processes 1000000", "'--processes': 1000000 is not in the range"),
    (1, f"checkpoint download NES --url http://[::1/x --sha256 {'0' * 64} -o .", "http://[::1/x: Invalid IPv6 URL"),
    (2, "data adapt songs x --min-seconds 1e9", "'--min-seconds': 1000000000.0 is not in the range"),
    (2, "data adapt songs x --max-seconds 1e9", "'--max-seconds': 1000000000.0 is not in the range"),
    (2, "data nesmdb songs x --score-rate 1e-300", "'--score-rate': 1e-300 is not in the range"),
    (2, "data adapt songs x --clip 1e9", "'--clip': 1000000000.0 is not in the range"),
    # Options of which one would be dropped.
    (2, "generate --form AB --seconds 5 -o x", "--form makes a song as long as its sections; --seconds does not go"),
    (2, "generate --form AB --min-length 5 -o x", "--form makes a song as long as its sections; --min-length does not"),
    (2, "generate --no-grammar --form AB -o x", "--no-grammar samples events in any order; --form does not go with it"),
    (2, "generate --no-grammar --loop -o x", "--no-grammar samples events in any order; --loop does not go with it"),
    (2, "generate --no-grammar --voices p1 -o x", "--no-grammar samples events in any order; --voices does not go"),
    # Archives that are read and not written.
    (2, "convert songs -o x.zip --to vgm", "x.zip: an archive that is written ends in .tar"),
    (2, "render songs -o x.tar.gz", "x.tar.gz: an archive that is written ends in .tar"),
    (2, "convert a.tx1.txt -o X.TAR.XZ --to vgm", "X.TAR.XZ: an archive that is written ends in .tar"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in SONGS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "a.mid").write_bytes(lakhnes.Song.from_tx1(TX1).to_midi())
    return tmp_path


@pytest.mark.parametrize(("code", "command", "told"), REFUSED, ids=[row[1][:60] for row in REFUSED])
def test_what_cannot_be_done_is_refused_in_a_line(run, place, code, command, told):
    before = sorted(path.name for path in place.rglob("*"))
    result = run(*(word.replace("~", " ") for word in command.split()))
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert len(lines[0]) < 300
    assert sorted(path.name for path in place.rglob("*")) == before


@pytest.mark.torch
def test_streams_that_processes_cannot_share_are_refused(run, place):
    result = run("train", "songs", "-o", "x", "--processes", 3, "--batch-size", 64)
    assert result.exit_code == 2
    assert "batch_size is 64, expected a multiple of the 3 processes" in result.stderr
    assert not (place / "x").exists()


@pytest.mark.parametrize("option", ["--top-p", "--typical-p"])
def test_a_share_that_is_nearly_none_leaves_the_most_likely_event(run, place, option):
    command = ("generate", "--length", 20, "--seed", 3, "--format", "tx3", "--repetition", 0, "--min-surprise", 0)
    assert run(*command, option, 1e-300, "-o", "one").exit_code == 0
    assert run(*command, option, 1e-30, "-o", "two").exit_code == 0
    assert (place / "one" / "0.tx3.txt").read_bytes() == (place / "two" / "0.tx3.txt").read_bytes()


def test_songs_of_no_length_fail_alone_where_a_text_is_to_hold_them(run, place):
    command = ("generate", "-n", 3, "--seed", 1, "--length", 4, "--min-length", 0, "--min-duration", 0)
    result = run(*command, "--min-voices", 0, "--format", "tx1", "-o", "x")
    assert result.exit_code == 1
    assert result.stderr.count("lasts 0 s, of which an event text has nothing to say") == 3
    assert not (place / "x").exists()


def test_where_nothing_is_scored_no_perplexity_is_printed(run, place):
    result = run("infill", "wait.tx1.txt", "--voices", "p1", "-o", "x", "--format", "tx1")
    assert result.exit_code == 0, result.output
    assert "nothing to score" in result.stderr
    assert "nan" not in result.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("eval bundled songs", "songs: no folder valid or test in it"),
        ("reproduce table2 songs -o x", "songs: no folder valid or test in it; expected one to measure"),
        ("reproduce table2 none -o x", "none: no folder valid or test in it; expected one to measure"),
        ("reproduce table2 db -o a.tx1.txt", "a.tx1.txt: is a file, expected a folder"),
        ("reproduce table2 db -o x --pretrain none", "none/train: no such folder; a corpus directory has a folder"),
        ("eval bundled-tx1 db --split test", "db/test: no such folder; a corpus directory has a folder"),
        ("eval bundled db --split valid", "db/valid/a.tx3.txt: line 2: expected a TX3 token"),
        ("train none -o x", "none: no such folder; expected a corpus, an archive of NES-MDB or a folder of MIDI files"),
        ("train a.tx1.txt -o x", "a.tx1.txt: expected a corpus directory, an archive of NES-MDB or a folder of MIDI f"),
        ("train nothing -o x", "nothing: neither a corpus (train/NAME.tx3.txt) nor MIDI files in it"),
        ("train cut -o x", "cut/train/tx3.json: not a manifest of shards"),
        ("finetune bundled cut -o x", "cut/train/tx3.json: not a manifest of shards"),
        ("train songs -o a.tx1.txt/x", "a.tx1.txt/x: not a directory"),
        ("train songs -o a.tx1.txt/x --processes 2", "a.tx1.txt/x: not a directory"),
        ("finetune bundled songs -o a.tx1.txt", "a.tx1.txt: is a file, expected a folder"),
        ("train short -o x --vocabulary tx1", "short/train: every song is too short; expected at least one of 10 even"),
        ("train db -o x --init none", "none: no such model; expected a directory"),
        ("train db -o x --layers 1 --init bundled", "bundled: a model of another shape than this run's; expected "),
        ("train broken -o x", "broken: none of its songs can be read; the first: broken/train/a.mid: "),
        ("finetune bundled nothing -o x", "nothing: neither a corpus (train/NAME.tx3.txt) nor MIDI files in it"),
    ],
)
def test_what_is_wrong_with_the_music_is_found_before_torch_is_loaded(run, place, monkeypatch, command, told):
    pytest.importorskip("torch")
    for module in ("lakhnes.model.network", "lakhnes.training.precision", "lakhnes.reproduction.runner"):
        monkeypatch.setitem(sys.modules, module, None)
    (place / "nothing").mkdir()
    (place / "cut" / "train").mkdir(parents=True)
    (place / "cut" / "train" / "tx3.json").write_bytes(b'{"format": ')
    for split in ("train", "valid"):
        (place / "db" / split).mkdir(parents=True)
        (place / "db" / split / "a.tx1.txt").write_text("P1_NOTEON_60\nWT_9")
        (place / "db" / split / "a.tx3.txt").write_text("P1_NOTEON_60\nWT_9")
    (place / "short" / "train").mkdir(parents=True)
    (place / "short" / "train" / "a.tx1.txt").write_text("P1_NOTEON_60\nWT_9")
    (place / "broken" / "train").mkdir(parents=True)
    (place / "broken" / "train" / "a.mid").write_bytes(b"MThd")
    result = run(*command.split())
    assert result.exit_code == 1, result.output
    assert result.stderr.splitlines()[-1].startswith(f"Error: {told}")
    assert not (place / "x").exists()


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("render a.tx1.txt -o x.wav --loop-start nan", 2, "'--loop-start': nan, expected seconds"),
        ("convert a.tx1.txt x.nsf --artist \udcff\udcfe", 2, "'--artist': expected text in UTF-8"),
        ("data stats loop", 1, "loop: too many levels of symbolic links"),
        ("data compare loop songs", 1, "loop: too many levels of symbolic links"),
        ("convert loop/../a.tx1.txt loop/../a.tx1.txt -o x/ --to vgm", 1, "too many levels of symbolic links"),
        ("generate --out-dir a.tx1.txt", 1, "a.tx1.txt: is a file, expected a folder"),
        ("data adapt pipe x", 1, "pipe: expected a folder of MIDI files, unpacked, or a .mid file"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="no pipes and links")
def test_links_in_a_circle_pipes_and_what_is_no_number_or_text_are_told(run, place, command, code, told):
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    result = run(*command.split())
    assert result.exit_code == code, result.output
    assert told in result.stderr


def test_a_title_in_letters_that_the_font_lacks_is_drawn_without_words(run, place):
    shutil.copyfile("a.tx1.txt", "ゼルダ.tx1.txt")
    result = run("plot", "ゼルダ.tx1.txt", "-o", "x.svg")  # a warning would be an error here
    assert (result.exit_code, result.stderr) == (0, "")
