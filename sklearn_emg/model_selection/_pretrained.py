"""Parts of an estimator that are already fitted, and checks that their subjects are not tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags

from sklearn_emg._tables import counted, python_value
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.recordings import known_by_other_spelling, training_subjects


@dataclass(frozen=True)
class PretrainedPart:
    """A part of an estimator that stays fitted when the estimator is cloned.

    Attributes
    ----------
    part : str
        Path and class of the part, such as "estimator (TransferClassifier)".
    subjects : frozenset or None
        Subjects on which the part was fitted; None if these subjects are not known.
    """

    part: str
    subjects: frozenset[Any] | None


def pretrained_parts(estimator: Any) -> list[PretrainedPart]:
    """Find the parts of an estimator that are already fitted and stay fitted in every fold.

    Parameters
    ----------
    estimator : estimator object
        Estimator to search, at any depth of pipelines, unions, searches and DiVote ensembles. Parts
        that stay fitted when it is cloned are a pretrained
        :class:`~sklearn_emg.neural_network.TransferClassifier`, the estimator of a
        :class:`~sklearn.frozen.FrozenEstimator`, and a fitted estimator whose method is a
        parameter.

    Returns
    -------
    parts : list of PretrainedPart
        Outermost fitted parts, without those that learn nothing. A part of which only some training
        subjects are known has two entries: one with these subjects and one with None.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from sklearn_emg.model_selection import pretrained_parts
    >>> scaler = StandardScaler().fit([[0.0], [1.0]])
    >>> pretrained_parts(make_pipeline(FrozenEstimator(scaler), SVC()))
    [PretrainedPart(part='frozenestimator.estimator (StandardScaler)', subjects=None)]
    """
    found: list[PretrainedPart] = []
    for path, part in parts_of(clone(estimator, safe=False), stop=_is_fitted):
        if not _is_fitted(part):
            continue
        subjects, complete = training_subjects(part)
        name = f"{path} ({type(part).__name__})" if path else type(part).__name__
        if subjects:
            found.append(PretrainedPart(name, subjects))
        if not complete:
            found.append(PretrainedPart(name, None))
    return found


def parts_of(
    estimator: Any, *, stop: Callable[[Any], bool] = lambda part: False
) -> Iterator[tuple[str, Any]]:
    """Yield an estimator and all its parameters, at any depth.

    Parameters
    ----------
    estimator : estimator object
        Estimator to search.
    stop : callable
        Function that takes a part and returns whether the parts inside it are left out. By default,
        none are left out.

    Yields
    ------
    path : str
        Names of parameters and steps, joined with dots; "" for the estimator itself.
    part : object
        Estimator or other parameter; each is yielded once.
    """
    todo: list[tuple[str, Any]] = [("", estimator)]
    seen: set[int] = set()
    while todo:
        path, part = todo.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        if not stop(part):
            dot = f"{path}." if path else ""
            todo = [(f"{dot}{name}", inner) for name, inner in _parameters(part)] + todo


def _is_fitted(part: Any) -> bool:
    if not isinstance(part, BaseEstimator):
        return False
    learned = any(n.endswith("_") and not n.startswith("_") for n in vars(part))
    # A network of skorch has such attributes before its fit; 'initialized_' is then False.
    return learned and get_tags(part).requires_fit and getattr(part, "initialized_", True)


def _parameters(part: Any) -> Iterator[tuple[str, Any]]:
    """Named components of an estimator, a list of steps or a method."""
    if isinstance(part, type):
        return
    if isinstance(part, dict):
        yield from zip(map(str, part), part.values())
    elif isinstance(part, (list, tuple)):
        for k, value in enumerate(part):
            yield from _components(str(k), value)
    elif isinstance(part, BaseEstimator):
        for name, value in part.get_params(deep=False).items():
            if name.endswith(_LISTS_OF_STEPS):
                yield from _parameters(value)
            else:
                yield name, value
    elif callable(part) and hasattr(part, "__self__"):  # a method of a fitted estimator
        yield "__self__", part.__self__


# Parameters whose entries are named components.
_LISTS_OF_STEPS = ("steps", "transformers", "transformer_list")


def _components(position: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An entry of a list, or the parts of a named entry."""
    if isinstance(value, tuple) and len(value) > 1 and isinstance(value[0], str):
        yield from ((value[0], inner) for inner in value[1:])
    else:
        yield position, value


def _refuse_shared(part: PretrainedPart, shared: list[Any], place: str) -> None:
    if shared:
        some = ", ".join(map(repr, shared[:3])) + (", ..." if len(shared) > 3 else "")
        raise ValueError(
            f"{place} would test {counted(len(shared), 'subject')} ({some}) that {part.part} was "
            "trained on before. Leave these subjects out of X, or pretrain on others."
        )


def check_not_pretrained_on(
    estimator: Any,
    folds: Iterable[Sequence[Any]],
    *,
    name: str = "The estimator",
) -> None:
    """Raise if an estimator would be tested on subjects on which a part of it is already fitted.

    Parameters
    ----------
    estimator : estimator object
        Estimator as passed to cross-validation: unfitted, except for its pretrained parts.
    folds : iterable of sequence
        Names of the subjects in the test set of each fold.
    name : str, default="The estimator"
        Name of the estimator in messages.

    Raises
    ------
    ValueError
        If a part was fitted on a subject in a test set.

    Warns
    -----
    SubjectLeakWarning
        If a part was fitted on unknown subjects, or the names of a pretraining subject and a test
        subject differ only in spelling.
    """
    parts = pretrained_parts(estimator)
    if not parts:
        return
    tested = [list(map(python_value, fold)) for fold in folds]
    for part in parts:
        if part.subjects is None:
            warn(
                f"{name}: {part.part} is already fitted on unknown subjects, so it may be tested "
                "on subjects that it was trained on. Pass an unfitted estimator, or give the "
                "subjects when you pretrain (TransferClassifier.pretrain(X, y, groups=...)).",
                SubjectLeakWarning,
            )
            continue
        for fold, subjects in enumerate(tested):
            shared = [s for s in dict.fromkeys(subjects) if s in part.subjects]
            _refuse_shared(part, shared, f"{name}: fold {fold}")
        _warn_of_near_names(part, {s for fold in tested for s in fold}, name)


def _warn_of_near_names(part: PretrainedPart, tested: set[Any], name: str) -> None:
    """Warn about test subjects whose names resemble those of pretraining subjects."""
    for subject, other in known_by_other_spelling(tested, part.subjects or ()):
        warn(
            f"{name}: the subject {subject!r} is tested, but {part.part} was trained before on "
            f"{other!r}, which may be the same subject. If so, use one spelling.",
            SubjectLeakWarning,
        )
        return
