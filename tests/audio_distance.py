"""How far two renderings of a song sound apart: the mean squared difference of their log-mel spectrograms.

The spectrogram is librosa's with its defaults (Slaney's mel scale and norm, periodic Hann window, centred frames with
reflected edges, power), written down again with numpy.
"""

import functools

import numpy as np
import numpy.typing as npt
from scipy.signal import get_window

SAMPLE_RATE = 44_100
N_FFT = 2_048
HOP = 512
N_MELS = 128
FLOOR = 1e-8
LOUDNESS = 0.1

Signal = npt.NDArray[np.float64]


def audio_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Compare two mono signals at 44.1 kHz, over the length that both have."""
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length = min(len(left), len(right))
    spectra = [np.log(mel_spectrogram(level(signal[:length])) + FLOOR) for signal in (left, right)]
    return float(np.mean((spectra[0] - spectra[1]) ** 2))


def level(signal: Signal) -> Signal:
    """Remove the offset and bring to a common RMS; silence stays silence."""
    signal = signal - signal.mean()
    loudness = np.sqrt(np.mean(signal**2))
    return signal * (LOUDNESS / loudness) if loudness else signal


def mel_spectrogram(signal: Signal) -> Signal:
    """Give the power of each mel band: shape (128, 1 + samples // 512)."""
    padded = np.pad(signal, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    power = np.abs(np.fft.rfft(frames * get_window("hann", N_FFT), axis=1)) ** 2
    return mel_filters() @ power.T


@functools.cache
def mel_filters() -> Signal:
    """Give the triangular filters, each of unit area over its band (Slaney, Auditory Toolbox): shape (128, 1025)."""
    edges = mel_to_hz(np.linspace(0.0, hz_to_mel(SAMPLE_RATE / 2), N_MELS + 2))
    bins = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def hz_to_mel(hz: float) -> float:
    """Linear below 1 kHz, logarithmic above, 27 mels for a factor of 6.4."""
    return 3 * hz / 200 if hz < 1_000 else 15 + 27 * np.log(hz / 1_000) / np.log(6.4)


def mel_to_hz(mel: Signal) -> Signal:
    """Undo `hz_to_mel`."""
    return np.where(mel < 15, 200 * mel / 3, 1_000 * np.exp((mel - 15) * np.log(6.4) / 27))
