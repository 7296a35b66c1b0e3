"""What songs, logs and models show in a notebook, how they are played and drawn, and the bars of long work."""

import base64
import io
import re
import sys
import types
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import soundfile

import lakhnes
from lakhnes import _native, notebook, playback, progress
from lakhnes.plotting import COLORS

SVG = "{http://www.w3.org/2000/svg}"


def minute():
    """A minute of four voices that play sixteenths."""
    events = []
    for step in range(480):
        events += [f"P1_NOTEON_{60 + step % 13}", f"P2_NOTEON_{55 + step % 17}", f"TR_NOTEON_{40 + step % 7}"]
        events += [f"NO_NOTEON_{1 + step % 16}", "WT_5512"]
    return lakhnes.Song.from_tx1("\n".join(events))


def sound_of(shown):
    (data,) = re.findall(r'src="data:audio/ogg;base64,([^"]+)"', shown)
    return soundfile.read(io.BytesIO(base64.b64decode(data)))


def strokes(svg):
    paths = ET.fromstring(svg).findall(f"{SVG}path")
    return {path.get("data-voice"): path.get("d").count("M") for path in paths if path.get("data-voice")}


def test_a_song_shows_a_stroke_for_each_note_and_its_sound(song):
    shown = song._repr_html_()
    svg = shown[shown.index("<svg") : shown.index("</svg>") + 6]
    assert strokes(svg) == {name: len(notes) for name, notes in song.voices.items()}
    samples, rate = sound_of(shown)
    assert len(samples) / rate == pytest.approx(song.duration, abs=0.01)
    assert np.abs(samples).max() > 0.05
    assert f"{sum(map(len, song.voices.values()))} notes" in shown


def test_a_minute_of_music_takes_less_than_400_kb():
    song = minute()
    assert song.duration == pytest.approx(60, abs=0.1)
    assert len(song._repr_html_().encode()) < 400_000


def test_what_is_shown_asks_for_nothing_from_elsewhere(song):
    shown = song._repr_html_() + song.perform()._repr_html_()
    assert set(re.findall(r'(?:src|href)="([^"]{5})', shown)) == {"data:"}
    assert set(re.findall(r"https?://[^\"]+", shown)) == {"http://www.w3.org/2000/svg"}  # a name, which is not loaded


def test_of_long_music_the_beginning_is_heard(monkeypatch):
    assert notebook.PLAYER_SECONDS == 180
    monkeypatch.setattr(notebook, "PLAYER_SECONDS", 2.0)
    song = lakhnes.Song.from_tx1("P1_NOTEON_60\n" + "\n".join(["WT_44100"] * 4))
    shown = song._repr_html_()
    samples, rate = sound_of(shown)
    assert len(samples) == 2 * rate
    assert "the first 2 s" in shown


def test_a_song_without_notes_is_shown():
    assert "0 notes" in lakhnes.Song.from_tx1("WT_4410")._repr_html_()


def test_the_drawing_has_the_colours_of_the_other_pictures(song):
    svg = song.to_svg()
    assert {
        path.get("data-voice"): path.get("stroke") for path in ET.fromstring(svg) if path.get("data-voice")
    } == COLORS


def test_a_log_shows_what_it_plays_and_says_where_it_loops(song):
    writes = np.array([(0, 0x15, 1), (0, 0, 0xBF), (0, 2, 0xFD), (0, 3, 0)])
    log = lakhnes.RegisterLog(writes, 44_100, loop_start=22_050)
    assert repr(log) == "RegisterLog(4 writes, 1.000 s, ntsc, loops from 0.500 s)"
    shown = log._repr_html_()
    assert "loops from 0.500 s" in shown
    assert len(sound_of(shown)[0]) == 48_000
    other = lakhnes.RegisterLog(writes, 44_100, standard="pal", clock_hz=1_700_000)
    assert repr(other) == "RegisterLog(4 writes, 1.000 s, pal at 1700000 Hz)"


def test_a_model_says_its_shape():
    model = lakhnes.load_model()
    for shown in (repr(model), model._repr_html_()):
        for fact in ("transformer-xl", f"{model.config.num_parameters:,}", model.config.description, "tx3", "auto"):
            assert fact in shown


class Sink(playback.Sink):
    heard = ()

    def write(self, samples):
        Sink.heard = samples

    def finish(self):
        self.finished = True


def test_a_song_is_played_on_the_sound_card_with_the_dynamics_of_nes_music(song, monkeypatch):
    opened = []
    monkeypatch.setattr(playback, "open_sink", lambda *args, **options: opened.append((args, options)) or Sink())
    song.play(sample_rate=22_050, device="card")
    assert opened == [(("device", 22_050), {"device": "card"})]
    np.testing.assert_array_equal(Sink.heard, lakhnes.render(song, sample_rate=22_050, expression="natural"))
    song.perform().play(expression="plain")
    np.testing.assert_array_equal(Sink.heard, lakhnes.render(song))


class Shown:
    """What a notebook of these tests shows, and what replaced it."""

    def __init__(self):
        self.outputs = []

    def display(self, what, display_id=None):
        self.outputs.append(what)
        return types.SimpleNamespace(update=self.outputs.append)


@pytest.fixture
def kernel(monkeypatch):
    """The kernel of a notebook, as far as it is asked."""
    shown = Shown()
    display = types.ModuleType("IPython.display")
    display.display, display.HTML = shown.display, lambda text: ("HTML", text)
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_in_a_notebook_a_song_is_played_by_the_page(song, kernel):
    song.play(mixer="linear")
    ((kind, text),) = kernel.outputs
    assert kind == "HTML"
    assert "<audio controls autoplay" in text
    assert len(sound_of(text)[0]) > 0


def test_a_terminal_with_ipython_is_no_notebook(monkeypatch):
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: object()
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not progress.in_notebook()


def test_in_a_notebook_a_bar_is_an_output_that_is_replaced_and_goes(kernel, monkeypatch):
    monkeypatch.setattr(progress, "REFRESH", 0.0)
    with progress.bar("compose", 4) as advance:
        (bars,) = kernel.outputs
        for _ in range(4):
            advance(1, "facts")
    assert [task.completed for task in bars.tasks] == [4]
    assert kernel.outputs == [bars] * 5 + [("HTML", "")]


def test_a_bar_on_a_terminal_is_drawn_on_stderr_and_leaves_stdout_alone(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.bar("compose", 2) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "compose" in captured.err


def test_a_plot_is_a_figure_that_shows_itself_or_a_file(song, tmp_path):
    figure = song.plot(title="A song")
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert figure.axes[0].get_title() == "A song"
    assert song.plot(tmp_path / "song.svg") is None
    assert (tmp_path / "song.svg").stat().st_size > 0
    with pytest.raises(lakhnes.FormatError):
        song.plot(tmp_path / "song.doc")


def test_wrong_options_are_refused(song):
    with pytest.raises(TypeError):
        notebook.player(song, volume=3)
    with pytest.raises(ValueError, match="mixer"):
        notebook.player(song, mixer="loud")
    assert set(_native.VOICE_COLORS) == {"p1", "p2", "tr", "no"}
