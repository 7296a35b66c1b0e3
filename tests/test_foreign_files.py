"""Files of other programs that break their standard: read as players do, with a warning where something is left out."""

import warnings

import pytest

import lakhnes

HEADER = b"MThd\0\0\0\x06\0\x01\0\x01\x01\xe0"
NOTES = b"\0\x90\x3c\x64\x60\x3c\0\0\xb0\x07\xa8\0\x90\x3e\x64\x60\x3e\0"
"""Two notes, and between them a controller value of 168."""


def midi(events: bytes) -> bytes:
    data = events + b"\0\xff\x2f\0"
    return HEADER + b"MTrk" + len(data).to_bytes(4, "big") + data


def test_a_line_tells_what_of_a_midi_file_was_taken_for_something_else(run, tmp_path):
    path = tmp_path / "x.mid"
    path.write_bytes(midi(b"\0\xff\x03\x03p1\0" + NOTES) + b"\r\n")
    warning = f"{path}: 1 controller value above 127 taken for 127; 2 bytes after the last track left out"
    with pytest.warns(lakhnes.LakhnesWarning) as caught:
        assert lakhnes.read(path).voices["p1"][:, 2].tolist() == [60, 62]
    assert [str(one.message) for one in caught] == [warning]
    for options in ([], ["--arrange"]):
        result = run("render", path, "-o", tmp_path / "x.wav", "--force", *options)
        assert result.exit_code == 0
        assert f"Warning: {warning}\n" in result.stderr
    song = lakhnes.Song.from_midi(path.read_bytes())
    clean = tmp_path / "clean.mid"
    clean.write_bytes(song.to_midi())
    assert lakhnes.read(clean) == song  # without a warning, which would fail this test


def test_a_loop_that_leads_nowhere_is_told_and_played_once(song, run, tmp_path):
    data = bytearray(song.perform().to_vgm())
    data[0x1C:0x20] = (0xFFFF).to_bytes(4, "little")
    path = tmp_path / "x.vgm"
    path.write_bytes(data)
    warning = f"Warning: {path}: the loop offset leads to no command, so it is played once\n"
    for target in ("x.wav", "x.flac"):
        result = run("render", path, "-o", tmp_path / target, "--loops", 3)
        assert (result.exit_code, result.stderr) == (0, warning)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert lakhnes.read_log(path) == song.perform()


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("midi-running-status-after-text-event", 0.2),
        ("midi-crlf-after-last-track", 2.0),
        ("midi-timing-clock-f8-in-track", 4.0),
        ("midi-inside-riff-rmid", 2.0),
        ("midi-controller-value-168", 4.0),
        ("midi-cc121-resets-pitch-bend", 2.0),
        ("midi-data-entry-of-nrpn", 2.0),
        ("midi-bass-muted-by-cc7", 2.0),
    ],
)
def test_midi_cases_are_arranged(shared, run, tmp_path, name, seconds):
    path = shared / "cases" / f"{name}.mid"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    result = run("--json", "render", path, "--arrange", "-o", tmp_path / "x.wav")
    assert result.exit_code == 0, result.stderr
    assert f'"audio_seconds": {seconds}' in result.stdout


@pytest.mark.parametrize(
    ("name", "options", "seconds"),
    [
        ("midi-track-names-end-in-nul.mid", [], 2.0),
        ("vgm-dpcm-banks-by-command-68.vgm", [], 1.0),
        ("vgm-loop-base-1.vgm", ["--loops", 2, "--fade", 0], 1.0),
        ("vgm-loop-offset-past-the-end.vgm", ["--loops", 2], 1.0),
        ("text-utf8-bom.tx1.txt", [], None),
    ],
)
def test_other_cases_are_rendered(shared, run, tmp_path, name, options, seconds):
    path = shared / "cases" / name
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    result = run("--json", "render", path, *options, "-o", tmp_path / "x.wav")
    assert result.exit_code == 0, result.stderr
    assert seconds is None or f'"audio_seconds": {seconds}' in result.stdout
