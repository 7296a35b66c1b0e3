"""Hostile and broken input: one short line with the file's name, at once, in little memory, and nothing left behind."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import lakhnes
from conftest import TX1
from hostile_files import ARCHIVES, CONFIGURATIONS, bad_names, packed, safetensors
from lakhnes.checkpoint import load_model, save_checkpoint
from lakhnes.errors import printable
from lakhnes.files import one_line
from lakhnes.training.config import TrainingConfig
from small import make_corpus, tiny_config, tiny_model

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX files and signals")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def refused(result, name, *, code=1):
    """Assert that a command ends in one short line with the name of a file."""
    assert result.exit_code == code, (result.stdout, result.stderr)
    lines = [line for line in result.stderr.splitlines() if not line.startswith(("seed ", "0 songs", "0 files"))]
    assert len(lines) == 1, result.stderr
    (line,) = lines
    assert str(name) in line
    assert "internal error" not in line
    assert "Traceback" not in line
    assert len(line) < 1000
    assert not CONTROL.search(line)
    return line


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("command", ["convert", "nesmdb", "import"])
def test_an_archive_that_lies_is_refused_at_once(run, tmp_path, kind, command):
    archive = packed(tmp_path / "a.tar.gz", *ARCHIVES[kind]())
    started = time.process_time()
    if command == "convert":
        result = run("convert", archive, "-o", tmp_path / "out", "--to", "tx1")
    elif command == "nesmdb":
        result = run("data", "nesmdb", archive, tmp_path / "out")
    else:
        result = run("checkpoint", "import", archive, tmp_path / "out")
    refused(result, archive)
    assert time.process_time() - started < 2.0
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"] == ["a.tar.gz"]
    assert not (tmp_path / "out").is_dir() or not list((tmp_path / "out").iterdir())


def test_one_bad_name_in_an_archive_does_not_stop_the_others(run, tmp_path, song):
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(bad_names(song.to_midi()))
    result = run("convert", archive, "-o", tmp_path / "out", "--to", "tx1")
    assert result.exit_code == 1
    names = sorted(os.fsencode(path.name) for path in (tmp_path / "out").rglob("*.tx1.txt"))
    assert names == [b"a\x1b[31m\n.tx1.txt", b"good.tx1.txt", b"\xff\xfe.tx1.txt"]
    assert not CONTROL.search(result.stderr + result.stdout)
    result = run("data", "nesmdb", archive, tmp_path / "corpus", "--to", "tx1", "--json")
    assert result.exit_code == 1
    assert len(list((tmp_path / "corpus" / "train").iterdir())) == 3
    assert len(json.loads(result.stdout)["failed"]) == 2


def test_a_tar_archive_with_long_names_is_read(run, tmp_path, song):
    """GNU's long names, pax names and the two parts of ustar, plain and by three compressors."""
    for number, (mode, form) in enumerate(
        (mode, form)
        for mode in ("w", "w:gz", "w:xz", "w:bz2")
        for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
    ):
        name = "folder/" + "d" * 60 + "/" + "é" * (30 if form == tarfile.USTAR_FORMAT else 70) + ".mid"
        archive = tmp_path / f"{number}.tar"
        with tarfile.open(archive, mode, format=form) as file:
            entry = tarfile.TarInfo(name)
            entry.size = len(song.to_midi())
            file.addfile(entry, io.BytesIO(song.to_midi()))
        result = run("convert", archive, "-o", tmp_path / "out" / str(number), "--to", "tx1")
        assert result.exit_code == 0, result.stderr
        (found,) = (tmp_path / "out" / str(number)).rglob("*.tx1.txt")
        assert found.name.startswith("é" * 30)


@pytest.mark.torch
@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_what_is_wrong_in_a_configuration_is_told_with_its_line(run, tmp_path, kind):
    text, expected = CONFIGURATIONS[kind]
    path = tmp_path / "run.toml"
    path.write_text(text)
    started = time.process_time()
    result = run("train", tmp_path, "-o", tmp_path / "run", "--config", path)
    assert re.search(expected, refused(result, path)), result.stderr
    assert time.process_time() - started < 2.0
    assert not (tmp_path / "run").exists()


