"""The files. Each attack is a function that gets a folder to write ``model.pt`` into and the path of the canary.

What can run code makes the canary file.
"""

import gzip
import io
import pickle
import struct
import tarfile
import zipfile

import numpy as np

from lakhnes.model.config import TransformerXLConfig
from published import HEAD, Call, Make, Name, Persistent, Raw, Writer, dumps, new_file, old_file, opcodes, weights_of

CONFIG = TransformerXLConfig(n_layer=2, n_head=2, d_model=8, d_head=4, d_inner=16, mem_len=64)
WEIGHTS = weights_of(CONFIG)
ATTACKS = {}


def attack(function):
    ATTACKS[function.__name__] = function
    return function


def good(**changes):
    """A model with something in it changed: root and storages."""
    writer = Writer()
    return writer.model(CONFIG, WEIGHTS, **changes), writer.storages


def inside(folder, value):
    """Write a good model of which one attribute is `value`."""
    (folder / "model.pt").write_bytes(old_file(*good(payload=value)))


def shell(canary):
    return f"touch {canary}"


def python(canary):
    return f"open({str(canary)!r}, 'w').close()"


# --- code: calls of what a pickle can name ---


@attack
def os_system_alone(folder, canary):
    (folder / "model.pt").write_bytes(b"cos\nsystem\n(S'" + shell(canary).encode() + b"'\ntR.")


@attack
def os_system_in_place_of_the_magic_number(folder, canary):
    (folder / "model.pt").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))


@attack
def posix_system_as_an_attribute(folder, canary):
    inside(folder, Call(Name("posix system"), (shell(canary),)))


@attack
def builtins_eval(folder, canary):
    inside(folder, Call(Name("builtins eval"), (python(canary),)))


@attack
def builtins_exec(folder, canary):
    inside(folder, Call(Name("builtins exec"), (python(canary),)))


@attack
def eval_by_its_name_in_python_2(folder, canary):
    inside(folder, Call(Name("__builtin__ eval"), (python(canary),)))


@attack
def chain_of_getattr(folder, canary):
    module = Call(Name("builtins __import__"), ("os",))
    inside(folder, Call(Call(Name("builtins getattr"), (module, "system")), (shell(canary),)))


@attack
def import_module(folder, canary):
    (folder / "canary_module.py").write_text(python(canary))
    inside(folder, Call(Name("importlib import_module"), ("canary_module",)))


@attack
def subprocess_popen(folder, canary):
    inside(folder, Call(Name("subprocess Popen"), (["touch", str(canary)],)))


@attack
def popen_as_an_object(folder, canary):
    inside(folder, Raw(opcodes(Name("subprocess Popen")) + opcodes((["touch", str(canary)],)) + b"\x81"))


@attack
def torch_hub(folder, canary):
    (folder / "hubconf.py").write_text(f"def run():\n    {python(canary)}\n")
    inside(folder, Call(Name("torch.hub load"), (str(folder), "run")))


@attack
def torch_load_of_a_second_file(folder, canary):
    (folder / "second.pt").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))
    inside(folder, Call(Name("torch.serialization load"), (str(folder / "second.pt"),)))


@attack
def numpy_runs_a_string(folder, canary):
    inside(folder, Call(Name("numpy.testing._private.utils runstring"), (python(canary), {})))


@attack
def numpy_reconstructs(folder, canary):
    array = Call(Name("numpy.core.multiarray _reconstruct"), (Name("numpy ndarray"), (0,), "b"))
    state = (1, (1,), Call(Name("builtins eval"), (python(canary),)), False, [None])
    inside(folder, Raw(opcodes(array) + opcodes(state) + b"b"))


@attack
def numpy_loads_a_pickle(folder, canary):
    (folder / "second.npy").write_bytes(dumps(Call(Name("os system"), (shell(canary),))))
    inside(folder, Call(Name("numpy load"), (str(folder / "second.npy"), None, True)))


@attack
def pickle_in_a_pickle(folder, canary):
    text = dumps(Call(Name("os system"), (shell(canary),))).decode("latin-1")
    data = Call(Name("_codecs encode"), (text, "latin1"))
    inside(folder, Call(Name("pickle loads"), (data,)))


@attack
def pickle_in_a_tensors_class(folder, canary):
    call = Call(Name("torch._utils _rebuild_tensor_v2"), (Call(Name("builtins eval"), (python(canary),)), 0, (), ()))
    inside(folder, call)


@attack
def class_of_a_module(folder, canary):
    command = Persistent(("module", Name("os system"), "os.py", ""))
    inside(folder, Call(command, (shell(canary),)))


@attack
def source_of_a_module(folder, canary):
    (folder / "model.pt").write_bytes(
        old_file(Make(Persistent(("module", Name("evil Module"), "evil.py", python(canary))), {}))
    )


@attack
def type_of_a_storage(folder, canary):
    inside(folder, Persistent(("storage", Name("builtins exec"), python(canary), "cpu", 1, None)))


