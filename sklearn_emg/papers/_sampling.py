"""Samplers ahead of a classifier that has to know whose windows it gets."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from sklearn_emg._sklearn import BaseSearchCV, HasMethods, Integral, Interval, Real
from sklearn_emg._typing import Labels
from sklearn_emg.neural_network import split_validation
from sklearn_emg.papers._windows import WindowsMetaClassifier

_FRACTION = "validation_fraction"


def synthesise(
    X: NDArray[np.floating],
    y: NDArray[np.intp],
    owner: NDArray[np.intp],
    wanted: dict[int, int],
    k_neighbors: int,
    rng: np.random.RandomState,
) -> tuple[NDArray[np.floating], NDArray[np.intp], NDArray[np.intp]]:
    """Windows between two windows of one class and one owner.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_values)
    y, owner : ndarray of int of shape (n_windows,)
    wanted : dict of int to int
        Synthetic windows per class.
    k_neighbors : int
        Nearest windows of the same owner and class to draw the partner from.
    rng : RandomState

    Returns
    -------
    X_new : ndarray of shape (n_new, n_values)
    y_new : ndarray of int of shape (n_new,)
    base : ndarray of int of shape (n_new,)
        Row of the window that each was made of.

    Notes
    -----
    N. V. Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique", J. Artif. Intell. Res.
    16 (2002) 321-357: x + u (x' - x) with u uniform in [0, 1) and x' one of the nearest neighbours
    of x. Here neighbours are sought among the windows of the same person only. A person with a
    single window of the class gives that window again.
    """
    from sklearn.neighbors import NearestNeighbors

    made, rows = [X[:0]], [np.zeros(0, dtype=np.intp)]
    for label, n_new in sorted(wanted.items()):
        base = rng.choice(np.flatnonzero(y == label), size=n_new)
        out = np.empty((n_new, X.shape[1]), dtype=X.dtype)
        for person in np.unique(owner[base]):
            own = np.flatnonzero((y == label) & (owner == person))
            of = np.flatnonzero(owner[base] == person)
            k = min(k_neighbors, len(own) - 1)
            if k == 0:
                out[of] = X[base[of]]
                continue
            # The nearest is the window itself.
            near = NearestNeighbors(n_neighbors=k + 1).fit(X[own])
            near = near.kneighbors(X[base[of]], return_distance=False)[:, 1:]
            partner = own[near[np.arange(len(of)), rng.randint(k, size=len(of))]]
            share = rng.uniform(size=(len(of), 1)).astype(X.dtype)
            out[of] = X[base[of]] + share * (X[partner] - X[base[of]])
        made.append(out)
        rows.append(base)
    base = np.concatenate(rows)
    return np.concatenate(made), y[base], base


def _hold_out(
    estimator: Any, codes: NDArray[np.intp], owner: NDArray[np.intp], groups: NDArray | None
) -> tuple[NDArray[np.bool_], NDArray | None]:
    """Rows that the network in `estimator` is told to hold out, and the groups it gets.

    Synthetic windows must not be among them, so the draw has to come before these are made.
    """
    nobody = np.zeros(len(codes), dtype=bool)
    params = estimator.get_params(deep=True)
    networks = [name.removesuffix("_fraction") for name in params if name.endswith(_FRACTION)]
    own = next((name for name in networks if name in params), None)
    if own is None:
        return nobody, groups
    validation, fraction = params[own], params[f"{own}_fraction"]
    by_subject = groups is not None and validation != "windows"
    if not isinstance(validation, str):
        wanted = set(validation)
        held = np.array([name in wanted for name in groups]) if groups is not None else nobody
    elif fraction is None:
        held = nobody
    else:
        rng = check_random_state(params[f"{own.removesuffix('validation')}random_state"])
        held = nobody.copy()
        held[split_validation(codes, owner if by_subject else None, fraction, rng)[1]] = True
    if not held.any() or held.all():
        return nobody, groups  # the network says what is wrong with that
    if groups is None or not by_subject:
        groups = held.astype(np.intp)  # two sides in place of people
    estimator.set_params(**{own: list(dict.fromkeys(groups[held].tolist()))})
    return held, groups


class SMOTEClassifier(WindowsMetaClassifier):
    """SMOTE in front of a classifier that holds out subjects.

    A sampler in a pipeline leaves `groups` behind: the classifier after it would get the subjects
    of other windows. Here each synthetic window lies between two windows of one person and belongs
    to that person, so that subject-wise early stopping or an inner search stays free of leaks. The
    windows that a network of this package holds out for validation are left as they are.

    Parameters
    ----------
    estimator : estimator object
        Classifier of windows, or a search; gets ``groups`` in ``fit`` if it takes them. Whom a
        network holds out by its `validation` and `validation_fraction` is drawn here, as it would
        draw them.
    factor : float, default=2.0
        No class grows to more than this times its real windows in training, nor beyond the largest
        class. 2 keeps synthetic windows at most as many as real ones; 1 adds none.
    k_neighbors : int, default=5
        Nearest windows of the same person and class to interpolate towards.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : estimator object
        Fitted on real and synthetic windows.
    n_synthetic_ : dict
        Synthetic windows of each class that got some.
    n_features_in_ : int

    See Also
    --------
    sklearn_emg.preprocessing.capped_sampling_strategy : The same cap for imbalanced-learn.
    imblearn.over_sampling.SMOTE : For classifiers that need no subjects.

    Notes
    -----
    Differs from plain SMOTE in that neighbours are sought within a person. Without `groups` all
    windows count as one person's.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.papers import SMOTEClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(30, 4)), np.repeat([0, 1], [22, 8])
    >>> SMOTEClassifier(LogisticRegression(), random_state=0).fit(X, y).n_synthetic_
    {1: 8}
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"])],
        "factor": [Interval(Real, 1, None, closed="left")],
        "k_neighbors": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        factor: float = 2.0,
        k_neighbors: int = 5,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.factor = factor
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: Labels | None = None) -> SMOTEClassifier:
        """Oversample the small classes and fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
        y : array-like of shape (n_windows,)
        groups : array-like of shape (n_windows,), default=None
            Subject of each window.

        Returns
        -------
        self : object
        """
        from sklearn_emg.preprocessing import capped_sampling_strategy

        self._validate_params()
        strategy = capped_sampling_strategy(self.factor)
        X, y, codes, owner, groups = self._check_training(X, y, groups)
        if owner is None:
            owner = np.zeros(len(y), dtype=np.intp)
        estimator = clone(self.estimator)
        searches = isinstance(estimator, BaseSearchCV)
        takes_groups = searches or has_fit_parameter(estimator, "groups")
        held = np.zeros(len(y), dtype=bool)
        # In the folds of a search each fit draws its own, of other people every time.
        if takes_groups and not searches:
            held, groups = _hold_out(estimator, codes, owner, groups)
        of, owners = codes[~held], owner[~held]
        counts = np.bincount(of)
        wanted = {c: n - int(counts[c]) for c, n in strategy(of).items()}
        flat = X[~held].reshape(len(of), -1)
        rng = check_random_state(self.random_state)
        new, new_codes, base = synthesise(flat, of, owners, wanted, self.k_neighbors, rng)
        self.n_synthetic_ = {self.classes_.tolist()[c]: n for c, n in wanted.items()}
        X = np.concatenate([X, new.reshape(-1, *X.shape[1:])])
        y = np.concatenate([y, self.classes_[new_codes]])
        params = {}
        if groups is not None and takes_groups:
            params["groups"] = np.concatenate([groups, groups[~held][base]])
        elif groups is not None and hasattr(estimator, "steps"):
            warnings.warn(
                "The Pipeline inside SMOTEClassifier gets no subjects; put the SMOTEClassifier "
                "around its last step instead.",
                UserWarning,
                stacklevel=2,
            )
        self.estimator_ = estimator.fit(X, y, **params)
        return self