def test_every_option_of_a_configuration_is_checked_by_its_type():
    for name, value in tiny_config().facts().items():
        if name in ("model", "augmentation", "memory_ramp"):
            continue
        for wrong in ([], {}, "x", -1.5, float("nan"), 10**400, None):
            if wrong is None and name in ("steps", "minutes"):
                continue
            if wrong == "x" or not isinstance(value, str):
                with pytest.raises(lakhnes.CheckpointError, match=name):
                    TrainingConfig.from_facts({"steps": 5} | {name: wrong})


@pytest.fixture
def checkpoint(tmp_path):
    save_checkpoint(tiny_model(), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("command", ["generate", pytest.param("eval", marks=pytest.mark.torch)])
def test_weights_that_are_not_finite_are_refused(run, tmp_path, checkpoint, command, value):
    weights = load_file(checkpoint / "model.safetensors")
    weights["layers.1.inner.bias"][3] = value
    save_file(weights, checkpoint / "model.safetensors")
    args = ("generate", "-m", checkpoint, "-o", tmp_path / "g") if command == "generate" else None
    result = run(*(args or ("eval", checkpoint, make_corpus(tmp_path / "data"), "--split", "valid")))
    assert "layers.1.inner.bias" in refused(result, checkpoint / "model.safetensors")


def test_the_size_of_the_vocabulary_is_that_of_its_name(tmp_path):
    save_checkpoint(tiny_model(vocabulary="tx1", vocab_size=40), tmp_path)
    with pytest.raises(lakhnes.CheckpointError, match="vocab_size is 40, expected 631"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        lambda: safetensors({}, size=2**40),
        lambda: safetensors({f"t{number}": ("F32", [0], b"") for number in range(100_000)}),
        lambda: safetensors({"\x1b[31m" + "n" * 200_000: ("F32", [0], b"")}),
        lambda: b"",
    ],
)
def test_weights_whose_table_is_none_are_refused(run, tmp_path, checkpoint, data):
    (checkpoint / "model.safetensors").write_bytes(data())
    started = time.process_time()
    refused(run("generate", "-m", checkpoint, "-o", tmp_path / "g"), checkpoint)
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize("layers", [65_536, 10**30, "x", None, [1], True])
def test_a_shape_of_too_many_layers_is_refused(run, tmp_path, checkpoint, layers):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"n_layer": layers}))
    assert "n_layer" in refused(run("generate", "-m", checkpoint, "-o", tmp_path / "g"), path)


@posix
@pytest.mark.parametrize(
    "place",
    [
        "song", "archive", "weights", "config", "info", "plot", "score",
        pytest.param("toml", marks=pytest.mark.torch), pytest.param("folder", marks=pytest.mark.torch),
    ],
)  # fmt: skip
def test_a_pipe_is_no_file(run, tmp_path, checkpoint, place):
    names = {
        "archive": "a.tar.gz",
        "toml": "a.toml",
        "weights": "model/model.safetensors",
        "config": "model/config.json",
    }
    pipe = tmp_path / names.get(place, "a.tx1.txt")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    out = tmp_path / "out"
    commands = {
        "song": ("render", pipe, "-o", tmp_path / "a.wav"),
        "archive": ("convert", pipe, "-o", out, "--to", "tx1"),
        "weights": ("generate", "-m", checkpoint, "-o", out),
        "config": ("generate", "-m", checkpoint, "-o", out),
        "toml": ("train", tmp_path, "-o", out, "--config", pipe),
        "info": ("info", pipe),
        "plot": ("plot", pipe, "-o", tmp_path / "a.png"),
        "score": ("continue", pipe, "-o", out),
    }
    if place == "folder":
        (tmp_path / "train").mkdir()
        os.mkfifo(tmp_path / "train" / "b.tx1.txt")
        result = run("train", tmp_path, "-o", out, "--steps", 1)
        assert result.exit_code == 1
        assert "b.tx1.txt: is no regular file" in result.stderr
        return
    result = run(*commands[place])
    assert result.exit_code == 1
    assert str(pipe.parent) in result.stderr
    assert pipe.name in result.stderr


