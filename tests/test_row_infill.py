"""Models of TX3 continue, accompany and fill in any song: what is kept stays, what is new lies on its frames."""

import json

import numpy as np
import pytest

import lakhnes
from lakhnes.bars import bars_of_song
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, infillings
from lakhnes.sampling.infilling import stated, window_of
from lakhnes.sampling.row_schedule import Place, schedule
from rows import FRAME, TX3, on_frames, row_model, row_song, song_text
from small import tiny_model, tune

BAR = 96 * FRAME


@pytest.fixture(scope="module")
def model():
    return row_model()


def notes_of(song, name, start=0.0, end=1e12):
    notes = song.voices[name]
    return notes[(notes[:, 0] >= start) & (notes[:, 0] < end)]


@pytest.mark.parametrize("voices", [["p1"], ["p2", "no"], ["tr"], ["p1", "p2", "tr"]])
def test_kept_voices_come_out_unchanged_and_new_ones_lie_on_frames(model, voices):
    song = row_song(6)
    for version in lakhnes.infill(model, song, voices, 2, seed=3):
        assert version.length == song.length
        assert on_frames(version)
        for name in ("p1", "p2", "tr", "no"):
            if name in voices:
                assert len(version.voices[name])
                assert version.voices[name].tolist() != song.voices[name].tolist()
            else:
                np.testing.assert_array_equal(version.voices[name], song.voices[name])
                for changes in ("velocity_changes", "timbre_changes"):
                    np.testing.assert_array_equal(getattr(version, changes)[name], getattr(song, changes)[name])


def test_all_but_a_passage_stays_as_it_was(model):
    song = row_song(8).with_loop(round(BAR))
    start, end = round(2 * BAR), round(4 * BAR)
    for place in ({"start": start / 44_100, "end": end / 44_100}, {"start": "3b", "end": "5b"}):
        versions = lakhnes.infill(model, song, ["p1", "tr"], 4, seed=1, **place)
        assert len({version.to_tx3() for version in versions}) == 4
        for version in versions:
            assert (version.length, version.loop_start) == (song.length, song.loop_start)
            assert on_frames(version)
            for name in ("p2", "no"):
                np.testing.assert_array_equal(version.voices[name], song.voices[name])
            for name in ("p1", "tr"):
                for outside in ((0, start), (end, song.length)):
                    np.testing.assert_array_equal(notes_of(version, name, *outside), notes_of(song, name, *outside))


def test_the_same_seed_gives_the_same_part(model):
    song = row_song(4)
    first, second = (lakhnes.infill(model, song, ["p2"], 2, seed=seed) for seed in (5, 6))
    assert first[1] == second[0]
    assert first == lakhnes.infill(model, song, ["p2"], 2, seed=5)


def test_a_song_that_lies_on_no_frames_of_tx3_keeps_its_own_times(model):
    song = lakhnes.Song.from_tx1(tune(3))
    (version,) = lakhnes.infill(model, song, ["p2"], seed=2)
    for name in ("p1", "tr", "no"):
        np.testing.assert_array_equal(version.voices[name][:, :3], song.voices[name][:, :3])
    assert len(version.voices["p2"])
    assert not version.is_flat  # what had no dynamics has those of NES music


def test_a_model_of_waits_fills_a_passage_too():
    song = lakhnes.Song.from_tx1(tune(4))
    start, end = 30_000, 90_000
    for version in lakhnes.infill(tiny_model(), song, ["p1"], 3, seed=1, start=start / 44_100, end=end / 44_100):
        assert version.length == song.length
        for name in ("p2", "tr", "no"):
            np.testing.assert_array_equal(version.voices[name], song.voices[name])
        for outside in ((0, start), (end, song.length)):
            kept, own = (notes_of(each, "p1", *outside) for each in (version, song))
            np.testing.assert_array_equal(kept[:, [0, 2]], own[:, [0, 2]])
        assert notes_of(version, "p1", start, end).tolist() != notes_of(song, "p1", start, end).tolist()


def test_what_the_model_reads_is_a_song_of_the_grammar_in_which_the_kept_events_stand_where_they_stood(model):
    song = row_song(5)
    (version,) = infillings(model, 1, song, ["p2"], SamplingParams(), seed=8)
    grammar = lakhnes._native.Tx3Grammar(1)
    for token in version.events:
        assert grammar.allowed()[0, token], TX3.symbol(token)
        grammar.advance(np.array([token], dtype=np.int64))
    assert version.kept_ppl > 1.0
    assert version.ppl > 1.0


def test_what_is_stated_of_the_song_leaves_open_what_the_new_voice_will_be():
    symbols = [TX3.symbol(token) for token in stated(row_song(6), ["p1"])]
    assert "DENSITY_P1_LOW" in symbols
    assert not any(symbol.startswith(("REGISTER_P1", "LENGTH", "ENDS")) for symbol in symbols)
    silent = row_song(6).with_passage(lakhnes.Song.from_tx1("WT_1"), ["p1"], 0, row_song(6).length)
    assert "DENSITY_P1_MID" in [TX3.symbol(token) for token in stated(silent, ["p1"])]


