import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lakhnes
from conftest import ROOT, TX1
from famistudio_player import play_famistudio, read_famistudio
from famitracker_player import play_famitracker, read_famitracker
from nsf_files import tune as nsf_tune
from small import tune
from tracker_frames import frames_of

PLAYERS = {"ftm": play_famitracker, "fms": play_famistudio}
FORMATS = pytest.mark.parametrize("format", ["ftm", "fms"])

# Ticks mostly of a frame each, registers and values of any kind.
WRITES = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 3, 300, 734, 735, 2_202, 9_999]), st.integers(0, 0x17), st.integers(0, 255)),
    min_size=1,
    max_size=120,
)


def log_of_writes(writes, *, loop=None, standard="ntsc"):
    rows, tick = [(0, 0x15, 0x0F)], 0
    for wait, register, value in writes:
        tick += wait
        rows.append((tick, register, value))
    loop = None if loop is None else loop % (tick + 5_000)
    return lakhnes.RegisterLog(np.array(rows, np.int64), tick + 5_000, standard=standard, loop_start=loop)


def played(source, format, mode):
    text, report = source.to_tracker(format, mode=mode)
    result = PLAYERS[format](text)
    assert len(result.frames) == report["frames"]
    return result, report


def goes_on_as_it_began(log, format, mode):
    """Tell whether the first frames after the loop are those that stand at the loop point."""
    text, report = log.to_tracker(format, mode=mode)
    result = PLAYERS[format](text, 30)
    end = report["frames"]
    again = (result.frames[result.loop : end] * 30)[:30]
    return result.frames[end : end + 30] == again


def audible(frames):
    """Leave out the triangle at timer 0, which a raw score cannot tell from silence."""
    return [
        [(0, 0, 0) if tone[0] == 0 and voice == 2 else tone for voice, tone in enumerate(frame)] for frame in frames
    ]


@FORMATS
@settings(max_examples=60)
@given(writes=WRITES, loop=st.none() | st.integers(0, 1 << 20), standard=st.sampled_from(["ntsc", "pal"]))
def test_the_exact_mode_plays_every_frame_of_any_log(format, writes, loop, standard):
    log = log_of_writes(writes, loop=loop, standard=standard)
    result, report = played(log, format, "exact")
    assert audible(result.frames) == audible(frames_of(log, report))
    assert report["differing_frames"] == 0
    # A loop that lies after the last look, less than a frame, is none.
    assert loop is None or result.loop is None or goes_on_as_it_began(log, format, "exact")


@FORMATS
@settings(max_examples=60)
@given(writes=WRITES, loop=st.none() | st.integers(0, 1 << 20))
def test_the_readable_mode_differs_as_much_as_its_report_says(format, writes, loop):
    log = log_of_writes(writes, loop=loop)
    result, report = played(log, format, "readable")
    pairs = list(zip(audible(result.frames), audible(frames_of(log, report)), strict=True))
    differing = {
        name: sum(one[voice] != other[voice] for one, other in pairs) for voice, name in enumerate(report["differing"])
    }
    assert {**differing, "tr": 0} == {**report["differing"], "tr": 0}
    assert report["instruments"] <= 64


@FORMATS
@pytest.mark.parametrize("seed", range(4))
def test_a_tune_has_few_instruments_and_its_own_notes(format, seed):
    song = lakhnes.Song.from_tx1(tune(seed))
    result, report = played(song, format, "readable")
    assert result.frames == frames_of(song.perform(), report)
    assert report["instruments"] <= 4


@FORMATS
def test_a_theme_that_is_played_four_times_is_written_once(format):
    song = lakhnes.Song.from_tx1("\n".join([tune(1).rsplit("\n", 3)[0]] * 4))
    result, report = played(song, format, "readable")
    assert result.patterns <= 0.6 * 4 * report["bars"]


@FORMATS
@pytest.mark.parametrize("mode", ["exact", "readable"])
def test_a_song_goes_on_where_the_log_does(format, mode):
    base = lakhnes.Song.from_tx1(tune(3)).perform()
    log = lakhnes.RegisterLog(base.writes, base.length, loop_start=40 * 735)
    result, report = played(log, format, mode)
    first, period = report["frame_clock"]
    assert ((first + (result.loop - 1) * period) >> 16) < 40 * 735 <= (first + result.loop * period) >> 16
    assert goes_on_as_it_began(log, format, mode)