@attack
def state_of_a_function(folder, canary):
    inside(folder, Raw(opcodes(Name("torch._utils _rebuild_parameter")) + opcodes({"__code__": 1}) + b"b"))


@attack
def dotted_attribute_of_an_allowed_class(folder, canary):
    inside(folder, Call(Name("collections OrderedDict.__init__.__globals__"), (shell(canary),)))


@attack
def module_called_as_a_function(folder, canary):
    inside(folder, Call(Name("torch.nn.modules.linear Linear"), (1 << 30, 1 << 30)))


# --- code: the opcodes that other protocols have for it ---


@attack
def stack_global(folder, canary):
    name = b"\x8c\x02os\x8c\x06system\x93"
    (folder / "model.pt").write_bytes(b"\x80\x04" + name + opcodes((shell(canary),)) + b"R.")


@attack
def stack_global_inside_a_model(folder, canary):
    inside(folder, Raw(opcodes("os") + opcodes("system") + b"\x93" + opcodes((shell(canary),)) + b"R"))


@attack
def inst_opcode(folder, canary):
    inside(folder, Raw(b"(" + opcodes(shell(canary)) + b"ios\nsystem\n"))


@attack
def obj_opcode(folder, canary):
    inside(folder, Raw(b"(" + opcodes(Name("os system")) + opcodes(shell(canary)) + b"o"))


@attack
def newobj_ex_opcode(folder, canary):
    body = opcodes(Name("subprocess Popen")) + opcodes((["touch", str(canary)],)) + opcodes({}) + b"\x92"
    inside(folder, Raw(body))


@attack
def extension_registry(folder, canary):
    inside(folder, Raw(b"\x82\x01"))


@attack
def persistent_id_in_text(folder, canary):
    inside(folder, Raw(b"Pmodule\n"))


# --- memory and time ---


@attack
def nest_of_tuples_as_a_key(folder, canary):
    """Its hash has 2^60 leaves."""
    nest = opcodes(()) + b"q\x00" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(60))
    inside(folder, Raw(b"}" + b"(" + nest + b"Nu"))


@attack
def numbers_as_keys_that_all_collide(folder, canary):
    """Python's hash of each is 0: to set 30,000 of them takes 450 million comparisons."""
    keys = (opcodes(number * (2**61 - 1)) for number in range(1 << 20, (1 << 20) + 30_000))
    inside(folder, Raw(b"}(" + b"N".join(keys) + b"Nu"))


@attack
def nest_of_lists_of_2_to_the_60_leaves(folder, canary):
    nest = b"]q\x00" + b"".join(b"](h\x00h\x00eq\x00" for _ in range(60))
    (folder / "model.pt").write_bytes(HEAD + dumps({"little_endian": True}) + b"\x80\x02" + nest + b"." + dumps([]))


@attack
def deep_nest(folder, canary):
    (folder / "model.pt").write_bytes(
        HEAD + dumps({"little_endian": True}) + b"\x80\x02N" + b"\x85" * 90_000 + b"." + dumps([])
    )


@attack
def dictionary_copied_again_and_again(folder, canary):
    """9,000 copies of a dictionary of 9,000 entries, by 72,000 opcodes."""
    pairs = b"](" + b"".join(opcodes((str(number), None)) for number in range(9_000)) + b"eq\x00"
    copies = opcodes(Name("collections OrderedDict")) + b"q\x01" + b"h\x01h\x00\x85R" * 9_000
    inside(folder, Raw(b"](" + pairs + copies + b"e"))


@attack
def memo_of_everything(folder, canary):
    inside(folder, Raw(b"N" + b"".join(b"r" + struct.pack("<I", number) for number in range(2_000_000))))


@attack
def a_million_opcodes(folder, canary):
    (folder / "model.pt").write_bytes(b"\x80\x02" + b"N" * 1_000_000 + b".")


@attack
def a_long_string(folder, canary):
    inside(folder, "x" * (6 * 2**20))


@attack
def a_string_of_4_gigabytes_that_is_not_there(folder, canary):
    inside(folder, Raw(b"X" + struct.pack("<I", 2**32 - 1)))


@attack
def a_string_of_2_to_the_62_bytes(folder, canary):
    inside(folder, Raw(b"\x8d" + struct.pack("<Q", 2**62)))


@attack
def a_number_of_a_million_digits(folder, canary):
    inside(folder, Raw(b"I" + b"9" * 1_000_000 + b"\n"))


@attack
def layers_that_are_one_layer(folder, canary):
    """The file of two layers says that it has 256, all in the same place; and each may be a large one."""
    writer = Writer()
    layer = opcodes(writer.layer(CONFIG, WEIGHTS, 0))
    many = [Raw(layer + b"r\xff\xff\x00\x00"), *[Raw(b"j\xff\xff\x00\x00")] * 255]
    (folder / "model.pt").write_bytes(
        old_file(writer.model(CONFIG, WEIGHTS, layers=many, n_layer=256), writer.storages)
    )


