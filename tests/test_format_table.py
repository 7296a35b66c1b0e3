"""The table of formats: every row does what it says, and help, messages and documents are made from it."""

import gzip
import re

import pytest

import lakhnes
from conftest import ROOT
from lakhnes.files import AUDIO_FORMATS, FORMATS, PLAYABLE, SCORES, WRITABLE, format_of
from lakhnes.songs import decode, encode

BOTH = [name for name in WRITABLE if name in PLAYABLE]


def rows_of_the_page():
    """By suffix, whether the page of formats says that it is read and written."""
    page = (ROOT / "docs" / "formats.md").read_text()
    table = page[page.index("| name ends in") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {suffix: (read, written) for names, _, read, written in rows for suffix in re.findall(r"`(\S+)`", names)}


def test_the_page_of_formats_says_what_the_table_says():
    words = {True: "yes", False: "no"}
    expected = {
        suffix: (words[row.readable], words[row.writable]) for row in FORMATS.values() for suffix in row.suffixes
    }
    assert rows_of_the_page() == expected


def test_a_row_has_a_name_and_suffixes_of_its_own_and_a_use():
    suffixes = [suffix for row in FORMATS.values() for suffix in row.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    for row in FORMATS.values():
        assert row.readable or row.writable
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?", row.mime)
        assert row.holds in ("song", "arrays", "log", "audio")
        assert format_of(f"x{row.suffixes[0]}", (row.name,)) == row.name


@pytest.mark.parametrize("name", BOTH)
def test_what_a_row_writes_it_reads_again(name, song):
    row = FORMATS[name]
    played = song.perform() if row.holds == "log" else song
    options = {"score_rate": 100} if row.holds == "arrays" and name != "rawsco.npz" else {}
    data = encode(played, name, **options)
    again = decode(data, name, name="x")
    is_log = row.holds == "log" or name == "rawsco.npz"
    assert isinstance(again, lakhnes.RegisterLog if is_log else lakhnes.Song)
    if row.tracks:  # a program is run: its writes come a little late, and after the last sound a frame of silence
        assert 0 <= again.length - song.length <= 1_470
        return
    frame = 735 if name == "tx3" else 0  # all of it lies on video frames
    assert abs(again.length - song.length) <= frame
    assert again == played or row.holds != "log"
    assert encode(again, name, **options) == data or name == "rawsco.npz"  # whose triangle is a quarter frame late


@pytest.mark.parametrize("name", sorted(set(FORMATS) - set(BOTH)))
def test_a_row_that_cannot_read_or_write_refuses_and_names_those_that_can(name, song, tmp_path):
    row = FORMATS[name]
    if not row.readable:
        with pytest.raises(lakhnes.FormatError, match=f"^x: {re.escape(name)}: expected one of {' '.join(PLAYABLE)}$"):
            decode(b"", name, name="x")
        path = tmp_path / f"x{row.suffixes[0]}"
        path.touch()
        with pytest.raises(lakhnes.FormatError, match=r"must end in one of \.tx1\.txt"):
            lakhnes.read(path)
        path.unlink()
    if not row.writable:
        with pytest.raises(lakhnes.FormatError, match=f"^{re.escape(name)}: expected one of {' '.join(WRITABLE)}$"):
            encode(song, name)
        with pytest.raises(lakhnes.FormatError, match=r"must end in one of \.tx1\.txt"):
            lakhnes.write(song, tmp_path / f"x{row.suffixes[0]}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", WRITABLE)
def test_a_file_and_a_stream_get_the_same_bytes(name, run, process, song_file, tmp_path):
    path = tmp_path / f"x{FORMATS[name].suffixes[0]}"
    assert run("convert", song_file, "-o", path).exit_code == 0
    piped = process("convert", song_file, "-o", "-", "--to", name)
    assert (piped.returncode, piped.stderr) == (0, b"")
    if name == "ogg":  # its serial number is drawn anew
        assert len(piped.stdout) == path.stat().st_size
    else:
        assert piped.stdout == path.read_bytes()


def test_help_lists_what_the_table_lists(run):
    for option, names in (("--to", WRITABLE), ("--from", PLAYABLE)):
        help_page = re.sub(r"\s+", "", run("convert", "--help").stdout)
        assert f"{option}[{'|'.join(names)}]" in help_page
    assert f"--format[{'|'.join(AUDIO_FORMATS)}]" in re.sub(r"\s+", "", run("render", "--help").stdout)


def test_scores_are_readable_and_hold_no_log():
    assert set(SCORES) < set(PLAYABLE)
    assert {"vgm", "ndr"}.isdisjoint(SCORES)


def test_a_packed_log_is_the_same_every_time(song):
    log = song.perform()
    packed = encode(log, "vgz")
    assert packed == encode(log, "vgz")
    assert gzip.decompress(packed) == log.to_vgm()
