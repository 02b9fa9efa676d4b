"""Change of sampling rate."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from sklearn_emg._sklearn import Interval, Real, StrOptions
from sklearn_emg.base import SignalTransformer
from sklearn_emg.preprocessing._streams import SampleStream
from sklearn_emg.recordings import same_rate

__all__ = ["Resampler", "rational_ratio", "resample_fourier", "resample_polyphase"]

# The anti-aliasing filter has 20 * max(up, down) + 1 taps.
_MAX_TERM = 100_000
# Accepted relative error of a ratio: 0.4 ms in an hour.
_MAX_ERROR = 1e-7
_BLOCK_SAMPLES = 1 << 20


def rational_ratio(fs_in: float, fs_out: float) -> tuple[int, int]:
    """Approximate the ratio of two rates, ``fs_out / fs_in = up / down``, in lowest terms.

    The ratio is exact if the rates, as decimal numbers, have a ratio with terms of at most 100 000.
    Otherwise it is the simplest ratio within a relative error of 1e-7, or the nearest one with
    terms of at most 100 000: its error is at most 5e-6, and above 1e-7 only near a ratio of small
    terms. Rates with a relative difference below 1e-6 count as equal and have the ratio 1 / 1.

    Parameters
    ----------
    fs_in, fs_out : float
        Sampling rates in Hz.

    Returns
    -------
    up, down : int

    Raises
    ------
    ValueError
        If one rate is more than 10 000 times the other.

    Examples
    --------
    >>> from sklearn_emg.preprocessing import rational_ratio
    >>> rational_ratio(23437.5, 10000.0)
    (32, 75)
    >>> rational_ratio(1925.926, 2000.0)
    (27, 26)
    """
    if same_rate(fs_in, fs_out):
        return 1, 1
    if not 1e-4 <= fs_out / fs_in <= 1e4:
        raise ValueError(
            f"The rates {fs_out:g} Hz and {fs_in:g} Hz differ by a factor above 10000; set the "
            "true rates, or resample in steps."
        )
    # From the shortest decimal form: 1000.1 is 10001/10 and not the nearest binary number.
    ratio = Fraction(repr(float(fs_out))) / Fraction(repr(float(fs_in)))
    if max(ratio.numerator, ratio.denominator) > _MAX_TERM:
        ratio = _near_ratio(ratio)
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=256)
def _near_ratio(ratio: Fraction) -> Fraction:
    """Find the simplest near fraction, or the nearest with terms of at most ``_MAX_TERM``."""
    # limit_denominator bounds the denominator, which is the larger term of a ratio below 1.
    inverted = ratio > 1
    target = 1 / ratio if inverted else ratio
    near, bound = target, 10
    while bound <= _MAX_TERM:
        near = target.limit_denominator(bound)
        if abs(near - target) <= _MAX_ERROR * target:
            break
        bound *= 10
    return 1 / near if inverted else near


def resample_polyphase(signals: NDArray[np.floating], up: int, down: int) -> NDArray[np.floating]:
    """Change the rate by ``up / down`` with a polyphase FIR filter.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
    up, down : int
        Terms of the ratio, without a common factor.

    Returns
    -------
    resampled : ndarray of shape (..., ceil(n_times * up / down))

    See Also
    --------
    scipy.signal.resample_poly : Is called with a Kaiser window (beta 5) of
        ``20 * max(up, down) + 1`` taps and ends that are extended along the line through both.
    """
    padtype = "line" if signals.shape[-1] > 1 else "edge"
    return signal.resample_poly(signals, up, down, axis=-1, padtype=padtype)


def resample_fourier(signals: NDArray[np.floating], up: int, down: int) -> NDArray[np.floating]:
    """Change the rate by ``up / down`` by cutting or extending the spectrum.

    A discrete spectrum is that of a periodic signal. The signal is therefore first extended by its
    mirror image, by at least a tenth on each side, to a multiple of `down` samples. Its ends then
    agree, and new samples are exactly ``down / up`` old samples apart.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
    up, down : int
        Terms of the ratio, without a common factor.

    Returns
    -------
    resampled : ndarray of shape (..., ceil(n_times * up / down))
    """
    n_times = signals.shape[-1]
    n_left = -(-max(n_times // 10, 1) // down)  # in units of `down` samples
    n_total = -(-(n_times + 2 * n_left * down) // down)
    widths = (n_left * down, (n_total - n_left) * down - n_times)
    n_out = -(-n_times * up // down)
    flat = signals.reshape(-1, n_times)
    result = np.empty((len(flat), n_out), dtype=signals.dtype)
    # With a large `down` the extension is much longer than the signal; blocks bound the memory.
    block = max(1, _BLOCK_SAMPLES // (n_total * max(up, down)))
    for first in range(0, len(flat), block):
        extended = np.pad(flat[first : first + block], [(0, 0), widths], mode="symmetric")
        resampled = signal.resample(extended, n_total * up, axis=-1)
        result[first : first + block] = resampled[:, n_left * up : n_left * up + n_out]
    return result.reshape(*signals.shape[:-1], n_out)


class Resampler(SignalTransformer):
    """Resample signals to a common sampling rate, without aliasing.

    Parameters
    ----------
    fs_out : float, default=10000.0
        New sampling rate in Hz.
    method : {"polyphase", "fourier"}, default="polyphase"
        Method: "polyphase" uses a FIR filter; "fourier" truncates the spectrum, which is steeper at
        the new Nyquist frequency and rings at steps. Both use a rational ratio of the rates (48000
        to 10000 Hz is 5/24).
    fs : float, default=None
        Sampling rate of arrays in Hz. A recording table contains its own, which may differ between
        rows; its ``fs`` column is `fs_out` afterwards.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``; not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``; None after a table.

    Raises
    ------
    ValueError
        If `fs` is missing for an array, one rate is more than 10 000 times the other, or a signal
        contains NaN.

    See Also
    --------
    LowpassFilter : Keeps the sampling rate.

    Notes
    -----
    A signal of :math:`n` samples has :math:`\\lceil n f_{out} / f_{in} \\rceil` samples afterwards;
    the first sample remains at time 0, and float32 signals remain float32. "polyphase" halves a
    component at the new Nyquist frequency and attenuates one 20 % above it by more than 40 dB; the
    pass band is flat within 1 % up to 80 % of that frequency.

    Any rate can be resampled. If the ratio is approximated, its relative error is at most 1e-7 in
    general and 5e-6 near a ratio of small terms (2000.008 to 2000 Hz); times and frequencies have
    the same relative error. Signals whose rate has a relative difference to `fs_out` below 1e-6
    are not changed.

    References
    ----------
    R. E. Crochiere, L. R. Rabiner, *Multirate Digital Signal Processing*, Prentice-Hall, 1983,
    chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import Resampler
    >>> from sklearn_emg.recordings import recording_table
    >>> table = recording_table([np.zeros(48000), np.zeros(75)], fs=[48000.0, 23437.5], subject="a")
    >>> resampled = Resampler(10000.0).fit_transform(table)
    >>> resampled["fs"].tolist(), [len(s) for s in resampled["signal"]]
    ([10000.0, 10000.0], [10000, 32])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fs_out": [Interval(Real, 0, None, closed="neither")],
        "method": [StrOptions({"polyphase", "fourier"})],
        "fs": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self,
        fs_out: float = 10000.0,
        *,
        method: Literal["polyphase", "fourier"] = "polyphase",
        fs: float | None = None,
    ):
        self.fs_out = fs_out
        self.method = method
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        rational_ratio(fs, self.fs_out)

    def _fs_out(self, fs: float) -> float:
        return float(self.fs_out)

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        up, down = rational_ratio(fs, self.fs_out)
        if up == down:
            return signals.copy()
        resample = resample_polyphase if self.method == "polyphase" else resample_fourier
        return resample(signals, up, down)

    def stream(self, fs: float | None = None) -> SampleStream:
        """Return a stream for signals that have the new sampling rate already.

        Parameters
        ----------
        fs : float, default=None
            Sampling rate of the chunks in Hz; the default is the `fs` of the resampler.

        Returns
        -------
        stream : SampleStream
            It returns what it gets.

        Raises
        ------
        ValueError
            If the rate differs from `fs_out`: the filters of both methods need samples to come.
        """
        self._validate_params()
        fs = self._array_fs() if fs is None else float(fs)
        up, down = rational_ratio(fs, self.fs_out)
        if up != down:
            raise ValueError(
                f"Resampler needs samples to come for a change from {fs:g} to {self.fs_out:g} Hz. "
                f"Record at {self.fs_out:g} Hz, or fit the system at {fs:g} Hz, to stream."
            )
        return SampleStream(np.copy)
