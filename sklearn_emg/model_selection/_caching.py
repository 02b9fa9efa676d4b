"""Cache of the results of expensive steps on disk, by settings and data."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, check_memory

from sklearn_emg._sklearn import HasMethods
from sklearn_emg._warnings import warn
from sklearn_emg.model_selection._kept_steps import is_stateless, takes_kept
from sklearn_emg.model_selection._store import RecordingStore
from sklearn_emg.recordings import (
    KeptWindows,
    LastToSeeSubjects,
    content_digest,
    is_kept,
    is_recording_table,
    keep_recordings,
    plain_recordings,
    subject_names,
)

Memory: TypeAlias = "str | joblib.Memory | None"


def key_for(memory: Memory, *values: Any) -> str | None:
    """Digest of objects that serves as the key of a cached result.

    Parameters
    ----------
    memory : str, joblib.Memory or None
        Cache or its folder.
    *values : object
        Everything on which a result depends.

    Returns
    -------
    key : str or None
        Digest of the values; None without `memory` or, with a warning, if a value has no digest.
    """
    if getattr(check_memory(memory), "location", "a store of its own") is None:
        return None
    try:
        return content_digest(*values)
    except (TypeError, AttributeError, ValueError, pickle.PicklingError) as error:
        warn(
            "Nothing is stored in 'memory': the key would not cover all settings and data "
            f"({error}).",
            UserWarning,
        )
        return None


def _answer(key: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[str, Any]:
    return key, function(*arguments)


def call_kept(
    memory: Memory, key: str | None, function: Callable[..., Any], *arguments: Any
) -> Any:
    """Call a function, or return the cached result of a call with this key.

    Parameters
    ----------
    memory : str, joblib.Memory or None
        Cache or its folder; None caches nothing. Results are pickle files, and loading one executes
        code in it.
    key : str or None
        Key of the function and its arguments, from :func:`key_for`; None caches nothing.
    function : callable
        Function that computes the result.
    *arguments : object
        Arguments of the function.

    Returns
    -------
    result : object
        Result of the call.
    """
    if key is None:
        return function(*arguments)
    store = check_memory(memory)
    found = store.cache(_answer, ignore=["function", "arguments"])(key, function, arguments)
    if isinstance(found, tuple) and len(found) == 2 and found[0] == key:
        return found[1]
    warn(
        f"A result in {getattr(store, 'location', store)} belongs to another call and is not "
        "used: its files were changed. Delete this folder of 'memory'.",
        UserWarning,
    )
    return function(*arguments)


def _fit(transformer: Any, X: Any, y: Any) -> Any:
    return transformer.fit(X, y)


def _transform(fitted: Any, X: Any) -> Any:
    return fitted.transform(X)


def _names_features(cached: CachedTransformer) -> bool:
    return hasattr(getattr(cached, "transformer_", cached.transformer), "get_feature_names_out")


class CachedTransformer(LastToSeeSubjects, MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Transformer whose results are cached on disk, including those for test data.

    A grid search over the classifier repeats all earlier steps for each candidate. The `memory` of
    a Pipeline caches only the transformed training data, so the features of the test windows are
    computed again for each candidate. This class wraps the feature extractor and caches its results
    for training and test data.

    Parameters
    ----------
    transformer : transformer object
        Transformer to cache, such as :class:`~sklearn_emg.feature_extraction.EMGFeatures`.
    memory : str, object with the joblib.Memory interface or None, default=None
        Folder for the results, or a ``joblib.Memory``; None caches nothing. The results are pickle
        files, and loading one executes code in it: only trusted users may have write access to this
        folder.

    Attributes
    ----------
    transformer_ : transformer object
        The fitted transformer.
    n_features_in_ : int
        Number of features of the data in `fit`.

    Warns
    -----
    UserWarning
        If the settings or the data cannot be identified (for example, because a parameter is an
        open file), so that nothing is cached, or if a file in the folder belongs to another call.

    See Also
    --------
    sklearn.pipeline.Pipeline : Caches fitted transformers and transformed training data only.

    Notes
    -----
    A result is identified by a digest of the class of the transformer, all its parameters, the
    versions of this package and of the package of the class, and the content of the training data
    and of the data to transform. Signal files of a table
    (:class:`~sklearn_emg.recordings.SignalFile`) are read to compute the digest. For your own
    classes and functions, the digest includes the code and the values that it refers to.

    The result of a transformer that learns nothing (scikit-learn's tag ``requires_fit`` is False)
    does not depend on the training data. If such a transformer belongs to this package, or is a
    Pipeline or FeatureUnion of such transformers, the result for each recording, or for the windows
    of each recording in a :class:`~sklearn_emg.ensemble.DiVoteClassifier`, is stored separately, so
    that all folds and candidates share it. These results are kept in a :class:`RecordingStore`.

    An instance that was fitted without `memory`, or whose fitted transformer was changed
    afterwards, caches only results for single recordings.

    Looking up a result takes the time to compute the digest and to read the file. Caching is
    worthwhile for entropies, wavelets or tsfresh features, but not for a mean. A transformer that
    draws random numbers without a seed returns the result of its first draw again.

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

    def __init__(self, transformer: Any, *, memory: Memory = None):
        self.transformer = transformer
        self.memory = memory

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> CachedTransformer:
        """Fit the transformer, or load the cached result of the same fit.

        Parameters
        ----------
        X : array-like or DataFrame
            Input of the transformer.
        y : array-like of shape (n_rows,), default=None
            Target for the transformer.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        self._validate_params()
        self._remember_subjects(X)
        transformer = clone(self.transformer)
        if hasattr(transformer, "set_output"):
            # The cached result is in the default container; this class converts it.
            transformer.set_output(transform="default")
        if is_stateless(transformer):
            self._key = key_for(self.memory, "stateless", transformer)
            self.transformer_ = transformer.fit(X, y)
        else:
            self._key = key_for(self.memory, "fit", transformer, X, y)
            self.transformer_ = call_kept(self.memory, self._key, _fit, transformer, X, y)
        self._state = None if self._key is None else key_for(self.memory, self.transformer_)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.floating] | Any:
        """Transform X, or load the cached result.

        Parameters
        ----------
        X : array-like or DataFrame
            Input of the transformer.

        Returns
        -------
        Xt : ndarray or DataFrame
            Output of the transformer.
        """
        check_is_fitted(self)
        if self.takes_kept and (found := self._by_recording(X)) is not None:
            if subject_names(found) is None:
                self._warn_if_trained(X)
            return found
        key = None
        # The key is that of the fit because pickling can change the digest of the fitted object.
        # The state shows whether `transformer_` was changed later.
        if self._state is not None and key_for(self.memory, self.transformer_) == self._state:
            key = key_for(self.memory, "transform", self._key, X)
        result = call_kept(self.memory, key, _transform, self.transformer_, X)
        if subject_names(result) is None:
            self._warn_if_trained(X)
        return result

    def _by_recording(self, X: Any) -> Any:
        """Result for recordings or their windows, stored per recording; None if not stored."""
        if isinstance(X, KeptWindows):
            store = self._store() if X.store is None else X.store
            return self.transformer_.transform(X if store is None else X.in_store(store))
        if not is_recording_table(X):
            return None
        if is_kept(X):  # X has its own store
            return self.transformer_.transform(X)
        store = self._store()
        if store is None:
            return None
        found = self.transformer_.transform(keep_recordings(X, store))
        return plain_recordings(found) if is_recording_table(found) else found

    def _store(self) -> RecordingStore | None:
        """RecordingStore in the folder of `memory`; None without a folder."""
        location = getattr(check_memory(self.memory), "location", None)
        return None if location is None else RecordingStore(location)

    @property
    def takes_kept(self) -> bool:
        """Whether the results of the transformer are stored per recording."""
        return is_stateless(self.transformer) and takes_kept(self.transformer)

    @available_if(_names_features)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the output columns of the transformer.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns.

        Returns
        -------
        names : ndarray of str
            Names of the output columns.
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


def keeps_results(estimator: Any) -> bool:
    """Whether a :class:`CachedTransformer` with `memory` is among the parts of an estimator."""
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(p, CachedTransformer) and p.memory is not None for p in parts)