@posix
@pytest.mark.torch
def test_a_log_that_is_linked_to_a_device_and_a_model_linked_elsewhere_are_refused(run, tmp_path):
    data, out = make_corpus(tmp_path / "data"), tmp_path / "run"
    config = tmp_path / "run.toml"
    config.write_text(tiny_config(steps=1).to_toml())
    out.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, target in (("log.jsonl", "/dev/zero"), ("model", elsewhere)):
        (out / name).symlink_to(target)
        refused(run("train", data, "-o", out, "--config", config, "--force"), out / name)
        (out / name).unlink()
    assert not list(elsewhere.iterdir())


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.argv[0] = "lakhnes"
from lakhnes.cli import main
main()
"""


@posix
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.vgm", "a.png"])
@pytest.mark.parametrize("command", ["render", "convert", "plot"])
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path, name, command):
    fits = {"render": (".wav", ".flac", ".ogg"), "convert": (".wav", ".flac", ".vgm"), "plot": (".png",)}
    if not name.endswith(fits[command]):
        pytest.skip("no such output")
    song = tmp_path / "s.tx1.txt"
    noise = "\n".join(f"NO_NOTEON_{1 + number % 16}\nP1_NOTEON_{40 + number % 60}\nWT_3000" for number in range(3_000))
    song.write_text(noise + "\nNO_NOTEOFF\nP1_NOTEOFF")
    target = tmp_path / "out" / name
    target.parent.mkdir()
    args = [sys.executable, "-c", LIMITED, command, song, "-o", target]
    finished = subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=100, check=False)
    assert finished.returncode == 1, finished.stderr
    (line,) = finished.stderr.splitlines()
    assert str(target) in line
    assert not list(target.parent.iterdir())


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("info", "s.tx1.txt"), "standard output: no space left on device"),
        (("info", "s.tx1.txt", "--json"), "standard output: no space left on device"),
        (("plot", "none.mid", "-o", "a.png", "--json"), "none.mid: no such file or directory"),
    ],
)
def test_a_full_standard_output_is_told_in_one_line(tmp_path, args, told):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    command = [sys.executable, "-m", "lakhnes", *args]
    with Path("/dev/full").open("wb") as full:
        finished = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr == f"Error: {told}\n"


@posix
def test_streams_that_are_closed_are_no_fault_and_no_file_takes_their_place(tmp_path):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    command = f"{sys.executable} -m lakhnes"
    for number, closed in enumerate(("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-")):
        for words in (f"convert s.tx1.txt {number}.vgm", f"plot s.tx1.txt -o {number}.png", "info s.tx1.txt"):
            line = f"{command} {words} {closed}"
            assert subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False).returncode == 0, (
                line
            )
        assert lakhnes.read(tmp_path / f"{number}.vgm").length
        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")
    nothing = subprocess.run(
        ["sh", "-c", f"{command} convert - a.vgm --from mid 0<&-"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (nothing.returncode, nothing.stderr.count(b"\n")) == (1, 1)


INTERRUPTED_IMPORT = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.argv[0] = "lakhnes"
"""


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("from lakhnes.cli import main; main()", 130),
        ("import lakhnes; lakhnes._native.tokenize_files([], lakhnes.Vocabulary.tx1())", None),
        ("import lakhnes; lakhnes.read('s.tx1.txt').piano_roll()", None),
        ("import lakhnes; lakhnes.read('s.tx1.txt').perform().render()", None),
    ],
)
def test_an_interrupt_while_numpy_is_imported_is_no_panic(tmp_path, work, code):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    command = [sys.executable, "-c", INTERRUPTED_IMPORT + work, "info", "s.tx1.txt"]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "panic" not in finished.stderr.lower()
    assert "KeyboardInterrupt" in finished.stderr if code is None else finished.returncode == code


def test_an_interrupt_while_the_command_line_is_loaded_is_one_line(tmp_path):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    interrupted = INTERRUPTED_IMPORT.replace('"numpy"', '"lakhnes.cli"')
    assert interrupted != INTERRUPTED_IMPORT
    command = [sys.executable, "-c", interrupted + "from lakhnes.__main__ import main; main()", "info", "s.tx1.txt"]
    finished = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (130, "interrupted\n")
    assert json.loads(finished.stdout) == {"error": "interrupted"}


