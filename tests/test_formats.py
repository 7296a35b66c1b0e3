"""Every form of NES-MDB from the command line and from Python, on songs of our own."""

import io
import json
import tarfile

import numpy as np
import pytest

import lakhnes
from conftest import TX1
from lakhnes.arrays import from_arrays, to_arrays


@pytest.fixture
def log(song):
    return song.perform()


@pytest.mark.parametrize("kind", ["ndr", "ndf", "nlm"])
def test_a_disassembly_is_the_same_log_as_text_as_json_and_as_tuples(run, log, tmp_path, kind):
    lakhnes.write(log, tmp_path / "a.vgm")
    for form in ("txt", "json"):
        result = run("convert", tmp_path / "a.vgm", "-o", tmp_path / f"a.{kind}.{form}")
        assert result.exit_code == 0, result.stderr
    tuples = log.to_tuples(kind)
    assert json.loads((tmp_path / f"a.{kind}.json").read_text()) == [list(event) for event in tuples]
    again = lakhnes.RegisterLog.from_tuples(tuples, kind)
    assert lakhnes.read_log(tmp_path / f"a.{kind}.txt") == again
    assert lakhnes.read_log(tmp_path / f"a.{kind}.json") == again
    assert lakhnes.RegisterLog.from_tuples(json.loads(log.to_json(kind)), kind) == again
    assert again.transcribe() == log.transcribe()


def test_what_is_no_disassembly_is_told_with_its_place(run, tmp_path):
    for text, message in (
        ('[["apu","18","00"]]', "tuple 1: expected a register from 00 to 17"),
        ('[["wait",5],\n["apu",null,"00"]]', "line 2, column 11: expected a list of lists"),
        ('[["wait",5]', "line 1, column 11: expected a list of lists"),
        ('[["a,b",5]]', "line 1, column 7: expected a list of lists"),
        ('[["wait",-5]]', "line 1, column 11: expected a list of lists"),
        ("{}", "line 1, column 2: expected a list of lists of strings and integers, found map"),
    ):
        (tmp_path / "a.ndr.json").write_text(text)
        result = run("convert", tmp_path / "a.ndr.json", "-o", tmp_path / "a.vgm")
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert f"a.ndr.json: {message}" in result.stderr
    for tuples in ([("wait", 5), ("wait", "5,6")], [("wait", 5), ("wait", 1.5)], [("wait", 5), ("wa\nit", 5)]):
        with pytest.raises(lakhnes.FormatError, match="tuple 2: expected"):
            lakhnes.RegisterLog.from_tuples(tuples, "ndr")


