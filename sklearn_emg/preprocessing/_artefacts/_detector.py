"""Detection of artefacts in windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import POSITIVE, Real
from sklearn_emg._validation import did_you_mean
from sklearn_emg._warnings import warn
from sklearn_emg.base import FeatureExtractor
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing._artefacts._marks import MARKS
from sklearn_emg.preprocessing._artefacts._measures import (
    flat_fraction,
    pop_ratio,
    power_fractions,
    saturation_fraction,
    spike_ratio,
)
from sklearn_emg.recordings import FILTERED

# Kinds of artefact and the limits of their measures.
THRESHOLDS = {
    "saturation": 0.001,
    "flat": 0.1,
    "motion": 0.5,
    "mains": 0.5,
    "spikes": 1.5,
    "pop": 4.0,
}

# At a low sampling rate, the steps of a converter cause several equal samples in a row.
_MIN_FLAT = 15
# The median of fewer samples differs from stretch to stretch without any step.
_MIN_MEDIAN = 5


class ArtefactDetector(FeatureExtractor):
    """Score six kinds of artefact, and the quality, of each window and channel.

    Parameters
    ----------
    thresholds : dict of str to float, default=None
        Limits by kind of artefact, which replace those in the table below.
    limit : float, default=None
        Amplitude in mV at which the amplifier saturates. By default, saturation is detected by
        plateaus at the extrema of a signal.
    line_freq : float, default=None
        Power-line frequency in Hz. By default, both 50 and 60 Hz are tested, and
        :meth:`line_frequency` returns the one that is found.
    motion_freq : float, default=10.0
        Frequency in Hz below which power counts as motion artefact.
    fs : float, default=None
        Sampling rate of arrays, in Hz. A recording table contains its own sampling rates.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the windows seen in ``fit``. It is not set for a table.
    n_channels_in_ : int
        Number of channels of the signals seen in ``fit``.
    channel_names_in_ : tuple of str or None
        Names of the channels, as in :class:`~sklearn_emg.base.FeatureExtractor`.
    n_times_in_ : int or None
        Number of samples per window seen in ``fit``, or None if a table was given.
    subjects_ : ndarray of shape (n_subjects,) or None
        Names of the subjects of the table seen in ``fit``; None if they are not known.

    Raises
    ------
    ValueError
        If a threshold has an unknown name or is not positive, `fs` is missing for an array, or a
        signal contains NaN.

    Warns
    -----
    RecordingWarning
        If a table has passed a filter of this package and lists no artefacts, since saturation and
        constant stretches cannot be seen in it.

    See Also
    --------
    ArtefactRejector : Sets artefacts to NaN, so that windows with artefacts can be left out.

    Notes
    -----
    ============ ========================================================================= =====
    kind         measure                                                                   limit
    ============ ========================================================================= =====
    saturation   fraction of samples at `limit`, or cut off at the highest or lowest value 0.001
    flat         fraction of samples in constant runs of at least 10 ms and 15 samples     0.1
    motion       fraction of the power below `motion_freq`                                 0.5
    mains        fraction of the power at 50 or 60 Hz and four harmonics                   0.5
    spikes       largest distance from the median of 3 samples / range of the medians      1.5
    pop          largest step between medians of 25 ms / mean standard deviation           4
    ============ ========================================================================= =====

    The kind "mains" is power-line interference. At sampling rates below 1000 Hz, the limit of
    "spikes" is multiplied by :math:`\\sqrt{1000 / f_s}`, since neighbouring samples of the EMG
    differ more. The limit of "mains" is multiplied by :math:`1 + b`, where :math:`b` is the
    fraction of the spectrum that counts as power line, which is large in short windows. Medians are
    of at least 5 samples. A score is a measure divided by its limit, and a score above 1 is a flag.
    With scores :math:`s_i`, the quality is :math:`1 / (1 + \\max_i s_i^2)`: it is 1 without any
    artefact and below 0.5 with a flag.

    The limits are choices of this package. Few windows of real needle recordings are flagged; set
    other limits if your recordings differ. A window that is too short for a measure has a score of
    0: "motion" needs more than one period of `motion_freq`, "mains" more than eight periods of the
    power-line frequency, "spikes" 25 samples, and "pop" 50 ms and 10 samples. Saturation can
    only be detected in the recorded samples, since a filter removes plateaus. Sharp potentials of
    two or three samples may count as spikes, so raise the limit of "spikes" for sampling rates of a
    few kHz.

    References
    ----------
    P. McCool, G. D. Fraser, A. D. C. Chan, L. Petropoulakis, J. J. Soraghan, "Identification of
    contaminant type in surface electromyography (EMG) signals", IEEE Trans. Neural Syst. Rehabil.
    Eng. 22 (2014) 774-783, for the kinds of artefact. :doi:`10.1109/TNSRE.2014.2299573`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import ArtefactDetector
    >>> X = np.random.default_rng(0).normal(size=(2, 1000))
    >>> X[1, 300:700] = 0.0  # the electrode fell off
    >>> ArtefactDetector(fs=1000.0).fit(X).flags(X)["flat"].tolist()
    [False, True]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "thresholds": [dict, None],
        "limit": [POSITIVE, None],
        "line_freq": [POSITIVE, None],
        "motion_freq": [POSITIVE],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        thresholds: Mapping[str, float] | None = None,
        *,
        limit: float | None = None,
        line_freq: float | None = None,
        motion_freq: float = 10.0,
        fs: float | None = None,
    ):
        self.thresholds = thresholds
        self.limit = limit
        self.line_freq = line_freq
        self.motion_freq = motion_freq
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_parameters(self, fs: float) -> None:
        for name, value in (self.thresholds or {}).items():
            if name not in THRESHOLDS:
                raise ValueError(
                    "The 'thresholds' parameter of ArtefactDetector must have names among "
                    f"{sorted(THRESHOLDS)}. Got {name!r} instead.{did_you_mean(name, THRESHOLDS)}"
                )
            if not (isinstance(value, Real) and np.isfinite(value) and value > 0):
                raise ValueError(
                    "The 'thresholds' parameter of ArtefactDetector must have positive numbers. "
                    f"Got {value!r} for {name!r} instead."
                )

    def _feature_names(self) -> list[str]:
        return [*THRESHOLDS, "quality"]

    def _extract(self, X: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        motion, lines, bands = power_fractions(X, fs, self.motion_freq, self._line_freqs())
        spikes = spike_ratio(X) if X.shape[-1] >= 25 else np.zeros(X.shape[:-1])
        measures = {
            "saturation": saturation_fraction(X, self.limit),
            "flat": flat_fraction(X, max(round(0.010 * fs), _MIN_FLAT)),
            "motion": motion,
            "mains": (lines.T / (1 + bands)).T.max(axis=0),
            "spikes": spikes / max(1.0, np.sqrt(1000.0 / fs)),
            "pop": pop_ratio(X, max(round(0.025 * fs), _MIN_MEDIAN)),
        }
        thresholds = {**THRESHOLDS, **(self.thresholds or {})}
        scores = np.stack([measures[name] / thresholds[name] for name in THRESHOLDS], axis=-1)
        quality = 1 / (1 + scores.max(axis=-1, keepdims=True) ** 2)
        return np.concatenate([scores, quality], axis=-1).astype(X.dtype, copy=False)

    def _transform_table(self, table: pd.DataFrame) -> NDArray[np.floating]:
        # If the table lists artefacts, they were detected before the filter.
        if table.attrs.get(FILTERED, False) and MARKS not in table:
            warn(
                "ArtefactDetector got the output of a filter, in which saturation and constant "
                "stretches cannot be seen. Score the recordings before the filter, or put "
                "ArtefactRejector(kinds=['saturation', 'flat'], apply=False) before it.",
                RecordingWarning,
            )
        return super()._transform_table(table)

    def _line_freqs(self) -> tuple[float, ...]:
        return (50.0, 60.0) if self.line_freq is None else (float(self.line_freq),)

    def line_frequency(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Find the power-line frequency in windows with the flag "mains".

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        frequencies : ndarray of shape (n_windows,)
            Power-line frequency in Hz, from the channel with the most interference. It is NaN for
            windows without the flag.
        """
        flagged = self.flags(X)["mains"].to_numpy()
        parts: list[tuple[NDArray[np.floating], float]]
        if isinstance(X, pd.DataFrame):
            parts = [(signals, fs) for _, signals, fs in self._equal_rows(X)]
        else:
            values = np.asarray(X, dtype=np.float64)
            parts = [(values.reshape(len(values), -1, values.shape[-1]), self._array_fs())]
        freqs = self._line_freqs()
        found = []
        for values, fs in parts:
            _, lines, _ = power_fractions(values, fs, self.motion_freq, freqs)
            found.append(np.array(freqs)[lines.max(axis=-1).argmax(axis=0)])
        return np.where(flagged, np.concatenate(found), np.nan)

    def flags(self, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
        """Flag the kinds of artefact that occur in any channel of each window.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
            Windows in mV, or a recording table.

        Returns
        -------
        flags : DataFrame of shape (n_windows, 6)
            Flags, with one column per kind, which are True if the score of any channel is above 1.
            The index of a table is kept.
        """
        scores = np.asarray(self.transform(X)).reshape(-1, self.n_channels_in_, 7)
        index = X.index if isinstance(X, pd.DataFrame) else None
        above = scores[..., :6].max(axis=1) > 1
        return pd.DataFrame(above, columns=[*THRESHOLDS], index=index)
