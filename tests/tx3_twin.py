"""TX3 read a second time, from docs/tx3.md alone: the frames and pitches of the notes of a text.

Slow and plain on purpose; the tests hold the Rust reader to it.
"""

from pathlib import Path

VOICES = ("P1", "P2", "TR", "NO")
CODEBOOK = Path(__file__).parents[1] / "rust/tokenizer/src/tx3/instruments.txt"

Note = tuple[int, int, int]


def figures() -> dict[str, list[list[tuple[int, int]]]]:
    """Read the figures of the codebook: semitones and frames, by the kind of voice."""
    found: dict[str, list[list[tuple[int, int]]]] = {"melodic": [], "drum": []}
    for line in CODEBOOK.read_text().splitlines():
        kind, *words = line.split() or [""]
        if kind in found:
            steps = [word.split("@") for word in words]
            found[kind].append([(int(semitones), int(frame)) for semitones, frame in steps])
    return found


def places(symbols: list[str]) -> list[tuple[int, str]]:
    """Give the frame of every token that is not one of time, and at the end that of the end."""
    row_parts, swing, rows = 6 * 32, 0, 16
    upcoming = (row_parts, swing, rows)
    bar, row, frame, begun, placed = 0, 0, 0, False, False

    def row_start(index: int) -> int:
        late = min(swing, row_parts // 32 - 1) if index % 2 else 0
        return (index * row_parts + 16) // 32 + late

    found = []
    for symbol in symbols:
        name, _, number = symbol.partition("_")
        if name == "ROW":
            row, frame, placed = int(number), 0, True
        elif name == "FRAME":
            frame, placed = int(number), True
        elif name == "TEMPO":
            upcoming = (32 * int(number), 0, upcoming[2])
        elif name == "FINE":
            upcoming = (upcoming[0] + int(number), *upcoming[1:])
        elif name == "SWING":
            upcoming = (upcoming[0], int(number), upcoming[2])
        elif name == "METER":
            upcoming = (*upcoming[:2], int(number))
        elif name == "BAR":
            if not begun:
                row_parts, swing, rows = upcoming
                bar = -(row_start(row) + frame)
            else:
                bar += row_start(row) + frame if placed else row_start(rows)
                row, frame = 0, 0
            begun, placed = True, False
        elif begun:
            placed = False
            found.append((bar + row_start(row) + frame, symbol))
        if name in ("TEMPO", "FINE", "SWING", "METER"):
            row_parts, swing, rows = upcoming  # a tempo stands where a bar begins
    found.append((bar + row_start(row) + frame, ""))
    return found


def notes(text: str) -> dict[str, list[Note]]:
    """Give the onset, end and pitch of every note, by voice, in frames."""
    timed = places(text.split())
    end = timed[-1][0]
    book = figures()
    return {voice: _notes_of(voice, timed, end, book["drum" if voice == "NO" else "melodic"]) for voice in VOICES}


def _notes_of(voice: str, timed: list[tuple[int, str]], end: int, book: list[list[tuple[int, int]]]) -> list[Note]:
    done: list[Note] = []
    gates: dict[int, int] = {}
    sounding = None  # onset, pitch, begin of the piece, slot, steps to come
    slot = 0

    def play_to(now: int) -> None:
        """Take the steps of a figure, and end what its gate ends."""
        nonlocal sounding
        if sounding is None:
            return
        onset, pitch, piece, own, steps = sounding
        gate = gates.get(own, 0)
        until = min(now, piece + gate) if gate else now
        while steps and steps[0][0] < until:
            at, new = steps.pop(0)
            done.append((onset, at, pitch))
            onset, pitch = at, new
        sounding = (onset, pitch, piece, own, steps)
        if gate and piece + gate <= now:
            done.append((onset, piece + gate, pitch))
            sounding = None

    for now, symbol in timed:
        tag, _, action = symbol.partition("_")
        if tag != voice:
            continue
        play_to(now)
        kind, _, number = action.partition("_")
        if kind == "NOTEON":
            pitch, slot = int(number), int(number) if voice == "NO" else 0
            piece = now
            if sounding is not None:
                onset, before, begin, own, _ = sounding
                done.append((onset, now, before))
                if now - onset <= 2:
                    piece, slot = begin, own
            sounding = (now, pitch, piece, slot, [])
        elif kind == "NOTEOFF" and sounding is not None:
            done.append((sounding[0], now, sounding[1]))
            sounding = None
        elif kind == "ATTACK" and sounding is not None:
            slot = sounding[1] if voice == "NO" else 0
            sounding = (sounding[0], sounding[1], now, slot, [])
        elif kind == "LEN":
            gates[slot] = int(number)
        elif kind == "FIG" and sounding is not None:
            onset, pitch, piece, own, _ = sounding
            steps = [(piece + frame, pitch + semitones) for semitones, frame in book[int(number)]]
            sounding = (onset, pitch, piece, own, steps)
    play_to(end)
    if sounding is not None and sounding[0] < end:
        done.append((sounding[0], end, sounding[1]))
    return done
