"""Files that are cut off or changed."""

from attacks.common import CONFIG, WEIGHTS, attack, good
from published import Writer, new_file, old_file


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
