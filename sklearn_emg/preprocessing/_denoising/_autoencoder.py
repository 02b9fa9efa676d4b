"""Denoising by a convolutional autoencoder."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real, StrOptions
from sklearn_emg._validation import check_below_nyquist, require
from sklearn_emg.base import SignalTransformer
from sklearn_emg.recordings import distinct_rates, is_recording_table

_SEGMENT = 512


def white_noise(batch: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw white noise of standard deviation 1."""
    return rng.standard_normal(batch.shape)


def line_noise(batch: NDArray, rng: np.random.Generator, freq: float) -> NDArray[np.float64]:
    """Draw sines of standard deviation 1 and random phase; `freq` is in cycles per sample."""
    n, n_times = batch.shape
    phase = rng.uniform(0, 2 * np.pi, size=(n, 1))
    return np.sqrt(2) * np.sin(2 * np.pi * freq * np.arange(n_times) + phase)


class AutoencoderDenoiser(SignalTransformer):
    """Denoise signals with a small convolutional autoencoder.

    The autoencoder learns the waveforms of the training signals, whereas its short code cannot
    represent white noise. The class needs torch. The network is trained on the windows or
    recordings given to ``fit``, with the same weights for all channels.

    Parameters
    ----------
    n_filters : int, default=16
        Number of filters of the hidden layers.
    kernel_size : int, default=9
        Length of a filter in samples. It must be odd.
    n_layers : int, default=3
        Number of layers of the encoder, each of which halves the length of the signal.
    n_code : int, default=4
        Number of code values per ``2**n_layers`` samples. With fewer values, more noise is removed,
        but also more EMG.
    noise : {"white", "powerline"} or None, default="white"
        Noise that is added to the inputs in training, so that the network learns to remove it:
        white noise or a sine at `line_freq`. With None, noise is removed only by the short code,
        which is less effective.
    snr : float, default=0.0
        Signal-to-noise ratio in dB of the training signals with the added noise.
    line_freq : float, default=50.0
        Power-line frequency in Hz, for "powerline" only.
    max_epochs : int, default=30
        Number of passes over the training signals.
    batch_size : int, default=32
        Number of segments per training step. A segment has 512 samples; shorter windows are one
        segment each.
    lr : float, default=0.003
        Learning rate of Adam.
    device : str, default="auto"
        Device of torch. "auto" selects a CUDA device if one is available.
    fs : float, default=None
        Sampling rate of arrays in Hz, required for "powerline". A recording table contains its own
        sampling rate, which must be the same for all rows.
    random_state : int, RandomState instance or None, default=None
        Seed. Pass an int for reproducible weights.
    verbose : int, default=0
        Verbosity: 0 prints nothing, and 1 prints a line per epoch.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights of the trained network.
    scale_ : float
        Standard deviation of the training signals in mV, by which signals are divided before
        encoding.
    fs_ : float or None
        Sampling rate of the training signals in Hz, or None for arrays if `fs` is None.
    losses_ : list of float
        Mean squared error of each epoch, in units of ``scale_**2``.
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ImportError
        If torch is missing.
    ValueError
        If `kernel_size` is even, the rows of a table differ in sampling rate or have a different
        rate from the training signals, `fs` is missing for "powerline", `line_freq` is not below
        the Nyquist frequency, a signal contains NaN, or `device` does not exist.

    See Also
    --------
    WaveletDenoiser : A denoiser that needs no training.

    Notes
    -----
    With encoder :math:`f`, decoder :math:`g` and added noise :math:`n_i` (0 if `noise` is None),
    training minimises the mean squared error of equations 7 to 9 of the NeuroFusionNet paper,

    .. math:: \\frac{1}{N} \\sum_i \\| x_i - g(f(x_i + n_i)) \\|^2.

    The paper does not state the sizes of the network; the defaults are choices of this package. All
    layers are convolutions, so signals may have any length. They are extended by their mirror image
    to a multiple of ``2**n_layers`` samples.

    The autoencoder raised the mean SNR of five real needle recordings with added white noise from 0
    dB to 8 dB when it was trained on each noisy recording alone. It also removes EMG: for the
    recordings without added noise, the SNR of its output was 11 dB. Therefore, use it only for
    noisy signals. (2026-11-21, ``python benchmarks/conditioning.py --data FOLDER --autoencoder``)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import AutoencoderDenoiser
    >>> rng = np.random.default_rng(0)
    >>> clean = np.sin(0.1 * np.arange(512) + rng.uniform(0, 6, size=(64, 1)))
    >>> noisy = clean + rng.normal(scale=0.7, size=clean.shape)
    >>> denoised = AutoencoderDenoiser(random_state=0).fit_transform(noisy)
    >>> bool(np.std(denoised - clean) < 0.5 * np.std(noisy - clean))
    True
    """

    _keeps_equal_samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_size": [Interval(Integral, 3, None, closed="left")],
        "n_layers": [Interval(Integral, 1, 8, closed="both")],
        "n_code": [Interval(Integral, 1, None, closed="left")],
        "noise": [StrOptions({"white", "powerline"}), None],
        "snr": [Interval(Real, None, None, closed="neither")],
        "line_freq": [POSITIVE],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [POSITIVE],
        "device": [str],
        "fs": [POSITIVE, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_filters: int = 16,
        *,
        kernel_size: int = 9,
        n_layers: int = 3,
        n_code: int = 4,
        noise: Literal["white", "powerline"] | None = "white",
        snr: float = 0.0,
        line_freq: float = 50.0,
        max_epochs: int = 30,
        batch_size: int = 32,
        lr: float = 0.003,
        device: str = "auto",
        fs: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self.n_filters = n_filters
        self.kernel_size = kernel_size
        self.n_layers = n_layers
        self.n_code = n_code
        self.noise = noise
        self.snr = snr
        self.line_freq = line_freq
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.device = device
        self.fs = fs
        self.random_state = random_state
        self.verbose = verbose

    def _needs_fs(self) -> bool:
        return self.noise == "powerline"

    def _check_parameters(self, fs: float) -> None:
        if self.kernel_size % 2 == 0:
            raise ValueError(
                "The 'kernel_size' parameter of AutoencoderDenoiser must be odd. "
                f"Got {self.kernel_size} instead."
            )
        if self.noise == "powerline":
            check_below_nyquist(self.line_freq, "line_freq", "AutoencoderDenoiser", fs)

    def _fit_signals(self, X: NDArray[np.floating], fs: float) -> None:
        self._train(list(X.reshape(-1, X.shape[-1])), fs)

    def _fit_table(self, X: pd.DataFrame) -> None:
        fs = self._one_rate(X)
        channels = [
            channel
            for row, entry in enumerate(X["signal"])
            for channel in np.atleast_2d(self._read_finite(entry, X, row))
        ]
        self._train(channels, fs)

    def _sizes(self) -> dict[str, int]:
        return {
            "n_filters": int(self.n_filters),
            "kernel_size": int(self.kernel_size),
            "n_layers": int(self.n_layers),
            "n_code": int(self.n_code),
        }

    def _train(self, channels: list[NDArray[np.floating]], fs: float) -> None:
        net = _torch_module()
        self.fs_ = fs
        segments = _segments(channels, 2**self.n_layers)
        spread = float(segments.std(dtype=np.float64))
        peak = float(np.abs(segments).max())
        # The standard deviation of constant segments is 0 except for rounding errors.
        self.scale_ = spread if spread > 1e-6 * peak else peak or 1.0
        noise = None
        if self.noise is not None:
            make = white_noise
            if self.noise == "powerline":
                make = partial(line_noise, freq=self.line_freq / fs)
            level = 10 ** (-self.snr / 20)
            # The scaled signal and the noise both have a standard deviation of 1.
            noise = partial(_scaled, make, level)
        self.weights_, self.losses_ = net.train(
            (segments / self.scale_).astype(np.float32),
            noise,
            self._sizes(),
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            device=self.device,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            verbose=int(self.verbose),
        )

    def _run(self, signals: NDArray[np.floating], *, code: bool) -> NDArray[np.float64]:
        n_times = signals.shape[-1]
        flat = signals.reshape(-1, n_times).astype(np.float64) / self.scale_
        flat = _mirrored(flat, -n_times % 2**self.n_layers)
        result = _torch_module().run(
            flat, self.weights_, self._sizes(), device=self.device, code=code
        )
        return result if code else result[:, :n_times] * self.scale_

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        self._check_rate(fs)
        restored = self._run(signals, code=False).reshape(signals.shape)
        return restored.astype(signals.dtype, copy=False)

    def reconstruction_error(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Compute the mean squared reconstruction error of windows or recordings.

        The error is high for atypical signals.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        errors : ndarray of shape (n_windows,)
            Mean squared error of each window or recording in mV².
        """
        restored: Any = self.transform(X)
        if is_recording_table(X):
            pairs = enumerate(zip(X["signal"], restored["signal"]))
            return np.array(
                [np.mean((self._read_finite(a, X, row) - b) ** 2) for row, (a, b) in pairs]
            )
        difference = np.asarray(X, dtype=np.float64) - restored
        return (difference**2).reshape(len(difference), -1).mean(axis=1)

    def encode(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Compute the codes of windows, which can serve as features.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table whose signals have the same shape.

        Returns
        -------
        codes : ndarray of shape (n_windows, n_channels * n_code, n_steps)
            Codes of the windows. There is one step per ``2**n_layers`` samples, rounded up.

        Raises
        ------
        ValueError
            If the signals of a table differ in shape, or their sampling rate differs from that of
            the training signals.
        """
        check_is_fitted(self)
        if self._is_table(X):
            table = self._check_table(X)
            signals = [self._read_finite(s, table, row) for row, s in enumerate(table["signal"])]
            shapes = {signal.shape for signal in signals}
            if len(shapes) > 1:
                raise ValueError(
                    f"AutoencoderDenoiser.encode needs signals of one shape, but the table has "
                    f"{sorted(shapes)[:3]}. Cut it into windows (sklearn_emg.recordings.divide)."
                )
            for fs in distinct_rates(X["fs"]):
                self._check_rate(fs)
            X = np.stack(signals)
        X = self._check_array(X, reset=False)
        codes = self._run(X, code=True)
        return codes.reshape(len(X), -1, codes.shape[-1])


def _torch_module():
    require("torch", "AutoencoderDenoiser", "nets")
    from sklearn_emg.preprocessing._denoising import _autoencoder_net

    return _autoencoder_net


def _scaled(make, level: float, batch: NDArray, rng: np.random.Generator) -> NDArray[np.float64]:
    return level * make(batch, rng)


def _mirrored(signals: NDArray[np.floating], n_more: int) -> NDArray[np.floating]:
    """Extend signals by `n_more` samples of their mirror image, repeated as needed."""
    return np.pad(signals, [(0, 0), (0, n_more)], mode="symmetric")


def _segments(channels: list[NDArray[np.floating]], multiple: int) -> NDArray[np.floating]:
    """Cut signals into segments of equal length, the last of which ends with the signal."""
    size = min(max(len(c) for c in channels), _SEGMENT)
    size = -(-size // multiple) * multiple
    pieces = []
    for channel in channels:
        if len(channel) < size:
            channel = _mirrored(channel[np.newaxis], size - len(channel))[0]
        starts = list(range(0, len(channel) - size + 1, size))
        if starts[-1] + size < len(channel):
            starts.append(len(channel) - size)
        pieces += [channel[start : start + size] for start in starts]
    return np.stack(pieces)
