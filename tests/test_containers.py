"""Songs by lists, from and into tar archives, and corpora as tables."""

import json
import os
import tarfile

import pytest

from lakhnes._native import Vocabulary
from lakhnes.data import shard_parts
from lakhnes.data.corpus import Corpus
from music_files import archive_of, collection, files_below, melody
from small import make_corpus


def entries(path):
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive}


@pytest.fixture
def midis(tmp_path):
    folder = collection(tmp_path / "midis", range(6))
    collection(folder / "deep", [6, 7])
    return folder


def test_the_songs_of_a_list_keep_their_folders(run, tmp_path, midis, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = ["midis/tune 1.mid", "", str(midis / "deep" / "tune 6.mid"), "./midis/../midis/tune 2.mid\r"]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    for files, stdin in ((["--files", "list.txt"], None), (["--files", "-"], (tmp_path / "list.txt").read_bytes())):
        out = tmp_path / f"out{len(files[1])}"
        result = run("convert", *files, "--to", "tx1", "-o", f"{out}/", stdin=stdin)
        assert result.exit_code == 0, result.output
        absolute = str(midis / "deep" / "tune 6.tx1.txt").lstrip(os.sep)
        assert files_below(out) == sorted(["midis/midis/tune 2.tx1.txt", "midis/tune 1.tx1.txt", absolute])
    shards = [run("convert", "--files", "list.txt", "--to", "vgm", "-o", "parts/", "--shard", f"{i}/2") for i in (0, 1)]
    assert sum(len(shard.stdout.splitlines()) for shard in shards) == 3


def test_a_list_is_refused_in_one_line_where_it_names_nothing(run, tmp_path, midis):
    (tmp_path / "empty.txt").write_text("\n\n")
    result = run("convert", "--files", tmp_path / "empty.txt", "--to", "tx1", "-o", tmp_path)
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {tmp_path / 'empty.txt'}: no path in this list, expected one a line\n",
    )
    assert "Missing argument 'INPUT...'" in run("render").stderr
    (tmp_path / "list.txt").write_text(f"{midis}/tune 1.mid\n{midis}/none.mid\n")
    result = run("render", "--files", tmp_path / "list.txt", "-o", f"{tmp_path}/out/", "--rate", 11025)
    assert result.exit_code == 1
    assert "none.mid: no such file" in result.stderr
    assert len(files_below(tmp_path / "out")) == 1


