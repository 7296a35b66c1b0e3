"""Relatives of the failing cases, three and more a kind: beside each other, with the letter of the kind.

B the chip, C MIDI as people have it, D VGM as trackers write it. Those of files and usage stand in
``test_relatives_of_usage``; the last test there counts all.
"""

import warnings

import pytest

import lakhnes
from hostile_files import relatives

warned = pytest.mark.filterwarnings("ignore::lakhnes.errors.LakhnesWarning")

CHANNELS = {"pulse 1": (0x4003, 1), "pulse 2": (0x4007, 2), "triangle": (0x400B, 4), "noise": (0x400F, 8)}

COUNTERS = relatives("B", "one clock within two cycles, and two further apart", CHANNELS)


@pytest.mark.parametrize("channel", COUNTERS)
@pytest.mark.parametrize("read", [30_100, 30_031])
@pytest.mark.parametrize("mode", [0, 0x80])
def test_a_frame_step_and_the_clock_of_a_reset_within_two_cycles_are_one(channel, read, mode):
    address, bit = COUNTERS[channel]
    late = 7_452 if mode else 0  # in mode 1 the second half frame comes later
    chip = lakhnes.Apu()
    for cycle, register, value in (
        (200, 0x4017, mode), (20_000, 0x4015, bit), (20_004, address, 0x18), (30_030 + late, 0x4017, 0x80),
    ):  # fmt: skip
        chip.write(cycle, register, value)
    assert chip.read_status(read + late) & bit == bit


@pytest.mark.parametrize("channel", COUNTERS)
@pytest.mark.parametrize("first", [(100, 104, 108), (101, 105, 109)])
def test_the_clock_of_a_write_to_the_frame_counter_is_immediate(channel, first):
    address, bit = COUNTERS[channel]
    once, twice, read = first
    chip = lakhnes.Apu()
    for cycle, register, value in ((10, 0x4015, bit), (20, address, 0x18), (once, 0x4017, 0x80), (twice, 0x4017, 0x80)):
        chip.write(cycle, register, value)
    assert chip.read_status(read) & bit == 0


FLAGS = relatives(
    "B", "the frame flag on two cycles", {"at 100": 100, "at 200": 200, "at 1000": 1_000, "at 4096": 4_096}
)


@pytest.mark.parametrize("start", FLAGS)
def test_an_inhibited_frame_flag_reads_as_1_and_a_read_on_an_even_cycle_clears_it_late(start):
    for after in (29_828, 29_829):
        chip = lakhnes.Apu()
        chip.write(FLAGS[start], 0x4017, 0x40)
        assert chip.read_status(FLAGS[start] + 4 + after) & 0x40
    chip = lakhnes.Apu()
    chip.write(FLAGS[start], 0x4017, 0)
    even = FLAGS[start] + 40_000
    assert [chip.read_status(even), chip.read_status(even + 1), chip.read_status(even + 2)] == [64, 64, 0]


def midi(*tracks, form=1):
    """Return a MIDI file whose beat of 480 ticks lasts half a second."""
    chunks = [b"MTrk" + len(data).to_bytes(4, "big") + data for data in (track + b"\0\xff\x2f\0" for track in tracks)]
    return b"MThd\0\0\0\x06\0" + bytes([form, 0, len(tracks), 1, 0xE0]) + b"".join(chunks)


def note(key, wait=b"\x60"):
    return bytes([0, 0x90, key, 100]) + wait + bytes([key, 0])


P1 = b"\0\xff\x03\x02p1"
AGAIN = b"\0\x3e\x64\x60\x3e\0"
"""The second note, which leans on the status of the first."""

