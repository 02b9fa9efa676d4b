"""DiVote: divide recordings into windows, vote from windows to people."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import joblib
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)

from sklearn_emg._sklearn import (
    BaseSearchCV,
    HasMethods,
    Integral,
    Interval,
    Real,
    StrOptions,
    safe_indexing,
)
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warned_once
from sklearn_emg.model_selection import (
    SubjectKFold,
    assert_no_shared_subject,
    call_kept,
    key_for,
)
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    OnFault,
    Tail,
    Windows,
    check_recording_table,
    divide,
    is_recording_table,
    mean_by_code,
    subjects_of,
)


@dataclass(frozen=True)
class Votes:
    """The whole chain from windows to people, as tables.

    Score columns are called ``score_<class>``; the scores of a row sum to one.

    Attributes
    ----------
    windows : DataFrame of shape (n_windows, ...)
        ``row`` (position of the recording in X), ``start`` (s, only where recordings were cut),
        ``subject``, the scores, and ``vote``, the class with the highest one.
    recordings : DataFrame of shape (n_rows, ...)
        Index of X; ``subject``, the `by` column, ``n_windows``, mean scores of the row's windows
        (NaN where it has none) and ``vote``.
    subjects : DataFrame of shape (n_subjects, ...)
        Index of subjects; ``n_recordings``, mean scores of the subject's recordings
        ("feature-all"), ``vote``; the ``feature_...`` columns that the final classifier reads;
        ``diagnosis``; and ``probability_<class>`` where the final classifier gives them.
    """

    windows: pd.DataFrame
    recordings: pd.DataFrame
    subjects: pd.DataFrame


@dataclass
class _Rows:
    """A checked input: windows ready for the inner estimator, and who they belong to."""

    X: Any  # windows or feature rows for the inner estimator
    row: NDArray[np.intp]  # row of each window
    start: NDArray[np.floating] | None  # s
    person: NDArray[np.intp]  # code of the person of each row: what must not leak
    names: NDArray[Any]  # name of each code, for an inner estimator that asks for persons by name
    unit: NDArray[np.intp]  # code of what gets a diagnosis, of each row
    unit_index: pd.Index
    by: NDArray[Any] | None
    index: pd.Index

    @property
    def n_rows(self) -> int:
        return len(self.person)


@dataclass
class _Verdict:
    """Scores of windows, rows and units, and what the final classifier makes of them."""

    windows: NDArray[np.floating]
    rows: NDArray[np.floating]
    units: NDArray[np.floating]
    features: NDArray[np.floating]
    proba: NDArray[np.floating] | None
    diagnosis: NDArray[Any]


def _has_sampler(pipeline: Pipeline) -> bool:
    return any(hasattr(step, "fit_resample") for _, step in pipeline.steps)


def _groups_params(estimator: Any, groups: NDArray) -> dict[str, NDArray]:
    """Fit parameters that hand the windows' subjects to an estimator that can use them."""
    if get_config()["enable_metadata_routing"]:
        router = get_routing_for_object(estimator)
        return {"groups": groups} if router.consumes("fit", ["groups"]) else {}
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        params = {} if last in (None, "passthrough") else _groups_params(last, groups)
        if params and _has_sampler(estimator):
            # A sampler changes the rows; a Pipeline would hand on the groups of the old ones.
            warnings.warn(
                f"Step {name!r} can hold out subjects but follows a sampler, which changes the "
                "rows; it gets no subjects. Put the sampler before DiVote or inside the step.",
                UserWarning,
                stacklevel=3,
            )
            return {}
        return {f"{name}__{key}": value for key, value in params.items()}
    if isinstance(estimator, BaseSearchCV) or has_fit_parameter(estimator, "groups"):
        return {"groups": groups}
    return {}


def _fit(estimator: Any, X: Any, y: NDArray, params: dict[str, NDArray]) -> Any:
    return estimator.fit(X, y, **params)


def _final_has_proba(divote: DiVoteClassifier) -> bool:
    final = getattr(divote, "final_estimator_", divote.final_estimator)
    return final is None or isinstance(final, str) or hasattr(final, "predict_proba")


class DiVoteClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Divide recordings into windows, classify them, and vote from windows to people.

    The windows' class probabilities are averaged over each recording and the recordings' over each
    subject. A final classifier reads these subject features and gives the diagnosis [1]_.

    Parameters
    ----------
    estimator : estimator object
        Classifier of windows, usually a Pipeline. It is fitted on float32 windows of shape
        (n_windows, n_times) or, for 2-D signals, (n_windows, n_channels, n_times). If its ``fit``
        takes ``groups``, it gets the subject of each window, so that a network's early stopping or
        an inner search holds out subjects.
    window : float or None, default=0.4
        Length of a window in seconds. None takes each row for one window: a row of a feature
        table or of an array, or a recording of a table in which all have one length.
    step : float or None, default=0.1
        Seconds from one window to the next; None leaves no overlap. Not used with
        ``window=None``.
    by : str, default=None
        Column of the table (``"region"``, ``"muscle"`` ...). The subject's recordings are averaged
        for each of its values apart, and the averages are put side by side; where a subject has
        no recording of a kind, its scores are 1/n_classes. With ``by="region"`` on proximal and
        distal muscles this is "feature-PD" of [1]_, with None "feature-all".
    voting : {"soft", "hard"}, default="soft"
        Average the windows' probabilities, or count their predicted classes.
    final_estimator : "logistic", estimator object or None, default="logistic"
        Classifier of the subject features; "logistic" is ``LogisticRegression()``. None takes the
        class with the highest mean score ("simple averaging"), over recordings, or with `by` over
        the kinds that the subject has, each counting the same.
    cv : None, int, cross-validation generator or iterable, default=None
        How the final classifier gets its training scores. None scores the training windows with
        the estimator fitted on them, as published; such scores are more certain than those of new
        people. A splitter gives out-of-fold scores; an int means ``SubjectKFold(cv,
        shuffle=False)``.
    unit : str, default="subject"
        What gets one diagnosis. Another column, such as "side", "session" or "exercise", gives
        one for each of its values within each subject. `estimator` and `cv` hold out whole
        subjects all the same.
    features : list of str, default=None
        For tables without signals and with ``window=None``: the columns that `estimator` gets. By
        default all but `by`, `unit` and the usual metadata
        (``sklearn_emg.recordings.METADATA_COLUMNS``).
    tail : {"drop", "overlap", "pad"}, default="drop"
        What becomes of samples behind the last whole window, see
        :func:`~sklearn_emg.recordings.divide`.
    nan, short : {"raise", "skip"}, default="raise"
        Windows with NaN, and recordings shorter than one window: an error, or left out with a
        warning.
    n_jobs : int, default=None
        Jobs for the fits of `cv`.
    verbose : int, default=0
        How much the fits of `cv` tell of their progress, as in
        :class:`~sklearn.ensemble.StackingClassifier`; 0 is silent.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder that keeps fitted copies of `estimator`, as a Pipeline's `memory` keeps fitted
        transformers: a search over `by`, `voting`, `final_estimator` or `cv` trains each network
        once. A copy fitted by the same versions on the same windows, labels and subjects with the
        same settings is taken from there, so give `estimator` a seed; without one it keeps its
        first draw. The copies are pickle files, and loading one runs whatever is in it: nobody
        whom you do not trust may have the right to write in this folder.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : estimator object
        Fitted on all windows.
    final_estimator_ : estimator object or None
    by_levels_ : list
        Values of `by` seen in ``fit``, in the order of the features.
    training_features_ : ndarray of shape (n_subjects, n_features)
        Subject features that the final classifier was trained on.
    n_features_in_ : int
        Only for arrays and feature tables.

    Raises
    ------
    ValueError
        If a subject has two labels, the table has no windows or lacks `by`, or `cv` puts a subject
        on both sides.

    See Also
    --------
    sklearn_emg.model_selection.SubjectKFold : Splits by subject.

    Notes
    -----
    The answer for a row is that of its subject and depends on the other rows of the same call: give
    all recordings of a person together.

    With K classes, recordings r of subject s and windows w of r,

    .. math:: f_s = \\frac{1}{|s|} \\sum_{r \\in s} \\frac{1}{|r|} \\sum_{w \\in r} p(w)

    so that a recording counts the same whatever its length.

    References
    ----------
    .. [1] J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular
       disorder classification from needle electromyography signals with explainability", Comput.
       Methods Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> loud = np.repeat([1.0, 1.0, 3.0, 3.0], 2)
    >>> table = recording_table(
    ...     [a * rng.normal(size=500) for a in loud], fs=1000.0, subject=list("aabbccdd")
    ... )
    >>> y = np.where(loud > 1, "patient", "control")
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> rms = FunctionTransformer(lambda w: np.sqrt(np.mean(w**2, axis=-1, keepdims=True)))
    >>> divote = DiVoteClassifier(make_pipeline(rms, LogisticRegression()), window=0.1)
    >>> divote.fit(table, y).vote(table).subjects[["n_recordings", "diagnosis"]]
             n_recordings diagnosis
    subject
    a                   2   control
    b                   2   control
    c                   2   patient
    d                   2   patient
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "window": [Interval(Real, 0, None, closed="neither"), None],
        "step": [Interval(Real, 0, None, closed="neither"), None],
        "by": [str, None],
        "voting": [StrOptions({"soft", "hard"})],
        "final_estimator": [StrOptions({"logistic"}), HasMethods(["fit", "predict"]), None],
        "cv": [
            Interval(Integral, 2, None, closed="left"),
            HasMethods(["split", "get_n_splits"]),
            Iterable,
            None,
        ],
        "unit": [str],
        "features": [list, None],
        "tail": [StrOptions({"drop", "overlap", "pad"})],
        "nan": [StrOptions({"raise", "skip"})],
        "short": [StrOptions({"raise", "skip"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        window: float | None = 0.4,
        step: float | None = 0.1,
        by: str | None = None,
        voting: str = "soft",
        final_estimator: Any = "logistic",
        cv: Any = None,
        unit: str = "subject",
        features: list[str] | None = None,
        tail: Tail = "drop",
        nan: OnFault = "raise",
        short: OnFault = "raise",
        n_jobs: int | None = None,
        verbose: int = 0,
        memory: str | joblib.Memory | None = None,
    ) -> None:
        self.estimator = estimator
        self.window = window
        self.step = step
        self.by = by
        self.voting = voting
        self.final_estimator = final_estimator
        self.cv = cv
        self.unit = unit
        self.features = features
        self.tail = tail
        self.nan = nan
        self.short = short
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.memory = memory

    # ---------------------------------------------------------------- input

    def _check(
        self, X: Any, y: Any = None, groups: Labels | None = None, *, reset: bool
    ) -> tuple[_Rows, NDArray | None]:
        """Check X (and y when fitting), cut it into windows and find out who they belong to."""
        if is_recording_table(X):
            if reset:
                y = self._check_labels(y, len(X))
            windows = self._recording_windows(X, reset=reset)
            row, start, inner = windows.row, windows.start / windows.fs, windows.X
            n_rows = len(X)
        else:
            inner, y = self._check_matrix(X, y, reset=reset)
            n_rows = len(inner)
            row, start = np.arange(n_rows), None
        table = X if isinstance(X, pd.DataFrame) else None
        person = self._persons(X, groups, n_rows)
        unit, unit_index = self._units(table, groups, person)
        by = self._by_values(table, n_rows)
        index = table.index if table is not None else pd.RangeIndex(n_rows)
        names = self._names(table, groups, person)
        return _Rows(inner, row, start, person, names, unit, unit_index, by, index), y

    def _check_labels(self, y: Any, n_rows: int) -> NDArray:
        if y is None:
            raise ValueError(
                "DiVoteClassifier requires y to be passed, but the target y is None: give one "
                "label per row."
            )
        check_classification_targets(y)
        y = np.asarray(y)
        if y.ndim != 1 or len(y) != n_rows:
            raise ValueError(
                f"y must be 1-D with one label per recording, {n_rows} of them; got shape "
                f"{y.shape}."
            )
        return y

    def _recording_windows(self, table: pd.DataFrame, *, reset: bool) -> Windows:
        """Windows of a checked table, of the shape of those in ``fit``."""
        check_recording_table(table, required=("signal", "fs"))
        windows = self._windows(table)
        shape = windows.X.shape[1:]
        if reset:
            self.window_shape_ = shape
        elif shape != self.window_shape_:
            raise ValueError(
                f"The windows have shape {shape}, DiVoteClassifier was fitted on windows of shape "
                f"{self.window_shape_}. Resample to the rate, and give the channels, of the "
                "training table."
            )
        return windows

    def _windows(self, table: pd.DataFrame) -> Windows:
        if self.window is not None:
            return divide(
                table, self.window, self.step, tail=self.tail, nan=self.nan, short=self.short
            )
        shapes = [signal.shape for signal in table["signal"]]
        for row, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise ValueError(
                    "With window=None each row is one window and all must have one shape: row 0 "
                    f"has {shapes[0]}, row {row} has {shape}. Set 'window' in seconds."
                )
        # All rows have one length: as a window of that many samples, `divide` checks the rest.
        return divide(table, shapes[0][-1], unit="samples", nan=self.nan)

    def _check_matrix(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, NDArray | None]:
        frame = self._feature_columns(X) if isinstance(X, pd.DataFrame) else X
        checked = validate_data(
            self,
            frame,
            **({"y": y, "multi_output": False} if reset else {}),
            reset=reset,
            allow_nd=True,
            dtype=None,
            ensure_all_finite=not get_tags(self.estimator).input_tags.allow_nan,
        )
        if reset:
            values, y = checked
            check_classification_targets(y)
        else:
            values = checked
        if self.window is not None:
            raise ValueError(
                f"DiVoteClassifier(window={self.window}) cuts the recordings of a table with the "
                f"columns 'signal' and 'fs'; X has no 'signal' (got {type(X).__name__}). Set "
                "window=None to take each row for one window."
            )
        # A frame goes on as a frame, so that steps can address its columns by name.
        return (frame if isinstance(frame, pd.DataFrame) else values), y

    def _feature_columns(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.features is not None:
            if missing := [c for c in self.features if c not in X.columns]:
                raise ValueError(f"X lacks the columns {missing} named by 'features'.")
            return X[self.features]
        if self.unit not in X.columns and "subject" not in X.columns:
            return X
        other = {*METADATA_COLUMNS, self.by, self.unit}
        frame = X[[c for c in X.columns if c not in other]]
        text = [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]
        if text:
            raise ValueError(
                f"The columns {text} are not numeric; name the feature columns with "
                "DiVoteClassifier(features=[...])."
            )
        return frame

    def _persons(self, X: Any, groups: Labels | None, n_rows: int) -> NDArray[np.intp]:
        if groups is None and not (isinstance(X, pd.DataFrame) and "subject" in X.columns):
            if is_recording_table(X):
                check_recording_table(X)  # says that the subject is missing
            return np.arange(n_rows)
        return subjects_of(X, groups)

    def _names(
        self, table: pd.DataFrame | None, groups: Labels | None, person: NDArray[np.intp]
    ) -> NDArray[Any]:
        """Name of each code of a person."""
        if groups is not None:
            given = list(groups)
        elif table is not None and "subject" in table.columns:
            given = list(table["subject"])
        else:
            return np.arange(len(person))
        first = np.unique(person, return_index=True)[1]
        names = np.empty(len(first), dtype=object)
        names[:] = [given[i] for i in first]
        # Splitters of scikit-learn sort them, which names of several types do not allow.
        return names if len(set(map(type, names))) == 1 else np.arange(len(first))

    def _units(
        self, table: pd.DataFrame | None, groups: Labels | None, person: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], pd.Index]:
        first = np.unique(person, return_index=True)[1]
        names: pd.Index
        if groups is not None:
            names = pd.Index(list(groups), dtype=object)
        elif table is not None and "subject" in table.columns:
            names = pd.Index(table["subject"])
        else:
            names = pd.RangeIndex(len(person))
        if self.unit == "subject":
            return person, names[first].rename("subject")
        values = self._column(table, self.unit, "unit")
        # Values of the column are told apart within a person: "left" of one is not that of another.
        pairs = pd.MultiIndex.from_arrays([names, values], names=["subject", self.unit])
        code, index = pd.factorize(pairs)
        return code, index

    def _by_values(self, table: pd.DataFrame | None, n_rows: int) -> NDArray[Any] | None:
        return None if self.by is None else self._column(table, self.by, "by")

    def _column(self, table: pd.DataFrame | None, column: str, parameter: str) -> NDArray[Any]:
        if table is None or column not in table.columns:
            have = "no columns" if table is None else f"the columns {list(table.columns)}"
            raise ValueError(
                f"The {parameter!r} parameter of DiVoteClassifier names the column {column!r}, but "
                f"X has {have}."
            )
        values = table[column].to_numpy(dtype=object)
        if (missing := np.flatnonzero(pd.isna(values))).size:
            raise ValueError(
                f"Row {missing[0]} (index {table.index[missing[0]]!r}), column {column!r}: is "
                f"missing, but DiVoteClassifier votes by it ({parameter}={column!r}). Fill it in "
                "or leave the row out."
            )
        return values

    # ---------------------------------------------------------------- fit

    @warned_once()
    def fit(self, X: Any, y: Labels, groups: Labels | None = None) -> DiVoteClassifier:
        """Fit the window classifier and the final classifier.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Recording table; or, with ``window=None``, a feature table or windows.
        y : array-like of shape (n_rows,)
            Label of each row, one and the same for all rows of a subject.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column. Without either, each row
            counts as a subject of its own.

        Returns
        -------
        self : object
        """
        self._validate_params()
        if not is_classifier(self.estimator):
            raise ValueError(
                f"The 'estimator' parameter of DiVoteClassifier must be a classifier. "
                f"Got {self.estimator!r} instead."
            )
        if self.voting == "soft" and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"voting='soft' needs class probabilities, but {type(self.estimator).__name__} has "
                "no predict_proba. Set voting='hard', or calibrate it with CalibratedClassifierCV."
            )
        rows, labels = self._check(X, y, groups, reset=True)
        y = np.asarray(labels)
        self.classes_ = np.unique(y)
        self.by_levels_ = None if rows.by is None else sorted(set(rows.by), key=_sort_key)
        unit_label = self._unit_labels(rows, y)
        self.estimator_ = self._fit_inner(rows, y, np.arange(rows.n_rows))
        self.final_estimator_: Any = None
        self.training_features_: NDArray[np.floating] | None = None
        if self.final_estimator is None:
            return self
        scores = self._in_sample(rows) if self.cv is None else self._out_of_fold(rows, X, y)
        features = self._unit_features(rows, scores)
        seen = np.isin(np.arange(len(rows.unit_index)), rows.unit[np.isfinite(scores[:, 0])])
        final = (
            LogisticRegression()
            if isinstance(self.final_estimator, str)
            else clone(self.final_estimator)
        )
        self.training_features_ = features[seen]
        self.final_estimator_ = final.fit(self.training_features_, unit_label[seen])
        return self

    def _unit_labels(self, rows: _Rows, y: NDArray) -> NDArray:
        codes = np.searchsorted(self.classes_, y)
        low = np.full(len(rows.unit_index), len(self.classes_))
        high = np.full(len(rows.unit_index), -1)
        np.minimum.at(low, rows.unit, codes)
        np.maximum.at(high, rows.unit, codes)
        if (several := np.flatnonzero(low != high)).size:
            k, labels = several[0], self.classes_.tolist()
            raise ValueError(
                f"{self.unit.capitalize()} {rows.unit_index.tolist()[k]!r} has the labels "
                f"{labels[low[k]]!r} and {labels[high[k]]!r}; a {self.unit} gets one "
                "diagnosis. Correct y, or set 'unit' to the column within which labels are the "
                "same."
            )
        return self.classes_[low]

    def _fit_inner(self, rows: _Rows, y: NDArray, chosen: NDArray[np.intp]) -> Any:
        """Fit a clone of the estimator on the windows of the chosen rows."""
        if len(chosen) == rows.n_rows:
            X, row = rows.X, rows.row
        else:
            windows = np.flatnonzero(np.isin(rows.row, chosen))
            X, row = safe_indexing(rows.X, windows), rows.row[windows]
        estimator = clone(self.estimator)
        groups = rows.names[rows.person[row]]
        arguments = estimator, X, y[row], _groups_params(estimator, groups)
        key = key_for(self.memory, "fit of windows", *arguments)
        return call_kept(self.memory, key, _fit, *arguments)

    def _in_sample(self, rows: _Rows) -> NDArray[np.floating]:
        return mean_by_code(self._window_scores(self.estimator_, rows.X), rows.row, rows.n_rows)

    def _out_of_fold(self, rows: _Rows, X: Any, y: NDArray) -> NDArray[np.floating]:
        """Mean scores of each row from an estimator that has not seen its subject."""
        cv = self.cv
        if isinstance(cv, Integral):
            cv = SubjectKFold(int(cv), shuffle=False)
        # A generator would be exhausted by one fit; a list can be read again.
        if hasattr(cv, "split"):
            splits = list(cv.split(X, y, rows.names[rows.person]))
        else:
            splits = [tuple(map(np.asarray, split)) for split in cv]
        tested = np.zeros(rows.n_rows, dtype=int)
        for train, test in splits:
            assert_no_shared_subject(X, train, test, groups=rows.person)
            tested[test] += 1
        if (tested != 1).any():
            row = int(np.flatnonzero(tested != 1)[0])
            raise ValueError(
                f"The 'cv' of DiVoteClassifier must test every row once; row {row} is tested "
                f"{tested[row]} times. Use SubjectKFold or LeaveOneSubjectOut."
            )
        parts = Parallel(n_jobs=self.n_jobs, verbose=int(self.verbose))(
            delayed(self._score_fold)(rows, y, train, test) for train, test in splits
        )
        scores = np.full((rows.n_rows, len(self.classes_)), np.nan)
        for (_, test), part in zip(splits, parts):
            scores[test] = part[test]
        return scores

    def _score_fold(
        self, rows: _Rows, y: NDArray, train: NDArray[np.intp], test: NDArray[np.intp]
    ) -> NDArray[np.floating]:
        estimator = self._fit_inner(rows, y, train)
        windows = np.flatnonzero(np.isin(rows.row, test))
        if not windows.size:
            return np.full((rows.n_rows, len(self.classes_)), np.nan)
        values = self._window_scores(estimator, safe_indexing(rows.X, windows))
        return mean_by_code(values, rows.row[windows], rows.n_rows)

    # ---------------------------------------------------------------- vote

    def _window_scores(self, estimator: Any, X: Any) -> NDArray[np.floating]:
        """Scores of windows in the order of `classes_`; 0 for a class the estimator never saw."""
        known = np.searchsorted(self.classes_, estimator.classes_)
        scores = np.zeros((len(X), len(self.classes_)))
        if self.voting == "soft":
            proba = np.asarray(estimator.predict_proba(X))
            if proba.shape != (len(X), len(known)):
                raise ValueError(
                    f"predict_proba of {type(estimator).__name__} must give a row per window and a "
                    f"column per class of its classes_, shape {(len(X), len(known))}. Got "
                    f"{proba.shape}."
                )
            scores[:, known] = proba
        else:
            votes = np.searchsorted(self.classes_, estimator.predict(X))
            scores[np.arange(len(X)), votes] = 1.0
        return scores

    def _unit_means(self, rows: _Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Mean scores of each unit's rows, NaN for a unit without windows ("feature-all")."""
        valid = np.isfinite(scores[:, 0])
        return mean_by_code(scores[valid], rows.unit[valid], len(rows.unit_index))

    def _levels(self) -> list[Any]:
        return self.by_levels_ or []

    def _level_means(
        self, rows: _Rows, by: NDArray[Any], scores: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Mean scores of shape (n_units, n_levels, n_classes), NaN where a unit has no such row."""
        n_units, n_levels = len(rows.unit_index), len(self._levels())
        position = {level: k for k, level in enumerate(self._levels())}
        level = np.array([position.get(value, -1) for value in by])
        if (level < 0).any():
            unknown = sorted({repr(v) for v, k in zip(by, level) if k < 0})
            warnings.warn(
                f"Recordings with {self.by} {', '.join(unknown)} are left out of the subject "
                f"features: the training table had {self.by_levels_}.",
                UserWarning,
                stacklevel=3,
            )
        valid = np.isfinite(scores[:, 0]) & (level >= 0)
        codes = rows.unit[valid] * n_levels + level[valid]
        means = mean_by_code(scores[valid], codes, n_units * n_levels)
        return means.reshape(n_units, n_levels, -1)

    def _unit_features(self, rows: _Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """What the final classifier reads; 1/n_classes for what a unit lacks."""
        if rows.by is None:
            features = self._unit_means(rows, scores)
        else:
            means = self._level_means(rows, rows.by, scores)
            features = means.reshape(len(rows.unit_index), -1)
        return np.where(np.isfinite(features), features, 1.0 / len(self.classes_))

    def _average(self, features: NDArray[np.floating], rows: _Rows, scores: NDArray) -> NDArray:
        """Probabilities of simple averaging."""
        if rows.by is None:
            return features
        means = self._level_means(rows, rows.by, scores)
        present = np.isfinite(means)
        total = np.where(present, means, 0.0).sum(axis=1)
        count = present.sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), 1.0 / len(self.classes_))

    def _feature_names(self) -> list[str]:
        if self.by is None:
            return [f"feature_{c}" for c in self.classes_]
        return [f"feature_{level}_{c}" for level in self._levels() for c in self.classes_]

    def vote(self, X: Any, groups: Labels | None = None) -> Votes:
        """Scores of windows, recordings and subjects.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``; all recordings of a person together.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        votes : Votes
            Its attributes ``windows``, ``recordings`` and ``subjects`` are DataFrames.
        """
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        verdict = self._judge(rows)
        names = self._score_names()
        windows = pd.DataFrame({"row": rows.row})
        if rows.start is not None:
            windows["start"] = rows.start
        who = rows.unit_index.get_level_values(0)
        windows["subject"] = who[rows.unit[rows.row]]
        windows[names] = verdict.windows
        windows["vote"] = self.classes_[np.argmax(verdict.windows, axis=1)]

        recordings = pd.DataFrame({"subject": who[rows.unit]}, index=rows.index)
        if self.unit != "subject":
            recordings[self.unit] = rows.unit_index.get_level_values(1)[rows.unit]
        if rows.by is not None:
            recordings[self.by] = rows.by
        recordings["n_windows"] = np.bincount(rows.row, minlength=rows.n_rows)
        recordings[names] = verdict.rows
        recordings["vote"] = self._best(verdict.rows)

        return Votes(windows, recordings, self._subjects_table(rows, verdict))

    def vote_subjects(self, recordings: pd.DataFrame) -> pd.DataFrame:
        """Go on from scores of recordings to subjects: the last part of :meth:`vote`.

        With it one can ask what the diagnosis would be if a recording were not there, had been
        scored otherwise, or belonged to somebody else.

        Parameters
        ----------
        recordings : DataFrame
            As ``vote(X).recordings``: ``subject``, the columns of `unit` and `by` if these are set,
            and the scores. NaN scores are those of a recording without windows.

        Returns
        -------
        subjects : DataFrame
            As ``vote(X).subjects``.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn_emg.ensemble import DiVoteClassifier
        >>> table = pd.DataFrame({"rms": [1.0, 1.2, 2.9, 3.1], "subject": list("aabb")})
        >>> divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
        >>> recordings = divote.fit(table, ["control"] * 2 + ["patient"] * 2).vote(table).recordings
        >>> divote.vote_subjects(recordings.iloc[1:])["n_recordings"].to_dict()
        {'a': 1, 'b': 2}
        """
        check_is_fitted(self)
        names = self._score_names()
        needed = dict.fromkeys(["subject", self.unit, *([self.by] if self.by else []), *names])
        if missing := [c for c in needed if c not in recordings.columns]:
            raise ValueError(
                f"The 'recordings' of vote_subjects lack the columns {missing}: give the "
                "recordings of vote(X), whole or in part."
            )
        person = subjects_of(recordings)
        unit, unit_index = self._units(recordings, None, person)
        n_rows = len(recordings)
        rows = _Rows(
            None,
            np.arange(n_rows),
            None,
            person,
            np.arange(n_rows),
            unit,
            unit_index,
            self._by_values(recordings, n_rows),
            recordings.index,
        )
        scores = recordings[names].to_numpy(dtype=float)
        return self._subjects_table(rows, self._verdict(rows, scores, scores))

    def windows(self, X: Any) -> Windows:
        """What X is cut into: the input of ``estimator_``, in the order of ``vote(X).windows``.

        Parameters
        ----------
        X : DataFrame or ndarray
            As in ``fit``.

        Returns
        -------
        windows : Windows
            Its ``X`` holds the windows; for feature tables and arrays the rows of features, each
            from start 0 at an unknown rate (NaN).
        """
        check_is_fitted(self)
        if is_recording_table(X):
            return self._recording_windows(X, reset=False)
        inner, _ = self._check_matrix(X, None, reset=False)
        n_rows = len(inner)
        return Windows(
            inner, np.arange(n_rows), np.zeros(n_rows, dtype=np.intp), float("nan"), n_rows, {}
        )

    def _subjects_table(self, rows: _Rows, verdict: _Verdict) -> pd.DataFrame:
        subjects = pd.DataFrame(
            {"n_recordings": np.bincount(rows.unit, minlength=len(rows.unit_index))},
            index=rows.unit_index,
        )
        subjects[self._score_names()] = verdict.units
        subjects["vote"] = self._best(verdict.units)
        subjects[self._feature_names()] = verdict.features
        subjects["diagnosis"] = verdict.diagnosis
        if verdict.proba is not None:
            subjects[[f"probability_{c}" for c in self.classes_]] = verdict.proba
        return subjects

    def _score_names(self) -> list[str]:
        return [f"score_{c}" for c in self.classes_]

    def _best(self, scores: NDArray[np.floating]) -> NDArray:
        best = self.classes_[np.argmax(np.nan_to_num(scores, nan=-1.0), axis=1)]
        missing = np.isnan(scores[:, 0])
        if missing.any():
            best = best.astype(object)
            best[missing] = None
        return best

    def _final_proba(self, features: NDArray[np.floating]) -> NDArray[np.floating]:
        known = np.searchsorted(self.classes_, self.final_estimator_.classes_)
        proba = np.zeros((len(features), len(self.classes_)))
        proba[:, known] = self.final_estimator_.predict_proba(features)
        return proba

    def _warn_of_units_without_windows(self, rows: _Rows, means: NDArray[np.floating]) -> None:
        empty = np.flatnonzero(np.isnan(means[:, 0]))
        if empty.size:
            names = ", ".join(repr(rows.unit_index.tolist()[k]) for k in empty[:3])
            warnings.warn(
                f"{empty.size} of {len(means)} {self.unit}s have no usable window ({names}"
                f"{', ...' if empty.size > 3 else ''}); their scores are 1/{len(self.classes_)}.",
                UserWarning,
                stacklevel=3,
            )

    def _judge(self, rows: _Rows) -> _Verdict:
        windows = self._window_scores(self.estimator_, rows.X)
        return self._verdict(rows, windows, mean_by_code(windows, rows.row, rows.n_rows))

    def _verdict(
        self, rows: _Rows, windows: NDArray[np.floating], scores: NDArray[np.floating]
    ) -> _Verdict:
        """From the scores of rows to diagnoses."""
        units = self._unit_means(rows, scores)
        self._warn_of_units_without_windows(rows, units)
        features = self._unit_features(rows, scores)
        if self.final_estimator_ is None:
            proba = self._average(features, rows, scores)
            diagnosis = self.classes_[np.argmax(proba, axis=1)]
        else:
            has_proba = hasattr(self.final_estimator_, "predict_proba")
            proba = self._final_proba(features) if has_proba else None
            diagnosis = self.final_estimator_.predict(features)
        return _Verdict(windows, scores, units, features, proba, diagnosis)

    @warned_once()
    def predict(self, X: Any, groups: Labels | None = None) -> NDArray:
        """Diagnosis of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            As in ``fit``; all recordings of a person together.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        y : ndarray of shape (n_rows,)
        """
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        return self._judge(rows).diagnosis[rows.unit]

    @available_if(_final_has_proba)
    @warned_once()
    def predict_proba(self, X: Any, groups: Labels | None = None) -> NDArray[np.floating]:
        """Class probabilities of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            As in ``fit``; all recordings of a person together.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        rows, _ = self._check(X, groups=groups, reset=False)
        proba = cast("NDArray[np.floating]", self._judge(rows).proba)  # there, by _final_has_proba
        return proba[rows.unit]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        tags.input_tags.sparse = False
        return tags


def _sort_key(value: Any) -> tuple[str, Any]:
    # Numbers among themselves and text among itself; a column may hold both.
    return (
        (type(value).__name__, value) if isinstance(value, (str, int, float)) else ("", str(value))
    )


def find_votes(estimator: Any, X: Any) -> Votes | None:
    """The votes of a fitted estimator that has a DiVoteClassifier at its end.

    Parameters
    ----------
    estimator : fitted estimator
        A DiVoteClassifier, a Pipeline that ends with one, or a search over either.
    X : DataFrame or ndarray
        What the estimator predicts.

    Returns
    -------
    votes : Votes or None
        None where there is no DiVoteClassifier.
    """
    if isinstance(estimator, DiVoteClassifier):
        return estimator.vote(X)
    if hasattr(estimator, "best_estimator_"):
        return find_votes(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline) and len(estimator.steps) > 0:
        last = estimator.steps[-1][1]
        if isinstance(last, (DiVoteClassifier, Pipeline)) or hasattr(last, "best_estimator_"):
            head = estimator[:-1]
            return find_votes(last, head.transform(X) if len(head) else X)
    return None
