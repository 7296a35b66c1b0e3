import errno
import os
import pickle
import zipfile

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes import files, outputs
from lakhnes.arrays import to_arrays
from lakhnes.errors import LakhnesWarning
from lakhnes.files import AUDIO_FORMATS, PLAYABLE, SCORES, base_name, files_below, format_of, suffix_of
from lakhnes.outputs import replacing


@pytest.mark.parametrize(
    ("name", "format", "base"),
    [
        ("a.tx1.txt", "tx1", "a"),
        ("A.B.TX2.TXT", "tx2", "A.B"),
        ("x.y.mid", "mid", "x.y"),
        ("x.midi", "mid", "x"),
        ("s.exprsco.pkl", "exprsco", "s"),
        ("s.seprsco.pkl", "seprsco", "s"),
        ("s.vgz", "vgz", "s"),
        ("s.nlm.txt", "nlm", "s"),
        ("s.ndf.pkl", "ndf.pkl", "s"),
    ],
)
def test_the_end_of_a_name_says_the_format(name, format, base):
    assert format_of(name, PLAYABLE) == format
    assert base_name(f"folder/{name}") == base
    assert format_of(f"x{suffix_of(format)}", PLAYABLE) == format


@pytest.mark.parametrize("name", ["a.txt", "a", "a.wav", ".mid.bak", "a.pkl"])
def test_other_names_are_refused_with_those_that_would_do(name):
    with pytest.raises(lakhnes.FormatError, match=r"must end in one of \.tx1\.txt"):
        format_of(name, SCORES)


def write_half_and_fail(target):
    with replacing(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "x.bin"
    with pytest.raises(RuntimeError):
        write_half_and_fail(target)
    assert list(tmp_path.iterdir()) == []
    outputs.write_bytes(target, b"whole")
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path):
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        outputs.write_bytes(target, b"new", overwrite=False)
    assert target.read_bytes() == b"old"
    outputs.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = tmp_path / "big.tx1.txt"
    path.write_bytes(b"x" * 101)
    with pytest.raises(lakhnes.LimitError, match="101 bytes, expected at most 100"):
        files.read_limited(path, limit=100)


@pytest.mark.parametrize("format", AUDIO_FORMATS)
def test_sound_files_hold_what_was_rendered(format, tmp_path, song):
    path = tmp_path / f"song.{format}"
    lakhnes.write(song, path, sample_rate=48_000)
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == 48_000
    expected = song.perform().render_int16(sample_rate=48_000)
    assert samples.shape == expected.shape
    if format != "ogg":  # Vorbis is lossy
        np.testing.assert_array_equal(samples, expected)


