"""Band-pass, high-pass, low-pass and notch filters."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Options, StrOptions
from sklearn_emg._validation import check_below_nyquist
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.base import SignalTransformer
from sklearn_emg.preprocessing._filtering._design import (
    _IIR_DESIGNS,
    FilterCoefficients,
    causal_filter,
    design_filter,
    design_notch,
    initial_state,
    zero_phase_filter,
)
from sklearn_emg.preprocessing._streams import SignalStream
from sklearn_emg.recordings import rate_fault

Design = Literal["butterworth", "chebyshev1", "chebyshev2", "bessel", "fir"]


class FilterStream(SignalStream):
    """Causal filter that processes consecutive chunks and keeps its state between them.

    The ``stream`` method of a causal filter returns such an object. The concatenated outputs of the
    chunks are bitwise equal to the output for the whole recording, regardless of the lengths of the
    chunks. Memory does not grow with the number of chunks.

    Parameters
    ----------
    coefficients : FilterCoefficients
        Coefficients of the designed filter.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import LowpassFilter
    >>> causal = LowpassFilter(100.0, zero_phase=False, fs=1000.0)
    >>> X = np.random.default_rng(0).normal(size=(1, 50))
    >>> stream = causal.stream()
    >>> chunks = [stream.process(X[:, :20]), stream.process(X[:, 20:])]
    >>> bool((np.hstack(chunks) == causal.fit_transform(X)).all())
    True
    """

    def __init__(self, coefficients: FilterCoefficients):
        self._coefficients = coefficients
        super().__init__()

    def reset(self) -> None:
        """Reset the state, so that the next chunk begins a new recording."""
        super().reset()
        self._state: NDArray[np.float64] | None = None

    def _process(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        if self._state is None:
            self._state = initial_state(values[..., :1], self._coefficients)
        filtered, self._state = causal_filter(values, self._coefficients, self._state)
        return filtered


class _LinearFilter(SignalTransformer):
    """Base class of linear filters, which differ only in their coefficients."""

    _keeps_equal_samples: ClassVar[bool] = False

    def _needs_fs(self) -> bool:
        return True

    def _coefficients(self, fs: float) -> FilterCoefficients:
        raise NotImplementedError(f"{type(self).__name__} lacks _coefficients.")

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        coefficients = self._coefficients(fs)
        if self.zero_phase:
            return zero_phase_filter(signals, coefficients)
        state = initial_state(signals[..., :1], coefficients)
        return causal_filter(signals, coefficients, state)[0]

    def coefficients(self, fs: float | None = None) -> FilterCoefficients:
        """Return the coefficients of the filter, for other programs or to compute its response.

        Parameters
        ----------
        fs : float, default=None
            Sampling rate in Hz. The default is the `fs` of the filter.

        Returns
        -------
        coefficients : Sections or Taps
            Named tuple with one field: ``sos``, the second-order sections of an IIR filter, or
            ``taps``, the taps of a FIR filter.

        Examples
        --------
        >>> from sklearn_emg.preprocessing import HighpassFilter
        >>> HighpassFilter(20.0, order=4, fs=1000.0).coefficients().sos.shape
        (2, 6)
        """
        self._validate_params()
        fs = self._array_fs() if fs is None else float(fs)
        self._check_parameters(fs)
        return self._coefficients(fs)

    def stream(self, fs: float | None = None) -> FilterStream:
        """Return a stream that filters chunk by chunk and keeps its state between chunks.

        Parameters
        ----------
        fs : float, default=None
            Sampling rate in Hz. The default is the `fs` of the filter.

        Returns
        -------
        stream : FilterStream
            Stream in its initial state.

        Raises
        ------
        ValueError
            If the filter is zero-phase, and thus needs the whole recording, or the sampling rate is
            missing.
        """
        self._validate_params()
        if self.zero_phase:
            raise ValueError(
                f"A zero-phase {type(self).__name__} needs the whole recording, since its "
                "output depends on later samples. Set zero_phase=False to stream."
            )
        return FilterStream(self.coefficients(fs))


class _DesignedFilter(_LinearFilter):
    """Base class of filters with one or two corner frequencies."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, None, closed="left")],
        "design": [StrOptions({*_IIR_DESIGNS, "fir"})],
        "ripple": [POSITIVE],
        "attenuation": [POSITIVE],
        "transition": [POSITIVE, None],
        "zero_phase": ["boolean"],
        "fs": [POSITIVE, None],
    }
    _kind: ClassVar[str]
    _corner_names: ClassVar[tuple[str, ...]]

    def _check_parameters(self, fs: float) -> None:
        for name, corner in zip(self._corner_names, self._corners(fs)):
            check_below_nyquist(corner, name, type(self).__name__, fs)
        if self._kind in ("bandpass", "lowpass") and corner <= 1.0 and not rate_fault(fs):
            warn_of_recordings(
                f"{type(self).__name__} removes all frequencies above {corner:g} Hz. If "
                f"{name!r} is meant as a fraction of the Nyquist frequency, multiply it by "
                f"{fs / 2:g} Hz; corner frequencies must be in Hz."
            )

    def _corners(self, fs: float) -> tuple[float, ...]:
        """Return the corner frequencies in Hz at a sampling rate."""
        return tuple(float(getattr(self, name)) for name in self._corner_names)

    def _coefficients(self, fs: float) -> FilterCoefficients:
        return design_filter(
            self._kind,
            self._corners(fs),
            fs,
            self.design,
            self.order,
            self.ripple,
            self.attenuation,
            self.transition,
        )


