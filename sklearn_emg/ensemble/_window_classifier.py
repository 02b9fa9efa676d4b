"""Base class of the classifiers that wrap a classifier of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._sklearn import has_method
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble._input import refuse_one_class
from sklearn_emg.recordings import (
    SubjectMemory,
    has_subjects,
    refuse_missing_labels,
    refuse_recordings,
    subjects_of,
    warn_of_other_order,
)


def _has_proba(model: WindowMetaClassifier) -> bool:
    return has_method(getattr(model, "estimator_", model.estimator), "predict_proba")


class WindowMetaClassifier(SubjectMemory, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Base class of classifiers that wrap a classifier of windows and control its training.

    It checks the windows, labels and subjects given to ``fit`` and leaves predictions to
    ``estimator_``, which a subclass fits.
    """

    estimator: Any
    estimator_: Any

    def _check_training(
        self, X: ArrayLike, y: ArrayLike, groups: Labels | None
    ) -> tuple[NDArray, NDArray, NDArray[np.intp], NDArray[np.intp] | None, NDArray | None]:
        """Check the data of ``fit``; return X, y, label codes, subject codes and subjects."""
        refuse_recordings(X, type(self).__name__)
        self._remember_subjects(X, groups)
        warn_of_other_order(X, y, "y")
        if groups is None and has_subjects(X):
            groups = X["subject"]
        if y is not None:
            refuse_missing_labels(y)
        X = self._features_of(X, y, reset=True)
        X, y = validate_data(
            self, X, y, allow_nd=True, dtype=[np.float32, np.float64], ensure_min_samples=2
        )
        check_classification_targets(y)
        refuse_one_class(y, type(self).__name__)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if groups is None:
            return X, y, codes, None, None
        owner = subjects_of(X, groups)
        if not isinstance(groups, np.ndarray):
            groups = pd.Series(list(groups), dtype=object).to_numpy()  # names keep their types
        return X, y, codes, owner, groups

    def _check(self, X: ArrayLike) -> NDArray[np.floating]:
        check_is_fitted(self)
        self._warn_of_known_subjects(X)
        X = self._features_of(X, reset=False)
        return validate_data(self, X, reset=False, allow_nd=True, dtype=[np.float32, np.float64])

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict the class of each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows.

        Returns
        -------
        y : ndarray of shape (n_windows,)
            Predicted classes.
        """
        X = self._check(X)
        return self.estimator_.predict(X)

    @available_if(_has_proba)
    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Predict the class probabilities of each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows.

        Returns
        -------
        probabilities : ndarray of shape (n_windows, n_classes)
            Probabilities in the order of ``classes_``.
        """
        X = self._check(X)
        return self.estimator_.predict_proba(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.three_d_array = inner.input_tags.three_d_array
        tags.input_tags.sparse = False
        tags.classifier_tags = inner.classifier_tags or tags.classifier_tags
        return tags
