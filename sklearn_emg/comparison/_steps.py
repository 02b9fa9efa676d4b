"""Seconds that each step of a fitted pipeline takes for some recordings."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from sklearn_emg._tables import ReadableTable
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.recordings import check_recording_table, read_signal, with_signals

__all__ = ["time_steps"]


def time_steps(estimator: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Measure loading, preprocessing, features and prediction of a fitted pipeline apart.

    Parameters
    ----------
    estimator : fitted estimator
        A Pipeline over recording tables, a DiVoteClassifier, a Pipeline that ends with one, or a
        search over either.
    X : DataFrame
        Recording table, such as the test recordings of a fold. Recordings in files are read once,
        which is the loading.

    Returns
    -------
    times : DataFrame
        One row per step, in the order in which they run: ``step``, the path of the step; ``kind``,
        "loading", "preprocessing" (steps on recordings, and cutting windows), "features" (steps on
        windows before the classifier) or "prediction"; ``seconds``, and ``ms_per_recording``. The
        last row is the total.

    Raises
    ------
    TypeError
        If the last step does not predict.

    See Also
    --------
    compare : Measures the time of fits and of whole predictions in each fold.

    Notes
    -----
    Each step runs once. Results of steps are not taken from a store, so that the sum is the time
    for recordings that were never seen. The vote itself takes milliseconds and is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.comparison import time_steps
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> names = list("aabbccdd")
    >>> table = recording_table([rng.normal(size=500) for _ in names], fs=1000.0, subject=names)
    >>> windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> model = DiVoteClassifier(windows, window=0.1).fit(table[:4], list("nnpp"))
    >>> time_steps(model, table[4:])["kind"].tolist()
    ['loading', 'preprocessing', 'features', 'prediction', 'total']
    """
    check_recording_table(X, required=("signal", "fs"))
    rows: list[dict[str, Any]] = []

    def measured(step: str, kind: str, function: Callable[..., Any], *given: Any) -> Any:
        start = time.perf_counter()
        result = function(*given)
        seconds = time.perf_counter() - start
        rows.append({"step": step, "kind": kind, "seconds": seconds})
        return result

    X = measured("signals", "loading", lambda: with_signals(X, list(map(read_signal, X["signal"]))))
    _run(estimator, X, "preprocessing", "", measured)
    total = sum(row["seconds"] for row in rows)
    rows.append({"step": "all", "kind": "total", "seconds": total})
    times = pd.DataFrame(rows)
    return ReadableTable(times.assign(ms_per_recording=1e3 * times["seconds"] / len(X)))


def _run(estimator: Any, X: Any, kind: str, path: str, measured: Callable[..., Any]) -> None:
    """Run the parts of an estimator one after the other, each measured."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        *head, (name, last) = estimator.steps
        for step, part in head:
            samples = hasattr(part, "fit_resample")  # which act in training only
            if part is not None and part != "passthrough" and not samples:
                X = measured(path + step, kind, part.transform, X)
        _run(last, X, kind, path + name, measured)
    elif isinstance(estimator, DiVoteClassifier):
        windows = measured("windows", "preprocessing", estimator.windows, X).X
        _run(estimator.estimator_, windows, "features", "estimator__", measured)
    elif hasattr(estimator, "predict"):
        answer = getattr(estimator, "predict_proba", None) or estimator.predict
        measured(path.strip("_") or "estimator", "prediction", answer, X)
    else:
        raise TypeError(
            f"time_steps takes a pipeline that predicts; {type(estimator).__name__} at its end "
            "does not."
        )