@attack
def a_model_that_contains_itself(folder, canary):
    """Each of its parts is the whole."""
    facts = ("n_layer", "n_head", "d_head", "d_inner", "mem_len", "clamp_len")
    values = dict.fromkeys(facts, 1) | {"n_token": 631, "d_model": 2, "attn_type": 0, "pre_lnorm": False}
    parts = ("layers", "0", "dec_attn", "pos_ff", "drop", "word_emb", "emb_layers", "crit", "out_layers")
    itself = dict.fromkeys(parts, Raw(b"h\x00"))
    state = {"_modules": itself, "_parameters": {}, "same_length": 0} | values | {"p": 0.5}
    body = opcodes(Name("mem_transformer MemTransformerLM")) + b")\x81q\x00" + opcodes(state) + b"b"
    (folder / "model.pt").write_bytes(old_file(Raw(body)) + bytes(10_000))


# --- tensors ---


def tensor_file(folder, **options):
    writer = Writer()
    array = WEIGHTS["output_bias"]
    bad = writer.tensor(array, **options)
    (folder / "model.pt").write_bytes(old_file(writer.model(CONFIG, WEIGHTS, payload=bad), writer.storages))


@attack
def a_storage_of_a_terabyte(folder, canary):
    tensor_file(folder, size=2**38)


@attack
def a_storage_of_2_to_the_600_elements(folder, canary):
    tensor_file(folder, size=2**600)


@attack
def a_storage_of_a_negative_size(folder, canary):
    tensor_file(folder, size=-1)


@attack
def a_tensor_that_repeats_one_number(folder, canary):
    tensor_file(folder, shape=(2**20, 2**19), stride=(0, 0))


@attack
def a_tensor_beyond_its_storage(folder, canary):
    tensor_file(folder, offset=600)


@attack
def a_tensor_before_its_storage(folder, canary):
    tensor_file(folder, offset=-8)


@attack
def a_tensor_that_runs_backwards(folder, canary):
    tensor_file(folder, stride=(-1,), offset=630)


@attack
def a_tensor_of_a_thousand_dimensions(folder, canary):
    tensor_file(folder, shape=(1,) * 1000, stride=(1,) * 1000)


@attack
def a_view_beyond_its_storage(folder, canary):
    tensor_file(folder, view=("v", 600, 600))


@attack
def a_storage_that_is_not_there(folder, canary):
    tensor_file(folder, key="12345")


@attack
def a_shape_of_text(folder, canary):
    tensor_file(folder, shape=("631",), stride=("1",))


@attack
def numbers_that_are_not_finite(folder, canary):
    writer = Writer()
    weights = WEIGHTS | {"output_bias": np.full(CONFIG.vocab_size, np.inf, np.float32)}
    (folder / "model.pt").write_bytes(old_file(writer.model(CONFIG, weights), writer.storages))


# --- damage ---


def cut(folder, share):
    data = old_file(*good())
    (folder / "model.pt").write_bytes(data[: int(len(data) * share)])


@attack
def cut_in_the_magic_number(folder, canary):
    cut(folder, 0.0003)


@attack
def cut_in_the_pickle(folder, canary):
    cut(folder, 0.15)


@attack
def cut_in_the_storages(folder, canary):
    cut(folder, 0.9)


@attack
def an_empty_file(folder, canary):
    (folder / "model.pt").write_bytes(b"")


def flipped(folder, place, bit):
    data = bytearray(old_file(*good()))
    data[place if isinstance(place, int) else data.index(place)] ^= 1 << bit
    (folder / "model.pt").write_bytes(data)


@attack
def a_bit_flipped_in_the_magic_number(folder, canary):
    flipped(folder, 5, 0)


@attack
def a_bit_flipped_in_a_name(folder, canary):
    flipped(folder, b"MemTransformerLM", 1)


@attack
def a_bit_flipped_in_an_opcode(folder, canary):
    flipped(folder, b"\x81}(", 3)


@attack
def a_bit_flipped_in_the_size_of_a_storage(folder, canary):
    root, storages = good()
    data = bytearray(old_file(root, storages))
    data[len(data) - storages[-1][1].nbytes - 8] ^= 4
    (folder / "model.pt").write_bytes(data)


@attack
def a_bit_flipped_in_a_zip_files_weights(folder, canary):
    writer = Writer(old=False)
    new_file(folder / "model.pt", writer.model(CONFIG, WEIGHTS), writer.storages)
    data = bytearray((folder / "model.pt").read_bytes())
    data[data.index(WEIGHTS["embedding.weight"].tobytes()) + 100] ^= 1
    (folder / "model.pt").write_bytes(data)


# --- zip and tar archives ---


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


LIVE = (
    "os_system_alone",
    "os_system_in_place_of_the_magic_number",
    "stack_global",
)
"""Attacks that Python's own reader, which calls what it is told to, falls for with nothing else installed."""
