import hashlib
from typing import get_args

import numpy as np
import pytest

import lakhnes
from lakhnes import Apu, Song
from lakhnes.songs import Expression, Filter, Mixer

A4 = "P1_NOTEON_69\nWT_44100\nP1_NOTEOFF"


def strongest(samples):
    """The frequency in Hz of the strongest partial of a second of sound."""
    windowed = (samples - samples.mean()) * np.hanning(len(samples))
    return int(np.abs(np.fft.rfft(windowed, n=441_000)).argmax()) / 10


def test_a_note_sounds_at_its_pitch():
    samples = lakhnes.render(Song.from_tx1(A4))
    assert samples.dtype == np.float32
    assert samples.shape == (44_100,)
    assert 0.05 < np.abs(samples).max() <= 1.0
    plain = lakhnes.render(Song.from_tx1(A4), filter="none")
    assert abs(strongest(plain) - 440) <= 1


@pytest.mark.parametrize(("option", "names"), [("mixer", Mixer), ("filter", Filter), ("expression", Expression)])
def test_the_names_of_an_option_are_the_same_in_python_and_in_rust(option, names):
    with pytest.raises(ValueError, match=r"found other$") as refusal:
        lakhnes.LivePlayer(**{option: "other"})
    expected = str(refusal.value).removeprefix(f"{option}: expected ").removesuffix(", found other")
    assert expected.replace(" or ", ", ").split(", ") == list(get_args(names))


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
def test_every_sample_rate_gives_the_same_duration(rate):
    assert len(lakhnes.render(Song.from_tx1(A4), sample_rate=rate)) == rate


def test_stems_sum_to_the_linear_mix(song):
    stems = lakhnes.render(song, stems=True)
    assert stems.shape[0] == 4
    assert (np.abs(stems).max(axis=1) > 0.01).all()
    np.testing.assert_allclose(stems.sum(axis=0), lakhnes.render(song, mixer="linear"), atol=2e-5)


def test_the_same_song_gives_the_same_bits(song):
    digests = {hashlib.sha256(song.perform().render_int16().tobytes()).hexdigest() for _ in range(3)}
    assert len(digests) == 1


def test_integers_are_the_rounded_floats(song):
    log = song.perform()
    np.testing.assert_allclose(log.render_int16() / 32_768, log.render(), atol=1e-4)


def test_blocks_are_the_whole_in_parts(song):
    log = song.perform()
    looped = lakhnes.RegisterLog(log.writes, log.length, loop_start=0)
    options = {"sample_rate": 192_000, "loops": 2, "fade": 0.5}
    blocks = looped.blocks(**options)
    assert blocks.remaining == (2 * log.length + 22_050) * 192_000 // 44_100
    parts = list(blocks)
    assert [len(part) for part in parts[:-1]] == [65_536] * (len(parts) - 1)
    assert blocks.remaining == 0
    np.testing.assert_array_equal(np.concatenate(parts), looped.render_int16(**options))
    with pytest.raises(ValueError, match="channel"):
        log.blocks(channel="vrc6")  # type: ignore[arg-type]


def test_dither_is_two_steps_wide_and_the_same_every_time(song):
    plain, dithered, again = (
        np.concatenate(list(song.perform().blocks(dither=dither))).astype(int) for dither in (False, True, True)
    )
    np.testing.assert_array_equal(dithered, again)
    assert set(np.unique(dithered - plain)) == {-1, 0, 1}


def test_a_channel_by_itself_is_its_stem(song):
    log = song.perform()
    triangle = np.concatenate(list(log.blocks(channel="tr", mixer="linear")))
    np.testing.assert_allclose(triangle / 32_767, log.render_stems()[2], atol=2e-5)


def test_filter_and_mixer_change_the_sound(song):
    plain = lakhnes.render(song, filter="none")
    assert plain.min() >= -0.1  # the level at the pins, but for the ringing of band-limited steps
    assert abs(lakhnes.render(song).mean()) < 0.01 < plain.mean()
    assert not np.array_equal(lakhnes.render(song, mixer="linear"), lakhnes.render(song))


def test_a_song_over_the_limit_is_refused_before_it_is_rendered(song):
    with pytest.raises(lakhnes.LimitError, match="ticks"):
        lakhnes.render(song, max_duration=0.1)
    hours = Song.from_tx1("WT_1000000000\nP1_NOTEON_60\nWT_5\nP1_NOTEOFF")
    with pytest.raises(lakhnes.LimitError):
        lakhnes.render(hours)


def test_a_loop_is_played_as_often_as_asked(song):
    log = song.perform()
    looped = lakhnes.RegisterLog(log.writes, log.length, loop_start=11_025)
    once, thrice = looped.render(), looped.render(loops=3, fade=0.5)
    assert len(thrice) == len(once) + 2 * (log.length - 11_025) + 22_050
    assert np.abs(thrice[-100:]).max() < 0.01


def test_the_chip_plays_what_is_written_to_it():
    apu = Apu(filter="none")
    for cycle, (address, value) in enumerate([(0x4015, 1), (0x4000, 0xBF), (0x4002, 0xFD), (0x4003, 0)]):
        apu.write(cycle, address, value)
    assert apu.read_status(100) & 1
    assert not apu.irq(200)
    assert apu.irq(40_000)
    apu.end_frame(1_789_773)
    samples = apu.samples()
    assert 44_000 < len(samples) <= 44_100
    assert abs(strongest(samples) - 440) <= 1
    assert len(apu.samples()) == 0


def test_the_chip_refuses_foreign_addresses_and_time_that_goes_back():
    apu = Apu(standard="pal", channel="tr")
    assert (apu.clock_hz, apu.sample_rate) == (1_662_607, 44_100)
    apu.write(100, 0x4015, 0)
    with pytest.raises(ValueError, match="expected at least 100"):
        apu.write(99, 0x4015, 0)
    with pytest.raises(ValueError, match="address"):
        apu.write(101, 0x2000, 0)
    with pytest.raises(ValueError, match="channel"):
        Apu(channel="vrc6")  # type: ignore[arg-type]


def test_the_chip_is_reset_and_tells_when_its_sample_channel_reads():
    apu = lakhnes.Apu()
    for cycle, address, value in ((0, 0x4010, 0x0F), (4, 0x4013, 0), (8, 0x4015, 0x11)):
        apu.write(cycle, address, value)
    assert apu.next_fetch(8) == 8
    assert apu.next_fetch(9) is None
    apu.write(12, 0x4003, 0)
    assert apu.read_status(20) == 1
    apu.reset(100)
    assert apu.read_status(100) == 0
    with pytest.raises(ValueError, match="cycle: expected at least 100"):
        apu.reset(99)
