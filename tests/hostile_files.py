"""Hostile and broken files that tests make: archives, configurations, states, logs, manifests."""

import gzip
import io
import json
import struct
import tarfile

BIG = 2**30


def header(name, size=0, kind=b"0", **changes):
    """Return the header of an entry of a tar archive, its checksum right."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    data = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = size if isinstance(size, bytes) else b"%011o\0" % size
    for place, value in changes.items():
        data[int(place[1:]) : int(place[1:]) + len(value)] = value
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data)


def filled(data):
    return data + bytes(-len(data) % 512)


def pax(facts):
    records = b""
    for key, value in facts:
        rest = b" " + key + b"=" + value + b"\n"
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        records += b"%d" % length + rest
    return records


def entry(name, data, facts=()):
    """Return an entry, with facts in a pax header before it."""
    before = b""
    if facts:
        records = pax(facts)
        before = header("facts", len(records), b"x") + filled(records)
    return before + header(name, len(data)) + filled(data)


def zeros(size):
    """Give zeros as a gzip file, made piece by piece."""
    return (bytes(2**20) for _ in range(size // 2**20))


def packed(path, *pieces):
    """Write pieces of bytes, or iterators of them, as a gzip file."""
    with gzip.open(path, "wb", 1) as file:
        for piece in pieces:
            for part in [piece] if isinstance(piece, bytes) else piece:
                file.write(part)
    return path


MINUS_512 = b"\xff" * 10 + b"\xfe\0"

ARCHIVES = {
    "a size of -512": lambda: [header("songs/a.mid", MINUS_512)],
    "a size that is no number": lambda: [header("songs/a.mid", b"12x45678901\0")],
    "a size of 2^60": lambda: [header("songs/a.mid", b"\x80" + (2**60).to_bytes(11, "big"))],
    "a long name of a gigabyte": lambda: [header("long", BIG, b"L"), zeros(64 * 2**20)],
    "a pax header of a gigabyte": lambda: [header("pax", BIG, b"x"), zeros(64 * 2**20)],
    "facts of all entries, of a megabyte": lambda: [
        header("all", 2**20, b"g") + filled(pax([(b"k", b"v" * (2**20 - 12))]))
    ],
    "a pax size of -1": lambda: [entry("songs/a.mid", b"MThd", [(b"size", b"-1")])],
    "a pax record without an end": lambda: [header("pax", 12, b"x") + filled(b"99 path=a.mi")],
    "a sparse file": lambda: [header("songs/a.mid", 0, b"S")],
    "a sparse file by pax": lambda: [entry("songs/a.mid", b"", [(b"GNU.sparse.size", b"99999999999")])],
    "a checksum that is wrong": lambda: [header("songs/a.mid")[:-1] + b"x"],
    "no end": lambda: [entry("read.me", b"MThd")],
    "content of 4 gigabytes": lambda: [header("songs/a.mid", 4 * BIG), zeros(64 * 2**20)],
}
"""Archives that are refused."""

NAMES = (b"a\0b.mid", b"n" * 300 + b".mid", b"\xff\xfe.mid/..", b"../../..", b"a\\b.mid")
"""Names of entries of which no file can be made."""


def bad_names(song):
    """Return an archive of one song by names that cannot be, and by three that can."""
    names = [*NAMES[:2], b"\xff\xfe.mid", b"a\x1b[31m\n.mid", b"good.mid"]
    whole = b"".join(entry("x", song, [(b"path", b"db/train/" + name)]) for name in names)
    return gzip.compress(whole + bytes(1024))


CONFIGURATIONS = {
    "a key that there is not": ("steps = 5\nspeed = 3", "line 2: .*'speed' is no option"),
    "a key that is nearly one": ("steps = 5\nbatch_sise = 3", "did you mean batch_size"),
    "a text for a number": ("steps = 5\n\nbatch_size = 'x'", "line 3: .*batch_size is 'x', expected a whole number"),
    "a number for a table": ("steps = 5\nmodel = 3", "line 2: .*model is 3, expected a table"),
    "a key of a table": ("steps = 5\n[model]\nd_modell = 4", "line 3: .*d_model"),
    "a text in a table": ("steps = 5\n[model]\nn_layer = 'x'", "line 3: .*n_layer is 'x'"),
    "a truth for a number": ("steps = true", "line 1: .*steps is True"),
    "not a number": ("steps = 5\nlearning_rate = nan", "line 2: .*learning_rate is nan"),
    "no end": ("steps = 5\nminutes = inf", "line 2: .*minutes is inf"),
    "a number of 60 digits": (f"steps = {10**60}", "line 1: .*steps is a number of more than 40 digits"),
    "a list of three": ("steps = 5\nmemory_ramp = [0, 1, 2]", "line 2: .*memory_ramp"),
    "an architecture": ("steps = 5\n[model]\narchitecture = 'x'", "line 3: .*architecture is 'x'"),
    "a probability of 2": ("steps = 5\n[augmentation]\ntranspose = 2", "line 3: .*transpose is 2"),
    "no TOML": ("steps = = 5", "training configuration"),
    "600,000 keys": ("\n".join(f"k{number} = 1" for number in range(600_000)), "expected at most|bytes"),
    "a deep list": ("steps = " + "[" * 5_000, "training configuration"),
    "memory without a limit": ("steps = 5\nbatch_size = 60000\ntgt_len = 60000", "line 2: .*batch_size x tgt_len"),
    "an escape": ('steps = 5\n"\\u001b[31m\\n" = 3', "is no option"),
}
"""Configurations, and what a message says of them."""


def safetensors(tensors, metadata=None, size=None):
    """Return a safetensors file of tensors by name: a type, a shape and bytes."""
    table, data = {}, b""
    if metadata is not None:
        table["__metadata__"] = metadata
    for name, (dtype, shape, raw) in tensors.items():
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def npy(data=b"", shape="(3,)", dtype="<i4"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return io.BytesIO(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data).getvalue()


RELATIVES = {}
"""The relatives of failing cases: by the letter of their kind and what it is, the names of each."""


def relatives(letter, kind, cases):
    """Note the relatives of a kind; return them."""
    RELATIVES[letter, kind] = list(cases)
    return cases
