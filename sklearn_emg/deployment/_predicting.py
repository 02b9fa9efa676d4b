"""A table of predictions for new recordings: answer, certainty, agreement, quality."""

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

from sklearn_emg._tables import ReadableTable, counted, first_few
from sklearn_emg._validation import check_fraction
from sklearn_emg.adaptation import AdaptiveDiagnosis
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor, Votes, find_votes
from sklearn_emg.metrics import check_confidence, predict_subjects, wilson_interval
from sklearn_emg.preprocessing import QualityReport
from sklearn_emg.recordings import check_recording_table, is_recording_table, training_subjects

__all__ = ["prediction_table"]

_MAX_NAMED = 4


def prediction_table(
    model: Any,
    table: pd.DataFrame,
    *,
    quality: QualityReport | None = None,
    coverage: float = 0.9,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Predict new subjects, with the agreement of their recordings and the quality of the signals.

    Parameters
    ----------
    model : fitted classifier or regressor
        A fitted model, such as :func:`load_model` returns.
    table : DataFrame
        Recording table, or feature table with a ``subject`` column; all recordings of a subject
        together.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality` for the recordings; its findings
        are listed with their subjects.
    coverage : float, default=0.9
        Fraction of new subjects whose number the interval of a regressor should contain.
    confidence : float, default=0.95
        Confidence level of the interval of ``agreement``.

    Returns
    -------
    predictions : DataFrame
        One row per subject, or per `unit` of a DiVote model: ``n_recordings``; ``diagnosis`` and
        ``probability_<class>`` if the model gives probabilities, and for a DiVoteClassifier
        ``agreement``, the fraction of the windows that vote for the diagnosis, counted over those
        that do not overlap, with Wilson's interval ``agreement_low`` to ``agreement_high``; or
        ``prediction`` with ``low`` and ``high`` if a DiVoteRegressor with `cv` gives an interval;
        ``in_training``, "yes", "no" or "not known"; ``reasons``, the windows and recordings that
        agree with the diagnosis or the range of the recordings' numbers; ``quality``, the findings,
        "" for none and "not checked" without a report.

    Raises
    ------
    TypeError
        If the model predicts neither classes nor numbers.
    ValueError
        If the table has no subjects, or the quality is that of another table.

    Warns
    -----
    SubjectLeakWarning
        If some of the subjects were trained on.

    Notes
    -----
    The interval of ``agreement`` is that of the subject's windows and not of the diagnosis: a
    classifier that is wrong about a subject is wrong in most windows. How often a diagnosis is
    wrong is measured by :func:`~sklearn_emg.comparison.compare`.

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
        frame, rows = _diagnoses(votes, _seconds(_last(model)), confidence)
    else:
        frame, rows = _numbers(votes, _intervals(model, table, coverage))
    names = frame.index.get_level_values(0)
    known, complete = training_subjects(model)
    frame.insert(0, "in_training", [_seen(name, known, complete) for name in names])
    frame["quality"] = [_quality(quality, of_unit) for of_unit in rows]
    return ReadableTable(frame)


def _check(model: Any, table: Any, quality: QualityReport | None) -> None:
    """Refuse models that predict nothing, tables without subjects, quality of other tables."""
    if not hasattr(model, "predict") or not (is_classifier(model) or is_regressor(model)):
        path = isinstance(model, str | os.PathLike)
        raise TypeError(
            "The 'model' of prediction_table must be a fitted classifier or regressor. Got "
            + (f"{str(model)!r}: read it by load_model." if path else f"{type(model).__name__}.")
        )
    check_is_fitted(model)
    if not isinstance(table, pd.DataFrame) or "subject" not in table:
        raise ValueError("The 'table' of prediction_table must have a 'subject' column.")
    if is_recording_table(table):
        check_recording_table(table)
    if quality is not None and len(quality.index) != len(table):
        raise ValueError(
            f"The 'quality' of prediction_table has {counted(len(quality.index), 'recording')}, "
            f"the table has {len(table)}. Check the table that is predicted."
        )


def _seen(name: Any, known: frozenset[Any], complete: bool) -> str:
    return "yes" if name in known else "no" if complete else "not known"


def _plain(model: Any, table: pd.DataFrame) -> tuple[pd.DataFrame, list[NDArray[np.intp]]]:
    """Predictions of a model that does not vote."""
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
    """Rows of the recordings of each unit, in the order of the units."""
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
        agreement.append(_share(agree, confidence))
        recordings = votes.recordings.iloc[of_unit]
        recordings = recordings[recordings["n_windows"] > 0]
        texts.append(_agreement(recordings["vote"], diagnosis, "recording"))
        silent = len(of_unit) - len(recordings)
        texts += [f"{counted(silent, 'recording')} without a window"] if silent else []
        reasons.append("; ".join(dict.fromkeys(texts)))
    names = ["agreement", "agreement_low", "agreement_high"]
    frame = found[kept].assign(**dict(zip(names, np.array(agreement).T)))
    return frame.assign(reasons=reasons), rows


def _share(agree: NDArray[np.bool_], confidence: float) -> tuple[float, float, float]:
    """Fraction and its interval; without windows nothing is known."""
    if not len(agree):
        return np.nan, 0.0, 1.0
    share = float(agree.mean())
    return share, *wilson_interval(share, len(agree), confidence=confidence)


def _do_not_overlap(windows: pd.DataFrame, length: float | None) -> NDArray[np.bool_]:
    """Windows that begin after the end of the last one that is counted in their recording."""
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
    """The system within an AdaptiveDiagnosis or FrozenEstimator, or the model itself."""
    while isinstance(model, (AdaptiveDiagnosis, FrozenEstimator)):
        model = getattr(model, "estimator_", model.estimator)
    return model


def _last(model: Any) -> Any:
    """The DiVoteClassifier at the end of a fitted model that votes."""
    model = _adapted(model)
    while not isinstance(model, DiVoteClassifier):
        model = model.steps[-1][1] if isinstance(model, Pipeline) else model.best_estimator_
    return model


def _seconds(divote: DiVoteClassifier) -> float | None:
    """Length of a window in seconds, None where no recordings were cut.

    It is a little below that of whole samples, since starts are rounded.
    """
    if divote.window_shape_ is None or divote.fs_ is None:
        return None
    return (divote.window_shape_[-1] - 0.5) / divote.fs_


def _intervals(model: Any, table: pd.DataFrame, coverage: float) -> NDArray[np.floating] | None:
    """Intervals of a DiVoteRegressor with residuals out of fold; None for others."""
    model = _adapted(model)
    while not isinstance(model, DiVoteRegressor):
        if isinstance(model, Pipeline):
            table = model[:-1].transform(table) if len(model) > 1 else table
            model = model.steps[-1][1]
        else:
            model = model.best_estimator_
    if model.residuals_ is None:
        return None
    return model.predict_interval(table, coverage=coverage)


def _quality(quality: QualityReport | None, rows: Sequence[int] | NDArray[np.intp]) -> str:
    """Findings of the recordings of a unit, with the number of recordings."""
    if quality is None:
        return "not checked"
    found = quality.findings[quality.findings["row"].isin(list(rows))]
    texts = []
    for (level, text), part in found.groupby(["quality", "text"], sort=False):
        names = list(dict.fromkeys(part["recording"]))
        texts.append(f"{level}: {text} ({first_few(names, _MAX_NAMED)})")
    return "; ".join(texts)
