"""Conversion of images and windows to rows of a feature matrix."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._ranges import refuse_no_samples
from sklearn_emg.recordings import refuse_recordings


class Flatten(TransformerMixin, BaseEstimator):
    """Put all values of an image, or all samples of a window, into one row of features.

    After :class:`STFT`, :class:`CWTCoefficients` or another transform to images, it turns the
    images into rows that any scikit-learn transformer or classifier accepts.

    Attributes
    ----------
    n_features_in_ : int
        Size of the second axis of the input seen in ``fit``.
    shape_in_ : tuple of int
        Shape of an image or window seen in ``fit``.

    Raises
    ------
    ValueError
        If values are missing or infinite, or the shape of the images differs from that in ``fit``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.feature_extraction import STFT, Flatten
    >>> X = np.random.default_rng(0).normal(size=(6, 400)) * np.repeat([1.0, 3.0], 3)[:, None]
    >>> model = make_pipeline(STFT(nperseg=64), Flatten(), LogisticRegression())
    >>> model.fit(X, [0, 0, 0, 1, 1, 1]).n_features_in_
    400
    >>> model[:-1].get_feature_names_out()[:2].tolist()
    ['stft_0_0', 'stft_0_1']
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Store the shape of the images.

        Parameters
        ----------
        X : array-like of shape (n_windows, ...)
            Images or windows.
        y : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        self : object
            Fitted transformer.
        """
        refuse_recordings(X, type(self).__name__)
        refuse_no_samples(X, "Flatten")
        X = validate_data(self, X, allow_nd=True, dtype=[np.float64, np.float32])
        self.shape_in_ = X.shape[1:]
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Flatten each image or window.

        Parameters
        ----------
        X : array-like of shape (n_windows, ...)
            Images or windows of the shape seen in ``fit``.

        Returns
        -------
        rows : ndarray of shape (n_windows, n_values)
            Values in C order: the last axis changes fastest.
        """
        if not hasattr(self, "shape_in_"):
            return clone(self).fit(X).transform(X)
        refuse_no_samples(X, "Flatten")
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=[np.float64, np.float32])
        if X.shape[1:] != self.shape_in_:
            raise ValueError(
                f"X has images of shape {X.shape[1:]}, but Flatten was fitted on {self.shape_in_}."
            )
        return X.reshape(len(X), -1)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the values.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the values of an image from the previous step, such as :class:`STFT`. If None,
            the names are the columns of a DataFrame seen in ``fit``, or ``x0``, ``x1`` ...

        Returns
        -------
        names : ndarray of str objects of shape (n_values,)
            Names of the values in C order.
        """
        check_is_fitted(self)
        n_values = int(np.prod(self.shape_in_))
        if input_features is None:
            given = getattr(self, "feature_names_in_", None)
            names = [f"x{i}" for i in range(n_values)] if given is None else given
        else:
            names = np.asarray(input_features, dtype=object).tolist()
            if len(names) != n_values:
                raise ValueError(
                    f"input_features should have length equal to the number of values of an "
                    f"image, {n_values}. Got {len(names)}."
                )
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
