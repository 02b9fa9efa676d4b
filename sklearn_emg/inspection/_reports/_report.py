"""HTML page of a comparison, of a fitted pipeline or of the quality of recordings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_emg._validation import check_integer
from sklearn_emg.comparison import Comparison, ConfoundAudit, LeakageAudit
from sklearn_emg.inspection._reports._cards._card import Card, card_content
from sklearn_emg.inspection._reports._comparison_report import comparison_content
from sklearn_emg.inspection._reports._html import check_page, write_page
from sklearn_emg.inspection._reports._pipeline_report import (
    Predictions,
    pipeline_content,
    pipeline_title,
)
from sklearn_emg.inspection._reports._quality_report import quality_content, quality_section
from sklearn_emg.inspection._reports._regression_report import regression_content
from sklearn_emg.inspection._reports._run_report import run_content
from sklearn_emg.preprocessing import QualityReport
from sklearn_emg.recordings import has_subjects, warn_of_other_order


def report(
    result: Comparison | BaseEstimator | QualityReport,
    path: str | os.PathLike[str],
    *,
    audits: LeakageAudit | Mapping[str, LeakageAudit] | None = None,
    confounds: ConfoundAudit | None = None,
    quality: QualityReport | None = None,
    X: pd.DataFrame | None = None,
    y: ArrayLike | None = None,
    train_subjects: Iterable[Any] | None = None,
    cards: Card | Iterable[Card] | None = None,
    title: str | None = None,
    max_rows: int = 1000,
) -> Path:
    """Write one self-contained HTML page of a comparison, a fitted pipeline or recordings.

    The page opens offline and loads no other files. Its tables can be sorted with the mouse or the
    keyboard, and its light or dark theme follows the system of the reader. A text with the numbers
    accompanies every figure. Names from the data are shown as plain text, even if they contain
    markup.

    Parameters
    ----------
    result : Comparison, fitted estimator or QualityReport
        Result of :func:`~sklearn_emg.comparison.compare` or
        :func:`~sklearn_emg.preprocessing.check_quality`, or a fitted pipeline.
    path : str or path-like
        HTML file to write. An existing file is replaced when the new page is complete.
    audits : LeakageAudit or dict of str to LeakageAudit, default=None
        Results of :func:`~sklearn_emg.comparison.leakage_audit` by the name of the pipeline. Splits
        with leakage are labelled "leaky".
    confounds : ConfoundAudit, default=None
        Result of :func:`~sklearn_emg.comparison.confound_audit` of the same subjects.
    quality : QualityReport, default=None
        Result of :func:`~sklearn_emg.preprocessing.check_quality` for the recordings.
    X : DataFrame, default=None
        Table with a ``subject`` column for which the fitted pipeline predicts diagnoses or values.
    y : array-like of shape (n_rows,), default=None
        True label or value of each row of `X`.
    train_subjects : iterable, default=None
        Subjects that the pipeline was fitted on. Their predictions are labelled "leaky" and do not
        count in the accuracy or error. Without these subjects, the page states that they are not
        known.
    cards : Card or iterable of Card, default=None
        Model and data cards to include. By default, the page of a comparison includes the model
        card of its best pipeline, the first one in case of a tie. ``cards=()`` leaves it out.
    title : str, default=None
        Title of the page. By default, it describes `result`.
    max_rows : int, default=1000
        Maximum number of rows of a table of recordings, subjects or folds. A note states where rows
        were left out.

    Returns
    -------
    path : Path
        Path of the file.

    Raises
    ------
    ImportError
        If matplotlib or Jinja2 is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `result`, `audits`, `confounds`, `quality`, `cards` or `train_subjects` has the wrong
        type.
    ValueError
        If `path` is a folder, `X` has no ``subject`` column, the lengths of `X` and `y` differ,
        `max_rows` is not a positive integer, the classes of `confounds` and `result` differ, or a
        parameter does not apply to `result`.

    See Also
    --------
    preprocessing_report : Writes a page that shows what preprocessing does to a table.
    sklearn_emg.comparison.compare : Compares pipelines by subject-wise cross-validation.
    sklearn_emg.comparison.confound_audit : Tests which other properties predict the class.
    sklearn_emg.comparison.leakage_audit : Measures how much leaky splits overestimate accuracy.

    Notes
    -----
    The chance level is the proportion of subjects (or units) in the largest class. The interval of
    an accuracy is the Wilson interval if each subject has one diagnosis. A failed fit is shown with
    its traceback, which contains paths of files on the computer that ran it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import report
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame({"rms": rng.normal(size=80), "subject": np.repeat(range(20), 4)})
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> result = compare({"logistic": model}, X, y, cv=5, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = report(result, Path(folder) / "report.html")
    ...     "Largest class" in path.read_text(encoding="utf-8")
    True
    """
    path = check_page(path, "report")
    named = _checked_audits(audits)
    check_integer(max_rows, "max_rows", "report")
    cards = _checked_cards(cards)
    _check_quality(quality)
    predicted = {"X": X, "y": y, "train_subjects": train_subjects}
    if isinstance(result, QualityReport):
        others = {"audits": audits, "confounds": confounds, "quality": quality, "cards": cards}
        given = {**others, **predicted}
        _refuse_given(given, "a QualityReport has a separate page")
        write_page(
            path,
            "quality.html",
            title or "Quality of recordings",
            quality_content(result, max_rows),
        )
        return path
    if isinstance(result, Comparison):
        _refuse_given(predicted, "a Comparison has its own predictions")
        template, heading = _TEMPLATES[result.task], "Comparison of pipelines"
        content = _comparison(result, named, confounds, quality, cards, max_rows)
    else:
        _check_estimator(result)
        _check_confounds(confounds, getattr(result, "classes_", None))
        predictions = _checked_table(result, X, y, train_subjects)
        content = pipeline_content(result, named, confounds, predictions, max_rows)
        content["cards"] = [card_content(card) for card in cards or ()]
        template, heading = "pipeline.html", pipeline_title(result)
    content["recordings"] = quality_section(quality, max_rows)
    write_page(path, template, title or heading, content)
    return path


# Template of a comparison, by its task.
_TEMPLATES = {"classification": "comparison.html", "regression": "regression.html"}


def _comparison(
    result: Comparison,
    audits: dict[str, LeakageAudit],
    confounds: ConfoundAudit | None,
    quality: QualityReport | None,
    cards: list[Card] | None,
    max_rows: int,
) -> dict[str, Any]:
    """Prepare the content of the page of a comparison of classifiers or regressors."""
    if result.task == "regression":
        if confounds is not None:
            raise ValueError(
                "The 'confounds' of report apply only to classifiers. Leave them out for "
                "regressors."
            )
        content = regression_content(result, audits, max_rows)
    else:
        _check_confounds(confounds, result.classes)
        content = comparison_content(result, audits, confounds, max_rows)
    best = None if content["best"] is None else content["best"]["name"]
    return content | run_content(
        result, best, cards, audits=audits, confounds=confounds, quality=quality
    )


def _checked_cards(cards: Any) -> list[Card] | None:
    if cards is None:
        return None
    listed = [cards] if isinstance(cards, Card) else list(cards)
    for card in listed:
        if not isinstance(card, Card):
            raise TypeError(
                f"The 'cards' of report must be Cards. Got {type(card).__name__}: see "
                "sklearn_emg.inspection.model_card and data_card."
            )
    return listed


def _refuse_given(given: Mapping[str, Any], reason: str) -> None:
    """Raise an error if parameters are given that apply only to a different kind of result."""
    for name, value in given.items():
        if value is not None:
            kind = "a fitted pipeline" if name in ("X", "y", "train_subjects") else "other results"
            raise ValueError(f"The {name!r} of report is for {kind}; {reason}. Leave it out.")


def _check_quality(quality: Any) -> None:
    if quality is not None and not isinstance(quality, QualityReport):
        raise TypeError(
            f"The 'quality' of report must be a QualityReport. Got {type(quality).__name__}: run "
            "sklearn_emg.preprocessing.check_quality."
        )


def _checked_audits(audits: Any) -> dict[str, LeakageAudit]:
    if audits is None:
        return {}
    named = {"the pipeline": audits} if isinstance(audits, LeakageAudit) else audits
    if not isinstance(named, Mapping):
        raise TypeError(
            "The 'audits' of report must be a LeakageAudit or a dict of them. Got "
            f"{type(audits).__name__}: run sklearn_emg.comparison.leakage_audit."
        )
    for name, audit in named.items():
        if not isinstance(audit, LeakageAudit):
            raise TypeError(
                f"The 'audits' of report must hold LeakageAudits. Got {type(audit).__name__} for "
                f"{name!r} instead."
            )
    return {str(name): audit for name, audit in named.items()}


def _check_confounds(confounds: Any, classes: Any) -> None:
    if confounds is None:
        return
    if not isinstance(confounds, ConfoundAudit):
        raise TypeError(
            f"The 'confounds' of report must be a ConfoundAudit. Got {type(confounds).__name__}: "
            "run sklearn_emg.comparison.confound_audit."
        )
    audited = confounds.subjects.index.tolist()
    if classes is not None and set(audited) != set(np.asarray(classes).tolist()):
        raise ValueError(
            f"The 'confounds' of report have the classes {audited}, but the result has "
            f"{np.asarray(classes).tolist()}. Audit the table from which the result was computed."
        )


def _check_estimator(result: Any) -> None:
    if isinstance(result, LeakageAudit):
        raise TypeError(
            "The 'result' of report must be a Comparison or a fitted estimator. Got a "
            "LeakageAudit: give it as audits=..., together with the pipeline that was audited."
        )
    if isinstance(result, type) or not hasattr(result, "get_params"):
        what = result.__name__ if isinstance(result, type) else type(result).__name__
        raise TypeError(
            "The 'result' of report must be a QualityReport, a Comparison or a fitted estimator. "
            f"Got {what}."
        )
    try:
        check_is_fitted(result)
    except NotFittedError as error:
        raise NotFittedError(
            f"report needs a fitted pipeline: call the fit of {type(result).__name__} first."
        ) from error


def _checked_table(
    estimator: Any, X: Any, y: Any, train_subjects: Iterable[Any] | None
) -> Predictions | None:
    if X is None:
        for name, value in (("y", y), ("train_subjects", train_subjects)):
            if value is not None:
                raise ValueError(f"The {name!r} of report belongs to a table. Also give X.")
        return None
    if not (is_classifier(estimator) or is_regressor(estimator)):
        raise ValueError(
            "The 'X' of report is for a classifier or regressor. Got a "
            f"{type(estimator).__name__}, which is neither: leave X out."
        )
    if not has_subjects(X):
        raise ValueError(
            "The 'X' of report must be a table with a 'subject' column. Got "
            f"{type(X).__name__}: see sklearn_emg.recordings.recording_table."
        )
    if y is not None:
        check_consistent_length(X, y)
        warn_of_other_order(X, y, "y")
    if isinstance(train_subjects, str):
        raise TypeError(
            "The 'train_subjects' of report must be a list of subjects. Got the string "
            f"{train_subjects!r}."
        )
    train = None if train_subjects is None else set(train_subjects)
    return Predictions(estimator, X, y, train)
