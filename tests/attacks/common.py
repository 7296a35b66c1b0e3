"""What the attacks share.

Each is a function that gets a folder to write ``model.pt`` or ``model.tar.gz`` into and the path of the canary: what
can run code makes that file.
"""

from lakhnes.model.config import TransformerXLConfig
from published import Writer, old_file, weights_of

CONFIG = TransformerXLConfig(n_layer=2, n_head=2, d_model=8, d_head=4, d_inner=16, mem_len=64)
WEIGHTS = weights_of(CONFIG)
ATTACKS = {}
"""All of them, by name."""


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
