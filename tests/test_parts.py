"""Corpora in parts, on machines that do not know of each other: all parts together are what one machine makes."""

import json
import subprocess
import sys

import pytest

from lakhnes.data import shard_parts
from lakhnes.data.parts import PARTS, REPORT, open_part
from lakhnes.sharding import Shard
from music_files import archive_of, collection, digest, files_below, melody
from nsf_files import album
from small import make_corpus

ORDER = (3, 0, 6, 1, 5, 2, 4)


def summary(result):
    facts = json.loads(result.stdout)
    del facts["seconds"], facts["corpus"]
    return facts


def in_parts(run, command, target, *options, count=7, code=0):
    """Run a command for each shard, in no order, and join them; return the summary of the merge."""
    for index in ORDER[:count] if count == 7 else range(count):
        result = run("data", *command, target, *options, "--shard", f"{index}/{count}", "--json")
        assert result.exit_code in (0, code), result.output
    result = run("data", "merge", target, "--json")
    assert result.exit_code == code, result.output
    assert not (target / PARTS).exists()
    return result


def test_the_one_shard_of_one_is_a_part_that_is_merged(run, tmp_path):
    (tmp_path / "songs" / "train").mkdir(parents=True)
    collection(tmp_path / "songs" / "train", range(4))
    (tmp_path / "songs" / "game.nsf").write_bytes(album([1, 2]))
    for name in ("adapt", "nesmdb", "nsf"):
        one, part = tmp_path / f"{name} one", tmp_path / f"{name} part"
        how = ("data", name, tmp_path / "songs")
        assert run(*how, one).exit_code == 0
        made = run(*how, part, "--shard", "0/1")
        assert made.exit_code == 0, made.output
        assert (part / PARTS / "0-of-1" / "done.json").is_file()
        assert f"lakhnes data merge {part}" in made.stderr
        assert run("data", "merge", part).exit_code == 0
        assert digest(part) == digest(one)
    assert run("data", "shard", one, "--shard", "0/1").exit_code == 0
    assert (one / PARTS / "0-of-1" / "done.json").is_file()


@pytest.fixture
def midis(tmp_path):
    """Songs, versions of some in another key, copies, a broken file, and songs to hold out."""
    folder = collection(tmp_path / "midis", range(20))
    collection(folder / "deep", [3, 30])
    for seed in (5, 6, 7):
        (folder / "deep" / f"version of {seed}.mid").write_bytes(melody(seed, transpose=3, wait=7_000))
    (folder / "broken.mid").write_bytes(b"MThd")
    collection(tmp_path / "held", [7, 11])
    return folder


def test_adapting_in_parts_gives_the_bytes_of_one_run(run, tmp_path, midis):
    how = ("--exclude-like", tmp_path / "held", "--valid", 0.2, "--test", 0.1, "--seed", 4, "--to", "tx1,tx3")
    one = run("data", "adapt", midis, tmp_path / "one", *how, "--shards", "--json")
    assert one.exit_code == 0, one.output
    parts = in_parts(run, ["adapt", midis], tmp_path / "parts", *how, "--shards")
    assert files_below(tmp_path / "parts") == files_below(tmp_path / "one")
    assert digest(tmp_path / "parts") == digest(tmp_path / "one")
    assert summary(parts) == summary(one)
    report = summary(one)
    assert report["dropped_files"] == {"like a held-out song": 3, "copy of another file": 1, "unreadable": 1}
    assert "train/tx3.json" in files_below(tmp_path / "one")


@pytest.mark.parametrize("archived", [False, True])
def test_a_database_in_parts_gives_the_bytes_of_one_run(run, tmp_path, archived):
    source = tmp_path / "nesmdb_midi"
    for number, split in enumerate(["train"] * 12 + ["valid"] * 3 + ["test"] * 2):
        (source / split).mkdir(parents=True, exist_ok=True)
        (source / split / f"song {number}.mid").write_bytes(melody(number))
    (source / "train" / "song 0.midi").write_bytes(melody(1))
    (source / "train" / "bad.mid").write_bytes(b"MThd")
    if archived:
        members = {name: (source / name).read_bytes() for name in files_below(source)}
        source = archive_of(tmp_path / "nesmdb.tar.xz", members)
    one = run("data", "nesmdb", source, tmp_path / "one", "--json")
    assert one.exit_code == 1
    assert len(summary(one)["failed"]) == 2
    parts = in_parts(run, ["nesmdb", source], tmp_path / "parts", code=1)
    assert digest(tmp_path / "parts") == digest(tmp_path / "one")
    assert summary(parts) == summary(one)


