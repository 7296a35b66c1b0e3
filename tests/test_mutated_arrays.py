"""Damaged ``.npz`` files: read, or refused in one short line. ``make fuzz`` reads more of them."""

import io
import os
import random

import numpy as np
import pytest

import lakhnes
from lakhnes.arrays import to_arrays
from lakhnes.songs import decode
from mutations import mutated

COUNT = int(os.environ.get("LAKHNES_MUTATIONS", "2000"))
PATIENCE = 120 if COUNT <= 2_000 else 0
"""Seconds for a kind; a long run takes what it takes."""
KINDS = ("exprsco", "seprsco", "blndsco", "rawsco")
PLACES = ("rate", "nsamps", "clock", "starts", "values", "sco: ", "frame", ".npz file")
"""What a message names: an array, a frame, or the file as a whole."""
WORDS = (
    *(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"\x93NUMPY", b"rate.npy", b"nsamps.npy", b"True", b"-1", b"1e9"),
    *(b"'|O'", b"'<f8'", b"'<i8'", b"'>u1'", b"'<U9'", b"(1000000000000,)", b"(" * 40, b"{" * 200, b"#", b"\n", b"'''"),
    *(b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x00\x00\x0c\x00", b"\x00\x00\x0e\x00", b"\x00\x00\x5d\x00"),
)


def seeds(kind):
    song = lakhnes.Song.from_tx1("P1_NOTEON_69\nTR_NOTEON_40\nWT_4410\nP1_NOTEOFF\nNO_NOTEON_5\nWT_4410")
    for rate in (24, 44_100):
        for save in (np.savez, np.savez_compressed):
            file = io.BytesIO()
            save(file, **to_arrays(song, kind, rate))
            yield file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(PATIENCE)
def test_a_damaged_file_of_arrays_is_read_or_refused_in_one_short_line(kind):
    files, read = list(seeds(kind)), 0
    for number in range(COUNT // len(KINDS)):
        draw = random.Random(number)
        data = mutated(draw.choice(files), draw, WORDS)
        try:
            decode(data, f"{kind}.npz", name="file", score=number % 2 == 0)
            read += 1
        except lakhnes.LakhnesError as error:
            message = str(error)
            assert message.isprintable(), (number, message)
            assert len(message) <= 400, (number, message)
            assert any(place in message for place in PLACES), (number, message)
        except Exception as error:
            pytest.fail(f"{kind} {number}: {type(error).__name__}: {error}")
    print(f"{kind}.npz: {COUNT // len(KINDS)} damaged files, {read} read, {COUNT // len(KINDS) - read} refused")
    assert COUNT < 2_000 or 0 < read < COUNT // len(KINDS)