def test_stereo_and_float_samples_are_taken(tmp_path):
    stereo = np.zeros((1_000, 2), dtype=np.float32)
    stereo[:, 1] = 0.5
    lakhnes.write_audio(tmp_path / "x.wav", stereo)
    samples, rate = soundfile.read(tmp_path / "x.wav")
    assert rate == 44_100
    np.testing.assert_allclose(samples, stereo, atol=1e-4)
    with pytest.raises(lakhnes.FormatError, match="dimensions"):
        lakhnes.write_audio(tmp_path / "y.wav", np.zeros((2, 2, 2), dtype=np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


@pytest.mark.parametrize("name", ["s.tx1.txt", "s.tx2.txt", "s.mid"])
def test_what_is_written_is_what_is_read(name, tmp_path, song):
    lakhnes.write(song, tmp_path / name)
    assert lakhnes.read(tmp_path / name).voices["p1"].tolist() == song.voices["p1"].tolist()


@pytest.mark.parametrize("name", ["s.vgm", "s.vgz", "s.ndr.txt", "s.ndf.txt"])
def test_register_writes_are_read_as_a_log_or_transcribed(name, tmp_path, song):
    lakhnes.write(song, tmp_path / name)
    assert lakhnes.read_log(tmp_path / name) == song.perform()
    assert lakhnes.read(tmp_path / name) == song.perform().transcribe()


def test_a_transcription_has_the_notes_that_were_performed(tmp_path, song):
    lakhnes.write(song.perform(), tmp_path / "x.mid")
    transcribed = lakhnes.read(tmp_path / "x.mid")
    for voice in ("p1", "p2", "no"):  # the triangle begins with a quarter of a frame
        assert transcribed.voices[voice].tolist() == song.voices[voice].tolist()


def test_tokens_of_writes_say_what_changes(tmp_path, song):
    lakhnes.write(song, tmp_path / "x.nlm.txt")
    tuples = song.perform().to_tuples("nlm")
    assert tuples[0] == ("clock", 1789773)
    text = (tmp_path / "x.nlm.txt").read_text()
    assert text.split("\n") == [f"{name},{value}" for name, value in tuples]
    assert text == song.perform().to_text("nlm")
    pickled = tmp_path / "x.nlm.pkl"
    pickled.write_bytes(pickle.dumps(tuples, protocol=2))
    assert lakhnes.read_log(pickled) == lakhnes.read_log(tmp_path / "x.nlm.txt")
    assert lakhnes.read(pickled).to_tx1() == lakhnes.read(tmp_path / "x.nlm.txt").to_tx1()


def test_logs_are_shortened_and_simplified(song):
    log = song.perform()
    assert log.shorten().writes.tolist() == log.writes.tolist()
    assert len(log.shorten(1, 4).writes) == 4
    assert lakhnes.RegisterLog.simplify_vgm(log.to_vgm()) == log.to_vgm()
    with pytest.raises(lakhnes.FormatError, match="line 1: expected"):
        lakhnes.RegisterLog.from_bytes(b"apu,99,00", "ndr")


def test_published_scores_of_every_kind_are_read(tmp_path):
    frames = np.array([[60, 64, 40, 0], [60, 64, 40, 16]], dtype=np.uint8)
    blended = [[40, 60, 64], [40, 60, 64]]
    for kind, value in (("seprsco", frames), ("blndsco", blended)):
        path = tmp_path / f"x.{kind}.pkl"
        path.write_bytes(pickle.dumps((24.0, 3675, value), protocol=2))
        song = lakhnes.read(path)
        sounding = sorted(int(pitch) for voice in ("p1", "p2", "tr") for pitch in song.voices[voice][:, 2])
        assert sounding == [40, 60, 64]
        assert song.length == 3675


@pytest.mark.parametrize("kind", ["exprsco", "seprsco", "blndsco"])
def test_scores_are_arrays_that_come_back(kind, tmp_path, song):
    path = tmp_path / f"x.{kind}.npz"
    lakhnes.write(song, path, score_rate=100)
    with np.load(path) as arrays:
        assert (arrays["rate"], arrays["nsamps"]) == (100.0, song.length)
        assert arrays[kind].shape[0] == song.length * 100 // 44_100
    again = tmp_path / f"again.{kind}.npz"
    lakhnes.write(lakhnes.read(path), again, score_rate=100)
    with np.load(path) as first, np.load(again) as second:
        np.testing.assert_array_equal(first[kind], second[kind])
    lakhnes.write(song, path, score_rate=None)
    with np.load(path) as arrays:
        assert 1 <= arrays["rate"] <= 60


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"rate": 24.0, "nsamps": 10}, "expected arrays rate, nsamps and seprsco"),
        ({"rate": 24.0, "nsamps": 10, "seprsco": np.zeros((2, 3), np.uint8)}, r"expected uint8 of N x 4"),
        ({"rate": 24.0, "nsamps": 10, "seprsco": np.zeros((2, 4))}, "found float64"),
        ({"rate": [24.0], "nsamps": 10, "seprsco": np.zeros((2, 4), np.uint8)}, "rate: expected one number"),
        ({"rate": 24.0, "nsamps": -1, "seprsco": np.zeros((2, 4), np.uint8)}, "nsamps: expected 0 or more"),
        ({"rate": 24.0, "nsamps": 10, "seprsco": np.full((2, 4), 9, np.uint8)}, "a note that p1 has, found 9"),
        (
            {"rate": np.array(None), "nsamps": 10, "seprsco": np.zeros((2, 4), np.uint8)},
            "found Python objects",
        ),
    ],
)
def test_arrays_that_are_no_score_are_refused(arrays, message, tmp_path):
    path = tmp_path / "x.seprsco.npz"
    np.savez(path, **arrays)
    with pytest.raises(lakhnes.FormatError, match=message):
        lakhnes.read(path)
    path.write_bytes(b"PK no")
    with pytest.raises(lakhnes.FormatError, match=r"expected a \.npz file"):
        lakhnes.read(path)


