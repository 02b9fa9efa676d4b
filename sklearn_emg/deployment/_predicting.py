"""Table of predictions for new recordings, with agreement of the votes and signal quality."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import end_of, last_of
from sklearn_emg._tables import ReadableTable, counted, first_few
from sklearn_emg._validation import check_fraction
from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.ensemble import (
    DiVoteClassifier,
    DiVoteRegressor,
    Votes,
    find_votes,
    through_transformers,
)
from sklearn_emg.metrics import check_confidence, predict_subjects, wilson_interval
from sklearn_emg.preprocessing import QualityReport
from sklearn_emg.recordings import (
    check_recording_table,
    has_subjects,
    is_recording_table,
    training_subjects,
)

_MAX_NAMED = 4


def prediction_table(
    model: Any,
    table: pd.DataFrame,
    *,
    quality: QualityReport | None = None,
    coverage: float = 0.9,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Predict new subjects and report the agreement of the votes and the signal quality.

    Parameters
    ----------
    model : fitted classifier or regressor
        Fitted model, for example one that :func:`load_model` returns.
    table : DataFrame
        Recording table, or feature table with a ``subject`` column. It must contain all recordings
        of each subject.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality` for the recordings. Its findings
        are listed for each subject.
    coverage : float, default=0.9
        Fraction of new subjects whose true value should lie in the interval of a regressor.
    confidence : float, default=0.95
        Confidence level of the interval of ``agreement``.

    Returns
    -------
    predictions : DataFrame
        One row per subject, or per `unit` of a DiVote model, with these columns:

        - ``in_training``: "yes", "no" or "not known".
        - ``n_recordings``: number of recordings.
        - ``diagnosis``: predicted class, for a classifier.
        - ``probability_<class>``: probability of each class, if the model gives probabilities.
        - ``agreement``: fraction of windows that vote for the diagnosis, for a DiVoteClassifier.
          Only windows that do not overlap are counted. ``agreement_low`` and ``agreement_high``
          are the limits of the Wilson interval.
        - ``prediction``: predicted value, for a regressor.
        - ``low`` and ``high``: limits of the prediction interval, for a DiVoteRegressor with `cv`.
        - ``reasons``: how many windows and recordings agree with the diagnosis, or the range of the
          values that are predicted for several recordings; "" for a model other than DiVote.
        - ``quality``: findings of `quality`, "" if there are none, or "not checked" without
          `quality`.

    Raises
    ------
    TypeError
        If `model` is neither a classifier nor a regressor.
    ValueError
        If `table` has no ``subject`` column, or its number of rows differs from that of `quality`.

    Warns
    -----
    SubjectLeakWarning
        If the model was trained on some of the subjects.

    Notes
    -----
    The interval of ``agreement`` describes the windows of the subject and not the certainty of the
    diagnosis: if a classifier is wrong about a subject, most windows may agree on the wrong class.
    :func:`~sklearn_emg.comparison.compare` measures how often a diagnosis is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.deployment import prediction_table
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = pd.DataFrame({"rms": rng.normal(size=40) + 4 * (y == "patient")})
    >>> X["subject"] = np.repeat(range(10), 4)
    >>> model = DiVoteClassifier(LogisticRegression(), window=None).fit(X, y)
    >>> new = pd.DataFrame({"rms": [3.9, 4.2, 0.1], "subject": ["new", "new", "other"]})
    >>> prediction_table(model, new)[["diagnosis", "in_training"]].T.to_dict()
    {'new': {'diagnosis': 'patient', 'in_training': 'no'},
     'other': {'diagnosis': 'control', 'in_training': 'no'}}
    """
    _check(model, table, quality)
    check_fraction(coverage, "coverage", "prediction_table", below=True)
    check_confidence(confidence)
    votes = find_votes(_adapted(model), table)
    if votes is None:
        frame, rows = _plain(model, table)
    elif is_classifier(model):
        frame, rows = _diagnoses(votes, _seconds(end_of(_adapted(model))), confidence)
    else:
        frame, rows = _numbers(votes, _intervals(model, table, coverage))
    names = frame.index.get_level_values(0)
    known, complete = training_subjects(model)
    frame.insert(0, "in_training", [_seen(name, known, complete) for name in names])
    frame["quality"] = [_quality(quality, of_unit) for of_unit in rows]
    return ReadableTable(frame)


def _check(model: Any, table: Any, quality: QualityReport | None) -> None:
    """Check that the model predicts and that the table and the report can be used with it."""
    if not hasattr(model, "predict") or not (is_classifier(model) or is_regressor(model)):
        path = isinstance(model, str | os.PathLike)
        raise TypeError(
            "The 'model' of prediction_table must be a fitted classifier or regressor. Got "
            + (f"{str(model)!r}: read it with load_model." if path else f"{type(model).__name__}.")
        )
    check_is_fitted(model)
    if not has_subjects(table):
        raise ValueError("The 'table' of prediction_table must have a 'subject' column.")
    if is_recording_table(table):
        check_recording_table(table)
    if quality is not None and len(quality.index) != len(table):
        raise ValueError(
            f"The 'quality' of prediction_table has {counted(len(quality.index), 'recording')}, "
            f"but the table has {len(table)}. Pass the quality report of this table."
        )


def _seen(name: Any, known: frozenset[Any], complete: bool) -> str:
    return "yes" if name in known else "no" if complete else "not known"


