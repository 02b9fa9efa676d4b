"""DiVote: cut recordings into windows and aggregate their scores into a diagnosis per subject."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_emg._sklearn import HasPredict, StrOptions, has_method, safe_indexing
from sklearn_emg._tables import columns_text, counted
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn_of_recordings, warned_once
from sklearn_emg.ensemble._fitting import (
    decisions,
    fit_sigmoids,
    refuse_other_classes,
    smallest_class,
    subject_folds,
)
from sklearn_emg.ensemble._further._updating import Updating
from sklearn_emg.ensemble._input import (
    Rows,
    check_rows,
)
from sklearn_emg.ensemble._metadata import Columns, call_with_columns, requested_columns
from sklearn_emg.ensemble._votes import Aggregation, Diagnoses, Votes
from sklearn_emg.recordings import (
    OnFault,
    Tail,
    mean_by_code,
)

# Maximum number of folds of subjects in the calibration of decisions.
_CALIBRATION_FOLDS = 5


def _final_has_proba(divote: DiVoteClassifier) -> bool:
    final = getattr(divote, "final_estimator_", divote.final_estimator)
    return final is None or isinstance(final, str) or has_method(final, "predict_proba")


class DiVoteClassifier(ClassifierMixin, Updating):
    """Divide recordings into windows, classify these and aggregate their scores by subject.

    The class probabilities of windows are averaged over each recording, and those of recordings
    over each subject. A final classifier predicts the diagnosis from these subject features [1]_.

    Parameters
    ----------
    estimator : estimator object
        Classifier of windows, usually a Pipeline. It is fitted on the rows of a feature table or
        array or, for a recording table, on float32 windows of shape (n_windows, n_times) or, for
        2-D signals, (n_windows, n_channels, n_times). Each step whose ``fs`` is None gets
        the sampling rate of the table. An estimator or step whose ``fit`` takes ``groups`` gets the
        subject of each window, so that a network's early stopping holds out subjects; an int `cv`
        of a search, calibration, stacking or selection in `estimator` means folds of subjects. A
        transformer of a Pipeline, such as :class:`~sklearn_emg.preprocessing.SiteStandardizer`,
        gets the columns of the table that it requests through scikit-learn's metadata routing.
    window : float or None, default=0.4
        Length of a window in seconds. None treats each row as one window: a row of a feature table
        or of an array, or a recording, in which case all recordings must have the same length.
    step : float or None, default=0.1
        Time in seconds from the start of one window to the start of the next; None means no
        overlap. `step` is ignored with ``window=None``.
    by : str, default=None
        Column of the table, such as ``"region"`` or ``"muscle"``. The recordings of a subject are
        averaged separately for each value of this column, and the averages are concatenated; for a
        value of which the subject has no recording, the scores are 1/n_classes. ``by="region"``
        with proximal and distal muscles gives "feature-PD" of [1]_, and None gives "feature-all".
    voting : {"soft", "hard"}, default="soft"
        Whether to average the class probabilities of windows ("soft") or to count their predicted
        classes ("hard"). If `estimator` has no ``predict_proba``, sigmoids turn its
        ``decision_function`` into probabilities. They are fitted on held-out training subjects (in
        up to five folds).
    final_estimator : "logistic", estimator object or None, default="logistic"
        Classifier of the subject features; "logistic" is ``LogisticRegression()``. None predicts
        the class with the highest mean score ("simple averaging"). The mean is taken over
        recordings or, with `by`, over the averages for those values of `by` that the subject has.
    cv : None, int, cross-validation generator or iterable, default=None
        How the training scores of the final classifier are computed. None scores the training
        windows with the estimator fitted on them, as in [1]_; such scores are closer to 0 and 1
        than those of new subjects. A splitter gives out-of-fold scores; an int means
        ``SubjectKFold(cv)``. Training rows may be repeated, and folds may be boolean masks. A fold
        that trains on a subject that it scores raises an error, and so do folds that do not score
        each row exactly once.
    unit : str, default="subject"
        Column that defines the unit of diagnosis. A column other than the subject, such as "side",
        "session" or "exercise", gives one diagnosis for each of its values within each subject.
        `estimator` and `cv` hold out complete subjects in either case.
    features : list of str, default=None
        Columns of a feature table that `estimator` gets, with ``window=None``. By default, these
        are all columns except `by`, `unit`, the usual metadata
        (``sklearn_emg.recordings.METADATA_COLUMNS``) and columns that look like an identity or a
        label (see :func:`~sklearn_emg.recordings.feature_columns`). If columns are left out because
        they look like an identity or a label, a warning lists them.
    tail : {"drop", "overlap", "pad"}, default="drop"
        How to treat the samples after the last complete window; see
        :func:`~sklearn_emg.recordings.divide`.
    nan, short : {"raise", "skip"}, default="raise"
        Whether windows that contain NaN (`nan`) and recordings shorter than one window (`short`)
        raise an error or are left out with a warning. A subject without any window left raises an
        error in ``fit``; in ``predict``, its scores are 1/n_classes, and a warning is given.
    n_jobs : int, default=None
        Number of jobs for the fits of `cv`.
    verbose : int, default=0
        Verbosity of the fits of `cv`, as in
        :class:`~sklearn.ensemble.StackingClassifier`; 0 is silent.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder in which fitted copies of `estimator` are stored, as fitted transformers are in the
        `memory` of a Pipeline, so that a search over `by`, `voting`, `final_estimator` or `cv`
        trains each network once. A copy is reused if it was fitted with the same software versions
        and settings on the same windows, labels and subjects. Give `estimator` a seed; otherwise
        the random numbers of the first fit are reused. The copies are pickle files, and loading one
        executes code in it: only trusted users may have write access to this folder.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if neither X nor `groups` gave any.
    channel_names_ : tuple of str or None
        Names of the channels if they are the same in all recordings of ``fit``, otherwise None.
        Recordings with the same channels in a different order raise an error.
    fs_ : float or None
        Sampling rate in Hz of the windows seen in ``fit``; None for arrays and feature tables.
    estimator_ : estimator object
        The classifier of windows, fitted on all windows.
    calibration_ : CalibratedClassifierCV or None
        Sigmoids that turn the decisions of `estimator_` into probabilities; None if they are not
        needed.
    final_estimator_ : estimator object or None
        The fitted final classifier.
    by_levels_ : list or None
        Values of `by` seen in ``fit``, in the order of the features; None without `by`.
    training_features_ : ndarray of shape (n_units, n_features) or None
        Features of the subjects (or units) that the final classifier was trained on; None without a
        final classifier.
    training_labels_, training_weights_ : ndarray of shape (n_units,) or None
        Labels and weights of these units; None without a final classifier.
    n_features_in_ : int
        Number of features; defined for arrays and feature tables only.

    Raises
    ------
    ValueError
        If a subject (or unit) has two labels; if y has only one class, lacks labels or mixes
        numbers and text; if the table has no windows or lacks the column `by`; if the ``fs`` of a
        step is not that of the table; if `cv` puts a subject into both training and test; if a step
        depends on the sampling rate and the table to predict has a different rate; or if the
        estimator gives probabilities that are not finite.

    Warns
    -----
    SubjectLeakWarning
        If ``predict``, ``predict_proba``, ``score``, ``vote`` or ``vote_subjects`` gets subjects
        that were used in ``fit`` or in the pretraining of a part; if a part was pretrained on
        unknown subjects; or if a step of `estimator` puts windows of one subject into both training
        and test.
    RecordingWarning
        If columns are left out of the features; if the sampling rate differs from that of ``fit``
        and no step depends on it; if windows or recordings are left out by `nan` or `short`; if a
        class has a single subject in ``fit``; or if a subject to predict has no usable window.
    UserWarning
        If recordings to predict have a value of `by` that was not in the training table, or a part
        of `estimator` whose fit depends on subjects cannot get them.

    See Also
    --------
    sklearn_emg.model_selection.SubjectKFold : Splits by subject.

    Notes
    -----
    The prediction for a row is that of its subject and depends on the other rows of the same call:
    pass all recordings of a subject in one call.

    For subject s with recordings r, windows w of r and class probabilities p(w), the features are

    .. math:: f_s = \\frac{1}{|s|} \\sum_{r \\in s} \\frac{1}{|r|} \\sum_{w \\in r} p(w)

    Each recording thus has the same weight, whatever its length.

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
        **Updating._parameter_constraints,
        "voting": [StrOptions({"soft", "hard"})],
        "final_estimator": [StrOptions({"logistic"}), HasPredict(), None],
    }
    classes_: NDArray[Any]

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

    @property
    def calibration_(self) -> CalibratedClassifierCV | None:
        """Sigmoids that turn decisions into probabilities; None if they are not needed."""
        return self._calibration

    def _check_estimator(self) -> None:
        if not is_classifier(self.estimator):
            raise ValueError(
                f"The 'estimator' parameter of DiVoteClassifier must be a classifier. "
                f"Got {self.estimator!r} instead. DiVoteRegressor takes regressors."
            )
        self._check_voting()

    def _learn_target(self, y: NDArray[Any]) -> None:
        self.classes_ = np.unique(y)

    def _check_units(self, rows: Rows, of_units: NDArray[Any]) -> None:
        """Warn of a class with a single subject."""
        subjects = np.empty(len(rows.unit_index), dtype=np.intp)
        subjects[rows.unit] = rows.subject
        n_subjects, label = smallest_class(subjects, of_units)
        if rows.subject_names is not None and n_subjects == 1:
            name = rows.subject_names.tolist()[subjects[of_units == label][0]]
            warn_of_recordings(
                f"Class {label!r} has a single subject, {name!r}: {self._caller} may learn this "
                "subject instead of the class, and no other subject of the class can check its "
                "votes. Add subjects of this class, or leave it out."
            )

    def _new_final(self) -> Any:
        logistic = isinstance(self.final_estimator, str)
        return LogisticRegression() if logistic else clone(self.final_estimator)

    def _keep_inner(self, fitted: tuple[Any, CalibratedClassifierCV | None]) -> None:
        self.estimator_, self._calibration = fitted

    @property
    def _n_scores(self) -> int:
        return len(self.classes_)

    def _scores_of(self, fitted: Any, X: Any, columns: Columns) -> NDArray[np.floating]:
        estimator, calibration = fitted
        return self._window_scores(estimator, calibration, X, columns)

    def _row_scores(self, rows: Rows, windows: NDArray[np.floating]) -> NDArray[np.floating]:
        return mean_by_code(windows, rows.row, rows.n_rows)

    def _unit_features(self, rows: Rows, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._aggregation().unit_features(rows, scores)

    def _answers(self, rows: Rows) -> NDArray[Any]:
        return self._diagnose(rows)[1].diagnosis

    def _fit_inner(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        times: NDArray[np.intp],
    ) -> tuple[Any, CalibratedClassifierCV | None]:
        """Fit a clone of the estimator, and calibrate it if it gives no probabilities."""
        estimator = self._fit_estimator(rows, y, weights, times)
        learnt_from = y[rows.row[times[rows.row] > 0]]
        refuse_other_classes(estimator, learnt_from, self.classes_, self._caller)
        if not self._needs_calibration(estimator):
            return estimator, None
        return estimator, self._calibrate(rows, y, weights, times)

    def _calibrate(
        self,
        rows: Rows,
        y: NDArray,
        weights: NDArray[np.floating] | None,
        times: NDArray[np.intp],
    ) -> CalibratedClassifierCV:
        """Fit sigmoids that turn decisions into probabilities on held-out subjects."""
        used = np.flatnonzero(times)
        folds = subject_folds(rows.subject[used], y[used], _CALIBRATION_FOLDS)
        if not folds:
            _, label = smallest_class(rows.subject[used], y[used])
            raise ValueError(
                f"voting='soft' calibrates the decisions of {type(self.estimator).__name__} on "
                f"held-out subjects and needs two subjects of each class, but class {label!r} has "
                "1. Set voting='hard'."
            )
        found, windows_of = [], []
        for _, test in folds:
            chosen = times.copy()
            chosen[used[test]] = 0
            estimator = self._fit_estimator(rows, y, weights, chosen)
            windows = np.flatnonzero(np.isin(rows.row, used[test]))
            if windows.size:
                columns = rows.columns_of(windows)
                found.append(decisions(estimator, safe_indexing(rows.X, windows), columns))
                windows_of.append(windows)
        windows = np.concatenate(windows_of)
        row = rows.row[windows]
        given = times[row].astype(float) * (1.0 if weights is None else weights[row])
        return fit_sigmoids(np.concatenate(found), y[row], np.unique(y[used]), given)

    def _window_scores(
        self,
        estimator: Any,
        calibration: CalibratedClassifierCV | None,
        X: Any,
        columns: Columns,
    ) -> NDArray[np.floating]:
        """Scores of windows in the order of `classes_`; 0 for a class without training windows."""
        known = np.searchsorted(self.classes_, estimator.classes_)
        scores = np.zeros((len(X), len(self.classes_)))
        if self.voting == "hard":
            votes = np.searchsorted(
                self.classes_, call_with_columns(estimator, "predict", X, columns)
            )
            scores[np.arange(len(X)), votes] = 1.0
            return scores
        if calibration is not None:
            proba = calibration.predict_proba(decisions(estimator, X, columns))
        else:
            proba = np.asarray(call_with_columns(estimator, "predict_proba", X, columns))
        if proba.shape != (len(X), len(known)):
            raise ValueError(
                f"predict_proba of {type(estimator).__name__} must return an array of shape "
                f"{(len(X), len(known))}, with a row per window and a column per class of its "
                f"classes_. Got shape {proba.shape}."
            )
        without = np.flatnonzero(~np.isfinite(proba).all(axis=1))
        if without.size:
            raise ValueError(
                f"{type(estimator).__name__} gives probabilities that are not finite for "
                f"{counted(without.size, 'window')} of {len(X)} (first: window {without[0]}). "
                "Check that its training windows differ in each feature and that its fit converged."
            )
        scores[:, known] = proba
        return scores

    def requested_columns(self) -> set[str]:
        """Columns of the table that steps of `estimator` request through metadata routing.

        Returns
        -------
        columns : set of str
            Names of the columns.
        """
        return requested_columns(self.estimator)

    def score_windows(self, X: Any, columns: Columns | None = None) -> NDArray[np.floating]:
        """Score windows that are already cut, such as the ``X`` of :meth:`windows`.

        Parameters
        ----------
        X : ndarray of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, or rows of features, as `estimator_` takes them.
        columns : dict of str to ndarray of shape (n_windows,), default=None
            Columns that steps of `estimator` request through scikit-learn's metadata routing.

        Returns
        -------
        scores : ndarray of shape (n_windows, n_classes)
            Scores, with the classes in the order of `classes_`.
        """
        check_is_fitted(self)
        given: Columns = {}
        if columns:
            given = {name: columns[name] for name in self.requested_columns() & columns.keys()}
        return self._window_scores(self.estimator_, self.calibration_, X, given)

    def _aggregation(self) -> Aggregation:
        return Aggregation(self.classes_, self.by, self.by_levels_, self.unit)

    @warned_once()
    def vote(self, X: Any, groups: Labels | None = None) -> Votes:
        """Compute scores of windows, recordings and subjects.

        Parameters
        ----------
        X : DataFrame or ndarray
            Input as in ``fit``, with all recordings of each subject.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        votes : Votes
            Votes, whose attributes ``windows``, ``recordings`` and ``subjects`` are DataFrames.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on any of the subjects.
        """
        rows = self._checked_rows(X, groups)
        windows, found = self._diagnose(rows)
        tables = self._aggregation()
        return Votes(
            tables.windows_table(rows, windows),
            tables.recordings_table(rows, found.rows),
            tables.subjects_table(rows, found),
        )

    def vote_subjects(self, recordings: pd.DataFrame) -> pd.DataFrame:
        """Aggregate scores of recordings by subject, as the last part of :meth:`vote` does.

        This method shows what the diagnosis would be if a recording were missing, had other scores
        or belonged to another subject.

        Parameters
        ----------
        recordings : DataFrame
            Table like ``vote(X).recordings``, with ``subject``, the columns named by `unit` and
            `by`, and the scores. The scores of a recording without windows are NaN.

        Returns
        -------
        subjects : DataFrame
            Table like ``vote(X).subjects``.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on any of the subjects.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn_emg.ensemble import DiVoteClassifier
        >>> table = pd.DataFrame({"rms": [1.0, 1.2, 2.9, 3.1], "subject": list("aabb")})
        >>> divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
        >>> divote = divote.fit(table, list("nnpp"))
        >>> recordings = divote.vote(table.assign(subject=list("ccdd"))).recordings
        >>> divote.vote_subjects(recordings.iloc[1:])["n_recordings"].to_dict()
        {'c': 1, 'd': 2}
        """
        check_is_fitted(self)
        tables = self._aggregation()
        columns = ["subject", self.unit, *([self.by] if self.by else []), *tables.score_names]
        if missing := [c for c in dict.fromkeys(columns) if c not in recordings.columns]:
            raise ValueError(
                f"The 'recordings' of vote_subjects lack the {columns_text(missing)}: pass all or "
                "some of the rows of vote(X).recordings."
            )
        n_rows = len(recordings)
        row = np.arange(n_rows)
        rows = check_rows(
            recordings,
            None,
            row,
            None,
            None,
            n_rows=n_rows,
            groups=None,
            unit=self.unit,
            by=self.by,
        )
        self._warn_of_known_subjects(rows)
        scores = recordings[tables.score_names].to_numpy(dtype=float)
        return tables.subjects_table(rows, self._diagnoses(rows, scores))

    def _diagnose(self, rows: Rows) -> tuple[NDArray[np.floating], Diagnoses]:
        """Scores of windows, and the diagnoses that follow from them."""
        columns = rows.columns_of()
        windows = self._window_scores(self.estimator_, self.calibration_, rows.X, columns)
        return windows, self._diagnoses(rows, mean_by_code(windows, rows.row, rows.n_rows))

    def _diagnoses(self, rows: Rows, scores: NDArray[np.floating]) -> Diagnoses:
        """Aggregate the scores of rows into diagnoses."""
        means = self._aggregation()
        units = means.unit_means(rows, scores)
        means.warn_of_units_without_windows(rows, units)
        means.warn_of_unknown_levels(rows)
        features = means.unit_features(rows, scores)
        if self.final_estimator_ is None:
            proba = means.average(rows, scores)
            diagnosis = self.classes_[np.argmax(proba, axis=1)]
        else:
            proba = None
            if hasattr(self.final_estimator_, "predict_proba"):
                known = np.searchsorted(self.classes_, self.final_estimator_.classes_)
                proba = np.zeros((len(features), len(self.classes_)))
                proba[:, known] = self.final_estimator_.predict_proba(features)
            diagnosis = self.final_estimator_.predict(features)
        return Diagnoses(scores, units, features, proba, diagnosis)

    @available_if(_final_has_proba)
    @warned_once()
    def predict_proba(self, X: Any, groups: Labels | None = None) -> NDArray[np.floating]:
        """Predict the class probabilities of the subject of each row.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, ...)
            Input as in ``fit``, with all recordings of each subject.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row; by default, the ``subject`` column of X.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)
            Probabilities in the order of ``classes_``.

        Warns
        -----
        SubjectLeakWarning
            If the model was trained on any of the subjects.
        """
        rows = self._checked_rows(X, groups)
        # The probabilities are not None, as _final_has_proba has checked.
        proba = cast("NDArray[np.floating]", self._diagnose(rows)[1].proba)
        return proba[rows.unit]
