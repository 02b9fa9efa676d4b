"""Change of the sampling rate."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from sklearn_emg._sklearn import POSITIVE, StrOptions
from sklearn_emg.base import SignalTransformer
from sklearn_emg.preprocessing._streams import SampleStream
from sklearn_emg.recordings import same_rate

# The anti-aliasing filter has 20 * max(up, down) + 1 taps.
_MAX_TERM = 100_000
# Accepted relative error of a ratio, which amounts to 0.4 ms in an hour.
_MAX_ERROR = 1e-7
_BLOCK_SAMPLES = 1 << 20


def rational_ratio(fs_in: float, fs_out: float) -> tuple[int, int]:
    """Approximate the ratio of two sampling rates, ``fs_out / fs_in``, by a fraction of integers.

    The fraction is exact if the rates, as decimal numbers, have a ratio with terms of at most
    100,000. Otherwise, it is a simple fraction with a relative error of at most 1e-7 or, if there
    is none with terms of at most 100,000, the nearest fraction with such terms. The relative error
    is then at most 5e-6, and it exceeds 1e-7 only near a ratio of small integers. Rates with a
    relative difference below 1e-6 count as equal and have the ratio 1 / 1.

    Parameters
    ----------
    fs_in, fs_out : float
        Sampling rates in Hz.

    Returns
    -------
    up, down : int
        Numerator and denominator of the fraction in lowest terms.

    Raises
    ------
    ValueError
        If one rate is more than 10,000 times as high as the other.

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
    # The shortest decimal form is used, so that 1000.1 is 10001/10 and not the nearest binary
    # number.
    ratio = Fraction(repr(float(fs_out))) / Fraction(repr(float(fs_in)))
    if max(ratio.numerator, ratio.denominator) > _MAX_TERM:
        ratio = _near_ratio(ratio)
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=256)
def _near_ratio(ratio: Fraction) -> Fraction:
    """Find a simple fraction near `ratio`, with terms of at most ``_MAX_TERM``."""
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
    """Change the sampling rate by the factor ``up / down`` with a polyphase FIR filter.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals.
    up, down : int
        Terms of the ratio, without a common factor.

    Returns
    -------
    resampled : ndarray of shape (..., ceil(n_times * up / down))
        Resampled signals.

    See Also
    --------
    scipy.signal.resample_poly : Performs the resampling with a Kaiser window (beta = 5) of
        ``20 * max(up, down) + 1`` taps, extending signals along the line through their ends.
    """
    padtype = "line" if signals.shape[-1] > 1 else "edge"
    return signal.resample_poly(signals, up, down, axis=-1, padtype=padtype)


def resample_fourier(signals: NDArray[np.floating], up: int, down: int) -> NDArray[np.floating]:
    """Change the sampling rate by the factor ``up / down`` by truncating or padding the spectrum.

    A discrete spectrum is that of a periodic signal. Therefore, the signal is first extended by its
    mirror image, by at least a tenth on each side, to a multiple of `down` samples. Its ends then
    agree, and new samples are exactly ``down / up`` old samples apart.

    Parameters
    ----------
    signals : ndarray of shape (..., n_times)
        Signals.
    up, down : int
        Terms of the ratio, without a common factor.

    Returns
    -------
    resampled : ndarray of shape (..., ceil(n_times * up / down))
        Resampled signals.
    """
    n_times = signals.shape[-1]
    n_left = -(-max(n_times // 10, 1) // down)  # in units of `down` samples
    n_total = -(-(n_times + 2 * n_left * down) // down)
    widths = (n_left * down, (n_total - n_left) * down - n_times)
    n_out = -(-n_times * up // down)
    flat = signals.reshape(-1, n_times)
    result = np.empty((len(flat), n_out), dtype=signals.dtype)
    # With a large `down`, the extension is much longer than the signal. Blocks limit the memory.
    block = max(1, _BLOCK_SAMPLES // (n_total * max(up, down)))
    for first in range(0, len(flat), block):
        extended = np.pad(flat[first : first + block], [(0, 0), widths], mode="symmetric")
        resampled = signal.resample(extended, n_total * up, axis=-1)
        result[first : first + block] = resampled[:, n_left * up : n_left * up + n_out]
    return result.reshape(*signals.shape[:-1], n_out)


class Resampler(SignalTransformer):
    """Resample signals to a common sampling rate.

    Parameters
    ----------
    fs_out : float, default=10000.0
        New sampling rate in Hz.
    method : {"polyphase", "fourier"}, default="polyphase"
        Method of resampling. "polyphase" uses a FIR filter. "fourier" truncates the spectrum, with
        a sharper cut-off at the new Nyquist frequency but ringing at steps of the signal. Both use
        a rational ratio of the rates, such as 5/24 for 48,000 to 10,000 Hz.
    fs : float, default=None
        Sampling rate of arrays in Hz. A recording table contains its own sampling rates, which may
        differ between rows. In the returned table, the ``fs`` column contains `fs_out`.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ValueError
        If `fs` is missing for an array, one rate is more than 10,000 times as high as the other, or
        a signal contains NaN.

    See Also
    --------
    LowpassFilter : Removes high frequencies and keeps the sampling rate.

    Notes
    -----
    A signal of :math:`n` samples has :math:`\\lceil n f_{out} / f_{in} \\rceil` samples after
    resampling. The first sample remains at time 0, and float32 signals remain float32. "polyphase"
    halves the amplitude at the new Nyquist frequency, attenuates a component 20 % above this
    frequency by more than 40 dB, and is flat within 1 % up to 80 % of this frequency.

    If the ratio of the rates is approximated, its relative error is at most 1e-7, except near a
    ratio of small integers (such as 2000.008 to 2000 Hz), where it is at most 5e-6. Times and
    frequencies have the same relative error. Signals whose sampling rate differs from `fs_out` by a
    relative difference below 1e-6 are not changed.

    References
    ----------
    R. E. Crochiere, L. R. Rabiner, *Multirate Digital Signal Processing*, Prentice-Hall, 1983,
    chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import Resampler
    >>> from sklearn_emg.recordings import recording_table
    >>> signal = np.random.default_rng(0).normal(scale=0.1, size=48000)
    >>> table = recording_table([signal, signal[:75]], fs=[48000.0, 23437.5], subject="a")
    >>> resampled = Resampler(10000.0).fit_transform(table)
    >>> resampled["fs"].tolist(), [len(s) for s in resampled["signal"]]
    ([10000.0, 10000.0], [10000, 32])
    """

    _keeps_equal_samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "fs_out": [POSITIVE],
        "method": [StrOptions({"polyphase", "fourier"})],
        "fs": [POSITIVE, None],
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
        """Return a stream for signals that already have the new sampling rate.

        Parameters
        ----------
        fs : float, default=None
            Sampling rate of the chunks in Hz. The default is the `fs` of the resampler.

        Returns
        -------
        stream : SampleStream
            Stream that returns its input unchanged.

        Raises
        ------
        ValueError
            If the rate differs from `fs_out`, since both methods need future samples.
        """
        self._validate_params()
        fs = self._array_fs() if fs is None else float(fs)
        up, down = rational_ratio(fs, self.fs_out)
        if up != down:
            raise ValueError(
                f"Resampler needs future samples for a change from {fs:g} to {self.fs_out:g} Hz. "
                f"Record at {self.fs_out:g} Hz, or fit the system at {fs:g} Hz, to stream."
            )
        return SampleStream(np.copy)
