"""Files that ``torch.save`` has written, in both of their forms.

Until PyTorch 1.5 a file was a row of pickles (a magic number, the protocol version, facts of the system, the object,
the keys of its storages) and then each storage: its number of elements as a 64-bit integer, and the elements. Since 1.6
it is a zip archive, nothing in it compressed: ``NAME/data.pkl`` and ``NAME/data/KEY`` for each storage.

Neither is loaded: the file is mapped, and an array is a view of it. So a file takes no more memory than it has bytes,
whatever it says of itself.
"""

from __future__ import annotations

import dataclasses
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lakhnes.checkpoint.unpickler import MAX_PICKLE_BYTES, Storage, Tensor, quote, unpickle
from lakhnes.errors import CheckpointError, UnsafeCheckpointError

__all__ = ["TorchFile", "read_torch_file"]

MAX_DIRECTORY_BYTES = 2**20
"""Of a zip archive's directory: about 10,000 entries. A published model has fewer than 200."""

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
"""The first two pickles of the older form (torch/serialization.py)."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""A zip entry's own header: signature, and the lengths of its name and extra field."""


@dataclasses.dataclass(frozen=True)
class TorchFile:
    """A file of ``torch.save``.

    Attributes
    ----------
    path : Path
    root : object
        What was saved: containers, values, modules and tensors of `lakhnes.checkpoint.unpickler`.
    data : uint8 array
        The file itself, mapped.
    places : dict
        Where in the file each storage begins, by its key.
    """

    path: Path
    root: object
    data: npt.NDArray[np.uint8]
    places: dict[str, int]

    def array(self, tensor: Tensor) -> npt.NDArray[Any]:
        """Return the numbers of a tensor: a view of the file.

        Raises
        ------
        CheckpointError
            If the file does not have them.
        """
        storage = tensor.storage
        dtype = np.dtype(storage.dtype)
        place = self.places.get(storage.key)
        if place is None:
            raise CheckpointError(f"{self.path}: storage {quote(storage.key)} is missing")
        start = place + (storage.start + tensor.offset) * dtype.itemsize
        strides = tuple(step * dtype.itemsize for step in tensor.stride)
        try:
            array: npt.NDArray[Any] = np.ndarray(tensor.shape, dtype, self.data.data, start, strides)
        except (TypeError, ValueError, OverflowError):
            raise CheckpointError(f"{self.path}: storage {quote(storage.key)} ends beyond the file") from None
        return array


def read_torch_file(path: Path) -> TorchFile:
    """Read what ``torch.save`` wrote, without running anything of it.

    Raises
    ------
    UnsafeCheckpointError
        If the file asks for anything that no saved model needs.
    CheckpointError
        If it is damaged, or of another kind.
    """
    with path.open("rb") as file:
        if not file.read(1):
            raise CheckpointError(f"{path}: empty, expected a file of torch.save")
        data = np.memmap(path, np.uint8, "r")
        file.seek(0)
        if file.read(4) == b"PK\3\4":
            root, places = _read_zip(path, data)
        else:
            file.seek(0)
            root, places = _read_row(path, file, data)
    return TorchFile(path, root, data, places)


def _read_row(path: Path, file: io.BufferedReader, data: npt.NDArray[np.uint8]) -> tuple[object, dict[str, int]]:
    """Read the older form, a row of pickles and then storages."""
    place = str(path)
    for expected in (MAGIC, VERSION):
        found, _ = unpickle(file, place)
        if not isinstance(found, int) or found != expected:
            raise CheckpointError(f"{path}: not a file of torch.save; expected the number {expected} at its head")
    system, _ = unpickle(file, place)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(f"{path}: expected a file written by a little-endian machine")
    root, storages = unpickle(file, place)
    keys, _ = unpickle(file, place)
    if not isinstance(keys, list):
        raise CheckpointError(f"{path}: expected the list of the storages' keys")
    places: dict[str, int] = {}
    position = file.tell()
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        if storage is None or key in places:
            raise CheckpointError(f"{path}: byte {position}: a storage that no tensor is of, or one of them twice")
        places[key] = position + 8
        end = places[key] + storage.whole * np.dtype(storage.dtype).itemsize
        if end > len(data):
            raise CheckpointError(
                f"{path}: byte {position}: storage {quote(key)} ends at byte {end}, the file at {len(data)}: cut off"
            )
        count = int.from_bytes(data[position : position + 8].tobytes(), "little")
        if count != storage.whole:
            raise CheckpointError(
                f"{path}: byte {position}: storage {quote(key)} has {count} elements, expected {storage.whole}"
            )
        position = end
    if missing := storages.keys() - places.keys():
        raise CheckpointError(f"{path}: storage {quote(min(missing))} is missing")
    return root, places


