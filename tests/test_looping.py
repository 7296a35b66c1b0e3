"""Composed songs that loop: two bar lines whose seam the model finds as probable as the song."""

import json
import math

import numpy as np
import pytest

import lakhnes
from lakhnes.bars import bars_of, repeated_suffix
from lakhnes.checkpoint import save_checkpoint
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.looping import SCORED, _candidates, loop_of, looped
from rows import FRAME, TX3, brisk_model, on_frames, song_text
from small import tiny_model

BAR, LOOP = TX3.id("BAR"), TX3.id("LOOP")


@pytest.fixture(scope="module")
def model():
    return brisk_model()


def test_a_song_is_divided_into_its_bars():
    ids = TX3.encode(song_text(5)).tolist()
    bars = bars_of(ids)
    assert len(bars) == 5
    assert [ids[bar.start] for bar in bars] == [BAR] * 5
    assert [bar.tick for bar in bars] == [round(96 * index * FRAME) for index in range(5)]
    assert bars[0].onsets[:2] == ((0, 0, TX3.id("P1_NOTEON_60")), (0, 0, TX3.id("P2_NOTEON_60")))
    assert bars[4].stop == len(ids) - 1


def test_the_longest_repeated_suffix_is_found_with_the_shortest_distance():
    bars = {letter: ((0, 0, place + 5),) for place, letter in enumerate("ABCDEFGH")} | {".": ()}
    contents = lambda text: [bars[letter] for letter in text]  # noqa: E731
    assert repeated_suffix(contents("ABCDEFABCDEF")) == (6, 6)
    assert repeated_suffix(contents("HGABCDABCDABCD")) == (4, 8)
    assert repeated_suffix(contents("HABCDEFABCD")) == (6, 4)
    assert repeated_suffix(contents("ABCDEFGH")) is None
    assert repeated_suffix(contents("ABCABC")) is None  # three bars are no loop
    assert repeated_suffix(contents("ABCD........")) is None  # nor is silence
    assert repeated_suffix([]) is None


def test_a_song_that_loops_does_so_from_a_bar_line_to_a_bar_line(model):
    for song in compose(model, 4, params=SamplingParams(seconds=20, min_voices=0), loop=True, seed=2):
        assert song.ended == "loop"
        assert song.ids.count(LOOP) == 1
        assert song.ids[-1] == BAR
        played = TX3.song(song.ids)
        ticks = [bar.tick for bar in bars_of(song.ids)]
        assert played.loop_start in ticks
        assert on_frames(played)
        assert played.duration <= 20.0
        assert played.length - played.loop_start > 0


def test_the_seam_is_scored_as_the_model_would_go_on(model):
    (song,) = compose(model, 1, params=SamplingParams(length=400, min_voices=0), seed=7)
    loop = loop_of(model, song.ids)
    following = song.ids[loop.start + 1 : loop.start + 1 + SCORED]
    losses = model.score([0, *song.ids[: loop.end + 1], *following])
    assert loop.seam_ppl == pytest.approx(math.exp(losses[loop.end + 1 :].mean()), rel=1e-3)
    assert loop.song_ppl == pytest.approx(math.exp(losses[: loop.end + 1].mean()), rel=1e-3)
    assert loop.surprise == loop.seam_ppl / loop.song_ppl


def test_the_lines_around_which_a_song_is_most_alike_are_tried_first():
    theme = song_text(10).removesuffix("BAR").split("BAR\n")
    text = "BAR\n".join([*theme[:9], *theme[3:9], ""]) + "BAR"
    ids = TX3.encode(text).tolist()
    lines = [index for index, token in enumerate(ids) if token == BAR]
    for start, end in _candidates(ids, TX3)[:2]:  # bars 3 to 8 are bars 9 to 14
        assert lines.index(end) - lines.index(start) == 6


def test_loop_stands_behind_the_tempo_of_its_bar(model):
    ids = TX3.encode("TEMPO_6\nMETER_16\nBAR\nTEMPO_5\nP1_NOTEON_60\nBAR\nP1_NOTEON_62\nBAR").tolist()
    loop = loop_of(model, ids)
    text = TX3.decode(looped(ids, loop, TX3)).split("\n")
    assert text[text.index("LOOP") - 1] in ("BAR", "TEMPO_5")
    assert text[text.index("LOOP") + 1].startswith("P1_NOTEON")


def test_a_song_of_less_than_two_bars_does_not_loop(model):
    assert loop_of(model, TX3.encode("TEMPO_6\nMETER_16\nBAR\nP1_NOTEON_60").tolist()) is None


def test_a_model_without_bars_is_refused():
    with pytest.raises(lakhnes.LakhnesError, match=r"^loop: the model composes TX1, which has no bars; expected TX3$"):
        lakhnes.generate(tiny_model(), loop=True, length=30)


def test_the_command_writes_loops_that_play_and_render_follow(run, model, tmp_path):
    save_checkpoint(model, tmp_path / "model", dtype="float32")
    options = ["-m", tmp_path / "model", "--seed", 3, "--seconds", 15, "--min-voices", 0, "--json"]
    result = run("generate", "--loop", *options, "-o", tmp_path, "--format", "tx3,wav,vgm,nsf,mid")
    assert result.exit_code == 0, result.output
    (facts,) = json.loads(result.stdout)["songs"]
    assert facts["ended"] == "loop"
    assert facts["loop"]["seam_ppl"] > 0
    song = lakhnes.read(tmp_path / "0.tx3.txt")
    assert song == lakhnes.generate(model, seed=3, seconds=15, min_voices=0, loop=True)[0]
    assert lakhnes.read_log(tmp_path / "0.vgm").loop_start == song.loop_start
    assert lakhnes.read(tmp_path / "0.mid").loop_start == song.loop_start
    assert b"smpl" in (tmp_path / "0.wav").read_bytes()
    passed = (song.length - song.loop_start) / 44_100
    for loops in (1, 2):
        options = ["--loops", loops, "--fade", 0]
        assert run("render", tmp_path / "0.tx3.txt", "-o", tmp_path / f"{loops}.wav", *options).exit_code == 0
        played = json.loads(
            run("play", tmp_path / "0.tx3.txt", "--sink", tmp_path / "p.wav", "-f", *options, "--json").stdout
        )
        assert played["audio_seconds"] == pytest.approx(song.duration + (loops - 1) * passed, abs=0.01)
    sizes = [(tmp_path / f"{loops}.wav").stat().st_size for loops in (1, 2)]
    assert (sizes[1] - sizes[0]) / 88_200 == pytest.approx(passed, abs=0.01)
    told = json.loads(run("info", tmp_path / "0.tx3.txt", "--json").stdout)["files"][0]
    assert told["loop_start"] == pytest.approx(song.loop_start / 44_100)
    assert np.isfinite(facts["loop"]["song_ppl"])