class BandpassFilter(_DesignedFilter):
    """Band-pass filter: keep components between two corner frequencies.

    Apply the filter to whole recordings before they are divided into windows, so that edge effects
    occur only at the ends of a recording.

    Parameters
    ----------
    low, high : float, default=20.0 and 450.0
        Corner frequencies in Hz. The defaults suit surface EMG [1]_; needle EMG needs about 10 Hz
        to 10 kHz.
    order : int, default=4
        Order of an IIR design for each of its two slopes. The length of a FIR design is determined
        by `transition` instead.
    design : {"butterworth", "chebyshev1", "chebyshev2", "bessel", "fir"}, default="butterworth"
        Filter design. IIR designs are run as second-order sections. "chebyshev1" has a ripple of
        `ripple` dB in the pass band and "chebyshev2" an attenuation of `attenuation` dB in the stop
        band; "bessel" preserves waveforms best if the filter is causal. "fir" is a sinc with a
        Hamming window and has linear phase.
    ripple : float, default=0.1
        Maximum loss in the pass band in dB, for "chebyshev1" only. A zero-phase filter runs twice,
        so its loss is up to twice as large.
    attenuation : float, default=40.0
        Minimum loss in the stop band in dB, for "chebyshev2" only. The corners of this design are
        the edges of the stop band.
    transition : float, default=None
        Width of the transition bands in Hz, for "fir" only. The number of taps is about
        ``3.3 * fs / transition`` [2]_. The default is a quarter of the corner frequency, at least 2
        Hz, and at most the distance from the corner to 0 Hz or to the Nyquist frequency.
    zero_phase : bool, default=True
        Whether to filter without delay. An IIR filter then runs forwards and backwards, which
        squares its amplitude response (-6 dB at the corners of a Butterworth filter). A FIR filter
        runs once, and its output is shifted back by its delay. If False, the filter is causal and
        can also run as a stream.
    lower_high : bool, default=False
        Whether to lower `high` to 0.45 times the sampling rate if it is above this frequency, so
        that one filter can be used for recordings with different sampling rates. If False, a `high`
        that is not below the Nyquist frequency is an error.
    fs : float, default=None
        Sampling rate of arrays, in Hz. A recording table contains its own sampling rates.

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
        If a corner is not below the Nyquist frequency, `low` is not below `high`, `fs` is missing
        for an array, or a signal contains NaN.

    See Also
    --------
    HighpassFilter, LowpassFilter : Filters with one corner frequency.
    NotchFilter : Removes power-line interference.

    Notes
    -----
    The amplitude response of the Butterworth low-pass prototype of order :math:`N` is given by

    .. math:: |H(f)|^2 = \\frac{1}{1 + (f / f_c)^{2N}}.

    Before a zero-phase IIR filter runs, the signal is extended at both ends by mirroring it about
    its end points. The length of the extension is the default of :func:`scipy.signal.sosfiltfilt`,
    or less for a short signal. A causal filter starts in the steady state of the first sample, so
    an offset causes no step. Computations are in float64; the output for float32 signals is
    float32.

    References
    ----------
    .. [1] C. J. De Luca, L. D. Gilmore, M. Kuznetsov, S. H. Roy, "Filtering the surface EMG
       signal: Movement artifact and baseline noise contamination", J. Biomech. 43 (2010)
       1573-1579. :doi:`10.1016/j.jbiomech.2010.01.027`
    .. [2] A. Widmann, E. Schröger, B. Maess, "Digital filter design for electrophysiological data
       - a practical approach", J. Neurosci. Methods 250 (2015) 34-46.
       :doi:`10.1016/j.jneumeth.2014.08.002`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import BandpassFilter
    >>> t = np.arange(2000) / 1000.0
    >>> inside, below = np.sin(2 * np.pi * 100.0 * t), np.sin(2 * np.pi * 2.0 * t)
    >>> X = (inside + below)[np.newaxis]
    >>> filtered = BandpassFilter(20.0, 450.0, fs=1000.0).fit_transform(X)
    >>> bool(np.abs(filtered[0] - inside)[200:-200].max() < 0.01)
    True
    """

    _kind = "bandpass"
    _corner_names = ("low", "high")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_DesignedFilter._parameter_constraints,
        "low": [POSITIVE],
        "high": [POSITIVE],
        "lower_high": ["boolean"],
    }

    def __init__(
        self,
        low: float = 20.0,
        high: float = 450.0,
        *,
        order: int = 4,
        design: Design = "butterworth",
        ripple: float = 0.1,
        attenuation: float = 40.0,
        transition: float | None = None,
        zero_phase: bool = True,
        lower_high: bool = False,
        fs: float | None = None,
    ):
        self.low = low
        self.high = high
        self.order = order
        self.design = design
        self.ripple = ripple
        self.attenuation = attenuation
        self.transition = transition
        self.zero_phase = zero_phase
        self.lower_high = lower_high
        self.fs = fs

    def _corners(self, fs: float) -> tuple[float, ...]:
        high = float(self.high)
        return float(self.low), min(high, 0.45 * fs) if self.lower_high else high

    def _check_parameters(self, fs: float) -> None:
        super()._check_parameters(fs)
        low, high = self._corners(fs)
        if low >= high:
            raise ValueError(
                f"The 'low' parameter of BandpassFilter must be below 'high', {high} Hz. "
                f"Got {self.low} instead."
            )