TWO_NOTES = {
    "a text event": b"\0\xff\x01\x02la",
    "a lyric": b"\0\xff\x05\x02la",
    "a tempo": b"\0\xff\x51\x03\x07\xa1\x20",
    "a marker without text": b"\0\xff\x06\0",
    "a key signature without data": b"\0\xff\x59\0",
    "a sysex": b"\0\xf0\x04\x7e\x7f\x09\xf7",
    "an escape": b"\0\xf7\x01\xfe",
}
STATUS = relatives("C", "running status after meta events and sysex", TWO_NOTES)
BYTES = relatives(
    "C", "system messages inside a track",
    {
        "timing clock": b"\0\xf8", "start": b"\0\xfa", "active sensing": b"\0\xfe", "tune request": b"\0\xf6",
        "song position": b"\0\xf2\x10\x20", "song select": b"\0\xf3\x01",
    },
)  # fmt: skip
ABOVE = relatives(
    "C", "data bytes above 127",
    {
        "a controller": b"\0\xb0\x07\xa8", "a program": b"\0\xc0\xc8", "channel pressure": b"\0\xd0\xff",
        "key pressure": b"\0\xa0\x3c\x80", "a bend": b"\0\xe0\xff\x80",
    },
)  # fmt: skip


@warned
@pytest.mark.parametrize("between", [*STATUS, *BYTES])
def test_notes_lean_on_a_status_from_before_what_is_between_them(between):
    data = midi(P1 + note(60) + (STATUS | BYTES)[between] + (AGAIN if between in STATUS else note(62)))
    assert lakhnes.Song.from_midi(data).voices["p1"][:, 2].tolist() == [60, 62]
    song, _ = lakhnes.Song.arrange(data)
    assert song.duration == 0.2


@pytest.mark.parametrize("between", ABOVE)
def test_a_data_byte_above_127_is_read_with_a_warning(tmp_path, between):
    (tmp_path / "x.mid").write_bytes(midi(P1 + note(60) + ABOVE[between] + note(62)))
    with pytest.warns(lakhnes.LakhnesWarning, match=r"x\.mid: .*above 127"):
        song = lakhnes.read(tmp_path / "x.mid")
    assert song.voices["p1"][:, 2].tolist() == [60, 62]


def riff(data, *, size=None, before=b""):
    inner = b"RMID" + before + b"data" + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)
    return b"RIFF" + (len(inner) if size is None else size).to_bytes(4, "little") + inner


WHOLE = midi(P1 + note(60) + note(62))
AROUND = relatives(
    "C", "after the last track, or around the file",
    {
        "a line end after it": WHOLE + b"\r\n", "zeros after it": WHOLE + bytes(512), "^Z after it": WHOLE + b"\x1a",
        "another chunk after it": WHOLE + b"XFIH\0\0\0\x04abcd", "half a chunk after it": WHOLE + b"XFIH\0\0",
        "RIFF": riff(WHOLE), "RIFF of size 0": riff(WHOLE, size=0), "RIFF of an odd size": riff(WHOLE + b"\0"),
        "RIFF with a list before": riff(WHOLE, before=b"LIST\x04\0\0\0INFO"),
        "format 2 with one track": WHOLE[:9] + b"\x02" + WHOLE[10:],
    },
)  # fmt: skip


@warned
@pytest.mark.parametrize("name", AROUND)
def test_what_is_around_the_tracks_of_a_file_does_not_matter(run, tmp_path, name):
    (tmp_path / "x.mid").write_bytes(AROUND[name])
    assert lakhnes.read(tmp_path / "x.mid").voices["p1"][:, 2].tolist() == [60, 62]
    assert run("convert", tmp_path / "x.mid", "-o", tmp_path / "x.tx1.txt").exit_code == 0
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "x.mid").write_bytes(AROUND[name])
    adapted = run("data", "adapt", tmp_path / "corpus", tmp_path / "c", "--min-seconds", 0, "--min-instruments", 1)
    assert adapted.exit_code == 0, adapted.output


