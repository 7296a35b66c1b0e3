"""LakhNES's data scripts in our own words, on the library that they use: what our speed is measured against.

The steps, their order and the calls of `pretty_midi` are those of ``midi_to_tx1`` and of the adaptation of the Lakh
MIDI dataset (Donahue et al. 2019, sections 3.2 and 4.1), so that they take the time that the originals take.
"""

import io
import itertools
import random
import warnings
from collections import defaultdict

import pretty_midi

pretty_midi.pretty_midi.MAX_TICK = 1e16

RATE = 44_100.0
VOICES = ("p1", "p2", "tr", "no")
LOWEST = {"p1": 33, "p2": 33, "tr": 21}


def load(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pretty_midi.PrettyMIDI(io.BytesIO(data))


def midi_to_tx1(data):
    """Events by sample in a dictionary, then a line an event."""
    midi = load(data)
    at = defaultdict(list)
    for part in sorted(midi.instruments, key=lambda part: VOICES.index(part.name)):
        tag, before = part.name.upper(), None
        for note in part.notes:
            start, end = int(note.start * RATE + 1e-6), int(note.end * RATE + 1e-6)
            if before is not None and before != start:
                at[before].append(f"{tag}_NOTEOFF")
            at[start].append(f"{tag}_NOTEON_{note.pitch}")
            before = end
        if before is not None:
            at[before].append(f"{tag}_NOTEOFF")
    lines, now = [], 0
    for sample, events in sorted(at.items()):
        if sample > now:
            lines.append(f"WT_{sample - now}")
        lines.extend(events)
        now = sample
    end = int(midi.time_signature_changes[-1].time * RATE + 1e-6)
    if end > now:
        lines.append(f"WT_{end - now}")
    return "\n".join(lines)


def adapt(data, draw=None):
    """Give the MIDI files of up to 16 songs that LakhNES makes of a file; none where it drops the file.

    Of `draw`, the random generator, `sample`, `choice` and `randint` are used. (The original's is not seeded.)
    """
    draw = draw or random.Random(0)
    if len(data) > 512 * 1024:
        return []
    try:
        midi = load(data)
    except Exception:  # whatever the reader raises, the original passes the file over
        return []
    if not 5 <= midi.get_end_time() <= 600:
        return []
    for part in midi.instruments:
        for note in part.notes:
            note.start, note.end = round(note.start * RATE) / RATE, round(note.end * RATE) / RATE
    drums = [part for part in midi.instruments if part.is_drum]
    parts = [part for part in midi.instruments if not part.is_drum]
    parts = [
        part
        for part in parts
        if max(note.pitch for note in part.notes) >= 21 and min(note.pitch for note in part.notes) <= 108
    ]
    for part in parts + drums:
        part.notes.sort(key=lambda note: note.start)
    parts = different([part for part in parts if is_monophonic(part.notes)])
    if not parts:
        return []
    songs = [song([*players, draw.choice(drums) if drums else None], draw) for players in choose(parts, draw)]
    return [song for song in songs if song is not None]


def is_monophonic(notes):
    return all(note.end <= following.start for note, following in itertools.pairwise(notes))


def different(parts):
    found = {}
    for part in parts:
        found.setdefault(",".join(f"{note.pitch}:{note.start:.1f}" for note in part.notes), part)
    return list(found.values())


def choose(parts, draw):
    if len(parts) > 32:
        parts = draw.sample(parts, 32)
    seats = [*parts, *[None] * (3 - len(parts))]
    choices = list(dict.fromkeys(itertools.permutations(seats, 3)))
    return draw.sample(choices, 16) if len(choices) > 16 else choices


def song(players, draw):
    playable = []
    for voice, part in zip(VOICES, players, strict=True):
        notes = part.notes if part else []
        lowest, highest = (0, 127) if voice == "no" else (LOWEST[voice], 108)
        playable.append([note for note in notes if lowest <= note.pitch <= highest])
    every = list(itertools.chain(*playable))
    if not every:
        return None
    start = min(note.start for note in every)
    end = min(max(note.end for note in every), start + 180)
    noises = [draw.randint(1, 16) for _ in range(128)]
    midi = pretty_midi.PrettyMIDI(initial_tempo=120, resolution=22_050)
    for voice, notes, program in zip(VOICES, playable, (80, 81, 38, 121), strict=True):
        part = pretty_midi.Instrument(program=program, name=voice, is_drum=voice == "no")
        busy = -1.0
        for note in notes:
            if voice == "no" and note.start < busy:
                continue
            busy = note.end
            if note.end <= end:
                velocity = 1 if voice == "tr" else round(1 + 14 * note.velocity / 127)
                pitch = noises[note.pitch] if voice == "no" else note.pitch
                part.notes.append(pretty_midi.Note(velocity, pitch, note.start - start, note.end - start))
        midi.instruments.append(part)
    midi.time_signature_changes.append(pretty_midi.TimeSignature(1, 1, end - start))
    file = io.BytesIO()
    midi.write(file)
    return file.getvalue()
