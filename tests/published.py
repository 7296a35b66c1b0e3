"""Files as ``torch.save(module)`` writes them, of a model in the code that LakhNES was trained with, opcode by opcode.

Neither that code nor an old PyTorch is needed, and what is wrong with a file can be said exactly. `dumps` writes plain
values as pickle protocol 2 does; `Name`, `Call`, `Make` and `Persistent` stand for what has an opcode of its own.
"""

import dataclasses
import struct
import zipfile

import numpy as np

from lakhnes import Vocabulary
from lakhnes.model.config import TransformerXLConfig

CONTAINERS = "torch.nn.modules.container"


@dataclasses.dataclass
class Name:
    """``module name``, as GLOBAL has it."""

    text: str


@dataclasses.dataclass
class Call:
    name: object
    arguments: tuple = ()


@dataclasses.dataclass
class Make:
    """An object that is made without arguments and given its state."""

    name: object
    state: object


@dataclasses.dataclass
class Persistent:
    reference: object


@dataclasses.dataclass
class Raw:
    """Opcodes as they are."""

    code: bytes


def opcodes(value):
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int() if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        case int():
            data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
        case Name(text):
            return b"c" + text.replace(" ", "\n").encode() + b"\n"
        case Call(name, arguments):
            return opcodes(name) + opcodes(arguments) + b"R"
        case Make(name, state):
            return opcodes(name) + b")\x81" + opcodes(state) + b"b"
        case Persistent(reference):
            return opcodes(reference) + b"Q"
        case Raw(code):
            return code
    raise TypeError(value)


def dumps(value):
    return b"\x80\x02" + opcodes(value) + b"."


HEAD = dumps(0x1950A86A20F9469CFC6C) + dumps(1001)
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def old_file(root, storages=(), *, keys=None, system=SYSTEM):
    """The form of PyTorch 1.0: `storages` are pairs of key and array."""
    names = [key for key, _ in storages] if keys is None else keys
    data = b"".join(struct.pack("<q", array.size) + array.tobytes() for _, array in storages)
    return HEAD + dumps(system) + dumps(root) + dumps(names) + data


