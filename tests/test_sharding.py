"""A batch in parts, on machines that do not know of each other: each file in one part, and together the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakhnes.sharding import Shard


@given(names=st.lists(st.text(min_size=1), max_size=20), count=st.integers(1, 50))
def test_every_file_is_of_one_shard(names, count):
    shards = [Shard(index, count) for index in range(count)]
    for name in names:
        assert sum(shard.holds(name) for shard in shards) == 1


@given(things=st.integers(0, 200), count=st.integers(1, 50))
def test_numbered_songs_are_shared_out_evenly_and_in_a_row(things, count):
    parts = [Shard(index, count).numbers(things) for index in range(count)]
    assert [number for part in parts for number in part] == list(range(things))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_hash_of_a_path_is_the_same_on_every_machine():
    # Kept as they are: a part that one version has done another must not do again.
    names = [f"songs/{number}.mid" for number in range(4000)]
    counts = [sum(map(Shard(index, 4).holds, names)) for index in range(4)]
    assert min(counts) > 900
    assert [name for name in names[:40] if Shard(3, 7).holds(name)] == EXPECTED


EXPECTED = ["songs/0.mid", "songs/24.mid", "songs/35.mid", "songs/38.mid"]


@pytest.mark.parametrize(
    "text", ["", "3", "4/4", "-1/4", "0/0", "1/2/3", "a/b", "0/1000001", "slurms", "0/99999999999"]
)
def test_what_is_no_shard_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="expected") as refused:
        Shard.parse(text)
    assert "\n" not in str(refused.value)


def test_a_task_of_a_job_array_counts_from_the_first_one():
    array = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "2"}
    assert Shard.parse("slurm", array | {"SLURM_ARRAY_TASK_COUNT": "5"}) == Shard(3, 5)
    for wrong in ({}, {"SLURM_ARRAY_TASK_COUNT": "x"}, {"SLURM_ARRAY_TASK_COUNT": "9" * 5_000}):
        with pytest.raises(ValueError, match="SLURM_ARRAY_TASK_COUNT is not set to a number"):
            Shard.parse("slurm", array | wrong)


def songs(folder, count):
    (folder / "deep").mkdir(parents=True)
    for number in range(count):
        text = f"P1_NOTEON_{40 + number}\nWT_4000\nP1_NOTEOFF\nWT_1000"
        (folder / ("deep" if number % 3 == 0 else ".") / f"{number}.tx1.txt").write_text(text)


@pytest.mark.parametrize("command", [["render", "--rate", "11025"], ["convert", "--to", "vgm"]])
def test_the_shards_of_a_folder_together_are_the_folder(tmp_path, run, command):
    songs(tmp_path / "songs", 12)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(*command, tmp_path / "songs", "-o", f"{whole}/").exit_code == 0
    done = []
    for index in (2, 0, 1, 1):  # one of them twice
        result = run(*command, tmp_path / "songs", "-o", f"{parts}/", "--shard", f"{index}/3", "--json")
        assert result.exit_code == 0, result.output
        done.append(len(list(parts.rglob("*.*"))))
    assert done == sorted(done)
    assert done[2] == done[3] == 12
    for path in whole.rglob("*.*"):
        assert (parts / path.relative_to(whole)).read_bytes() == path.read_bytes()


def test_a_shard_is_of_several_songs(tmp_path, run):
    songs(tmp_path / "songs", 2)
    one = next((tmp_path / "songs").glob("*.txt"))
    for files in ([one, "-o", tmp_path / "x.wav"], [one, "-o", "-", "--format", "wav"]):
        result = run("render", *files, "--shard", "0/2")
        assert result.exit_code == 2
        assert "--shard" in result.output
    result = run("convert", tmp_path / "songs", "-o", tmp_path / "album.nsf", "--shard", "0/2")
    assert result.exit_code == 2
    assert "one file of all songs" in result.output


def test_the_shards_of_new_songs_are_those_of_one_machine_and_only_what_is_missing_is_composed(tmp_path, run):
    command = ["generate", "-n", 5, "--seed", 3, "--length", 40, "--format", "tx3", "--min-voices", 0]
    assert run(*command, "--out-dir", tmp_path / "whole").exit_code == 0
    parts = tmp_path / "parts"
    for index in (1, 0):
        result = run(*command, "--out-dir", parts, "--shard", f"{index}/2")
        assert result.exit_code == 0, result.output
    for number in range(5):
        name = f"{number}.tx3.txt"
        assert (parts / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    (parts / "3.tx3.txt").unlink()
    again = run(*command, "--out-dir", parts, "--shard", "1/2")
    assert [line.rpartition("/")[2] for line in again.stdout.splitlines()] == ["3.tx3.txt"]
    assert run(*command[:3], "--shard", "0/2", "--out-dir", parts).exit_code == 2


def test_the_one_shard_of_one_is_a_shard_like_any_other(tmp_path, run):
    songs(tmp_path / "songs", 2)
    one = next((tmp_path / "songs").glob("*.txt"))
    # What a shard needs and refuses, this one does.
    for command in (
        ["generate", "-n", 2, "--length", 40],
        ["render", one, "-o", tmp_path / "x.wav"],
        ["render", one, "-o", "-", "--format", "wav"],
        ["convert", tmp_path / "songs", "-o", tmp_path / "album.nsf"],
    ):
        result = run(*command, "--shard", "0/1")
        assert result.exit_code == 2, result.output
        assert "--shard" in result.output
    # Songs that are there are skipped, where without a shard they are refused.
    command = ["generate", "-n", 2, "--seed", 3, "--length", 40, "--format", "tx3", "--out-dir", tmp_path / "made"]
    assert run(*command).exit_code == 0
    assert run(*command).exit_code == 1
    again = run(*command, "--shard", "0/1")
    assert (again.exit_code, again.stdout) == (0, "")
