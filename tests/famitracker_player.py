"""How FamiTracker plays its text export, written down a second time: text in, what each voice plays a frame out.

Every line is checked against the grammar and the limits of the program; a `ValueError` names the line that breaks one.
Source: Dn-FamiTracker's help, "Text import and export", "Effect list", "2A03/2A07 APU".
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tracker_frames import SILENCE, Played, Tone, need, note_periods

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def integers(text: str) -> list[int]:
    """Read numbers between blanks."""
    return [int(word) for word in text.split()]


HEADER = "# FamiTracker text export 0.4.2"
ROW = re.compile(r"ROW ([0-9A-F]{2}) : (.*)")
CELL = re.compile(
    r"(\.\.\.|---|[A-G][-#][0-7]|[0-9A-F]-#) (\.\.|[0-9A-F]{2}) ([.0-9A-F])((?: (?:\.\.\.|[0-9A-Z][0-9A-F]{2}))+)"
)
SEQUENCE_RANGES = {0: (0, 15), 1: (-96, 96), 2: (-128, 127), 4: (0, 3)}


@dataclass
class FamiTrackerModule:
    """What the commands of a text make."""

    pal: bool = False
    sequences: dict[tuple[int, int], tuple[list[int], int]] = field(default_factory=dict)
    instruments: dict[int, list[int]] = field(default_factory=dict)
    samples: dict[int, list[int]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    keys: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    rows: int = 0
    speed: int = 6
    tempo: int = 150
    columns: list[int] = field(default_factory=lambda: [1] * 5)
    order: list[list[int]] = field(default_factory=list)
    patterns: dict[int, dict[int, list[tuple[str, str, str, list[str]]]]] = field(default_factory=dict)


def read_famitracker(text: str) -> FamiTrackerModule:
    """Read a text export of one track; check grammar and limits."""
    lines = text.split("\n")
    need(lines[0] == HEADER, 1, HEADER)
    module = FamiTrackerModule()
    pattern, sample = -1, -1
    for number, line in enumerate(lines[1:], 2):
        command = line.split(" ", 1)[0]
        rest = line[len(command) :].strip()
        match command:
            case "" | "#":
                pass
            case "TITLE" | "AUTHOR" | "COPYRIGHT" | "COMMENT":
                need(re.fullmatch(r'"(?:[ -!#-~]|"")*"', rest), number, "a text in quotes")
                need(command == "COMMENT" or len(rest.replace('""', '"')) <= 33, number, "at most 31 letters")
            case "MACHINE":
                need(rest in ("0", "1"), number, "0 or 1")
                module.pal = rest == "1"
            case "FRAMERATE" | "EXPANSION":
                need(rest == "0", number, "the console's own")
            case "VIBRATO":
                need(rest == "1", number, "1")
            case "SPLIT":
                need(rest == "32", number, "32")
            case "MACRO":
                head, values = rest.split(" : ")
                kind, index, loop, release, setting = integers(head)
                listed = integers(values)
                low, high = SEQUENCE_RANGES[kind]
                need(0 <= index < 128 and 1 <= len(listed) <= 252, number, "128 sequences of 252 values")
                need(-1 <= loop < len(listed) and release == -1 and setting == 0, number, "a loop within")
                need(all(low <= value <= high for value in listed), number, "values in range")
                need((kind, index) not in module.sequences, number, "each sequence once")
                module.sequences[kind, index] = (listed, loop)
            case "DPCMDEF":
                found = re.fullmatch(r'(\d+)\s+(\d+) "[^"]*"', rest)
                need(found and int(found[1]) < 64 and int(found[2]) <= 4081, number, "64 samples of 4,081 bytes")
                assert found
                sample = int(found[1])
                module.samples[sample], module.sizes[sample] = [], int(found[2])
            case "DPCM":
                need(sample >= 0 and rest.startswith(": "), number, "bytes of a sample")
                module.samples[sample] += [int(word, 16) for word in rest[2:].split()]
                need(len(module.samples[sample]) <= module.sizes[sample], number, "no more bytes than the sample has")
            case "INST2A03":
                found = re.fullmatch(r'(\d+)((?:\s+-?\d+){5}) "(?:[ -!#-~]|"")+"', rest)
                need(found and int(found[1]) < 64, number, "one of 64 instruments")
                assert found
                used = integers(found[2])
                for kind, index in enumerate(used):
                    need(index == -1 or (kind, index) in module.sequences, number, "sequences that are there")
                need(int(found[1]) not in module.instruments, number, "each instrument once")
                module.instruments[int(found[1])] = used
            case "KEYDPCM":
                inst, octave, note, index, pitch, loop, point, delta = integers(rest)
                need(inst in module.instruments and index in module.samples, number, "an instrument and a sample")
                need(
                    octave < 8 and note < 12 and pitch < 16 and loop < 2 and point == 0 and delta == -1, number, "a key"
                )
                module.keys[inst, 12 * octave + note] = (index, pitch, loop)
            case "TRACK":
                found = re.fullmatch(r'(\d+)\s+(\d+)\s+(\d+) ".*"', rest)
                need(found and not module.rows, number, "one track")
                assert found
                module.rows, module.speed, module.tempo = (int(found[index]) for index in (1, 2, 3))
                need(
                    1 <= module.rows <= 256 and 1 <= module.speed <= 31 and module.tempo >= 32, number, "rows and tempo"
                )
            case "COLUMNS":
                module.columns = integers(rest[2:])
                need(
                    len(module.columns) == 5 and all(1 <= count <= 4 for count in module.columns), number, "5 of 1 to 4"
                )
            case "ORDER":
                found = re.fullmatch(r"([0-9A-F]{2}) :((?: [0-9A-F]{2}){5})", rest)
                need(found and int(found[1], 16) == len(module.order) < 128, number, "the next of 128 places")
                assert found
                module.order.append([int(word, 16) for word in found[2].split()])
                need(max(module.order[-1]) < 128, number, "one of 128 patterns")
            case "PATTERN":
                pattern = int(rest, 16)
                need(pattern < 128 and pattern not in module.patterns, number, "one of 128 patterns, once")
                module.patterns[pattern] = {}
            case "ROW":
                found = ROW.fullmatch(line)
                need(found and pattern >= 0, number, "a row of a pattern")
                assert found
                row, cells = int(found[1], 16), found[2].split(" : ")
                need(
                    row < module.rows and len(cells) == 5 and row not in module.patterns[pattern], number, "5 channels"
                )
                read = []
                for channel, cell in enumerate(cells):
                    parts = CELL.fullmatch(cell)
                    need(parts, number, "note, instrument, volume, effects")
                    assert parts
                    effects = parts[4].split()
                    need(len(effects) == module.columns[channel], number, f"{module.columns[channel]} effects")
                    need(
                        parts[1] in ("...", "---")
                        or (parts[1][0] in "0123456789ABCDEF" and parts[1][1:] == "-#") == (channel == 3),
                        number,
                        "a note of the channel",
                    )
                    need(
                        parts[2] == ".." or int(parts[2], 16) in module.instruments,
                        number,
                        "an instrument that is there",
                    )
                    read.append((parts[1], parts[2], parts[3], effects))
                module.patterns[pattern][row] = read
            case _:
                need(False, number, "a command")
    for index, data in module.samples.items():
        need(len(data) == module.sizes[index], len(lines), f"all bytes of sample {index}")
    used_patterns = {pattern for place in module.order for pattern in place}
    need(used_patterns <= set(module.patterns), len(lines), "every pattern of the order")
    return module


class FamiTrackerChannel:
    """A channel: its note, its sequences, and what effects have set."""

    def __init__(self, index: int, module: FamiTrackerModule) -> None:
        self.index, self.module = index, module
        self.periods = note_periods(module.pal)
        self.gate = False
        self.note = self.period = 0
        self.instrument: int | None = None
        self.volume = 15
        self.fine = 0x80
        self.default_duty = self.duty = 0
        self.sequence_volume = 15
        self.position: dict[int, int] = {}
        self.delayed: tuple[int, tuple[str, str, str, list[str]]] | None = None
        self.cut_in: int | None = None
        self.events: list[tuple[str, Any]] = []

    def row(self, cell: tuple[str, str, str, list[str]]) -> None:
        """Take a row; a delay holds all of it back."""
        if self.delayed:
            self.take(self.delayed[1])
            self.delayed = None
        wait = [int(effect[1:], 16) for effect in cell[3] if effect[0] == "G"]
        if wait and wait[0] > 0:
            # The frame of the row itself is counted as well.
            self.delayed = (wait[0] + 1, cell)
        else:
            self.take(cell)

    def take(self, cell: tuple[str, str, str, list[str]]) -> None:
        note, instrument, volume, effects = cell
        if volume != ".":
            self.volume = int(volume, 16)
        if instrument != "..":
            self.instrument = int(instrument, 16)
        if note == "---":
            self.gate = False
            self.events.append(("cut", None))
        elif note != "...":
            self.trigger(note)
        for effect in effects:
            value = 0 if effect == "..." else int(effect[1:], 16)
            match effect[0]:
                case "V":
                    self.default_duty = self.duty = value
                case "P":
                    self.fine = value
                case "S":
                    self.cut_in = value
                case "Z":
                    self.events.append(("level", value))

    def trigger(self, name: str) -> None:
        if self.index == 3:
            self.note = int(name[0], 16)
        else:
            self.note = SEMITONES[name[0]] + (name[1] == "#") + 12 * int(name[2])
        if self.index == 4:
            assert self.instrument is not None
            self.events.append(("play", self.module.keys[self.instrument, self.note]))
            return
        self.gate, self.cut_in = True, None
        self.duty, self.sequence_volume = self.default_duty, 15
        self.period = self.of(self.note)
        assert self.instrument is not None
        used = self.module.instruments[self.instrument]
        self.position = {kind: 0 for kind, index in enumerate(used) if index >= 0}

    def of(self, note: int) -> int:
        """Give what the table of the channel has for a note."""
        note = min(max(note, 0), 95)
        return note if self.index == 3 else self.periods[note]

    def tick(self) -> None:
        """Go on by a frame: delays, then sequences."""
        if self.delayed:
            self.delayed = (self.delayed[0] - 1, self.delayed[1])
            if self.delayed[0] == 0:
                self.take(self.delayed[1])
                self.delayed = None
        if self.cut_in is not None:
            if self.cut_in == 0:
                self.gate, self.cut_in = False, None
            else:
                self.cut_in -= 1
        if self.gate and self.instrument is not None:
            self.run_sequences()

    def run_sequences(self) -> None:
        assert self.instrument is not None
        used = self.module.instruments[self.instrument]
        for kind in sorted(self.position):
            values, loop = self.module.sequences[kind, used[kind]]
            position = self.position[kind]
            if position >= len(values):
                if loop < 0:
                    continue
                position = loop
            value = values[position]
            self.position[kind] = position + 1
            if kind == 0:
                self.sequence_volume = value
            elif kind == 1:
                self.period = self.of(self.note + value)
            elif kind == 2:
                self.period += value
            elif kind == 4:
                self.duty = value

    def tone(self) -> Tone:
        if not self.gate:
            return SILENCE
        volume = self.volume * self.sequence_volume // 15
        if volume == 0 and self.volume > 0 and self.sequence_volume > 0:
            volume = 1
        if volume == 0:
            return SILENCE
        if self.index == 3:
            return ((self.period & 15) ^ 15, volume, self.duty & 1)
        period = min(max(self.period + 0x80 - self.fine, 0), 0x7FF)
        return (period, 15, 0) if self.index == 2 else (period, volume, self.duty)


def play_famitracker(text: str, beyond: int = 0) -> Played:
    """Play a text export until it halts or loops, and `beyond` frames after it has looped."""
    module = read_famitracker(text)
    channels = [FamiTrackerChannel(index, module) for index in range(5)]
    played = Played([], instruments=len(module.instruments), bars=len(module.order))
    place, row, speed = 0, 0, module.speed
    counter = 0
    a_row = 60 * (50 if module.pal else 60)
    visited: dict[tuple[int, int], int] = {}
    end = 1 << 20
    while len(played.frames) < end:
        if counter <= 0:
            if (place, row) in visited and played.loop is None:
                played.loop = visited[place, row]
                end = len(played.frames) + beyond
                if not beyond:
                    break
            visited.setdefault((place, row), len(played.frames))
            jump: tuple[int, int] | None = None
            halt = False
            for index, channel in enumerate(channels):
                cell = module.patterns[module.order[place][index]].get(row, [("...", "..", ".", [])] * 5)[index]
                channel.row(cell)
                for effect in cell[3]:
                    value = 0 if effect == "..." else int(effect[1:], 16)
                    match effect[0]:
                        case "F":
                            need(1 <= value < 32 and not channel.delayed, 0, "a speed")
                            speed = value
                        case "B":
                            jump = (value, 0)
                        case "D":
                            jump = ((place + 1) % len(module.order), value)
                        case "C":
                            halt = True
            if halt:
                break
            row += 1
            if jump:
                place, row = jump
            elif row == module.rows:
                place, row = (place + 1) % len(module.order), 0
            counter += a_row - module.tempo * 24 % speed
        counter -= module.tempo * 24 // speed
        for channel in channels:
            channel.tick()
            played.samples += [(len(played.frames), *event) for event in channel.events if channel.index == 4]
            channel.events.clear()
        played.frames.append([channel.tone() for channel in channels[:4]])
    played.patterns = sum(len({bar[channel] for bar in module.order}) for channel in range(4))
    return played
