"""Decision list of rules about reference limits."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_emg._sklearn import Integral, Interval, Real
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble._input import refuse_one_class
from sklearn_emg.feature_extraction import feature_facts, info_of
from sklearn_emg.motor_units import ReferenceLimits, control_range
from sklearn_emg.recordings import (
    SubjectMemory,
    is_healthy,
    refuse_missing_labels,
    refuse_recordings,
    warn_of_other_order,
)

# Units that are not printed after a name.
_NO_UNIT = ("1", "count")


class NormalLimitRules(SubjectMemory, ClassifierMixin, BaseEstimator):
    """Decision list whose rules compare measures with the limits of the normal group.

    The limits of each measure are the mean +/- `limit` standard deviations of the normal group,
    like clinical reference limits of turns and amplitude. A rule states that one measure is above
    or below its limit. Rules are tried in the order in which they were chosen (see Notes), and the
    first rule that a window meets predicts its class. Windows that meet no rule get the class in
    the last line of the list.

    NaN marks a measure that a window does not have, such as the duration of motor unit potentials
    if none was found. Such a window meets no rule on this measure and is left out when the limits
    of the measure are computed.

    Parameters
    ----------
    normal : label, default=None
        Reference class. By default, it is the class with a name like "normal", "control" or
        "healthy", or the first class if there is none.
    limit : float, default=2.0
        Distance of the limits from the mean, in standard deviations.
    max_rules : int, default=6
        Maximum number of rules in the list.
    reference : ReferenceLimits, default=None
        Limits of single potentials, either published or from your own controls. They replace the
        limits of the normal group for columns that are named after a measure of `reference`
        ("amplitude" or "muap_amplitude"). Each row is compared on its own, even if it comes from
        few potentials; a conclusion about a muscle needs 20 potentials (see
        :meth:`~sklearn_emg.motor_units.ReferenceLimits.score_muscles`).
    muscle : str, default=None
        Muscle from which the windows were recorded; required with `reference`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    normal_ : label
        Reference class.
    limits_ : ndarray of shape (2, n_features)
        Lower and upper limits, from the normal group or from `reference`; NaN if no window of the
        normal group has the measure.
    rules_ : list of (feature, side, probabilities)
        Index of the feature, "above" or "below", and class probabilities (Laplace estimates) among
        the training windows that meet this rule and no earlier one.
    default_ : ndarray of shape (n_classes,)
        Class probabilities (Laplace estimates) of windows that meet no rule.
    subjects_ : ndarray of shape (n_subjects,) or None
        Identities of the training subjects; None if X has no ``subject`` column.
    n_features_in_ : int
        Number of measures.

    Warns
    -----
    SubjectLeakWarning
        If the rules were fitted on any subject of the table to predict.
    RecordingWarning
        If columns of a table are left out because they look like an identity or a label.

    See Also
    --------
    sklearn_emg.motor_units.ReferenceLimits : Limits of potentials by muscle.
    sklearn.tree.export_text : Rules of a decision tree, with thresholds fitted to all classes.

    Notes
    -----
    The list is built greedily. Each step adds the rule with the highest Laplace estimate
    (n_c + 1) / (n + K). Here, n is the number of windows that the rule covers and that no earlier
    rule covers, n_c is the number of these in their majority class, and K is the number of classes.
    The rule must cover at least two such windows, and its estimate must exceed the same estimate
    for all windows that no earlier rule covers.

    References
    ----------
    R. L. Rivest, "Learning decision lists", Mach. Learn. 2 (1987) 229-246.

    E. Stålberg et al., "Automatic analysis of the EMG interference pattern", Electroencephalogr.
    Clin. Neurophysiol. 56 (1983) 672-681 (for normal limits of turns and amplitude).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.ensemble import NormalLimitRules
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["normal", "myopathy", "neuropathy"], 30)
    >>> amplitude = np.repeat([1.0, 0.4, 3.0], 30) + 0.1 * rng.normal(size=90)
    >>> rules = NormalLimitRules().fit(amplitude[:, None], y)
    >>> print(rules.export_text(["mean amplitude per turn (mV)"]))
    if mean amplitude per turn (mV) > 1.15: neuropathy (0.94)
    else if mean amplitude per turn (mV) < 0.826: myopathy (0.91)
    else: normal (0.94)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "limit": [Interval(Real, 0, None, closed="left")],
        "max_rules": [Interval(Integral, 1, None, closed="left")],
        "reference": [ReferenceLimits, None],
        "muscle": [str, None],
    }

    def __init__(
        self,
        normal: Any = None,
        *,
        limit: float = 2.0,
        max_rules: int = 6,
        reference: ReferenceLimits | None = None,
        muscle: str | None = None,
    ):
        self.normal = normal
        self.limit = limit
        self.max_rules = max_rules
        self.reference = reference
        self.muscle = muscle

    def fit(self, X: ArrayLike, y: ArrayLike) -> NormalLimitRules:
        """Compute the limits of the normal group and order the rules.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_features)
            Measures of each window.
        y : array-like of shape (n_windows,)
            Class of each window.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If `y` lacks a label or has a single class; if `normal` is not one of the classes; or,
            with `reference`, if `muscle` is None or has no limits in it, or if no column has the
            name of one of its measures.
        """
        self._validate_params()
        refuse_recordings(X, type(self).__name__)
        warn_of_other_order(X, y, "y")
        if y is not None:
            refuse_missing_labels(y)
        self._remember_subjects(X)
        X = self._features_of(X, y, reset=True)
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        refuse_one_class(y, type(self).__name__)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.normal_ = self._find_normal()
        # If no normal window has a measure, its limits are NaN, and no value is beyond them.
        self.limits_ = np.stack(control_range(X[y == self.normal_], self.limit)[2:])
        self._use_reference()
        met, n_classes = self._met(X), len(self.classes_)
        left = np.ones(len(X), dtype=bool)
        self.rules_: list[tuple[int, str, NDArray[np.floating]]] = []
        while len(self.rules_) < self.max_rules:
            rest = np.bincount(codes[left], minlength=n_classes)
            counts = np.stack([np.bincount(codes[left & m], minlength=n_classes) for m in met.T])
            taken = counts.sum(axis=1)
            estimates = (counts + 1) / (taken + n_classes)[:, None]
            sure = np.where(taken >= 2, estimates.max(axis=1), 0.0)
            best = int(np.argmax(sure))
            overall = (rest + 1) / (rest.sum() + n_classes)
            if sure[best] <= overall.max():
                break
            feature, above = divmod(best, 2)
            self.rules_.append((feature, "above" if above else "below", estimates[best]))
            left &= ~met[:, best]
        rest = np.bincount(codes[left], minlength=n_classes)
        self.default_ = (rest + 1) / (rest.sum() + n_classes)
        return self

    def _use_reference(self) -> None:
        """Replace the limits of columns that have the name of a measure of `reference`."""
        if self.reference is None:
            return
        if self.muscle is None:
            raise ValueError(
                "The 'muscle' of NormalLimitRules must name the muscle whose limits in 'reference' "
                f"are used, one of {self.reference.muscles()}. Got None."
            )
        measures = self.reference.measures
        columns = {
            str(name).removeprefix("muap_"): k
            for k, name in enumerate(getattr(self, "feature_names_in_", ()))
        }
        found = [name for name in measures if name in columns]
        if not found:
            raise ValueError(
                f"No column of X has the name of a measure of 'reference', {list(measures)} (with "
                "or without the prefix 'muap_'). Give a DataFrame with such columns."
            )
        for name in found:
            self.limits_[:, columns[name]] = self.reference.single_limits(self.muscle, name)

    def _find_normal(self) -> Any:
        labels = self.classes_.tolist()
        if self.normal is None:
            return next((c for c in labels if is_healthy(c)), labels[0])
        if self.normal not in labels:
            raise ValueError(
                f"The 'normal' parameter of NormalLimitRules must be one of the classes {labels}. "
                f"Got {self.normal!r} instead."
            )
        return self.normal

    def _met(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether windows meet rules; columns are feature 0 below, feature 0 above, and so on."""
        return np.stack([self.limits_[0] > X, self.limits_[1] < X], axis=2).reshape(len(X), -1)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Predict the class probabilities of the first rule that each window meets.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_features)
            Measures of each window.

        Returns
        -------
        probabilities : ndarray of shape (n_windows, n_classes)
            Probabilities in the order of ``classes_``.
        """
        check_is_fitted(self)
        self._warn_of_known_subjects(X)
        return self._probabilities(X)

    def _probabilities(self, X: ArrayLike) -> NDArray[np.floating]:
        X = self._features_of(X, reset=False)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        met = self._met(X)
        proba = np.tile(self.default_, (len(X), 1))
        # From the last to the first, so that the first rule that is met decides.
        for feature, side, estimate in reversed(self.rules_):
            proba[met[:, 2 * feature + (side == "above")]] = estimate
        return proba

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict the class of each window.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_features)
            Measures of each window.

        Returns
        -------
        y : ndarray of shape (n_windows,)
            Predicted classes.
        """
        check_is_fitted(self)
        self._warn_of_known_subjects(X)
        return self.classes_[np.argmax(self._probabilities(X), axis=1)]

    def export_text(self, feature_names: Labels | None = None) -> str:
        """Return the rules as text, one per line.

        Parameters
        ----------
        feature_names : array-like of str, default=None
            Names of the features. By default, these are ``feature_names_in_`` with the units of
            this package's features (for signals in mV), or x0, x1, ... if X had no column names.

        Returns
        -------
        text : str
            Rules, one per line.

        Raises
        ------
        ValueError
            If `feature_names` does not have one name per feature.
        """
        check_is_fitted(self)
        if feature_names is None and hasattr(self, "feature_names_in_"):
            feature_names = _with_units(self.feature_names_in_)
        elif feature_names is None:
            feature_names = [f"x{i}" for i in range(self.n_features_in_)]
        if len(feature_names) != self.n_features_in_:
            raise ValueError(
                f"'feature_names' must have {self.n_features_in_} names. Got {len(feature_names)}."
            )
        lines = []
        for feature, side, estimate in self.rules_:
            above = side == "above"
            condition = (
                f"{feature_names[feature]} {'>' if above else '<'} "
                f"{self.limits_[int(above), feature]:.3g}"
            )
            lines.append(f"if {condition}: {self._answer(estimate)}")
        lines.append(f": {self._answer(self.default_)}" if lines else self._answer(self.default_))
        return "\nelse ".join(lines).replace("else :", "else:")

    def _answer(self, estimate: NDArray[np.floating]) -> str:
        best = int(np.argmax(estimate))
        return f"{self.classes_[best]} ({estimate[best]:.2f})"

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # A decision list with fixed limits cannot separate classes of every shape.
        tags.classifier_tags.poor_score = True
        return tags


def _with_units(columns: NDArray) -> list[str]:
    known = feature_facts()
    units = [(info_of(column, known) or {}).get("unit", "1") for column in columns]
    return [
        str(column) if unit in _NO_UNIT else f"{column} ({unit})"
        for column, unit in zip(columns, units)
    ]