def test_a_raw_score_holds_the_timers_and_plays_as_it_was(run, log, song, tmp_path):
    lakhnes.write(log, tmp_path / "a.vgm")
    assert run("convert", tmp_path / "a.vgm", "-o", tmp_path / "a.rawsco.npz").exit_code == 0
    with np.load(tmp_path / "a.rawsco.npz") as arrays:
        assert (arrays["clock"], arrays["rate"], arrays["nsamps"]) == (1_789_773, 44_100, log.length)
        assert arrays["starts"][0] == 0
        assert arrays["values"][0].tolist() == [[0, 253, 15, 0], [1, 251, 15, 0], [0, 0, 0, 0], [0, 12, 15, 0]]
    assert lakhnes.read(tmp_path / "a.rawsco.npz") == log.transcribe()
    # The triangle sounds from a quarter frame on, which a raw score has and its writes have not: so without it.
    others = lakhnes.Song.from_tx1(
        "\n".join(event for event in TX1.split("\n") if not event.startswith("TR"))
    ).perform()
    lakhnes.write(others, tmp_path / "b.rawsco.npz")
    assert lakhnes.read_log(tmp_path / "b.rawsco.npz") == others
    slow = to_arrays(song, "rawsco", 24)
    assert slow["rawsco"].shape == (song.length * 24 // 44_100, 4, 4)
    assert from_arrays(slow, "rawsco", score=True).voices["p1"][:, 2].tolist() == [69, 72]


def test_a_score_at_the_full_rate_is_exact_and_of_any_length(run, song, tmp_path):
    lakhnes.write(song, tmp_path / "a.mid")
    target = tmp_path / "a.exprsco.npz"
    assert run("convert", tmp_path / "a.mid", target, "--score-rate", 44_100).exit_code == 0
    with np.load(target) as arrays:
        assert sorted(arrays) == ["nsamps", "rate", "starts", "values"]
        assert arrays["values"].shape == (len(arrays["starts"]), 4, 3)
    assert lakhnes.read(target).to_tx2() == song.to_tx2()
    hour = lakhnes.Song.from_tx1("P1_NOTEON_69\nWT_158760000\nP1_NOTEOFF")
    assert from_arrays(to_arrays(hour, "exprsco", 44_100), "exprsco") == hour
    with pytest.raises(lakhnes.LimitError):
        to_arrays(hour, "seprsco", 44_100)


def test_arrays_that_are_no_score_are_told_apart(song):
    whole = to_arrays(song, "exprsco", 44_100)
    for change, message in (
        ({"starts": whole["starts"][1:]}, "as many starts as frames"),
        ({"starts": whole["starts"][::-1].copy()}, "starts that ascend from 0"),
        ({"starts": whole["starts"] * 1.5}, "starts: expected integers"),
        ({"values": whole["values"].astype(np.int64)}, "values: expected uint8 of N x 4 x 3"),
        ({"nsamps": np.array([1, 2])}, "nsamps: expected one number"),
        ({"nsamps": np.array(-1)}, "nsamps: expected 0 or more"),
    ):
        with pytest.raises(lakhnes.FormatError, match=message):
            from_arrays(whole | change, "exprsco")
    with pytest.raises(lakhnes.FormatError, match="no array 'clock'"):
        from_arrays(whole, "rawsco")


def test_vgm_files_are_simplified_and_shortened(run, log, tmp_path):
    data = bytearray(log.to_vgm())
    data[0xC0:0xC0] = bytes([0xB4, 0x10, 0x0F])
    data[4:8] = (len(data) - 4).to_bytes(4, "little")
    (tmp_path / "a.vgm").write_bytes(data)
    assert run("convert", tmp_path / "a.vgm", tmp_path / "b.vgm", "--simplify").exit_code == 0
    assert (tmp_path / "b.vgm").read_bytes() == log.to_vgm()
    assert run("convert", tmp_path / "b.vgm", tmp_path / "c.vgm", "--shorten", "7:3", "--long-waits").exit_code == 0
    assert (tmp_path / "c.vgm").read_bytes() == log.shorten(7, 3).to_vgm(long_waits=True)
    assert len(lakhnes.read_log(tmp_path / "c.vgm").writes) == 3
    assert run("convert", tmp_path / "b.vgm", tmp_path / "d.vgm", "--shorten", "7").exit_code == 2
    lakhnes.write(log.transcribe(), tmp_path / "a.mid")
    for option in (["--simplify"], ["--shorten", "1:2"]):
        result = run("convert", tmp_path / "a.mid", tmp_path / "d.vgm", *option)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "a.mid: mid, expected" in result.stderr


def archive_of(path, members):
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w:xz") as file:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def test_an_archive_of_any_form_becomes_a_corpus(run, song, log, tmp_path):
    forms = {
        "nesmdb_vgm.tar.gz": ("vgm", log.to_vgm()),
        "nesmdb_nlm.tar.xz": ("nlm.txt", log.to_text("nlm").encode()),
        "nesmdb_tx1.tar.gz": ("tx1.txt", TX1.encode()),
        "nesmdb_tx2.tar.xz": ("tx2.txt", song.to_tx2().encode()),
    }
    transcribed = log.transcribe().to_tx1()
    for name, (suffix, data) in forms.items():
        archive = archive_of(tmp_path / name, {f"{name[:10]}/{split}/a.{suffix}": data for split in ("train", "test")})
        result = run("data", "nesmdb", archive, tmp_path / name[:10], "--to", "tx1", "--json")
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["songs"] == {"train": 1, "test": 1}
        text = (tmp_path / name[:10] / "test" / "a.tx1.txt").read_text()
        assert text == (TX1 if "tx" in name else transcribed)
    exact = run("data", "nesmdb", tmp_path / "nesmdb_vgm.tar.gz", tmp_path / "exact", "--exact")
    assert exact.exit_code == 0, exact.stderr
    assert (tmp_path / "exact" / "train" / "a.tx1.txt").read_text() == log.transcribe(exact=True).to_tx1()


def test_an_archive_is_converted_where_it_belongs(run, song, tmp_path):
    midi = song.to_midi()
    names = ["db/train/a.mid", "../../up.mid", "/root.mid", "db/valid/a.mid", "db/valid/.hidden.mid", "notes.txt"]
    archive = archive_of(tmp_path / "db.tar.gz", {**dict.fromkeys(names, midi), "db/test/bad.mid": b"MThd"})
    result = run("convert", archive, "-o", tmp_path / "deep" / "out", "--to", "tx1")
    assert result.exit_code == 1
    assert "db.tar.gz: db/test/bad.mid: byte 0: expected a MIDI header" in result.stderr
    assert "db/valid/.hidden.mid: expected names that do not begin with a dot" in result.stderr
    out = tmp_path / "deep" / "out"
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.tx1.txt"))
    assert written == sorted(f"deep/out/{name}.tx1.txt" for name in ("db/train/a", "db/valid/a", "root", "up"))
    assert (out / "up.tx1.txt").read_text() == TX1
    again = run("convert", archive, "-o", out, "--to", "tx1")
    assert "exists already" in again.stderr
    archive.write_bytes(archive.read_bytes()[:-30])
    assert "expected a whole .tar.gz" in run("convert", archive, "-o", tmp_path / "x", "--to", "tx1").stderr


def test_without_o_the_last_argument_is_the_output(run, song_file, tmp_path):
    result = run("convert", song_file, tmp_path / "a.mid")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'a.mid'}\n"), result.stderr
    assert run("convert", song_file).exit_code == 2


def test_npz_scores_are_rendered_beside_others(run, song, tmp_path):
    lakhnes.write(song, tmp_path / "a.exprsco.npz", score_rate=44_100)
    lakhnes.write(song, tmp_path / "b.tx2.txt")
    result = run("render", tmp_path / "a.exprsco.npz", tmp_path / "b.tx2.txt", "-o", f"{tmp_path}/out/")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "out" / "a.wav").read_bytes() == (tmp_path / "out" / "b.wav").read_bytes()
