"""Distinction of feature columns of a table from identities and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_emg._sklearn import inner_parts
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings._frames import has_subjects
from sklearn_emg.recordings._table import METADATA_COLUMNS

# Estimators that pass columns on, choose among them, or predict without them.
_NOT_LEARNING = (ColumnTransformer, FunctionTransformer, DummyClassifier, DummyRegressor)

# Parts of a name, such as "patient" in "patient_no", that mark an identity or a label.
_IDENTITY = {
    *("subject", "subjects", "subj", "patient", "patients", "participant", "participants"),
    *("person", "persons", "proband", "volunteer", "id", "ids", "identifier", "uid", "uuid"),
    *("subjectid", "patientid", "participantid", "pid", "ptid", "mrn", "patnr", "patno"),
    *("probanden", "sujet", "paziente", "paciente"),
}
# Words that mark an identity only if the name contains no further word than those for a number.
_NUMBERED = {"case", "sub", "pat", "code", "hospital", "admission", "accession", "study"}
_NUMBER = {"number", "num", "no", "nr", "code"}
_LABEL = {
    *("label", "labels", "target", "targets", "class", "classes", "diagnosis", "diagnoses"),
    *("disease", "diagnostic", "outcome", "truth", "dx"),
}
# Words that mark a label only if the name contains no further word than "is" or a number.
_NUMBERED_LABEL = {"diag", "healthy", "control", "phenotype", "cohort", "icd"}
# Words for the place of a row; a name that contains any other word is not a place.
_PLACE = {
    *("unnamed", "index", "idx", "row", "rows", "fold", "folds", "record", "recording", "file"),
    *("filename", "path", "name", "window", "segment", "epoch", "trial", "y", "group", "groups"),
    *("number", "no", "nr", "set", "partition", "level", "rec", "chunk", "block", "rep", "start"),
    *("stop", "end", "onset", "time", "timestamp", "date", "datetime", "day", "session", "visit"),
    *("train", "training", "test", "validation", "split"),
}
# Words that may accompany those of a place but are none on their own.
_WITH_PLACE = {"s", "sec", "ms", "cv", "is", "true"}
_HEALTHY = {
    *("healthy", "control", "controls", "normal", "healthy control", "healthy controls"),
    "normal control",
}
# Names of metadata without separators; in the usual spelling they are left out without a warning.
_METADATA = {re.sub("[^a-z]", "", name) for name in METADATA_COLUMNS}
# Minimum number of rows or steps at which a column that counts rows is not a coincidence.
_MIN_COUNTED_ROWS = 10
# Minimum number of subjects at which columns that tell them apart are not a coincidence.
_MIN_SUBJECTS = 5
_CONSTANT = "constant within each subject"
_COUNT = "a count of the rows"
_LIKE_COUNT = "like a count of the rows"


def _words(name: Any) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(name)).lower()
    return [word for word in re.split(r"[^a-z]+", spaced) if word]


_REASONS = {
    "identity": "named like an identity",
    "label": "named like a label",
    "place": "named like the number or place of a row",
}


def named_like(name: Any) -> Literal["identity", "label", "place"] | None:
    """Return the kind of a column according to its name.

    Parameters
    ----------
    name : object
        Name of the column.

    Returns
    -------
    kind : {"identity", "label", "place"} or None
        Kind of the column, where "place" is the number or place of a row; None if the column may
        be a feature.
    """
    words = _words(name)
    squeezed = "".join(words)
    is_numbered = bool(set(words) & _NUMBERED) and set(words) <= _NUMBERED | _NUMBER
    if is_numbered or {*words, squeezed} & _IDENTITY:
        return "identity"
    is_numbered = bool(set(words) & _NUMBERED_LABEL) and set(words) <= {
        *(_NUMBERED_LABEL | _NUMBER),
        "is",
    }
    if is_numbered or set(words) & _LABEL or squeezed == "groundtruth":
        return "label"
    if set(words) & _PLACE and set(words) <= _PLACE | _WITH_PLACE:
        return "place"
    return None


def _codes(values: Any) -> NDArray[np.intp]:
    if isinstance(values, (np.ndarray, pd.DataFrame)) and values.ndim > 1:
        values = np.ravel(values)  # labels in a column
    if not isinstance(values, pd.Series):
        values = pd.Series(list(values), dtype=object)
    return pd.factorize(values, use_na_sentinel=False)[0]


def _n_pairs(first: NDArray[np.intp], second: NDArray[np.intp]) -> int:
    return len(np.unique(first.astype(np.int64) * (int(second.max()) + 1) + second))


def _reveals_label(column: NDArray[np.intp], y: NDArray[np.intp]) -> str | None:
    """Return how a column of codes follows from the labels, or None."""
    n_values, n_labels = int(column.max()) + 1, int(y.max()) + 1
    if not 1 < n_values <= n_labels < len(y) or _n_pairs(column, y) > n_labels:
        return None
    if n_values == n_labels:
        return "one-to-one with y"
    # A rare label could agree with a column by chance.
    return "determined by y" if np.bincount(y).min() >= 3 else None


def _reveals_subject(
    column: NDArray[np.intp], subject: NDArray[np.intp], integers: bool
) -> str | None:
    """Return how a column of codes distinguishes the subjects, or None."""
    n_values, n_subjects = int(column.max()) + 1, int(subject.max()) + 1
    can_nest = integers and _MIN_SUBJECTS <= n_subjects < n_values <= len(column) / 2
    if not 1 < n_subjects < len(subject) or not (1 < n_values <= n_subjects or can_nest):
        return None
    n_pairs = _n_pairs(column, subject)
    if n_pairs == n_values == n_subjects:
        return "one-to-one with the subject"
    # Subjects that differ from the most frequent value.
    n_other = n_subjects - np.bincount(column[np.unique(subject, return_index=True)[1]]).max()
    if n_pairs == n_subjects and n_other >= 3 and np.bincount(subject).min() > 1:
        return _CONSTANT
    return "each value occurs in one subject only" if can_nest and n_pairs == n_values else None


def _reason_by_name(name: Any, has_subjects: bool) -> str | None:
    """Return why a column is not a feature according to its name, or None."""
    if kind := named_like(name):
        return _REASONS[kind]
    return "named like metadata" if has_subjects and "".join(_words(name)) in _METADATA else None


def _counts_rows(values: NDArray[np.floating], subject: NDArray[np.intp] | None) -> str | None:
    """Return how numbers count rows, in the table or within each subject, or None."""
    steps = np.diff(values)
    if len(values) < _MIN_COUNTED_ROWS or not np.isfinite(steps).all():
        return None
    if (steps == 1).all() or (steps == -1).all():
        return _COUNT
    return _LIKE_COUNT if _is_like_count(values, steps, subject) else None


def _is_like_count(
    values: NDArray[np.floating], steps: NDArray[np.floating], subject: NDArray[np.intp] | None
) -> bool:
    """Return whether numbers have a constant step, or are a selection or reordering of a count."""
    within = steps if subject is None else steps[np.diff(subject) == 0]
    for some in (steps, within):
        equal = np.allclose(some, some[:1], rtol=1e-6, atol=1e-12 * np.abs(values).max())
        if len(some) >= _MIN_COUNTED_ROWS - 1 and equal and some[0] != 0:
            return True
    if not _are_integers(values):
        return False
    return bool((steps > 0).all() or (steps < 0).all() or (np.diff(np.sort(values)) == 1).all())


def _are_integers(values: NDArray[np.floating]) -> bool:
    return bool((values == np.round(values)).all())


def _reason_by_values(
    column: pd.Series, y: NDArray[np.intp] | None, subject: NDArray[np.intp] | None
) -> str | None:
    """Return why a column is not a feature according to its values, or None."""
    if len(column) == 0 or not pd.api.types.is_numeric_dtype(column):
        return None
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if not pd.api.types.is_bool_dtype(column) and (reason := _counts_rows(values, subject)):
        return reason
    codes = _codes(column.to_numpy())
    reason = None if y is None else _reveals_label(codes, y)
    if reason is None and subject is not None:
        reason = _reveals_subject(codes, subject, _are_integers(values))
    return reason


def is_healthy(label: Any) -> bool:
    """Return whether a class or group is called healthy, normal or control, in any letter case."""
    return " ".join(_words(label)) in _HEALTHY


def revealing_columns(
    table: pd.DataFrame, y: Labels | None = None, groups: Labels | None = None
) -> dict[Any, str]:
    """Find the columns that seem to reveal the subject or the label, with the reasons.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The table.
    y : array-like of shape (n_rows,), default=None
        Label of each row.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row. By default it is taken from the column ``subject`` if there is one.

    Returns
    -------
    reasons : dict
        Reason for each column that seems to reveal the subject or the label. Of `METADATA_COLUMNS`,
        only ``label`` is examined.
    """
    if groups is None and "subject" in table.columns:
        groups = table["subject"]
    subject = None if groups is None else _codes(groups)
    label = None if y is None else _codes(y)
    reasons = {}
    for place, name in enumerate(table.columns):
        # Metadata are known not to be features, but a label deserves a warning.
        if name in METADATA_COLUMNS and name != "label":
            continue
        reason = _reason_by_name(name, subject is not None)
        if reason := reason or _reason_by_values(table.iloc[:, place], label, subject):
            reasons[name] = reason
    if set(table.columns) <= {*METADATA_COLUMNS, *reasons}:
        # If no other columns remain, these are features of subjects, or a feature with even steps.
        uncertain = {_CONSTANT, _LIKE_COUNT}
        reasons = {name: reason for name, reason in reasons.items() if reason not in uncertain}
    return reasons


def feature_columns(
    table: pd.DataFrame,
    y: Labels | None = None,
    *,
    groups: Labels | None = None,
    other: Iterable[str | None] = (),
    include: str = "name it among the features",
) -> list[Any]:
    """Find the columns of a table that can be features, without metadata, identities and labels.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Feature table with one row per window or recording.
    y : array-like of shape (n_rows,), default=None
        Label of each row. A column that is one-to-one with the labels is not a feature.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row. By default it is taken from the column ``subject`` if there is one. A
        column that is one-to-one with the subjects is not a feature.
    other : iterable of str, default=()
        Further columns that are not features.
    include : str, default="name it among the features"
        Advice in the warning on how to use a column that was left out.

    Returns
    -------
    columns : list
        Names of the columns in the order of the table. The columns need not be numeric.

    Warns
    -----
    RecordingWarning
        If columns are left out because they reveal subjects or labels. Usual metadata (other than
        ``label``) and the columns in `other` are left out without a warning.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.recordings import feature_columns
    >>> table = pd.DataFrame({"rms": [0.1, 0.3], "age": [40, 50], "subject": ["a", "b"]})
    >>> feature_columns(table)
    ['rms']
    """
    other = set(other)
    left_out = {*METADATA_COLUMNS, *other}
    reasons = revealing_columns(table, y, groups)
    reasons = {name: reason for name, reason in reasons.items() if name not in other}
    warn_of_left_out(reasons, include)
    return [name for name in table.columns if name not in left_out and name not in reasons]


def warn_of_left_out(reasons: Mapping[Any, str], include: str) -> None:
    """Warn about columns left out of the features; `include` advises how to use one of them."""
    if reasons:
        listed = ", ".join(f"{name!r} ({reason})" for name, reason in reasons.items())
        warn(
            f"Columns left out of the features: {listed}. If one of them is a feature, {include}.",
            RecordingWarning,
        )


def _identities(table: pd.DataFrame, y: Labels | None) -> dict[Any, str]:
    """Find the columns that reveal the subject or the label, with the reasons."""
    own = {"subject": "the subject"} if "subject" in table.columns else {}
    return own | revealing_columns(table, y)


def warn_of_identities(X: Any, y: Labels | None, caller: str) -> None:
    """Warn that an estimator uses identities or labels of a DataFrame as features."""
    if isinstance(X, pd.DataFrame) and (reasons := _identities(X, y)):
        listed = ", ".join(f"{name!r} ({reason})" for name, reason in reasons.items())
        warn(
            f"{caller} uses columns that are not features: {listed}. Leave them out of X, "
            "for instance with X[sklearn_emg.recordings.feature_columns(X)].",
            RecordingWarning,
        )


def identities_learned(model: Any, X: Any, y: Labels | None = None) -> str:
    """Report the identities and labels of a table that a fitted estimator uses as features.

    The table has a ``subject`` column, like the one that `model` was fitted on; nothing is reported
    for other inputs. The message names the estimator, the columns and the remedy; it is empty if
    there are no such columns.
    """
    if not has_subjects(X):
        return ""
    learners: list[tuple[Any, Iterable[Any]]] = []
    if not _find_learners(model, learners, set()):
        return ""
    reasons = _identities(X, y)
    vote = "DiVoteRegressor" if is_regressor(model) else "DiVoteClassifier"
    for part, columns in learners:
        # A ColumnTransformer or FeatureUnion adds the name of a part as a prefix.
        names = {n for column in columns for n in (column, str(column).partition("__")[2])}
        if used := [f"{name!r} ({why})" for name, why in reasons.items() if name in names]:
            return (
                f"{type(part).__name__} was trained on columns that are not features: "
                f"{', '.join(used)}. Put the estimator into {vote}(window=None), which "
                "leaves such columns out, or choose the feature columns in a ColumnTransformer."
            )
    return ""


def _find_learners(part: Any, found: list[tuple[Any, Iterable[Any]]], seen: set[int]) -> bool:
    """Collect the parts that learned from named columns; return whether any part knows names."""
    if id(part) in seen or _has_columns_chosen(part):
        return False
    seen.add(id(part))
    below = sum(_find_learners(value, found, seen) for value in inner_parts(part))
    own = isinstance(part, BaseEstimator) and hasattr(part, "feature_names_in_")
    # With passthrough=True, a StackingClassifier passes all columns to its final estimator.
    innermost = not below or getattr(part, "passthrough", False) is True
    if own and innermost and _learns_from_all_columns(part):
        found.append((part, part.feature_names_in_))
    found += _unnamed_learner(part)
    return bool(below or own)


def _unnamed_learner(part: Any) -> list[tuple[Any, Iterable[Any]]]:
    """Return the last step of a Pipeline if it was fitted on an array with known column names."""
    if not isinstance(part, Pipeline):
        return []
    last = part.steps[-1][1]
    if hasattr(last, "feature_names_in_") or not _learns_from_all_columns(last):
        return []
    columns = _columns_after([step for _, step in part.steps[:-1]])
    return [(last, columns)] if len(columns) == getattr(last, "n_features_in_", -1) else []


def _columns_after(steps: Iterable[Any]) -> list[Any]:
    """Return the names of the columns that fitted transformers return; empty if not known."""
    names = None
    try:
        for step in steps:
            if step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
                names = step.get_feature_names_out(names)
    except (AttributeError, TypeError, ValueError):  # a step does not name its columns
        return []
    return [] if names is None else list(names)


def _has_columns_chosen(part: Any) -> bool:
    """Return whether the user named the feature columns, as in DiVoteClassifier."""
    return hasattr(part, "window") and isinstance(getattr(part, "features", None), (list, tuple))


def _learns_from_all_columns(part: BaseEstimator) -> bool:
    """Return whether a part certainly learns from each of its columns."""
    if isinstance(part, _NOT_LEARNING):
        return False
    # A transformer of another package may choose among the columns.
    ours = type(part).__module__.split(".")[0] in ("sklearn", "sklearn_emg", "imblearn")
    return ours or hasattr(part, "predict")
