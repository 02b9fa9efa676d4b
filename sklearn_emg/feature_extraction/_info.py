"""Descriptions of features (title, formula, unit and source), and checks of names and lengths.

The module of each family of features has a table ``FEATURES: dict[str, FeatureInfo]``. Its keys are
the names that the ``features`` parameter accepts, in the order of ``features="all"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sklearn_emg._tables import counted
from sklearn_emg._validation import did_you_mean


@dataclass(frozen=True)
class FeatureInfo:
    """Description of one feature, against which tests check the feature.

    Attributes
    ----------
    name : str
        Name in the ``features`` parameter. In ``get_feature_names_out``, features with several
        values have a suffix (``ar`` gives ``ar_1``, ``ar_2`` ...).
    title : str
        Name in plain words, such as "Slope sign changes".
    formula : str
        Definition, where x_1 ... x_N are the samples of a window in mV and d_i = x_{i+1} - x_i.
    unit : str
        Unit of the value for signals in mV: "mV", "mV^2", "Hz", "1/s", "count", "1" (no unit) ...
    domain : str
        Family: "time", "autoregressive", "complexity", "spectral", "wavelet", "multichannel" ...
    source : str
        Publication that the definition follows.
    min_n_times : int, default=1
        Length in samples of the shortest window for which the feature is defined; the parameters of
        the extractor can change it.
    power : float or None, default=0
        Exponent of the scaling f(c x) = c**power f(x) for c > 0, with thresholds in mV also scaled
        by c. It is None if the feature follows no power law, as in the case of a logarithm.
    """

    name: str
    title: str
    formula: str
    unit: str
    domain: str
    source: str
    min_n_times: int = 1
    power: float | None = 0.0


def check_features(
    features: str | Iterable[str], known: Mapping[str, FeatureInfo], estimator: str
) -> list[str]:
    """Return the names of the features in the requested order.

    Parameters
    ----------
    features : "all" or iterable of str
        Requested names, each at most once.
    known : mapping of str to FeatureInfo
        Features of the family by name.
    estimator : str
        Name of the class, for error messages.

    Returns
    -------
    names : list of str
        Names of the features.

    Raises
    ------
    TypeError
        If `features` is neither "all" nor an iterable of strings.
    ValueError
        If `features` is empty, repeats a name or contains an unknown name; the message suggests the
        most similar known name.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction._info import FeatureInfo, check_features
    >>> known = {"rms": FeatureInfo("rms", "Root mean square", "...", "mV", "time", "...")}
    >>> check_features(["rms"], known, "Example")
    ['rms']
    """
    parameter = f"The 'features' parameter of {estimator}"
    if isinstance(features, str) and features == "all":
        return list(known)
    if isinstance(features, str) or not isinstance(features, Iterable):
        hint = f"; write [{features!r}] for one feature" if isinstance(features, str) else ""
        raise TypeError(
            f"{parameter} must be 'all' or a list of names. Got {features!r} instead{hint}."
        )
    names = list(features)
    _check_names(names, known, parameter)
    return names


def _with_hints(unknown: list[str], known: Mapping[str, FeatureInfo]) -> str:
    """List unknown names, each with the known name of its title, or the most similar one."""
    titles = {info.title.lower().replace(" ", "_"): name for name, info in known.items()}
    meant = [titles.get(name.lower().replace(" ", "_"), name) for name in unknown]
    hints = [did_you_mean(name, known, cutoff=0.5) for name in meant]
    shown = [repr(n) + (f" (d{hint[2:]})" if hint else "") for n, hint in zip(unknown, hints)]
    return ", ".join(shown)


def _check_names(names: list[str], known: Mapping[str, FeatureInfo], parameter: str) -> None:
    if not names:
        raise ValueError(f"{parameter} is empty. Name at least one of: {', '.join(known)}.")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{parameter} must contain names. Got {name!r} instead.")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{parameter} has unknown names: {_with_hints(unknown, known)}. "
            f"Known names are: {', '.join(known)}."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{parameter} repeats {', '.join(map(repr, repeated))}; name each feature once."
        )


def check_min_n_times(n_times: int, needed: Mapping[str, int], estimator: str) -> None:
    """Raise if windows have fewer samples than a feature needs; the message names each one."""
    short = [f"{name} needs {n}" for name, n in needed.items() if n_times < n]
    if short:
        raise ValueError(
            f"Windows of {counted(n_times, 'sample')} (n_features={n_times}) are too short for "
            f"{estimator}: {', '.join(short)}. Use longer windows or omit the feature."
        )
