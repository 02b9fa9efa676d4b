"""LSTMPrognosis: the prognosis of NeuroFusionNet's Algorithm 3 as an estimator."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, require
from sklearn_emg.prognosis._contexts import Contexts, has_contexts
from sklearn_emg.recordings import SubjectMemory

_PARAMETERS = """context : int, default=None
        Number of the last steps that are read; None reads all that X has.
    n_units : int, default=32
        Units of a layer of the LSTM.
    n_layers : int, default=1
        Number of layers.
    attention : bool, default=True
        Whether the mean of the states by attention is joined to the last state.
    chunk : int, default=None
        Steps of a chunk: gradients are propagated within a chunk only (truncated back-propagation
        through time). None propagates through the whole sequence.
    stateful : bool, default=True
        Whether the state at the end of a chunk is kept for the next chunk of the same sequence, or
        reset. Between sequences it is always reset, and without chunks there is nothing to keep.
    dropout : float, default=0.0
        Probability of dropout before the output and between layers.
    lr : float, default=0.01
        Learning rate of Adam.
    batch_size : int, default=32
        Sequences per update.
    max_epochs : int, default=100
        Number of epochs, at most.
    patience : int, default=10
        Epochs without a lower validation loss after which training ends; None trains all epochs.
    validation_fraction : float, default=0.2
        Fraction of the subjects (or sequences, if no subjects are known) that are held out for it;
        None holds out none.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, batches and validation.
"""


def context_network() -> Any:
    """Network of the two estimators; PyTorch is imported here.

    Returns
    -------
    network : type
    """
    from sklearn_emg.prognosis._network import ContextLSTM

    return ContextLSTM


class _LSTMBase(SubjectMemory, BaseEstimator, ABC):
    """Sequences, their scale, and the network; subclasses handle the target."""

    mean_: NDArray[np.floating]
    scale_: NDArray[np.floating]
    _names: list[str] | None = None  # of the features of contexts seen in fit

    def __init__(
        self,
        context: int | None = None,
        *,
        n_units: int = 32,
        n_layers: int = 1,
        attention: bool = True,
        chunk: int | None = None,
        stateful: bool = True,
        dropout: float = 0.0,
        lr: float = 0.01,
        batch_size: int = 32,
        max_epochs: int = 100,
        patience: int | None = 10,
        validation_fraction: float | None = 0.2,
        random_state: Any = None,
    ) -> None:
        self.context = context
        self.n_units = n_units
        self.n_layers = n_layers
        self.attention = attention
        self.chunk = chunk
        self.stateful = stateful
        self.dropout = dropout
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    # ------------------------------------------------- sequences

    def _sequences(
        self, X: Any, y: Any = None
    ) -> tuple[list[NDArray[np.floating]], NDArray[np.floating], Any]:
        """Sequences of shape (n_features, n_steps), the last value of each, and y."""
        reset = y is not None
        if has_contexts(X, type(self).__name__):
            contexts = Contexts.of(X, None if reset else self._names)
            ahead = np.broadcast_to(contexts.ahead[:, np.newaxis], contexts.ago.shape)
            steps = np.concatenate([contexts.features, ahead[:, np.newaxis]], axis=1)
            known = np.isfinite(contexts.value)
            found = [values[:, mask] for values, mask in zip(steps, known)]
            if reset:
                self.n_features_in_, self._names = X.shape[1], contexts.names
            return self._last_steps(found, reset), contexts.value[:, -1].copy(), y
        if isinstance(X, (list, tuple)) and _are_sequences(X):
            found = [np.atleast_2d(np.asarray(x, dtype=float)) for x in X]
            return self._last_steps(found, reset), np.zeros(len(found)), y
        X, y = self._checked_array(X, y)
        found = list(X if X.ndim == 3 else X[:, np.newaxis])
        return self._last_steps(found, reset), np.zeros(len(found)), y

    def _checked_array(self, X: Any, y: Any) -> tuple[NDArray[np.floating], Any]:
        settings = {"allow_nd": True, "dtype": float}
        if y is None:
            return validate_data(self, X, reset=False, **settings), None
        numeric = isinstance(self, RegressorMixin)
        return validate_data(self, X, y, y_numeric=numeric, ensure_min_samples=2, **settings)

    def _last_steps(
        self, found: list[NDArray[np.floating]], reset: bool
    ) -> list[NDArray[np.floating]]:
        name = type(self).__name__
        if self.context is not None:
            n = check_integer(self.context, "context", name)
            found = [steps[:, -n:] for steps in found]
        n_features = len(found[0]) if reset else len(self.mean_)
        for row, steps in enumerate(found):
            if steps.shape[0] != n_features or not steps.shape[1]:
                raise ValueError(
                    f"Sequence {row} of {name} has the shape {steps.shape}; sequences have "
                    f"{n_features} features and at least one step."
                )
            if not np.isfinite(steps).all():
                raise ValueError(
                    f"Sequence {row} of {name} has a feature that is NaN or infinite at a known "
                    "step. Fill it in, or leave the visit out."
                )
        if reset:
            flat = np.concatenate(found, axis=1)
            self.mean_ = flat.mean(axis=1)
            scale = flat.std(axis=1)
            self.scale_ = np.where(scale > 1e-12 * np.abs(self.mean_), scale, 1.0)
        return [
            ((s - self.mean_[:, np.newaxis]) / self.scale_[:, np.newaxis]).astype(np.float32)
            for s in found
        ]

    # ------------------------------------------------- network

    def _network(self) -> Any:
        """The network as an estimator of this package, unfitted."""
        require("torch", type(self).__name__, "nets")
        from sklearn_emg import neural_network

        kind = "EMGRegressor" if isinstance(self, RegressorMixin) else "EMGClassifier"
        return getattr(neural_network, kind)(
            context_network(),
            module_params={
                "n_units": self.n_units,
                "n_layers": self.n_layers,
                "attention": self.attention,
                "chunk": self.chunk,
                "stateful": self.stateful,
                "dropout": self.dropout,
            },
            lr=self.lr,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=None if self.validation_fraction is None else self.patience,
            validation_fraction=self.validation_fraction,
            random_state=self.random_state,
        )

    def fit(self, X: Any, y: Labels, groups: Labels | None = None) -> Self:
        """Train on sequences and what came after them.

        Parameters
        ----------
        X : DataFrame of :func:`visit_contexts`, list of ndarray of shape (n_features, n_steps_i), \
