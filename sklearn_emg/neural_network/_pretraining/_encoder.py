"""A network that is trained on windows without labels and returns its outputs as features."""

from __future__ import annotations

from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_emg._sklearn import POSITIVE, Integral, Interval, Real
from sklearn_emg._typing import Labels, Signals
from sklearn_emg.neural_network._data._batches import WindowDataset, minimise
from sklearn_emg.neural_network._data._inputs import training_input
from sklearn_emg.neural_network._features import NetworkFeatures, last_part_of
from sklearn_emg.neural_network._net import seeded
from sklearn_emg.neural_network._pretraining._masked import MaskedReconstruction, hidden_samples
from sklearn_emg.neural_network._threads import fit_threads

_ONE = Interval(Integral, 1, None, closed="left")


class PretrainedEncoder(NetworkFeatures):
    """Train a network to restore hidden parts of windows, and return its outputs as features.

    Labels are not used. The network is trained in ``fit``, so in a Pipeline each fold of a
    cross-validation trains it on its own training subjects. Once it is fitted on a large cohort,
    :class:`~sklearn.frozen.FrozenEstimator` can keep it unchanged. As the `encoder` of
    :class:`TransferClassifier`, it provides the initial weights of a classifier.

    Parameters
    ----------
    estimator : estimator, default=None
        Network classifier or regressor of this package, whose network and device are used. None
        means ``CNN1DClassifier()``. The training parameters of the estimator are meant for training
        with labels and are ignored.
    mask : float, default=0.5
        Fraction of each window that is hidden, above 0 and below 1.
    patch : int, default=32
        Number of neighbouring samples that are hidden together.
    max_epochs : int, default=20
        Number of passes over the windows. With 0, the network keeps its random weights, which can
        serve for comparison.
    lr : float, default=0.001
        Learning rate of Adam.
    batch_size : int, default=32
        Number of windows per update.
    layer : str, default=None
        Name of the layer, as in ``named_modules`` of the network, whose outputs are the features
        and serve to restore the windows. None uses the input of the last part, as in
        :class:`NetworkFeatures`.
    time_average : bool, default=True
        Whether to average outputs with a time axis over time; if False, they are flattened.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of windows and the hidden parts.

    Attributes
    ----------
    losses_ : list of float
        Mean squared error of the hidden samples in each epoch, in units of the mean square of the
        visible samples of the same window. Restoring zeros has an error of about 1.
    estimator_ : estimator
        The estimator with the pretrained network, whose "classifier" is untrained.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects, or None if they were not given.
    n_features_in_ : int
        Number of features, as in `estimator_`.

    Raises
    ------
    ValueError
        If a parameter is out of range, the network has no such layer or no parameters before it,
        windows are images or differ in length, or training diverges.

    Warns
    -----
    SubjectLeakWarning
        In ``transform``, if a table contains subjects that the network was trained on.

    See Also
    --------
    TransferClassifier : Continues training with labels.
    NetworkFeatures : Features of a network that was trained with labels.
    AutoencoderNetClassifier : Restores windows from a short code.

    Notes
    -----
    The training is masked reconstruction: patches of `patch` samples, drawn at random for each
    batch, are set to 0 in all channels, and a linear layer restores each part of the window from
    the outputs of the network for that part. The loss is computed on hidden samples only and
    divided by the mean square of the visible samples, so that recordings of high amplitude have no
    larger weight. Networks whose outputs keep a time axis are better suited than networks that pool
    over time.

    References
    ----------
    K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022, 16000-16009. The
    paper describes the method for images; the sizes here are choices of this package.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.neural_network import CNN1DClassifier, PretrainedEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = np.sin(0.3 * np.arange(96) + rng.uniform(0, 6, size=(64, 1)))
    >>> net = CNN1DClassifier(n_filters=(8, 16), pool_size=2)
    >>> encoder = PretrainedEncoder(net, patch=8, lr=0.01, random_state=0).fit(X)
    >>> bool(encoder.losses_[-1] < 0.5 * encoder.losses_[0])
    True
    >>> encoder.transform(X).shape
    (64, 16)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkFeatures._parameter_constraints,
        "mask": [Interval(Real, 0, 1, closed="neither")],
        "patch": [_ONE],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "lr": [POSITIVE],
        "batch_size": [_ONE],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        mask: float = 0.5,
        patch: int = 32,
        max_epochs: int = 20,
        lr: float = 0.001,
        batch_size: int = 32,
        layer: str | None = None,
        time_average: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(estimator, layer=layer, time_average=time_average)
        self.mask = mask
        self.patch = patch
        self.max_epochs = max_epochs
        self.lr = lr
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Signals, y: Any = None, groups: Labels | None = None) -> Self:
        """Train the network on windows without labels.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, or a recording table whose signals have one length.
        y : Ignored
            Not used; present by convention of scikit-learn.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window, stored in `subjects_`. For a recording table, `groups` is not
            needed, since the table contains the subjects.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        return super().fit(X, None, groups)

    def fit_transform(
        self, X: Signals, y: Any = None, groups: Labels | None = None
    ) -> NDArray[np.float32]:
        """Train the network and return its outputs for the same windows.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows, or a recording table whose signals have one length.
        y : Ignored
            Not used; present by convention of scikit-learn.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window.

        Returns
        -------
        features : ndarray of shape (n_windows, n_units)
            Outputs of the layer, as float32.
        """
        return self.fit(X, None, groups)._activations(X)

    def pretrained_weights(self) -> dict[str, torch.Tensor]:
        """Return the weights of the network by name, without its untrained last part.

        Returns
        -------
        weights : dict of str to tensor
            Entries of the state dict of the network.
        """
        check_is_fitted(self, "estimator_")
        module = self.estimator_.net_.module_
        last = f"{last_part_of(module)}."
        return {n: v for n, v in module.state_dict().items() if not n.startswith(last)}

    def _new_network(self) -> Any:
        if self.estimator is not None:
            return super()._new_network()
        from sklearn_emg.neural_network import CNN1DClassifier

        return CNN1DClassifier()

    def _fit_network(self, network: Any, X: Signals, y: None, groups: Labels | None) -> None:
        self._validate_params()
        # Sparse matrices have no length, and lists have no shape. training_input checks both.
        sized: Any = X if getattr(X, "shape", None) or hasattr(X, "__len__") else np.asarray(X)
        n_rows = sized.shape[0] if getattr(sized, "shape", None) else len(sized)
        # A network needs classes, so two arbitrary ones are used. Its last part is not trained.
        given, _ = training_input(network, X, np.arange(n_rows) % 2, groups, reset=True)
        if isinstance(given.values, list) or given.values.ndim > 3:
            kind = "signals that differ in length" if isinstance(given.values, list) else "images"
            raise ValueError(
                f"{type(self).__name__} takes windows of one length, of shape (n_windows, n_times) "
                f"or (n_windows, n_channels, n_times). Got {kind}."
            )
        network._rng = check_random_state(self.random_state)
        network._learn_target(np.array([0, 1]))
        network._count(np.array([0, 1]), go_on=False)
        train = cast("WindowDataset", given.dataset())
        seed = int(network._rng.randint(2**31 - 1))
        net, device = network._build_net()
        with fit_threads() as divide_threads, seeded(seed, device):
            divide_threads()
            module = network._new_module(net, train, None).to(device)
            example = train.take(slice(2))[0].to(device)
            model = MaskedReconstruction(self._encode_with(module), example)
            drawn = torch.Generator().manual_seed(seed)
            module.train()
            self.losses_ = minimise(
                lambda x: model(x, hidden_samples(x, self.mask, self.patch, drawn)),
                [*module.parameters(), *model.decoder.parameters()],
                train,
                lr=self.lr,
                batch_size=self.batch_size,
                n_epochs=self.max_epochs,
                seed=seed,
                caller=type(self).__name__,
            )
            net.initialize_around(module)
        network.net_ = net
        network._remember_subjects(X, groups)
        network.__dict__.pop("classes_", None)

    def _encode_with(self, module: nn.Module) -> Any:
        """Return a function that computes the outputs of the layer, with gradients."""
        layer, takes_input = self._layer_of(module)
        name = self.layer or last_part_of(module)

        def encode(windows: torch.Tensor) -> torch.Tensor:
            kept: list[torch.Tensor] = []

            def keep(_module: nn.Module, inputs: tuple, output: Any) -> None:
                values = inputs[0] if takes_input else output
                kept.append(values[0] if isinstance(values, tuple) else values)

            hook = layer.register_forward_hook(keep)
            try:
                module(windows)
            finally:
                hook.remove()
            if not kept or kept[0].ndim not in (2, 3):
                raise ValueError(
                    f"The layer {name!r} of {type(module).__name__} does not return outputs of "
                    "shape (n_windows, n_units) or (n_windows, n_units, n_steps), which are needed "
                    "to restore windows. Name a different 'layer'."
                )
            return kept[0]

        return encode

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
