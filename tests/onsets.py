"""Where notes begin in a signal and in another, how far apart that is, and how far apart their levels are."""

import numpy as np
import numpy.typing as npt
from scipy.signal import find_peaks

from audio_distance import N_FFT, SAMPLE_RATE, mel_filters

HOP = 128
WINDOW = SAMPLE_RATE // 10

Signal = npt.NDArray[np.float64]


def onset_strength(signal: Signal) -> Signal:
    """Give how much the mel bands rise within 17 ms, on the average and in nepers, each 2.9 ms."""
    signal = (signal - signal.mean()) / signal.std()
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, N_FFT // 2), N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(N_FFT), axis=1)) ** 2
    level = np.log(power @ mel_filters().T + 1.0)
    return np.maximum(0, level[6:] - level[:-6]).mean(axis=1)


def onset_errors(ours: Signal, theirs: Signal) -> Signal:
    """Give for each clear onset of ours how far away theirs is, in seconds.

    That is where the strength of onsets, 0.1 s before to 0.1 s after, correlates best with theirs, up to 58 ms away.
    """
    strength, other = onset_strength(ours), onset_strength(theirs)
    onsets, _ = find_peaks(strength, prominence=0.3 * np.percentile(strength, 99), distance=10)
    reach, most = 34, 20
    onsets = onsets[(onsets >= reach + most) & (onsets < len(strength) - reach - most)]
    here = np.lib.stride_tricks.sliding_window_view(strength, 2 * reach + 1)[onsets - reach]
    lags = np.arange(-most, most + 1)
    there = np.lib.stride_tricks.sliding_window_view(other, 2 * reach + 1)[onsets[:, None] - reach + lags]
    here = here - here.mean(axis=1, keepdims=True)
    there = there - there.mean(axis=2, keepdims=True)
    likeness = np.einsum("nw,nlw->nl", here, there) / (np.linalg.norm(there, axis=2) + 1e-9)
    # Of a rhythm that repeats itself within that reach, the nearest beat is meant.
    likeness *= 1 - 0.3 * (lags / most) ** 2
    return np.abs(lags[likeness.argmax(axis=1)]) * HOP / SAMPLE_RATE


def level_errors(ours: Signal, theirs: Signal, quietest: float = -30.0) -> Signal:
    """Give by how many dB the levels of tenths of a second differ, each signal's own loudness and offset left aside.

    Windows more than `quietest` dB below the loudest of ours are left out.
    """
    levels = []
    for signal in (ours, theirs):
        windows = signal[: len(signal) // WINDOW * WINDOW].reshape(-1, WINDOW)
        levels.append(10 * np.log10(windows.var(axis=1) + 1e-12))
    heard = levels[0] > levels[0].max() + quietest
    difference = (levels[1] - levels[0])[heard]
    return np.abs(difference - np.median(difference))