def test_matplotlib_says_nothing_of_a_folder_that_it_cannot_write(tmp_path):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    (tmp_path / "file").write_text("")
    environment = os.environ | {"MPLCONFIGDIR": str(tmp_path / "file")}
    command = [sys.executable, "-m", "lakhnes", "plot", "s.tx1.txt", "-o", "a.png"]
    finished = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


@pytest.mark.parametrize("data", [b"a.mid\nb\0.mid\n", "a\nb.mid\n".encode("utf-16-le")])
def test_a_list_that_is_no_text_is_refused_with_its_line(run, tmp_path, data):
    (tmp_path / "list").write_bytes(data)
    result = run("convert", "--files", tmp_path / "list", "-o", tmp_path / "out", "--to", "tx1")
    assert "expected a path in UTF-8, found a zero byte" in refused(result, f"{tmp_path / 'list'}: line ")


def test_an_empty_name_is_not_the_folder_in_which_we_are(run, tmp_path, monkeypatch):
    (tmp_path / "s.tx1.txt").write_text(TX1)
    monkeypatch.chdir(tmp_path)
    for command in (
        ["convert", "", "-o", "out", "--to", "vgm"],
        ["convert", "s.tx1.txt", "-o", ""],
        ["render", "s.tx1.txt", "", "-o", "out"],
        ["render", "s.tx1.txt", "-o", "out", "--log", ""],
        ["generate", "-o", ""],
        ["data", "adapt", "", "out"],
        ["data", "merge", ""],
        ["train", "", "-o", "out"],
        ["studio", ""],
        ["info", ""],
    ):
        result = run(*command)
        assert (result.exit_code, "found an empty name" in result.stderr) == (2, True), command
    result = run("generate", "-m", "", "-o", "out")
    assert (result.exit_code, "an empty name: no such model" in result.stderr) == (1, True)
    assert not (tmp_path / "out").exists()


@posix
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder where even root cannot write")
def test_a_folder_that_cannot_be_made_is_named_as_it_was_given(run, tmp_path, song):
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "a.mid").write_bytes(song.to_midi(form="gm"))
    result = run("data", "adapt", tmp_path / "songs", "/proc/corpus", "--min-seconds", 0, "--min-instruments", 1)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Error: /proc/corpus: no such file or directory"


def test_messages_show_no_control_characters_and_end():
    assert printable("a\x1b[31mb\nc\u202e\u2028é音　👩‍🎤") == "a\\x1b[31mb\\nc\\u202e\\u2028é音　👩‍🎤"
    assert printable("plain") == "plain"
    assert len(printable("x" * 10**6, 800)) < 900
    assert len(one_line(lakhnes.FormatError("n" * 10**6))) < 900
    assert one_line(FileNotFoundError(2, "No such file", "a\x1b\n")) == "a\\x1b\\n: no such file"


def test_a_loop_of_one_tick_full_of_writes_is_refused(run, tmp_path):
    writes = np.array([(10, 0x11, number % 128) for number in range(10_000)])
    log = lakhnes.RegisterLog(writes=writes, length=11, loop_start=10)
    path = tmp_path / "a.vgz"
    path.write_bytes(gzip.compress(log.to_vgm()))
    started = time.process_time()
    assert "writes of all loops" in refused(run("render", path, "-o", tmp_path / "a.wav"), path)
    assert time.process_time() - started < 2.0
    assert run("render", path, "-o", tmp_path / "a.wav", "--loops", 1, "--fade", 0.01).exit_code == 0


def test_the_writes_of_a_loop_are_counted_each_time(tmp_path):
    writes = np.array([(tick, 0x11, tick % 128) for tick in range(44_100)])
    log = lakhnes.RegisterLog(writes=writes, length=44_100, loop_start=0)
    assert len(lakhnes.render(log, loops=2, fade=0.5)) == 2.5 * 44_100
    with pytest.raises(lakhnes.LimitError, match="writes of all loops: expected at most 64000000"):
        lakhnes.render(log, loops=1_500)


