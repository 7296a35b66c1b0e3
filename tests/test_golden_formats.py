"""The command line against the files of the original programs, to the byte, and MIDI and texts as fixed points.

`make check-data` runs the fixed points on all songs; here they run on a sample.
"""

import gzip
import io
import os
import tarfile

import mido
import numpy as np
import pytest

import lakhnes
from lakhnes.arrays import to_arrays
from lakhnes.songs import decode

SONGS = [f"202_LawnMower_{name}" for name in ("00_01Title", "02_03LevelClear", "03_04OutofFuel")]

SAMPLE = 1 if os.environ.get("LAKHNES_ALL_SONGS") else 70
"""Which songs of NES-MDB the fixed points are checked on: every so many."""


@pytest.fixture(params=SONGS)
def golden(request, shared):
    def read(ending):
        data = (shared / "golden" / "lawnmower" / f"{request.param}.{ending}").read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data

    read.path = lambda ending: shared / "golden" / "lawnmower" / f"{request.param}.{ending}"
    return read


def test_files_are_converted_to_the_bytes_of_the_original(run, golden, tmp_path):
    def converted(source, target, *options):
        path = source if hasattr(source, "exists") else golden.path(source)
        result = run("convert", path, tmp_path / target, "--force", *options)
        assert result.exit_code == 0, result.stderr
        return (tmp_path / target).read_bytes()

    assert converted("vgm", "a.vgm", "--simplify") == golden("simp.vgm")
    assert converted("vgm", "a.vgm", "--shorten", "400:1000", "--long-waits") == golden("short_400_1000.vgm")
    for kind in ("ndr", "ndf", "nlm"):
        assert converted("vgm", f"a.{kind}.json") == golden(f"{kind}.json.gz")
        if kind != "nlm":  # of which the original has no text
            assert converted("vgm", f"a.{kind}.txt") == golden(f"{kind}.txt.gz")
            for form in ("json", "txt"):
                assert converted(tmp_path / f"a.{kind}.{form}", "a.vgm", "--long-waits") == golden(f"{kind}.vgm")
    assert lakhnes.RegisterLog.from_vgm(golden("nlm.vgm")) == lakhnes.read_log(tmp_path / "a.nlm.json")
    assert converted("vgm", "a.mid") == golden("mid")
    assert converted("mid", "a.tx1.txt") == golden("tx1.txt")
    assert converted("mid", "a.tx2.txt") == golden("tx2.txt")
    assert converted("tx1.txt", "a.mid") == golden("tx1.mid")
    assert converted("tx2.txt", "a.mid") == golden("tx2.mid")
    for form in ("rawsco", "exprsco44100"):
        kind = f"{form.removesuffix('44100')}.npz"
        assert converted(f"{form}.npz", "a.mid", "--from", kind) == golden("mid")


def test_scores_have_the_arrays_of_the_original(golden, tmp_path):
    def theirs(ending):
        with np.load(io.BytesIO(golden(ending))) as file:
            return {name: file[name] for name in file}

    def same(ours, expected):
        np.testing.assert_array_equal(ours["rate"], expected["rate"])
        np.testing.assert_array_equal(ours["nsamps"], expected["nsamps"])
        for name in set(expected) - {"rate", "nsamps"}:
            np.testing.assert_array_equal(ours[name], expected[name], err_msg=name)

    song = lakhnes.Song.from_midi(golden("mid"))
    same(to_arrays(song, "exprsco", 44_100), theirs("exprsco44100.npz"))
    for rate in (24, 100):
        same(to_arrays(song, "exprsco", rate), theirs(f"exprsco{rate}.npz"))
    same(to_arrays(song, "seprsco", 24), theirs("seprsco24.npz"))
    same(to_arrays(song, "rawsco", 24), theirs("exprsco24_rawsco.npz"))
    raw, expected = to_arrays(lakhnes.RegisterLog.from_vgm(golden("vgm")), "rawsco"), theirs("rawsco.npz")
    lengths = np.diff(raw["starts"], append=raw["nsamps"])
    same({**raw, "rawsco": np.repeat(raw["values"], lengths, axis=0)}, expected)
    log = decode(golden("rawsco.npz"), "rawsco.npz", name="golden")
    np.testing.assert_array_equal(log.writes, lakhnes.RegisterLog.from_vgm(golden("rawsco.vgm.gz")).writes)


