"""Segmentation of a recording into rest, contraction and artefact."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._validation import check_option, check_real
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.preprocessing._artefacts._detector import THRESHOLDS, ArtefactDetector
from sklearn_emg.recordings import check_rates, read_signal, recording_table

_REST_LEVEL = 0.02  # mV; the noise of needle recordings is about 0.01 mV
_HIGHEST_LEVEL = 1.0  # mV; the noise at rest is below it


def segment_recording(
    signal: ArrayLike,
    fs: float,
    *,
    rest_level: float | Literal["auto"] = "auto",
    window: float = 0.2,
    detector: ArtefactDetector | None = None,
) -> pd.DataFrame:
    """Divide a recording into rest, contraction and artefact.

    Parameters
    ----------
    signal : array-like of shape (n_times,) or (n_channels, n_times)
        Signal in mV. Remove any offset first, for instance with :class:`BaselineRemover`.
    fs : float
        Sampling rate in Hz.
    rest_level : float or "auto", default="auto"
        Level in mV: a stretch is rest if the root mean square of every channel is below it. "auto"
        uses 0.02 mV. For a channel in which the 95th percentile of the root mean squares of the
        stretches is more than 4 times the 10th percentile, "auto" uses twice the 10th percentile if
        that is larger, since the noise of surface recordings is 0.05 mV or more. This assumes that
        such a recording contains rest; give a number if it does not.
    window : float, default=0.2
        Length of the classified stretches in seconds.
    detector : ArtefactDetector, default=None
        Detector of artefacts. By default, it is ``ArtefactDetector()`` without the kinds "flat" and
        "mains", since rest may be silent or consist of power-line interference.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3)
        Start and end of each segment in seconds, in the columns ``start`` and ``stop``, and its
        kind, "rest", "contraction" or "artefact", in the column ``kind``. A stretch below the level
        of rest counts as rest even if it has an artefact. Neighbouring segments differ in kind.

    Raises
    ------
    ValueError
        If the signal contains NaN, infinity or masked samples or has no samples, if a parameter is
        not valid, or if `fs` differs from the rate of the `detector`.
    TypeError
        If `detector` is an object of another class.

    Warns
    -----
    RecordingWarning
        If the signal does not look like EMG in mV, if its axes seem to be swapped, or if `fs` or
        `rest_level` is implausible.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import segment_recording
    >>> signal = np.random.default_rng(0).normal(scale=0.2, size=3000)
    >>> signal[:1000] *= 0.01
    >>> segment_recording(signal, fs=1000.0)
       start  stop         kind
    0    0.0   1.0         rest
    1    1.0   3.0  contraction
    """
    caller = "segment_recording"
    level = _checked_level(rest_level)
    check_real(window, "window", caller, 0.0, above=True)
    recording = recording_table([signal], fs=fs, subject=0)
    fs = float(recording["fs"].iloc[0])
    values = np.atleast_2d(read_signal(recording["signal"].iloc[0]))
    if values.ndim != 2 or values.shape[-1] == 0 or not np.isfinite(values).all():
        raise ValueError(
            "segment_recording takes samples of shape (n_times,) or (n_channels, n_times) without "
            f"NaN or infinity. Got shape {np.shape(signal)}."
        )
    if detector is not None and not isinstance(detector, ArtefactDetector):
        raise TypeError(
            "The 'detector' parameter of segment_recording must be an ArtefactDetector. Got "
            f"{detector!r} instead."
        )
    if detector is not None:
        check_rates(recording, detector.fs, "ArtefactDetector")
    n_times = values.shape[-1]
    size = min(max(round(window * fs), 1), n_times)
    starts = np.arange(0, n_times - size + 1, size)
    stretches = np.stack([values[:, start : start + size] for start in starts])
    artefact = _artefacts(stretches, fs, detector)
    rest = _rest(stretches, level)
    kinds = np.where(rest, "rest", np.where(artefact, "artefact", "contraction"))
    first = np.flatnonzero(np.append(True, kinds[1:] != kinds[:-1]))
    # Samples after the last complete stretch are added to it.
    stops = np.append(starts[first[1:]], n_times)
    return pd.DataFrame({"start": starts[first] / fs, "stop": stops / fs, "kind": kinds[first]})


def _checked_level(level: float | str) -> float | None:
    """Return the level of rest in mV; None if it is to be estimated."""
    if isinstance(level, str):
        check_option(level, ("auto",), "rest_level", "segment_recording")
        return None
    level = check_real(level, "rest_level", "segment_recording", 0.0, above=True)
    if level > _HIGHEST_LEVEL:
        warn_of_recordings(
            f"The 'rest_level' of segment_recording is {level:g} mV, too large for the noise of a "
            "recording. Give it in mV."
        )
    return level


def _artefacts(
    stretches: NDArray[np.floating], fs: float, detector: ArtefactDetector | None
) -> NDArray[np.bool_]:
    """Return whether each stretch has an artefact in any channel."""
    kinds = ["saturation", "motion", "spikes", "pop"] if detector is None else list(THRESHOLDS)
    columns = [list(THRESHOLDS).index(kind) for kind in kinds]
    detector = ArtefactDetector() if detector is None else detector
    detector._check_parameters(fs)
    return np.asarray((detector._extract(stretches, fs)[..., columns] > 1).any(axis=(1, 2)))


def _rest(stretches: NDArray[np.floating], level: float | None) -> NDArray[np.bool_]:
    """Return whether each stretch is rest in all channels, estimating the level if it is None."""
    levels = np.sqrt(np.mean(np.square(stretches, dtype=np.float64), axis=-1))
    limits = np.full(levels.shape[1], _REST_LEVEL if level is None else level)
    if level is None:
        low, high = np.quantile(levels, [0.1, 0.95], axis=0)
        limits = np.where(high > 4 * low, np.maximum(2 * low, _REST_LEVEL), limits)
    return np.all(levels < limits, axis=1)
