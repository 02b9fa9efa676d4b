"""Layer embedding: how windows lie to each other after the layers of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import Interval, StrOptions, validate_params
from sklearn_emg._validation import require
from sklearn_emg.inspection._networks import find_network, torch_tools

# Distances in a few dozen principal components are nearly those of the activations, and umap does
# not have to hold all units.
_N_BEFORE_UMAP = 50
_N_LAYERS = 5


@dataclass(frozen=True)
class LayerEmbedding:
    """Result of :func:`layer_embedding`.

    Attributes
    ----------
    points : dict of str to ndarray of shape (n_windows, n_components)
        Coordinates of the windows after each layer, by the layer's name. They have no unit.
    method : {"umap", "pca"}
        What gave the coordinates.
    n_units : dict of str to int
        Numbers that a layer gives for one window.
    explained : dict of str to float
        Share of the variance that the coordinates hold; NaN for "umap".
    """

    points: dict[str, NDArray[np.floating]]
    method: str
    n_units: dict[str, int]
    explained: dict[str, float]


@validate_params(
    {
        "layers": ["array-like", None],
        "method": [StrOptions({"auto", "umap", "pca"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 2, None, closed="left")],
        "time_average": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def layer_embedding(
    estimator: Any,
    X: ArrayLike,
    *,
    layers: Sequence[str] | None = None,
    method: str = "auto",
    n_components: int = 2,
    n_neighbors: int = 15,
    time_average: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> LayerEmbedding:
    """Bring the activations after some layers of a network down to two dimensions.

    Parameters
    ----------
    estimator : fitted estimator
        A network classifier of :mod:`sklearn_emg.neural_network`, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` with one at its end.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows as they reach the network.
    layers : sequence of str, default=None
        Names of layers, as ``net_.module_.named_modules()`` gives them ("features.3"). By default
        at most five, evenly through the blocks of the network, the last one included.
    method : {"auto", "umap", "pca"}, default="auto"
        "auto" is UMAP where ``umap-learn`` is installed and principal components otherwise; the
        result says which. For UMAP the activations are first reduced to 50 principal components.
    n_components : int, default=2
        Dimensions of the points.
    n_neighbors : int, default=15
        Neighbours in UMAP, at most one less than the windows.
    time_average : bool, default=False
        Average each filter's output over time before anything else. This takes much less memory
        (without it a layer holds 4 bytes for each window and unit) and forgets when things happen.
    random_state : int, RandomState instance or None, default=None
        For UMAP and the randomised principal components.

    Returns
    -------
    embedding : LayerEmbedding
        ``points``, one array per layer, and the ``method``.

    Raises
    ------
    ValueError
        If a layer is unknown, or the windows are too few or of another shape than in training.
    TypeError
        If there is no network classifier in `estimator`.
    ImportError
        If PyTorch, or umap-learn for ``method="umap"``, is not installed.

    See Also
    --------
    LayerEmbeddingDisplay : Draws it.

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
    names = default_layers(module) if layers is None else [str(name) for name in layers]
    known = [name for name, _ in module.named_modules() if name]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"The 'layers' of {caller} must be layers of {type(module).__name__}. Got {unknown}; "
            f"it has {known}."
        )
    method = _resolve_method(method, caller)
    windows = network._check_input(X)
    if len(windows) <= n_components:
        raise ValueError(
            f"{caller} needs more windows than dimensions. Got {len(windows)} windows for "
            f"n_components={n_components}."
        )
    batch = network._inference_batch(str(network.net_.device).partition(":")[0])
    found = tools.activations(module, network.net_.device, windows, names, batch, time_average)
    if silent := [name for name in names if name not in found]:
        raise ValueError(f"The layers {silent} take no part when {type(module).__name__} runs.")
    seed = check_random_state(random_state).randint(2**31 - 1)
    points, explained = {}, {}
    for name in names:
        points[name], explained[name] = _reduce(
            found[name], method, n_components, n_neighbors, seed
        )
    n_units = {name: found[name].shape[1] for name in names}
    return LayerEmbedding(points, method, n_units, explained)


def default_layers(module: Any) -> list[str]:
    """Choose at most five blocks, evenly through the network, the last one included.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    names : list of str
        As of ``module.named_modules()``.
    """
    names = []
    for name, child in module.named_children():
        # A head of dense layers is one block; the layers before it are blocks each.
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
    most = min(values.shape)
    n_linear = n_components if method == "pca" else _N_BEFORE_UMAP
    pca = PCA(min(n_linear, most), random_state=seed)
    if values.std(axis=0).max() == 0:  # dead units: all windows lie in one point
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
        # With a seed umap runs on one thread; to say so keeps it from warning.
        n_jobs=1,
        random_state=seed,
    )
    return reducer.fit_transform(linear), float("nan")
