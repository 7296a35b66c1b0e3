"""How FamiTracker and FamiStudio play their text, written down a second time: text in, what each voice plays a frame out.

Every line is checked against the grammar and the limits of the program; a `ValueError` names the line that breaks one.
Sources: Dn-FamiTracker's help ("Text import and export", "Effect list"); FamiStudio's `Docs/docs/export.md`, its reader
(`Source/IO/FamistudioTextFile.cs`) and its player (`Source/ChannelStates`).
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CLOCKS = (1_789_773, 1_662_607)
SILENCE = (0, 0, 0)

Tone = tuple[int, int, int]


@dataclass
class Played:
    """What a text plays: a frame's tones of p1, p2, tr and no (period, volume, timbre; zeros for silence)."""

    frames: list[list[Tone]]
    samples: list[tuple[int, str, Any]] = field(default_factory=list)
    loop: int | None = None
    instruments: int = 0
    patterns: int = 0
    bars: int = 0
    rows: int = 0


def need(holds: object, line: int, expected: str) -> None:
    """Refuse a line that is not what is expected."""
    if not holds:
        message = f"line {line}: expected {expected}"
        raise ValueError(message)


def note_periods(pal: bool) -> list[int]:
    """Give the timers of the notes C0 (32.7 Hz) to B7, as both programs make their tables."""
    return [int(CLOCKS[pal] / 16 / (440 * 2 ** ((note - 45) / 12)) - 0.5) for note in range(96)]


def integers(text: str) -> list[int]:
    """Read numbers between blanks."""
    return [int(word) for word in text.split()]


# ---------------------------------------------------------------------------------------------------- FamiTracker

HEADER = "# FamiTracker text export 0.4.2"
ROW = re.compile(r"ROW ([0-9A-F]{2}) : (.*)")
CELL = re.compile(r"(\.\.\.|---|[A-G][-#][0-7]|[0-9A-F]-#) (\.\.|[0-9A-F]{2}) ([.0-9A-F])((?: (?:\.\.\.|[0-9A-Z][0-9A-F]{2}))+)")
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
                need(octave < 8 and note < 12 and pitch < 16 and loop < 2 and point == 0 and delta == -1, number, "a key")
                module.keys[inst, 12 * octave + note] = (index, pitch, loop)
            case "TRACK":
                found = re.fullmatch(r'(\d+)\s+(\d+)\s+(\d+) ".*"', rest)
                need(found and not module.rows, number, "one track")
                assert found
                module.rows, module.speed, module.tempo = (int(found[index]) for index in (1, 2, 3))
                need(1 <= module.rows <= 256 and 1 <= module.speed <= 31 and module.tempo >= 32, number, "rows and tempo")
            case "COLUMNS":
                module.columns = integers(rest[2:])
                need(len(module.columns) == 5 and all(1 <= count <= 4 for count in module.columns), number, "5 of 1 to 4")
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
                need(row < module.rows and len(cells) == 5 and row not in module.patterns[pattern], number, "5 channels")
                read = []
                for channel, cell in enumerate(cells):
                    parts = CELL.fullmatch(cell)
                    need(parts, number, "note, instrument, volume, effects")
                    assert parts
                    effects = parts[4].split()
                    need(len(effects) == module.columns[channel], number, f"{module.columns[channel]} effects")
                    need(parts[1] in ("...", "---") or (parts[1][0] in "0123456789ABCDEF" and parts[1][1:] == "-#") == (channel == 3), number, "a note of the channel")
                    need(parts[2] == ".." or int(parts[2], 16) in module.instruments, number, "an instrument that is there")
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


def play_famitracker(text: str, longest: int = 1 << 20) -> Played:
    """Play a text export until it halts or loops."""
    module = read_famitracker(text)
    channels = [FamiTrackerChannel(index, module) for index in range(5)]
    played = Played([], instruments=len(module.instruments), bars=len(module.order))
    place, row, speed = 0, 0, module.speed
    counter = 0
    a_row = 60 * (50 if module.pal else 60)
    visited: dict[tuple[int, int], int] = {}
    while len(played.frames) < longest:
        if counter <= 0:
            if (place, row) in visited:
                played.loop = visited[place, row]
                break
            visited[place, row] = len(played.frames)
            played.rows += 1
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