NAMES = relatives(
    "C", "names of tracks",
    {
        "NUL": b"p1\0", "NULs": b"p1\0\0\0", "blanks": b"p1  ", "a blank before": b" p1", "capitals": b"P1",
        "capitals, a blank and NUL": b"P1 \0",
    },
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_track_is_known_by_its_name_whatever_surrounds_it(name):
    data = midi(b"\0\xff\x03" + bytes([len(NAMES[name])]) + NAMES[name] + note(60))
    assert lakhnes.Song.from_midi(data).voices["p1"][:, 2].tolist() == [60]


BENT = b"\0\xe0\x7f\x7f"
"""As far up as it goes: two semitones, unless the range is another."""

PITCHES = {
    "121 ends a bend": (BENT + note(60) + b"\0\xb0\x79\0" + note(60), [62, 60]),
    "121 ends a bend downwards": (b"\0\xe0\0\0" + note(60) + b"\0\xb0\x79\0" + note(60), [58, 60]),
    "121 ends the choice of a parameter": (b"\0\xb0\x65\0\0\x64\0\0\x79\0\0\x06\x0c" + BENT + note(60), [62]),
    "an NRPN by 98": (b"\0\xb0\x65\0\0\x64\0\0\x06\x02\0\x62\x08\0\x06\x40" + BENT + note(60), [62]),
    "an NRPN by 99": (b"\0\xb0\x65\0\0\x64\0\0\x06\x02\0\x63\x01\0\x06\x40" + BENT + note(60), [62]),
    "the null parameter": (b"\0\xb0\x65\0\0\x64\0\0\x06\x02\0\x65\x7f\0\x64\x7f\0\x06\x40" + BENT + note(60), [62]),
    "a range of an octave": (b"\0\xb0\x65\0\0\x64\0\0\x06\x0c" + BENT + note(60), [72]),
    "a range of 24": (b"\0\xb0\x65\0\0\x64\0\0\x06\x18" + BENT + note(60), [84]),
    "coarse tuning up": (b"\0\xb0\x65\0\0\x64\x02\0\x06\x45" + note(60), [65]),
    "coarse tuning down": (b"\0\xb0\x65\0\0\x64\x02\0\x06\x3b" + note(60), [55]),
}
PARAMETERS = relatives("C", "bends, parameters and resets", PITCHES)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_note_sounds_at_the_pitch_that_controllers_give_it(name):
    events, pitches = PARAMETERS[name]
    song, _ = lakhnes.Song.arrange(midi(events))
    assert sorted(pitch for rows in song.voices.values() for pitch in rows[:, 2].tolist()) == sorted(pitches)


MUTED = relatives(
    "C", "channel volume and expression of 0",
    {
        "volume": b"\0\xb1\x07\0", "expression": b"\0\xb1\x0b\0", "both": b"\0\xb1\x07\0\0\x0b\0",
        "volume, then a reset": b"\0\xb1\x07\0\0\x79\0",
    },
)  # fmt: skip


@pytest.mark.parametrize("name", MUTED)
def test_a_muted_part_is_not_heard_and_the_report_says_so(name):
    muted = MUTED[name] + bytes([0, 0x91, 40, 100, 96, 0x81, 40, 0])
    song, report = lakhnes.Song.arrange(midi(note(72), muted))
    assert [pitch for rows in song.voices.values() for pitch in rows[:, 2].tolist()] == [72]
    assert [(pitch, reason) for _, _, pitch, reason in report["unplaced"]] == [(40, "muted channel")]


def vgm(commands, *, looped=0, base=0, modifier=0, end=b"\x66"):
    """Return a VGM 1.70 file of some commands, which begin at 0xC0."""
    file = bytearray(0xC0)
    fields = {0x08: 0x170, 0x1C: max(looped - 0x1C, 0), 0x34: 0xC0 - 0x34, 0x84: 1_789_773}
    for place, value in fields.items():
        file[place : place + 4] = value.to_bytes(4, "little")
    file[:4], file[0x7E], file[0x7F] = b"Vgm ", base, modifier
    return bytes(file) + commands + end


SECOND = b"\xb4\x15\x01\xb4\x00\xbf\xb4\x02\xfe\xb4\x03\x00" + b"\x61\x44\xac"
"""A tone, and a wait of a second."""

LOOPS = relatives(
    "D", "loop base and modifier",
    {  # loops = 2 x modifier / 16 - base, and 1 at least
        "base 1": ({"base": 1}, 1.0), "base -1": ({"base": 255}, 3.0), "modifier 32": ({"modifier": 0x20}, 4.0),
        "both": ({"base": 1, "modifier": 0x20}, 3.0), "base 100": ({"base": 100}, 1.0), "neither": ({}, 2.0),
    },
)  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_the_header_corrects_the_number_of_loops(run, tmp_path, name):
    fields, seconds = LOOPS[name]
    (tmp_path / "x.vgm").write_bytes(vgm(SECOND, looped=0xC0, **fields))
    result = run("--json", "render", tmp_path / "x.vgm", "-o", tmp_path / "x.wav", "--loops", 2, "--fade", 0)
    assert f'"audio_seconds": {seconds}' in result.stdout, result.output


ODD = {
    "a loop beyond the end": vgm(SECOND, looped=0xFFFF),
    "a loop in the header": vgm(SECOND, looped=0x40),
    "a loop inside a command": vgm(SECOND, looped=0xC1),
    "a loop at the byte after the end": vgm(SECOND, looped=0xC0 + len(SECOND) + 1),
    "no command of the end": vgm(SECOND, end=b""),
    "unknown commands": vgm(b"\x31\x00\x45\x00\x00\xc9\x00\x00\x00" + SECOND),
}
LEFT = relatives("D", "loops that lead nowhere, files without an end, unknown commands", ODD)


@pytest.mark.parametrize("name", LEFT)
def test_what_is_odd_in_a_vgm_file_is_played_once_with_a_warning(run, tmp_path, name):
    (tmp_path / "x.vgm").write_bytes(LEFT[name])
    result = run("--json", "render", tmp_path / "x.vgm", "-o", tmp_path / "x.wav", "--loops", 3, "--fade", 0)
    assert '"audio_seconds": 1.0' in result.stdout, result.output
    assert result.stderr.startswith(f"Warning: {tmp_path / 'x.vgm'}: ")
    assert result.stderr.count("\n") == 1


BANK = bytes(range(1, 34))
PLAYED = b"\xb4\x10\x0f\xb4\x11\x40\xb4\x12\x00\xb4\x13\x02\xb4\x15\x10" + b"\x61\x44\xac"
BLOCK_C2 = b"\x67\x66\xc2" + (len(BANK) + 2).to_bytes(4, "little") + b"\x00\xc0" + BANK


def block_07(data):
    return b"\x67\x66\x07" + len(data).to_bytes(4, "little") + data


def copied(start, address, size):
    return b"\x68\x66\x07" + b"".join(value.to_bytes(3, "little") for value in (start, address, size))


BANKS = relatives(
    "D", "sample banks by block 07 and command 68",
    {
        "one bank": block_07(BANK) + copied(0, 0xC000, len(BANK)),
        "two banks in a row": block_07(BANK[:16]) + block_07(BANK[16:]) + copied(0, 0xC000, len(BANK)),
        "two copies": block_07(BANK) + copied(0, 0xC000, 16) + copied(16, 0xC010, len(BANK) - 16),
        "what is before the bank": block_07(b"\xff" * 9 + BANK) + copied(9, 0xC000, len(BANK)),
    },
)  # fmt: skip


@pytest.mark.parametrize("name", BANKS)
def test_banks_that_are_copied_sound_as_blocks_do(tmp_path, name):
    heard = []
    for data in (vgm(BLOCK_C2 + PLAYED), vgm(BANKS[name] + PLAYED)):
        (tmp_path / "x.vgm").write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            heard.append(lakhnes.render(lakhnes.read_log(tmp_path / "x.vgm")))
    assert abs(heard[0]).max() > 0.01
    assert heard[0].tobytes() == heard[1].tobytes()
