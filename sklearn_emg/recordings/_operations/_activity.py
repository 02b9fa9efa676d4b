"""Segmentation of recordings into rest and contraction, and the lag of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfiltfilt
from scipy.stats import chi2

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_option, check_real, check_unused
from sklearn_emg.recordings._rates import check_rates
from sklearn_emg.recordings._signal_file import read_signal
from sklearn_emg.recordings._table import check_recording_table, is_recording_table

_METHODS = ("level", "double-threshold", "teager-kaiser")
_BIN = 0.05  # width of a bin in s
# Additional proportion of variance that a shift of the labels must explain.
_MIN_GAIN = 0.1
_REST = ("0", "0.0", "rest", "relax", "idle", "ruhe", "repos", "reposo", "riposo")


def moving_rms(values: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Compute the RMS over `size` samples around each sample; fewer at both ends."""
    n_times = values.shape[-1]
    size = min(max(size, 1), n_times)
    sums = np.zeros((*values.shape[:-1], n_times + 1))
    np.cumsum(np.square(values, dtype=np.float64), axis=-1, out=sums[..., 1:])
    stop = np.minimum(np.arange(n_times) + (size + 1) // 2, n_times)
    start = np.maximum(np.arange(n_times) - size // 2, 0)
    return np.sqrt(np.maximum(sums[..., stop] - sums[..., start], 0) / (stop - start))


def segment_activity(
    signal: Any,
    fs: float | None = None,
    *,
    method: str = "double-threshold",
    baseline: tuple[float, float] | None = None,
    mvc: float | ArrayLike | None = None,
    level: float | None = None,
    n_sd: float | None = None,
    false_alarm: float | None = None,
    min_duration: float = 0.05,
    min_rest: float = 0.1,
) -> pd.DataFrame:
    """Divide recordings into rest and contraction, relative to the baseline of each recording.

    Parameters
    ----------
    signal : array-like of shape (n_times,) or (n_channels, n_times), or DataFrame
        Recording in mV, or a recording table. A recording with several channels is in contraction
        when at least one channel is active.
    fs : float, default=None
        Sampling rate of an array in Hz. A recording table contains its own sampling rates, which
        must be equal to `fs` if it is given.
    method : {"double-threshold", "teager-kaiser", "level"}, default="double-threshold"
        "double-threshold" counts, among 5 successive pairs of samples, those whose power exceeds a
        threshold set by `false_alarm`, and reports activity if at least 3 pairs exceed it [1]_.
        "teager-kaiser" compares the smoothed Teager-Kaiser energy with the mean of the baseline
        plus `n_sd` standard deviations [2]_ [3]_. "level" compares the RMS over 0.1 s with `level`
        times that of the baseline, or with the fraction `level` of `mvc`.
    baseline : tuple of float, default=None
        Start and stop of an interval of rest in s. By default it is the interval of 0.5 s with the
        lowest RMS in each channel. With `mvc`, no baseline is used.
    mvc : float or array-like of shape (n_channels,), default=None
        RMS of the maximal voluntary contraction in mV, for ``method="level"``.
    level : float, default=None
        Threshold for ``method="level"``, as a multiple of the RMS of the baseline (3 by default)
        or, if `mvc` is given, as a fraction of `mvc` (0.05 by default).
    n_sd : float, default=None
        Number of standard deviations above the mean of the baseline, for
        ``method="teager-kaiser"`` (8 by default).
    false_alarm : float, default=None
        Probability that baseline noise is detected as activity, for
        ``method="double-threshold"`` (1e-4 by default).
    min_duration : float, default=0.05
        Minimum duration of a contraction in s. Shorter contractions count as rest.
    min_rest : float, default=0.1
        Minimum duration of rest between contractions in s. Shorter rest counts as contraction.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3) or (n_segments, 4)
        Segments with the columns ``start`` and ``stop`` in s and ``label``, which alternates
        between "rest" and "contraction" within a recording. For a table, the first column is
        ``row``, the position of the recording.

    Raises
    ------
    ValueError
        If a signal has fewer than 10 samples or is not finite, if `baseline` lies outside the
        signal or has fewer than 10 samples, if `fs` is missing for an array or
        differs from a rate of a table, if a table is invalid, if a parameter is invalid, or if a
        parameter is given that `method` does not use.

    See Also
    --------
    cut_recordings : Cut recordings into segments.

    Notes
    -----
    The double threshold assumes that the samples of the baseline are white and Gaussian. The power
    of pairs of samples divided by the variance of the baseline is then chi-square distributed with
    two degrees of freedom. The threshold is set so that at least 3 of 5 pairs exceed it with the
    probability `false_alarm`. The default baseline requires 0.5 s of rest. If rest is shorter, pass
    `baseline`; for a recording without rest, use ``method="level"`` with `mvc`.

    References
    ----------
    .. [1] P. Bonato, T. D'Alessio, M. Knaflitz, "A statistical method for the measurement of
       muscle activation intervals from surface myoelectric signal during gait", IEEE Trans.
       Biomed. Eng. 45 (1998) 287-299.
    .. [2] X. Li, P. Zhou, A. S. Aruin, "Teager-Kaiser energy operation of surface EMG improves
       muscle activity onset detection", Ann. Biomed. Eng. 35 (2007) 1532-1538.
    .. [3] S. Solnik and others, "Teager-Kaiser energy operator signal conditioning improves EMG
       onset detection", Eur. J. Appl. Physiol. 110 (2010) 489-498.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import segment_activity
    >>> signal = np.random.default_rng(0).normal(scale=0.2, size=3000)
    >>> signal[:1000] *= 0.02
    >>> segment_activity(signal, fs=1000.0)["label"].tolist()
    ['rest', 'contraction']
    """
    caller = "segment_activity"
    check_option(method, _METHODS, "method", caller)
    if method != "level":
        check_unused(caller, "method='level'", mvc=mvc, level=level)
    if method != "teager-kaiser":
        check_unused(caller, "method='teager-kaiser'", n_sd=n_sd)
    if method != "double-threshold":
        check_unused(caller, "method='double-threshold'", false_alarm=false_alarm)
    if mvc is not None:
        check_unused(caller, "mvc=None", baseline=baseline)
    n_sd = 8.0 if n_sd is None else n_sd
    false_alarm = 1e-4 if false_alarm is None else false_alarm
    settings = {
        "method": method,
        "baseline": baseline,
        "mvc": mvc,
        "level": level,
        "n_sd": check_real(n_sd, "n_sd", caller, 0.0),
        "false_alarm": check_real(false_alarm, "false_alarm", caller, 1e-12, 0.5),
        "min_duration": check_real(min_duration, "min_duration", caller, 0.0),
        "min_rest": check_real(min_rest, "min_rest", caller, 0.0),
    }
    if is_recording_table(signal):
        check_recording_table(signal, required=("signal", "fs"), plausible=False)
        check_rates(signal, fs, caller)
        parts = []
        for row, (values, rate) in enumerate(zip(signal["signal"], signal["fs"])):
            found = _segments(values, float(rate), f"row {row}", settings)
            found.insert(0, "row", row)
            parts.append(found)
        return pd.concat(parts, ignore_index=True)
    if fs is None:
        raise ValueError(
            "segment_activity requires the sampling rate in Hz for an array; pass fs=..."
        )
    rate = check_real(fs, "fs", caller, 0.0, above=True)
    return _segments(signal, rate, "the signal", settings)


def _segments(signal: Any, fs: float, what: str, settings: dict[str, Any]) -> pd.DataFrame:
    values = np.atleast_2d(read_signal(signal)).astype(np.float64)
    if values.ndim != 2 or values.shape[-1] < 10 or not np.isfinite(values).all():
        raise ValueError(
            f"segment_activity: {what} must have the shape (n_times,) or (n_channels, n_times), at "
            f"least 10 samples, and neither NaN nor infinite values. Its shape is "
            f"{np.shape(signal)}."
        )
    values = values - np.median(values, axis=-1, keepdims=True)
    n_times = values.shape[-1]
    references = np.ravel(np.asarray(np.nan if settings["mvc"] is None else settings["mvc"]))
    if references.size not in (1, len(values)):
        raise ValueError(
            "The 'mvc' of segment_activity must be one number or one per channel "
            f"({len(values)} in {what}). Got {counted(references.size, 'number')}."
        )
    active = np.zeros(n_times, dtype=bool)
    for i, channel in enumerate(values):
        rest = _rest(channel, fs, what, settings["baseline"])
        if settings["method"] == "double-threshold":
            active |= _double_threshold(channel, rest, settings["false_alarm"])
        elif settings["method"] == "teager-kaiser":
            active |= _teager_kaiser(channel, rest, fs, settings["n_sd"])
        else:
            mvc = float(references[i if references.size > 1 else 0])
            active |= _above_level(channel, rest, fs, mvc, settings["level"])
    active = _without_short(active, False, settings["min_rest"] * fs)
    active = _without_short(active, True, settings["min_duration"] * fs)
    first = np.flatnonzero(np.append(True, active[1:] != active[:-1]))
    stop = np.append(first[1:], n_times)
    labels = np.where(active[first], "contraction", "rest").astype(object)
    return pd.DataFrame({"start": first / fs, "stop": stop / fs, "label": labels})


def _rest(channel: NDArray, fs: float, what: str, baseline: tuple[float, float] | None) -> slice:
    n_times = len(channel)
    if baseline is None:
        size = min(max(round(0.5 * fs), 10), n_times)
        power = np.convolve(channel**2, np.ones(size), "valid")
        at = int(np.argmin(power))
        return slice(at, at + size)
    start, stop = round(baseline[0] * fs), round(baseline[1] * fs)
    if not 0 <= start < stop <= n_times or stop - start < 10:
        raise ValueError(
            f"segment_activity: baseline={baseline} s does not lie within {what}, which lasts "
            f"{n_times / fs:g} s, or has fewer than 10 samples."
        )
    return slice(start, stop)


def _double_threshold(channel: NDArray, rest: slice, false_alarm: float) -> NDArray[np.bool_]:
    # Find the probability for one pair at which at least 3 of 5 pairs exceed the threshold with the
    # probability `false_alarm`.
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        three = sum(c * p**k * (1 - p) ** (5 - k) for k, c in ((3, 10), (4, 5), (5, 1)))
        low, high = (p, high) if three < false_alarm else (low, p)
    threshold = float(chi2.isf(low, df=2))
    variance = float(np.var(channel[rest])) or float(np.finfo(float).tiny)
    n_pairs = len(channel) // 2
    power = (channel[: 2 * n_pairs] ** 2).reshape(n_pairs, 2).sum(axis=1) / variance
    counts = np.convolve(power > threshold, np.ones(5), "same")
    active = np.repeat(counts >= 3, 2)
    return np.append(active, active[-1:]) if len(channel) % 2 else active


def _teager_kaiser(channel: NDArray, rest: slice, fs: float, n_sd: float) -> NDArray[np.bool_]:
    if len(channel) > 60 and fs > 80:
        band = butter(3, [30, min(300, 0.45 * fs)], "bandpass", fs=fs, output="sos")
        channel = sosfiltfilt(band, channel)
    energy = np.zeros_like(channel)
    energy[1:-1] = channel[1:-1] ** 2 - channel[2:] * channel[:-2]
    energy = np.abs(energy)
    if len(channel) > 60 and fs > 120:
        energy = sosfiltfilt(butter(1, 50, fs=fs, output="sos"), energy)
    return energy > energy[rest].mean() + n_sd * energy[rest].std()


def _above_level(
    channel: NDArray, rest: slice, fs: float, mvc: float, level: float | None
) -> NDArray[np.bool_]:
    rms = moving_rms(channel, round(0.1 * fs))
    if np.isnan(mvc):
        return rms > (3.0 if level is None else level) * np.sqrt(np.mean(channel[rest] ** 2))
    if mvc <= 0:
        raise ValueError(f"The 'mvc' of segment_activity, in mV, must be positive. Got {mvc}.")
    return rms > (0.05 if level is None else level) * mvc


def _without_short(active: NDArray[np.bool_], state: bool, shortest: float) -> NDArray[np.bool_]:
    """Invert runs of `state` below the minimum length, except rest at the ends of a recording."""
    edges = np.flatnonzero(np.diff(np.r_[not state, active, not state].astype(int)))
    result = active.copy()
    for start, stop in zip(edges[::2], edges[1::2]):
        at_end = start == 0 or stop == len(active)
        if stop - start < shortest and not (at_end and not state):
            result[start:stop] = not state
    return result


def _log_power(values: NDArray, size: int, n_bins: int) -> NDArray[np.float64] | None:
    """Compute the log power in bins, averaged over channels; None if it is not defined."""
    bins = values[:, : n_bins * size].reshape(len(values), n_bins, size).astype(np.float64)
    bins = bins - values.mean(axis=-1, dtype=np.float64)[:, None, None]
    power = np.mean(bins**2, axis=-1)
    scale = power.mean(axis=-1, keepdims=True)
    power = power[scale[:, 0] > 0] / scale[scale[:, 0] > 0]
    if not len(power) or not np.isfinite(power).all():
        return None
    return np.log(power + 1e-6).mean(axis=0)


def label_lag(
    signal: ArrayLike, labels: ArrayLike, fs: float, *, max_lag: float = 2.0
) -> float | None:
    """Estimate the lag of labels relative to the activity that they describe.

    The labels are shifted in steps of 0.05 s relative to the logarithm of the power of the signal.
    The lag is the shift at which the labels explain the largest proportion of the variance of this
    logarithm, if this proportion is clearly larger than without a shift.

    Parameters
    ----------
    signal : array-like of shape (n_times,) or (n_channels, n_times)
        Recording in mV.
    labels : array-like of shape (n_times,)
        One label per sample.
    fs : float
        Sampling rate in Hz.
    max_lag : float, default=2.0
        Largest lag in s that is tested. It is limited to a quarter of the recording.

    Returns
    -------
    lag : float or None
        Lag in s, positive if the labels are late, and 0.0 if no shift clearly improves the fit. It
        is None if the power hardly depends on the labels, if the labels change fewer than 3 times,
        or if the recording is too short.

    Raises
    ------
    ValueError
        If the number of labels is not that of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import label_lag
    >>> labels = np.repeat(["rest", "fist", "rest", "fist", "rest"], 2000)
    >>> x = np.random.default_rng(0).normal(size=10000) * np.where(labels == "fist", 1.0, 0.1)
    >>> label_lag(x, np.roll(labels, 500), fs=1000.0)
    0.5
    """
    values = np.atleast_2d(read_signal(signal))
    given = np.asarray(labels, dtype=object)
    if given.shape != values.shape[-1:]:
        raise ValueError(
            f"label_lag requires one label per sample. Got labels of shape {given.shape} and a "
            f"signal of shape {np.shape(signal)}."
        )
    size = max(round(_BIN * fs), 1)
    n_bins = values.shape[-1] // size
    codes, names = pd.factorize(np.array([str(v) for v in given]))
    rest = next((i for i, name in enumerate(names) if name.strip().lower() in _REST), None)
    codes = codes[: n_bins * size : size]
    max_shift = min(round(max_lag * fs / size), n_bins // 4)
    if np.count_nonzero(np.diff(codes)) < 3 or max_shift < 2:
        return None
    power = _log_power(values, size, n_bins)
    if power is None:
        return None
    middle = slice(max_shift, n_bins - max_shift)
    explained = {}
    for shift in range(-max_shift, max_shift + 1):
        explained[shift] = _explained(power[middle], np.roll(codes, -shift)[middle], rest)
    best = max(explained.values())
    if best < 0.2:
        return None
    shift = min((s for s, r in explained.items() if r >= best - 0.01), key=lambda s: (abs(s), -s))
    return shift * size / fs if best > explained[0] + _MIN_GAIN else 0.0


def _explained(power: NDArray[np.float64], codes: NDArray[np.intp], rest: int | None) -> float:
    """Compute the proportion of the variance of `power` that the labels explain.

    It is 0 if the mean of `power` at rest is not the lowest of all labels.

    If contractions last as long as the rest between them, swapped labels of rest and contraction
    explain the power equally well. Only the condition on rest excludes swapped labels.
    """
    counts = np.bincount(codes)
    sums = np.bincount(codes, weights=power)
    present = counts > 0
    if rest is not None and rest < len(counts) and counts[rest]:
        means = sums[present] / counts[present]
        if sums[rest] / counts[rest] > means.min():
            return 0.0
    between = np.sum(sums[present] ** 2 / counts[present]) - power.sum() ** 2 / power.size
    total = float(np.sum((power - power.mean()) ** 2))
    return float(between / total) if total > 0 else 0.0
