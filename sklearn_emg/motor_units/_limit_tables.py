"""Published limits with their sources, statistics to which limits apply, and muscle potentials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._tables import columns_text, counted
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.motor_units._decomposer import MotorUnitDecomposer
from sklearn_emg.motor_units._measures import MEASURES, template_measures
from sklearn_emg.recordings import (
    check_recording_table,
    is_healthy,
    refuse_missing_labels,
    warn_of_other_order,
)

# Mean and SD of the means of healthy subjects, and limits of single potentials, in mV and ms.
_GUIDELINE = (
    "Norwegian guideline of clinical neurophysiology (concentric needle), after C. Bischoff, "
    "E. Stålberg et al. 1994"
)
PUBLISHED_LIMITS: list[dict[str, Any]] = [
    dict(zip(("muscle", "measure", "mean", "sd", "lowest", "highest"), row), source=_GUIDELINE)
    for row in (
        ("deltoid", "amplitude", 0.550, 0.110, 0.162, 1.531),
        ("deltoid", "duration", 10.4, 1.3, 4.2, 18.4),
        ("biceps brachii", "amplitude", 0.436, 0.115, 0.178, 1.414),
        ("biceps brachii", "duration", 9.9, 1.4, 4.2, 16.4),
        ("first dorsal interosseous", "amplitude", 0.752, 0.247, 0.188, 2.301),
        ("first dorsal interosseous", "duration", 9.4, 1.3, 4.0, 18.0),
    )
]

LOGARITHMIC = frozenset({"amplitude", "area", "duration", "thickness", "rise_time"})
STATISTICS = ("mean", "lowest", "highest")

# Words for values below and above the limits, and whether the measure determines probabilities.
WORDS: dict[str, tuple[str, str, bool]] = {
    "amplitude": ("low", "high", True),
    "duration": ("short", "long", True),
    "area": ("small-area", "large-area", True),
    "thickness": ("thin", "thick", True),
    "size_index": ("small", "large", True),
    "phases": ("few-phase", "polyphasic", False),
    "turns": ("few-turn", "many-turn", False),
    "rise_time": ("fast-rising", "slow-rising", False),
}
_CLASSES = {"myopathic": -2.0, "normal": 0.0, "neuropathic": 2.0}
_ALIASES = {
    "biceps": "biceps brachii",
    "deltoideus": "deltoid",
    "first dorsal interosseus": "first dorsal interosseous",
    "fdi": "first dorsal interosseous",
}
FACTS = ("subject", "muscle", "age", "recording", "side")


def muscle_name(name: Any) -> str:
    """Name of a muscle in lower case, with single blanks (no underscores), and in one spelling.

    Parameters
    ----------
    name : str
        Name in any spelling.

    Returns
    -------
    name : str
        Name in the spelling that limits use.

    Raises
    ------
    ValueError
        If the name is not text or is empty.
    """
    text = " ".join(name.lower().replace("_", " ").split()) if isinstance(name, str) else ""
    if not text:
        raise ValueError(f"The name of a muscle must be a non-empty text. Got {name!r}.")
    return _ALIASES.get(text, text)


def check_groups(X: pd.DataFrame, y: ArrayLike, caller: str) -> None:
    """Check that each row of a table has a label, and each subject the same one in all rows.

    Parameters
    ----------
    X : DataFrame
        Table with a column ``subject``, and ``row`` if it was made from a table of recordings.
    y : array-like of shape (n_rows,)
        Group of each row.
    caller : str
        Name of the class for the message.

    Raises
    ------
    ValueError
        If X and y differ in length, a label is missing, or a subject has several labels.
    """
    warn_of_other_order(X, y, "y")
    n = np.size(np.asarray(y, dtype=object))
    if n != len(X):
        hint = " If y has one label per recording, pass np.asarray(y)[X['row']]."
        raise ValueError(
            f"{caller}: y has {counted(n, 'label')} for {counted(len(X), 'row')} of X."
            f"{hint if 'row' in X else ''}"
        )
    refuse_missing_labels(y)
    groups = pd.Series(np.asarray(y, dtype=object).ravel(), index=X.index)
    if "subject" in X and (several := groups.groupby(X["subject"]).nunique() > 1).any():
        raise ValueError(
            f"Subject {several.idxmax()!r} has several groups. Give one group per subject."
        )


def healthy_rows(X: pd.DataFrame, y: ArrayLike, caller: str) -> pd.DataFrame:
    """Select the rows of healthy subjects.

    Parameters
    ----------
    X : DataFrame
        Table with one label per row.
    y : array-like of shape (n_rows,)
        Group of each row. The groups called healthy, normal or control are kept.
    caller : str
        Name of the class for the message.

    Returns
    -------
    healthy : DataFrame
        Rows of X that belong to healthy subjects.

    Raises
    ------
    ValueError
        In the same cases as in :func:`check_groups`, or if no group is called healthy, normal or
        control.
    """
    check_groups(X, y, caller)
    healthy = np.array([is_healthy(label) for label in np.asarray(y, dtype=object)])
    if not healthy.any():
        raise ValueError(
            f"{caller} learns from healthy subjects, but no label of y is called healthy, normal "
            f"or control. Got {sorted(set(map(str, np.asarray(y))))}."
        )
    return X[healthy]


def control_range(
    values: NDArray[np.float64], factor: float, *, centre: Any = None, n_terms: int = 0
) -> tuple[Any, Any, Any, Any]:
    """Centre, SD and limits ``centre +- factor * SD`` of the values of controls.

    Parameters
    ----------
    values : ndarray of shape (n_controls, ...)
        Values of the controls, with NaN for missing values. Without any value, limits are NaN.
    factor : float
        Factor of the SD.
    centre : float, default=None
        Centre. By default it is the mean.
    n_terms : int, default=0
        Number of estimated terms of the centre, which is subtracted from the divisor of the
        variance.

    Returns
    -------
    centre, sd, low, high : float or ndarray of shape (...)
        Centre, SD, lower limit and upper limit.
    """
    known = np.isfinite(values)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        if centre is None:
            centre = np.where(known, values, 0.0).sum(axis=0) / n
        squares = np.where(known, values - centre, 0.0) ** 2
        sd = np.sqrt(squares.sum(axis=0) / (n - n_terms))
    return centre, sd, centre - factor * sd, centre + factor * sd


def statistics_of(values: NDArray[np.float64]) -> dict[str, float]:
    """Number and mean of potentials, and the third lowest and third highest of 20 potentials.

    For n potentials, the latter are those of rank ``n // 10 + 1`` from either end.

    Parameters
    ----------
    values : ndarray of shape (n_potentials,)
        One measure of each potential.

    Returns
    -------
    statistics : dict
        Values of "n", "mean", "lowest" and "highest".
    """
    n = len(values)
    if n == 0:
        return {"n": 0, "mean": np.nan, "lowest": np.nan, "highest": np.nan}
    ordered, k = np.sort(values), n // 10
    return {"n": n, "mean": ordered.mean(), "lowest": ordered[k], "highest": ordered[-1 - k]}


def class_probabilities(z: Any) -> dict[str, Any]:
    """Class probabilities with equal priors and normal distributions of unit SD at -2, 0 and 2.

    Parameters
    ----------
    z : float or array-like
        Score of each muscle or potential.

    Returns
    -------
    probabilities : dict
        Probabilities of "myopathic", "normal" and "neuropathic", each with the shape of `z`.
    """
    # The squares of z cancel, which avoids underflow for large z.
    z = np.clip(z, -1e6, 1e6)
    logs = {name: centre * z - centre**2 / 2 for name, centre in _CLASSES.items()}
    top = np.maximum.reduce(list(logs.values()))
    weights = {name: np.exp(value - top) for name, value in logs.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def muscle_potentials(
    table: pd.DataFrame, method: MUAPFeatures | MotorUnitDecomposer | None = None
) -> pd.DataFrame:
    """Measure the potentials of recordings, with the subject and muscle of each potential.

    Parameters
    ----------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table with the columns ``subject`` and ``muscle`` and, optionally, ``age``,
        ``recording`` and ``side``. Slow drift must be removed first, for instance by a high-pass
        filter at 20 Hz.
    method : MUAPFeatures or MotorUnitDecomposer, default=None
        Method to find potentials: MUAPFeatures measures isolated discharges, and
        MotorUnitDecomposer the average potential of each motor unit in the channel in which it is
        largest. The default is ``MUAPFeatures()``. Limits must be learned with the method with
        which subjects are measured.

    Returns
    -------
    potentials : DataFrame of shape (n_potentials, n_columns)
        Potentials with one potential per row. The columns are ``row``, the position of the
        recording; those of the above columns that `table` has; ``amplitude`` (mV), ``duration``
        (ms), ``phases``, ``turns``, ``rise_time`` (ms), ``area`` (mV ms), ``thickness`` (ms) and
        ``size_index``. For isolated discharges, ``channel`` and ``peak``, the time in s, are added;
        for a decomposition, ``channel`` and ``unit`` are added.

    Raises
    ------
    ValueError
        If the table is not a recording table or lacks a column.
    TypeError
        If `method` is an object of another class.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_nemg_cohort
    >>> from sklearn_emg.motor_units import muscle_potentials
    >>> table, _ = make_nemg_cohort(3, n_recordings=3, duration=1.0, fs=8000.0, return_X_y=True,
    ...                             random_state=0)
    >>> potentials = muscle_potentials(table.assign(muscle="deltoid"))
    >>> potentials[["subject", "muscle", "amplitude", "duration"]].shape[1]
    4
    """
    check_recording_table(table)
    if lacking := [name for name in ("subject", "muscle") if name not in table]:
        raise ValueError(f"The table of muscle_potentials lacks the {columns_text(lacking)}.")
    if method is not None and not isinstance(method, (MUAPFeatures, MotorUnitDecomposer)):
        raise TypeError(
            "The 'method' of muscle_potentials must be MUAPFeatures or MotorUnitDecomposer. Got "
            f"{method!r}."
        )
    if isinstance(method, MotorUnitDecomposer):
        found = template_measures(MotorUnitDecomposer(**method.get_params()).fit(table).templates_)
        # A unit that occurs in several channels of a needle counts once, where it is largest.
        found = found.sort_values("amplitude", ascending=False, kind="stable")
        found = found.drop_duplicates(["row", "unit"]).sort_values(["row", "unit"])
        found = found.dropna(subset=["amplitude"])
    else:
        extractor = MUAPFeatures(**({} if method is None else method.get_params()))
        found = extractor.fit(table).potentials(table)
        found = found[found["isolated"]].rename(columns={"window": "row"})
    rows = found["row"].to_numpy(dtype=np.intp)
    facts = table.iloc[rows][[name for name in FACTS if name in table]].reset_index(drop=True)
    names = [name for name in ("channel", "peak", "unit", *MEASURES) if name in found]
    measured = found[names].reset_index(drop=True)
    return pd.concat([pd.Series(rows, name="row"), facts, measured], axis=1)
