"""Pickled PyTorch modules, read without running anything.

A pickle is a program for a stack machine (Python's `pickletools` documents its opcodes); the usual machine imports and
calls what the program names. This one knows the opcodes that ``torch.save(module)`` writes and a list of names. A name
stays a name: nothing is imported and nothing is called. A module becomes a `Module` with its attributes, a tensor a
`Tensor` that says where in which storage its numbers lie. Whatever else the program asks for is refused.

Work and memory are bounded by the number of opcodes and bytes: no opcode here copies what another has built.
"""

from __future__ import annotations

import dataclasses
import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from lakhnes.errors import CheckpointError, UnsafeCheckpointError

__all__ = ["MAX_OPCODES", "MAX_PICKLE_BYTES", "Module", "Storage", "Tensor", "quote", "unpickle"]

MAX_PICKLE_BYTES = 4 * 2**20
"""Bytes of one pickle, without the weights. A published model of 12 layers has 0.1 MB, its source texts included."""

MAX_OPCODES = 100_000
"""Opcodes of one pickle. A model of 12 layers takes about 20,000."""

MAX_COUNT = 2**40
"""No storage has more elements, and no tensor a longer side."""

MAX_DIMENSIONS = 8

DTYPES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "|b1",
}
"""NumPy's name of the elements of each type of storage."""

MODULES = frozenset(
    [
        *(
            f"mem_transformer.{name}"
            for name in (
                "AdaptiveEmbedding",
                "DecoderLayer",
                "MemTransformerLM",
                "MultiHeadAttn",
                "PositionalEmbedding",
                "PositionwiseFF",
                "RelLearnableDecoderLayer",
                "RelLearnableMultiHeadAttn",
                "RelMultiHeadAttn",
                "RelPartialLearnableDecoderLayer",
                "RelPartialLearnableMultiHeadAttn",
            )
        ),
        "proj_adaptive_softmax.ProjectedAdaptiveLogSoftmax",
        "torch.nn.modules.activation.ReLU",
        "torch.nn.modules.container.ModuleList",
        "torch.nn.modules.container.ParameterList",
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.dropout.Dropout",
        "torch.nn.modules.linear.Linear",
        "torch.nn.modules.normalization.LayerNorm",
        "torch.nn.modules.sparse.Embedding",
    ]
)
"""Classes of which a `Module` is made."""


@dataclasses.dataclass(frozen=True)
class Name:
    """What a pickle calls by module and name; never looked up."""

    text: str


@dataclasses.dataclass(eq=False)
class Module:
    """An object of one of the classes in `MODULES`: the name of its class, and its attributes."""

    name: str
    attributes: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Storage:
    """Where numbers lie: `count` elements from element `start` of the storage `key`, which has `whole` of them."""

    dtype: str
    key: str
    whole: int
    start: int
    count: int


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A strided view of a storage, in elements; it never reaches beyond the storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def quote(text: object, limit: int = 80) -> str:
    """Return a name from a file as one short line that is safe to print."""
    shown = str(text)
    return repr(shown if len(shown) <= limit else shown[:limit] + "…")


def unpickle(stream: io.BufferedIOBase, place: str) -> tuple[object, dict[str, Storage]]:
    """Read one pickle and leave the stream behind it.

    Parameters
    ----------
    stream
        At the start of the pickle.
    place
        What to call the file in a message.

    Returns
    -------
    object
        Plain containers and values, `Module`, `Tensor`.
    dict
        By its key, one view of every storage that the pickle speaks of.

    Raises
    ------
    UnsafeCheckpointError
        If the pickle names or does something that no saved model needs.
    CheckpointError
        If it is damaged, or larger than a limit.
    """
    start = stream.tell()
    data = stream.read(MAX_PICKLE_BYTES + 1)
    machine = _Machine(io.BytesIO(data[:MAX_PICKLE_BYTES]), start, place, cut=len(data) > MAX_PICKLE_BYTES)
    result = machine.run()
    stream.seek(start + machine.stream.tell())
    return result, machine.storages


def _read_name(stream: io.BytesIO) -> str:
    """Read a module and a name in it, a line each; pickletools would take their backslashes for escapes."""
    lines = [stream.readline(), stream.readline()]
    if not all(line.endswith(b"\n") for line in lines):
        raise ValueError("expected two lines")
    return ".".join(line[:-1].decode("ascii", "backslashreplace") for line in lines)


OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}


