"""Attention maps: weights of a network with attention over the time of a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Interval, Real, validate_params
from sklearn_emg.inspection._networks import find_network, torch_tools


@dataclass(frozen=True)
class AttentionMaps:
    """Result of :func:`attention_maps`.

    Attributes
    ----------
    weights : dict of str to ndarray of shape (n_windows, n_heads, n_positions)
        By layer, in the order in which the network runs them: the fraction of the attention that
        each position in time gets, averaged over the positions that attend. It sums to one over
        the positions.
    edges : dict of str to ndarray of shape (n_positions + 1,)
        Times in seconds between which each position lies, by layer.
    kinds : dict of str to {"self-attention", "graph", "spatial"}
        Meaning of the heads by layer, see the Notes of :func:`attention_maps`.
    matrices : dict of str to ndarray of shape (n_windows, n_heads, n_positions, n_positions)
        Only with ``matrices=True``, and only of self-attention: the attention of each position
        (third axis) to each (last axis). Sums to one over the last axis.
    fs : float
        Sampling rate in Hz.
    """

    weights: dict[str, NDArray[np.float32]]
    edges: dict[str, NDArray[np.float64]]
    kinds: dict[str, str]
    matrices: dict[str, NDArray[np.float32]]
    fs: float


@validate_params(
    {
        "fs": [Interval(Real, 0, None, closed="neither")],
        "matrices": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def attention_maps(
    estimator: Any, X: ArrayLike, *, fs: float, matrices: bool = False
) -> AttentionMaps:
    """Give the attention weights of a network over the time of its windows.

    Parameters
    ----------
    estimator : fitted estimator
        A classifier or regressor with one of the networks below, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` with one at its end.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        Windows as they reach the network, in mV.
    fs : float
        Sampling rate of the windows in Hz.
    matrices : bool, default=False
        Whether to keep the attention of each position to each as well: 4 bytes for each pair,
        head, layer and window, so 2.6 MB for a window of 4000 samples in a layer of
        ``AttentionNet``.

    Returns
    -------
    maps : AttentionMaps
        Weights over time, by layer.

    Raises
    ------
    ValueError
        If the network has no attention, takes images, or the windows do not fit.
    TypeError
        If there is no network of :mod:`sklearn_emg.neural_network` in `estimator`.
    ImportError
        If PyTorch is not installed.

    See Also
    --------
    AttentionDisplay : Draws them above the signal.
    attribution : Contribution of each sample to the output, for every network.

    Notes
    -----
    The network is in evaluation mode: a window's weights do not depend on the others.

    - "self-attention" (:class:`~sklearn_emg.neural_network.AttentionNet`,
      :class:`~sklearn_emg.neural_network.NeuroFusionNet`): with the queries q and keys k of one of
      the heads, of width d, the row of position s is
      :math:`A_s = \\mathrm{softmax}_t(q_s \\cdot k_t / \\sqrt{d})`; the map is the mean over s.
    - "graph" (the graph layer of NeuroFusionNet): the weights with which each node gathers the
      states, a softmax over time; the heads are the nodes.
    - "spatial" (:class:`~sklearn_emg.neural_network.SpectroEMGNet` on raw windows): the gates in
      (0, 1) on the places of the image, averaged over frequency and divided by their sum over time.

    A position is a frame of samples, or as many samples as were pooled into one. After
    convolutions and recurrent layers it also depends on samples around it, or on all before it. A
    large weight states which samples a layer used, not that the output would change without them:
    they may be the same everywhere [1]_. :func:`attribution` measures the latter.

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
            f"{type(module).__name__} as built here has none; use attribution instead."
        )
    n_times = windows.shape[-1]
    edges = {
        name: _edges(layer, weights[name].shape[-1], n_times) / fs for name, layer in layers.items()
    }
    kinds = {name: layer.kind for name, layer in layers.items()}
    return AttentionMaps(weights, edges, kinds, whole, float(fs))


def _edges(layer: Any, n_positions: int, n_times: int) -> NDArray[np.float64]:
    """Bounds of the positions of a layer, in samples."""
    return np.clip(layer.first + layer.step * np.arange(n_positions + 1.0), 0, n_times)
