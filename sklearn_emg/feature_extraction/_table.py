"""All features in one table, from which the documentation is generated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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

Facts = dict[str, str]

# A name that occurs in two families refers to the first.
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
    """Describe the features that can be requested by name, one per row.

    Returns
    -------
    table : DataFrame
        Features, with the columns ``name`` (as in the ``features`` parameters), ``title`` (name in
        plain words), ``formula``, ``unit`` (for signals in mV), ``domain``, ``source``,
        ``extractor`` (class), ``min_n_times`` (length of the shortest window in samples, which the
        parameters of the extractor can change) and ``power`` (p in f(c x) = c^p f(x); NaN if the
        feature follows no power law). ``spectral_entropy`` has two rows, one for each of its two
        extractors. In the formulas, x_1 ... x_N are the samples in mV and d_i = x_{i+1} - x_i; P_k
        is the one-sided power at f_k, k = 1 ... M; c_bk are the K_b coefficients of band b; and
        W(a, b) is the continuous wavelet transform.

    Notes
    -----
    The table does not contain features that cannot be requested by name: those of
    :class:`FFTSpectrum`, :class:`MiniRocket`, :class:`MultiRocket`, :class:`TangentSpaceFeatures`
    and :class:`Catch22Features`, and the features of tsfresh, of which there are about 800 (see
    the documentation of tsfresh).

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import feature_table
    >>> table = feature_table().set_index("name")
    >>> table.loc["mdf", ["title", "unit", "extractor"]].tolist()
    ['Median frequency', 'Hz', 'SpectralFeatures']
    """
    rows = [
        {
            "name": info.name,
            "title": info.title,
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


def feature_facts() -> dict[str, Facts]:
    """Return the title, unit and domain of each feature by its name.

    Returns
    -------
    facts : dict of str to dict
        Dictionary with the keys ``title``, ``unit`` and ``domain`` for each feature, as in
        :func:`feature_table`. A name that occurs in two families refers to the first, as in
        :class:`EMGFeatures`.

    See Also
    --------
    info_of : Return the facts of the feature in a column.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import feature_facts
    >>> feature_facts()["rms"]
    {'title': 'Root mean square', 'unit': 'mV', 'domain': 'time'}
    """
    facts: dict[str, Facts] = {}
    for infos in FAMILIES.values():
        for name, info in infos.items():
            facts.setdefault(name, {"title": info.title, "unit": info.unit, "domain": info.domain})
    return facts


def info_of(
    column: object, known: Mapping[str, Facts], channels: Iterable[str] = ()
) -> Facts | None:
    """Return the facts of the feature in a column of a feature matrix.

    Parameters
    ----------
    column : object
        Name of the column, such as ``"ch2_band_power_20_50"``.
    known : mapping of str to dict
        Facts of each feature from :func:`feature_facts`.
    channels : iterable of str, default=()
        Names of the channels with which the names of columns may begin, as in the attribute
        ``channel_names_in_`` of the extractor. ``ch1``, ``ch2`` and so on are always recognised.

    Returns
    -------
    facts : dict or None
        Title, unit and domain of the feature; None if the column belongs to no known feature or
        begins with the name of an unknown channel.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction import feature_facts, info_of
    >>> info_of("ch2_band_power_20_50", feature_facts())["title"]
    'Band power'
    >>> info_of("biceps_rms", feature_facts(), channels=["biceps", "triceps"])["unit"]
    'mV'
    """
    name = str(column)
    own = [f"{channel}_" for channel in sorted(channels, key=len, reverse=True)]
    bases = [name.removeprefix(start) for start in own if name.startswith(start)]
    for base in [*bases, re.sub(r"^ch\d+_", "", name)]:
        while base:
            if base in known:
                return known[base]
            base = base.rpartition("_")[0]
    return None
