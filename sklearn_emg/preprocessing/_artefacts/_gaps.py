"""Interpolation of gaps in signals."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import interpolate
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from sklearn_emg._ranges import refuse_no_samples
from sklearn_emg._sklearn import POSITIVE, Interval, Real, StrOptions
from sklearn_emg._tables import row_text
from sklearn_emg.base import SignalTransformer
from sklearn_emg.preprocessing._artefacts._marks import marks_of, with_notes
from sklearn_emg.preprocessing._artefacts._measures import runs_mask
from sklearn_emg.recordings import read_signal, with_signals


def fill_gaps(
    signal: NDArray[np.floating], max_gap: int, method: str = "linear"
) -> NDArray[np.floating]:
    """Interpolate runs of NaN of up to `max_gap` samples.

    Parameters
    ----------
    signal : ndarray of shape (n_times,)
        Signal, in which NaN marks missing samples.
    max_gap : int
        Maximum length in samples of a gap that is interpolated.
    method : {"linear", "cubic"}
        Interpolation by straight lines, or by a cubic spline through all samples.

    Returns
    -------
    filled : ndarray of shape (n_times,)
        Signal with short gaps filled. A gap at either end is filled with the nearest sample. Longer
        gaps remain NaN.
    """
    missing = np.isnan(signal)
    if not missing.any() or missing.all():
        return signal.copy()
    short = missing & ~runs_mask(missing, max_gap + 1)
    times = np.arange(len(signal))
    filled = signal.copy()
    filled[short] = np.interp(times[short], times[~missing], signal[~missing])
    if method == "cubic" and (~missing).sum() > 1:
        # A cubic spline diverges before the first and after the last sample.
        ends = np.flatnonzero(~missing)[[0, -1]]
        inside = short & (times > ends[0]) & (times < ends[1])
        spline = interpolate.CubicSpline(times[~missing], signal[~missing])
        filled[inside] = spline(times[inside])
    return filled


class GapInterpolator(SignalTransformer):
    """Interpolate short gaps (runs of NaN).

    Parameters
    ----------
    max_gap : float, default=0.002
        Maximum length in seconds of a gap that is interpolated. With 0, no gap is short enough.
    method : {"linear", "cubic"}, default="linear"
        Interpolation by straight lines, or by a cubic spline through all samples.
    longer : {"keep", "note"}, default="keep"
        Treatment of longer gaps. "keep" leaves them as NaN, and their windows should be left out.
        "note" also fills them, so that filters and resampling can follow, and lists them in the
        column ``"artefacts"`` of a recording table. As the last step before windows are cut,
        ``ArtefactRejector(kinds=[])`` sets them to NaN again. A channel without any valid sample is
        filled with zeros.
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
        If `fs` is missing for an array, an array is given with ``longer="note"``, or a signal
        contains infinity.

    See Also
    --------
    ArtefactRejector : Sets artefacts to NaN, or lists them.

    Notes
    -----
    Clipped samples of a needle recording may be treated as gaps (see
    :func:`~sklearn_emg.datasets.load_n2001`). A straight line lowers the clipped peaks more than
    the clipping did. A cubic spline restores peaks if the sampling rate is high: in two recordings
    at 23,437.5 Hz, with the outer 0.1 % of samples clipped, the SNR rose from 25 to 38 dB. In three
    recordings at 4000 Hz, it fell from 24 to 15 dB, so clipped samples should be kept at such a
    rate.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import GapInterpolator
    >>> X = [[0.0, np.nan, 2.0, np.nan, np.nan, 5.0]]
    >>> GapInterpolator(0.001, fs=1000.0).fit_transform(X)
    array([[ 0.,  1.,  2., nan, nan,  5.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_gap": [Interval(Real, 0, None, closed="left")],
        "method": [StrOptions({"linear", "cubic"})],
        "longer": [StrOptions({"keep", "note"})],
        "fs": [POSITIVE, None],
    }

    def __init__(
        self,
        max_gap: float = 0.002,
        *,
        method: Literal["linear", "cubic"] = "linear",
        longer: Literal["keep", "note"] = "keep",
        fs: float | None = None,
    ):
        self.max_gap = max_gap
        self.method = method
        self.longer = longer
        self.fs = fs

    def _needs_fs(self) -> bool:
        return True

    def _check_array(self, X: ArrayLike, *, reset: bool) -> NDArray[np.floating]:
        # The base class refuses NaN, so its other checks are run on zeros of the same shape.
        refuse_no_samples(X, type(self).__name__)
        given = X
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            allow_nd=True,
            ensure_all_finite="allow-nan",
        )
        zeros: Any = np.zeros_like(X)
        if isinstance(given, pd.DataFrame):
            zeros = pd.DataFrame(zeros, columns=given.columns)
        super()._check_array(zeros, reset=False)
        return X

    def _read_finite(self, signal: Any, table: pd.DataFrame, row: int) -> NDArray[np.floating]:
        values = read_signal(signal)
        if np.isinf(values).any():
            raise ValueError(
                f"{row_text(table, row, 'Row')}, column 'signal': contains infinity, which is not "
                "a gap. Replace it by NaN or leave the row out."
            )
        return values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _transform_signals(self, signals: NDArray[np.floating], fs: float) -> NDArray[np.floating]:
        max_gap = int(np.floor(self.max_gap * fs + 1e-9))
        return np.apply_along_axis(fill_gaps, -1, signals, max_gap, self.method)

    def _transform_table(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.longer == "keep":
            return super()._transform_table(X)
        signals, marks = [], []
        for row, (entry, fs) in enumerate(zip(X["signal"], X["fs"])):
            signal = self._read_finite(entry, X, row)
            # Signals without gaps, including those in files, are passed on unchanged.
            if gaps := bool(np.isnan(signal).any()):
                signal = self._transform_signals(signal, float(fs))
            signals.append(_filled(signal) if gaps else entry)
            marks.append(marks_of(signal, float(fs)) if gaps else [])
        return with_notes(X, signals, marks) if any(marks) else with_signals(X, signals)

    def _refuse_arrays(self) -> None:
        if self.longer == "note":
            raise ValueError(
                "GapInterpolator(longer='note') lists gaps in a recording table. Got an array: "
                "give a table, or use longer='keep'."
            )


def _filled(signal: NDArray[np.floating]) -> NDArray[np.floating]:
    """Fill all gaps with straight lines, and channels without any valid sample with zeros."""
    filled = np.apply_along_axis(fill_gaps, -1, signal, signal.shape[-1])
    filled[np.isnan(filled)] = 0.0
    return filled