def test_a_song_without_a_loop_ends():
    text, _ = lakhnes.Song.from_tx1(TX1).to_tracker("ftm")
    assert text.startswith("# FamiTracker text export 0.4.2\n")
    assert play_famitracker(text).loop is None
    text, _ = lakhnes.Song.from_tx1(TX1).to_tracker("fms")
    assert 'LoopPoint="-1"' in text
    assert "Version=" not in text


@FORMATS
@pytest.mark.parametrize("mode", ["exact", "readable"])
def test_samples_come_with_their_keys(format, mode):
    start = [(0x10, 0x0F), (0x12, 0), (0x13, 2), (0x15, 0x0F), (0x15, 0x1F)]
    writes = [(735 * beat, register, value) for beat in (0, 12, 24, 36) for register, value in start]
    writes.append((735 * 30, 0x11, 64))
    log = lakhnes.RegisterLog(np.array(sorted(writes, key=lambda write: write[0]), np.int64), 735 * 48)
    result, report = played(log, format, mode)
    assert [(frame, kind) for frame, kind, _ in result.samples if kind == "play"] == [
        (frame, "play") for frame in (0, 12, 24, 36)
    ]
    assert [(frame, value) for frame, kind, value in result.samples if kind == "level"] == [(30, 64)]
    assert report["samples_left_out"] == 0
    text, _ = log.to_tracker(format, mode=mode)
    lengths = (
        [len(sample) for sample in read_famistudio(text).samples.values()]
        if format == "fms"
        else list(read_famitracker(text).sizes.values())
    )
    assert lengths == [33]


@FORMATS
@pytest.mark.parametrize("mode", ["exact", "readable"])
@pytest.mark.parametrize("length", [0, 1, 500, 735 * 3])
def test_the_shortest_songs_have_a_bar(format, mode, length):
    log = lakhnes.RegisterLog(np.zeros((0, 3), np.int64), length)
    result, report = played(log, format, mode)
    assert result.frames == [[(0, 0, 0)] * 4] * report["frames"]


def test_titles_are_quoted():
    song = lakhnes.Song.from_tx1(TX1)
    log = lakhnes.RegisterLog.from_vgm(song.perform().to_vgm())
    for format in PLAYERS:
        PLAYERS[format](log.to_tracker(format)[0])


def test_notes_of_the_readable_mode_stand_on_rows():
    text, report = lakhnes.Song.from_tx1(tune(2)).to_tracker("ftm")
    assert "G0" not in re.sub("[A-G][-#]0", "", text)
    assert report["rows"] <= 60


@FORMATS
def test_convert_says_in_how_many_frames_a_readable_text_differs(run, tmp_path, format):
    note = "P1_NOTEON_{}\nP1_VELOCITY_{}\nWT_{}\nP1_NOTEOFF\nWT_{}"
    notes = [note.format(60 + i % 7, 15 - i % 11, 3_000 + 700 * (i % 5) + 31 * i, 200 + 13 * i) for i in range(40)]
    song = lakhnes.Song.from_tx2("\n".join(notes))
    lakhnes.write(song, tmp_path / "a.tx2.txt")
    report = song.to_tracker(format)[1]
    assert report["differing_frames"] > 0
    readable = run("convert", tmp_path / "a.tx2.txt", "-o", tmp_path / f"a.{format}.txt")
    assert f"differs in {report['differing_frames']} of {report['frames']} frames" in readable.stderr
    exact = run("convert", tmp_path / "a.tx2.txt", "-o", tmp_path / f"b.{format}.txt", "--exact")
    assert (exact.exit_code, exact.stderr) == (0, "")


@pytest.mark.parametrize(("format", "mode"), [("it", "readable"), ("ftm", "loose")])
def test_an_unknown_word_is_refused_in_one_line(format, mode):
    with pytest.raises(ValueError, match=r"(format|mode): expected"):
        lakhnes.Song.from_tx1(TX1).to_tracker(format, mode=mode)


@pytest.mark.parametrize("mode", ["exact", "readable"])
def test_a_song_that_no_pattern_holds_is_refused(mode):
    writes = [(frame * 735, 0, 0x30 | frame % 16) for frame in range(130_000)]
    log = lakhnes.RegisterLog(np.array(writes, np.int64), 735 * 140_000)
    with pytest.raises(lakhnes.LimitError, match="length in"):
        log.to_tracker("ftm", mode=mode)


TX3 = """TEMPO_6
METER_16
BAR
P1_NOTEON_69
P1_INST_3
P1_VOL_12
TR_NOTEON_45
TR_LEN_5
NO_NOTEON_4
NO_INST_2
NO_LEN_3
ROW_2
P2_NOTEON_60
P2_INST_7
P2_LEN_4
ROW_4
P1_NOTEON_72
P1_INST_5
TR_NOTEON_47
NO_NOTEON_12
NO_INST_1
ROW_7
FRAME_3
P1_ATTACK
ROW_8
P1_NOTEON_69
P1_INST_3
TR_NOTEON_45
NO_NOTEON_4
ROW_12
P1_NOTEOFF
BAR"""