class _Bounded(io.BufferedReader):
    """A file of which no large piece is read at once: `zipfile` reads a directory of any size whole."""

    def read(self, size: int | None = -1, /) -> bytes:
        unbounded = size is None or size < 0 or size > MAX_DIRECTORY_BYTES
        piece = super().read(MAX_DIRECTORY_BYTES + 1 if unbounded else size)
        if len(piece) > MAX_DIRECTORY_BYTES:
            raise CheckpointError(f"a directory of more than {MAX_DIRECTORY_BYTES} bytes")
        return piece


def _read_zip(path: Path, data: npt.NDArray[np.uint8]) -> tuple[object, dict[str, int]]:
    """Read the newer form, a zip archive."""
    try:
        with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            return _read_entries(archive, data)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, struct.error) as error:
        raise CheckpointError(f"{path}: damaged zip archive ({quote(error)})") from None
    except CheckpointError as error:
        raise type(error)(f"{path}: {error}") from None


def _read_entries(archive: zipfile.ZipFile, data: npt.NDArray[np.uint8]) -> tuple[object, dict[str, int]]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if len(entries) < len(archive.infolist()):
        raise CheckpointError("two entries of one name")
    for name, entry in entries.items():
        if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
            raise UnsafeCheckpointError(f"entry {quote(name)}: a path that leads out of the archive")
        if not 0 <= entry.header_offset < len(data):
            raise CheckpointError(f"entry {quote(name)} begins outside the file")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size or entry.flag_bits & 1:
            raise CheckpointError(f"entry {quote(name)} is compressed or encrypted; torch.save writes plain ones")
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError("expected one entry NAME/data.pkl of torch.save")
    folder = pickles[0].removesuffix("data.pkl")
    if entries[pickles[0]].file_size > MAX_PICKLE_BYTES:
        raise CheckpointError(f"{pickles[0]}: more than {MAX_PICKLE_BYTES} bytes")
    order = entries.get(f"{folder}byteorder")
    if order is not None and (order.file_size > len("little") or archive.read(order) != b"little"):
        raise CheckpointError("expected a file written by a little-endian machine")
    root, storages = unpickle(io.BytesIO(archive.read(pickles[0])), pickles[0])
    if sum(storage.whole * np.dtype(storage.dtype).itemsize for storage in storages.values()) > len(data):
        raise CheckpointError(f"storages that have more bytes together than the file's {len(data)}")
    places = {}
    for key, storage in storages.items():
        holder = entries.get(f"{folder}data/{key}")
        if holder is None:
            raise CheckpointError(f"storage {quote(key)} is missing")
        places[key] = _place_of(holder, storage, data)
    return root, places


def _place_of(entry: zipfile.ZipInfo, storage: Storage, data: npt.NDArray[np.uint8]) -> int:
    """Return where the bytes of a storage begin in the file, after checking their number and checksum."""
    expected = storage.whole * np.dtype(storage.dtype).itemsize
    if entry.file_size != expected:
        raise CheckpointError(f"storage {quote(storage.key)} has {entry.file_size} bytes, expected {expected}")
    start: int = entry.header_offset
    if start > len(data) - _LOCAL_HEADER.size:
        raise CheckpointError(f"storage {quote(storage.key)} begins beyond the file")
    signature, name, extra = _LOCAL_HEADER.unpack(data[start : start + _LOCAL_HEADER.size].tobytes())
    start += _LOCAL_HEADER.size + name + extra
    if signature != b"PK\3\4" or start + expected > len(data):
        raise CheckpointError(f"storage {quote(storage.key)}: no entry of its size at byte {entry.header_offset}")
    if zlib.crc32(data[start : start + expected].data) != entry.CRC:
        raise CheckpointError(f"storage {quote(storage.key)}: its checksum differs: damaged")
    return start
