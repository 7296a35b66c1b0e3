"""How FamiStudio plays its text, written down a second time: text in, what each voice plays a frame out.

Every line is checked against the grammar and the limits of the program; a `ValueError` names the line that breaks one.
Source: FamiStudio, `Docs/docs/export.md`, its reader (`Source/IO/FamistudioTextFile.cs`) and its player
(`Source/ChannelStates`).
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

from tracker_frames import SILENCE, Played, Tone, need, note_periods

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
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


def play_famistudio(text: str, beyond: int = 0) -> Played:
    """Play a project to its end, and `beyond` frames after it has looped."""
    project = read_famistudio(text)
    channels = [FamiStudioChannel(index, project) for index in range(5)]
    played = Played([], instruments=len(project.instruments), bars=len(project.lengths))
    total = sum(project.lengths)
    starts = [sum(project.lengths[:bar]) for bar in range(len(project.lengths))]
    order = list(range(len(project.lengths)))
    if project.loop >= 0:
        played.loop = starts[project.loop]
        order += order[project.loop :] * (1 + beyond // (total - played.loop))
    for bar in order:
        for time in range(project.lengths[bar]):
            left = total - starts[bar] - time
            for index, channel in enumerate(channels):
                name = project.order[index].get(bar)
                notes = project.patterns[index][name] if name is not None else {}
                channel.advance(notes.get(time), left)
                played.samples += [(len(played.frames), *event) for event in channel.events if index == 4]
                channel.events.clear()
            played.frames.append([channel.update() for channel in channels[:4]])
    played.frames = played.frames[: total + beyond * (project.loop >= 0)]
    # A bar without a pattern is as one more.
    played.patterns = sum(
        len(project.patterns[index]) + (len(project.order[index]) < len(project.lengths)) for index in range(4)
    )
    return played
