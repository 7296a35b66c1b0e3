"""Two hundred songs of NES-MDB as text for both trackers, played back by the tests' own players: equality and distance.

The distance is that of the log's rendering to a rendering of what the player plays, the first 45 s of each. That of the
exact mode is what 60 frames a second lose.
"""

import json
import re
import statistics
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import lakhnes
from audio_distance import SAMPLE_RATE, audio_distance
from famistudio_player import play_famistudio
from famitracker_player import play_famitracker
from tracker_frames import frames_of, log_of

ARCHIVE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nesmdb_midi_train_valid.tar.xz"
SONGS = 200
LONGEST = 45 * SAMPLE_RATE
# A song repeats if a third of its bars have notes that another has: each voice's by itself, empty ones left out.
REPEATS = 1 / 3
PLAYERS = {"ftm": play_famitracker, "fms": play_famistudio}
INSTRUMENT = re.compile(r"(P1|P2|NO)_INST_(\d+)")


def songs() -> list[tuple[str, lakhnes.Song]]:
    """Read 200 songs, evenly from both splits."""
    with tarfile.open(ARCHIVE) as archive:
        files = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
        chosen = sorted(files[:: len(files) // SONGS][:SONGS], key=lambda member: member.offset)
        found = ((Path(member.name).stem, archive.extractfile(member)) for member in chosen)
        return [(name, lakhnes.Song.from_midi(file.read())) for name, file in found if file]


def repeats(song: lakhnes.Song) -> bool:
    """Tell whether a song repeats: by rows and pitches of its bars in TX3, whatever a tracker's text makes of them."""
    voices: dict[str, list[tuple[str, ...]]] = {voice: [] for voice in ("P1", "P2", "TR", "NO")}
    for bar in song.to_tx3().split("\nBAR")[1:]:
        row, notes = "ROW_0", {voice: list[str]() for voice in voices}
        for token in bar.split():
            if token.startswith("ROW"):
                row = token
            elif "_NOTEON_" in token:
                notes[token[:2]].append(f"{row} {token}")
        for voice, found in notes.items():
            if found:
                voices[voice].append(tuple(found))
    counts = [Counter(bars) for bars in voices.values()]
    returning = sum(count for bars in counts for count in bars.values() if count > 1)
    return returning >= REPEATS * max(1, sum(bars.total() for bars in counts))


def measure(log: lakhnes.RegisterLog, format: str, mode: str, repeating: bool) -> dict[str, Any]:
    """Write a log, play the text, and compare."""
    text, report = log.to_tracker(format, mode=mode)
    played = PLAYERS[format](text)
    frames = frames_of(log, report)
    differing = sum(one != other for one, other in zip(frames, played.frames, strict=False))
    assert len(played.frames) >= len(frames)
    assert differing == report["differing_frames"]
    assert played.instruments <= 64
    row = {
        "frames": len(frames),
        "differing": differing,
        "instruments": played.instruments,
        "patterns": sum(report["patterns"][:4]),
        "bars": 4 * report["bars"],
        "repeats": repeating,
    }
    if len(frames) > 30:
        length = min(log.length, LONGEST)
        ours = log.render()[:length]
        theirs = log_of(played.frames[: len(frames)], report, log.length).render()[:length]
        row["distance"] = audio_distance(ours, theirs)
    return row


@pytest.mark.timeout(7_200)
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the data of NES-MDB are not there")
def test_songs_as_both_texts() -> None:
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, song in songs():
        log, repeating = song.perform(), repeats(song)
        for format in PLAYERS:
            for mode in ("exact", "readable"):
                row = measure(log, format, mode, repeating)
                rows.setdefault((format, mode), []).append(row)
                print(json.dumps({"name": name, "format": format, "mode": mode, **row}), flush=True)
    for (format, mode), found in rows.items():
        median = {key: statistics.median(row[key] for row in found if key in row) for key in found[0]}
        repeated = [row["patterns"] / row["bars"] for row in found if row["repeats"]]
        shares = [row["differing"] / row["frames"] for row in found]
        print(format, mode, median, "patterns/bars where it repeats", statistics.median(repeated), len(repeated))
        print("    differing", statistics.median(shares), max(shares))
        if mode == "exact":
            assert max(shares) == 0
        else:
            assert median["instruments"] <= 24
            assert median["distance"] < 1.5
            assert statistics.median(repeated) <= 0.6


@pytest.mark.timeout(7_200)
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the data of NES-MDB are not there")
def test_songs_of_tx3_keep_their_instruments() -> None:
    """Each INST that a text names is an instrument of the tracker; what differs beside it is told."""
    shares: dict[str, list[float]] = {format: [] for format in PLAYERS}
    for name, song in songs():
        text = song.to_tx3()
        named = {("Drum" if voice == "NO" else "Pulse", int(number)) for voice, number in INSTRUMENT.findall(text)}
        for format, found in shares.items():
            written, report = lakhnes.Song.from_tx3(text).to_tracker(format)
            kinds = {
                (kind, int(number)) for kind, number in re.findall(r'"(Pulse|Drum) (\d\d)(?: figure \d+)?"', written)
            }
            assert named <= kinds, name
            found.append(report["differing_frames"] / report["frames"])
    for format, found in shares.items():
        print(format, "differing frames", statistics.median(found), max(found))
