"""Keep the output of an expensive step while a search tries what comes after it."""

from __future__ import annotations

from typing import Any, ClassVar

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, check_memory

from sklearn_emg._sklearn import HasMethods


def _fit(transformer: Any, X: Any, y: Any) -> Any:
    return transformer.fit(X, y)


def _transform(key: str, X: Any, fitted: Any) -> Any:
    return fitted.transform(X)


def _names_features(cached: CachedTransformer) -> bool:
    return hasattr(getattr(cached, "transformer_", cached.transformer), "get_feature_names_out")


class CachedTransformer(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """A transformer whose results are kept on disk, those on unseen data too.

    A grid over the classifier repeats everything before it for each candidate. The `memory` of a
    Pipeline spares it the training data only; the features of the test windows are computed anew
    for each candidate. Around the feature extractor, this class spares both.

    Parameters
    ----------
    transformer : transformer object
        Such as :class:`~sklearn_emg.feature_extraction.EMGFeatures`.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder of the results, or a ``joblib.Memory``; None keeps nothing. Results of other
        settings and of other training data are not mixed. Delete the folder after an update of
        this package: results of older code look the same.

    Attributes
    ----------
    transformer_ : transformer object
        The fitted transformer.
    n_features_in_ : int
        As of `transformer_`.

    See Also
    --------
    sklearn.pipeline.Pipeline : With `memory`, keeps fitted transformers and training data only.

    Notes
    -----
    Finding a result costs a digest of the data, and reading it. That pays for entropies, wavelets
    or tsfresh, and not for a mean. A transformer that draws random numbers without a seed gives its
    first draw again. Of a table that refers to files
    (:class:`~sklearn_emg.recordings.SignalFile`) the names are compared, not the contents: delete
    the folder when a file changes.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_emg.feature_extraction import EMGFeatures
    >>> from sklearn_emg.model_selection import CachedTransformer
    >>> X = np.random.default_rng(0).normal(size=(5, 400))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     features = CachedTransformer(EMGFeatures("hudgins", fs=1000.0), memory=folder)
    ...     features.fit_transform(X).shape
    (5, 4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"])],
        "memory": [None, str, HasMethods(["cache"])],
    }

    def __init__(self, transformer: Any, *, memory: str | joblib.Memory | None = None):
        self.transformer = transformer
        self.memory = memory

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> CachedTransformer:
        """Fit the transformer, or fetch what the same fit gave before.

        Parameters
        ----------
        X : array-like or DataFrame
            Whatever the transformer takes.
        y : array-like of shape (n_rows,), default=None

        Returns
        -------
        self : object
        """
        self._validate_params()
        memory = check_memory(self.memory)
        transformer = clone(self.transformer)
        if hasattr(transformer, "set_output"):
            # One result for all containers: this class puts it into the one that is asked for.
            transformer.set_output(transform="default")
        # A digest of what was fitted on what stands for the fitted transformer, whose own digest
        # would change on the way to the disk and back.
        kept = getattr(memory, "location", "somewhere") is not None
        self._key = joblib.hash((transformer, X, y)) if kept else ""
        self.transformer_ = memory.cache(_fit)(transformer, X, y)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.floating] | Any:
        """Transform, or fetch the result.

        Parameters
        ----------
        X : array-like or DataFrame

        Returns
        -------
        Xt : ndarray or DataFrame
            As of the transformer.
        """
        check_is_fitted(self)
        call = check_memory(self.memory).cache(_transform, ignore=["fitted"])
        return call(self._key, X, self.transformer_)

    @available_if(_names_features)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the columns, as of the transformer.

        Parameters
        ----------
        input_features : array-like of str, default=None

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out(input_features)

    @property
    def n_features_in_(self) -> int:
        """Number of features of the data in `fit`."""
        return self.transformer_.n_features_in_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.transformer_tags = inner.transformer_tags
        return tags