# ----------------------------------------------------------------------------------------------------- FamiStudio

ATTRIBUTE = re.compile(r' ([A-Za-z]+)="((?:[^"]|"")*)"')
MANDATORY = {
    "Project": ["TempoMode", "Name"],
    "DPCMSample": ["Name", "Data"],
    "Instrument": ["Name"],
    "DPCMMapping": ["Note", "Sample"],
    "Envelope": ["Type", "Length", "Values"],
    "Song": ["Name", "Length", "LoopPoint", "PatternLength", "BeatLength", "NoteLength", "Groove", "GroovePaddingMode"],
    "PatternCustomSettings": ["Time", "Length", "NoteLength", "BeatLength", "Groove", "GroovePaddingMode"],
    "Channel": ["Type"],
    "Pattern": ["Name"],
    "Note": ["Time"],
    "PatternInstance": ["Time", "Pattern"],
}
OPTIONAL = {
    "Project": ["Author", "Copyright", "PAL"],
    "DPCMMapping": ["Pitch", "Loop"],
    "Envelope": ["Relative", "Loop"],
    "Note": ["Value", "Duration", "Instrument", "Attack", "Volume", "DutyCycle", "FinePitch", "DeltaCounter"],
}
DEPTHS = {"Project": 0, "DPCMSample": 1, "Instrument": 1, "Song": 1, "Envelope": 2, "DPCMMapping": 2, "Channel": 2}
DEPTHS |= {"PatternCustomSettings": 2, "Pattern": 3, "PatternInstance": 3, "Note": 4}
ENVELOPES = {"Volume": (0, 15), "Arpeggio": (-64, 63), "Pitch": (-64, 63), "DutyCycle": (0, 3)}
EMPTY = {"Volume": 15, "Arpeggio": 0, "Pitch": 0, "DutyCycle": 0}
CHANNEL_TYPES = ["Square1", "Square2", "Triangle", "Noise", "DPCM"]

Attributes = dict[str, str]


