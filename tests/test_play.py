"""Music that is heard while it is made: the live player, the sinks, the radio, and `lakhnes play`."""

import json
import sys
import types

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes import LivePlayer
from lakhnes.checkpoint import save_checkpoint
from lakhnes.playback import ClockSink, DeviceSink, FileSink, open_sink
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.radio import GAP, LOOKAHEAD, Radio
from small import tiny_model, tune

RATE = 44_100


class Clock:
    """Time that passes only when someone sleeps."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def live(text, **options):
    player = LivePlayer(**options)
    return np.concatenate([player.push(line) for line in text.splitlines()])


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_live_plain_performance_is_sample_for_sample_that_of_the_whole_song(rate):
    text = tune(2)
    whole = lakhnes.render(lakhnes.Song.from_tx1(text), sample_rate=rate)
    heard = live(text, sample_rate=rate, expression="plain")
    assert 0 <= len(whole) - len(heard) < 45
    np.testing.assert_array_equal(heard, whole[: len(heard)])


def test_a_live_natural_performance_is_softer_and_as_long():
    plain, natural = (live(tune(2), expression=expression) for expression in ("plain", "natural"))
    assert len(plain) == len(natural)
    assert 0.1 < np.sqrt(np.mean(natural**2) / np.mean(plain**2)) < 0.8


def test_the_level_of_a_live_natural_performance_is_near_that_of_the_whole_song():
    whole = lakhnes.render(lakhnes.Song.from_tx1(tune(2)), expression="natural")
    heard = live(tune(2))
    ratio = np.sqrt(np.mean(heard**2) / np.mean(whole[: len(heard)] ** 2))
    assert abs(20 * np.log10(ratio)) < 2.0


def test_the_live_player_refuses_what_is_no_event_and_waits_that_are_too_long():
    player = LivePlayer()
    with pytest.raises(lakhnes.TokenError, match="expected P1_NOTEON_33 to 108"):
        player.push("P1_NOTEON_5")
    with pytest.raises(lakhnes.LimitError):
        player.push("WT_9999999")
    with pytest.raises(ValueError, match="expression"):
        LivePlayer(expression="none")


def test_a_clock_sink_is_heard_as_fast_as_it_would_be():
    clock = Clock()
    sink = ClockSink(RATE, clock=clock, sleep=clock.sleep)
    sink.write(np.zeros(RATE, dtype=np.float32))
    assert sink.waiting() == pytest.approx(1.0)
    sink.wait(0.25)
    assert clock.now == pytest.approx(0.75, abs=1e-3)
    sink.write(np.zeros(RATE, dtype=np.float32))
    assert sink.waiting() == pytest.approx(1.25, abs=1e-3)
    clock.sleep(2.0)
    sink.write(np.zeros(RATE, dtype=np.float32))
    assert (sink.underruns, sink.waiting()) == (1, pytest.approx(1.0))
    sink.finish()
    assert clock.now == pytest.approx(3.75, abs=1e-3)


def broadcast(model, seconds_a_token, seed=7, **options):
    """Run a radio on a clock of its own; drawing a token takes as long as is said."""
    clock = Clock()
    sink = ClockSink(RATE, clock=clock, sleep=clock.sleep)
    radio = Radio(
        model,
        sink,
        LivePlayer(),
        SamplingParams(length=150, memory=64),
        clock=clock,
        advance=lambda tokens: clock.sleep(tokens * seconds_a_token),
    )
    radio.run(seed, **options)
    return radio, sink


def test_a_token_is_heard_less_than_200_ms_after_it_was_drawn(model):
    # Songs that do not begin with a wait shorter than it takes to draw the next token.
    radio, sink = broadcast(model, 0.002, seed=8, num=2)
    assert len(radio.latencies) > 200
    assert max(radio.latencies) < 0.2
    assert sink.underruns == 0
    # A model that is too slow is late and runs out of sound, and the figures say so.
    _, late = broadcast(model, 0.2, num=1)
    assert late.underruns > 5


def test_nothing_is_composed_further_than_it_is_played(model):
    clock = Clock()
    sink = ClockSink(RATE, clock=clock, sleep=clock.sleep)
    waiting = []
    params = SamplingParams(length=60, memory=64)
    radio = Radio(model, sink, LivePlayer(), params, clock=clock, advance=lambda tokens: waiting.append(sink.waiting()))
    radio.run(3, num=1)
    assert max(waiting[:-1]) > 0.01
    longest_wait = 100_000 / RATE
    assert max(waiting) <= LOOKAHEAD + longest_wait


def test_the_songs_of_the_radio_are_those_of_their_seeds(model):
    radio, _ = broadcast(model, 0.0, num=2)
    params = SamplingParams(length=150, memory=64, min_voices=0)
    songs = compose(model, 2, (), params, seed=7)
    assert [song.seed for song in radio.songs] == [7, 8]
    assert [song.events for song in radio.songs] == [len(song.ids) for song in songs]
    texts = [lakhnes.Vocabulary.tx1().decode(song.ids) for song in songs]
    assert radio.songs[0].duration == pytest.approx(lakhnes.Song.from_tx1(texts[0]).duration)
    durations = sum(song.duration for song in radio.songs)
    assert radio.played == pytest.approx(durations + GAP, abs=0.01)


def test_the_radio_stops_at_the_duration_asked_for(model):
    radio, _ = broadcast(model, 0.0, duration=0.5)
    assert 0.5 <= radio.played < 0.5 + 100_000 / RATE


def test_a_file_sink_holds_what_was_played(tmp_path):
    path = tmp_path / "a.wav"
    sound = np.linspace(-0.5, 0.5, 3000, dtype=np.float32)
    with FileSink(path, 22_050) as sink:
        sink.write(sound[:1000])
        sink.write(sound[1000:])
        assert not path.exists()
    samples, rate = soundfile.read(path)
    assert rate == 22_050
    np.testing.assert_allclose(samples, sound, atol=1e-4)
    with pytest.raises(FileExistsError), open_sink(str(path), RATE):
        pass


class FakeCard(types.ModuleType):
    """What `DeviceSink` needs of sounddevice, with a card that asks for sound when the test says so."""

    class PortAudioError(Exception):
        pass

    def __init__(self, works=True):
        super().__init__("sounddevice")
        card = self

        class OutputStream:
            latency = 0.02

            def __init__(self, *, callback, blocksize, **options):
                if not works:
                    raise card.PortAudioError("Error querying device -1")
                card.ask, card.blocksize, card.options = callback, blocksize, options

            start = stop = abort = close = lambda self: None

        self.OutputStream = OutputStream

    def hear(self, frames):
        block = np.full((frames, 1), np.nan, dtype=np.float32)
        self.ask(block, frames, None, None)
        return block[:, 0]


def test_the_sound_card_gets_every_sample_once_and_silence_after_them(monkeypatch):
    card = FakeCard()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    with DeviceSink(48_000, "my card") as sink:
        assert card.options["device"] == "my card"
        assert card.options["samplerate"] == 48_000
        assert (card.hear(10) == 0).all()
        assert sink.underruns == 0  # nothing had begun
        sound = np.arange(1, 26, dtype=np.float32)
        sink.write(sound[:15])
        sink.write(sound[15:])
        assert sink.waiting() == pytest.approx(25 / 48_000 + 0.02)
        heard = np.concatenate([card.hear(10), card.hear(10), card.hear(10)])
        np.testing.assert_array_equal(heard, [*sound, *[0] * 5])
        assert sink.underruns == 1
        sink.finish()
        assert sink.waiting() == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("card", "message"),
    [(None, "pip install 'lakhnes[play]'"), (FakeCard(works=False), "no sound card to play on: Error querying")],
)
def test_without_a_sound_card_one_line_says_what_to_do(run, monkeypatch, song_file, card, message):
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    result = run("play", song_file)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_sound_card_that_another_program_holds_is_told_in_one_line(run, monkeypatch, song_file):
    card = FakeCard()

    def start(stream):
        raise card.PortAudioError("Error starting stream: Device unavailable")

    card.OutputStream.start = start
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    for command in (("play", song_file), ("play", "--radio", "-n", 1)):
        result = run(*command)
        assert result.exit_code == 1
        assert "no sound card to play on: Error starting stream: Device unavailable; --sink" in result.stderr
        assert result.stderr.count("\n") == 1


def test_play_plays_files_one_after_the_other(run, song_file, tmp_path):
    (tmp_path / "b.tx1.txt").write_text(tune(1))
    out = tmp_path / "heard.wav"
    result = run("play", song_file, tmp_path / "b.tx1.txt", "--sink", out, "--expression", "plain", "--json")
    assert result.exit_code == 0, result.output
    parts = [lakhnes.render(lakhnes.read(path)) for path in (song_file, tmp_path / "b.tx1.txt")]
    samples, _ = soundfile.read(out, dtype="float32")
    np.testing.assert_allclose(samples, np.concatenate(parts), atol=1e-4)
    facts = json.loads(result.stdout)
    assert [file["path"] for file in facts["files"]] == [str(song_file), str(tmp_path / "b.tx1.txt")]
    assert facts["audio_seconds"] == pytest.approx(len(samples) / RATE)


def test_play_goes_on_past_a_bad_file(run, song_file, tmp_path):
    (tmp_path / "bad.mid").write_bytes(b"nonsense")
    result = run("play", tmp_path / "bad.mid", song_file, "--sink", tmp_path / "heard.wav", "--json")
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert [file["path"] for file in facts["files"]] == [str(song_file)]
    assert "bad.mid: byte 0" in facts["failed"][0]["error"]
    assert soundfile.info(tmp_path / "heard.wav").frames > 0


def test_play_reads_stdin_and_stops_when_told(run, tmp_path):
    result = run("play", "-", "--from", "tx1", "--sink", tmp_path / "a.flac", "--duration", 0.5, stdin=tune(1).encode())
    assert result.exit_code == 0, result.output
    assert soundfile.info(tmp_path / "a.flac").frames == RATE // 2


def test_play_radio_composes_and_tells_how_late_it_was(run, model, tmp_path):
    save_checkpoint(model, tmp_path / "model")
    options = ["--radio", "-m", tmp_path / "model", "--seed", 4, "--length", 80]
    result = run("play", *options, "-n", 2, "--sink", tmp_path / "radio.ogg", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert [song["seed"] for song in facts["songs"]] == [4, 5]
    assert soundfile.info(tmp_path / "radio.ogg").duration == pytest.approx(facts["audio_seconds"], abs=0.01)
    live = json.loads(run("play", *options, "--duration", 0.2, "--sink", "null", "--json").stdout)
    assert 0 <= live["latency"]["median"] <= live["latency"]["max"]
    assert "from token to sound" in run("play", *options, "-n", 1, "--sink", tmp_path / "again.wav").stderr


def test_play_wants_files_or_the_radio(run, song_file):
    assert run("play").exit_code == 2
    assert run("play", song_file, "--radio").exit_code == 2
    assert "no such" in run("play", song_file.with_name("none.mid"), "--sink", "null").stderr.lower()
