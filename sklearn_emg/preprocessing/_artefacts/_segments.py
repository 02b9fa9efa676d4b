"""Division of a recording into rest, contraction and artefact."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_emg.preprocessing._artefacts._detector import THRESHOLDS, ArtefactDetector
from sklearn_emg.recordings import read_signal

__all__ = ["segment_recording"]

_REST_LEVEL = 0.02  # mV; needle recordings have a noise of some 0.01 mV


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
        In mV, without offset (see :class:`BaselineRemover`).
    fs : float
        Sampling rate in Hz.
    rest_level : float or "auto", default="auto"
        Root mean square in mV below which a stretch is rest in every channel. "auto" takes 0.02 mV
        or, in a channel whose 95th percentile of levels is more than 4 times its 10th, twice the
        10th if that is more: surface recordings have a noise of 0.05 mV and more. Such a recording
        is taken to have some rest; give a number where it has none.
    window : float, default=0.2
        Length of the stretches that are judged, in seconds.
    detector : ArtefactDetector, default=None
        What counts as artefact; by default the detector with its own defaults, less "flat", since
        rest may be silence, and "mains", which rest consists of where there is some.

    Returns
    -------
    segments : DataFrame of shape (n_segments, 3)
        Columns ``start`` and ``stop`` in seconds and ``kind``: "rest", "contraction" or
        "artefact". Neighbouring segments differ in kind.

    Raises
    ------
    ValueError
        If the signal holds NaN or has no time axis.

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
    values = np.atleast_2d(read_signal(signal))
    if values.ndim != 2 or values.shape[-1] == 0 or not np.isfinite(values).all():
        raise ValueError(
            "segment_recording takes one recording, (n_times,) or (n_channels, n_times), without "
            f"NaN. Got shape {np.shape(signal)}."
        )
    if isinstance(rest_level, str) and rest_level != "auto":
        raise ValueError(
            "The 'rest_level' parameter of segment_recording must be a number in mV or 'auto'. "
            f"Got {rest_level!r} instead."
        )
    n_times = values.shape[-1]
    size = min(max(round(window * fs), 1), n_times)
    starts = np.arange(0, n_times - size + 1, size)
    judged = ["saturation", "motion", "spikes", "pop"] if detector is None else list(THRESHOLDS)
    columns = [list(THRESHOLDS).index(kind) for kind in judged]
    detector = ArtefactDetector() if detector is None else detector
    detector._check_parameters(fs)
    stretches = np.stack([values[:, start : start + size] for start in starts])
    artefact = (detector._extract(stretches, fs)[..., columns] > 1).any(axis=(1, 2))
    levels = np.sqrt(np.mean(np.square(stretches, dtype=np.float64), axis=-1))
    if isinstance(rest_level, str):
        low, high = np.quantile(levels, [0.1, 0.95], axis=0)
        limits = np.where(high > 4 * low, np.maximum(2 * low, _REST_LEVEL), _REST_LEVEL)
    else:
        limits = np.full(levels.shape[1], rest_level)
    kinds = np.where(
        (levels < limits).all(axis=1), "rest", np.where(artefact, "artefact", "contraction")
    )
    first = np.flatnonzero(np.append(True, kinds[1:] != kinds[:-1]))
    # Samples behind the last whole stretch belong to it.
    stops = np.append(starts[first[1:]], n_times)
    return pd.DataFrame({"start": starts[first] / fs, "stop": stops / fs, "kind": kinds[first]})
