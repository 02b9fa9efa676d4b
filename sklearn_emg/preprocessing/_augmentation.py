"""Augmentation of windows before training, or of batches while a network is trained."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets

from sklearn_emg._ranges import check_samples, ranges_of, refuse_no_samples, validate_windows
from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real
from sklearn_emg._tables import counted
from sklearn_emg._validation import check_below_nyquist, check_real
from sklearn_emg._warnings import warn
from sklearn_emg.recordings import (
    is_recording_table,
    refuse_missing_labels,
    warn_of_other_order,
)


def perturb(X: NDArray[np.floating], epsilon: float, rng: Generator) -> NDArray[np.floating]:
    """Add white noise with `epsilon` times the standard deviation of each signal."""
    spread = X.std(axis=-1, keepdims=True, dtype=np.float64)
    return X + epsilon * spread * rng.standard_normal(X.shape)


def rescale(X: NDArray[np.floating], max_scale: float, rng: Generator) -> NDArray[np.floating]:
    """Scale each window by a log-uniform factor from ``1 / max_scale`` to `max_scale`."""
    factors = np.exp(rng.uniform(-np.log(max_scale), np.log(max_scale), size=len(X)))
    return X * factors.reshape((-1,) + (1,) * (X.ndim - 1))


def shift(X: NDArray[np.floating], max_shift: float, rng: Generator) -> NDArray[np.floating]:
    """Shift each window circularly by at most the fraction `max_shift` of its length."""
    n_times = X.shape[-1]
    limit = int(max_shift * n_times)
    shifts = rng.integers(-limit, limit + 1, size=len(X))
    index = (np.arange(n_times) - shifts[:, None]) % n_times
    index = index.reshape((len(X),) + (1,) * (X.ndim - 2) + (n_times,))
    return np.take_along_axis(X, np.broadcast_to(index, X.shape), axis=-1)


def warp(X: NDArray[np.floating], max_warp: float, rng: Generator) -> NDArray[np.floating]:
    """Change the speed of each window by at most the fraction `max_warp`, mirroring its ends."""
    n_times = X.shape[-1]
    if n_times == 1:
        return X.copy()
    speeds = 1 + rng.uniform(-max_warp, max_warp, size=len(X))
    middle = (n_times - 1) / 2
    times = middle + (np.arange(n_times) - middle) * speeds[:, None]
    times = np.abs(times)
    times = np.where(times > n_times - 1, 2 * (n_times - 1) - times, times)
    left = np.minimum(times.astype(np.intp), n_times - 2)
    shape = (len(X),) + (1,) * (X.ndim - 2) + (n_times,)
    left = np.broadcast_to(left.reshape(shape), X.shape)
    fraction = times.reshape(shape) - left
    before, after = (np.take_along_axis(X, i, axis=-1) for i in (left, left + 1))
    return before + fraction * (after - before)


def stop_band(
    X: NDArray[np.floating], width: float, fs: float, rng: Generator
) -> NDArray[np.floating]:
    """Remove a band of `width` Hz at a random frequency from each window."""
    freqs = np.fft.rfftfreq(X.shape[-1], 1 / fs)
    centres = rng.uniform(0, fs / 2, size=len(X))
    stopped = np.abs(freqs - centres[:, None]) < width / 2
    spectrum = np.fft.rfft(X, axis=-1)
    shape = (len(X),) + (1,) * (X.ndim - 2) + (len(freqs),)
    return np.fft.irfft(np.where(stopped.reshape(shape), 0, spectrum), n=X.shape[-1], axis=-1)


def drop_channels(
    X: NDArray[np.floating], probability: float, rng: Generator
) -> NDArray[np.floating]:
    """Set each channel to 0 with the given probability, but never all channels of a window."""
    dropped = rng.random(X.shape[:2]) < probability
    # One channel of each window, chosen at random, is always kept.
    dropped[np.arange(len(X)), rng.integers(0, X.shape[1], size=len(X))] = False
    return np.where(dropped[..., np.newaxis], 0, X)


def mixup(
    X: ArrayLike,
    y: ArrayLike,
    *,
    alpha: float = 0.2,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Mix pairs of windows and mix their targets in the same proportion.

    Parameters
    ----------
    X : array-like of shape (n_windows, ...)
        Windows.
    y : array-like of shape (n_windows,) or (n_windows, n_classes)
        Targets: numbers (a regression target, or one column per class) or strings (class labels).
        Each class label becomes a column, in the order of ``np.unique(y)``.
    alpha : float, default=0.2
        Parameter of the distribution Beta(alpha, alpha), from which the weight of the first window
        of each pair is drawn.
    random_state : int, RandomState instance or None, default=None
        Seed. Pass an int for reproducible results.

    Returns
    -------
    X_mixed : ndarray of the shape of `X`
        Mixed windows.
    y_mixed : ndarray of the shape of `y`, or (n_windows, n_classes) for strings
        Mixed targets. For string labels, they are the fractions of the classes.

    Raises
    ------
    ValueError
        If `alpha` is not positive, `X` is a table, contains no numbers, or contains NaN, infinity
        or masked samples, `X` and `y` differ in length, or `y` lacks a target or contains neither
        numbers nor one string per window.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond empirical risk minimization",
    ICLR 2018. https://arxiv.org/abs/1710.09412

    Examples
    --------
    >>> from sklearn_emg.preprocessing import mixup
    >>> X, y = mixup([[0.0], [1.0], [1.0]], [0.0, 10.0, 10.0], random_state=0)
    >>> bool((abs(10 * X[:, 0] - y) < 1e-12).all())
    True
    >>> mixup([[0.0], [1.0]], ["well", "ill"], random_state=1)[1].round(2)  # ill, well
    array([[0., 1.],
           [1., 0.]])
    """
    if (windows := np.asarray(X)).dtype.kind not in "biuf":
        raise ValueError(
            "The 'X' of mixup must be an array of windows with numeric samples. Got "
            f"{type(X).__name__}; cut recordings with sklearn_emg.recordings.divide."
        )
    refuse_no_samples(X, "mixup")
    if windows.ndim > 1 and windows.size:
        check_samples(*ranges_of(windows.astype(np.float64, copy=False)), "mixup")
    check_real(alpha, "alpha", "mixup", 0.0, above=True)
    warn_of_other_order(X, y, "y")
    X = windows
    y = _numeric_targets(y)
    if len(X) != len(y):
        raise ValueError(
            f"X has {counted(len(X), 'window')} and y has {counted(len(y), 'target')}."
        )
    rng = _generator(random_state)
    weight, other = rng.beta(alpha, alpha, size=len(X)), rng.permutation(len(X))
    return _mix(X, X[other], weight), _mix(y, y[other], weight)