@posix
def test_a_render_is_stopped_within_a_moment(tmp_path):
    writes = np.array([(tick, 0x11, value % 128) for tick in range(0, 44_100, 2) for value in range(60)])
    log = lakhnes.RegisterLog(writes=writes, length=44_100, loop_start=0)
    (tmp_path / "a.vgm").write_bytes(log.to_vgm())
    command = [sys.executable, "-m", "lakhnes", "render", "a.vgm", "-o", "a.wav", "--loops", "40"]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".*.part")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    if running.poll() is None:
        running.terminate()
        stopped = time.monotonic()
        running.wait(30)
        assert time.monotonic() - stopped < 5.0
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    "args",
    [
        ("--loops", 10**30), ("--loops", 0), ("--jobs", 10**30), ("--rate", 10**30), ("--fade", "nan"),
        ("--fade", 1e300),
    ],
)  # fmt: skip
def test_numbers_beyond_a_type_are_wrong_usage(run, song_file, tmp_path, args):
    result = run("render", song_file, "-o", tmp_path / "a.wav", *args)
    assert result.exit_code == 2, result.stderr
    assert "internal error" not in result.stderr


@pytest.mark.parametrize("args", [("--top-k", 10**30), ("--seed", 2**64), ("-n", 10**30), ("--temperature", "nan")])
def test_numbers_beyond_a_type_are_wrong_usage_in_composing(run, tmp_path, args):
    assert run("generate", "-o", tmp_path / "g", "--length", 4, *args).exit_code == 2


def test_a_part_of_a_log_beyond_any_is_wrong_usage(run, song_file, tmp_path):
    result = run("convert", song_file, "-o", tmp_path / "a.ndr.txt", "--shorten", f"{10**30}:5")
    assert result.exit_code == 2


@posix
def test_very_many_songs_begin_at_once_and_in_little_memory(tmp_path):
    """A batch of a million, of 10^9 songs: the first is written, and then the user has heard enough."""
    command = [sys.executable, "-m", "lakhnes", "generate", "-n", str(10**9), "--batch-size", str(10**6), "--length"]
    command += ["4", "--min-length", "0", "--min-duration", "0", "--min-voices", "0", "--format", "tx3", "-o", "g"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watch = threading.Timer(90, running.kill)
    watch.start()
    assert b"0.tx3.txt" in running.stdout.readline()
    status = Path(f"/proc/{running.pid}/status")
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) if status.exists() else 0
    running.terminate()
    running.communicate()
    watch.cancel()
    assert peak < 600 * 1024


def test_dollars_and_line_ends_in_names_are_plotted_as_they_are(run, tmp_path):
    for name in ("a$b$c.tx1.txt", "a$\\frac$.tx1.txt", "a\nb.tx1.txt"):
        (tmp_path / name).write_text(TX1)
        result = run("-q", "plot", tmp_path / name, "-o", tmp_path / "a.png", "--force")
        assert result.exit_code == 0, result.stderr


def test_a_picture_of_very_many_notes_is_as_small_as_one_that_shows_the_same():
    from lakhnes.plotting import MOST_BARS, _seen

    starts = np.arange(0, 4_000_000, 4, dtype=np.int64)
    ends, pitches = starts + 3, 40 + (starts // 4) % 12
    left, right, pitch = _seen(starts, ends, pitches)
    assert len(left) <= 12 * 4_001
    assert set(pitch) == set(range(40, 52))
    assert left.min() == 0
    assert abs(int(right.max()) - int(ends.max())) <= 2_000
    few = _seen(starts[:MOST_BARS], ends[:MOST_BARS], pitches[:MOST_BARS])
    assert len(few[0]) == MOST_BARS
    # One in each second column, and pitch: fewer columns are shown then.
    starts, pitches = (axis.ravel() for axis in np.mgrid[0:4_000_000:2_000, 0:128])
    left, right, pitch = _seen(starts, starts + 1_000, pitches)
    assert 128 <= len(left) <= MOST_BARS
    assert set(pitch) == set(range(128))
    assert (left.min(), right.max()) >= (0, 3_999_000)


def test_a_song_by_a_name_with_a_line_end_is_sharded(run, tmp_path):
    data = make_corpus(tmp_path / "data", train=2)
    (data / "train" / "a\nb.tx1.txt").write_text((data / "train" / "000.tx1.txt").read_text())
    assert run("data", "shard", data).exit_code == 0
    corpus = lakhnes.data.corpus.Corpus.load(data, "train", lakhnes.Vocabulary.tx1())
    assert corpus.names == ["000", "001", "a\\nb"]