class HighpassFilter(_DesignedFilter):
    """High-pass filter: remove components below a corner frequency, such as drift.

    Parameters
    ----------
    low : float, default=20.0
        Corner frequency in Hz.
    order, design, ripple, attenuation, transition, zero_phase, fs
        See :class:`BandpassFilter`.

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
        If the corner is not below the Nyquist frequency, `fs` is missing for an array, or a signal
        contains NaN.

    See Also
    --------
    BandpassFilter : Band-pass filter, where the parameters are described.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import HighpassFilter
    >>> X = np.full((1, 500), 3.0)  # an electrode offset of 3 mV
    >>> float(abs(HighpassFilter(20.0, fs=1000.0).fit_transform(X)).max().round(9))
    0.0
    """

    _kind = "highpass"
    _corner_names = ("low",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_DesignedFilter._parameter_constraints,
        "low": [POSITIVE],
    }

    def __init__(
        self,
        low: float = 20.0,
        *,
        order: int = 4,
        design: Design = "butterworth",
        ripple: float = 0.1,
        attenuation: float = 40.0,
        transition: float | None = None,
        zero_phase: bool = True,
        fs: float | None = None,
    ):
        self.low = low
        self.order = order
        self.design = design
        self.ripple = ripple
        self.attenuation = attenuation
        self.transition = transition
        self.zero_phase = zero_phase
        self.fs = fs


class LowpassFilter(_DesignedFilter):
    """Low-pass filter: remove components above a corner frequency.

    Parameters
    ----------
    high : float, default=450.0
        Corner frequency in Hz.
    order, design, ripple, attenuation, transition, zero_phase, fs
        See :class:`BandpassFilter`.

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
        If the corner is not below the Nyquist frequency, `fs` is missing for an array, or a signal
        contains NaN.

    See Also
    --------
    BandpassFilter : Band-pass filter, where the parameters are described.
    Resampler : Changes the sampling rate and includes an anti-aliasing filter.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import LowpassFilter
    >>> X = np.full((1, 500), 3.0)
    >>> float(LowpassFilter(100.0, fs=1000.0).fit_transform(X)[0, 0].round(9))
    3.0
    """

    _kind = "lowpass"
    _corner_names = ("high",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **_DesignedFilter._parameter_constraints,
        "high": [POSITIVE],
    }

    def __init__(
        self,
        high: float = 450.0,
        *,
        order: int = 4,
        design: Design = "butterworth",
        ripple: float = 0.1,
        attenuation: float = 40.0,
        transition: float | None = None,
        zero_phase: bool = True,
        fs: float | None = None,
    ):
        self.high = high
        self.order = order
        self.design = design
        self.ripple = ripple
        self.attenuation = attenuation
        self.transition = transition
        self.zero_phase = zero_phase
        self.fs = fs


