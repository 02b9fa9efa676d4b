"""Clinical measures of the templates of motor units."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import find_peaks, savgol_filter

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import MUAPFeatures

MEASURES = (
    *("amplitude", "duration", "phases", "turns", "rise_time", "area", "thickness", "size_index"),
)
# Threshold of the duration in mV. It is low, since averages have less noise than single potentials.
_LEVEL = 0.010
_QUIET = 0.01


def template_measures(templates: pd.DataFrame) -> pd.DataFrame:
    """Measure the potentials of motor units by clinical definitions.

    Parameters
    ----------
    templates : DataFrame of shape (n_templates, n_columns)
        Templates with the columns ``unit``, ``signal`` in mV and ``fs`` in Hz, as in
        ``templates_`` of :class:`MotorUnitDecomposer`. The columns ``row`` and ``channel`` are
        kept if they exist.

    Returns
    -------
    table : DataFrame of shape (n_templates, n_columns)
        Measures with one row per template. The columns are ``row``, ``unit`` and ``channel``;
        ``amplitude`` (peak to peak, in mV), ``duration`` (beyond 10 uV, in ms), ``phases``,
        ``turns``, ``rise_time`` (ms), ``area`` (mV ms), ``thickness`` (ms) and ``size_index``, as
        in :class:`~sklearn_emg.feature_extraction.MUAPFeatures`; and ``near_fibres``, the number
        of near-fibre potentials. All measures except ``near_fibres`` are NaN for a template that
        stays within 10 uV; ``near_fibres`` is NaN for a constant or very short template.

    Notes
    -----
    The second derivative, smoothed over 0.5 ms (at least 5 samples), is multiplied by minus the
    sign of the largest deflection. Near-fibre potentials are its peaks that are at least a quarter
    as high as the largest absolute value of the second derivative. They approximate the near-fibre
    potentials of decomposition-based quantitative EMG, which come from fibres close to the
    electrode.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn_emg.motor_units import template_measures
    >>> t = np.arange(-0.01, 0.02, 1e-4)
    >>> wave = 0.3 * np.exp(-((t / 4e-4) ** 2)) - 0.2 * np.exp(-(((t - 1e-3) / 1e-3) ** 2))
    >>> templates = pd.DataFrame({"unit": [1], "signal": [wave], "fs": 1e4})
    >>> template_measures(templates)[["amplitude", "phases"]].round(2).values.tolist()
    [[0.43, 2.0]]
    """
    if not isinstance(templates, pd.DataFrame) or not {"signal", "fs"} <= {*templates}:
        raise TypeError(
            "template_measures takes a table of templates with the columns 'signal' and 'fs', such "
            f"as decomposer.templates_. Got {type(templates).__name__}."
        )
    rows = []
    for record in templates.to_dict("records"):
        wave, fs = np.asarray(record["signal"], dtype=np.float64), float(record["fs"])
        given: dict[str, Any] = {
            name: record[name] for name in ("row", "unit", "channel") if name in record
        }
        rows.append(given | _measure(wave, fs) | {"near_fibres": near_fibres(wave, fs)})
    names = [name for name in ("row", "unit", "channel") if name in templates]
    return pd.DataFrame(rows, columns=[*names, *MEASURES, "near_fibres"])


def _measure(wave: NDArray[np.float64], fs: float) -> dict[str, float]:
    quiet = np.zeros(int(_QUIET * fs))
    window = np.concatenate([quiet, wave, quiet])
    # Averages are not superpositions, however long they are, and each of them is measured.
    extractor = MUAPFeatures(
        fs=fs,
        amplitude_threshold=1e-9,
        duration_threshold=_LEVEL,
        max_rise_time=1.0,
        max_duration=1.0,
        second_peak=1e9,
    )
    with warnings.catch_warnings(action="ignore", category=RecordingWarning):
        # A template among zeros has a low mean amplitude, which would be suspicious in a recording.
        found = extractor.fit([window]).potentials([window])
    if found.empty:
        return dict.fromkeys(MEASURES, np.nan)
    largest = found.iloc[int(found["amplitude"].argmax())]
    return {name: float(largest[name]) for name in MEASURES}


def near_fibres(wave: NDArray[np.float64], fs: float) -> float:
    """Count peaks of the second derivative, smoothed over 0.5 ms; NaN for constant waves."""
    length = max(int(0.0005 * fs) // 2 * 2 + 1, 5)
    if len(wave) < length or np.ptp(wave) == 0:
        return np.nan
    bend = savgol_filter(wave, length, 3, deriv=2)
    # The peaks of fibres have the polarity of the largest deflection.
    side = np.sign(wave[np.abs(wave).argmax()])
    peaks, _ = find_peaks(-side * bend, height=0.25 * np.abs(bend).max())
    return float(len(peaks))