or ndarray of shape (n_sequences, n_steps) or (n_sequences, n_features, n_steps)
            The last step is the newest. Sequences may differ in length; 1-D arrays in a list are
            sequences of one feature.
        y : array-like of shape (n_sequences,)
            Target of each.
        groups : array-like of shape (n_sequences,), default=None
            Subject of each sequence, for an X without a ``subject`` column.

        Returns
        -------
        self : object
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        self._remember_subjects(X, groups)
        if groups is None and isinstance(X, pd.DataFrame) and "subject" in X.columns:
            groups = X["subject"].to_numpy()
        sequences, last, y = self._sequences(X, y)
        check_consistent_length(sequences, y)
        target = self._learn_target(column_or_1d(y), last)
        self.network_ = self._network().fit(sequences, target, groups=groups)
        return self

    @property
    def history_(self) -> Any:
        """Losses of training and validation by epoch."""
        return self.network_.history_

    @abstractmethod
    def _learn_target(self, y: NDArray[Any], last: NDArray[np.floating]) -> NDArray[Any]:
        """Target of the network for each context, from the targets and the last visits."""

    def _given(self, X: Any) -> tuple[list[NDArray[np.floating]], NDArray[np.floating]]:
        """Sequences to predict, with a warning if their subjects were trained on."""
        check_is_fitted(self, "network_")
        self._warn_of_known_subjects(X)
        return self._sequences(X)[:2]

    def attention_weights(self, X: Any) -> NDArray[np.floating]:
        """Attention to each step, the newest last.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            As in ``fit``.

        Returns
        -------
        weights : ndarray of shape (n_sequences, n_steps)
            They sum to one; NaN where a sequence has no such step.
        """
        import torch

        if not self.attention:
            raise ValueError(f"{type(self).__name__}(attention=False) has no attention.")
        sequences, _ = self._given(X)
        module = self.network_.net_.module_.eval()
        out = np.full((len(sequences), max(s.shape[1] for s in sequences)), np.nan)
        device = next(module.parameters()).device
        with torch.no_grad():
            for row, steps in enumerate(sequences):
                states = module.states(torch.from_numpy(steps)[None].to(device))
                out[row, -steps.shape[1] :] = module.weights(states, None)[0].cpu().numpy()
        return out

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags


