"""NSF and NSFe files read, run and written as albums from Python; the format itself is tested in Rust."""

import random
import re
import warnings

import numpy as np
import pytest

import lakhnes


def song(tick: int, length: int = 44_100, loop_start: int | None = None) -> lakhnes.RegisterLog:
    """A tone on the first pulse that begins at `tick`."""
    writes = [(tick, 0x15, 1), (tick, 0, 0xBF), (tick, 2, 0xFD), (tick, 3, 0)]
    return lakhnes.RegisterLog(np.array(writes, dtype=np.int64), length, loop_start=loop_start)


def test_a_file_says_what_is_in_it():
    file = lakhnes.NsfFile.from_bytes(song(0).to_nsf(title="A title"))
    assert (len(file), file.title, file.track_titles, file.first) == (1, "A title", ["A title"], 1)
    assert (file.times, file.fades, file.playlist, file.effects, file.chips) == ([None], [None], [], [], [])
    assert (file.standard, file.standards) == ("ntsc", ["ntsc"])
    assert file.call_rate() == pytest.approx(60.0997, abs=1e-3)
    assert file.call_rate("pal") == pytest.approx(50.0075, abs=1e-3)
    assert repr(file) == 'NsfFile("A title", 1 tracks)'


def test_a_track_is_run_to_the_writes_that_it_was_made_of():
    source = song(10_000)
    log, ending, warnings = lakhnes.NsfFile.from_bytes(source.to_nsf()).run(find_silence=False, max_duration=0.9)
    assert (ending, warnings) == ("max_duration", [])
    found = log.writes[log.writes[:, 0] > 5_000]
    assert found[:, 1:].tolist() == source.writes[:, 1:].tolist()
    assert np.abs(found[:, 0] - source.writes[:, 0]).max() < 45
    assert log.length == int(0.9 * 44_100)


@pytest.mark.parametrize("form", ["nsf", "nsfe"])
def test_an_album_has_its_songs_as_tracks(form):
    songs = [song(0), song(20_000, loop_start=22_050)]
    data = lakhnes.write_nsf_album(songs, format=form, names=["One", "Two"], title="Album", artist="Somebody")
    file = lakhnes.NsfFile.from_bytes(data)
    assert (len(file), file.title, file.artist, file.track_titles) == (2, "Album", "Somebody", ["One", "Two"])
    assert (file.times, file.fades) == ([1.0, 1.5], [0.0, 8.0])
    starts = [int(np.flatnonzero(file.run(track)[0].writes[:, 2] == 0xBF)[0]) for track in (1, 2)]
    ticks = [int(file.run(track)[0].writes[start, 0]) for track, start in zip((1, 2), starts, strict=True)]
    assert ticks[0] < 45
    assert abs(ticks[1] - 20_000) < 45


def test_what_is_wrong_is_said_in_one_line():
    with pytest.raises(lakhnes.FormatError, match="byte 0: expected NESM, 1A or NSFE"):
        lakhnes.NsfFile.from_bytes(b"MThd")
    file = lakhnes.NsfFile.from_bytes(song(0).to_nsf())
    for track in (0, 2):
        with pytest.raises(ValueError, match="track: expected 1 to 1"):
            file.run(track)
    with pytest.raises(ValueError, match="names: expected a name a log, found 1 for 2 logs"):
        lakhnes.write_nsf_album([song(0), song(1)], names=["One"])
    with pytest.raises(ValueError, match="format: expected nsf or nsfe, found vgm"):
        lakhnes.write_nsf_album([song(0)], format="vgm")
    with pytest.raises(lakhnes.FormatError, match="no songs"):
        lakhnes.write_nsf_album([])


def test_damaged_files_are_read_or_refused_in_one_line():
    choose = random.Random(16)
    seeds = [song(0).to_nsf(), *(lakhnes.write_nsf_album([song(0), song(9)], format=form) for form in ("nsf", "nsfe"))]
    read = 0
    for _ in range(400):
        data = bytearray(choose.choice(seeds))
        for _ in range(choose.randint(1, 6)):
            data[choose.randrange(len(data))] = choose.choice([0, 0xFF, choose.randrange(256)])
        if choose.random() < 0.2:
            del data[choose.randrange(len(data)) :]
        track = choose.choice([None, 1, 2])
        try:
            warnings.simplefilter("ignore", lakhnes.LakhnesWarning)
            lakhnes.songs.decode(
                bytes(data), "nsf", name="x", track=track, max_duration=0.1, score=choose.random() < 0.5
            )
            read += 1
        except ValueError as error:  # FormatError and LimitError are ValueErrors
            assert re.match(r"x: (byte \d+|track): ", str(error)), str(error)
    assert 100 < read < 400