def _numeric_targets(y: ArrayLike) -> NDArray[np.float64]:
    """Return numbers unchanged and convert strings to one column per class."""
    labels = np.asarray(y)
    missing = np.asarray(pd.isna(labels))
    if missing.any():
        row = int(np.argwhere(missing)[0, 0]) if missing.ndim else 0
        raise ValueError(f"The 'y' of mixup has no target in row {row}. Leave such windows out.")
    if labels.dtype.kind in "biuf":
        return labels.astype(np.float64)
    # NumPy converts 1 to "1" if the list also contains strings; an object array keeps the types.
    values = np.asarray(y, dtype=object).ravel().tolist()
    if labels.ndim == 1 and len(values) and all(isinstance(v, str) for v in values):
        classes, codes = np.unique(labels.astype(str), return_inverse=True)
        return np.eye(len(classes))[codes]
    try:
        return np.asarray(y, dtype=object).astype(np.float64)
    except (TypeError, ValueError) as error:
        kinds = ", ".join(sorted({type(v).__name__ for v in values}))
        raise ValueError(
            "The 'y' of mixup must be numbers (a regression target, or one column per class) or "
            f"one string label per window. Got {kinds} in an array of shape {labels.shape}; "
            "encode the labels with sklearn.preprocessing.label_binarize."
        ) from error


def _mix(a: NDArray, b: NDArray, weight: NDArray[np.float64]) -> NDArray[np.floating]:
    weight = weight.reshape((-1,) + (1,) * (a.ndim - 1))
    mixed = weight * a + (1 - weight) * b
    return mixed.astype(a.dtype if a.dtype.kind == "f" else np.float64, copy=False)


def _generator(random_state: int | np.random.RandomState | None) -> Generator:
    # check_random_state accepts every kind of random_state that scikit-learn allows.
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))


