"""NSF files that tests make: albums of short songs, and small programs."""

import random

import lakhnes

SPEED = 16_639


def tune(seed: int, notes: int = 24) -> lakhnes.Song:
    """Return a song of a random melody over a bass and a drum, with velocities and timbres."""
    choose = random.Random(seed)
    events, pitch = [], 0
    for _ in range(notes):
        pitch = choose.choice([other for other in range(50, 85) if other != pitch])  # the same again is one note
        events += [f"P1_NOTEON_{pitch}", f"P1_VELOCITY_{choose.randint(5, 15)}", f"P1_TIMBRE_{choose.randint(0, 2)}"]
        events += [f"TR_NOTEON_{pitch - 20}", f"NO_NOTEON_{choose.randint(1, 16)}", "NO_VELOCITY_9"]
        events += [f"WT_{735 * choose.randint(4, 12)}", "NO_NOTEOFF", "WT_735"]
    return lakhnes.Song.from_tx2("\n".join([*events, "P1_NOTEOFF", "TR_NOTEOFF", "WT_735"]))


def album(seeds, form="nsf", titles=None, **about) -> bytes:
    """Return a file of a tune a track."""
    logs = [tune(seed).perform() for seed in seeds]
    names = titles or [f"Tune {seed}" for seed in seeds]
    return lakhnes.write_nsf_album(logs, format=form, names=names, **about)


def program(code, *, chips=0, tracks=1) -> bytes:
    """Return an NSF file whose INIT is at $8000 and whose PLAY is at $8020."""
    header = bytearray(0x80)
    header[:8] = [*b"NESM\x1a", 1, tracks, 1]
    for at, word in ((8, 0x8000), (10, 0x8000), (12, 0x8020), (0x6E, SPEED)):
        header[at : at + 2] = word.to_bytes(2, "little")
    header[0x7B] = chips
    return bytes(header) + bytes(code)


def endless(**options) -> bytes:
    """Return a file that plays a tone for ever, whose pitch never repeats: PLAY counts three bytes on."""
    sets = [(0x15, 1), (0x00, 0xBF), (0x02, 0xFD), (0x03, 0x00)]
    init = [byte for register, value in sets for byte in (0xA9, value, 0x8D, register, 0x40)]
    # INC $10, BNE +2, INC $11, LDA $10, STA $4002, LDA $11, STA $4000 with the constant volume bits, RTS
    play = [
        0xE6,
        0x10,
        0xD0,
        2,
        0xE6,
        0x11,
        0xA5,
        0x10,
        0x8D,
        0x02,
        0x40,
        0xA5,
        0x11,
        0x09,
        0xBF,
        0x8D,
        0x00,
        0x40,
        0x60,
    ]
    code = [*init, 0x60]
    return program([*code, *[0xEA] * (0x20 - len(code)), *play], **options)


def matched(before: str, after: str, frame: int = 735) -> tuple[int, int]:
    """Count the events of a TX1 text that have a partner of their own within a frame in another, and all of both."""
    one, other = _events(before), _events(after)
    found = 0
    for voice in one.keys() | other.keys():
        rest = list(other.get(voice, []))
        for tick, event in one.get(voice, []):
            near = [pair for pair in rest if abs(pair[0] - tick) <= frame and pair[1] == event]
            if near:
                rest.remove(near[0])
                found += 1
    most = sum(max(len(one.get(voice, [])), len(other.get(voice, []))) for voice in one.keys() | other.keys())
    return found, most


def _events(text: str) -> dict[str, list[tuple[int, str]]]:
    voices: dict[str, list[tuple[int, str]]] = {}
    tick = 0
    for event in text.split():
        voice, _, what = event.partition("_")
        if voice == "WT":
            tick += int(what)
        else:
            voices.setdefault(voice, []).append((tick, what))
    return voices