def _are_sequences(X: Sequence[Any]) -> bool:
    """Whether a list holds sequences: 2-D arrays, or 1-D arrays of unequal lengths."""
    ndims = {getattr(x, "ndim", 0) for x in X}
    return ndims == {2} or (ndims == {1} and len({len(x) for x in X}) > 1)


class LSTMPrognosis(RegressorMixin, _LSTMBase):
    """LSTM with attention that predicts a later value from a sequence (Algorithm 3 of [1]_).

    Features are standardised (z-score), and the last `context` steps are read by an LSTM with
    attention over its states; sequences of unequal lengths are padded and masked. For a table of
    :func:`visit_contexts` the network predicts the change from the last known value.

    Parameters
    ----------
    {parameters}
    Attributes
    ----------
    network_ : EMGRegressor
        The trained network.
    history_ : skorch.history.History
        Losses of training and validation by epoch.
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the features over all training steps.
    subjects_ : ndarray or None
        Training subjects.

    See Also
    --------
    LSTMPrognosisClassifier : The same for a label.
    LastValueRegressor : What it has to beat.

    References
    ----------
    .. [1] "Pioneering prognosis and management in neuromuscular healthcare using EMG signal
       processing with advanced deep learning techniques", Algorithm 3.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.prognosis import LSTMPrognosis, visit_contexts
    >>> visits = make_progression_cohort(10, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"])
    >>> model = LSTMPrognosis(context=2, n_units=4, max_epochs=2, random_state=0).fit(X, y)
    >>> model.attention_weights(X[:3]).shape
    (3, 2)
    """

    def _learn_target(self, y: NDArray[Any], last: NDArray[np.floating]) -> NDArray[Any]:
        try:
            return y.astype(float) - last
        except (TypeError, ValueError):
            raise ValueError(
                f"The y of LSTMPrognosis must be numbers, got {str(y[0])!r}; "
                "LSTMPrognosisClassifier predicts labels."
            ) from None

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Value at the target.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            As in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
        """
        sequences, last = self._given(X)
        return last + self.network_.predict(sequences)


class LSTMPrognosisClassifier(ClassifierMixin, _LSTMBase):
    """LSTM with attention that predicts a later label from a sequence (Algorithm 3).

    See :class:`LSTMPrognosis` for what it does and its source.

    Parameters
    ----------
    {parameters}
    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    network_ : EMGClassifier
        The trained network.
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of the features over all training steps.
    subjects_ : ndarray or None
        Training subjects.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.prognosis import LSTMPrognosisClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 5)).cumsum(axis=1)
    >>> y = np.where(X[:, -1] > X[:, 0], "up", "down")
    >>> model = LSTMPrognosisClassifier(n_units=8, random_state=0).fit(X, y)
    >>> model.predict(X).shape
    (60,)
    """

    def _learn_target(self, y: NDArray[Any], last: NDArray[np.floating]) -> NDArray[Any]:
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        return y

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable label.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            As in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
        """
        sequences, _ = self._given(X)
        return self.network_.predict(sequences)

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Probability of each label.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            As in ``fit``.

        Returns
        -------
        probabilities : ndarray of shape (n_sequences, n_classes)
        """
        sequences, _ = self._given(X)
        return self.network_.predict_proba(sequences)


for _kind in (LSTMPrognosis, LSTMPrognosisClassifier):
    if _kind.__doc__:  # there is none with python -OO
        # Python dedents docstrings from version 3.13 on.
        texts = inspect.cleandoc(_PARAMETERS) + "\n"
        _kind.__doc__ = inspect.cleandoc(_kind.__doc__).replace("{parameters}", texts)
