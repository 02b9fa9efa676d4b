"""Activation maximisation: windows that excite the class nodes of a network the most."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sklearn_emg._sklearn import POSITIVE, Interval, Real, StrOptions, validated
from sklearn_emg.feature_extraction import power_spectrum
from sklearn_emg.inspection._networks import find_network, torch_tools, window_shape
from sklearn_emg.inspection._plot import class_styles, panels, tidy


@dataclass(eq=False)
class ActivationMaximizationDisplay:
    """Windows that excite the class nodes of a network the most.

    :func:`activation_maximization` returns this object, and :meth:`plot` draws it.

    Parameters
    ----------
    windows : ndarray of shape (n_starts, n_classes, n_channels, n_times)
        Windows that were found, in mV. Images have a height and a width instead of ``n_times``.
    outputs : ndarray of shape (n_updates + 1, n_starts, n_classes, n_classes)
        Raw outputs (logits) of the module before each update and after the last one. The third axis
        runs over the windows, in the order of ``classes``, and the last axis over the outputs.
    probabilities : ndarray of shape (n_starts, n_classes)
        Final probability of the class for which each window was optimised.
    classes : ndarray of shape (n_classes,)
        Class labels.
    fs : float
        Sampling rate in Hz.
    rms : ndarray of shape (n_starts, n_classes)
        Root mean square of each window over all channels, in mV.
    peak_to_peak : ndarray of shape (n_starts, n_classes)
        Peak-to-peak amplitude of each window in mV, in the channel where it is largest.
    mean_frequency : ndarray of shape (n_starts, n_classes)
        Mean frequency of the power spectrum, summed over channels, in Hz. It is NaN for images.
    phase_duration : ndarray of shape (n_starts, n_classes)
        Typical time in s for which the window keeps its sign. It is twice the lag at which the
        autocorrelation, summed over channels, first reaches zero. For a sine it is half the period,
        and for a potential it is about the width of the main phase. Added white noise hardly
        changes it. It is NaN for images and for constant windows.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per class.
    lines_ : list of Line2D
        Line of the window of each class.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import ActivationMaximizationDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> display = ActivationMaximizationDisplay.from_estimator(
    ...     net, fs=1000.0, n_updates=10, progress=False, random_state=0
    ... )
    >>> len(display.plot().axes_)
    2
    """

    windows: NDArray[np.floating]
    outputs: NDArray[np.floating]
    probabilities: NDArray[np.floating]
    classes: NDArray[Any]
    fs: float
    rms: NDArray[np.floating]
    peak_to_peak: NDArray[np.floating]
    mean_frequency: NDArray[np.floating]
    phase_duration: NDArray[np.floating]

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, fs: float, **settings: Any
    ) -> ActivationMaximizationDisplay:
        """Find the windows and create the display from them.

        Parameters
        ----------
        estimator : fitted estimator
            A network classifier, or an estimator that ends with one.
        fs : float
            Sampling rate of the windows in Hz.
        **settings
            Further parameters of :func:`activation_maximization`.

        Returns
        -------
        display : ActivationMaximizationDisplay
            Object that stores the values to plot.
        """
        return activation_maximization(estimator, fs=fs, **settings)

    def plot(
        self,
        ax: Any = None,
        *,
        start: int = 0,
        channel: int = 0,
        span: float | None = None,
        sharey: bool = True,
    ) -> Self:
        """Draw one window per class.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per class. By default, a new figure is created.
        start : int, default=0
            Index of the start whose windows are shown.
        channel : int, default=0
            Index of the channel to show.
        span : float, default=None
            Length in s of the central part of the window to show. By default, the entire window is
            shown.
        sharey : bool, default=True
            Whether all classes share one amplitude axis in mV, so that amplitudes can be compared.

        Returns
        -------
        display : ActivationMaximizationDisplay
            The same object, with the drawn artists as attributes.
        """
        n_classes = len(self.classes)
        windows = self.windows[start, :, channel]
        if windows.ndim != 2:
            raise ValueError(
                "ActivationMaximizationDisplay draws windows of a signal, but these are images of "
                f"shape {windows.shape[1:]}."
            )
        n_times = windows.shape[-1]
        shown = n_times if span is None else max(2, min(n_times, round(span * self.fs)))
        first = (n_times - shown) // 2
        time = np.arange(shown) / self.fs
        self.figure_, self.axes_ = panels(
            ax,
            n_classes,
            1,
            "ActivationMaximizationDisplay.plot",
            figsize=(7, 1.7 * n_classes + 0.4),
            sharex=True,
            sharey=sharey,
        )
        self.lines_ = []
        colors = [look[0] for look in class_styles(self.classes)]
        for k, (axis, name, color) in enumerate(zip(self.axes_, self.classes, colors)):
            values = windows[k, first : first + shown]
            self.lines_ += axis.plot(time, values, color=color, lw=0.7)
            axis.set_title(
                f"{name}: {self.rms[start, k]:.2g} mV RMS, mean frequency "
                f"{self.mean_frequency[start, k]:.0f} Hz, phases of "
                f"{1000 * self.phase_duration[start, k]:.1f} ms",
                loc="left",
                fontsize=10,
            )
            axis.set_ylabel("amplitude (mV)")
        self.axes_[-1].set_xlabel("time (s)")
        self.axes_[-1].set_xlim(0, shown / self.fs)
        tidy(self.axes_)
        return self


@validated(
    fs=[POSITIVE],
    objective=[StrOptions({"logit", "margin"})],
    n_updates=[Interval(Integral, 1, None, closed="left")],
    lr=[POSITIVE],
    max_shift=[Interval(Real, 0, 1, closed="left")],
    start_scale=[Interval(Real, 0, None, closed="left")],
    n_starts=[Interval(Integral, 1, None, closed="left")],
    progress=["boolean"],
    random_state=["random_state"],
)
def activation_maximization(
    estimator: Any,
    *,
    fs: float,
    objective: str = "logit",
    n_updates: int = 1500,
    lr: float = 1e-2,
    max_shift: float = 0.125,
    start_scale: float = 1.0,
    n_starts: int = 1,
    progress: bool = True,
    random_state: int | np.random.RandomState | None = None,
) -> ActivationMaximizationDisplay:
    """Find the window that excites each class node of a network the most.

    The window starts as noise, and its samples are optimised while the weights of the network stay
    fixed. Adam maximises the raw output (logit) of one class. Before each update, the window is
    shifted circularly by a random number of samples, so that the result does not depend on the
    position [1]_.

    Parameters
    ----------
    estimator : fitted estimator
        A network classifier of :mod:`sklearn_emg.neural_network`, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` that ends with one. The windows that are
        found are inputs of the network itself.
    fs : float
        Sampling rate of the windows in Hz.
    objective : {"logit", "margin"}, default="logit"
        Quantity that is maximised. "logit" is the raw output of the class, as published, and
        "margin" is its margin over the other outputs (see Notes).
    n_updates : int, default=1500
        Number of updates of the window.
    lr : float, default=1e-2
        Learning rate of Adam in mV, which is roughly the change of a sample per update.
    max_shift : float, default=0.125
        Largest shift in either direction, as a fraction of the window.
    start_scale : float, default=1.0
        Standard deviation of the initial noise, in mV. The 1 mV of the paper is large compared with
        needle EMG, whose amplitude is about 0.1 mV. Noise that the network does not respond to
        stays in the window.
    n_starts : int, default=1
        Number of windows per class, each starting from different noise.
    progress : bool, default=True
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise and of the shifts. PyTorch's global generators are not used.

    Returns
    -------
    result : ActivationMaximizationDisplay
        Windows, outputs, and measures of amplitude and frequency. Its ``plot`` draws the windows.

    Raises
    ------
    TypeError
        If there is no network classifier in `estimator`.
    ImportError
        If PyTorch is not installed.

    Notes
    -----
    All windows are optimised together on the device of the network. The network is in evaluation
    mode, so its output for one window does not depend on the others. The shifts are uniformly
    distributed integers of at most `max_shift` times the window length. Samples that leave the
    window at one end enter it at the other.

    With the raw outputs :math:`z`, "logit" maximises :math:`z_k` and "margin" maximises
    :math:`z_k - \\log \\sum_{j \\ne k} e^{z_j}`, the log-odds of the class. Probabilities depend
    only on differences of outputs, and "logit" can raise all outputs together. The network may then
    assign the final window to another class, which ``probabilities`` show. With the published
    initial noise of 1 mV, noise that no filter of the network responds to stays in the window and
    affects its measured amplitude and frequency.

    In the paper, neuropathic windows are large and long, and myopathic windows are small and fast.
    In narrow nEMGNets trained on 57 simulated subjects at 5 kHz, "margin" with initial noise of
    0.05 mV reproduces this result. At 10 kHz, with cohorts that are harder to classify, neuropathic
    windows are the largest and have the longest phases. Myopathic windows have the shortest phases,
    but not always the highest mean frequency, because the windows contain more noise that the
    networks do not respond to. The table shows medians of four starts (RMS in mV, mean frequency in
    Hz, phase duration in ms; ``python benchmarks/explanations.py windows --seeds 0``, 2026-11-21):

    ====== ================= ================= =================
    rate   myopathy          normal            neuropathy
    ====== ================= ================= =================
    5 kHz  0.05, 1439, 0.3   0.42, 343, 2.5    1.90, 342, 9.1
    10 kHz 0.09, 948, 1.3    0.34, 1661, 2.6   1.12, 880, 11.6
    ====== ================= ================= =================

    References
    ----------
    .. [1] J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular
       disorder classification from needle electromyography signals with explainability", Comput.
       Methods Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import activation_maximization
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 50)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = EMGClassifier(max_epochs=10, lr=0.01, random_state=0).fit(X, y)
    >>> found = activation_maximization(
    ...     net, fs=1000.0, n_updates=100, progress=False, random_state=0
    ... )
    >>> found.windows.shape
    (1, 2, 1, 50)
    >>> bool(found.rms[0, 1] > found.rms[0, 0])  # larger in the patients
    True
    """
    caller = "activation_maximization"
    network = find_network(estimator, caller)
    tools = torch_tools(caller)
    shape = window_shape(network)
    n_classes = len(network.classes_)
    rng = check_random_state(random_state)
    n_windows = n_starts * n_classes
    start = (start_scale * rng.normal(size=(n_windows, *shape))).astype(np.float32)
    widest = int(max_shift * shape[-1])
    shifts = rng.randint(-widest, widest + 1, size=(n_updates, n_windows))
    nodes = np.tile(np.arange(n_classes), n_starts)
    windows, history = tools.maximise(
        network.net_.module_,
        network.net_.device,
        start,
        nodes,
        tqdm(shifts, "activation maximisation", unit="update", disable=not progress),
        lr,
        objective,
    )
    windows = windows.reshape(n_starts, n_classes, *shape)
    history = history.reshape(n_updates + 1, n_starts, n_classes, n_classes)
    last = history[-1].astype(np.float64)
    probabilities = np.exp(last - last.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return ActivationMaximizationDisplay(
        windows,
        history,
        np.diagonal(probabilities, axis1=1, axis2=2).copy(),
        network.classes_,
        float(fs),
        *_measures(windows, float(fs)),
    )


def _measures(windows: NDArray[np.floating], fs: float) -> tuple[NDArray[np.float64], ...]:
    """Compute RMS, peak-to-peak amplitude, mean frequency and phase duration of each window."""
    flat = windows.reshape(*windows.shape[:3], -1).astype(np.float64)
    rms = np.sqrt(np.mean(flat**2, axis=(2, 3)))
    peak_to_peak = np.ptp(flat, axis=3).max(axis=2)
    unknown = np.full(rms.shape, np.nan)
    # Rows of an image are not time series.
    if windows.ndim > 4 or flat.shape[-1] < 2:
        return rms, peak_to_peak, unknown, unknown
    frequencies, power = power_spectrum(flat.reshape(-1, flat.shape[-1]), fs)
    power = power.reshape(*flat.shape[:3], -1).sum(axis=2)
    total = power.sum(axis=-1)
    mean = np.divide((power * frequencies).sum(axis=-1), total, out=unknown.copy(), where=total > 0)
    return rms, peak_to_peak, mean, _phase_duration(flat, fs)


def _phase_duration(flat: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """Compute twice the lag of the first zero of the autocorrelation, interpolated linearly."""
    n_times = flat.shape[-1]
    spectrum = np.fft.rfft(flat - flat.mean(axis=-1, keepdims=True))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, n_times).sum(axis=2)
    after = np.argmax(correlation <= 0, axis=-1)  # 0 if there is no such lag
    before = np.maximum(after - 1, 0)
    high = np.take_along_axis(correlation, before[..., None], axis=-1)[..., 0]
    low = np.take_along_axis(correlation, after[..., None], axis=-1)[..., 0]
    fraction = np.divide(high, high - low, out=np.zeros_like(high), where=after > 0)
    return np.where(after > 0, 2 * (before + fraction) / fs, np.nan)
