"""SMOTE inside a classifier: synthetic windows keep the subject of their source windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from sklearn_emg._sklearn import BaseSearchCV, HasPredict, Integral, Interval, Real
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn
from sklearn_emg.ensemble._fitting import hold_out_subjects
from sklearn_emg.ensemble._window_classifier import WindowMetaClassifier
from sklearn_emg.neural_network import split_validation

_FRACTION = "validation_fraction"


def synthesise(
    X: NDArray[np.floating],
    y: NDArray[np.intp],
    subjects: NDArray[np.intp],
    wanted: dict[int, int],
    k_neighbors: int,
    rng: np.random.RandomState,
) -> tuple[NDArray[np.floating], NDArray[np.intp], NDArray[np.intp]]:
    """Make synthetic windows, each between two windows of the same class and subject.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_values)
        Flattened windows.
    y, subjects : ndarray of int of shape (n_windows,)
        Codes of the class and the subject of each window.
    wanted : dict of int to int
        Number of synthetic windows per class.
    k_neighbors : int
        Number of nearest windows of the same subject and class from which the second window is
        drawn.
    rng : RandomState
        Generator of the random draws.

    Returns
    -------
    X_new : ndarray of shape (n_new, n_values)
        Synthetic windows.
    y_new : ndarray of int of shape (n_new,)
        Code of the class of each synthetic window.
    base : ndarray of int of shape (n_new,)
        Row of the first of the two windows (x in the Notes) between which each synthetic window
        lies.

    Notes
    -----
    A synthetic window is x + u (x' - x), with u uniform in [0, 1) and x' one of the nearest
    neighbours of x (N. V. Chawla et al., "SMOTE: Synthetic Minority Over-sampling Technique",
    J. Artif. Intell. Res. 16 (2002) 321-357). Here, neighbours are sought only among the windows of
    the same subject. If a subject has a single window of the class, this window is copied.
    """
    from sklearn.neighbors import NearestNeighbors

    made, rows = [X[:0]], [np.zeros(0, dtype=np.intp)]
    for label, n_new in sorted(wanted.items()):
        base = rng.choice(np.flatnonzero(y == label), size=n_new)
        out = np.empty((n_new, X.shape[1]), dtype=X.dtype)
        for subject in np.unique(subjects[base]):
            own = np.flatnonzero((y == label) & (subjects == subject))
            of = np.flatnonzero(subjects[base] == subject)
            k = min(k_neighbors, len(own) - 1)
            if k == 0:
                out[of] = X[base[of]]
                continue
            # The nearest window is the window itself.
            near = NearestNeighbors(n_neighbors=k + 1).fit(X[own])
            near = near.kneighbors(X[base[of]], return_distance=False)[:, 1:]
            partner = own[near[np.arange(len(of)), rng.randint(k, size=len(of))]]
            fraction = rng.uniform(size=(len(of), 1)).astype(X.dtype)
            out[of] = X[base[of]] + fraction * (X[partner] - X[base[of]])
        made.append(out)
        rows.append(base)
    base = np.concatenate(rows)
    return np.concatenate(made), y[base], base


def _rows_of(subjects: Iterable[Any], groups: NDArray | None, n_rows: int) -> NDArray[np.bool_]:
    """Rows of the named subjects; none if the subjects of the rows are not known."""
    if groups is None:
        return np.zeros(n_rows, dtype=bool)
    wanted = set(subjects)
    return np.array([name in wanted for name in groups])


def _validation_parameter(params: Mapping[str, Any]) -> str | None:
    """Name of the parameter `validation` of the network among the parameters of an estimator."""
    networks = [name.removesuffix("_fraction") for name in params if name.endswith(_FRACTION)]
    return next((name for name in networks if name in params), None)


def _hold_out(
    estimator: Any, codes: NDArray[np.intp], subjects: NDArray[np.intp], groups: NDArray | None
) -> tuple[NDArray[np.bool_], NDArray | None]:
    """Rows that the network in `estimator` holds out for validation, and the groups that it gets.

    No synthetic window may be among them, so the rows are drawn before SMOTE.
    """
    none = np.zeros(len(codes), dtype=bool)
    params = estimator.get_params(deep=True)
    own = _validation_parameter(params)
    if own is None:
        return none, groups
    validation, fraction = params[own], params[f"{own}_fraction"]
    by_subject = groups is not None and validation != "windows"
    if not isinstance(validation, str):
        held = _rows_of(validation, groups, len(codes))
    elif fraction is None:
        held = none
    else:
        rng = check_random_state(params[f"{own.removesuffix('validation')}random_state"])
        held = none.copy()
        held[split_validation(codes, subjects if by_subject else None, fraction, rng)[1]] = True
    if not held.any() or held.all():
        return none, groups  # the network raises the error
    if groups is None or not by_subject:
        groups = held.astype(np.intp)  # two groups in place of subjects
    estimator.set_params(**{own: list(dict.fromkeys(groups[held].tolist()))})
    return held, groups


class SMOTEClassifier(WindowMetaClassifier):
    """SMOTE for a classifier that needs the subject of each window.

    A sampler in a pipeline does not resample `groups`, so the classifier after it would get the
    subjects of other windows. Here, each synthetic window lies between two windows of one subject
    and belongs to that subject, so that early stopping and inner searches by subject remain free of
    leakage. SMOTE neither uses nor changes windows that a network of this package holds out for
    validation, unless the network is inside a search: each fit of a search draws its own validation
    subjects from real and synthetic windows.

    Parameters
    ----------
    estimator : estimator object
        Classifier of windows, or a search. Its ``fit`` gets ``groups`` if it takes them, and an int
        `cv` of a search, calibration, stacking or selection means folds of subjects. Outside a
        search, this class draws the validation subjects of a network according to the network's
        `validation` and `validation_fraction`, exactly as the network would.
    factor : float, default=2.0
        Maximum ratio of the number of windows of a class after SMOTE to the number of its real
        training windows; no class grows beyond the largest one. With 2, there are at most as many
        synthetic windows as real ones; with 1, there are none.
    k_neighbors : int, default=5
        Number of nearest windows of the same subject and class, one of which is drawn for each
        interpolation.
    random_state : int, RandomState instance or None, default=None
        Seed of the random draws of synthetic windows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    estimator_ : estimator object
        The classifier, fitted on real and synthetic windows.
    n_synthetic_ : dict
        Number of synthetic windows of each class that has any.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if neither X nor `groups` gave any.
    n_features_in_ : int
        Size of the second dimension of X.

    See Also
    --------
    sklearn_emg.preprocessing.capped_sampling_strategy : The same cap for imbalanced-learn.
    imblearn.over_sampling.SMOTE : SMOTE for classifiers that need no subjects.

    Notes
    -----
    Unlike plain SMOTE, this method seeks neighbours within a subject. If a subject has only one
    window of a class, this window is copied. If neither X nor `groups` gives subjects, all windows
    count as those of one subject.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import SMOTEClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(30, 4)), np.repeat([0, 1], [22, 8])
    >>> SMOTEClassifier(LogisticRegression(), random_state=0).fit(X, y).n_synthetic_
    {1: 8}
    """

    _holds_out_subjects: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasPredict()],
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
        """Oversample the smaller classes and fit the classifier.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_times) or (n_windows, n_channels, n_times)
            Training windows.
        y : array-like of shape (n_windows,)
            Class of each window.
        groups : array-like of shape (n_windows,), default=None
            Subject of each window; by default, the ``subject`` column of X.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        from sklearn_emg.preprocessing import capped_sampling_strategy

        self._validate_params()
        strategy = capped_sampling_strategy(self.factor)
        X, y, codes, subjects, groups = self._check_training(X, y, groups)
        if subjects is None:
            subjects = np.zeros(len(y), dtype=np.intp)
        estimator = clone(self.estimator)
        searches = isinstance(estimator, BaseSearchCV)
        takes_groups = searches or has_fit_parameter(estimator, "groups")
        held = np.zeros(len(y), dtype=bool)
        # In a search, each fit draws its own validation subjects, separately in each fold.
        if takes_groups and not searches:
            held, groups = _hold_out(estimator, codes, subjects, groups)
        of, owners = codes[~held], subjects[~held]
        counts = np.bincount(of)
        wanted = {c: n - int(counts[c]) for c, n in strategy(of).items()}
        flat = X[~held].reshape(len(of), -1)
        rng = check_random_state(self.random_state)
        new, new_codes, base = synthesise(flat, of, owners, wanted, self.k_neighbors, rng)
        self.n_synthetic_ = {self.classes_.tolist()[c]: n for c, n in wanted.items()}
        X = np.concatenate([X, new.reshape(-1, *X.shape[1:])])
        y = np.concatenate([y, self.classes_[new_codes]])
        params: dict[str, Any] = {}
        before: dict[str, Any] = {}
        if groups is not None:
            owner = np.concatenate([subjects, owners[base]])
            groups = np.concatenate([groups, groups[~held][base]])
            before = hold_out_subjects(estimator, X, y, owner, groups, True, type(self).__name__)
        if groups is not None and takes_groups:
            params["groups"] = groups
        elif groups is not None and hasattr(estimator, "steps"):
            warn(
                "The Pipeline inside SMOTEClassifier gets no subjects; put the SMOTEClassifier "
                "around its last step instead.",
                UserWarning,
            )
        self.estimator_ = estimator.fit(X, y, **params).set_params(**before)
        return self
