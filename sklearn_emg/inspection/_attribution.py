"""Attribution: contribution of each sample of a window to the score of a class."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_emg._sklearn import Interval, StrOptions, validated
from sklearn_emg._tables import counted
from sklearn_emg._validation import check_unused, require
from sklearn_emg.inspection._networks import (
    find_network,
    node_of,
    predicted_nodes,
    torch_tools,
)
from sklearn_emg.recordings import WindowSet, is_recording_table


@dataclass(frozen=True)
class Attribution:
    """Result of :func:`attribution`.

    Attributes
    ----------
    values : ndarray of the shape of the windows
        Contribution of each sample to the raw output (logit) of the class. Negative values oppose
        the class.
    target : ndarray of shape (n_windows,)
        Class that is explained for each window.
    output, baseline_output : ndarray of shape (n_windows,)
        Raw output of the explained class for the window and for the baseline.
    residual : ndarray of shape (n_windows,)
        ``output - baseline_output`` minus the sum of the values. It is 0 if the values are
        complete.
    method : str
        Name of the method.
    """

    values: NDArray[np.float64]
    target: NDArray[Any]
    output: NDArray[np.float64]
    baseline_output: NDArray[np.float64]
    residual: NDArray[np.float64]
    method: str

    def to_recordings(self, windows: WindowSet) -> list[NDArray[np.float64]]:
        """Average the values at each sample of a recording over the windows that cover it.

        Parameters
        ----------
        windows : WindowSet
            Windows from :func:`~sklearn_emg.recordings.divide` that were explained.

        Returns
        -------
        values : list of ndarray of shape (n_times,) or (n_channels, n_times)
            One array per row of the table, up to the end of the last window. It is empty for a row
            without windows and NaN in gaps between windows.

        Raises
        ------
        ValueError
            If the number of windows differs from that of the attribution.
        """
        if len(windows) != len(self.values):
            raise ValueError(
                f"Got {counted(len(windows), 'window')} for an attribution of {len(self.values)}. "
                "Give the windows that were explained."
            )
        size = self.values.shape[-1]
        out = []
        for row in range(windows.n_rows):
            chosen = np.flatnonzero(windows.row == row)
            length = int(windows.start[chosen].max()) + size if chosen.size else 0
            total = np.zeros((*self.values.shape[1:-1], length))
            count = np.zeros(length)
            for k in chosen:
                span = slice(windows.start[k], windows.start[k] + size)
                total[..., span] += self.values[k]
                count[span] += 1
            out.append(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))
        return out


@validated(
    method=[StrOptions({"integrated_gradients", "gradient_x_input", "occlusion"})],
    n_steps=[Interval(Integral, 1, None, closed="left"), None],
    patch=[Interval(Integral, 1, None, closed="left"), None],
    patch_step=[Interval(Integral, 1, None, closed="left"), None],
)
def attribution(
    estimator: Any,
    X: ArrayLike,
    *,
    target: Any = None,
    method: str = "integrated_gradients",
    baseline: ArrayLike = 0.0,
    n_steps: int | None = None,
    patch: int | None = None,
    patch_step: int | None = None,
) -> Attribution:
    """Distribute the output of a network over the samples of its windows.

    Parameters
    ----------
    estimator : fitted estimator
        A network classifier of :mod:`sklearn_emg.neural_network`, or a Pipeline or
        :class:`~sklearn_emg.ensemble.DiVoteClassifier` that ends with one.
    X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times), or DataFrame
        Windows in mV, processed by all steps before the network, or a table of such recordings.
    target : label, default=None
        Class to explain. By default, it is the predicted class of each window.
    method : {"integrated_gradients", "gradient_x_input", "occlusion"}, \
            default="integrated_gradients"
        Method that computes the contributions (see Notes).
    baseline : float or array-like that broadcasts to the shape of X, default=0.0
        Value in mV that represents the absence of a signal.
    n_steps : int, default=None
        Number of points of "integrated_gradients" between the baseline and the window (50 by
        default).
    patch : int, default=None
        Number of samples that "occlusion" replaces at once. By default, it is one fiftieth of the
        window length.
    patch_step : int, default=None
        Shift in samples between one tiling of the window with patches and the next. By default, it
        equals `patch`, so that there is a single tiling.

    Returns
    -------
    result : Attribution
        Contributions in units of the raw output, and their residual.

    Raises
    ------
    ValueError
        If the target is unknown, `patch_step` exceeds the patch, the windows or the baseline have
        the wrong shape, or a parameter is given that `method` does not use.
    TypeError
        If there is no network classifier in `estimator`.
    ImportError
        If PyTorch or captum is not installed.

    Notes
    -----
    Let F be the output of the class, x the window, b the baseline and m the number of steps.

    - "integrated_gradients" [1]_ computes :math:`(x_i - b_i) \\frac{1}{m} \\sum_{k=1}^{m}
      \\partial_i F(b + \\frac{k - 1/2}{m} (x - b))`, the midpoint rule. As m grows, the sum of the
      values approaches F(x) - F(b) (completeness). ``residual`` is the remaining difference.
    - "gradient_x_input" computes :math:`(x_i - b_i)\\, \\partial_i F(x)`. It is fast, but its
      values are not complete.
    - "occlusion" replaces a patch of one channel by the baseline. The decrease of F is divided
      equally among the samples of the patch and averaged over the patches that cover a sample.
      Patches at the ends of a window may be shorter.

    The methods use IntegratedGradients, Saliency and FeatureAblation of captum.

    For a linear network with weights w, all three give w_i (x_i - b_i) if the patch of occlusion is
    one sample.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.inspection import attribution
    >>> from sklearn_emg.neural_network import EMGClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(24, 100)), np.repeat(["control", "patient"], 12)
    >>> net = EMGClassifier("CNN1D", max_epochs=1, random_state=0).fit(X, y)
    >>> attribution(net, X, target="patient").values.shape
    (24, 100)
    """
    caller = "attribution"
    if method != "integrated_gradients":
        check_unused(caller, "method='integrated_gradients'", n_steps=n_steps)
    if method != "occlusion":
        check_unused(caller, "method='occlusion'", patch=patch, patch_step=patch_step)
    network = find_network(estimator, caller)
    tools = torch_tools(caller)
    require("captum", caller, "explain")
    windows = network._check_input(X)
    shape = tuple(windows.shape) if is_recording_table(X) else np.shape(X)
    if target is None:
        nodes = predicted_nodes(network, X)
    else:
        nodes = np.full(len(windows), node_of(network, target, caller))
    reference = _baseline_like(baseline, shape, windows, caller)
    module, device = network.net_.module_, network.net_.device
    batch = network._inference_batch(str(device).partition(":")[0])
    if method == "occlusion":
        size = max(1, windows.shape[-1] // 50) if patch is None else min(patch, windows.shape[-1])
        step = size if patch_step is None else patch_step
        if step > size:
            raise ValueError(
                f"The 'patch_step' of {caller} must be at most the patch of {size} samples, so "
                f"that no sample is left out. Got {step} instead."
            )
        values = tools.occlusion(module, device, windows, reference, nodes, size, step, batch)
    else:
        steps = (n_steps or 50) if method == "integrated_gradients" else None
        values = tools.gradient_parts(module, device, windows, reference, nodes, steps, batch)
    output = tools.outputs(module, device, windows, nodes, batch)
    base = tools.outputs(module, device, reference, nodes, batch)
    residual = output - base - values.reshape(len(values), -1).sum(axis=1)
    return Attribution(
        values.reshape(shape), network.classes_[nodes], output, base, residual, method
    )


def _baseline_like(baseline: ArrayLike, shape: tuple[int, ...], windows: Any, caller: str) -> Any:
    """Return the baseline of each window, as a tensor of the shape of the windows."""
    values = np.asarray(baseline, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ValueError(f"The 'baseline' of {caller} must be finite.")
    try:
        spread = np.broadcast_to(values, shape)
    except ValueError as error:
        raise ValueError(
            f"The 'baseline' of {caller} must be a number or fit the windows of shape {shape}. Got "
            f"shape {values.shape}."
        ) from error
    return windows.new_tensor(np.ascontiguousarray(spread)).reshape(windows.shape)