@pytest.fixture(scope="module")
def midis(shared):
    with tarfile.open(shared / "data" / "nesmdb_midi_train_valid.tar.xz") as archive:
        members = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
        assert len(members) == 4905
        chosen = {member.name for member in members[::SAMPLE]}
    with tarfile.open(shared / "data" / "nesmdb_midi_train_valid.tar.xz") as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.name in chosen}


def test_midi_and_texts_are_fixed_points(midis):
    for name, data in midis.items():
        song = lakhnes.Song.from_midi(data)
        for write, read in (("to_tx1", lakhnes.Song.from_tx1), ("to_tx2", lakhnes.Song.from_tx2)):
            text = getattr(song, write)()
            midi = read(text).to_midi()
            again = lakhnes.Song.from_midi(midi)
            assert getattr(again, write)() == text, name
            assert again.to_midi() == midi, name
    print(f"{len(midis)} songs")


def test_every_change_of_a_text_is_in_its_midi(midis):
    """Told by another reader of MIDI, on a few short songs."""
    short = sorted(midis.items(), key=lambda item: len(item[1]))[: max(len(midis) // 4, 1)]
    for name, data in short:
        text = lakhnes.Song.from_midi(data).to_tx2()
        midi = mido.MidiFile(file=io.BytesIO(lakhnes.Song.from_tx2(text).to_midi()))
        told = set()
        for track in midi.tracks[1:]:
            now = 0
            for message in track:
                now += message.time
                if message.type == "control_change":
                    kind = {11: "VELOCITY", 12: "TIMBRE"}[message.control]
                    told.add((now, f"{track.name.upper()}_{kind}_{message.value}"))
        assert told == changes_of(text), name


def changes_of(text):
    now, changes = 0, set()
    for event in text.split("\n"):
        if event.startswith("WT_"):
            now += int(event[3:])
        elif "_VELOCITY_" in event or "_TIMBRE_" in event:
            changes.add((now, event))
    return changes


def test_songs_of_nesmdb_come_back_from_their_nsf_files_write_for_write(midis):
    """Each write is the song's, in its order and near its time; "frame" has it at the nearest call."""
    ending = {"find_loop": False, "find_silence": False, "file_times": False}
    latest = {"exact": 3e-3, "frame": 12e-3}
    for name, data in midis.items():
        log = lakhnes.Song.from_midi(data).perform()
        source = log.writes[log.writes[:, 0] < log.length]
        for timing, most in latest.items():
            file = lakhnes.NsfFile.from_bytes(log.to_nsf(timing=timing))
            played = file.run(max_duration=log.duration + 0.1, **ending)[0].writes
            # What comes before is the console's and INIT's: the song's own first write is that of $4015 after $4017.
            first = int(np.flatnonzero(played[:, 1] == 0x17)[-1]) + 1
            found = played[first : first + len(source)]
            np.testing.assert_array_equal(found[:, 1:], source[:, 1:], err_msg=f"{name}, {timing}")
            assert np.abs(found[:, 0] - source[:, 0]).max() <= most * 44_100, f"{name}, {timing}"


def test_the_triangle_of_nesmdb_begins_in_nsf_files_when_the_pulses_do(midis, tmp_path):
    """Not a quarter of a frame later, with the first clock of its linear counter."""
    began = 0
    for name, data in midis.items():
        song = lakhnes.Song.from_midi(data)
        lakhnes.write(song, tmp_path / "x.nsf")
        again = lakhnes.read(tmp_path / "x.nsf", max_duration=song.duration)
        notes, found = song.voices["tr"], again.voices["tr"]
        if len(notes) and len(found):
            assert abs(found[0, 0] - notes[0, 0]) <= 90, name
            began += 1
    assert began > len(midis) / 2