class _Machine:
    """The stack machine. `mark` puts the stack aside, as in Python's own."""

    def __init__(self, stream: io.BytesIO, start: int, place: str, *, cut: bool) -> None:
        self.stream, self.start, self.place, self.cut = stream, start, place, cut
        self.position = 0
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, object] = {}
        self.storages: dict[str, Storage] = {}

    def run(self) -> object:
        for _ in range(MAX_OPCODES):
            self.position = self.stream.tell()
            opcode = OPCODES.get(self.stream.read(1).decode("latin-1"))
            if opcode is None:
                raise self.damaged("expected an opcode of a pickle")
            if opcode.name == "STOP":
                return self.pop()
            action = ACTIONS.get(opcode.name)
            if action is None:
                raise self.unsafe(f"the opcode {opcode.name}")
            try:
                argument: Any = None
                if opcode.name == "GLOBAL":
                    argument = _read_name(self.stream)
                elif opcode.arg:
                    argument = opcode.arg.reader(self.stream)
            except (ValueError, struct.error) as error:
                raise self.damaged(f"expected the argument of {opcode.name} ({quote(error)})") from None
            action(self, argument)
        raise self.damaged(f"more than {MAX_OPCODES} opcodes")

    def damaged(self, what: str) -> CheckpointError:
        if self.cut and self.stream.tell() >= MAX_PICKLE_BYTES:
            what = f"a pickle of more than {MAX_PICKLE_BYTES} bytes"
        return CheckpointError(f"{self.place}: byte {self.start + self.position}: {what}; not a whole checkpoint")

    def unsafe(self, what: str) -> UnsafeCheckpointError:
        return UnsafeCheckpointError(
            f"{self.place}: byte {self.start + self.position}: asks for {what}, which no saved model needs; nothing of "
            "it was run"
        )

    def pop(self) -> Any:
        if not self.stack:
            raise self.damaged("expected a value on the stack")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        if not self.below:
            raise self.damaged("expected a mark on the stack")
        items, self.stack = self.stack, self.below.pop()
        return items

    def top(self, kind: type, name: str) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise self.damaged(f"expected {name} on the stack")
        return self.stack[-1]

    def remember(self, index: int) -> None:
        self.memo[index] = self.top(object, "a value")

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise self.damaged(f"expected something remembered as {index}")
        self.stack.append(self.memo[index])

    def make_tuple(self, count: int) -> None:
        if len(self.stack) < count:
            raise self.damaged(f"expected {count} values on the stack")
        items = tuple(self.stack[-count:])
        self.stack[-count:] = [items]

    def set_items(self, items: list[Any]) -> None:
        target = self.top(dict, "a dictionary")
        if len(items) % 2:
            raise self.damaged("expected pairs of key and value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Other keys can be made to take time: tuples have as many leaves as one likes to hash, numbers collide.
            if not isinstance(key, str):
                raise self.unsafe(f"a key of type {type(key).__name__}")
            target[key] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def global_name(self, name: str) -> None:
        if name not in MODULES and name not in BUILDERS and name not in DTYPES:
            raise self.unsafe(f"the name {quote(name)}")
        self.stack.append(Name(name))

    def persistent(self) -> None:
        """Push what ``("module", class, file, source)`` and ``("storage", type, key, location, size[, view])`` name."""
        match self.pop():
            case ("module", Name(text) as name, str() | None, str() | None) if text in MODULES:
                self.stack.append(name)
            case ("storage", Name(text), str() as key, str(), int() as count, *views) if text in DTYPES:
                self.stack.append(self.storage(text, key, count, views))
            case _:
                raise self.unsafe("a reference that is neither a module nor a storage")

    def storage(self, kind: str, key: str, whole: int, views: list[object]) -> Storage:
        start, count = 0, whole
        match views:
            case [] | [None]:
                pass
            case [(str(), int() as start, int() as count)]:
                pass
            case _:
                raise self.damaged("expected a view of a storage")
        if not 0 <= whole <= MAX_COUNT or start < 0 or count < 0 or start + count > whole:
            raise self.damaged(f"storage {quote(key)} of a size or view beyond its end or beyond {MAX_COUNT} elements")
        storage = Storage(DTYPES[kind], key, whole, start, count)
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.whole) != (storage.dtype, whole):
            raise self.damaged(f"storage {quote(key)} in two types or sizes")
        return storage

    def new_object(self) -> None:
        arguments, name = self.pop(), self.pop()
        match name, arguments:
            case Name("torch.Size"), tuple():
                self.stack.append(self.only_argument(arguments))
            case Name(text), () if text in MODULES:
                self.stack.append(Module(text))
            case _:
                raise self.unsafe("an object that is not a module")

    def build(self) -> None:
        state, target = self.pop(), self.top(object, "a value")
        if not isinstance(state, dict) or not isinstance(target, (Module, dict)):
            raise self.unsafe(f"the state of a {type(target).__name__}")
        if isinstance(target, Module):  # an OrderedDict's own attributes (versions of a state) mean nothing here
            if target.attributes or not all(isinstance(key, str) for key in state):
                raise self.unsafe("the state of a module twice, or names that are no text")
            target.attributes = state

    def reduce(self) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, Name) or name.text not in BUILDERS or not isinstance(arguments, tuple):
            called = quote(name.text) if isinstance(name, Name) else f"a {type(name).__name__}"
            raise self.unsafe(f"a call of {called}")
        self.stack.append(BUILDERS[name.text](self, arguments))

    def tensor(self, arguments: tuple[Any, ...]) -> Tensor:
        match arguments:
            case (Storage() as storage, int() as offset, tuple() as shape, tuple() as stride, *_):
                return self.checked(Tensor(storage, offset, shape, stride))
        raise self.damaged("expected storage, offset, size and stride of a tensor")

    def checked(self, tensor: Tensor) -> Tensor:
        """Refuse a tensor that reaches beyond its storage, or that has more elements than it."""
        shape, stride, count = tensor.shape, tensor.stride, tensor.storage.count
        if len(shape) != len(stride) or len(shape) > MAX_DIMENSIONS:
            raise self.damaged(f"expected a size and a stride for each of at most {MAX_DIMENSIONS} dimensions")
        if not all(isinstance(number, int) and 0 <= number <= MAX_COUNT for number in (tensor.offset, *shape, *stride)):
            raise self.damaged(f"expected sizes and strides from 0 to {MAX_COUNT}")
        elements, last = 1, tensor.offset
        for size, step in zip(shape, stride, strict=True):
            elements, last = elements * size, last + (size - 1) * step
        if elements > count or (elements > 0 and last >= count):
            raise self.damaged(f"a tensor that reaches beyond the {count} elements of its storage")
        return tensor

    def parameter(self, arguments: tuple[Any, ...]) -> Tensor:
        match arguments:
            case (Tensor() as tensor, *_):
                return tensor
        raise self.damaged("expected the tensor of a parameter")

    def ordered_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        if arguments:  # its items come by SETITEMS; a list of them could be copied time and again
            raise self.unsafe("a dictionary that is built by a call")
        return {}

    def only_argument(self, arguments: tuple[Any, ...]) -> object:
        match arguments:
            case (list() | tuple() as items,):
                return items
        raise self.damaged("expected one list")

    def backend(self, arguments: tuple[Any, ...]) -> None:
        if arguments:
            raise self.damaged("expected no arguments")


