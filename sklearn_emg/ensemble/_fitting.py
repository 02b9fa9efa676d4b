"""Fit the estimator of windows with subjects, weights and calibrated decisions."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import check_cv
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.svm import SVC, NuSVC
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from sklearn_emg._sklearn import (
    BaseSearchCV,
    GroupsRequester,
    Integral,
    consumes_groups,
    last_of,
)
from sklearn_emg._warnings import warn
from sklearn_emg.ensemble._metadata import Columns, call_with_columns
from sklearn_emg.ensemble._window_classifier import WindowMetaClassifier
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import (
    Split,
    SubjectKFold,
    call_kept,
    key_for,
    parts_of,
    subject_train_test_split,
)

Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]

_PARTS = (FeatureUnion, ColumnTransformer, VotingClassifier, VotingRegressor)
_STOPS_LATE = (
    "holds out windows of its training subjects for early stopping, so it stops too late for new "
    "subjects."
)
_DEFAULT_FOLDS = 5  # number of folds that cv=None means in scikit-learn


def subject_folds(
    subjects: NDArray[np.intp], y: NDArray[Any], n_folds: int, *, numbers: bool = False
) -> Folds:
    """Row numbers of folds of subjects, as many as the smallest class allows, up to `n_folds`.

    There are none if a class (or, with `numbers`, the data) has only one subject.
    """
    fewest = len(np.unique(subjects)) if numbers else smallest_class(subjects, y)[0]
    n_folds = min(n_folds, fewest)
    if n_folds < 2:
        return []
    splitter = SubjectKFold(n_folds, stratify="quantiles" if numbers else "classes")
    return list(splitter.split(np.zeros((len(y), 1)), y, subjects))


def smallest_class(subjects: NDArray[np.intp], y: NDArray[Any]) -> tuple[int, Any]:
    """Return the number of subjects of the class with the fewest subjects, and its label."""
    classes = np.unique(y)
    counts = [len(np.unique(subjects[y == label])) for label in classes]
    smallest = int(np.argmin(counts))
    return counts[smallest], classes.tolist()[smallest]


# ------------------------------------------------------- groups and weights


def fit_metadata(
    estimator: Any, groups: NDArray[Any], weights: NDArray[np.floating] | None
) -> dict[str, NDArray[Any]]:
    """Parameters of ``fit`` that pass subjects and weights to the parts that can use them.

    Raise ValueError if weights are given and the estimator does not take them.
    """
    params = _groups(estimator, groups)
    return params if weights is None else params | fit_weights(estimator, weights)


def _groups(estimator: Any, groups: NDArray[Any]) -> dict[str, NDArray[Any]]:
    if get_config()["enable_metadata_routing"]:
        router = get_routing_for_object(estimator)
        return {"groups": groups} if router.consumes("fit", ["groups"]) else {}
    served: list[Any] = []
    params = _groups_by_path(estimator, groups, served)
    _warn_of_parts_without(estimator, served)
    return params


def _groups_by_path(
    estimator: Any, groups: NDArray[Any], served: list[Any]
) -> dict[str, NDArray[Any]]:
    """Parameters of ``fit`` for the steps of pipelines; all steps are added to `served`."""
    if isinstance(estimator, BaseSearchCV):
        # The search uses its groups for folds only; a step inside it needs its own.
        has_steps = isinstance(estimator.estimator, Pipeline)
        inner = _groups_by_path(estimator.estimator, groups, served) if has_steps else {}
        return {**inner, "groups": groups}
    if isinstance(estimator, Pipeline):
        return _groups_of_steps(estimator, groups, served)
    served.append(estimator)
    return {"groups": groups} if has_fit_parameter(estimator, "groups") else {}


def _groups_of_steps(
    pipeline: Pipeline, groups: NDArray[Any], served: list[Any]
) -> dict[str, NDArray[Any]]:
    params: dict[str, NDArray[Any]] = {}
    sampled = False
    steps = [(name, step) for name, step in pipeline.steps if step not in (None, "passthrough")]
    for name, step in steps:
        own = _groups_by_path(step, groups, served)
        if own and sampled:
            # A sampler changes the rows, but a Pipeline would pass on the groups of the old rows.
            warn(
                f"Step {name!r} can hold out subjects but gets none, because it follows a sampler, "
                "which changes the rows. Put the sampler before DiVote or inside the step.",
                UserWarning,
            )
        elif step is steps[-1][1] or _fit_transform_takes(step, own):
            params |= {f"{name}__{key}": value for key, value in own.items()}
        sampled = sampled or hasattr(step, "fit_resample")
    return params


def _fit_transform_takes(step: Any, params: Mapping[str, Any]) -> bool:
    """Whether ``fit_transform`` of a step takes these parameters, as ``fit`` does."""
    known = inspect.signature(getattr(step, "fit_transform", step.fit)).parameters.values()
    names = {parameter.name for parameter in known}
    any_name = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known)
    return any_name or isinstance(step, Pipeline) or set(params) <= names


def _warn_of_parts_without(estimator: Any, served: list[Any]) -> None:
    """Warn about parts, such as networks, whose fit depends on subjects but that get none."""
    for path, part in parts_of(estimator, stop=_requests_groups):
        if isinstance(part, FrozenEstimator) or not _requests_groups(part):
            continue
        if _uses_subjects(part) and not any(part is one for one in served):
            warn(
                f"{type(part).__name__} ({path}) gets no subjects from the estimator around it, so "
                "it holds out or resamples windows regardless of their subjects. Call "
                "sklearn.set_config(enable_metadata_routing=True) before the fit, or make it a "
                "step of a Pipeline.",
                UserWarning,
            )


def _uses_subjects(part: Any) -> bool:
    """Whether the fit of a part depends on subjects, unlike a network without validation."""
    params = part.get_params(deep=True)
    fractions = [name for name in params if name.endswith("validation_fraction")]
    if isinstance(part, WindowMetaClassifier) or not fractions:
        return True
    for name in fractions:
        validation = params.get(name.removesuffix("_fraction"))
        if not isinstance(validation, str | None):  # a list of subjects
            return True
        if params[name] is not None and validation != "windows":
            return True
    return False


def _requests_groups(part: Any) -> bool:
    """Whether the ``fit`` of a part takes subjects, or the part is frozen."""
    takes = isinstance(part, GroupsRequester) and has_fit_parameter(part, "groups")
    return isinstance(part, FrozenEstimator) or takes


def fit_weights(estimator: Any, weights: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
    """Parameters of ``fit`` that pass `weights` to an estimator or the last step of a Pipeline.

    Parameters
    ----------
    estimator : estimator
        Estimator to be fitted.
    weights : ndarray of shape (n_samples,)
        Weight of each sample.

    Returns
    -------
    params : dict of str to ndarray
        Keyword arguments of ``fit``.

    Raises
    ------
    ValueError
        If neither the estimator nor the last step takes weights.
    """
    if get_config()["enable_metadata_routing"]:
        return _routed_weights(estimator, weights)
    if isinstance(estimator, FrozenEstimator):
        return {}  # its fit does nothing
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        if _has_sampler(estimator):
            _refuse_weights(estimator, "leave out its sampler, which changes the rows")
        if last in (None, "passthrough"):
            _refuse_weights(estimator, "end it with an estimator that does")
        return {f"{name}__{key}": value for key, value in fit_weights(last, weights).items()}
    if isinstance(estimator, BaseSearchCV):
        return fit_weights(estimator.estimator, weights)
    # Voting and stacking take **fit_params, of which sample_weight is the only one.
    several = isinstance(
        estimator, (VotingClassifier, StackingClassifier, VotingRegressor, StackingRegressor)
    )
    if not several and not has_fit_parameter(estimator, "sample_weight"):
        _refuse_weights(estimator, "use an estimator that does")
    return {"sample_weight": weights}


def _refuse_weights(estimator: Any, remedy: str) -> None:
    raise ValueError(
        f"DiVote got sample_weight, but {type(estimator).__name__} takes no "
        f"sample_weight: {remedy}, or fit without weights."
    )


def _has_sampler(pipeline: Pipeline) -> bool:
    return any(hasattr(step, "fit_resample") for _, step in pipeline.steps)


def name_channels(fitted: Any, names: Sequence[str] | None) -> None:
    """Set the names of the channels in feature extractors, as windows carry no names.

    Nothing is set if a step has learned column names, for example those of DataFrames that
    ``set_output`` produces, because the names would no longer match. Frozen estimators belong to
    the caller and are not changed.

    Parameters
    ----------
    fitted : estimator
        Estimator fitted on windows; it is changed in place.
    names : sequence of str or None
        Names of the channels of the recordings; None if they have no names.
    """
    if not names:
        return
    found = [part for _, part in parts_of(fitted, stop=_is_frozen) if not _is_frozen(part)]
    if any(hasattr(part, "feature_names_in_") for part in found):
        return
    for part in found:
        fits = getattr(part, "n_channels_in_", None) == len(names)
        if fits and getattr(part, "channel_names_in_", names) is None:
            part.channel_names_in_ = tuple(names)


def _is_frozen(part: Any) -> bool:
    return isinstance(part, FrozenEstimator)


# ------------------------------------------------------- folds of steps inside


def _routed_weights(estimator: Any, weights: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
    """Parameters of ``fit`` that pass weights if metadata routing is enabled."""
    router = get_routing_for_object(estimator)
    if router.consumes("fit", ["sample_weight"]):
        return {"sample_weight": weights}
    if isinstance(router, MetadataRouter) or not has_fit_parameter(estimator, "sample_weight"):
        _refuse_weights(estimator, "call set_fit_request(sample_weight=True) on a step that does")
    # An estimator that has no router and neither requests nor ignores weights gets them.
    ignored = router.fit.requests.get("sample_weight") is False
    return {} if ignored else {"sample_weight": weights}


def hold_out_subjects(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    subjects: NDArray[np.intp],
    groups: NDArray[Any],
    known: bool,
    caller: str = "DiVoteClassifier",
    *,
    numbers: bool = False,
    inner: str = "estimator",
) -> dict[str, Any]:
    """Give folds of subjects to the steps that split windows themselves.

    An int `cv` (or None) of a search, calibration, stacking or selection becomes folds of subjects,
    a proportion becomes a test set of subjects, and a splitter is given the subjects. Steps that
    split only some of the windows, such as a calibration inside a search, cannot be given folds.

    Parameters
    ----------
    estimator : estimator
        Estimator, which is changed in place; pass a clone.
    X : ndarray or DataFrame of n_windows rows
        Windows or feature rows.
    y : ndarray of shape (n_windows,)
        Target of each window.
    subjects : ndarray of shape (n_windows,)
        Code of the subject of each window.
    groups : ndarray of shape (n_windows,)
        Subject of each window, in the form that splitters take.
    known : bool
        Whether subjects were given. If not, each row counts as a subject, and an int `cv` is not
        replaced.
    caller : str, default="DiVoteClassifier"
        Name of the class in warnings.
    numbers : bool, default=False
        Whether y holds numbers instead of labels.
    inner : str, default="estimator"
        Parameter of `caller` that holds the estimator, for warnings.

    Returns
    -------
    before : dict
        Original values of the changed parameters, to be restored with ``set_params`` after ``fit``.

    Warns
    -----
    SubjectLeakWarning
        If a step puts a subject into both training and test, or gets only some of the windows,
        without their subjects, and splits these.
    """
    before: dict[str, Any] = {}
    parts = list(_splitting_parts(estimator))
    if known:
        _warn_of_splits_below(estimator, [part for _, part in parts], inner, caller)
    for path, part in parts:
        cv = part.get_params(deep=False)["cv"]
        if isinstance(cv, str):  # "prefit"
            continue
        where = f"{path}__cv" if path else "cv"
        place = f"{inner}__{where} of {caller}"
        if not (cv is None or isinstance(cv, Integral | float)):
            folds = _given_folds(cv, X, y, subjects, groups, place)
        elif known:
            seed = getattr(part, "random_state", None)
            folds = _subject_folds(cv, y, subjects, place, numbers, seed)
        else:
            folds = []
        if not folds:
            continue
        before[where] = cv
        part.set_params(cv=folds)
    return before


def _subject_folds(
    cv: float | None,
    y: NDArray[Any],
    subjects: NDArray[np.intp],
    place: str,
    numbers: bool,
    seed: Any,
) -> list[Split]:
    """Folds of subjects for a number of folds or a proportion; none if a class has too few."""
    if isinstance(cv, float):
        return _subject_holdout(cv, y, subjects, place, seed)
    n_folds = _DEFAULT_FOLDS if cv is None else int(cv)
    folds = subject_folds(subjects, y, n_folds, numbers=numbers)
    if folds or (numbers and len(y) < n_folds):
        return folds
    remedy = "Train on more subjects, or leave this step out."
    if numbers:
        _warn_of_leak(place, "there is one subject, so no folds of subjects exist", remedy)
    elif _leak(check_cv(cv, y, classifier=True).split(y, y), subjects):
        count, label = smallest_class(subjects, y)
        reason = f"class {label!r} has {count} subject, so no folds of subjects exist"
        _warn_of_leak(place, reason, remedy)
    return folds


def _subject_holdout(
    size: float, y: NDArray[Any], subjects: NDArray[np.intp], place: str, seed: Any
) -> list[Split]:
    """One split that tests a proportion of the subjects; none if a class has one subject."""
    try:
        train, test, *_ = subject_train_test_split(
            np.arange(len(y)), y, test_size=size, groups=subjects, random_state=seed
        )
    except ValueError as error:
        _warn_of_leak(place, str(error), "Train on more subjects, or leave this step out.")
        return []
    return [(train, test)]


def _given_folds(
    cv: Any,
    X: Any,
    y: NDArray[Any],
    subjects: NDArray[np.intp],
    groups: NDArray[Any],
    place: str,
) -> list[Split]:
    """Folds of a splitter, which is given the subjects, or of an iterable."""
    splits = folds_of(cv, X, y, groups)
    folds = [(np.asarray(train), np.asarray(test)) for train, test in splits]
    if _leak(folds, subjects):
        remedy = "Set it to SubjectKFold() or to an int, which has the same effect."
        _warn_of_leak(place, f"{cv!r:.60} splits windows", remedy)
    return folds


def folds_of(cv: Any, X: Any, y: NDArray[Any], groups: NDArray[Any]) -> Iterable[Split]:
    """Split with a splitter, or return other folds unchanged.

    Parameters
    ----------
    cv : splitter or iterable of (train, test)
        Splitter or folds.
    X : array-like of length n_rows
        Rows to split.
    y : ndarray of shape (n_rows,)
        Target of each row.
    groups : ndarray of shape (n_rows,)
        Subject of each row, which is not passed to splitters of scikit-learn that ignore it, since
        they would warn.

    Returns
    -------
    folds : iterable of (train, test)
        The folds.
    """
    if not hasattr(cv, "split"):
        return cv
    if type(cv).__module__.startswith("sklearn.") and not consumes_groups(cv):
        return cv.split(X, y)
    return cv.split(X, y, groups)


def _leak(folds: Iterable[Any], subjects: NDArray[np.intp]) -> bool:
    """Whether a subject is in both parts of a fold."""
    return any(np.intersect1d(subjects[train], subjects[test]).size for train, test in folds)


def _warn_of_leak(place: str, reason: str, remedy: str) -> None:
    warn(
        f"{place} puts windows of one subject into both training and test: {reason}. {remedy}",
        SubjectLeakWarning,
    )


def _warn_of_splits_below(estimator: Any, given: list[Any], inner: str, caller: str) -> None:
    """Warn about parts that split windows without their subjects, except those in `given`."""
    last = last_of(estimator)
    found = parts_of(estimator, stop=lambda part: part is last and holds_out_itself(part))
    for path, part in found:
        if held_out := _held_out_windows(part):
            place = ".".join(filter(None, [inner, path]))
            warn(
                f"{type(part).__name__} ({place}) inside {caller} {held_out}",
                SubjectLeakWarning,
            )
        if not _splits(part) or any(part is other for other in given):
            continue
        cv = part.get_params(deep=False)["cv"]
        asks = hasattr(cv, "split") and consumes_groups(cv)
        if not asks and not isinstance(cv, str):
            warn(
                f"{type(part).__name__} ({inner}.{path}) inside {caller} gets a part of the "
                f"windows without their subjects, so cv={cv!r:.60} puts windows of one subject "
                f"into both training and test. Put a search around {caller} instead, and leave a "
                "calibration out: DiVoteClassifier calibrates an SVC itself.",
                SubjectLeakWarning,
            )


def _held_out_windows(part: Any) -> str:
    """Describe how an estimator holds out windows of its training subjects, if it does.

    The early stopping of scikit-learn and skorch and the probabilities of an SVC take no subjects.
    """
    if isinstance(part, type) or not isinstance(part, ClassifierMixin | RegressorMixin):
        return ""
    params = part.get_params(deep=False)
    if isinstance(part, SVC | NuSVC) and params["probability"] is True:
        return (
            "fits its probabilities to windows of its training subjects, so they are too extreme "
            "for new subjects. Use CalibratedClassifierCV(SVC()), which is calibrated on held-out "
            "subjects."
        )
    if "validation_fraction" in params and params.get("early_stopping") is True:
        return f"{_STOPS_LATE} Use early_stopping=False."
    if isinstance(part, GradientBoostingClassifier | GradientBoostingRegressor):
        return f"{_STOPS_LATE} Use n_iter_no_change=None." if params["n_iter_no_change"] else ""
    callbacks = params.get("callbacks") if params.get("train_split") is not None else None
    steps = [step[-1] if isinstance(step, tuple) else step for step in callbacks or ()]
    if any("EarlyStopping" in getattr(step, "__name__", type(step).__name__) for step in steps):
        return f"{_STOPS_LATE} Use a network of sklearn_emg, which holds out subjects."
    return ""


def holds_out_itself(estimator: Any) -> bool:
    """Whether an estimator that gets groups calls `hold_out_subjects` for its own parts."""
    return getattr(estimator, "_holds_out_subjects", False)


def splits_rows(estimator: Any) -> bool:
    """Return whether a part of an estimator splits its rows with a `cv`.

    Parameters
    ----------
    estimator : estimator
        Estimator to search, at any depth.

    Returns
    -------
    splits : bool
        True if any part does.
    """
    return any(_splits(part) for _, part in parts_of(estimator))


def _splitting_parts(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Parts that split all windows rather than some of them, with their paths."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            if hasattr(step, "fit_resample"):
                return  # later steps get other rows
            yield from _splitting_parts(step, f"{path}__{name}" if path else name)
    elif isinstance(estimator, _PARTS):
        for name, part in estimator.get_params(deep=True).items():
            if "__" not in name:
                yield from _splitting_parts(part, f"{path}__{name}" if path else name)
    elif _splits(estimator):
        yield path, estimator


def _splits(estimator: Any) -> bool:
    """Whether an estimator has a `cv` that splits its rows."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return False
    if isinstance(estimator, (RidgeClassifierCV, RidgeCV)) and estimator.cv is None:
        return False  # leave-one-out in closed form
    constraints = getattr(type(estimator), "_parameter_constraints", {})
    return "cv_object" in constraints.get("cv", [])


