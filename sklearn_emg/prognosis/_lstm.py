"""Estimators that predict a later value or label by Algorithm 3 of NeuroFusionNet (2024)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, require, require_target
from sklearn_emg.prognosis._contexts import Contexts, has_contexts
from sklearn_emg.recordings import SubjectMemory, groups_of

_PARAMETERS = """context : int, default=None
        Number of steps at the end of each sequence that are read. None reads all steps.
    n_units : int, default=32
        Number of units per layer of the LSTM.
    n_layers : int, default=1
        Number of layers of the LSTM.
    attention : bool, default=True
        Whether the output layer reads the attention-weighted mean of the states in addition to the
        last state.
    chunk : int, default=None
        Number of steps in a chunk. Gradients are propagated only within chunks (truncated
        back-propagation through time). None propagates them through the whole sequence.
    stateful : bool, default=True
        Whether a chunk starts from the state at the end of the previous chunk of the same sequence.
        If False, the state is reset between chunks. It is always reset between sequences. The
        parameter has no effect if `chunk` is None.
    dropout : float, default=0.0
        Probability of dropout before the output layer and between the layers of the LSTM.
    lr : float, default=0.01
        Learning rate of Adam.
    batch_size : int, default=32
        Number of sequences per update of the weights.
    max_epochs : int, default=100
        Maximum number of epochs.
    patience : int, default=10
        Number of epochs without a lower validation loss after which training stops. None trains for
        `max_epochs` epochs.
    validation_fraction : float, default=0.2
        Fraction of the subjects (or of the sequences, if the subjects are not known) that is held
        out to compute the validation loss. With None, nothing is held out, and training lasts for
        `max_epochs` epochs.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches, dropout and the validation subjects.
"""


def context_network() -> Any:
    """Import and return the network of the two estimators.

    Returns
    -------
    network : type
        Class ``ContextLSTM``, which needs torch.
    """
    from sklearn_emg.prognosis._network import ContextLSTM

    return ContextLSTM


class _LSTMBase(SubjectMemory, BaseEstimator, ABC):
    """Base class of the two estimators: sequences, scaling and network."""

    mean_: NDArray[np.floating]
    scale_: NDArray[np.floating]
    _names: list[str] | None = None  # names of the features of contexts seen in fit

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
        """Return sequences (n_features, n_steps), their last values (0 without contexts) and y."""
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
                    f"Sequence {row} of {name} has the shape {steps.shape}; sequences must have "
                    f"{counted(n_features, 'feature')} and at least one step."
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
        """Return the network as an unfitted estimator."""
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
        """Train the network to predict a target from each sequence.

        Parameters
        ----------
        X : DataFrame of :func:`visit_contexts`, list of ndarray of shape (n_features, n_steps_i), \
or ndarray of shape (n_sequences, n_steps) or (n_sequences, n_features, n_steps)
            Sequences, in which the last step is the newest. They may differ in length. A 1-D array
            in a list is a sequence of a single feature.
        y : array-like of shape (n_sequences,)
            Target of each sequence.
        groups : array-like of shape (n_sequences,), default=None
            Subject of each sequence, for an X without a ``subject`` column.

        Returns
        -------
        self : object
        """
        require_target(y, type(self).__name__)
        self._remember_subjects(X, groups)
        groups = groups_of(X, groups)
        sequences, last, y = self._sequences(X, y)
        check_consistent_length(sequences, y)
        target = self._learn_target(column_or_1d(y), last)
        self.network_ = self._network().fit(sequences, target, groups=groups)
        return self

    @property
    def history_(self) -> Any:
        """Training and validation losses of each epoch."""
        return self.network_.history_

    @abstractmethod
    def _learn_target(self, y: NDArray[Any], last: NDArray[np.floating]) -> NDArray[Any]:
        """Compute the target of the network for each sequence."""

    def _given(self, X: Any) -> tuple[list[NDArray[np.floating]], NDArray[np.floating]]:
        """Return the sequences to predict, and warn if the model was trained on their subjects."""
        check_is_fitted(self, "network_")
        self._warn_of_known_subjects(X)
        return self._sequences(X)[:2]

    def attention_weights(self, X: Any) -> NDArray[np.floating]:
        """Compute the attention weight of each step, with the newest step last.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Sequences, as in ``fit``.

        Returns
        -------
        weights : ndarray of shape (n_sequences, n_steps)
            Weights, which sum to one for each sequence. They are NaN for steps that a shorter
            sequence does not have.

        Raises
        ------
        ValueError
            If `attention` is False.
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
    """Return whether a list contains sequences: 2-D arrays, or 1-D arrays of unequal lengths."""
    ndims = {getattr(x, "ndim", 0) for x in X}
    return ndims == {2} or (ndims == {1} and len({len(x) for x in X}) > 1)