def codebook():
    """Give the lines of the codebook: courses of (timbre, volume) of pulses and of the noise."""
    text = (ROOT / "rust" / "tokenizer" / "src" / "tx3" / "instruments.txt").read_text()
    book = {"pulse": [], "noise": []}
    for line in text.splitlines():
        kind, *words = line.split()
        if kind in book:
            frames = []
            for word in words:
                sound, _, count = word.partition("x")
                timbre, volume = map(int, sound.split(":"))
                frames += [(timbre, volume)] * int(count or 1)
            book[kind].append(frames)
    return book


@FORMATS
def test_the_instruments_of_tx3_are_those_of_the_tracker_one_to_one(format):
    song = lakhnes.Song.from_tx3(TX3)
    text, report = song.to_tracker(format)
    names = re.findall(r'INST2A03.*"(.*)"' if format == "ftm" else r'Instrument Name="([^"]*)"', text)
    assert sorted(names) == ["Drum 01", "Drum 02", "Pulse 03", "Pulse 05", "Pulse 07", "Triangle"]
    assert report["instruments"] == 6
    result = PLAYERS[format](text)
    frames = frames_of(song.perform(), report)
    assert len(frames) == 96
    book = codebook()
    for voice, start, kind, number, loudness, length in (
        (0, 0, "pulse", 3, 12, 24), (0, 24, "pulse", 5, 12, 21), (0, 45, "pulse", 5, 12, 3),
        (0, 48, "pulse", 3, 12, 24), (1, 12, "pulse", 7, 15, 4), (3, 0, "noise", 2, 15, 3), (3, 24, "noise", 1, 15, 1),
    ):  # fmt: skip
        course = book[kind][number]
        for age in range(length):
            timbre, volume = course[min(age, len(course) - 1)]
            expected = max((volume * loudness + 7) // 15, 1)
            _, played, duty = result.frames[start + age][voice]
            assert duty == timbre
            assert abs(played - expected) <= (format == "ftm")  # which rounds volumes down
    if format == "fms":
        assert report["differing_frames"] == 0
        assert result.frames[:96] == frames


@FORMATS
def test_a_figure_of_tx3_is_an_arpeggio_beside_its_instrument(format):
    notes = "P1_NOTEON_60 P1_INST_4 P1_LEN_12 ROW_4 P1_NOTEON_64 P1_FIG_0 ROW_8 P1_NOTEON_60"
    song = lakhnes.Song.from_tx3("\n".join(f"TEMPO_6 METER_16 BAR {notes} BAR".split()))
    written, report = song.to_tracker(format)
    assert 2 <= report["instruments"] <= 3
    assert "Pulse 04 figure 1" in written
    result = PLAYERS[format](written)
    assert [frame[0][0] for frame in result.frames[:96]] == [frame[0][0] for frame in frames_of(song.perform(), report)]


@FORMATS
def test_rows_of_tx3_with_two_notes_are_parted(format):
    notes = "".join(f"ROW_{row}\nP1_NOTEON_{60 + row}\nFRAME_4\nP1_NOTEON_{62 + row}\n" for row in range(1, 12))
    song = lakhnes.Song.from_tx3(f"TEMPO_8\nMETER_12\nBAR\nP1_NOTEON_60\nP1_INST_4\n{notes}BAR")
    text, report = song.to_tracker(format)
    result = PLAYERS[format](text)
    expected = frames_of(song.perform(), report)
    assert [frame[0][0] for frame in result.frames[: len(expected)]] == [frame[0][0] for frame in expected]
    assert report["instruments"] == 1


@FORMATS
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_every_song_of_tx3_keeps_its_notes_in_a_tracker(format, seed):
    song = lakhnes.Song.from_tx3(nsf_tune(seed).to_tx3())
    text, report = song.to_tracker(format)
    result = PLAYERS[format](text)
    expected = frames_of(song.perform(), report)
    used = len(set(re.findall(r"(?:P[12]|NO)_INST_\d+", song.to_tx3())))
    assert report["instruments"] <= 2 * used + 8
    differing = sum(one != other for one, other in zip(expected, result.frames, strict=False))
    assert differing == report["differing_frames"]
    if format == "fms":
        assert differing <= 0.02 * len(expected)
