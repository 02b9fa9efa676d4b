"""Class balance by limited oversampling and by undersampling of recordings."""

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
from sklearn_emg.recordings import check_recording_table, is_recording_table, subjects_of

__all__ = ["RecordingUndersampler", "capped_sampling_strategy"]


def _capped(y: ArrayLike, factor: float) -> dict[Any, int]:
    classes, counts = np.unique(y, return_counts=True)
    wanted = np.minimum(counts.max(), np.floor(factor * counts)).astype(int)
    return {c: int(n) for c, n, has in zip(classes.tolist(), wanted, counts) if n > has}


def capped_sampling_strategy(factor: float = 2.0) -> partial:
    """Oversample small classes to the size of the largest, but at most by `factor`.

    With a factor of 2 no class has more synthetic than real windows, as in Loubar and Toubal.

    Parameters
    ----------
    factor : float, default=2.0
        Maximum ratio of the size of a class after and before oversampling. It is at least 1, which
        changes no class.

    Returns
    -------
    strategy : callable
        Argument for the ``sampling_strategy`` of over-samplers of imbalanced-learn. It takes y and
        returns the number of windows per class.

    Raises
    ------
    ValueError
        If `factor` is below 1.

    See Also
    --------
    imblearn.over_sampling.SMOTE : Takes the strategy; it acts within folds in an imblearn Pipeline.

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
            "The 'factor' of capped_sampling_strategy must be at least 1, which adds nothing. "
            f"Got {factor!r} instead."
        )
    # A partial of a function in a module can be cloned and pickled; a closure cannot.
    return partial(_capped, factor=float(factor))


class RecordingUndersampler(BaseEstimator):
    """Omit recordings of classes that have more than the smallest class.

    The class is a sampler for the Pipeline of imbalanced-learn, before ``DiVoteClassifier``: it
    acts in ``fit`` only. Recordings are omitted from the subjects that have the most, so that all
    subjects of a class have one recording before a subject loses its last one.

    Parameters
    ----------
    max_ratio : float, default=1.0
        Maximum number of recordings of a class, relative to the smallest class.
    random_state : int, RandomState instance or None, default=None
        Seed. Pass an int to omit the same recordings at each call.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_kept,)
        Indices of the rows that are kept, in ascending order.
    n_features_in_ : int
        Number of columns of an array; not set for a table.

    Raises
    ------
    ValueError
        If a table is not valid, or lengths differ.

    See Also
    --------
    capped_sampling_strategy : Oversamples small classes instead.

    Notes
    -----
    Tables of features with a ``subject`` column are accepted as well, and arrays, whose rows are
    drawn at random because their subjects are unknown.

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
        """Check parameters and input.

        Parameters
        ----------
        X : DataFrame, or array-like of shape (n_rows, ...)
            Recording table, or one row per recording.
        y : array-like of shape (n_rows,)
            Classes.

        Returns
        -------
        self : object
        """
        self._check(X, y)
        return self

    def fit_resample(
        self, X: ArrayLike | pd.DataFrame, y: ArrayLike
    ) -> tuple[pd.DataFrame | NDArray, NDArray]:
        """Return the rows that are kept.

        Parameters
        ----------
        X : DataFrame, or array-like of shape (n_rows, ...)
            Recording table, or one row per recording.
        y : array-like of shape (n_rows,)
            Classes.

        Returns
        -------
        X_resampled : DataFrame or ndarray
            Rows that are kept, of the kind of `X`.
        y_resampled : ndarray of shape (n_kept,)
        """
        X, y = self._check(X, y)
        rng = check_random_state(self.random_state)
        has_subjects = isinstance(X, pd.DataFrame) and "subject" in X.columns
        subjects = subjects_of(X) if has_subjects else np.zeros(len(y), dtype=int)
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
        if isinstance(X, pd.DataFrame) and {"signal", "subject"} & set(X.columns):
            if is_recording_table(X):
                check_recording_table(X, required=("signal",))
            if y is None:
                raise ValueError("RecordingUndersampler requires y, one class per recording.")
            y = column_or_1d(y)
            check_consistent_length(X, y)
        else:
            X, y = validate_data(self, X, y, dtype="numeric", allow_nd=True)
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
    """Keep at most `max_rows` rows; rows are omitted from the subjects that have the most."""
    rows = rng.permutation(rows)
    # The number of earlier rows of the same subject: round k takes one row of each subject.
    order = pd.Series(subjects[rows]).groupby(subjects[rows]).cumcount().to_numpy()
    return rows[np.argsort(order, kind="stable")[:max_rows]]