@dataclass
class FamiStudioProject:
    """What the objects of a text make."""

    pal: bool = False
    samples: dict[str, bytes] = field(default_factory=dict)
    instruments: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    keys: dict[int, tuple[str, int, bool]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    loop: int = -1
    patterns: list[dict[str, dict[int, Attributes]]] = field(default_factory=lambda: [{} for _ in range(5)])
    order: list[dict[int, str]] = field(default_factory=lambda: [{} for _ in range(5)])


def note_number(name: str, line: int) -> int:
    """Read a note: C0 is 1, B7 is 96, "Stop" is 0."""
    if name == "Stop":
        return 0
    found = re.fullmatch(r"([A-G])(#?)([0-7])", name)
    need(found, line, "a note of C0 to B7")
    assert found
    return 12 * int(found[3]) + SEMITONES[found[1]] + len(found[2]) + 1


def check_groove(values: Attributes, line: int) -> int:
    """Check that a note has 1 to 18 frames, the same as the groove; give them."""
    frames = int(values["NoteLength"])
    need(1 <= frames <= 18 and values["Groove"] == str(frames), line, "notes of 1 to 18 frames")
    need(values["GroovePaddingMode"] in ("Beginning", "Middle", "End"), line, "a padding mode")
    return frames


def read_famistudio(text: str) -> FamiStudioProject:
    """Read a project of one song in FamiStudio tempo; check grammar and limits."""
    project = FamiStudioProject()
    instrument: dict[str, list[int]] = {}
    channel, pattern, depth = -1, "", 0
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        stripped = line.lstrip("\t")
        name = stripped.split(" ", 1)[0]
        need(name in MANDATORY and DEPTHS[name] == len(line) - len(stripped) <= depth + 1, number, "an object in place")
        depth = DEPTHS[name]
        pairs = ATTRIBUTE.findall(stripped[len(name) :])
        need("".join(f' {key}="{value}"' for key, value in pairs) == stripped[len(name) :], number, "attributes")
        values = {key: value.replace('""', '"') for key, value in pairs}
        allowed = MANDATORY[name] + OPTIONAL.get(name, [])
        need(len(values) == len(pairs) and set(values) <= set(allowed), number, f"attributes of {allowed}")
        need(all(key in values for key in MANDATORY[name]), number, f"{MANDATORY[name]}")
        match name:
            case "Project":
                need(number == 1 and values["TempoMode"] == "FamiStudio", number, "FamiStudio tempo")
                project.pal = values.get("PAL") == "True"
            case "DPCMSample":
                data = bytes.fromhex(values["Data"])
                need(1 <= len(data) <= 4081, number, "a sample of 4,081 bytes")
                project.samples[values["Name"]] = data
            case "Instrument":
                need(values["Name"] not in project.instruments, number, "each instrument once")
                instrument = project.instruments[values["Name"]] = {}
            case "DPCMMapping":
                need(values["Sample"] in project.samples, number, "a sample that is there")
                key = note_number(values["Note"], number)
                project.keys[key] = (values["Sample"], int(values["Pitch"]), values["Loop"] == "True")
            case "Envelope":
                listed = [int(value) for value in values["Values"].split(",")]
                low, high = ENVELOPES[values["Type"]]
                need(len(listed) == int(values["Length"]) <= 256, number, "256 values")
                need(all(low <= value <= high for value in listed) and "Loop" not in values, number, "values in range")
                need(values["Type"] != "Pitch" or values["Relative"] == "False", number, "an absolute pitch")
                instrument[values["Type"]] = listed
            case "Song":
                need(not project.lengths, number, "one song")
                frames, notes = check_groove(values, number), int(values["PatternLength"])
                need(notes * frames <= 2048 // frames, number, "a pattern that the reader takes")
                need(1 <= int(values["BeatLength"]) <= notes, number, "a beat within the pattern")
                project.lengths = [frames * notes] * int(values["Length"])
                need(1 <= len(project.lengths) <= 256, number, "256 patterns")
                project.loop = int(values["LoopPoint"])
                need(-1 <= project.loop < len(project.lengths), number, "a loop point within")
            case "PatternCustomSettings":
                length = check_groove(values, number) * int(values["Length"])
                need(0 < length < 2048, number, "a pattern of 2,047 frames")
                project.lengths[int(values["Time"])] = length
            case "Channel":
                channel += 1
                need(values["Type"] == CHANNEL_TYPES[channel], number, "the next channel")
            case "Pattern":
                pattern = values["Name"]
                need(pattern not in project.patterns[channel], number, "each pattern once")
                project.patterns[channel][pattern] = {}
            case "Note":
                check_note(values, project, number)
                time = int(values["Time"])
                need(0 <= time < 2048 and time not in project.patterns[channel][pattern], number, "one note a time")
                project.patterns[channel][pattern][time] = values
            case "PatternInstance":
                need(values["Pattern"] in project.patterns[channel], number, "a pattern that is there")
                project.order[channel][int(values["Time"])] = values["Pattern"]
    need(channel == 4, 0, "five channels")
    need(len(project.instruments) <= 64, 0, "64 instruments")
    for index in range(5):
        need(len(project.patterns[index]) <= 256, 0, "256 patterns")
        for time, played in project.order[index].items():
            need(max(project.patterns[index][played], default=0) < project.lengths[time], 0, "notes within the pattern")
    return project


def check_note(values: Attributes, project: FamiStudioProject, line: int) -> None:
    """Check the ranges of a note's attributes."""
    if "Value" in values and values["Value"] != "Stop":
        note_number(values["Value"], line)
        need(1 <= int(values["Duration"]) <= 65_535, line, "a duration of 1 to 65,535")
        need(values["Instrument"] in project.instruments, line, "an instrument that is there")
    else:
        need(not {"Duration", "Instrument", "Attack"} & set(values), line, "a note")
    for key, low, high in [("Volume", 0, 15), ("DutyCycle", 0, 3), ("FinePitch", -128, 127), ("DeltaCounter", 0, 127)]:
        need(low <= int(values.get(key, low)) <= high, line, f"{key} of {low} to {high}")


class FamiStudioChannel:
    """A channel: its note, its envelopes, how long it still lasts."""

    def __init__(self, index: int, project: FamiStudioProject) -> None:
        self.index, self.project = index, project
        self.periods = [0, *note_periods(project.pal)]
        self.note = 0
        self.envelopes: dict[str, list[int]] = {}
        self.positions: dict[str, int] = {}
        self.values = dict(EMPTY)
        self.volume, self.duty, self.fine = 15, 0, 0
        self.duration = 0
        self.events: list[tuple[str, Any]] = []

    def advance(self, values: Attributes | None, frames_left: int) -> None:
        """Take what stands at a time; `frames_left` is the number of frames before the end of the song."""
        stops = False
        if self.duration > 0:
            self.duration -= 1
            stops = self.duration == 0 and (values is None or "Value" not in values)
        if stops:
            values = {**(values or {}), "Value": "Stop"}
        if values is None:
            return
        self.fine = int(values.get("FinePitch", self.fine))
        if "Value" in values:
            self.note = note_number(values["Value"], 0)
            self.duration = 0
            if self.note:
                lasts = int(values["Duration"])
                self.duration = lasts if lasts < frames_left else 0
                self.attack(values)
            else:
                self.events.append(("cut", None))
        if "DutyCycle" in values:
            self.duty = self.values["DutyCycle"] = int(values["DutyCycle"])
        if "Volume" in values:
            self.volume = int(values["Volume"])
        if "DeltaCounter" in values:
            self.events.append(("level", int(values["DeltaCounter"])))

    def attack(self, values: Attributes) -> None:
        if self.index == 4:
            need(values.get("Attack") == "False", 0, "a sample that leaves the level alone")
            name, pitch, loop = self.project.keys[self.note]
            self.events.append(("play", (name, pitch, int(loop))))
            return
        self.envelopes = self.project.instruments[values["Instrument"]]
        self.positions = dict.fromkeys(self.envelopes, 0)
        self.values["DutyCycle"] = self.duty
        self.values["Pitch"] = 0

    def update(self) -> Tone:
        """Go on by a frame; give what the registers then say."""
        for kind, rest in EMPTY.items():
            listed = self.envelopes.get(kind, [])
            if all(value == rest for value in listed):
                if kind != "DutyCycle":
                    self.values[kind] = rest
                continue
            position = self.positions[kind]
            self.values[kind] = listed[position]
            self.positions[kind] = min(position + 1, len(listed) - 1)
        if not self.note:
            return SILENCE
        volume = math.floor(self.volume * self.values["Volume"] / 15 + 0.5)
        if volume == 0 and self.volume and self.values["Volume"]:
            volume = 1
        if volume == 0:
            return SILENCE
        note = self.note + self.values["Arpeggio"]
        if self.index == 3:
            return ((note & 15) ^ 15, volume, self.values["DutyCycle"] & 1)
        period = min(max(self.periods[min(max(note, 0), 96)] + self.fine + self.values["Pitch"], 0), 0x7FF)
        return (period, 15, 0) if self.index == 2 else (period, volume, self.values["DutyCycle"])


def play_famistudio(text: str) -> Played:
    """Play a project to its end."""
    project = read_famistudio(text)
    channels = [FamiStudioChannel(index, project) for index in range(5)]
    played = Played([], instruments=len(project.instruments), bars=len(project.lengths))
    total = sum(project.lengths)
    for bar, length in enumerate(project.lengths):
        if bar == project.loop:
            played.loop = len(played.frames)
        for time in range(length):
            left = total - len(played.frames)
            for index, channel in enumerate(channels):
                name = project.order[index].get(bar)
                notes = project.patterns[index][name] if name is not None else {}
                channel.advance(notes.get(time), left)
                played.samples += [(len(played.frames), *event) for event in channel.events if index == 4]
                channel.events.clear()
            played.frames.append([channel.update() for channel in channels[:4]])
    # A bar without a pattern is as one more.
    played.patterns = sum(
        len(project.patterns[index]) + (len(project.order[index]) < len(project.lengths)) for index in range(4)
    )
    return played
