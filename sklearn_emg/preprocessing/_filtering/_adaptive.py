"""Adaptive filters against power-line, periodic and reference-channel interference."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Options, Real, StrOptions
from sklearn_emg.base import SignalTransformer

_ALGORITHMS = ("lms", "nlms", "rls")
# The RLS matrix is initialised as if the reference had only the fraction _FIRST_POWER of its power.
# While the reference is silent, the matrix grows by at most the factor _LARGEST_GROWTH.
_FIRST_POWER = 1e-3
_LARGEST_GROWTH = 1e4


def predict_from_reference(
    signal: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    n_taps: int,
    delay: int,
    memory: float,
    algorithm: str,
    two_way: bool,
) -> NDArray[np.float64]:
    """Predict a signal from the recent past of a reference.

    Parameters
    ----------
    signal, reference : ndarrays of shape (n_times,)
        Signal to predict, and reference from which it is predicted.
    n_taps : int
        Length of the delay line in samples.
    delay : int
        Number of samples by which the reference is delayed.
    memory : float
        Time constant in samples.
    algorithm : {"lms", "nlms", "rls"}
        Algorithm, see :class:`AdaptiveFilter`.
    two_way : bool
        Whether the filter runs twice, so that the second run starts with adapted weights. Both runs
        are forwards in time, since interference follows its reference.

    Returns
    -------
    estimate : ndarray of shape (n_times,)
        Predicted part of the signal.
    """
    from sklearn_emg.preprocessing._filtering import _kernels_adaptive as kernels

    n_times = len(signal)
    power = float(np.mean(reference**2))
    estimate = np.zeros(n_times)
    if power == 0.0 or delay >= n_times:
        return estimate
    history = np.concatenate([np.zeros(n_taps - 1 + delay), reference[: n_times - delay]])
    step = 2.0 * n_taps / memory if algorithm == "nlms" else 1.0 / (power * memory)
    weights = np.zeros(n_taps)
    first = 1.0 / (n_taps * _FIRST_POWER * power)
    inverse = first * np.eye(n_taps if algorithm == "rls" else 1)
    for _ in range(2 if two_way else 1):
        kernels.adapt_delay_line(
            signal,
            history,
            n_taps,
            weights,
            inverse,
            _ALGORITHMS.index(algorithm),
            step,
            float(np.exp(-1.0 / memory)),
            _LARGEST_GROWTH * first,
            n_taps * power,
            estimate,
        )
    return estimate


def follow_line(
    signal: NDArray[np.float64],
    *,
    freq: float,
    n_harmonics: int,
    drift: float,
    memory: float,
    algorithm: str,
    two_way: bool,
) -> NDArray[np.float64]:
    """Estimate power-line interference, a sine of slowly changing frequency with harmonics.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
        Signal with interference.
    freq, drift : float
        Nominal frequency, and maximum deviation from it, in cycles per sample.
    n_harmonics : int
        Number of multiples of the frequency to estimate, including the frequency itself.
    memory : float
        Time constant in samples.
    algorithm : {"lms", "nlms", "rls"}
        Algorithm, see :class:`AdaptiveFilter`.
    two_way : bool
        Whether to average a forward and a backward run, each of which starts with adapted weights
        and an adapted frequency.

    Returns
    -------
    estimate : ndarray of shape (n_times,)
        Estimated interference.
    """
    from sklearn_emg.preprocessing._filtering import _kernels_adaptive as kernels

    nominal, drift = 2 * np.pi * freq, 2 * np.pi * drift
    weights = np.zeros(2 * n_harmonics)
    first = 1.0 / (2 * n_harmonics * _FIRST_POWER * 0.5)  # half is the mean square of a sine
    inverse = first * np.eye(2 * n_harmonics)
    state = np.array([0.0, nominal, np.mean(signal**2)])
    estimate = np.zeros(len(signal))
    largest = _LARGEST_GROWTH * first
    settings = (nominal, drift, _ALGORITHMS.index(algorithm), memory, largest, estimate)
    if not two_way:
        kernels.adapt_harmonics(signal, weights, inverse, state, *settings)
        return estimate
    sign = np.tile([1.0, -1.0], n_harmonics)
    backwards = signal[::-1].copy()
    passes = []
    for values in (backwards, signal, backwards):
        kernels.adapt_harmonics(values, weights, inverse, state, *settings)
        passes.append(estimate.copy())
        # Time is reversed: phases are counted backwards from the last sample, and sines change
        # their sign, as do their rows and columns of the matrix.
        state[0] = -(state[0] - state[1])
        weights *= sign
        inverse *= np.outer(sign, sign)
    return (passes[1] + passes[2][::-1]) / 2


class AdaptiveFilter(SignalTransformer):
    """Subtract interference that is predicted by an adaptive filter.

    Parameters
    ----------
    reference : {"powerline", "delayed"} or int, default="powerline"
        Source from which the interference is predicted.

        - "powerline": sines at `freq` and its harmonics, whose amplitudes, phases and fundamental
          frequency are tracked.
        - "delayed": the signal itself, delayed by `delay` seconds, so that only periodic components
          remain correlated. This is the adaptive line enhancer, for which the frequency need not be
          known.
        - int: a channel of the same recording, given by its index from 0, such as an ECG lead or
          the stimulus. This channel is returned unchanged.
    algorithm : {"lms", "nlms", "rls"}, default="nlms"
        Algorithm that adapts the weights: least mean squares ("lms"), normalised least mean squares
        ("nlms") or recursive least squares ("rls"). "rls" adapts fastest, but its computing time
        grows with the square of the number of weights.
    memory : float, default=None
        Time constant in seconds of the adaptation of the weights. With a longer time constant, the
        filter removes less of the EMG and follows changes more slowly. The default is 0.3 s for
        "powerline" and 5 s for other references, which need many more weights.
    freq : float, default=50.0
        Nominal power-line frequency in Hz, for "powerline".
    harmonics : int or "all", default=1
        Number of multiples of `freq` to remove for "powerline", as in :class:`NotchFilter`.
    max_drift : float, default=0.5
        Maximum deviation of the frequency from `freq` in Hz, for "powerline". With 0, the frequency
        is fixed.
    length : float, default=0.02
        Length of the prediction filter in seconds, for "delayed" and reference channels.
    delay : float, default=0.01
        Delay of the signal in seconds, for "delayed". It should be longer than the autocorrelation
        of a motor unit potential.
    output : {"cleaned", "interference"}, default="cleaned"
        Output of the filter. "cleaned" is the signal minus the predicted part, and "interference"
        is the predicted part, which for "delayed" is the enhanced line.
    two_way : bool, default=True
        Whether to use the whole signal. "powerline" then averages a forward and a backward run,
        whose lags behind a drifting frequency cancel. With other references, the filter runs twice,
        so that the weights are already adapted at the beginning of the signal. If False, the output
        is that of a real-time filter, except for the means described in the Notes.
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
        If a harmonic is not below the Nyquist frequency, `max_drift` is not below `freq`, `memory`
        is too short for a stable filter, the reference channel is missing, the filter diverges,
        `fs` is missing for an array, or a signal contains NaN.

    See Also
    --------
    NotchFilter : Removes fixed frequencies without adaptation.

    Notes
    -----
    With inputs :math:`u_t`, weights :math:`w_t` and error :math:`e_t = x_t - w_t^T u_t`, which is
    the cleaned signal, the algorithms are

    .. math::
        \\text{LMS} \\quad & w_{t+1} = w_t + \\mu e_t u_t \\\\
        \\text{NLMS} \\quad & w_{t+1} = w_t + \\mu e_t u_t / (\\varepsilon + u_t^T u_t) \\\\
        \\text{RLS} \\quad & w_{t+1} = w_t + e_t P_t u_t / (\\lambda + u_t^T P_t u_t)

    where :math:`P` is the inverse of the exponentially weighted correlation matrix of the inputs.
    The time constant `memory` :math:`\\tau` determines the parameters of all algorithms:
    :math:`\\lambda = e^{-1/(\\tau f_s)}`; for :math:`L` taps :math:`\\mu = 2 L / (\\tau f_s)`
    (NLMS) and :math:`1 / (\\tau f_s \\overline{u^2})` (LMS), which is exact for a white reference;
    for "powerline" :math:`\\mu = 2 / (\\tau f_s)`, where LMS and NLMS are the same, since the
    inputs have constant power.

    With a fixed frequency, one run of "powerline" is a notch of width :math:`1 / (\\pi\\tau)` Hz
    [1]_. If the frequency is wrong by :math:`\\Delta\\omega`, the weights of harmonic :math:`k`
    rotate by :math:`k \\Delta\\omega` per sample; this rotation is fed back to track a drifting
    frequency. If the interference is weaker than the noise of the weights, the frequency hardly
    changes.

    :math:`\\varepsilon` is :math:`L` times the mean power of the reference, so a burst of EMG while
    the reference is weak changes the weights little. Since :math:`\\varepsilon` also halves the
    average step, the step of NLMS is doubled.

    The mean of each channel is subtracted first, and added to the cleaned signal afterwards. This
    mean, and the mean power of a reference, are computed from the whole signal, even if `two_way`
    is False.

    Apply the filter to whole recordings, since it adapts little in a window shorter than `memory`.
    If the frequency is known, "powerline" removes more interference than "delayed", whose many
    weights also fit the EMG.

    References
    ----------
    .. [1] B. Widrow et al., "Adaptive noise cancelling: principles and applications", Proc. IEEE
       63 (1975) 1692-1716. :doi:`10.1109/PROC.1975.10036`
    .. [2] S. Haykin, *Adaptive Filter Theory*, 4th ed., Prentice Hall, 2002, chapters 5, 6 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import AdaptiveFilter
    >>> t = np.arange(10000) / 1000.0
    >>> emg = np.random.default_rng(0).normal(scale=0.1, size=t.size)
    >>> hum = np.sin(2 * np.pi * 50.2 * t)  # 0.2 Hz above the nominal frequency
    >>> cleaned = AdaptiveFilter(fs=1000.0).fit_transform((emg + hum)[np.newaxis])[0]
    >>> bool(np.std(cleaned - emg) < 0.02)
    True
    """

    _keeps_equal_samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "reference": [
            StrOptions({"powerline", "delayed"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "algorithm": [StrOptions(set(_ALGORITHMS))],
        "memory": [POSITIVE, None],
        "freq": [POSITIVE],
        "harmonics": [Interval(Integral, 1, None, closed="left"), Options(str, {"all"})],
        "max_drift": [Interval(Real, 0, None, closed="left")],
        "length": [POSITIVE],
        "delay": [POSITIVE],
        "output": [StrOptions({"cleaned", "interference"})],
        "two_way": ["boolean"],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        reference: Literal["powerline", "delayed"] | int = "powerline",
        *,
        algorithm: Literal["lms", "nlms", "rls"] = "nlms",
        memory: float | None = None,
        freq: float = 50.0,
        harmonics: int | Literal["all"] = 1,
        max_drift: float = 0.5,
        length: float = 0.02,
        delay: float = 0.01,
        output: Literal["cleaned", "interference"] = "cleaned",
        two_way: bool = True,
        fs: float | None = None,
    ):
        self.reference = reference
        self.algorithm = algorithm
        self.memory = memory
        self.freq = freq
        self.harmonics = harmonics
        self.max_drift = max_drift
        self.length = length
        self.delay = delay
        self.output = output
        self.two_way = two_way
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_array(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        X = super()._check_array(X, reset=reset)
        if not isinstance(self.reference, str) and X.ndim == 2:
            raise ValueError(
                f"AdaptiveFilter with reference={self.reference} needs windows of shape "
                f"(n_windows, n_channels, n_times). Got shape {X.shape}."
            )
        return X

    def _memory(self) -> float:
        if self.memory is not None:
            return self.memory
        return 0.3 if self.reference == "powerline" else 5.0

    def _n_harmonics(self, fs: float) -> int:
        if self.harmonics != "all":
            return int(self.harmonics)
        return max(int(np.ceil(fs / 2 / (self.freq + self.max_drift))) - 1, 1)

    def _n_taps(self, fs: float) -> int:
        return max(round(self.length * fs), 1)

    def _check_parameters(self, fs: float) -> None:
        if self.reference == "powerline":
            n_harmonics = self._n_harmonics(fs)
            highest = n_harmonics * (self.freq + self.max_drift)
            if highest >= fs / 2:
                raise ValueError(
                    "The 'freq' and 'harmonics' parameters of AdaptiveFilter must keep all "
                    f"multiples below the Nyquist frequency, {fs / 2} Hz for fs={fs}. Got "
                    f"{self.freq} and {self.harmonics} instead, up to {highest} Hz with the drift."
                )
            if self.max_drift >= self.freq:
                raise ValueError(
                    "The 'max_drift' parameter of AdaptiveFilter must be below 'freq', "
                    f"{self.freq} Hz. Got {self.max_drift} instead."
                )
            shortest = 2 * n_harmonics / fs
        else:
            # A step of 1 corrects the whole error at once; with a step above 2, the weights
            # diverge.
            shortest = self._n_taps(fs) / fs
        if self._memory() < shortest:
            raise ValueError(
                "The 'memory' parameter of AdaptiveFilter must be at least as long as the filter, "
                f"{shortest:g} s. Got {self._memory()} instead."
            )

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        values = np.atleast_2d(signals)
        values = values.reshape(-1, *values.shape[-2:]).astype(np.float64)
        # The weights would adapt to an offset as if it were interference, and fluctuate in
        # proportion to it. The mean is subtracted twice, since the rounding error of the first
        # mean may exceed a small signal on a large offset.
        centred = values - values.mean(axis=-1, keepdims=True)
        centred -= centred.mean(axis=-1, keepdims=True)
        interference = np.empty_like(values)
        for i in range(len(values)):
            interference[i] = self._interference(centred[i], fs)
        result = interference if self.output == "interference" else values - interference
        if not isinstance(self.reference, str):
            result[:, self.reference] = values[:, self.reference]
        return result.reshape(signals.shape).astype(signals.dtype, copy=False)

    def _interference(self, channels: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
        memory = self._memory() * fs
        if self.reference == "powerline":
            follow = partial(
                follow_line,
                freq=self.freq / fs,
                n_harmonics=self._n_harmonics(fs),
                drift=self.max_drift / fs,
                memory=memory,
                algorithm=self.algorithm,
                two_way=self.two_way,
            )
            return np.stack([follow(c) for c in channels])
        if isinstance(self.reference, str):  # "delayed"
            delay = max(round(self.delay * fs), 1)
            references = list(channels)
        else:
            if self.reference >= len(channels):
                raise ValueError(
                    "The 'reference' parameter of AdaptiveFilter must be a channel of the signal, "
                    f"0 to {len(channels) - 1}. Got {self.reference} instead."
                )
            delay = 0
            references = [channels[self.reference]] * len(channels)
        predict = partial(
            predict_from_reference,
            n_taps=self._n_taps(fs),
            delay=delay,
            memory=memory,
            algorithm=self.algorithm,
            two_way=self.two_way,
        )
        estimate = np.stack([predict(c, r) for c, r in zip(channels, references)])
        if not np.isfinite(estimate).all():
            raise ValueError(
                f"AdaptiveFilter diverged with algorithm={self.algorithm!r}: the reference is at "
                "times much stronger than on average. Lengthen 'memory' or use 'nlms'."
            )
        return estimate
