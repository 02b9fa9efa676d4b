"""Layer embedding: two-dimensional maps of windows after the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import Interval, StrOptions, validated
from sklearn_emg._tables import counted
from sklearn_emg._validation import check_one_per_row, check_unused, require
from sklearn_emg.inspection._networks import find_network, torch_tools
from sklearn_emg.inspection._plot import class_styles, legend_outside, panels, tidy
from sklearn_emg.recordings import warn_of_other_order

# Distances in 50 principal components are close to those of the activations, and UMAP then needs
# much less memory than with all units.
_N_BEFORE_UMAP = 50
_N_LAYERS = 5


@dataclass(eq=False)
class LayerEmbeddingDisplay:
    """Separation of the classes of windows from layer to layer of a network.

    :func:`layer_embedding` returns this object, and :meth:`plot` draws it.

    Parameters
    ----------
    points : dict of str to ndarray of shape (n_windows, n_components)
        Coordinates of the windows after each layer, by the name of the layer. They have no unit.
    method : {"umap", "pca"}
        Method that computed the coordinates.
    n_units : dict of str to int
        Number of outputs of each layer per window.
    explained : dict of str to float
        Proportion of the variance that the coordinates explain, by layer. It is NaN for "umap" and
        for a layer with constant outputs.
    y : ndarray of shape (n_windows,), default=None
        Label of each window, which determines the colours.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure that contains the plot.
    axes_ : ndarray of Axes
        One Axes per layer.
    points_ : list of PathCollection
        Points of each layer and class.
    legend_ : matplotlib Legend
        Legend of the plot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import LayerEmbeddingDisplay
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> display = LayerEmbeddingDisplay.from_estimator(
    ...     net, X, y, layers=["features", "classifier"], method="pca"
    ... )
    >>> len(display.plot().axes_)
    2
    """

    points: dict[str, NDArray[np.floating]]
    method: str
    n_units: dict[str, int]
    explained: dict[str, float]
    y: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        n_windows = len(next(iter(self.points.values())))
        if self.y is not None:
            check_one_per_row(self.y, n_windows, "LayerEmbeddingDisplay", "window")

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, y: ArrayLike, **settings: Any
    ) -> LayerEmbeddingDisplay:
        """Compute the embedding and create the display from it.

        Parameters
        ----------
        estimator : fitted estimator
            A network classifier, or an estimator that ends with one.
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Windows in mV, processed by all steps before the network.
        y : array-like of shape (n_windows,)
            Label of each window.
        **settings
            Further parameters of :func:`layer_embedding`.

        Returns
        -------
        display : LayerEmbeddingDisplay
            Object that stores the values to plot.
        """
        warn_of_other_order(X, y, "y")
        return cls.from_embedding(layer_embedding(estimator, X, **settings), y)

    @classmethod
    def from_embedding(
        cls, embedding: LayerEmbeddingDisplay, y: ArrayLike
    ) -> LayerEmbeddingDisplay:
        """Create the display from an existing embedding and labels.

        Parameters
        ----------
        embedding : LayerEmbeddingDisplay
            Result of :func:`layer_embedding`.
        y : array-like of shape (n_windows,)
            Label of each window.

        Returns
        -------
        display : LayerEmbeddingDisplay
            Object that stores the values to plot.
        """
        return replace(embedding, y=np.asarray(y))

    def plot(self, ax: Any = None) -> Self:
        """Draw a scatter plot of the windows after each layer.

        Parameters
        ----------
        ax : Axes or array of Axes, default=None
            One Axes, which is divided, or one Axes per layer. By default, a new figure is created.

        Returns
        -------
        display : LayerEmbeddingDisplay
            The same object, with the drawn artists as attributes.
        """
        names = list(self.points)
        self.figure_, self.axes_ = panels(
            ax,
            1,
            len(names),
            "LayerEmbeddingDisplay.plot",
            figsize=(2.4 * len(names) + 0.6, 2.9),
        )
        is_pca = self.method == "pca"
        kind = "principal component" if is_pca else "UMAP"
        self.points_ = []
        for axis, name in zip(self.axes_, names):
            points = self.points[name]
            vertical = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
            labels = np.full(len(points), "window") if self.y is None else self.y
            classes = np.unique(labels)
            for label, (color, marker, *_) in zip(classes, class_styles(classes)):
                chosen = labels == label
                self.points_.append(
                    axis.scatter(
                        points[chosen, 0],
                        vertical[chosen],
                        s=14,
                        color=color,
                        marker=marker,
                        alpha=0.7,
                        linewidths=0,
                        label=str(label),
                    )
                )
            variance = f"\n{self.explained[name]:.0%} of variance" if is_pca else ""
            axis.set_title(f"after {name}{variance}", fontsize=10)
            # Only distances are meaningful, not the coordinates themselves.
            axis.set(xticks=[], yticks=[], xlabel=f"{kind} 1")
        self.axes_[0].set_ylabel(f"{kind} 2")
        self.legend_ = legend_outside(self.axes_[-1], "right", fontsize=None, markerscale=1.4)
        tidy(self.axes_)
        return self


@validated(
    layers=["array-like", None],
    method=[StrOptions({"auto", "umap", "pca"})],
    n_components=[Interval(Integral, 1, None, closed="left")],
    n_neighbors=[Interval(Integral, 2, None, closed="left"), None],
    time_average=["boolean"],
    random_state=["random_state"],
)
def layer_embedding(
    estimator: Any,
    X: ArrayLike,
    *,
    layers: Sequence[str] | None = None,
    method: str = "auto",
    n_components: int = 2,
    n_neighbors: int | None = None,
    time_average: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> LayerEmbeddingDisplay:
    """Reduce the activations after some layers of a network to a few dimensions.

    Parameters
    ----------
    estimator : fitted estimator
        A network classifier of :mod:`sklearn_emg.neural_network`, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` that ends with one.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows in mV, processed by all steps before the network.
    layers : sequence of str, default=None
        Names of layers from ``net_.module_.named_modules()``, such as "features.3". By default, at
        most five layers are used, evenly spaced over the blocks of the network and including the
        last one. For nEMGNet, the outputs of blocks 2, 4, 6, 9 and 12 are used, as in its paper.
    method : {"auto", "umap", "pca"}, default="auto"
        "auto" uses UMAP if ``umap-learn`` is installed and principal components otherwise. The
        ``method`` of the result is the one that was used. Before UMAP, the activations are reduced
        to at most 50 principal components.
    n_components : int, default=2
        Number of dimensions of the points.
    n_neighbors : int, default=None
        Number of neighbours in UMAP (15 by default). It is limited to the number of windows minus
        one.
    time_average : bool, default=False
        Whether the output of each filter is first averaged over time. This discards temporal
        information but takes much less memory. Without averaging, a layer takes 4 bytes per window
        and unit.
    random_state : int, RandomState instance or None, default=None
        Seed of UMAP and of the randomised principal components.

    Returns
    -------
    embedding : LayerEmbeddingDisplay
        ``points`` with one array per layer, and the ``method``. Its ``plot`` draws the points.

    Raises
    ------
    ValueError
        If a layer is unknown or not used, if there are too few windows, if their shape differs
        from that in training, or if `n_neighbors` is given with ``method="pca"``.
    TypeError
        If there is no network classifier in `estimator`.
    ImportError
        If PyTorch is not installed, or if `method` is "umap" and umap-learn is not installed.

    References
    ----------
    L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection for
    Dimension Reduction", arXiv 1802.03426 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import layer_embedding
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 200)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> embedding = layer_embedding(net, X, layers=["features", "classifier"], method="pca")
    >>> {name: points.shape for name, points in embedding.points.items()}
    {'features': (24, 2), 'classifier': (24, 2)}
    """
    caller = "layer_embedding"
    network = find_network(estimator, caller)
    tools = torch_tools(caller)
    module = network.net_.module_
    names = _checked_layers(layers, module, caller)
    if method == "pca":
        check_unused(caller, "UMAP", n_neighbors=n_neighbors)
    method = _resolve_method(method, caller)
    windows = network._check_input(X)
    if len(windows) <= n_components:
        raise ValueError(
            f"{caller} needs more windows than components. Got {counted(len(windows), 'window')} "
            f"for n_components={n_components}."
        )
    batch = network._inference_batch(str(network.net_.device).partition(":")[0])
    found = tools.activations(module, network.net_.device, windows, names, batch, time_average)
    if silent := [name for name in names if name not in found]:
        raise ValueError(
            f"The layers {silent} are not used in the forward pass of {type(module).__name__}."
        )
    seed = check_random_state(random_state).randint(2**31 - 1)
    points, explained = {}, {}
    for name in names:
        points[name], explained[name] = _reduce(
            found[name], method, n_components, n_neighbors or 15, seed
        )
    n_units = {name: found[name].shape[1] for name in names}
    return LayerEmbeddingDisplay(points, method, n_units, explained)


def _checked_layers(layers: Sequence[str] | None, module: Any, caller: str) -> list[str]:
    """Check the names of layers; by default, return the names from :func:`default_layers`."""
    if layers is None:
        return default_layers(module)
    names = [str(name) for name in layers]
    known = [name for name, _ in module.named_modules() if name]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"The 'layers' of {caller} must be layers of {type(module).__name__}. Got {unknown}; "
            f"it has {known}."
        )
    return names


def default_layers(module: Any) -> list[str]:
    """Choose at most five evenly spaced blocks of a network, including the last one.

    A network can name other layers, for example the layers shown in its paper, in ``shown_layers``.

    Parameters
    ----------
    module : torch.nn.Module
        Module of the network.

    Returns
    -------
    names : list of str
        Names from ``module.named_modules()``.
    """
    if shown := getattr(module, "shown_layers", ()):
        return list(shown)
    names = []
    for name, child in module.named_children():
        # Each layer of "features" is a block. A head of dense layers is a single block.
        inner = [f"{name}.{k}" for k, _ in child.named_children()] if name == "features" else []
        names += inner or [name]
    chosen = np.unique(np.linspace(0, len(names) - 1, _N_LAYERS + 1).round().astype(int)[1:])
    return [names[k] for k in chosen]


def _resolve_method(method: str, caller: str) -> str:
    if method == "auto":
        return "pca" if find_spec("umap") is None else "umap"
    if method == "umap":
        require("umap", f"{caller} with method='umap'", "explain", "umap-learn")
    return method


def _reduce(
    values: NDArray[np.floating], method: str, n_components: int, n_neighbors: int, seed: int
) -> tuple[NDArray[np.floating], float]:
    n_linear = n_components if method == "pca" else _N_BEFORE_UMAP
    pca = PCA(min(n_linear, *values.shape), random_state=seed)
    if values.std(axis=0).max() == 0:  # all units are dead, so that all windows coincide
        return np.zeros((len(values), n_components)), float("nan")
    linear = pca.fit_transform(values)
    if method == "pca":
        points = np.zeros((len(values), n_components))
        points[:, : linear.shape[1]] = linear
        return points, float(pca.explained_variance_ratio_.sum())
    import umap

    reducer = umap.UMAP(
        n_components=n_components,
        n_neighbors=min(n_neighbors, len(values) - 1),
        # With a seed, UMAP uses one thread; n_jobs=1 avoids its warning about this.
        n_jobs=1,
        random_state=seed,
    )
    return reducer.fit_transform(linear), float("nan")
