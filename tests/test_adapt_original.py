"""Adaptation beside LakhNES's, restated on pretty_midi (``benches/originals.py``): the same songs, note for note."""

import random

import pretty_midi
import pytest

import lakhnes
import originals
from lakhnes.data.adapt import adapt

TICK = 50
"""Samples a MIDI tick: none of either program's times has to be rounded."""

SECOND = 44_100 // TICK

PITCHED = ("p1", "p2", "tr")

DRUMS = range(35, 51)
"""Sixteen keys, which `Everything` gives a noise each."""


class Everything:
    """In place of a random generator: all that can be drawn, in order."""

    def sample(self, population, count):
        return list(population)

    def choice(self, population):
        return population[0]

    def randint(self, low, high):
        self.count = getattr(self, "count", -1) + 1
        return low + self.count % (high - low + 1)


def line(draw, length, low, high, *, overlap=0):
    """Make a line of notes in MIDI ticks; each reaches so many ticks into the next."""
    notes, now = [], draw.randrange(SECOND)
    while now < length:
        lasts = draw.randrange(20, SECOND)
        notes.append((now, now + lasts + overlap, draw.randint(low, high), draw.randint(1, 127)))
        now += lasts + draw.choice((0, 0, 100))
    return notes


def band(seed):
    """Make a file of random lines: some overlap, are doubled, or lie partly or wholly where no voice can play them."""
    draw = random.Random(seed)
    length = (200 if seed % 8 == 0 else draw.choice((2, 10, 20))) * SECOND
    parts = [line(draw, length, *draw.choice(((40, 80), (20, 60), (90, 127), (0, 20), (109, 127)))) for _ in range(4)]
    parts = parts[: draw.choice((1, 2, 3, 3, 4))]
    if draw.random() < 0.4:
        parts.insert(0, line(draw, length, 40, 80, overlap=1))
    if draw.random() < 0.4:
        parts.append([(start + 1, end + 1, pitch, velocity) for start, end, pitch, velocity in parts[-1]])
    midi = pretty_midi.PrettyMIDI(resolution=441, initial_tempo=120)
    seconds = TICK / 44_100

    def add(notes, program, is_drum):
        part = pretty_midi.Instrument(program, is_drum)
        part.notes = [pretty_midi.Note(v, p, start * seconds, end * seconds) for start, end, p, v in notes]
        midi.instruments.append(part)

    for program, notes in enumerate(parts):
        add(notes, program, False)
    if draw.random() < 0.6:
        hits = line(draw, length, DRUMS[0], DRUMS[-1], overlap=draw.choice((0, 30)))
        last = max(end for _, end, _, _ in hits) + SECOND
        add([*hits, (last, last + 10, 36, 100)], 0, True)
    return midi


def notes(song):
    """Give the notes of a MIDI file of the original by voice: start, end, pitch, velocity."""
    return {voice: [tuple(note) for note in of_voice.tolist()] for voice, of_voice in song.voices.items()}


def notes_of_text(text):
    """Give the notes of a TX2 text by voice, and its length."""
    now, sounding = 0, {}
    found = {voice: [] for voice in ("p1", "p2", "tr", "no")}
    for event in text.splitlines():
        voice, action, *value = event.lower().split("_")
        if voice == "wt":
            now += int(action)
        elif action == "velocity":
            sounding[voice][2] = int(*value)
        else:
            if voice in sounding:
                start, pitch, velocity = sounding.pop(voice)
                found[voice].append((start, now, pitch, velocity))
            if action == "noteon":
                sounding[voice] = [now, int(*value), 1]
    assert not sounding
    return found, now


@pytest.fixture(scope="module")
def files():
    return {f"{seed:03}": band(seed) for seed in range(24)}


def test_the_songs_are_those_of_the_original(files, tmp_path):
    source = tmp_path / "midis"
    source.mkdir()
    for name, midi in files.items():
        midi.write(str(source / f"{name}.mid"))
    adapt(source, tmp_path / "out", to=["tx2"], valid=0, max_examples=10_000)
    dropped, maps = 0, []
    for name in files:
        expected = [
            lakhnes.Song.from_midi(song)
            for song in originals.adapt((source / f"{name}.mid").read_bytes(), Everything())
        ]
        texts = [path.read_text() for path in sorted((tmp_path / "out" / "train").glob(f"{name}_*.tx2.txt"))]
        assert len(texts) == len(expected), name
        dropped += not expected
        for text, song in zip(texts, expected, strict=True):
            ours, length = notes_of_text(text)
            theirs = notes(song)
            assert length == round(song.duration * 44_100), name
            assert [ours[voice] for voice in ("p1", "p2", "tr")] == [theirs[voice] for voice in ("p1", "p2", "tr")], (
                name
            )
            noise = {}
            for hit, original in zip(ours["no"], theirs["no"], strict=True):
                assert (hit[0], hit[1], hit[3]) == (original[0], original[1], original[3]), name
                assert noise.setdefault(original[2], hit[2]) == hit[2], f"{name}: a drum is one noise in a song"
            maps.append(noise)
    assert 0 < dropped < len(files) / 2
    assert len({tuple(sorted(noise.items())) for noise in maps if len(noise) > 8}) > 10