def test_a_schedule_and_the_song_before_it_are_the_song():
    ids = TX3.encode(song_text(4)).tolist()
    for start in (0, round(1.5 * BAR), round(2 * BAR)):
        before, kept = schedule(ids, TX3, start)
        assert kept[-1].is_end
        assert kept[-1].tick == row_song(4).length
        assert all(event.tick >= start for event in kept)
        tokens = [event.token for event in kept[:-1]]
        is_place = [TX3.symbol(token).startswith(("ROW", "FRAME")) for token in ids]
        assert before == ids[: len(before)]
        rest = [token for token, place in zip(ids[len(before) :], is_place[len(before) :], strict=True) if not place]
        assert tokens == rest


def test_rows_begin_where_the_tempo_says():
    place = Place().after("TEMPO_6").after("FINE_16").after("SWING_1").after("METER_12").after("BAR")
    assert [place.row_start(row) for row in range(4)] == [0, 8, 13, 21]
    assert place.length == 78
    there = place.after("ROW_3").after("FRAME_2")
    assert (there.offset, there.placed, there.after("P1_NOTEOFF").placed) == (23, True, False)
    assert there.after("BAR").offset == 0


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (2.0, 1.0, "end: expected a place behind the start"),
        (-1.0, None, "start: expected 0 to "),
        (None, 1e6, "end: expected 0 to "),
        ("0b", None, "start: expected seconds, or a bar from 1b to 5b, found '0b'"),
        ("9b", None, "start: expected seconds, or a bar from 1b to 5b, found '9b'"),
    ],
)
def test_a_passage_outside_the_song_is_refused(start, end, message):
    with pytest.raises(ValueError, match=message):
        window_of(row_song(4), start, end)


def test_bars_are_those_of_the_song():
    song = row_song(4)
    ticks = [*(bar.tick for bar in bars_of_song(song)), song.length]
    assert window_of(song, "2b", "3b") == (ticks[1], ticks[2])
    assert window_of(song, None, None) == (0, song.length)
    assert window_of(song, 1.0, "3b") == (44_100, ticks[2])


def test_an_accompaniment_keeps_every_onset_on_its_frame(model):
    for given in (row_song(6), lakhnes.Song.from_midi(row_song(6).to_midi())):
        (version,) = lakhnes.accompany(model, given, seed=3)
        for name, notes in version.voices.items():
            np.testing.assert_array_equal(notes[:, 0], given.voices[name][:, 0])
        assert version.voices["no"].tolist() == given.voices["no"].tolist()
        assert version.voices["p1"][:, 2].tolist() != given.voices["p1"][:, 2].tolist()


def test_a_continuation_begins_with_the_song_to_the_frame(model):
    recorded = lakhnes.Song.from_tx3("PERIOD_735\nPHASE_2\n" + song_text(4))
    for given in (row_song(4), recorded, lakhnes.read(tx1_file(row_song(4)))):
        (whole,) = lakhnes.continue_song(model, given, prime_length=10_000, length=100, seed=2)
        assert whole.length > given.length
        for name, notes in given.voices.items():
            inside = notes[:, 1] < given.length  # the last note may be held
            found = whole.voices[name][: inside.sum()]
            period = 735 if given is recorded else FRAME
            assert np.abs(found[:, :2] - notes[inside, :2]).max() < period / 2
            np.testing.assert_array_equal(found[:, 2], notes[inside, 2])


def tx1_file(song):
    import tempfile
    from pathlib import Path

    path = Path(tempfile.mkdtemp()) / "a.tx1.txt"
    lakhnes.write(song, path)
    return path


def test_the_command_writes_alternatives_for_a_passage(run, model, tmp_path):
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    lakhnes.write(row_song(6), tmp_path / "song.mid")
    options = ["--voices", "p1,no", "-m", tmp_path / "model", "-o", tmp_path / "o", "-n", 4, "--seed", 3, "--json"]
    result = run("infill", tmp_path / "song.mid", "--from", "2b", "--to", 4.5, *options)
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["songs"]) == 4
    song, texts = lakhnes.read(tmp_path / "song.mid"), set()
    for index in range(4):
        texts.add((tmp_path / "o" / f"{index}.tx3.txt").read_text())
        version = lakhnes.read(tmp_path / "o" / f"{index}.tx3.txt")
        np.testing.assert_array_equal(version.voices["tr"][:, :3], song.voices["tr"][:, :3])
    assert len(texts) == 4
    for wrong in (["--from", "x"], ["--from", "99b"], ["--from", 3, "--to", 2], ["--voices", "p9"]):
        result = run("infill", tmp_path / "song.mid", *options, "-f", *wrong)
        assert result.exit_code == 2
        assert "expected" in result.stderr or "not one of" in result.stderr