def test_a_collection_of_nsf_files_in_parts_gives_the_bytes_of_one_run(run, tmp_path):
    source = tmp_path / "set"
    source.mkdir()
    for game in range(8):
        seeds = [100 * game, 100 * game + 1, 100 * (game // 2)]  # games share songs in pairs
        (source / f"Game {game}.nsf").write_bytes(album(seeds, title=f"Game {game}"))
    (source / "again.nsf").write_bytes((source / "Game 3.nsf").read_bytes())
    (source / "bad.nsf").write_bytes(b"NESM\x1a")
    held = collection(tmp_path / "held", [1])
    how = ("--valid", 0.25, "--test", 0.125, "--exclude-like", held)
    one = run("data", "nsf", source, tmp_path / "one", *how, "--json")
    assert one.exit_code == 1, one.output
    parts = in_parts(run, ["nsf", source], tmp_path / "parts", *how, code=1)
    assert digest(tmp_path / "parts") == digest(tmp_path / "one")
    assert summary(parts) == summary(one)
    assert summary(one)["dropped"]["copy of another song"] >= 6


@pytest.mark.parametrize("elsewhere", [False, True])
def test_tokenizing_in_parts_gives_the_shards_of_one_run(run, tmp_path, monkeypatch, elsewhere):
    monkeypatch.setattr(shard_parts, "RUN", 2)
    for name in ("one", "data"):
        make_corpus(tmp_path / name, train=11, valid=4)
    assert run("data", "shard", tmp_path / "one").exit_code == 0
    target = tmp_path / "shards" if elsewhere else tmp_path / "data"
    where = ["shard", tmp_path / "data", "-o"]
    in_parts(run, where, target)  # its last argument is DEST
    expected = {name: (tmp_path / "one" / name).read_bytes() for name in files_below(tmp_path / "one")}
    if elsewhere:
        expected = {name: data for name, data in expected.items() if not name.endswith(".tx1.txt")}
    assert {name: (target / name).read_bytes() for name in files_below(target)} == expected


KILLED = """
import os, signal, sys
from lakhnes.data.parts import Part
from lakhnes.cli import cli
add, left = Part.add, [int(sys.argv.pop(1))]
def added(part, line, melody=None):
    if left[0] == 0:
        with (part.folder / "report.jsonl").open("ab") as report:
            report.write(b'{"index": 3, "pa')  # cut off as it was written
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    add(part, line, melody)
Part.add = added
cli.main(sys.argv[1:], prog_name="lakhnes")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_part_that_was_killed_does_only_what_is_missing(run, tmp_path, midis):
    target = tmp_path / "parts"
    command = ["data", "adapt", midis, target, "--exclude-like", tmp_path / "held", "--jobs", 1]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "5", *map(str, command), "--shard", "0/2"], timeout=60, check=False
    )
    assert killed.returncode == -9
    part = target / PARTS / "0-of-2"
    before = (part / REPORT).read_bytes().splitlines(keepends=True)[:5]
    done = [json.loads(line) for line in before]
    texts = [path for line in done if line["songs"] for path in part.glob(f"train/{line['name']}_*")]
    times = {path: path.stat().st_mtime_ns for path in texts}
    assert times
    assert run("data", "merge", target).exit_code == 1
    assert run(*command, "--shard", "0/2").exit_code == 0
    after = (part / REPORT).read_bytes().splitlines(keepends=True)
    assert after[:5] == before
    names = [json.loads(line)["path"] for line in after]
    mine = {name for name in files_below(midis) if Shard(0, 2).holds(name)}
    assert sorted(names) == sorted(mine)
    assert {path: path.stat().st_mtime_ns for path in texts} == times
    assert run(*command, "--shard", "0/2").exit_code == 0
    assert (part / REPORT).read_bytes().splitlines(keepends=True) == after
    assert run(*command, "--shard", "1/2").exit_code == 0
    assert run("data", "merge", target).exit_code == 0
    assert run(*command[:2], midis, tmp_path / "one", *command[4:]).exit_code == 0
    assert digest(target) == digest(tmp_path / "one")


def test_a_merge_names_the_parts_that_are_missing_and_can_be_repeated(run, tmp_path, midis, monkeypatch):
    target = tmp_path / "parts"
    for index in (0, 2):
        assert run("data", "adapt", midis, target, "--shard", f"{index}/3").exit_code == 0
    result = run("data", "merge", target)
    assert result.exit_code == 1
    assert "1 of 3 parts are not complete: --shard 1/3" in result.stderr
    assert run("data", "adapt", midis, target, "--shard", "1/3").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *args, **options: 1 / 0)
        assert run("data", "merge", target).exit_code == 1
    assert run("data", "merge", target).exit_code == 0
    assert run("data", "adapt", midis, tmp_path / "one").exit_code == 0
    assert digest(target) == digest(tmp_path / "one")


def test_a_merge_of_what_is_no_corpus_names_it(run, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for name, told in (("none", "no such file"), ("file", "not a directory"), ("folder", "no parts in it")):
        result = run("data", "merge", tmp_path / name)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert f"{tmp_path / name}: {told}" in result.stderr


def test_parts_that_were_not_made_alike_are_not_joined(run, tmp_path, midis):
    target = tmp_path / "parts"
    command = ["data", "adapt", midis, target]
    assert run(*command, "--shard", "0/2").exit_code == 0
    result = run(*command, "--shard", "0/2", "--valid", 0.5)
    assert result.exit_code == 1
    assert "made with other valid; expected the same, or --force to begin anew" in result.stderr
    (midis / "new.mid").write_bytes(melody(99))
    assert run(*command, "--shard", "1/2").exit_code == 0
    assert "made with other inputs, inputs_sha256" in run("data", "merge", target).stderr
    assert run(*command, "--shard", "0/2", "--force").exit_code == 0
    assert run("data", "merge", target).exit_code == 0
    assert run(*command, "--shard", "0/2").exit_code == 1  # the corpus is there
    assert run(*command, "--shard", "0/2", "--force").exit_code == 0
    assert run(*command, "--shard", "0/3", "--force").exit_code == 0
    assert "parts of 2 and of 3, expected those of one" in run("data", "merge", target, "--force").stderr


def test_two_processes_do_not_make_one_part_at_once(tmp_path):
    pytest.importorskip("fcntl", reason="Windows has no locks of this kind")
    with (
        open_part(tmp_path / "out", Shard(0, 2)),
        pytest.raises(BlockingIOError, match="another process"),
        open_part(tmp_path / "out", Shard(0, 2)),
    ):
        pass
