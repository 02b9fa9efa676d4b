"""Balancing of classes by limited oversampling and by undersampling of recordings."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from sklearn_emg._sklearn import Interval, Real, safe_indexing
from sklearn_emg.recordings import (
    check_recording_table,
    has_subjects,
    is_recording_table,
    refuse_missing_labels,
    subjects_of,
    warn_of_other_order,
)


def _capped(y: ArrayLike, factor: float) -> dict[Any, int]:
    classes, counts = np.unique(y, return_counts=True)
    wanted = np.minimum(counts.max(), np.floor(factor * counts)).astype(int)
    return {c: int(n) for c, n, has in zip(classes.tolist(), wanted, counts) if n > has}


def capped_sampling_strategy(factor: float = 2.0) -> partial:
    """Return a strategy that oversamples small classes, each by at most a given factor.

    No class becomes larger than the largest one. With a factor of 2, no class has more synthetic
    than real windows, as in Loubar and Toubal.

    Parameters
    ----------
    factor : float, default=2.0
        Maximum ratio of the size of a class after oversampling to its size before. It must be at
        least 1; a factor of 1 changes no class.

    Returns
    -------
    strategy : callable
        Value for the ``sampling_strategy`` parameter of the oversamplers of imbalanced-learn. It
        takes the labels y and returns a dict with the new number of windows of each class to be
        oversampled.

    Raises
    ------
    ValueError
        If `factor` is below 1.

    See Also
    --------
    imblearn.over_sampling.SMOTE : Accepts the strategy as its ``sampling_strategy``.

    References
    ----------
    L. Loubar, M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", Master's project, University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> from sklearn_emg.preprocessing import capped_sampling_strategy
    >>> capped_sampling_strategy(2.0)(["A"] * 30 + ["M"] * 70 + ["C"] * 100)
    {'A': 60, 'M': 100}
    """
    if not isinstance(factor, (int, float, np.number)) or not factor >= 1:
        raise ValueError(
            "The 'factor' parameter of capped_sampling_strategy must be a number of at least 1. "
            f"Got {factor!r} instead."
        )
    # A partial object of a module-level function can be cloned and pickled; a closure cannot.
    return partial(_capped, factor=float(factor))


class RecordingUndersampler(BaseEstimator):
    """Omit recordings of the larger classes.

    The class is a sampler for the Pipeline of imbalanced-learn, where it is placed before
    ``DiVoteClassifier``. It acts only in ``fit``. Recordings are omitted from the subjects with the
    most recordings, so no subject loses its last recording while another subject of its class has
    several.

    Parameters
    ----------
    max_ratio : float, default=1.0
        Maximum number of recordings of a class, relative to the number of recordings of the
        smallest class.
    random_state : int, RandomState instance or None, default=None
        Seed. Pass an int to omit the same recordings in each call.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_kept,)
        Indices of the rows that were kept, in ascending order.
    n_features_in_ : int
        Number of columns of an array. It is not set for a table with a column ``signal`` or
        ``subject``.

    Raises
    ------
    ValueError
        If a table is not valid, a label is missing, or X and y differ in length.

    See Also
    --------
    capped_sampling_strategy : Oversamples small classes instead.

    Notes
    -----
    Feature tables and arrays are also accepted. The rows of an array, or of a table without a
    ``subject`` column, are drawn at random because their subjects are unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.preprocessing import RecordingUndersampler
    >>> from sklearn_emg.recordings import recording_table
    >>> subjects = ["a", "a", "a", "b", "c"]
    >>> table = recording_table([np.zeros(9)] * 5, fs=10.0, subject=subjects)
    >>> sampler = RecordingUndersampler(2.0, random_state=0)
    >>> kept, y = sampler.fit_resample(table, [0, 0, 0, 0, 1])
    >>> sorted(kept["subject"]), y.tolist()
    (['a', 'b', 'c'], [0, 0, 1])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_ratio": [Interval(Real, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        max_ratio: float = 1.0,
        *,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.max_ratio = max_ratio
        self.random_state = random_state

    def fit(self, X: ArrayLike | pd.DataFrame, y: ArrayLike) -> Self:
        """Check the parameters and the input.

        Parameters
        ----------
        X : DataFrame, or array-like of shape (n_rows, ...)
            Recording table, feature table or array with one row per recording.
        y : array-like of shape (n_rows,)
            Class labels.

        Returns
        -------
        self : object
            Fitted sampler.
        """
        self._check(X, y)
        return self

    def fit_resample(
        self, X: ArrayLike | pd.DataFrame, y: ArrayLike
    ) -> tuple[pd.DataFrame | NDArray, NDArray]:
        """Return the rows that are kept and their labels.

        Parameters
        ----------
        X : DataFrame, or array-like of shape (n_rows, ...)
            Recording table, feature table or array with one row per recording.
        y : array-like of shape (n_rows,)
            Class labels.

        Returns
        -------
        X_resampled : DataFrame or ndarray
            Rows that are kept, as a DataFrame if `X` is one.
        y_resampled : ndarray of shape (n_kept,)
            Labels of the rows that are kept.
        """
        X, y = self._check(X, y)
        rng = check_random_state(self.random_state)
        subjects = subjects_of(X) if has_subjects(X) else np.zeros(len(y), dtype=int)
        classes, codes = np.unique(y, return_inverse=True)
        max_rows = int(self.max_ratio * np.bincount(codes).min())
        kept = [
            _thin_out(np.flatnonzero(codes == code), subjects, max_rows, rng)
            for code in range(len(classes))
        ]
        self.sample_indices_ = np.sort(np.concatenate(kept))
        return safe_indexing(X, self.sample_indices_), y[self.sample_indices_]

    def _check(self, X: ArrayLike | pd.DataFrame, y: ArrayLike):
        self._validate_params()
        if y is not None:
            refuse_missing_labels(y)
            warn_of_other_order(X, y, "y")
        if isinstance(X, pd.DataFrame) and {"signal", "subject"} & set(X.columns):
            if is_recording_table(X):
                check_recording_table(X, required=("signal",))
            if y is None:
                raise ValueError("RecordingUndersampler requires y, one class per recording.")
            y = column_or_1d(y)
            check_consistent_length(X, y)
        else:
            array, y = validate_data(self, X, y, dtype="numeric", allow_nd=True)
            X = X if isinstance(X, pd.DataFrame) else array
        check_classification_targets(y)
        return X, np.asarray(y)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags


def _thin_out(
    rows: NDArray[np.intp], subjects: NDArray[np.intp], max_rows: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Keep at most `max_rows` rows, omitting rows of the subjects that have the most."""
    rows = rng.permutation(rows)
    # Number of earlier rows of the same subject: sorting by it takes one row of each subject in
    # turn.
    order = pd.Series(subjects[rows]).groupby(subjects[rows]).cumcount().to_numpy()
    return rows[np.argsort(order, kind="stable")[:max_rows]]
