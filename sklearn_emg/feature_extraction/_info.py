"""Description of features: title, formula, unit and source; checks of names and lengths.

Each module of a family has a table ``FEATURES: dict[str, FeatureInfo]``. Its keys are the names
that the ``features`` parameter takes, in the order of ``features="all"``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sklearn_emg._validation import did_you_mean

__all__ = ["FeatureInfo", "check_features", "check_min_n_times"]


@dataclass(frozen=True)
class FeatureInfo:
    """Description of one feature; tests check the feature against it.

    Attributes
    ----------
    name : str
        Name in the ``features`` parameter. In ``get_feature_names_out``, features with several
        values have a suffix (``ar`` gives ``ar_1``, ``ar_2`` ...).
    title : str
        Name in plain words, such as "Slope sign changes".
    formula : str
        Definition, with x_1 ... x_N the samples of a window in mV and d_i = x_{i+1} - x_i.
    unit : str
        Unit of the value for signals in mV: "mV", "mV^2", "Hz", "1/s", "count", "1" (no unit) ...
    domain : str
        Family: "time", "autoregressive", "complexity", "spectral", "wavelet", "multichannel" ...
    source : str
        Publication that the definition follows.
    min_n_times : int, default=1
        Number of samples of the shortest window that the feature is defined for.
    power : float or None, default=0
        Exponent of the scaling f(c x) = c**power f(x) for c > 0, where thresholds in mV are scaled
        by c as well. It is None if there is no power law, as for a logarithm.
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
    """Return the names of the requested features, in their order.

    Parameters
    ----------
    features : "all" or iterable of str
        Requested names, each at most once.
    known : mapping of str to FeatureInfo
        Table of the family.
    estimator : str
        Class to name in the message.

    Returns
    -------
    names : list of str

    Raises
    ------
    TypeError
        If `features` is neither "all" nor an iterable of strings.
    ValueError
        If it is empty, repeats a name or has an unknown name; the message suggests the nearest one.

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
    """Unknown names, each with the known one that it resembles."""
    hints = [did_you_mean(name, known, cutoff=0.5) for name in unknown]
    shown = [repr(n) + (f" (d{hint[2:]})" if hint else "") for n, hint in zip(unknown, hints)]
    return ", ".join(shown)


def _check_names(names: list[str], known: Mapping[str, FeatureInfo], parameter: str) -> None:
    if not names:
        raise ValueError(f"{parameter} is empty. Name at least one of: {', '.join(known)}.")
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{parameter} must hold names. Got {name!r} instead.")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"{parameter} has unknown names: {_with_hints(unknown, known)}. "
            f"Known are: {', '.join(known)}."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"{parameter} repeats {', '.join(map(repr, repeated))}; name each feature once."
        )


def check_min_n_times(n_times: int, needed: Mapping[str, int], estimator: str) -> None:
    """Raise if windows are too short for a feature.

    Parameters
    ----------
    n_times : int
        Number of samples per window.
    needed : mapping of str to int
        Length of the shortest window for each feature that is computed.
    estimator : str
        Class to name in the message.

    Raises
    ------
    ValueError
        The message names each feature that needs more samples.
    """
    short = [f"{name} needs {n}" for name, n in needed.items() if n_times < n]
    if short:
        raise ValueError(
            f"Windows of {n_times} samples (n_features={n_times}) are too short for "
            f"{estimator}: {', '.join(short)}. Take longer windows or leave the feature out."
        )
