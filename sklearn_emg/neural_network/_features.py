"""Activations of a trained network as features for a classical pipeline."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._sklearn import GroupsRequester
from sklearn_emg._tables import first_few
from sklearn_emg._typing import Labels, Signals
from sklearn_emg._validation import did_you_mean
from sklearn_emg.neural_network._data._inputs import signals_to_predict
from sklearn_emg.neural_network._estimators import EMGClassifier
from sklearn_emg.neural_network._modules._image_network import ImageNetwork
from sklearn_emg.neural_network._parameters import MIN_BATCH

_HEAD = "classifier"  # name of the last part of every network of this package but ImageNetwork
_MAX_SHOWN = 20


def last_part_of(module: nn.Module) -> str | None:
    """Return the name of the part whose input is the features that a network has learned.

    It is "classifier", or the last layer of an :class:`ImageNetwork`; None if there is no such
    part.
    """
    part = module.last_layer() if isinstance(module, ImageNetwork) else getattr(module, _HEAD, None)
    return next((name for name, known in module.named_modules() if known is part), None)


class NetworkFeatures(GroupsRequester, MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Train a network and return the outputs of one of its layers as features.

    The network is trained in ``fit``, so in a Pipeline each fold of a cross-validation trains it on
    its own training subjects. The features can be passed to a classical classifier, or combined
    with other features in a feature union.

    Parameters
    ----------
    estimator : estimator, default=None
        Network classifier or regressor of this package; None means ``EMGClassifier()``.
        ``NetworkFeatures(AutoencoderNetClassifier())`` returns the codes of an autoencoder.
    layer : str, default=None
        Name of the layer whose outputs are returned, as in ``named_modules`` of the network, such
        as "features.3". None returns the input of the last part, "classifier", that is, the
        features that the network has learned, or the codes of an autoencoder. For ImageNetwork, it
        returns the pooled features before the last layer. For PatternNet, which is a single part,
        name a layer.
    time_average : bool, default=True
        Whether to average outputs with a time axis, or with height and width, over these axes. If
        False, outputs are flattened, which requires signals of one length.

    Attributes
    ----------
    estimator_ : estimator
        The fitted network.
    classes_ : ndarray of shape (n_classes,)
        Labels, if `estimator` is a classifier.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects, or None if they were not given.
    n_features_in_ : int
        Number of features, as in `estimator_`.

    Raises
    ------
    ValueError
        If the network has no layer with this name, the layer does not run, or `layer` is None
        although the network has no part before its last part.

    See Also
    --------
    TransferClassifier : Freezes layers and trains others.

    Notes
    -----
    The outputs are computed in evaluation mode, and those of a window do not depend on the other
    windows. The layers were trained on the labels and may separate the training windows better than
    new windows. A classifier that is trained on their outputs may therefore be overconfident.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn_emg.neural_network import ALSNetClassifier, NetworkFeatures
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 20)
    >>> X = rng.normal(size=(40, 60)) * np.where(y == "patient", 3, 1)[:, None]
    >>> net = ALSNetClassifier(n_filters=8, n_hidden=16, max_epochs=5, random_state=0)
    >>> model = make_pipeline(NetworkFeatures(net), SVC()).fit(X, y)
    >>> model[:-1].transform(X).shape
    (40, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [BaseEstimator, None],
        "layer": [str, None],
        "time_average": ["boolean"],
    }

    def __init__(
        self, estimator: Any = None, *, layer: str | None = None, time_average: bool = True
    ) -> None:
        self.estimator = estimator
        self.layer = layer
        self.time_average = time_average

    def fit(self, X: Signals, y: Any, groups: Labels | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, images, or a recording table, as `estimator` takes them.
        y : array-like of shape (n_windows,)
            Labels or targets.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window. For a recording table, `groups` is not needed, since the table
            contains the subjects. Validation holds out subjects.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        self.__dict__.pop("estimator_", None)
        network = self._new_network()
        if not hasattr(network, "max_epochs"):
            raise ValueError(
                f"The 'estimator' parameter of {type(self).__name__} must be a network of "
                f"sklearn_emg.neural_network. Got {network!r} instead."
            )
        self._fit_network(network, X, y, groups)
        self._layer_of(network.net_.module_)
        self.estimator_ = network
        self.subjects_ = network.subjects_
        self.n_features_in_ = network.n_features_in_
        for name in ("classes_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(network, name):
                setattr(self, name, getattr(network, name))
        # The output for one row gives the number of units of the layer.
        if hasattr(X, "iloc"):
            first = X.iloc[:1]
        else:
            first = X[:1] if isinstance(X, list | tuple) else np.asarray(X)[:1]
        self._n_units = self._activations(first).shape[1]
        return self

    def _new_network(self) -> Any:
        return EMGClassifier() if self.estimator is None else clone(self.estimator)

    def _fit_network(self, network: Any, X: Signals, y: Any, groups: Labels | None) -> None:
        network.fit(X, y, groups=groups)

    def transform(self, X: Signals) -> NDArray[np.float32]:
        """Compute the outputs of the layer.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, images, or a recording table, as in ``fit``.

        Returns
        -------
        features : ndarray of shape (n_windows, n_units)
            Outputs of the layer, as float32.

        Warns
        -----
        SubjectLeakWarning
            If a table contains subjects that the network was trained on.
        """
        check_is_fitted(self, "estimator_")
        self.estimator_._warn_of_known_subjects(X)
        return self._activations(X)

    def fit_transform(
        self, X: Signals, y: Labels, groups: Labels | None = None
    ) -> NDArray[np.float32]:
        """Train the network and return the outputs of the layer for the same windows.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, images, or a recording table.
        y : array-like of shape (n_windows,)
            Labels or targets.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window.

        Returns
        -------
        features : ndarray of shape (n_windows, n_units)
            Outputs of the layer, as float32.
        """
        return self.fit(X, y, groups)._activations(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Return the names of the units, such as ``features.3_0``.

        Parameters
        ----------
        input_features : Ignored
            Not used; present by convention of scikit-learn.

        Returns
        -------
        names : ndarray of str objects of shape (n_units,)
            Name of the layer ("code" if `layer` is None) and number of the unit.
        """
        check_is_fitted(self, "estimator_")
        label = "code" if self.layer is None else self.layer
        return np.asarray([f"{label}_{unit}" for unit in range(self._n_units)], dtype=object)

    def _layer_of(self, module: nn.Module) -> tuple[nn.Module, bool]:
        """Return the layer, and whether its input is used instead of its output."""
        named = {name: part for name, part in module.named_modules() if name}
        network, caller = type(module).__name__, type(self).__name__
        choices = f"The layers are {first_few(named, _MAX_SHOWN)}."
        if self.layer is None:
            last = last_part_of(module)
            if last is None:
                raise ValueError(
                    f"{caller} cannot determine the last part of {network}, which has no part "
                    f"named {_HEAD!r}. Name a 'layer'. {choices}"
                )
            if all(name.startswith(f"{last}.") for name, _ in module.named_parameters()):
                raise ValueError(
                    f"All parameters of {network} are in its last part, so {caller} finds no "
                    f"learned features before it. Name a 'layer' inside this part. {choices}"
                )
            return named[last], True
        if self.layer not in named:
            raise ValueError(
                f"The 'layer' parameter of {caller} names {self.layer!r}, which is not a layer of "
                f"{network}.{did_you_mean(self.layer, named)} {choices}"
            )
        return named[self.layer], False

    def _activations(self, X: Signals) -> NDArray[np.float32]:
        network = self.estimator_
        net, module = network.net_, network.net_.module_
        layer, takes_input = self._layer_of(module)
        kept: list[torch.Tensor] = []

        def keep(_module: nn.Module, inputs: tuple, output: Any) -> None:
            values = inputs[0] if takes_input else output
            # Recurrent layers return (output, state).
            values = values[0] if isinstance(values, tuple) else values
            if self.time_average and values.ndim > 2:
                values = values.flatten(2).mean(dim=-1)
            kept.append(values.flatten(1).float())

        hook = layer.register_forward_hook(keep)
        try:
            if network._takes_any_length:
                # One signal at a time, so that an average contains no padding.
                signals = signals_to_predict(network, X)
                for row in range(len(signals)):
                    rows = torch.full((MIN_BATCH,), row)
                    net.module_.eval()
                    with torch.inference_mode():
                        net.infer(signals.take(rows)[0])
                kept[:] = [part[:1] for part in kept]
                n_rows = len(signals)
            else:
                windows = network._check_input(X)
                n_rows = len(windows)
                net.raw_output(windows, network._inference_batch(torch.device(net.device).type))
        finally:
            hook.remove()
        if not kept:
            raise ValueError(
                f"The layer {self.layer!r} of {type(module).__name__} does not run when the "
                "network predicts. Name a different layer."
            )
        return torch.cat(kept)[:n_rows].cpu().numpy()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = self._new_network()
        tags.input_tags = inner.__sklearn_tags__().input_tags
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