def _plain(model: Any, table: pd.DataFrame) -> tuple[pd.DataFrame, list[NDArray[np.intp]]]:
    """Return the predictions of a model that does not vote, and the rows of each subject."""
    found = predict_subjects(model, table)
    rows = [np.flatnonzero((table["subject"] == name).to_numpy()) for name in found.subject]
    index = pd.Index(list(found.subject), name="subject", tupleize_cols=False)
    answer = "prediction" if found.are_numbers else "diagnosis"
    frame = pd.DataFrame(
        {"n_recordings": [len(r) for r in rows], answer: np.asarray(found.y_pred)}, index=index
    )
    if found.y_proba is not None:
        frame[[f"probability_{c}" for c in found.classes]] = found.y_proba
    return frame.assign(reasons=""), rows


def _unit_rows(votes: Votes) -> list[NDArray[np.intp]]:
    """Return the row numbers of the recordings of each unit, in the order of the units."""
    names = list(votes.recordings.columns[: votes.subjects.index.nlevels])
    codes = pd.factorize(pd.MultiIndex.from_frame(votes.recordings[names]))[0]
    return [np.flatnonzero(codes == k) for k in range(len(votes.subjects))]


def _diagnoses(
    votes: Votes, length: float | None, confidence: float
) -> tuple[pd.DataFrame, list[NDArray[np.intp]]]:
    rows = _unit_rows(votes)
    found = votes.subjects
    kept = ["n_recordings", "diagnosis"]
    kept += [str(c) for c in found if str(c).startswith("probability_")]
    of_window = votes.windows["row"].to_numpy()
    apart = votes.windows[_do_not_overlap(votes.windows, length)]
    reasons, agreement = [], []
    for diagnosis, of_unit in zip(found["diagnosis"], rows):
        windows = votes.windows[np.isin(of_window, of_unit)]["vote"]
        texts = [_agreement(windows, diagnosis, "window")]
        agree = (apart["vote"][np.isin(apart["row"], of_unit)] == diagnosis).to_numpy()
        agreement.append(_fraction_of_votes(agree, confidence))
        recordings = votes.recordings.iloc[of_unit]
        recordings = recordings[recordings["n_windows"] > 0]
        texts.append(_agreement(recordings["vote"], diagnosis, "recording"))
        silent = len(of_unit) - len(recordings)
        texts += [f"{counted(silent, 'recording')} without a window"] if silent else []
        reasons.append("; ".join(dict.fromkeys(texts)))
    names = ["agreement", "agreement_low", "agreement_high"]
    frame = found[kept].assign(**dict(zip(names, np.array(agreement).T)))
    return frame.assign(reasons=reasons), rows


def _fraction_of_votes(agree: NDArray[np.bool_], confidence: float) -> tuple[float, float, float]:
    """Return the fraction of votes and its interval, which is [0, 1] without windows."""
    if not len(agree):
        return np.nan, 0.0, 1.0
    fraction = float(agree.mean())
    return fraction, *wilson_interval(fraction, len(agree), confidence=confidence)


def _do_not_overlap(windows: pd.DataFrame, length: float | None) -> NDArray[np.bool_]:
    """Select the windows that start after the end of the last selected one of their recording."""
    keep = np.ones(len(windows), dtype=bool)
    if length is None or "start" not in windows:
        return keep
    row, free = None, 0.0
    for k, (of_row, start) in enumerate(zip(windows["row"], windows["start"])):
        keep[k] = of_row != row or start >= free
        if keep[k]:
            row, free = of_row, start + length
    return keep


def _agreement(found: pd.Series, diagnosis: Any, noun: str) -> str:
    return f"{int((found == diagnosis).sum())} of {counted(len(found), noun)} for {diagnosis}"


def _numbers(
    votes: Votes, intervals: NDArray[np.floating] | None
) -> tuple[pd.DataFrame, list[NDArray[np.intp]]]:
    rows = _unit_rows(votes)
    frame = votes.subjects[["n_recordings", "prediction"]].copy()
    if intervals is not None:
        frame[["low", "high"]] = intervals[[of_unit[0] for of_unit in rows]]
    reasons = []
    for of_unit in rows:
        numbers = votes.recordings.iloc[of_unit]["prediction"].dropna()
        low, high = numbers.min(), numbers.max()
        reasons.append(f"recordings from {low:.3g} to {high:.3g}" if len(numbers) > 1 else "")
    return frame.assign(reasons=reasons), rows


def _adapted(model: Any) -> Any:
    """Return the system inside an AdaptiveDiagnosis or FrozenEstimator, or the model itself."""
    while isinstance(model, (AdaptiveDiagnosis, FrozenEstimator)):
        model = getattr(model, "estimator_", model.estimator)
    return model


def _seconds(divote: DiVoteClassifier) -> float | None:
    """Return the length of a window in s, or None if no windows were cut.

    The length is reduced by half a sample, because the starts of windows are rounded.
    """
    if divote.window_shape_ is None or divote.fs_ is None:
        return None
    return (divote.window_shape_[-1] - 0.5) / divote.fs_


def _intervals(model: Any, table: pd.DataFrame, coverage: float) -> NDArray[np.floating] | None:
    """Return the intervals of a DiVoteRegressor with out-of-fold residuals, otherwise None."""
    model = _adapted(model)
    while not isinstance(model, DiVoteRegressor):
        if isinstance(model, Pipeline):
            model, table = last_of(model), through_transformers(model, table)
        else:
            model = model.best_estimator_
    if model.residuals_ is None:
        return None
    return model.predict_interval(table, coverage=coverage)


def _quality(quality: QualityReport | None, rows: Sequence[int] | NDArray[np.intp]) -> str:
    """List the quality findings of a unit and the recordings that they concern."""
    if quality is None:
        return "not checked"
    found = quality.findings[quality.findings["row"].isin(list(rows))]
    texts = []
    for (level, text), part in found.groupby(["quality", "text"], sort=False):
        names = list(dict.fromkeys(part["recording"]))
        texts.append(f"{level}: {text} ({first_few(names, _MAX_NAMED)})")
    return "; ".join(texts)