@pytest.mark.parametrize("command", [["render", "--rate", "11025"], ["convert", "--to", "tx1"]])
def test_a_tar_archive_has_the_files_of_the_folder_in_its_place(run, tmp_path, midis, command):
    (midis / "Op. 5 no. 1.mid").write_bytes(melody(20))
    (midis / "bad.mid").write_bytes(b"MThd")
    assert run(*command, midis, "-o", f"{tmp_path}/out/").exit_code == 1
    expected = {name: (tmp_path / "out" / name).read_bytes() for name in files_below(tmp_path / "out")}
    end = ".wav" if command[0] == "render" else ".tx1.txt"
    expected[f"Op_ 5 no_ 1{end}"] = expected.pop(f"Op. 5 no. 1{end}")  # what WebDataset takes for one sample
    for jobs in (1, 2):
        result = run(*command, midis, "-o", tmp_path / f"{jobs}.tar", "--jobs", jobs, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["files"] == [str(tmp_path / f"{jobs}.tar")]
        assert [failure["path"] for failure in json.loads(result.stdout)["failed"]] == [str(midis / "bad.mid")]
    assert entries(tmp_path / "1.tar") == expected
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.tar", "2.tar", "midis", "out"]
    refused = run(*command, midis, "-o", tmp_path / "1.tar")
    assert (refused.exit_code, "--force replaces it" in refused.stderr) == (1, True)


def test_an_archive_goes_through_to_an_archive_in_parts(run, tmp_path, midis):
    source = archive_of(tmp_path / "in.tar", {name: (midis / name).read_bytes() for name in files_below(midis)}, "w")
    assert run("render", source, "-o", f"{tmp_path}/out/", "--rate", 11025).exit_code == 0
    found = {}
    for index in range(2):
        how = ["--rate", 11025, "--shard", f"{index}/2", "--format", "wav"]
        result = run("render", source, "-o", tmp_path / f"{index}.tar", *how)
        assert (result.exit_code, result.stdout) == (0, f"{tmp_path / f'{index}.tar'}\n")
        part = entries(tmp_path / f"{index}.tar")
        assert part
        assert not part.keys() & found.keys()
        found |= part
    assert found == {name: (tmp_path / "out" / name).read_bytes() for name in files_below(tmp_path / "out")}


def test_the_stems_of_a_song_are_one_sample_of_an_archive(run, tmp_path, song_file):
    result = run("render", song_file, "-o", tmp_path / "stems.tar", "--stems", "--rate", 11025)
    assert result.exit_code == 0, result.output
    assert sorted(entries(tmp_path / "stems.tar")) == [f"song.{voice}.wav" for voice in ("no", "p1", "p2", "tr")]


def test_two_songs_that_would_be_one_sample_are_refused(run, tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    for name in ("a.b.mid", "a_b.mid"):
        (folder / name).write_bytes(melody(1))
    result = run("convert", folder, "--to", "tx1", "-o", tmp_path / "out.tar")
    assert result.exit_code == 1
    assert "two songs become a_b.tx1.txt" in result.stderr
    assert not (tmp_path / "out.tar").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["songs"]
    assert run("convert", folder, "-o", tmp_path / "out.tar").exit_code == 2


def test_a_corpus_as_tables_has_its_songs_and_always_the_same_bytes(run, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (lakhnes[parquet])")
    make_corpus(tmp_path / "data", train=11, valid=4)
    for name in ("one", "two"):
        result = run("data", "shard", tmp_path / "data", "--to", "parquet", "-o", tmp_path / name)
        assert result.exit_code == 0, result.output
    monkeypatch.setattr(shard_parts, "RUN", 2)
    for index in range(3):
        run("data", "shard", tmp_path / "data", "--to", "parquet", "-o", tmp_path / "parts", "--shard", f"{index}/3")
    assert run("data", "merge", tmp_path / "parts").exit_code == 0
    names = ["train/tx1-00000.parquet", "valid/tx1-00000.parquet"]
    for folder in ("one", "two", "parts"):
        assert files_below(tmp_path / folder) == names
        assert [(tmp_path / folder / name).read_bytes() for name in names] == [
            (tmp_path / "one" / name).read_bytes() for name in names
        ]
    table = parquet.read_table(tmp_path / "one" / names[0])
    corpus = Corpus.load(tmp_path / "data", "train", Vocabulary.tx1())
    assert table["name"].to_pylist() == corpus.names
    assert table["events"].to_pylist() == [corpus.song(index).tolist() for index in range(len(corpus))]
    assert table["input_ids"].to_pylist() == [corpus.ids(index).tolist() for index in range(len(corpus))]
    assert table.schema.metadata[b"lakhnes.vocabulary"].decode().split("\n") == Vocabulary.tx1().symbols
    beside = run("data", "shard", tmp_path / "data", "--to", "parquet")
    assert (beside.exit_code, "needs -o" in beside.stderr) == (2, True)


def test_hugging_face_datasets_reads_the_tables(run, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (lakhnes[parquet])")
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    make_corpus(tmp_path / "data", train=11, valid=4)
    assert run("data", "shard", tmp_path / "data", "--to", "parquet", "-o", tmp_path / "out").exit_code == 0
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in loaded.items()} == {"train": 11, "validation": 4}
    corpus = Corpus.load(tmp_path / "data", "valid", Vocabulary.tx1())
    assert loaded["validation"][3]["input_ids"] == corpus.ids(3).tolist()
