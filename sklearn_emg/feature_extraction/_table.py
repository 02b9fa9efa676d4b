"""All features in one table: the documentation is made from it."""

from __future__ import annotations

import pandas as pd

from sklearn_emg.feature_extraction._autoregressive import FEATURES as AUTOREGRESSIVE
from sklearn_emg.feature_extraction._autoregressive import AutoregressiveFeatures
from sklearn_emg.feature_extraction._complexity import FEATURES as COMPLEXITY
from sklearn_emg.feature_extraction._complexity import ComplexityFeatures
from sklearn_emg.feature_extraction._info import FeatureInfo
from sklearn_emg.feature_extraction._muap import FEATURES as MUAP
from sklearn_emg.feature_extraction._muap import MUAPFeatures
from sklearn_emg.feature_extraction._multichannel import FEATURES as MULTICHANNEL
from sklearn_emg.feature_extraction._multichannel import MultichannelFeatures
from sklearn_emg.feature_extraction._spectral import FEATURES as SPECTRAL
from sklearn_emg.feature_extraction._spectral import SpectralFeatures
from sklearn_emg.feature_extraction._time_domain import FEATURES as TIME
from sklearn_emg.feature_extraction._time_domain import TimeDomainFeatures
from sklearn_emg.feature_extraction._wavelet import CWT_FEATURES as CWT
from sklearn_emg.feature_extraction._wavelet import FEATURES as WAVELET
from sklearn_emg.feature_extraction._wavelet import CWTFeatures, WaveletFeatures

__all__ = ["FAMILIES", "feature_table"]

# In the order in which a name that two families share is looked for.
FAMILIES: dict[type, dict[str, FeatureInfo]] = {
    TimeDomainFeatures: TIME,
    AutoregressiveFeatures: AUTOREGRESSIVE,
    SpectralFeatures: SPECTRAL,
    WaveletFeatures: WAVELET,
    CWTFeatures: CWT,
    ComplexityFeatures: COMPLEXITY,
    MUAPFeatures: MUAP,
    MultichannelFeatures: MULTICHANNEL,
}


def feature_table() -> pd.DataFrame:
    """What each feature is: one row per feature of the families of this package.

    Returns
    -------
    table : DataFrame
        Columns ``name`` (as in the ``features`` parameters), ``formula`` (x_1 ... x_N are the
        samples in mV, d_i = x_{i+1} - x_i; P_k the one-sided power at f_k, k = 1 ... M; c_bk the
        K_b coefficients of band b; W(a, b) the continuous wavelet transform), ``unit`` (for signals
        in mV), ``domain``, ``source``, ``extractor`` (class), ``min_n_times`` (shortest window, in
        samples) and ``power`` (p in f(c x) = c^p f(x); NaN where it is no power law).

    Notes
    -----
    The features of tsfresh, some 800, are documented there.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import feature_table
    >>> table = feature_table().set_index("name")
    >>> table.loc["mdf", ["unit", "extractor"]].tolist()
    ['Hz', 'SpectralFeatures']
    """
    rows = [
        {
            "name": info.name,
            "formula": info.formula,
            "unit": info.unit,
            "domain": info.domain,
            "source": info.source,
            "extractor": family.__name__,
            "min_n_times": info.min_n_times,
            "power": float("nan") if info.power is None else float(info.power),
        }
        for family, infos in FAMILIES.items()
        for info in infos.values()
    ]
    return pd.DataFrame(rows)
