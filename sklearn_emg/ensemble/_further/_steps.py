"""Access to the transformers and the last predictor of a fitted pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklearn_emg._sklearn import last_of
from sklearn_emg._typing import Labels
from sklearn_emg.ensemble._metadata import Columns, call_with_columns, column_params
from sklearn_emg.preprocessing import SiteStandardizer


def transformers_of(model: Any) -> Iterator[Any]:
    """Yield the transformers before the last predictor of a pipeline, without samplers.

    Parameters
    ----------
    model : estimator
        Pipeline; for any other estimator, nothing is yielded.

    Yields
    ------
    step : transformer
        The next transformer in the order of the steps.
    """
    if not isinstance(model, Pipeline):
        return
    for _, step in model.steps[:-1]:
        inner = [*transformers_of(step), last_of(step)] if isinstance(step, Pipeline) else [step]
        yield from (
            part
            for part in inner
            if part is not None and part != "passthrough" and not hasattr(part, "fit_resample")
        )
    yield from transformers_of(model.steps[-1][1])


def with_last(model: Any, last: Any) -> Any:
    """Return a pipeline with the same fitted transformers and a different final predictor.

    Any other estimator is replaced by `last`.
    """
    if not isinstance(model, Pipeline):
        return last
    *head, (name, end) = model.steps
    return type(model)([*head, (name, with_last(end, last))])


def through_transformers(model: Any, X: Any, columns: Columns | None = None) -> Any:
    """Transform X with all steps before the last predictor of a fitted pipeline.

    The steps that request `columns` of the rows get them.
    """
    for step in transformers_of(model):
        X = call_with_columns(step, "transform", X, columns or {})
    return X


def learn_references(model: Any, X: Any, columns: Columns | None = None) -> int:
    """Give reference rows to the SiteStandardizers of a fitted pipeline; return their number."""
    steps = list(transformers_of(model))
    learning = [k for k, step in enumerate(steps) if isinstance(step, SiteStandardizer)]
    for k, step in enumerate(steps[: learning[-1] + 1] if learning else ()):
        if k in learning:
            step.partial_fit(X, **column_params(step, "partial_fit", columns or {}))
        if k < learning[-1]:
            X = call_with_columns(step, "transform", X, columns or {})
    return len(learning)


def train_further(
    last: Any, X: Any, y: NDArray[Any], n_epochs: int, groups: Labels | None = None
) -> None:
    """Train a fitted classifier further, from its present weights, for some passes over the rows.

    `groups` are for a classifier that stores its training subjects. Raise ValueError if it has no
    ``partial_fit``.
    """
    if not hasattr(last, "partial_fit"):
        raise ValueError(
            f"{type(last).__name__} has no partial_fit, so 'fine_tune' cannot train it further. "
            "Use a network, SGDClassifier or GaussianNB, or 'refit'."
        )
    named = groups is not None and "groups" in signature(last.partial_fit).parameters
    for _ in range(n_epochs):
        last.partial_fit(X, y, **({"groups": groups} if named else {}))


def refuse_unknown_labels(y: NDArray[Any], classes: NDArray[Any], caller: str) -> None:
    """Raise if new labels include a class that a fitted classifier does not know."""
    known = classes.tolist()
    if unknown := [label for label in dict.fromkeys(y.tolist()) if label not in known]:
        row = y.tolist().index(unknown[0])
        raise ValueError(
            f"y has the label {unknown[0]!r} (row {row}), which {caller} was not fitted on; it "
            f"knows {known}. Correct the spelling, or fit again with rows of all classes."
        )