class NotchFilter(_LinearFilter):
    """Notch filter: remove power-line interference at one frequency and at its harmonics.

    Parameters
    ----------
    freq : float, default=50.0
        Frequency to remove in Hz, which is 50.0 or 60.0 depending on the country.
    harmonics : int or "all", default=1
        Number of multiples of `freq` to remove. With a `freq` of 50 Hz, 1 removes only 50 Hz, and 3
        removes 50, 100 and 150 Hz. "all" removes every multiple below the Nyquist frequency of the
        recording.
    bandwidth : float, default=2.0
        Width in Hz of each notch between its -3 dB points, for a single pass. It is the same for
        all harmonics. A narrower notch removes less of the EMG but rings longer, for about
        ``1 / bandwidth`` seconds.
    zero_phase : bool, default=True
        Whether to run the filter forwards and backwards, without delay. If False, the filter is
        causal and can also run as a stream.
    fs : float, default=None
        Sampling rate of arrays, in Hz. A recording table contains its own sampling rates.

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
        If a harmonic is not below the Nyquist frequency, `bandwidth` is not below twice `freq`,
        `fs` is missing for an array, or a signal contains NaN.

    See Also
    --------
    AdaptiveFilter : Follows interference whose frequency drifts.

    Notes
    -----
    The filter has one section per frequency ``f``. The section is the bilinear transform of the
    analogue notch with the quality factor ``f / bandwidth``, as in :func:`scipy.signal.iirnotch`. A
    notch also removes the EMG in its band, and interference that drifts out of the band remains.

    References
    ----------
    S. J. Orfanidis, *Introduction to Signal Processing*, Prentice Hall, 1996, section 11.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import NotchFilter
    >>> t = np.arange(4000) / 1000.0
    >>> X = np.sin(2 * np.pi * 50.0 * t)[np.newaxis]
    >>> left = NotchFilter(50.0, fs=1000.0).fit_transform(X)[:, 1000:-1000]
    >>> bool(abs(left).max() < 0.01)  # more than 40 dB
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "freq": [POSITIVE],
        "harmonics": [Interval(Integral, 1, None, closed="left"), Options(str, {"all"})],
        "bandwidth": [POSITIVE],
        "zero_phase": ["boolean"],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        freq: float = 50.0,
        *,
        harmonics: int | Literal["all"] = 1,
        bandwidth: float = 2.0,
        zero_phase: bool = True,
        fs: float | None = None,
    ):
        self.freq = freq
        self.harmonics = harmonics
        self.bandwidth = bandwidth
        self.zero_phase = zero_phase
        self.fs = fs

    def _check_parameters(self, fs: float) -> None:
        check_below_nyquist(self.freq, "freq", type(self).__name__, fs)
        highest = self._freqs(fs)[-1]
        if highest >= fs / 2:
            raise ValueError(
                f"The 'harmonics' parameter of NotchFilter must keep all multiples of {self.freq} "
                f"Hz below the Nyquist frequency, {fs / 2} Hz for fs={fs}. Got {self.harmonics} "
                f"instead, up to {highest} Hz. Use harmonics='all' for those that fit."
            )
        if self.bandwidth >= 2 * self.freq:
            raise ValueError(
                "The 'bandwidth' parameter of NotchFilter must be below twice 'freq', "
                f"{2 * self.freq} Hz. Got {self.bandwidth} instead."
            )

    def _freqs(self, fs: float) -> tuple[float, ...]:
        if self.harmonics == "all":
            n_harmonics = int(np.ceil(fs / 2 / self.freq)) - 1
        else:
            n_harmonics = self.harmonics
        return tuple(float(self.freq * k) for k in range(1, n_harmonics + 1))

    def _coefficients(self, fs: float) -> FilterCoefficients:
        return design_notch(self._freqs(fs), float(self.bandwidth), fs)
