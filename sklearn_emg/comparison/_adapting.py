"""Scores at each site by the number of labelled subjects of the site that are used for training."""

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
    """Return the increasing numbers of local subjects to learn from; none if `adapt` is None.

    Raise ValueError if `adapt` is not a positive integer, there are no sites, or the pipelines
    predict numbers.
    """
    if adapt is None:
        return []
    largest = check_integer(adapt, "adapt", "compare")
    if site is None or task == "regression":
        why = "the column of the sites: pass site=..." if site is None else "classifiers"
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
    """Compute the adaptation curves of each site.

    A pipeline that cannot be adapted is omitted with a warning.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Pipelines by name.
    X : DataFrame with a ``subject`` column
        Table of all sites.
    y : ndarray of shape (n_rows,)
        Label of each row.
    site : str
        Column with the site of each row.
    sizes : list of int
        Numbers of local subjects. If the list is empty, there are no curves.
    scores : Scores
        Settings with the confidence level, the number of resamples and the seed.

    Returns
    -------
    curves : dict of site to AdaptationCurve
        Curves of all pipelines at each site.
    """
    curves = {}
    for target in X[site].unique().tolist() if sizes else []:
        here = (X[site] == target).to_numpy()
        codes = Subjects.of(X[here]).codes
        labels = y[here][np.unique(codes, return_index=True)[1]]
        possible = [n for n in sizes if n <= largest_draw(labels)]
        if max(possible) == 0:
            warn(
                f"Site {target!r} has no curve: a class has only one subject there, but one "
                "subject of each class must remain for the test. Record more subjects, or omit "
                "'adapt'.",
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
    """Join the curves of several models on the same draws into one."""
    tables = {
        name: pd.concat([getattr(curve, name) for curve in curves], ignore_index=True)
        for name in ("summary", "predictions")
    }
    summary = type(curves[0].summary)(tables["summary"])
    return replace(curves[0], summary=summary, predictions=tables["predictions"])