class LSTMPrognosis(RegressorMixin, _LSTMBase):
    """Predict a later value from a sequence by an LSTM with attention (Algorithm 3 of [1]_).

    Features are standardised (z-score). The last `context` steps are read by an LSTM with attention
    over its states. Sequences of unequal lengths are padded and masked. For a table of
    :func:`visit_contexts`, the network predicts the change from the last known value.

    Parameters
    ----------
    {parameters}
    Attributes
    ----------
    network_ : EMGRegressor
        Trained network.
    history_ : skorch.history.History
        Training and validation losses of each epoch.
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of each feature over all training steps.
    subjects_ : ndarray or None
        Training subjects, or None if they were not given.
    n_features_in_ : int
        Number of columns of a table, or size of the second axis of an array; not set for a list.

    Raises
    ------
    ImportError
        In ``fit``, if torch is not installed.
    ValueError
        If the sequences differ in the number of features, or a feature is NaN or infinite at a
        known step.

    Warns
    -----
    SubjectLeakWarning
        If predicted subjects are training subjects.

    See Also
    --------
    LSTMPrognosisClassifier : Predicts a label instead of a value.
    LastValueRegressor : The simplest baseline.

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
                f"The y of LSTMPrognosis must be numbers. Got {str(y[0])!r}; "
                "LSTMPrognosisClassifier predicts labels."
            ) from None

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predict the value at the target of each sequence.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Sequences, as in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
            Predicted values.
        """
        sequences, last = self._given(X)
        return last + self.network_.predict(sequences)


class LSTMPrognosisClassifier(ClassifierMixin, _LSTMBase):
    """Predict a later label from a sequence by an LSTM with attention (Algorithm 3).

    See :class:`LSTMPrognosis` for a description and the reference.

    Parameters
    ----------
    {parameters}
    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    network_ : EMGClassifier
        Trained network.
    history_ : skorch.history.History
        Training and validation losses of each epoch.
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of each feature over all training steps.
    subjects_ : ndarray or None
        Training subjects, or None if they were not given.
    n_features_in_ : int
        Number of columns of a table, or size of the second axis of an array; not set for a list.

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
        """Predict the most probable label of each sequence.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Sequences, as in ``fit``.

        Returns
        -------
        y : ndarray of shape (n_sequences,)
            Predicted labels.
        """
        sequences, _ = self._given(X)
        return self.network_.predict(sequences)

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Predict the probability of each label.

        Parameters
        ----------
        X : DataFrame, list or ndarray
            Sequences, as in ``fit``.

        Returns
        -------
        probabilities : ndarray of shape (n_sequences, n_classes)
            Probabilities, in the order of ``classes_``.
        """
        sequences, _ = self._given(X)
        return self.network_.predict_proba(sequences)


for _kind in (LSTMPrognosis, LSTMPrognosisClassifier):
    if _kind.__doc__:  # None with python -OO
        # Since version 3.13, Python removes the indentation of docstrings.
        texts = inspect.cleandoc(_PARAMETERS) + "\n"
        _kind.__doc__ = inspect.cleandoc(_kind.__doc__).replace("{parameters}", texts)
