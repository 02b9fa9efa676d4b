"""Attention maps: attention weights of a network over the time of a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import POSITIVE, validated
from sklearn_emg.inspection._networks import find_network, torch_tools


@dataclass(frozen=True)
class AttentionMaps:
    """Result of :func:`attention_maps`.

    Attributes
    ----------
    weights : dict of str to ndarray of shape (n_windows, n_heads, n_positions)
        Weights by layer, in the order in which the network runs the layers. A weight is the
        fraction of the attention that a position in time receives, averaged over the positions that
        attend to it. The weights of all positions sum to one.
    edges : dict of str to ndarray of shape (n_positions + 1,)
        Bounds of the positions of each layer in s.
    kinds : dict of str to {"self-attention", "graph", "spatial"}
        Kind of each layer, which determines what its heads are (see the Notes of
        :func:`attention_maps`).
    matrices : dict of str to ndarray of shape (n_windows, n_heads, n_positions, n_positions)
        Attention of each position (third axis) to each position (last axis), by layer. It sums to
        one over the last axis. Only self-attention has matrices, and they are kept only with
        ``matrices=True``.
    fs : float
        Sampling rate in Hz.
    """

    weights: dict[str, NDArray[np.float32]]
    edges: dict[str, NDArray[np.float64]]
    kinds: dict[str, str]
    matrices: dict[str, NDArray[np.float32]]
    fs: float


@validated(fs=[POSITIVE], matrices=["boolean"])
def attention_maps(
    estimator: Any, X: ArrayLike, *, fs: float, matrices: bool = False
) -> AttentionMaps:
    """Compute the attention weights of a network over the time of its windows.

    Parameters
    ----------
    estimator : fitted estimator
        A classifier or regressor with one of the networks listed in the Notes, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` that ends with one.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows in mV, processed by all steps before the network.
    fs : float
        Sampling rate of the windows in Hz.
    matrices : bool, default=False
        Whether to also keep the attention of each position to each position. This takes 4 bytes per
        pair, head, layer and window, for example 2.6 MB for a window of 4000 samples in a layer of
        ``AttentionNet``.

    Returns
    -------
    maps : AttentionMaps
        Weights over time, by layer.

    Raises
    ------
    ValueError
        If the network has no attention or takes images, or if the shape of the windows differs from
        that in training.
    TypeError
        If there is no network of :mod:`sklearn_emg.neural_network` in `estimator`.
    ImportError
        If PyTorch is not installed.

    See Also
    --------
    AttentionDisplay : Draws the weights above the signal.
    attribution : Contribution of each sample to the output, for any network.

    Notes
    -----
    The network is in evaluation mode, so the weights of one window do not depend on the others.

    - "self-attention" (:class:`~sklearn_emg.neural_network.AttentionNet`,
      :class:`~sklearn_emg.neural_network.NeuroFusionNet`): with the queries q and keys k of one
      head, of width d, the row of position s is
      :math:`A_s = \\mathrm{softmax}_t(q_s \\cdot k_t / \\sqrt{d})`. The map is the mean over s.
    - "graph" (the graph layer of NeuroFusionNet): the map contains the weights with which each node
      gathers the states, which are a softmax over time. The heads are the nodes.
    - "spatial" (:class:`~sklearn_emg.neural_network.SpectroEMGNet` on raw windows): the gates,
      which lie between 0 and 1, are averaged over the frequencies of the image and divided by their
      sum over time.

    A position is a frame of samples or a group of samples that were pooled into one value. After
    convolutions it also depends on samples around it, and after recurrent layers on all samples
    before it. A large weight shows that a layer used these samples. It does not show that the
    output would change without them [1]_, which :func:`attribution` measures.

    References
    ----------
    .. [1] S. Jain, B. C. Wallace, "Attention is not explanation", NAACL-HLT 2019, 3543-3556.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import attention_maps
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("AttentionNet", max_epochs=1, random_state=0).fit(X, y)
    >>> maps = attention_maps(net, X[:5], fs=1000.0)
    >>> {name: weights.shape for name, weights in maps.weights.items()}
    {'layers.0.attention': (5, 4, 10), 'layers.1.attention': (5, 4, 10)}
    >>> maps.edges["layers.0.attention"][:3].round(3).tolist()
    [0.0, 0.01, 0.02]
    """
    caller = "attention_maps"
    network = find_network(estimator, caller, classifier=False)
    tools = torch_tools(caller)
    module, device = network.net_.module_, network.net_.device
    takes_images = isinstance(network.n_times_, tuple)
    if takes_images and hasattr(module, "attention_maps"):
        raise ValueError(
            f"{caller} shows weights over the time of a signal, but this {type(module).__name__} "
            f"was fitted on images of {network.n_times_} pixels. Fit it on raw windows."
        )
    weights: dict[str, NDArray[np.float32]] = {}
    if hasattr(module, "attention_maps"):
        windows = network._check_input(X)
        batch = network._inference_batch(str(device).partition(":")[0])
        weights, whole, layers = tools.attention(module, device, windows, batch, matrices)
    if not weights:
        raise ValueError(
            f"{caller} needs a network with attention: AttentionNet, NeuroFusionNet with "
            "has_attention or has_graph, or SpectroEMGNet with spatial attention. "
            f"{type(module).__name__} as built here has none. Use attribution instead."
        )
    n_times = windows.shape[-1]
    edges = {
        name: _edges(layer, weights[name].shape[-1], n_times) / fs for name, layer in layers.items()
    }
    kinds = {name: layer.kind for name, layer in layers.items()}
    return AttentionMaps(weights, edges, kinds, whole, float(fs))


def _edges(layer: Any, n_positions: int, n_times: int) -> NDArray[np.float64]:
    """Return the bounds of the positions of a layer, in samples."""
    return np.clip(layer.first + layer.step * np.arange(n_positions + 1.0), 0, n_times)
