"""ZIP archives of songs: taken wherever tar archives are, with the same limits."""

import json
import os
import re
import struct
import time
import zipfile
import zlib

import pytest

from conftest import TX1
from lakhnes.archives import files_in

METHODS = {"stored": zipfile.ZIP_STORED, "deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}


def packed(path, files, method=zipfile.ZIP_DEFLATED):
    """Write an archive of names (or entries) and contents."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files:
            file.writestr(name, data, compress_type=method)
    return path


def entry(name, **facts):
    """Return the entry of a name as zipfile takes it, with some facts changed."""
    found = zipfile.ZipInfo(name)
    for fact, value in facts.items():
        setattr(found, fact, value)
    return found


def read_all(path):
    return {name: read() for name, read in files_in(path)}


@pytest.mark.parametrize("method", METHODS)
def test_convert_and_render_take_the_songs_of_a_zip_archive(run, tmp_path, method):
    files = [
        ("readme.txt", b"x"),
        ("game/a.tx1.txt", TX1),
        ("game/b.tx1.txt", TX1),
        ("__MACOSX/game/._a.tx1.txt", b"\0"),
    ]
    archive = packed(tmp_path / "Songs.ZIP", files, METHODS[method])
    result = run("convert", archive, "-o", tmp_path / "out", "--to", "mid")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.mid")) == [
        "game/a.mid",
        "game/b.mid",
    ]
    result = run("render", archive, "-o", tmp_path / "sound", "--json")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["files"]) == 2


def test_an_archive_where_it_is_not_taken_is_told_from_other_files(run, tmp_path):
    archive = packed(tmp_path / "a.zip", [("a.tx1.txt", TX1)])
    for command in (("info",), ("plot", "-o", tmp_path / "a.png"), ("continue",), ("play", "--sink", "null")):
        result = run(command[0], archive, *command[1:])
        assert result.exit_code == 1
        assert result.stderr.endswith(
            "a.zip: is an archive, expected a song; `lakhnes convert` takes the songs of archives\n"
        )
    for name in ("all.nsfe", "a.mid"):
        assert run("convert", archive, "-o", tmp_path / name).exit_code == 2
        assert not (tmp_path / name).exists()
    result = run("data", "adapt", archive, tmp_path / "out")
    assert result.exit_code == 1
    assert "a.zip: expected a folder of MIDI files, unpacked, or a .mid file" in result.stderr


def test_a_corpus_in_a_zip_archive_is_converted(run, tmp_path, song):
    files = [(f"nesmdb/{split}/{name}.mid", song.to_midi()) for split in ("train", "valid") for name in "ab"]
    archive = packed(tmp_path / "a.zip", files)
    result = run("data", "nesmdb", archive, tmp_path / "corpus", "--to", "tx1")
    assert result.exit_code == 0, result.stderr
    assert len(list((tmp_path / "corpus").rglob("*.tx1.txt"))) == 4


def test_what_stands_before_and_behind_the_archive_does_not_matter(tmp_path):
    """As in archives that unpack themselves, and with a comment."""
    plain = packed(tmp_path / "a.zip", [("a.tx1.txt", TX1)])
    (tmp_path / "b.zip").write_bytes(b"MZ" * 500 + plain.read_bytes())
    with zipfile.ZipFile(plain, "a") as file:
        file.comment = b"PK\5\6" * 1000
    assert read_all(plain) == read_all(tmp_path / "b.zip") == {"a.tx1.txt": TX1.encode()}


def test_an_archive_with_numbers_of_64_bits_is_read(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file, file.open("a.tx1.txt", "w", force_zip64=True) as inner:
        inner.write(TX1.encode())
    data = path.read_bytes()
    place = data.rfind(b"PK\5\6")
    *_, length, offset, _ = struct.unpack("<4s4H2LH", data[place:])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, place, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(data[:place] + record + locator + end)
    with zipfile.ZipFile(path) as file:
        assert file.read("a.tx1.txt").decode() == TX1
    assert read_all(path) == {"a.tx1.txt": TX1.encode()}


def test_one_file_that_cannot_be_read_does_not_stop_the_others(run, tmp_path):
    archive = packed(
        tmp_path / "a.zip",
        [
            ("a.tx1.txt", TX1), ("damaged.tx1.txt", TX1), ("locked.tx1.txt", TX1), ("odd.tx1.txt", TX1),
            ("short.tx1.txt", TX1), ("/../../up.tx1.txt", TX1), ("a\x1b[31m\n.tx1.txt", TX1), ("z.tx1.txt", TX1),
            (entry("link.tx1.txt", create_system=3, external_attr=0o120777 << 16), "a.tx1.txt"),
            (entry("dos\\b.tx1.txt", create_system=0), TX1), (".tx1.txt", TX1), (f"{'n' * 300}.tx1.txt", TX1),
        ],
    )  # fmt: skip
    data = bytearray(archive.read_bytes())

    change(data, b"damaged.tx1.txt", 16, b"\0\0\0\0")  # the checksum
    change(data, b"locked.tx1.txt", 8, b"\1\0")  # the flags
    change(data, b"odd.tx1.txt", 10, b"\x0e\0")  # the method: LZMA
    change(data, b"short.tx1.txt", 24, struct.pack("<L", len(TX1) + 1))
    archive.write_bytes(data)
    result = run("convert", archive, "-o", tmp_path / "out", "--to", "mid")
    assert result.exit_code == 1
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.mid"))
    assert made == ["a\x1b[31m\n.mid", "a.mid", "dos/b.mid", "up.mid", "z.mid"]
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    for name, reason in {
        "damaged": "checksum", "locked": "encrypted", "odd": "compression method 14", "short": "cut off",
        ".tx1.txt": "a dot", "nnn": "243 bytes",
    }.items():  # fmt: skip
        assert any(name in line and reason in line and str(archive) in line for line in errors), (name, errors)
    assert "\x1b" not in result.stderr
    assert len(errors) == 6
    corpus = packed(tmp_path / "b.zip", [("train/a.tx1.txt", TX1), ("train/locked.tx1.txt", TX1)])
    data = bytearray(corpus.read_bytes())
    change(data, b"train/locked.tx1.txt", 8, b"\1\0")
    corpus.write_bytes(data)
    result = run("data", "nesmdb", corpus, tmp_path / "corpus", "--to", "tx1")
    assert result.exit_code == 1
    assert "encrypted" in result.stderr
    assert [path.name for path in (tmp_path / "corpus" / "train").iterdir()] == ["a.tx1.txt"]


def test_names_are_those_of_the_systems_that_write_them(tmp_path):
    """Windows writes its code page, macOS UTF-8 without the flag, others with it; bytes that are neither stay."""
    path = packed(tmp_path / "a.zip", [("Ä.mid", b"1"), ("B.mid", b"2"), ("C.mid", b"3"), ("日.mid", b"4")])
    data = path.read_bytes().replace(b"B.mid", b"\x9a.mid")
    path.write_bytes(data)
    assert list(read_all(path)) == ["Ä.mid", "Ü.mid", "C.mid", "日.mid"]
    flags = data.replace("日.mid".encode(), b"\xff\xfe\xfd.mid")
    path.write_bytes(flags)
    assert os.fsencode(list(read_all(path))[-1]) == b"\xff\xfe\xfd.mid"


def change(data, name, place, value):
    """Change what the list of an archive says of an entry: `place` counts from its header."""
    start = data.rfind(name) - 46 + place
    data[start : start + len(value)] = value


def bomb(size):
    """Return an archive whose 200 entries share one content, which unpacks to `size` zeros."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = coder.compress(bytes(size)) + coder.flush()
    checksum = zlib.crc32(bytes(size))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, checksum, len(content), size, 5, 0) + b"a.mid"
    directory = b""
    for number in range(200):
        name = b"%03d.mid" % number
        facts = (b"PK\1\2", 20, 0, 20, 0, 8, 0, 0, checksum, len(content), size, len(name), 0, 0, 0, 0, 0, 0)
        directory += struct.pack("<4s2B5H3L5H2L", *facts) + name
    place = len(local) + len(content)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 200, 200, len(directory), place, 0)
    return local + content + directory + end


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bomb(60 << 20), "unpacks to more than"),
        (b"no archive at all", "no ZIP"),
        (b"", "no ZIP"),
        (b"PK\5\6" + b"\xff" * 18, "part of an archive|begins before the file"),
        (b"PK\5\6" + bytes(8) + struct.pack("<2LH", 2**31, 0, 0), "begins before the file"),
        (b"x" * 46 + b"PK\5\6" + bytes(4) + b"\1\0\1\0" + struct.pack("<2LH", 46, 0, 0), "no entry"),
    ],
)  # fmt: skip
def test_a_zip_archive_that_lies_is_refused_at_once(run, tmp_path, data, reason):
    archive = tmp_path / "a.zip"
    archive.write_bytes(data)
    for command in (("convert", archive, "-o", tmp_path / "out", "--to", "tx1"), ("data", "nesmdb", archive, "d")):
        started = time.process_time()
        result = run(*command)
        assert result.exit_code == 1
        *_, line = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        if command[0] == "convert":
            assert re.search(reason, line), line
        assert str(archive) in line
        assert time.process_time() - started < 4.0
