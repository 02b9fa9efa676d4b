"""Filter design and filtering of arrays along the last axis."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import signal

_IIR_DESIGNS = ("butterworth", "chebyshev1", "chebyshev2", "bessel")


class Sections(NamedTuple):
    """Second-order sections of an IIR filter."""

    sos: NDArray[np.float64]


class Taps(NamedTuple):
    """Taps of a linear-phase FIR filter."""

    taps: NDArray[np.float64]


FilterCoefficients: TypeAlias = Sections | Taps


@lru_cache(maxsize=128)
def design_filter(
    kind: str,
    corners: tuple[float, ...],
    fs: float,
    design: str,
    order: int,
    ripple: float,
    attenuation: float,
    transition: float | None,
) -> FilterCoefficients:
    """Design a high-pass, low-pass or band-pass filter, with a cache for the rows of a table.

    Parameters
    ----------
    kind : {"highpass", "lowpass", "bandpass"}
        Kind of filter.
    corners : tuple of float
        One or two corner frequencies in Hz, below ``fs / 2``.
    fs : float
        Sampling rate in Hz.
    design, order, ripple, attenuation, transition
        Parameters of :class:`BandpassFilter`.

    Returns
    -------
    coefficients : FilterCoefficients
        Sections of an IIR filter or taps of a FIR filter.
    """
    band = corners if len(corners) > 1 else corners[0]
    if design == "fir":
        n_taps = _n_taps(corners, fs, transition)
        taps = signal.firwin(n_taps, band, pass_zero=kind, window="hamming", fs=fs)
        if kind != "lowpass":
            # A windowed sinc passes about 0.1 % of an offset, and electrode offsets are often a
            # hundred times as large as the EMG. Therefore, a multiple of the window is subtracted
            # so that the response at 0 Hz is 0.
            window = signal.windows.hamming(n_taps)
            taps -= window * (taps.sum() / window.sum())
        return Taps(taps)
    options = {"btype": kind, "output": "sos", "fs": fs}
    if design == "butterworth":
        sos = signal.butter(order, band, **options)
    elif design == "chebyshev1":
        sos = signal.cheby1(order, ripple, band, **options)
    elif design == "chebyshev2":
        sos = signal.cheby2(order, attenuation, band, **options)
    else:
        # With norm="mag", the response at the corner is -3 dB, as for a Butterworth filter.
        sos = signal.bessel(order, band, norm="mag", **options)
    return Sections(sos)


def _n_taps(corners: tuple[float, ...], fs: float, transition: float | None) -> int:
    if transition is None:
        # A quarter of the corner frequency, at least 2 Hz, but at most the distance from the corner
        # to 0 Hz or to the Nyquist frequency.
        transition = min(min(max(0.25 * c, 2.0), c, fs / 2 - c) for c in corners)
    # A Hamming window needs 3.3 / (normalised transition width) taps. Their number is odd, since an
    # even number causes a zero at the Nyquist frequency and a delay of a fraction of a sample.
    return int(np.ceil(3.3 * fs / transition)) // 2 * 2 + 1


@lru_cache(maxsize=128)
def design_notch(freqs: tuple[float, ...], bandwidth: float, fs: float) -> FilterCoefficients:
    """Design one second-order notch per frequency, with -3 dB points `bandwidth` Hz apart."""
    sections = [np.concatenate(signal.iirnotch(f, f / bandwidth, fs=fs)) for f in freqs]
    return Sections(np.array(sections))


def zero_phase_filter(
    signals: NDArray[np.floating], coefficients: FilterCoefficients
) -> NDArray[np.floating]:
    """Filter without delay: IIR filters run forwards and backwards, and FIR filters are shifted.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals.
    coefficients : FilterCoefficients
        Coefficients of the filter.

    Returns
    -------
    filtered : ndarray of shape (..., n_times)
        Filtered signals, computed in float64 and returned in the type of `signals`.
    """
    n_times = signals.shape[-1]
    if isinstance(coefficients, Sections):
        padlen = min(_default_padlen(coefficients.sos), n_times - 1)
        filtered = signal.sosfiltfilt(coefficients.sos, signals, axis=-1, padlen=padlen)
        return filtered.astype(signals.dtype, copy=False)
    half = len(coefficients.taps) // 2
    extended = _odd_extension(signals.astype(np.float64, copy=False), half)
    taps = coefficients.taps.reshape((1,) * (signals.ndim - 1) + (-1,))
    filtered = signal.oaconvolve(extended, taps, mode="valid", axes=-1)
    return filtered.astype(signals.dtype, copy=False)


def _default_padlen(sos: NDArray[np.float64]) -> int:
    # This is the default of scipy.signal.sosfiltfilt, which does not accept shorter signals.
    n_taps = 2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum())
    return 3 * int(n_taps)


def _odd_extension(signals: NDArray[np.floating], n: int) -> NDArray[np.floating]:
    """Extend by `n` samples on each side, mirrored about the ends and then constant."""
    mirrored = min(n, signals.shape[-1] - 1)
    if mirrored:
        left = 2 * signals[..., :1] - signals[..., mirrored:0:-1]
        right = 2 * signals[..., -1:] - signals[..., -2 : -mirrored - 2 : -1]
        signals = np.concatenate([left, signals, right], axis=-1)
    rest = [(0, 0)] * (signals.ndim - 1) + [(n - mirrored, n - mirrored)]
    return np.pad(signals, rest, mode="edge")


def initial_state(
    first: NDArray[np.floating], coefficients: FilterCoefficients
) -> NDArray[np.float64]:
    """Compute the steady state of a causal filter for the constant input `first`.

    `first` is the first sample of each signal, of shape (..., 1). For FIR filters, the state
    consists of the samples that are assumed to precede the first.
    """
    if isinstance(coefficients, Sections):
        zi = signal.sosfilt_zi(coefficients.sos)
        return zi.reshape(len(zi), *(1,) * (first.ndim - 1), 2) * first
    return np.repeat(first.astype(np.float64), len(coefficients.taps) - 1, axis=-1)


def causal_filter(
    signals: NDArray[np.floating],
    coefficients: FilterCoefficients,
    state: NDArray[np.float64],
) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """Filter a chunk forwards in time, and return the state for the next chunk.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals.
    coefficients : FilterCoefficients
        Coefficients of the filter.
    state : ndarray
        State from :func:`initial_state` or from the previous call.

    Returns
    -------
    filtered : ndarray of shape (..., n_times)
        Filtered signals, computed in float64 and returned in the type of `signals`.
    state : ndarray
        State after the last sample.
    """
    if isinstance(coefficients, Sections):
        filtered, state = signal.sosfilt(coefficients.sos, signals, axis=-1, zi=state)
    else:
        from sklearn_emg.preprocessing._filtering._kernels_fir import correlate_rows

        n_times = signals.shape[-1]
        extended = np.concatenate([state, signals], axis=-1, dtype=np.float64)
        filtered = np.empty(signals.shape)
        correlate_rows(
            extended.reshape(-1, extended.shape[-1]),
            coefficients.taps[::-1].copy(),
            filtered.reshape(-1, n_times),
        )
        state = extended[..., n_times:].copy()
    return filtered.astype(signals.dtype, copy=False), state
