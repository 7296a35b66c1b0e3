"""The radio plays songs of TX3 while they are composed: what is heard is the song."""

import lakhnes
from lakhnes import LivePlayer
from lakhnes.playback import ClockSink
from lakhnes.sampling import SamplingParams, compose
from lakhnes.sampling.radio import GAP, Radio
from lakhnes.sampling.row_events import row_events
from rows import TX3, brisk_model, song_text


def test_the_events_of_a_song_of_rows_are_the_song():
    text = song_text(4).replace("ROW_8", "P1_INST_4\nP1_VOL_9\nROW_8", 1)
    for ending in ("", "\nROW_3\nFRAME_2"):
        events = list(row_events((text + ending).split("\n")))
        song = lakhnes.Song.from_tx2("\n".join(events))
        whole = lakhnes.Song.from_tx3(text + ending)
        assert song == lakhnes.Song.from_tx2(whole.to_tx2())


def test_an_event_is_given_as_soon_as_time_has_passed_it():
    read = []

    def symbols():
        for symbol in song_text(2).split("\n"):
            read.append(symbol)
            yield symbol

    events = row_events(symbols())
    assert next(events) == "P1_NOTEON_60"
    assert read[-1] == "ROW_4"


def test_the_radio_plays_songs_of_rows():
    model, params = brisk_model(), SamplingParams(length=200, min_voices=0)
    sink = ClockSink(44_100, clock=lambda: 0.0, sleep=lambda seconds: None)
    sink.wait = lambda seconds: None
    radio = Radio(model, sink, LivePlayer(), params)
    radio.run(7, num=2)
    songs = [TX3.song(song.ids) for song in compose(model, 2, (), params, seed=7)]
    assert len(radio.songs) == 2
    # A stream cannot take back the bar that is not whole.
    assert all(played.duration >= song.duration - 0.001 for played, song in zip(radio.songs, songs, strict=True))
    assert radio.played >= sum(song.duration for song in songs) + GAP - 0.01