BUILDERS: dict[str, Callable[[_Machine, tuple[Any, ...]], object]] = {
    "__builtin__.set": _Machine.only_argument,
    "builtins.set": _Machine.only_argument,
    "collections.OrderedDict": _Machine.ordered_dict,
    "torch.Size": _Machine.only_argument,
    "torch._utils._rebuild_parameter": _Machine.parameter,
    "torch._utils._rebuild_tensor": _Machine.tensor,
    "torch._utils._rebuild_tensor_v2": _Machine.tensor,
    "torch.nn.backends.thnn._get_thnn_function_backend": _Machine.backend,
}
"""What stands for a call of each of these names; a set stays the list of its members."""

_Action = Callable[[_Machine, Any], object]


def _push(machine: _Machine, argument: object) -> None:
    machine.stack.append(argument)


def _constant(value: object) -> _Action:
    return lambda machine, _: machine.stack.append(value)


def _protocol(machine: _Machine, argument: int) -> None:
    if argument > pickle.HIGHEST_PROTOCOL:  # a lower one shows in its opcodes
        raise machine.damaged(f"protocol {argument}, expected 2, in which PyTorch writes")


def _mark(machine: _Machine, _: object) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


ACTIONS: dict[str, _Action] = {
    "PROTO": _protocol,
    "MARK": _mark,
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"), _push),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "TUPLE": lambda machine, _: _push(machine, tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.make_tuple(1),
    "TUPLE2": lambda machine, _: machine.make_tuple(2),
    "TUPLE3": lambda machine, _: machine.make_tuple(3),
    "APPEND": lambda machine, _: (item := machine.pop(), machine.top(list, "a list").append(item)),
    "APPENDS": lambda machine, _: (items := machine.pop_to_mark(), machine.top(list, "a list").extend(items)),
    "SETITEM": lambda machine, _: machine.set_item(),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.remember),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine.recall),
    "GLOBAL": _Machine.global_name,
    "BINPERSID": lambda machine, _: machine.persistent(),
    "NEWOBJ": lambda machine, _: machine.new_object(),
    "BUILD": lambda machine, _: machine.build(),
    "REDUCE": lambda machine, _: machine.reduce(),
}
"""The opcodes that ``torch.save`` writes, by pickletools' names."""
