"""Relatives of the failing cases in files, surroundings and usage, three and more a kind: see ``test_relatives``.

E composing, F training, G files and console, H first use; the tables of A and I stand where they are tried.
"""

import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
import zipfile

import pytest

import lakhnes
import test_arrange
import test_damaged_parts
import test_full_disks
import test_precision
import test_relatives  # noqa: F401 (notes its relatives)
from conftest import TX1
from hostile_files import ARCHIVES, CONFIGURATIONS, NAMES, RELATIVES, relatives
from lakhnes import load_model
from lakhnes.sampling import infillings
from music_files import melody
from small import make_corpus
from studies import make_plan

SONG = lakhnes.Song.from_tx1(TX1)


def done(folder, *args, stdin=b"", **environment):
    """Run a command line in a process of its own, in a folder."""
    command = [sys.executable, "-m", "lakhnes", *map(str, args)]
    return subprocess.run(
        command, cwd=folder, input=stdin, env=os.environ | environment, capture_output=True, timeout=100, check=False
    )


ALONE = relatives(
    "E", "voices with nothing beside them",
    {
        "p2": ("P2_NOTEON_60 WT_11025 P2_NOTEON_64 WT_11025 P2_NOTEOFF", ["p2"]),
        "tr": ("TR_NOTEON_45 WT_11025 TR_NOTEON_52 WT_11025 TR_NOTEOFF", ["tr"]),
        "no": ("NO_NOTEON_3 WT_11025 NO_NOTEOFF WT_9000 NO_NOTEON_9 WT_5000 NO_NOTEOFF", ["no"]),
        "all but the drums": ("P1_NOTEON_72 NO_NOTEON_3 WT_9000 P1_NOTEOFF NO_NOTEOFF", ["p1", "p2", "tr"]),
    },
)  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_a_voice_with_nothing_beside_it_gets_music(name):
    events, voices = ALONE[name]
    given = lakhnes.Song.from_tx1("\n".join(events.split() + ["WT_90000"] * 3))
    for version in infillings(load_model(), 2, given, voices, seed=4):
        assert sum(len(version.song.voices[voice]) for voice in voices) >= 3, version.events


MEMORY = relatives(
    "E", "a memory that is longer than what is read",
    {
        "generate": ["generate", "--length", 40], "continue": ["continue", "a.tx1.txt", "--length", 40],
        "accompany": ["accompany", "a.tx1.txt"], "infill": ["infill", "a.tx1.txt", "--voices", "p2"],
    },
)  # fmt: skip