def test_arrays_of_any_order_and_byte_order_are_read(song, tmp_path):
    arrays = to_arrays(song, "exprsco", 44_100)
    others = {
        name: np.asarray(array.astype(array.dtype.newbyteorder(">")), order="F") for name, array in arrays.items()
    }
    np.savez(tmp_path / "x.exprsco.npz", **others)
    assert lakhnes.read(tmp_path / "x.exprsco.npz").to_tx1() == song.to_tx1()


def test_samples_without_channels_are_refused(tmp_path):
    with pytest.raises(lakhnes.FormatError, match="samples of 0 channels, expected 1 to 1024"):
        lakhnes.write_audio(tmp_path / "x.wav", np.zeros((9, 0), np.int16))
    assert list(tmp_path.iterdir()) == []


def test_rounded_floats_are_the_integers_of_the_chip(song, tmp_path):
    lakhnes.write_audio(tmp_path / "a.wav", lakhnes.render(song))
    lakhnes.write(song, tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_file_of_more_arrays_than_any_score_has_is_not_looked_through(tmp_path):
    path = tmp_path / "x.seprsco.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1_001):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(lakhnes.LimitError, match="at most 1000"):
        lakhnes.read(path)


def test_arrays_over_the_limit_are_not_unpacked(tmp_path):
    path = tmp_path / "x.seprsco.npz"
    np.savez_compressed(path, rate=24.0, nsamps=10, seprsco=np.zeros((17 * 2**20, 4), np.uint8))
    with pytest.raises(lakhnes.LimitError, match="expected at most 67108864"):
        lakhnes.read(path)


def test_the_message_of_a_wrong_file_names_file_and_place(tmp_path):
    path = tmp_path / "x.tx1.txt"
    path.write_text("WT_5\nP1_NOTEON_200\n")
    with pytest.raises(lakhnes.TokenError) as caught:
        lakhnes.read(path)
    assert str(caught.value).startswith(f"{path}: line 2: expected P1_NOTEON_33 to 108")


def _folder(tmp_path):
    for name in ("b.mid", "a/z.tx1.txt", "a.mid", "a/b/c.mid", "._a.mid", "__MACOSX/a.mid", "notes.txt", ".hidden.mid"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_the_files_of_a_folder_are_listed_in_the_order_of_their_paths_without_those_that_macos_adds(tmp_path):
    folder = _folder(tmp_path)
    assert files_below(folder) == [".hidden.mid", "a/b/c.mid", "a/z.tx1.txt", "a.mid", "b.mid", "notes.txt"]
    assert files_below(folder, ("mid",)) == [".hidden.mid", "a/b/c.mid", "a.mid", "b.mid"]
    paths = [folder / name for name in files_below(folder)]
    assert paths == sorted(paths)


def test_links_to_folders_are_not_followed_and_links_to_files_are_files(tmp_path):
    folder = _folder(tmp_path / "songs")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "c.mid").symlink_to(folder / "b.mid")
    (folder / "gone.mid").symlink_to(folder / "nothing.mid")
    assert files_below(folder, ("mid",)) == [".hidden.mid", "a/b/c.mid", "a.mid", "b.mid", "c.mid"]


def test_a_folder_that_may_not_be_read_is_named_in_a_warning(tmp_path, monkeypatch):
    folder = _folder(tmp_path)
    scan = os.scandir

    def refuse(place):
        if place == folder / "a":
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.warns(LakhnesWarning, match=r"a: may not be read, left out"):
        assert files_below(folder, ("mid",)) == [".hidden.mid", "a.mid", "b.mid"]
