"""Files that ask for more memory or time than they have bytes, and tensors that lie beside their storages."""

import struct

import numpy as np

from attacks.common import CONFIG, WEIGHTS, attack, inside
from published import HEAD, Name, Raw, Writer, dumps, old_file, opcodes


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