# ------------------------------------------------------- decisions


class _GivenDecisions(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decisions are the columns of X."""

    def __init__(self, classes: NDArray[Any]):
        self.classes = classes
        self.classes_ = classes

    def fit(self, X: NDArray[np.floating], y: NDArray[Any]) -> _GivenDecisions:
        return self  # there is nothing to fit

    def decision_function(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X: NDArray[np.floating]) -> NDArray[Any]:
        best = (X[:, 0] > 0).astype(int) if X.shape[1] == 1 else X.argmax(axis=1)
        return self.classes[best]


def decisions(estimator: Any, X: Any, columns: Columns) -> NDArray[np.floating]:
    """Decision function as columns: one column for two classes, otherwise one per class."""
    values = np.asarray(call_with_columns(estimator, "decision_function", X, columns), dtype=float)
    values = values[:, np.newaxis] if values.ndim == 1 else values
    n_classes = len(estimator.classes_)
    if values.shape != (len(X), 1 if n_classes == 2 else n_classes):
        wanted = "one value" if n_classes == 2 else f"{n_classes} values, one per class,"
        raise ValueError(
            f"decision_function of {type(estimator).__name__} must give {wanted} for each window. "
            f"Got shape {values.shape}; a support vector machine gives such values with "
            "decision_function_shape='ovr'."
        )
    return values


def fit_sigmoids(
    values: NDArray[np.floating],
    y: NDArray[Any],
    classes: NDArray[Any],
    weights: NDArray[np.floating] | None,
) -> CalibratedClassifierCV:
    """Fit sigmoids that turn decisions into probabilities (Platt scaling, one-vs-rest).

    Parameters
    ----------
    values : ndarray of shape (n_windows, n_columns)
        Result of `decisions` from estimators that were not fitted on these windows.
    y : ndarray of shape (n_windows,)
        Class of each window.
    classes : ndarray of shape (n_classes,)
        All classes, in sorted order.
    weights : ndarray of shape (n_windows,) or None
        Weight of each window; None without weights.

    Returns
    -------
    calibration : CalibratedClassifierCV
        Fitted sigmoids, whose ``predict_proba`` takes the result of `decisions`.
    """
    everything = np.arange(len(y))
    sigmoids = CalibratedClassifierCV(
        FrozenEstimator(_GivenDecisions(classes)),
        method="sigmoid",
        cv=[(everything, everything)],
        ensemble=False,
    )
    with warnings.catch_warnings():
        # The decisions are given, so weights only concern the sigmoids, which use them.
        warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear", UserWarning)
        return sigmoids.fit(values, y, sample_weight=weights)


def refuse_other_classes(
    estimator: Any, y: NDArray[Any], classes: NDArray[Any], caller: str
) -> None:
    """Raise if a fitted estimator has other classes than its training windows.

    Parameters
    ----------
    estimator : fitted estimator
        Classifier of windows. If it was frozen, it may lack classes.
    y : ndarray of shape (n_windows,)
        Labels of the training windows.
    classes : ndarray of shape (n_classes,)
        All classes.
    caller : str
        Name of the class in the message.
    """
    own = set(np.asarray(estimator.classes_).tolist())
    lacking = set() if _is_frozen(last_of(estimator)) else set(np.unique(y).tolist()) - own
    if other := sorted(lacking | (own - set(classes.tolist())), key=str):
        remedy = "Give it the same classes."
        if other == [-1]:
            remedy = "It takes -1 for a missing label; leave such rows out of X and y."
        raise ValueError(
            f"{type(last_of(estimator)).__name__} inside {caller} has the classes "
            f"{sorted(own, key=str)}, but y has {classes.tolist()}. {remedy}"
        )


def fit_windows(
    estimator: Any,
    X: Any,
    y: NDArray[Any] | None,
    params: dict[str, NDArray[Any]],
    memory: str | joblib.Memory | None,
) -> Any:
    """Fit an estimator with further parameters of ``fit``, or load it from the cache `memory`."""
    arguments = estimator, X, y, params
    key = key_for(memory, "fit of windows", _without_checkpoint(estimator), *arguments[1:])
    return call_kept(memory, key, _fit, *arguments)


def _without_checkpoint(estimator: Any) -> Any:
    """The estimator without the checkpoint folders of its networks."""
    params = estimator.get_params(deep=True)
    places = [name for name in params if name.rpartition("__")[2] == "checkpoint"]
    if all(params[name] is None for name in places):
        return estimator
    return clone(estimator).set_params(**dict.fromkeys(places))


def _fit(estimator: Any, X: Any, y: NDArray[Any] | None, params: dict[str, NDArray[Any]]) -> Any:
    return estimator.fit(X, y, **params)
