"""Songs at addresses: read and written through fsspec, here and on the workers of a cluster."""

import json
import os
import sys

import pytest

from lakhnes.extras import has
from lakhnes.remote import Remote, is_url
from music_files import collection, digest, files_below, melody
from nsf_files import album

if not has("fsspec"):
    pytest.skip("fsspec is not installed (lakhnes[cluster])", allow_module_level=True)

import fsspec

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def memory():
    """The file system behind memory://, empty."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    yield fs
    fs.store.clear()


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    monkeypatch.setattr("lakhnes.cli.remote.AT_ONCE", 4)


@pytest.fixture
def midis(tmp_path):
    folder = collection(tmp_path / "midis", range(5))
    collection(folder / "deep", [7])
    (folder / "bad.mid").write_bytes(b"MThd")
    (folder / "notes.md").write_text("no song")
    return folder


def copy_to(fs, folder, place):
    for name in files_below(folder):
        fs.pipe_file(f"{place}/{name}", (folder / name).read_bytes())


def copy_of(fs, place, folder):
    for path in fs.find(place):
        target = folder / path.removeprefix(place).strip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(fs.cat_file(path))
    return folder


def test_addresses_are_told_from_paths():
    for place in ("s3://a/b", "memory://", "dir::file:///a", "gs://x::y", "simplecache::s3://a/b"):
        assert is_url(place), place
    for place in ("-", "a.mid", "a/b://c", "C:\\x", "C://x", "my::song.mid", "://", "hf", None):
        assert not is_url(place), place
    assert Remote("dir://songs::file:///a").at("b/c.mid") == "dir://songs/b/c.mid::file:///a"
    assert Remote("s3://a/").at("b") == "s3://a/b"


@pytest.mark.parametrize("command", [["render", "--rate", "11025"], ["convert", "--to", "tx2"]])
@pytest.mark.parametrize("where", ["memory://out", "file"])
def test_songs_at_an_address_become_the_files_that_those_of_a_folder_become(
    run, tmp_path, midis, memory, command, where
):
    copy_to(memory, midis, "/songs")
    out = where if where == "memory://out" else f"file://{tmp_path.as_posix()}/far"
    here = run(*command, midis, "-o", f"{tmp_path}/here/", "--json")
    there = run(*command, "memory://songs", "-o", f"{out}/", "--json", "--log", tmp_path / "log.jsonl")
    assert (here.exit_code, there.exit_code) == (1, 1), there.output
    far = copy_of(memory, "/out", tmp_path / "far") if where == "memory://out" else tmp_path / "far"
    assert digest(far) == digest(tmp_path / "here")
    facts, expected = json.loads(there.stdout), json.loads(here.stdout)
    assert facts["files"] == [f"{out}/{name}" for name in files_below(tmp_path / "here")]
    assert facts["audio_seconds"] == pytest.approx(expected["audio_seconds"])
    (failed,) = facts["failed"]
    assert failed["path"] == "memory://songs/bad.mid"
    assert failed["error"] == expected["failed"][0]["error"].removeprefix(f"{midis}/bad.mid: ")
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 7
    again = json.loads(run(*command, "memory://songs", "-o", f"{out}/", "--json").stdout)
    assert (again["files"], len(again["skipped"])) == ([], 6)
    assert run(*command, "memory://songs", "-o", f"{out}/", "--force", "--json").stdout.count(out) == 6


def test_folders_of_this_machine_go_to_an_address_and_parts_are_taken(run, tmp_path, midis, memory):
    for index in range(3):
        result = run("convert", midis, "--to", "tx1", "-o", "memory://out/", "--shard", f"{index}/3")
        assert result.exit_code in (0, 1)
    run("convert", midis, "--to", "tx1", "-o", f"{tmp_path}/here/")
    assert digest(copy_of(memory, "/out", tmp_path / "far")) == digest(tmp_path / "here")
    paths = [path for path in memory.find("/out") if path.endswith(".part")]
    assert paths == []


def test_a_song_at_an_address_that_is_given_twice_is_taken_once(run, midis, memory):
    copy_to(memory, midis, "/songs")
    result = run("convert", *2 * ["memory://songs/tune 0.mid"], "--to", "tx1", "-o", "memory://out/")
    assert result.exit_code == 0, result.output
    assert len(memory.find("/out")) == 1


def test_one_song_goes_to_the_file_that_is_named_and_replaces_none(run, tmp_path, memory):
    memory.pipe_file("/songs/a.mid", melody(1))
    (tmp_path / "a.mid").write_bytes(melody(1))
    assert run("convert", tmp_path / "a.mid", tmp_path / "a.tx1.txt").exit_code == 0
    assert run("convert", "memory://songs/a.mid", "memory://made/b.tx1.txt").exit_code == 0
    assert memory.cat_file("/made/b.tx1.txt") == (tmp_path / "a.tx1.txt").read_bytes()
    refused = run("convert", "memory://songs/a.mid", "memory://made/b.tx1.txt")
    assert refused.exit_code == 1
    assert "memory://made/b.tx1.txt: exists already (--force replaces it)" in refused.stderr
    (tmp_path / "list").write_text("memory://songs/a.mid\nmemory://songs/none.mid\n")
    listed = run("convert", "--files", tmp_path / "list", "--to", "tx1", "-o", "memory://listed/")
    assert listed.exit_code == 1
    assert memory.find("/listed") == ["/listed/songs/a.tx1.txt"]
    assert "memory://songs/none.mid: no such file" in listed.stderr.lower()


def test_tracks_stems_and_arrangements_have_their_files_at_the_address(run, tmp_path, memory):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "game.nsf").write_bytes(album([1, 2], title="Game"))
    assert run("convert", tmp_path / "set", "--to", "mid", "-o", "memory://tracks/").exit_code == 0
    assert run("convert", tmp_path / "set", "--to", "mid", "-o", f"{tmp_path}/tracks/").exit_code == 0
    assert digest(copy_of(memory, "/tracks", tmp_path / "far")) == digest(tmp_path / "tracks")
    assert len(files_below(tmp_path / "far")) == 2
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.mid").write_bytes(melody(1))
    assert run("render", tmp_path / "one", "-o", "memory://stems/", "--stems").exit_code == 0
    assert sorted(memory.find("/stems")) == [f"/stems/a.{voice}.wav" for voice in ("no", "p1", "p2", "tr")]
    arranged = run("convert", tmp_path / "one", "--to", "tx1", "-o", "memory://arranged/", "--arrange", "--json")
    assert list(json.loads(arranged.stdout)["arranged"]) == ["memory://arranged/a.tx1.txt"]


def test_a_chain_of_addresses_is_read(run, tmp_path, midis):
    (midis / "bad.mid").unlink()
    chained = f"dir://midis::file://{tmp_path.as_posix()}"
    assert run("convert", chained, "--to", "tx1", "-o", f"dir://far::file://{tmp_path.as_posix()}").exit_code == 0
    assert run("convert", midis, "--to", "tx1", "-o", f"{tmp_path}/here/").exit_code == 0
    assert digest(tmp_path / "far") == digest(tmp_path / "here")


def test_what_is_wrong_with_an_address_is_a_line(run, tmp_path, midis, memory, monkeypatch):
    memory.pipe_file("/empty/notes.md", b"")
    out = ["--to", "tx1", "-o", "memory://out/"]
    for arguments, told in (
        (["nope://x", *out], "nope://x: Protocol not known: nope"),
        (["memory://none", *out], "memory://none: no such file or directory"),
        (["memory://empty", *out], "memory://empty: no readable songs in this folder"),
        ([midis, "--to", "tx1", "-o", "nope://x/"], "nope://x/: Protocol not known: nope"),
    ):
        result = run("convert", *arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
        assert told.lower() in result.stderr.lower()
    for arguments in (
        ["convert", "memory://x", "--to", "tx1"],
        ["convert", midis, "--to", "nsf", "-o", "memory://x.nsf"],
        ["render", midis, "-o", "memory://x.tar", "--format", "wav"],
        ["render", "memory://x.mid", "-o", "-"],
        ["data", "adapt", midis, "memory://x", "--shard", "0/2"],
    ):
        assert run(*arguments).exit_code == 2, arguments
    monkeypatch.setitem(sys.modules, "s3fs", None)
    missing = run("convert", "s3://bucket/x", *out)
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
    assert "s3://bucket/x: Install s3fs" in missing.stderr
    monkeypatch.setattr("lakhnes.extras.has", lambda package: False)
    none = run("convert", "memory://x", *out)
    assert (none.exit_code, none.stderr.count("\n")) == (1, 1)
    assert "fsspec: pip install 'lakhnes[cluster]'" in none.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["info", "memory://x.mid"], ["plot", "memory://x.mid", "-o", "a.png"], ["plot", "a.mid", "-o", "memory://a.png"],
        ["play", "memory://x.mid"], ["tokenize", "a.mid", "-o", "s3://x/a"], ["infill", "memory://x", "--voices", "no"],
        ["continue", "dir://a::file://x"], ["data", "nsf", "a.nsf", "s3://x/y"], ["data", "nsf", "s3://x/y", "out"],
        ["data", "nesmdb", "a.tar", "gs://x"], ["data", "shard", "memory://x"], ["data", "shard", "x", "-o", "memory://x"],
        ["data", "merge", "memory://x"], ["data", "compare", "x", "memory://x"], ["data", "stats", "memory://x"],
        ["train", "memory://x", "-o", "run"], ["train", "x", "-o", "s3://run"], ["serve", "--rpc", "--root", "s3://x"],
        ["checkpoint", "import", "a.tar.gz", "memory://x"], ["study", "create", "plan.toml", "-o", "memory://x"],
        ["convert", "a.mid", "a.vgm", "--log", "memory://log"],
    ],
)  # fmt: skip
def test_an_address_where_a_file_is_meant_is_wrong_usage_and_makes_no_folder(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    result = run(*command)
    assert result.exit_code == 2, result.stderr
    (address,) = (part for part in command if "://" in part)
    assert f"{address} is an address, expected a file or folder of this machine" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_folder_whose_name_looks_like_a_protocol_is_a_folder(run, tmp_path, monkeypatch):
    (tmp_path / "memory:").mkdir()
    (tmp_path / "memory:" / "a.mid").write_bytes(melody(1))
    monkeypatch.chdir(tmp_path)
    assert run("info", "memory:/a.mid").exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_behind_an_address_is_no_file(run, tmp_path):
    os.mkfifo(tmp_path / "a.mid")
    address = f"file://{tmp_path.as_posix()}/a.mid"
    result = run("convert", address, "-o", tmp_path / "out", "--to", "tx1")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"{address}: is no regular file" in result.stderr


def test_what_is_cut_off_leaves_nothing_behind_an_address(tmp_path, monkeypatch):
    (tmp_path / "song").write_bytes(b"song")
    remote = Remote.of(tmp_path / "far")
    remote.put(tmp_path / "song", "a")
    fs = type(fsspec.filesystem("file"))
    put = fs.put_file

    def half(self, source, target, **options):
        put(self, source, target)
        raise OSError(28, "no space left")

    monkeypatch.setattr(fs, "put_file", half)
    with pytest.raises(OSError, match=r"far/b"):
        remote.put(tmp_path / "song", "b")
    assert files_below(tmp_path / "far") == ["a"]


def test_songs_are_composed_to_an_address(run, tmp_path, memory):
    command = ["generate", "-n", 3, "--seed", 3, "--length", 40, "--format", "tx3", "--min-voices", 0, "--json"]
    here = run(*command, "--out-dir", tmp_path / "here")
    there = run(*command, "--out-dir", "memory://songs")
    assert there.exit_code == 0, there.output
    assert digest(copy_of(memory, "/songs", tmp_path / "far")) == digest(tmp_path / "here")
    places = [song["paths"]["tx3"] for song in json.loads(there.stdout)["songs"]]
    assert places == [f"memory://songs/{number}.tx3.txt" for number in range(3)]
    assert len(json.loads(here.stdout)["songs"]) == 3
    refused = run(*command, "--out-dir", "memory://songs")
    assert refused.exit_code == 1
    assert "memory://songs/0.tx3.txt: exists already" in refused.stderr
    memory.rm_file("/songs/1.tx3.txt")
    again = run(*command, "--out-dir", "memory://songs", "--shard", "0/1", "--force")
    assert again.exit_code == 0
    memory.rm_file("/songs/1.tx3.txt")
    parts = [run(*command, "--out-dir", "memory://songs", "--shard", f"{index}/2") for index in range(2)]
    assert [song["seed"] for part in parts for song in json.loads(part.stdout)["songs"]] == [4]


def test_a_collection_at_an_address_is_adapted_as_a_folder_is(run, tmp_path, midis, memory, monkeypatch):
    monkeypatch.setattr("lakhnes.data.adapting.STAGED", 3)
    copy_to(memory, midis, "/songs")
    how = ["--valid", 0.2, "--shards", "--json"]
    assert run("data", "adapt", midis, tmp_path / "here", *how).exit_code == 0
    there = run("data", "adapt", "memory://songs", "memory://corpus", *how)
    assert there.exit_code == 0, there.output
    assert digest(copy_of(memory, "/corpus", tmp_path / "far")) == digest(tmp_path / "here")
    refused = run("data", "adapt", "memory://songs", "memory://corpus", *how)
    assert (refused.exit_code, "holds something" in refused.stderr) == (1, True)
    assert run("data", "adapt", "memory://songs", tmp_path / "local", *how).exit_code == 0
    assert digest(tmp_path / "local") == digest(tmp_path / "here")


@pytest.mark.skipif(not has("distributed"), reason="Dask is not installed")
def test_workers_read_from_addresses_and_write_to_them(run, tmp_path, midis):
    from lakhnes.scheduler import local_cluster

    far = f"file://{tmp_path.as_posix()}"
    command = ["generate", "-n", 3, "--seed", 3, "--length", 40, "--format", "tx3", "--min-voices", 0]
    with local_cluster(2) as cluster:
        on = ["--scheduler", cluster.scheduler_address]
        rendered = run("render", f"{far}/midis", "-o", f"{far}/sound/", *on, "--rate", 11025)
        adapted = run("data", "adapt", f"{far}/midis", tmp_path / "corpus", *on)
        composed = run(*command, "--out-dir", f"{far}/songs", *on)
    assert (rendered.exit_code, adapted.exit_code, composed.exit_code) == (1, 0, 0), composed.output
    assert f"Error: {far}/midis/bad.mid: " in rendered.stderr
    assert f"{far}/songs/2.tx3.txt" in composed.stdout
    run("render", midis, "-o", f"{tmp_path}/sound1/", "--rate", 11025)
    run("data", "adapt", midis, tmp_path / "corpus1")
    run(*command, "--out-dir", tmp_path / "songs1")
    for name in ("sound", "corpus", "songs"):
        assert files_below(tmp_path / name)
        assert digest(tmp_path / name) == digest(tmp_path / f"{name}1")