class WindowAugmenter(BaseEstimator):
    """Augment training windows with modified copies.

    The class is a sampler for the Pipeline of imbalanced-learn. It acts only in ``fit``, so no test
    window is derived from a training window or vice versa. ``augment`` returns a modified version
    of each window of a batch, for training a network.

    Each modification whose parameter is not None is applied to each copy, in the order of the
    parameters.

    Parameters
    ----------
    n_copies : int, default=1
        Number of copies of each window, in addition to the window itself.
    mix : float, default=None
        Parameter of the distribution Beta(mix, mix), from which the weight of a window is drawn
        when it is mixed with a random window of the same class.
    max_shift : float, default=None
        Maximum circular shift in time, as a fraction of the length of the window.
    max_warp : float, default=None
        Maximum change of speed, as a fraction: 0.1 allows 10 % slower to 10 % faster.
    band_stop : float, default=None
        Width in Hz of a frequency band that is removed around a random frequency in each window.
    drop_channel : float, default=None
        Probability that a channel is set to 0. At least one channel of each window is kept.
    max_scale : float, default=None
        Maximum factor by which the amplitude is multiplied. The minimum factor is its inverse.
    epsilon : float, default=None
        Standard deviation of the added white noise, relative to that of the signal.
    snr : float, default=None
        Signal-to-noise ratio of the added noise in dB. It can be given instead of `epsilon`, which
        is then ``10 ** (-snr / 20)``.
    fs : float, default=None
        Sampling rate in Hz, needed for `band_stop`.
    random_state : int, RandomState instance or None, default=None
        Seed. Pass an int to get the same windows from each call.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``.

    Raises
    ------
    ValueError
        If `fs` is missing for `band_stop`, `band_stop` is not below the Nyquist frequency, both
        `epsilon` and `snr` are given, `drop_channel` is set for windows without a channel axis, the
        labels are missing for `mix`, or a window contains NaN.
    TypeError
        If X is a recording table.

    See Also
    --------
    mixup : Mixes windows across classes.
    imblearn.over_sampling.SMOTE : Interpolates between nearest neighbours of the same class.

    References
    ----------
    T. T. Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017, 216-220. :doi:`10.1145/3136755.3136817`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import WindowAugmenter
    >>> X = np.random.default_rng(0).normal(size=(6, 2, 50))
    >>> augmenter = WindowAugmenter(2, max_shift=0.1, epsilon=0.05, random_state=0)
    >>> X_more, y_more = augmenter.fit_resample(X, list("aabbbb"))
    >>> X_more.shape, "".join(y_more)
    ((18, 2, 50), 'aabbbbaabbbbaabbbb')
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_copies": [Interval(Integral, 1, None, closed="left")],
        "mix": [POSITIVE, None],
        "max_shift": [Interval(Real, 0, 1, closed="both"), None],
        "max_warp": [Interval(Real, 0, 0.5, closed="both"), None],
        "band_stop": [POSITIVE, None],
        "drop_channel": [Interval(Real, 0, 1, closed="left"), None],
        "max_scale": [Interval(Real, 1, None, closed="left"), None],
        "epsilon": [Interval(Real, 0, None, closed="left"), None],
        "snr": [Interval(Real, None, None, closed="neither"), None],
        "fs": [POSITIVE, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_copies: int = 1,
        *,
        mix: float | None = None,
        max_shift: float | None = None,
        max_warp: float | None = None,
        band_stop: float | None = None,
        drop_channel: float | None = None,
        max_scale: float | None = None,
        epsilon: float | None = None,
        snr: float | None = None,
        fs: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_copies = n_copies
        self.mix = mix
        self.max_shift = max_shift
        self.max_warp = max_warp
        self.band_stop = band_stop
        self.drop_channel = drop_channel
        self.max_scale = max_scale
        self.epsilon = epsilon
        self.snr = snr
        self.fs = fs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Check the parameters and the input.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Training windows.
        y : array-like of shape (n_windows,)
            Class labels.

        Returns
        -------
        self : object
            Fitted sampler.
        """
        self._check(X, y, needs_y=True)
        return self

    def fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.floating], NDArray]:
        """Return the original windows and labels followed by the copies.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Training windows.
        y : array-like of shape (n_windows,)
            Class labels.

        Returns
        -------
        X_resampled : ndarray of shape ((1 + n_copies) * n_windows, ...)
            Windows and their copies.
        y_resampled : ndarray of shape ((1 + n_copies) * n_windows,)
            Class labels of the windows and the copies.
        """
        X, labels = self._check(X, y, needs_y=True)
        rng = _generator(self.random_state)
        copies = [self._augment(X, labels, rng) for _ in range(self.n_copies)]
        return np.concatenate([X, *copies]), np.tile(np.asarray(labels), 1 + self.n_copies)

    def augment(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> NDArray[np.floating]:
        """Return one modified version of each window, for one epoch of training a network.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows of a batch.
        y : array-like of shape (n_windows,), default=None
            Class labels, needed only if `mix` is not None.
        random_state : int, RandomState instance or None, default=None
            Seed for this batch. None uses the `random_state` of the augmenter.

        Returns
        -------
        X_augmented : ndarray of the shape and type of `X`
            Modified windows.
        """
        X, y = self._check(X, y, needs_y=False)
        rng = _generator(self.random_state if random_state is None else random_state)
        return self._augment(X, y, rng)

    def _check(
        self, X: ArrayLike, y: ArrayLike | None, *, needs_y: bool
    ) -> tuple[NDArray, NDArray | None]:
        self._validate_params()
        if is_recording_table(X):
            raise TypeError(
                "WindowAugmenter takes arrays of windows, not a recording table. Put it after the "
                "step that cuts them: inside DiVoteClassifier, or after "
                "sklearn_emg.recordings.divide."
            )
        dtype = [np.float64, np.float32]
        if y is None and not needs_y:
            X = validate_windows(self, X, dtype=dtype)
            if self.mix is not None:
                raise ValueError("WindowAugmenter needs 'y' for its 'mix' parameter.")
        else:
            if y is not None:
                refuse_missing_labels(y)
            X, y = validate_windows(self, X, y, dtype=dtype)
            check_classification_targets(y)
        if X.ndim > 3:
            raise ValueError(
                "WindowAugmenter takes windows of shape (n_windows, n_times) or (n_windows, "
                f"n_channels, n_times). Found array with dim {X.ndim}."
            )
        self._check_changes(X)
        return X, y

    def _noise_level(self) -> float | None:
        return self.epsilon if self.snr is None else 10 ** (-self.snr / 20)

    def _check_changes(self, X: NDArray) -> None:
        changes = set(self.get_params(deep=False)) - {"n_copies", "fs", "random_state"}
        if all(getattr(self, name) is None for name in changes):
            warn(
                "WindowAugmenter changes nothing, since all its modifications are None: each copy "
                "equals its window. Set one, such as epsilon=0.05."
            )
        if self.epsilon is not None and self.snr is not None:
            raise ValueError(
                "Give either 'epsilon' or 'snr' to WindowAugmenter, not both. An snr of S dB means "
                "an epsilon of 10 ** (-S / 20)."
            )
        if self.drop_channel is not None and X.ndim == 2:
            raise ValueError(
                "The 'drop_channel' parameter of WindowAugmenter needs windows of shape "
                f"(n_windows, n_channels, n_times). Got shape {X.shape}."
            )
        if self.band_stop is not None:
            if self.fs is None:
                raise ValueError("WindowAugmenter needs its 'fs' parameter for 'band_stop'.")
            check_below_nyquist(self.band_stop, "band_stop", "WindowAugmenter", self.fs)

    def _augment(
        self, X: NDArray[np.floating], y: NDArray | None, rng: Generator
    ) -> NDArray[np.floating]:
        changed = X
        # _check ensures that y is given for 'mix' and fs for 'band_stop'.
        if self.mix is not None and y is not None:
            other = _random_mates(y, rng)
            changed = _mix(changed, changed[other], rng.beta(self.mix, self.mix, size=len(X)))
        if self.max_shift is not None:
            changed = shift(changed, self.max_shift, rng)
        if self.max_warp is not None:
            changed = warp(changed, self.max_warp, rng)
        if self.band_stop is not None and self.fs is not None:
            changed = stop_band(changed, self.band_stop, self.fs, rng)
        if self.drop_channel is not None:
            changed = drop_channels(changed, self.drop_channel, rng)
        if self.max_scale is not None:
            changed = rescale(changed, self.max_scale, rng)
        if (epsilon := self._noise_level()) is not None:
            changed = perturb(changed, epsilon, rng)
        return changed.astype(X.dtype, copy=changed is X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


def _random_mates(y: NDArray, rng: Generator) -> NDArray[np.intp]:
    """Choose, for each window, a random window of the same class."""
    mates = np.empty(len(y), dtype=np.intp)
    _, codes = np.unique(y, return_inverse=True)
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        mates[members] = rng.choice(members, size=len(members))
    return mates
