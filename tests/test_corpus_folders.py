"""Folders of a corpus: found, named, split and written whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakhnes
from lakhnes import FormatError, Vocabulary
from lakhnes.data.folder import prepare
from lakhnes.data.layout import staged_folder
from lakhnes.data.midi_files import find_midi_files
from lakhnes.data.splitting import assign_splits
from small import tune

VOCABULARY = Vocabulary.tx1()


def fill(folder, text="new"):
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "a.tx1.txt").write_text(text)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def music(folder, count=4):
    folder.mkdir()
    for index in range(count):
        (folder / f"{index}.mid").write_bytes(lakhnes.Song.from_tx1(tune(index)).to_midi())
    return folder


def test_a_staged_folder_appears_when_it_is_complete(tmp_path):
    with staged_folder(tmp_path / "corpus") as staging:
        fill(staging)
        assert not (tmp_path / "corpus").exists()
    assert contents(tmp_path) == {"corpus/train/a.tx1.txt": "new"}


def test_a_staged_folder_that_is_interrupted_says_that_nothing_was_written(tmp_path):
    def write(*words):
        with staged_folder(tmp_path / "corpus") as staging:
            fill(staging)
            raise KeyboardInterrupt(*words)

    with pytest.raises(KeyboardInterrupt, match=r"nothing was written to .*corpus"):
        write()
    with pytest.raises(KeyboardInterrupt, match="3 songs"):
        write("3 songs")
    assert list(tmp_path.iterdir()) == []


def test_a_staged_folder_that_fails_leaves_nothing(tmp_path):
    def write():
        with staged_folder(tmp_path / "corpus") as staging:
            fill(staging)
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_two_that_write_the_same_folder_do_not_share_a_temporary_one(tmp_path):
    with staged_folder(tmp_path / "corpus") as one, staged_folder(tmp_path / "corpus", overwrite=True) as two:
        fill(one, "one")
        fill(two, "two")
        assert contents(one) != contents(two)
    assert contents(tmp_path) == {"corpus/train/a.tx1.txt": "one"}


def test_a_folder_that_holds_something_is_refused_or_added_to(tmp_path):
    fill(tmp_path / "corpus", "old")
    (tmp_path / "corpus" / "mine.txt").write_text("mine")

    def write(**options):
        with staged_folder(tmp_path / "corpus", **options) as staging:
            fill(staging)

    with pytest.raises(FileExistsError, match="--force"):
        write()
    assert contents(tmp_path / "corpus")["train/a.tx1.txt"] == "old"
    write(overwrite=True)
    assert contents(tmp_path / "corpus") == {"train/a.tx1.txt": "new", "mine.txt": "mine"}
    with pytest.raises(NotADirectoryError), staged_folder(tmp_path / "corpus" / "mine.txt"):
        pass


def test_midi_files_are_found_below_a_folder_and_named_apart(tmp_path):
    for place in ("b/a song!.mid", "a/A.MIDI", "c/a song?.mid", "._b.mid", "notes.txt", "d.mid/x.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"MThd")
    files = find_midi_files(tmp_path)
    assert [file.place for file in files] == ["a/A.MIDI", "b/a song!.mid", "c/a song?.mid"]
    assert [file.name[:7] for file in files] == ["A", "a_song", "a_song-"]
    assert len({file.name for file in files}) == 3
    assert find_midi_files(tmp_path / "a" / "A.MIDI")[0].path == tmp_path / "a" / "A.MIDI"
    with pytest.raises(FileNotFoundError):
        find_midi_files(tmp_path / "nowhere")


@given(
    groups=st.lists(st.none() | st.integers(0, 9), max_size=40),
    seed=st.integers(0, 5),
    valid=st.floats(0, 0.5),
    test=st.floats(0, 0.5),
)
def test_a_group_stays_in_one_split_and_the_shares_are_kept(groups, seed, valid, test):
    keys = [str(index) for index in range(len(groups))]
    splits = assign_splits(keys, groups, seed, valid=valid, test=test)
    assert splits == assign_splits(keys, groups, seed, valid=valid, test=test)
    placed = {}
    for group, split in zip(groups, splits, strict=True):
        assert placed.setdefault(group, split) == split
    assert placed.get(None, "train") == "train"
    counted = sum(group is not None for group in groups)
    for name, share in (("valid", valid), ("test", test)):
        assert splits.count(name) <= max(round(share * counted), 1 if share > 0 and counted > 1 else 0)


def test_one_share_of_single_songs_is_filled():
    splits = assign_splits([f"{index}" for index in range(50)], range(50), 3, valid=0.1, test=0.2)
    assert [splits.count(name) for name in ("train", "valid", "test")] == [35, 5, 10]


def test_music_becomes_a_corpus_once_and_is_recognised(tmp_path):
    notes = []
    source, target = music(tmp_path / "midis"), tmp_path / "run" / "data"
    target.parent.mkdir()
    for _ in range(2):
        assert prepare(source, target, VOCABULARY, note=notes.append) == target
    assert "made before" in notes[-1]
    assert [path.name for path in target.parent.iterdir()] == ["data"]


@pytest.mark.parametrize("change", ["missing", "another", "one more"])
def test_a_corpus_is_not_used_for_other_music(tmp_path, change):
    source, target = music(tmp_path / "midis"), tmp_path / "data"
    prepare(source, target, VOCABULARY)
    if change == "missing":
        source = tmp_path / "nowhere"
    elif change == "another":
        source = music(tmp_path / "others", 5)
    else:
        (source / "more.mid").write_bytes((source / "0.mid").read_bytes())
    with pytest.raises(FormatError, match="expected"):
        prepare(source, target, VOCABULARY)
    assert target.is_dir()


@pytest.mark.torch
def test_a_run_that_is_resumed_with_other_music_is_refused(run, tmp_path):
    options = ["-o", tmp_path / "run", "--preset", "tiny", "--samples", 0, "--width", 64, "--layers", 1]
    options += ["--batch-size", 1, "--tgt-len", 16]
    assert run("train", music(tmp_path / "midis"), *options, "--steps", 1).exit_code == 0
    for other in (tmp_path / "nowhere", music(tmp_path / "others", 3)):
        refused = run("train", other, *options, "--steps", 2)
        assert refused.exit_code == 1
        assert str(other) in refused.stderr
    assert run("train", tmp_path / "others", *options, "--steps", 1, "--force").exit_code == 0
