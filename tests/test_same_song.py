"""One seed, one song: command line, Python, streams, batches and the radio, each with the defaults that it has."""

import dataclasses
import json

import pytest

import lakhnes
from lakhnes import LivePlayer, Vocabulary
from lakhnes.checkpoint import save_checkpoint
from lakhnes.cli import cli
from lakhnes.playback import ClockSink
from lakhnes.sampling.params import CONTINUATION, SONG
from lakhnes.sampling.radio import Radio
from small import tiny_model, tune

SEED = 11


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose memory (32) is neither the length of a song nor that of any other model."""
    folder = tmp_path_factory.mktemp("same") / "model"
    save_checkpoint(tiny_model(), folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return lakhnes.load_model(folder)


@pytest.fixture(scope="module")
def song(model):
    (song,) = lakhnes.generate(model, seed=SEED)
    return song


def test_the_command_line_writes_the_song_that_python_gives(run, folder, song, tmp_path):
    assert run("generate", "-m", folder, "--seed", SEED, "-o", tmp_path, "--format", "tx1").exit_code == 0
    assert (tmp_path / "0.tx1.txt").read_text() == song.to_tx1()


def test_a_song_is_the_same_in_any_batch(model, song):
    for first, num, batch_size in ((SEED - 2, 4, 8), (SEED - 1, 3, 2), (SEED, 2, 1)):
        songs = lakhnes.generate(model, num, seed=first, batch_size=batch_size)
        assert songs[SEED - first] == song


def test_a_stream_gives_the_events_of_the_song(model, song):
    assert lakhnes.Song.from_tx1("\n".join(lakhnes.stream(model, seed=SEED))) == song


class Recorder:
    """A player that remembers its events."""

    def __init__(self):
        self.player, self.events = LivePlayer(), []

    def push(self, event):
        self.events.append(event)
        return self.player.push(event)

    def __getattr__(self, name):
        return getattr(self.player, name)


def test_the_radio_plays_the_song(model, song):
    now = [0.0]
    sink = ClockSink(44_100, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    player = Recorder()
    Radio(model, sink, player, clock=lambda: now[0]).run(SEED, num=1)
    assert lakhnes.Song.from_tx1("\n".join(player.events)) == song


def test_play_radio_has_the_defaults_of_generate(run, folder, song, tmp_path):
    options = ["--radio", "-n", 1, "-m", folder, "--seed", SEED, "--sink", tmp_path / "a.wav", "--json"]
    result = run("play", *options)
    assert result.exit_code == 0, result.output
    (played,) = json.loads(result.stdout)["songs"]
    assert played["duration"] == pytest.approx(song.duration, abs=1e-3)


def test_only_a_song_of_too_few_voices_is_another_as_a_stream(model):
    """A stream is heard before its voices are counted: what `generate` composes again, it gives as it came."""
    options = {"seed": 0, "length": 40, "top_k": None}
    firsts, bests = (lakhnes.generate(model, 8, min_voices=voices, **options) for voices in (0, 4))
    assert firsts != bests
    for index, first in enumerate(firsts):
        streamed = "\n".join(lakhnes.stream(model, min_voices=4, **options | {"seed": index}))
        assert lakhnes.Song.from_tx1(streamed) == first


def test_a_continuation_is_the_same_everywhere(run, model, folder, tmp_path):
    prime = lakhnes.Song.from_tx1(tune(4))
    (tmp_path / "prime.tx1.txt").write_text(prime.to_tx1())
    (expected,) = lakhnes.continue_song(model, prime, seed=SEED)
    options = ["-m", folder, "--seed", SEED, "-o", tmp_path, "--format", "tx1"]
    assert run("continue", tmp_path / "prime.tx1.txt", *options).exit_code == 0
    assert (tmp_path / "0.tx1.txt").read_text() == expected.to_tx1()
    added = list(lakhnes.stream(model, prime, seed=SEED))
    kept = Vocabulary.tx1().decode(Vocabulary.tx1().encode(prime.to_tx1())[:-1])  # without the wait that closes it
    exact = prime.to_tx1().splitlines()[: len(kept.splitlines())]
    assert lakhnes.Song.from_tx1("\n".join([*exact, *added])) == expected


@pytest.mark.parametrize(
    ("name", "base"),
    [("generate", SONG), ("continue", CONTINUATION), ("accompany", SONG), ("infill", SONG), ("play", SONG)],
)
def test_every_default_of_the_command_line_is_that_of_the_parameters(name, base):
    fields = {field.name for field in dataclasses.fields(base)}
    command = cli.get_command(None, name)
    found = {option.name: option.default for option in command.params if option.name in fields}
    assert {"temperature", "top_k", "top_p", "min_p", "typical_p", "memory", "dtype"} <= found.keys()
    for option, default in found.items():
        assert default == getattr(base, option), option
