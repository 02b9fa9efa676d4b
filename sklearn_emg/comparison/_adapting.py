"""Scores at each site by the number of its subjects that a pipeline learned from before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning

from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import warn
from sklearn_emg.adaptation import (
    AdaptationCurve,
    AdaptiveDiagnosis,
    adaptation_curve,
    largest_draw,
)
from sklearn_emg.comparison._scores import Scores
from sklearn_emg.recordings import Subjects

_SIZES = (0, 1, 3, 5, 10, 20, 50, 100)


def sizes_up_to(adapt: int | None, site: str | None, task: str) -> list[int]:
    """Numbers of local subjects for a largest one; none for None.

    Parameters
    ----------
    adapt : int or None
    site : str or None
        Column of the sites, which is needed.
    task : {"classification", "regression"}

    Returns
    -------
    sizes : list of int

    Raises
    ------
    ValueError
        If `adapt` is not a number above 0, there are no sites, or the pipelines predict numbers.
    """
    if adapt is None:
        return []
    largest = check_integer(adapt, "adapt", "compare")
    if site is None or task == "regression":
        why = "the column of the sites: give site=..." if site is None else "classifiers"
        raise ValueError(f"The 'adapt' parameter of compare needs {why}.")
    return [*(n for n in _SIZES if n < largest), largest]


def adapted_curves(
    pipelines: Mapping[str, Any],
    X: pd.DataFrame,
    y: NDArray[Any],
    site: str,
    sizes: list[int],
    scores: Scores,
) -> dict[Any, AdaptationCurve]:
    """Curve of each site; a pipeline that cannot adapt is left out with a warning.

    Parameters
    ----------
    pipelines : dict of str to estimator
    X : DataFrame with a ``subject`` column
    y : ndarray of shape (n_rows,)
    site : str
    sizes : list of int
        Empty for no curves.
    scores : Scores
        Gives confidence level, number of resamples and seed.

    Returns
    -------
    curves : dict of site to AdaptationCurve
    """
    curves = {}
    for target in X[site].unique().tolist() if sizes else []:
        here = (X[site] == target).to_numpy()
        codes = Subjects.of(X[here]).codes
        labels = y[here][np.unique(codes, return_index=True)[1]]
        possible = [n for n in sizes if n <= largest_draw(labels)]
        if max(possible) == 0:
            warn(
                f"Site {target!r} has no curve: a class has one subject there, and a subject of "
                "each class must be left for the test. Record more, or leave 'adapt' out.",
                FitFailedWarning,
            )
            continue
        found = []
        for name, pipeline in pipelines.items():
            own = isinstance(pipeline, AdaptiveDiagnosis)
            model = clone(pipeline) if own else AdaptiveDiagnosis(clone(pipeline))
            try:
                curve = adaptation_curve(
                    {name: model}, X, y, target=target, site=site, sizes=possible,
                    confidence=scores.confidence, n_resamples=scores.n_resamples,
                    random_state=scores.seed,
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001
                reason = f"{name} could not be adapted to site {target!r}: {error}"
                warn(f"{reason} It has no curve there.", FitFailedWarning)
            else:
                found.append(curve)
        if found:
            curves[target] = _joined(found)
    return curves


def _joined(curves: list[AdaptationCurve]) -> AdaptationCurve:
    """Curves of several models on the same draws as one."""
    tables = {
        name: pd.concat([getattr(curve, name) for curve in curves], ignore_index=True)
        for name in ("summary", "predictions")
    }
    summary = type(curves[0].summary)(tables["summary"])
    return replace(curves[0], summary=summary, predictions=tables["predictions"])
