"""Measures from confusion matrices, vectorised over a leading axis of matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "precision",
    "sensitivity",
    "specificity",
    "mcc",
)


def confusion_measures(
    matrices: NDArray[np.floating], *, average: str = "macro", positive: int | None = None
) -> dict[str, NDArray[np.floating]]:
    """Compute measures of many confusion matrices at once, for fast bootstrapping.

    Parameters
    ----------
    matrices : ndarray of shape (..., n_classes, n_classes)
        Counts or weights; rows are true classes, columns are predicted classes.
    average : {"macro", "weighted"}, default="macro"
        How the one-vs-rest values of F1, precision, sensitivity and specificity are averaged over
        classes: with equal weights ("macro") or weighted by class size ("weighted").
    positive : int, default=None
        With two classes, index of the class for which F1, precision, sensitivity and specificity
        are computed.

    Returns
    -------
    measures : dict of str to ndarray of shape (...)
        Measures by name, as listed in ``METRICS``. A ratio whose denominator is 0 is 0, as with
        ``zero_division=0`` in scikit-learn; the Matthews correlation is 0 if a margin is empty.

    Notes
    -----
    The multiclass Matthews correlation is that of J. Gorodkin, Comput. Biol. Chem. 28 (2004)
    367-374.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.metrics._confusion import confusion_measures
    >>> measures = confusion_measures(np.array([[8, 2], [1, 9]]), positive=1)
    >>> {name: round(float(value), 2) for name, value in measures.items()}
    {'accuracy': 0.85, 'balanced_accuracy': 0.85, 'f1': 0.86, 'precision': 0.82,
     'sensitivity': 0.9, 'specificity': 0.8, 'mcc': 0.7}
    """
    matrices = np.asarray(matrices, dtype=float)
    total = matrices.sum(axis=(-2, -1))
    hit = np.diagonal(matrices, axis1=-2, axis2=-1)
    true, predicted = matrices.sum(axis=-1), matrices.sum(axis=-2)

    def ratio(a: NDArray, b: NDArray) -> NDArray:
        return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b > 0)

    recall, precision = ratio(hit, true), ratio(hit, predicted)
    f1 = ratio(2 * hit, true + predicted)
    rest = total[..., None] - true
    specificity = ratio(rest - (predicted - hit), rest)
    if positive is not None:
        weights = np.zeros_like(true)
        weights[..., positive] = 1.0
    elif average == "weighted":
        weights = ratio(true, total[..., None])
    else:
        weights = np.full_like(true, 1.0 / true.shape[-1])
    # Classes that do not occur have no sensitivity and do not enter the balanced accuracy.
    present = true > 0
    balanced = ratio((recall * present).sum(axis=-1), present.sum(axis=-1).astype(float))
    covariance = hit.sum(axis=-1) * total - (true * predicted).sum(axis=-1)
    spread = (total**2 - (true**2).sum(axis=-1)) * (total**2 - (predicted**2).sum(axis=-1))
    return {
        "accuracy": ratio(hit.sum(axis=-1), total),
        "balanced_accuracy": balanced,
        "f1": (weights * f1).sum(axis=-1),
        "precision": (weights * precision).sum(axis=-1),
        "sensitivity": (weights * recall).sum(axis=-1),
        "specificity": (weights * specificity).sum(axis=-1),
        "mcc": ratio(covariance, np.sqrt(np.maximum(spread, 0.0))),
    }
