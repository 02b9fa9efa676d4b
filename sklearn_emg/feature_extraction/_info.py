"""What is known of each feature besides its value, and the checks of names and lengths built on it.

Every family module exposes ``FEATURES: dict[str, FeatureInfo]``, keyed by the name that its
``features`` parameter takes, in the order in which ``features="all"`` gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = ["FeatureInfo", "check_features", "check_min_n_times"]


@dataclass(frozen=True)
class FeatureInfo:
    """One feature: its definition, and the laws that tests hold it to.

    Attributes
    ----------
    name : str
        Name in the ``features`` parameter. Features with several values append a suffix to it in
        ``get_feature_names_out`` (``ar`` gives ``ar_1``, ``ar_2`` ...).
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
        Shortest window that has a value.
    power : float or None, default=0
        Scaling: f(c x) = c**power f(x) for c > 0, thresholds in mV scaled by c as well. None where
        it is no power law (a logarithm), in which case the formula says what it is.
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
    """Names of the features asked for, in that order.

    Parameters
    ----------
    features : "all" or iterable of str
        Names, each at most once.
    known : mapping of str to FeatureInfo
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
        If it is empty, repeats a name or has one that is unknown; the message offers the near miss.

    Examples
    --------
    >>> from sklearn_emg.feature_extraction._info import FeatureInfo, check_features
    >>> known = {"rms": FeatureInfo("rms", "Root mean square", "...", "mV", "time", "...")}
    >>> check_features(["rms"], known, "Example")
    ['rms']
    """
    if isinstance(features, str):
        if features == "all":
            return list(known)
        raise TypeError(
            f"The 'features' parameter of {estimator} must be 'all' or a list of names. "
            f"Got {features!r} instead; write [{features!r}] for one feature."
        )
    if not isinstance(features, Iterable):
        raise TypeError(
            f"The 'features' parameter of {estimator} must be 'all' or a list of names. "
            f"Got {features!r} instead."
        )
    names = list(features)
    faults = []
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"The 'features' parameter of {estimator} must hold names. Got {name!r} instead."
            )
        if name not in known:
            near = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
            faults.append(repr(name) + (f" (did you mean {near[0]!r}?)" if near else ""))
    if faults:
        raise ValueError(
            f"The 'features' parameter of {estimator} has unknown names: {', '.join(faults)}. "
            f"Known are: {', '.join(known)}."
        )
    if not names:
        raise ValueError(
            f"The 'features' parameter of {estimator} is empty. Name at least one of: "
            f"{', '.join(known)}."
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(
            f"The 'features' parameter of {estimator} repeats {', '.join(map(repr, twice))}; "
            "name each feature once."
        )
    return names


def check_min_n_times(n_times: int, needed: Mapping[str, int], estimator: str) -> None:
    """Raise if windows are too short for a feature.

    Parameters
    ----------
    n_times : int
        Samples per window.
    needed : mapping of str to int
        Shortest window of each feature that is computed.
    estimator : str
        Class to name in the message.

    Raises
    ------
    ValueError
        Naming each feature that needs more samples.
    """
    short = [f"{name} needs {n}" for name, n in needed.items() if n_times < n]
    if short:
        raise ValueError(
            f"Windows of {n_times} samples (n_features={n_times}) are too short for "
            f"{estimator}: {', '.join(short)}. Take longer windows or leave the feature out."
        )