@pytest.mark.parametrize("command", MEMORY)
def test_a_memory_that_is_longer_than_what_is_read_costs_nothing(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tx1.txt").write_text(TX1)
    rows = []
    real = lakhnes.model.native_engine.NativeEngine.__init__

    def begun(engine, model, sequences, vocabulary, window, *rest, **options):
        rows.append(window)
        real(engine, model, sequences, vocabulary, window, *rest, **options)

    monkeypatch.setattr(lakhnes.model.native_engine.NativeEngine, "__init__", begun)
    result = run(*MEMORY[command], "--memory", 300_000, "-n", 1, "-o", "out", "--format", "tx1")
    assert result.exit_code == 0, result.output
    assert max(rows) < 20_000


BOM = b"\xef\xbb\xbf"
TEXTS = relatives(
    "G", "texts as Windows saves them", {name: name for name in ("tx1", "tx2", "tx3", "ndf", "ndr", "nlm")}
)


@pytest.mark.parametrize("form", TEXTS)
def test_a_text_with_a_byte_order_mark_and_the_line_ends_of_windows_is_read(run, tmp_path, form):
    (tmp_path / "a.tx1.txt").write_text(TX1)
    plain = tmp_path / f"b.{form}.txt"
    assert run("convert", tmp_path / "a.tx1.txt", "-o", plain).exit_code == 0
    saved = tmp_path / f"c.{form}.txt"
    saved.write_bytes(BOM + plain.read_bytes().replace(b"\n", b"\r\n"))
    for path in (plain, saved):
        assert run("convert", path, "-o", path.with_suffix(".vgm")).exit_code == 0
    assert saved.with_suffix(".vgm").read_bytes() == plain.with_suffix(".vgm").read_bytes()


TOML = relatives("F", "configurations as Windows saves them", {"train": None, "a plan": None, "texts of a study": None})


@pytest.mark.parametrize("kind", TOML)
def test_a_configuration_with_a_byte_order_mark_is_read(run, tmp_path, kind):
    if kind == "train":
        pytest.importorskip("torch")
        path, args = tmp_path / "c.toml", ["train", make_corpus(tmp_path / "data"), "-o", tmp_path / "run"]
        path.write_bytes(b"steps = 0\n")
        args += ["--preset", "tiny", "--config", path]
    else:
        plan = make_plan(tmp_path / "plan", count=4, pairs=2, share=0)
        path, args = plan, ["study", "create", plan, "-o", tmp_path / "study"]
        if kind != "a plan":
            assert run(*args).exit_code == 0
            path, args = tmp_path / "study" / "texts.toml", ["study", "analyze", tmp_path / "study"]
    path.write_bytes(BOM + path.read_bytes().replace(b"\n", b"\r\n"))
    result = run(*args)
    if kind == "a plan":
        assert result.exit_code == 0, result.output
    else:  # what is wrong comes after it has been read
        assert ("steps" if kind == "train" else "nobody has opened") in result.stderr, result.output


OF_MACOS = {
    "._ in tar": ("tar", "songs/._a.mid"),
    "._ in zip": ("zip", "songs/._a.mid"),
    "__MACOSX in zip": ("zip", "__MACOSX/songs/._a.mid"),
    "._ in a folder": ("folder", "songs/._a.mid"),
    "__MACOSX in a folder": ("folder", "__MACOSX/._a.mid"),
    ".DS_Store in tar": ("tar", "songs/.DS_Store"),
}
ADDED = relatives("G", "what macOS adds", OF_MACOS)


@pytest.mark.parametrize("name", ADDED)
def test_what_macos_adds_is_no_failure(run, tmp_path, name):
    kind, other = ADDED[name]
    members = {"songs/a.mid": SONG.to_midi(), other: b"\0\x05\x16\x07\0\x02\0\0Mac OS X"}
    source = tmp_path / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    elif kind == "tar":
        with tarfile.open(source, "w") as archive:
            for member, data in members.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    else:
        for member, data in members.items():
            (source / member).parent.mkdir(parents=True, exist_ok=True)
            (source / member).write_bytes(data)
    result = run("convert", source, "-o", tmp_path / "out", "--to", "tx1")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").rglob("*.tx1.txt"))) == 1


ENCODINGS = relatives("G", "code pages of stdout", {name: name for name in ("cp437", "cp932", "ascii", "latin-1")})


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_batch_goes_on_whatever_stdout_can_show(tmp_path, encoding):
    names = ["plain", "Pokémon №5", "ファミコン", "🎮"]
    for name in names:
        (tmp_path / f"{name}.tx1.txt").write_text(TX1)
    result = done(tmp_path, "convert", ".", "-o", "out", "--to", "mid", PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{name}.mid" for name in names)
    assert result.stdout.count(b"\n") == 4


LONG = relatives("G", "names of 255 bytes", {"a": "a" * 251, "é": "é" * 125, "kana": "の" * 83, "emoji": "🎮" * 62})


@pytest.mark.parametrize("name", LONG)
def test_a_name_of_nearly_255_bytes_is_written(run, tmp_path, name):
    (tmp_path / "a.tx1.txt").write_text(TX1)
    for suffix in (".mid", ".wav", ".vgm"):
        target = tmp_path / (LONG[name] + suffix)
        assert run("convert", tmp_path / "a.tx1.txt", "-o", target).exit_code == 0
        assert run("info", target.with_suffix(suffix) if suffix != ".wav" else tmp_path / "a.tx1.txt").exit_code == 0
        target.unlink()


OUTCOMES = relatives(
    "G", "one JSON object in every outcome",
    {
        "stdin": (["render", "-", "--from", "tx1", "-o", "x.wav"], TX1.encode()),
        "stdin that is no song": (["convert", "-", "--from", "mid", "-o", "x.vgm"], b"no"),
        "a folder that is missing": (["convert", "a.tx1.txt", "-o", "none/x.mid"], b""),
        "an output that exists": (["convert", "a.tx1.txt", "-o", "a.tx1.txt"], b""),
        "an input that is missing": (["info", "none.mid"], b""),
        "a prime of nothing": (["continue", "a.tx1.txt", "--prime-length", "0", "--length", "9", "-o", "c"], b""),
        "wrong usage": (["convert", "a.tx1.txt", "--loops", "x"], b""),
        "a song without notes": (["info", "empty.tx1.txt"], b""),
    },
)  # fmt: skip


@pytest.mark.parametrize("name", OUTCOMES)
def test_json_is_one_object_without_nan_in_every_outcome(tmp_path, name):
    args, stdin = OUTCOMES[name]
    (tmp_path / "a.tx1.txt").write_text(TX1)
    (tmp_path / "empty.tx1.txt").write_text("WT_100\n")
    result = done(tmp_path, "--json", *args, stdin=stdin)

    def no_constant(text):
        raise AssertionError(text)

    assert isinstance(json.loads(result.stdout, parse_constant=no_constant), dict)
    assert result.returncode in (0, 1, 2)


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
@pytest.mark.parametrize("name", relatives("G", "what is no regular file", dict.fromkeys(["device", "fifo", "link"])))
def test_force_never_replaces_what_is_no_regular_file(tmp_path, name):
    (tmp_path / "a.tx1.txt").write_text(TX1)
    place = tmp_path / "x.mid"
    if name == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/null" if name == "device" else "/dev/full")
    before = os.lstat(place)
    result = done(tmp_path, "convert", "a.tx1.txt", "-o", "x.mid", "--force")
    assert (result.returncode == 0) == (name == "device"), result.stderr
    assert os.lstat(place).st_ino == before.st_ino
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tx1.txt", "x.mid"]


OTHER_DATA = relatives(
    "F", "a run that goes on with other data", dict.fromkeys(["another", "missing", "longer", "changed"])
)


@pytest.mark.torch
@pytest.mark.parametrize("kind", OTHER_DATA)
def test_a_run_that_goes_on_with_other_data_is_refused(run, tmp_path, kind):
    pytest.importorskip("torch")
    small = ["--preset", "tiny", "--steps", 1, "--samples", 0, "--layers", 1, "--width", 64, "--batch-size", 2]
    data = make_corpus(tmp_path / "data")
    args = ["-o", tmp_path / "run", *small, "--tgt-len", 16]
    assert run("train", data, *args).exit_code == 0
    if kind == "another":
        data = make_corpus(tmp_path / "other", train=5)
    elif kind == "missing":
        data = tmp_path / "none"
    else:
        path = min((data / "train").iterdir())
        (path if kind == "changed" else path.with_name("z.tx1.txt")).write_text(TX1)
    result = run("train", data, *args)
    assert result.exit_code == 1, result.output
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "internal error" not in result.stderr


REPEATED = relatives(
    "H", "a repeated batch goes on",
    {
        "render": ["render", "songs", "-o", "out"], "render --stems": ["render", "songs", "-o", "out", "--stems"],
        "convert": ["convert", "songs", "-o", "out", "--to", "vgm"],
        "an archive": ["convert", "songs.zip", "-o", "out", "--to", "mid"],
        "generate --shard": [
            "generate", "-n", 4, "--shard", "0/2", "--seed", 1, "--seconds", 2, "--format", "tx1", "-o", "out"
        ],
    },
)  # fmt: skip


@pytest.mark.parametrize("name", REPEATED)
def test_a_batch_that_is_repeated_does_what_is_missing_only(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs").mkdir()
    with zipfile.ZipFile("songs.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"tune {number}.mid", melody(number, count=4))
            (tmp_path / "songs" / f"tune {number}.mid").write_bytes(melody(number, count=4))
    assert run(*REPEATED[name]).exit_code == 0
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    contents = {path: path.read_bytes() for path in made}
    max(made).unlink()
    assert run(*REPEATED[name]).exit_code == 0
    assert {path: path.read_bytes() for path in made} == contents
    assert sum(path.stat().st_mtime_ns == made[path] for path in made) >= len(made) - (4 if "stems" in name else 1)


def test_every_kind_has_three_relatives_and_more():
    tables = RELATIVES | {
        ("A", "machines"): [*itertools.product(test_precision.MACHINES, test_precision.PRECISIONS)],
        ("H", "commands that take ordinary MIDI"): test_arrange.ORDINARY,
        ("I", "archives that lie"): ARCHIVES, ("I", "configurations"): CONFIGURATIONS, ("I", "names"): NAMES,
        ("I", "files of parts"): test_damaged_parts.FILES, ("I", "lines of parts"): test_damaged_parts.LINES,
        ("I", "full disks"): test_full_disks.COMMANDS,
    }  # fmt: skip
    assert {kind: len(cases) for kind, cases in tables.items() if len(cases) < 3} == {}
    assert {letter for letter, _ in tables} == set("ABCDEFGHI")