def new_file(path, root, storages=(), *, compression=zipfile.ZIP_STORED, extra=()):
    """The form of today, a zip archive; `extra` are pairs of entry and bytes."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", dumps(root) if not isinstance(root, bytes) else root)
        archive.writestr("archive/byteorder", "little")
        for key, array in storages:
            archive.writestr(f"archive/data/{key}", array.tobytes())
        for name, data in extra:
            archive.writestr(name, data)


class Writer:
    """Builds modules and collects their storages.

    Parameters
    ----------
    old
        Whether classes are referred to with their sources, as in PyTorch 1.0.
    location
        Where the storages were.
    """

    def __init__(self, *, old=True, location="cuda:0"):
        self.old, self.location, self.storages = old, location, []

    def tensor(self, array, *, shape=None, stride=None, offset=0, size=None, view=None, key=None):
        if key is None:
            key = str(94068755973552 + 16 * len(self.storages))
            self.storages.append((key, array))
        kind = {"f": "Float", "d": "Double", "e": "Half", "l": "Long"}[array.dtype.char]
        reference = ("storage", Name(f"torch {kind}Storage"), key, self.location, array.size if size is None else size)
        shape = array.shape if shape is None else shape
        stride = tuple(step // array.itemsize for step in array.strides) if stride is None else stride
        storage = Persistent((*reference, view) if self.old else reference)
        rebuilt = Call(
            Name("torch._utils _rebuild_tensor_v2"),
            (storage, offset, shape, stride, False, Call(Name("collections OrderedDict"))),
        )
        return Call(Name("torch._utils _rebuild_parameter"), (rebuilt, True, Call(Name("collections OrderedDict"))))

    def module(self, name, *, modules=None, parameters=None, **attributes):
        place, _, short = name.rpartition(".")
        reference = Name(f"{place} {short}")
        if self.old:
            reference = Persistent(("module", reference, f"{place}.py", f"# {short}\n"))
            attributes["_backend"] = Call(Name("torch.nn.backends.thnn _get_thnn_function_backend"))
        state = {"_parameters": parameters or {}, "_modules": modules or {}, "training": True, **attributes}
        return Make(reference, state)

    def linear(self, weight, bias=None):
        parameters = {
            "weight": self.tensor(weight) if isinstance(weight, np.ndarray) else weight,
            "bias": None if bias is None else self.tensor(bias),
        }
        return self.module("torch.nn.modules.linear.Linear", parameters=parameters)

    def norm(self, weight, bias, eps=1e-5):
        size = Raw(opcodes(Name("torch Size")) + opcodes((weight.shape,)) + b"\x81")
        parameters = {"weight": self.tensor(weight), "bias": self.tensor(bias)}
        return self.module(
            "torch.nn.modules.normalization.LayerNorm", parameters=parameters, eps=eps, normalized_shape=size
        )

    def children(self, kind, modules):
        return self.module(f"{CONTAINERS}.{kind}", modules={str(i): module for i, module in enumerate(modules)})

    def layer(self, config, weights, index, *, eps=1e-5, pre_lnorm=False):
        w = {name.removeprefix(f"layers.{index}."): array for name, array in weights.items()}
        attention = self.module(
            "mem_transformer.RelPartialLearnableMultiHeadAttn",
            modules={
                **{name: self.linear(w[f"attention.{name}.weight"]) for name in ("qkv_net", "r_net", "o_net")},
                "layer_norm": self.norm(w["attention_norm.weight"], w["attention_norm.bias"], eps),
            },
            pre_lnorm=pre_lnorm,
        )
        core = [
            self.linear(w["inner.weight"], w["inner.bias"]),
            self.module("torch.nn.modules.activation.ReLU"),
            self.module("torch.nn.modules.dropout.Dropout", p=config.dropout),
            self.linear(w["outer.weight"], w["outer.bias"]),
        ]
        forward = self.module(
            "mem_transformer.PositionwiseFF",
            modules={
                "CoreNet": self.children("Sequential", core),
                "layer_norm": self.norm(w["feed_forward_norm.weight"], w["feed_forward_norm.bias"], eps),
            },
            d_inner=config.d_inner,
            pre_lnorm=pre_lnorm,
        )
        return self.module(
            "mem_transformer.RelPartialLearnableDecoderLayer", modules={"dec_attn": attention, "pos_ff": forward}
        )

    def model(self, config, weights, *, tied=True, layers=None, eps=1e-5, pre_lnorm=False, **attributes):
        """The whole module of a model with `config` and `weights` by our names; biases of attention as of layer 0."""
        embedding = self.tensor(weights["embedding.weight"])
        output = embedding if tied else self.tensor(weights["embedding.weight"] + 1)
        out = self.linear(output, weights["output_bias"])
        if layers is None:
            layers = [
                self.layer(config, weights, index, eps=eps, pre_lnorm=pre_lnorm) for index in range(config.n_layer)
            ]
        facts = {
            "n_token": config.vocab_size,
            "n_layer": config.n_layer,
            "n_head": config.n_head,
            "d_model": config.d_model,
            "d_head": config.d_head,
            "mem_len": config.mem_len,
            "clamp_len": config.clamp_len or -1,
            "same_length": config.same_length,
            "attn_type": 0,
        }
        embeddings = self.module("torch.nn.modules.sparse.Embedding", parameters={"weight": embedding})
        return self.module(
            "mem_transformer.MemTransformerLM",
            parameters={name: self.tensor(weights[f"layers.0.attention.{name}"]) for name in ("r_w_bias", "r_r_bias")},
            modules={
                "word_emb": self.module(
                    "mem_transformer.AdaptiveEmbedding",
                    modules={"emb_layers": self.children("ModuleList", [embeddings])},
                ),
                "drop": self.module("torch.nn.modules.dropout.Dropout", p=config.dropout),
                "layers": layers if isinstance(layers, Make) else self.children("ModuleList", layers),
                "crit": self.module(
                    "proj_adaptive_softmax.ProjectedAdaptiveLogSoftmax",
                    modules={"out_layers": self.children("ModuleList", [out])},
                ),
            },
            **(facts | attributes),
        )


def weights_of(config, seed=0):
    """Random weights of a model by our names; the biases of attention are the same in all layers."""
    random = np.random.default_rng(seed)
    inner, width, hidden = config.n_head * config.d_head, config.d_model, config.d_inner
    shapes = {
        "attention.qkv_net.weight": (3 * inner, width),
        "attention.r_net.weight": (inner, width),
        "attention.o_net.weight": (width, inner),
        "attention_norm.weight": (width,),
        "attention_norm.bias": (width,),
        "inner.weight": (hidden, width),
        "inner.bias": (hidden,),
        "outer.weight": (width, hidden),
        "outer.bias": (width,),
        "feed_forward_norm.weight": (width,),
        "feed_forward_norm.bias": (width,),
    }

    def draw(*shape):
        return random.normal(size=shape).astype(np.float32)

    biases = {f"attention.{name}": draw(config.n_head, config.d_head) for name in ("r_w_bias", "r_r_bias")}
    weights = {"embedding.weight": draw(config.vocab_size, width), "output_bias": draw(config.vocab_size)}
    for index in range(config.n_layer):
        layer = {name: draw(*shape) for name, shape in shapes.items()} | biases
        weights |= {f"layers.{index}.{name}": array for name, array in layer.items()}
    return weights


CONFIG = TransformerXLConfig(
    n_layer=2, n_head=2, d_model=8, d_head=4, d_inner=16, dropout=0.25, clamp_len=40, same_length=True, mem_len=64
)
WEIGHTS = weights_of(CONFIG)


def write_published(folder, *, old=True, location="cuda:0", weights=WEIGHTS, config=CONFIG, vocabulary=True, **changes):
    folder.mkdir(exist_ok=True)
    writer = Writer(old=old, location=location)
    root = writer.model(config, weights, **changes)
    if old:
        (folder / "model.pt").write_bytes(old_file(root, writer.storages))
    else:
        new_file(folder / "model.pt", root, writer.storages)
    if vocabulary:
        (folder / "vocab.txt").write_text("\n".join(Vocabulary(config.vocabulary).symbols[1:]))
    return folder
