"""Content of the page of a fitted pipeline: diagnoses, votes, parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklearn_emg._tables import counted
from sklearn_emg.comparison import ConfoundAudit, LeakageAudit
from sklearn_emg.inspection._curves import LearningCurveDisplay
from sklearn_emg.inspection._divote_display import DiVoteDisplay
from sklearn_emg.inspection._networks import ends_with_divote, unwrap
from sklearn_emg.inspection._reports._comparison_report import (
    MARKS,
    confound_content,
    confound_facts,
    leakage_content,
)
from sklearn_emg.inspection._reports._html import (
    Picture,
    Table,
    class_counts,
    draw_display,
    interval,
    table,
)
from sklearn_emg.metrics import predict_subjects, wilson_interval

_N_CHARACTERS = 300  # of a value that is shown
_N_VALUES = 12  # of an array that is shown
_N_LINES = 150  # subjects in a heat map
_PLAIN = (str, Number, type(None), list, tuple, dict, set)


class Predictions:
    """Predictions of a fitted classifier for the subjects of a table, with the true classes."""

    def __init__(self, estimator: Any, X: pd.DataFrame, y: Any, train: set[Any] | None):
        self.display: DiVoteDisplay | None = None
        if ends_with_divote(estimator):
            self.display = DiVoteDisplay.from_estimator(estimator, X, y)
            found = self.display.votes.subjects
            wanted = [
                c
                for c in found
                if c in ("n_recordings", "diagnosis") or str(c).startswith("probability_")
            ]
            self.y, self.subjects = self.display.y, found[wanted]
        else:
            predicted = predict_subjects(estimator, X, y)
            self.y = predicted.y_true
            self.subjects = pd.DataFrame(
                {"diagnosis": np.asarray(predicted.y_pred)}, index=list(predicted.subject)
            )
            if predicted.y_proba is not None:
                names = [f"probability_{c}" for c in predicted.classes]
                self.subjects[names] = predicted.y_proba
        self.diagnosis = self.subjects["diagnosis"].to_numpy()
        self.seen: NDArray[np.bool_] | None = None
        if train is not None:
            names = self.subjects.index.get_level_values(0)
            self.seen = np.array([name in train for name in names], dtype=bool)

    def __len__(self) -> int:
        return len(self.subjects)


def pipeline_title(estimator: Any) -> str:
    """Title of the page: the class of the last step."""
    kind = type(unwrap(estimator)).__name__
    vote = "DiVoteClassifier of " if ends_with_divote(estimator) else ""
    return f"Fitted pipeline: {vote}{kind}"


def pipeline_content(
    estimator: Any,
    audits: Mapping[str, LeakageAudit],
    confounds: ConfoundAudit | None,
    predictions: Predictions | None,
    max_rows: int,
) -> dict[str, Any]:
    """Variables of the template ``pipeline.html``."""
    parts = list(_parts(estimator, type(estimator).__name__))
    kinds = [type(part).__name__ for _, part in parts if not isinstance(part, Pipeline)]
    overview: list[tuple[str, Any]] = [("Steps", ", ".join(kinds) or "Pipeline")]
    classes = getattr(estimator, "classes_", None)
    if classes is not None:
        overview.append(("Classes", ", ".join(map(str, classes))))
    overview += confound_facts(confounds)
    diagnoses = votes = None
    if predictions is not None:
        overview.append(("Subjects in the table", len(predictions)))
        diagnoses = _diagnoses(predictions, max_rows)
        if predictions.display is not None:
            votes = _votes(predictions, predictions.display, max_rows)
    return {
        "overview": overview,
        "diagnoses": diagnoses,
        "votes": votes,
        "curves": _curves(unwrap(estimator)),
        "audits": leakage_content(audits, None if classes is None else len(classes)),
        "confounds": confound_content(confounds),
        "parts": [
            {
                "name": name,
                "kind": type(part).__name__,
                "parameters": _parameters(part, f"Parameters of {name}"),
                "attributes": _attributes(part, f"Fitted attributes of {name}"),
            }
            for name, part in parts
        ],
    }


# -------------------------------------------------------------------- diagnoses


def _diagnoses(predictions: Predictions, max_rows: int) -> dict[str, Any]:
    frame, seen = predictions.subjects.copy(), predictions.seen
    accuracy = ""
    if predictions.y is not None:
        right = np.asarray(predictions.y) == predictions.diagnosis
        accuracy = _accuracy(predictions, right)
        place = list(frame.columns).index("diagnosis")
        frame.insert(place, "true class", predictions.y)
        frame.insert(place + 2, "prediction", np.where(right, "right", "wrong"))
    if seen is not None:
        frame.insert(0, "in training", np.where(seen, "yes: leaky", "no"))
    return {
        "n": len(predictions),
        "n_seen": None if seen is None else int(seen.sum()),
        "accuracy": accuracy,
        "table": table(
            frame, "Diagnosis of each subject", index="subject", marks=MARKS, max_rows=max_rows
        ),
    }


def _accuracy(predictions: Predictions, right: NDArray[np.bool_]) -> str:
    """Accuracy over subjects that are not known to be in the training set."""
    new = np.ones(len(right), dtype=bool) if predictions.seen is None else ~predictions.seen
    if not new.any():
        return "There is no accuracy: every subject was in the training set."
    n, labels = int(new.sum()), np.asarray(predictions.y)[new]
    value = float(right[new].mean())
    low, high = wilson_interval(value, n)
    chance = float(pd.Series(list(labels)).value_counts(normalize=True).max())
    return (
        f"{int(right[new].sum())} of {counted(n, 'subject')} correct: the accuracy is "
        f"{interval(value, low, high)} (95 % interval over subjects). The chance level, always "
        f"predicting the largest class, is {chance:.2f} ({class_counts(labels)})."
    )


def _votes(predictions: Predictions, display: DiVoteDisplay, max_rows: int) -> dict[str, Any]:
    """Pictures of the votes, and the votes of the recordings."""
    recordings = display.votes.recordings.set_index("subject")
    classes, n_subjects = display.classes, len(predictions)
    leaky = predictions.seen is not None and predictions.seen.any()
    leak = " (leaky: some subjects were in the training set)" if leaky else ""
    pictures = []
    if n_subjects <= _N_LINES:
        means = "; ".join(f"{c} {recordings[f'score_{c}'].mean():.2f}" for c in classes)
        pictures.append(
            draw_display(
                display,
                f"Heat map of the score of each class for {counted(len(recordings), 'recording')} "
                f"of {counted(n_subjects, 'subject')}, one row per subject. Mean scores: {means}. "
                "The numbers are in the tables.",
                f"Score of each class for every recording, one row per subject{leak}.",
                (2.6 + 2.0 * len(classes), 1.4 + max(3.2, 0.2 * n_subjects)),
                "heatmap",
            )
        )
    if len(classes) == 3:
        counts = ", ".join(f"{c} {int((predictions.diagnosis == c).sum())}" for c in classes)
        pictures.append(
            draw_display(
                display,
                "Triangle of the three classes with the mean scores of "
                f"{counted(n_subjects, 'subject')}. Diagnoses: {counts}.",
                f"Mean scores of the subjects between the classes{leak}; wrong diagnoses are "
                "circled.",
                (6.4, 4.6),
                "simplex",
            )
        )
    votes = table(recordings, "Votes of the recordings", index="subject", max_rows=max_rows)
    return {"pictures": pictures, "table": votes}


def _curves(network: Any) -> Picture | None:
    """Learning curves of a network of this package, None for other estimators."""
    if not hasattr(network, "history_"):
        return None
    try:
        display = LearningCurveDisplay.from_estimator(network)
    except (TypeError, ValueError):
        # The history_ of another package, without losses, gives no curves.
        return None
    ends = "; ".join(
        f"{name.replace('_', ' ')} {curve[0]:.3g} to {curve[-1]:.3g}"
        for name, curve in display.curves.items()
    )
    epochs = counted(max(len(curve) for curve in display.curves.values()), "epoch")
    return draw_display(
        display,
        f"Learning curves over {epochs}, first to last value: {ends}.",
        f"Loss and accuracy of windows over {epochs}.",
        (8.6, 3.0),
    )


# -------------------------------------------------------------------- parameters
# scikit-learn's own HTML representation cannot stand here: its buttons and links have inline
# handlers and styles, which the policy of the page forbids, they lead to another site, and before
# version 1.7 it shows no parameters. Two small tables show them, and the fitted attributes too.


def _parts(estimator: Any, name: str) -> Iterator[tuple[str, Any]]:
    """An estimator and the fitted ones in it: steps, and attributes such as best_estimator_."""
    yield name, estimator
    is_pipeline = isinstance(estimator, Pipeline)
    inner = estimator.steps if is_pipeline else _fitted_attributes(estimator).items()
    for key, value in inner:
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield from _parts(value, f"{name} › {key}")


def _fitted_attributes(estimator: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in sorted(vars(estimator).items())
        if name.endswith("_") and not name.startswith("_")
    }


def _short(value: Any) -> str:
    """A value in one line that is neither pages long nor holds an address in memory."""
    if isinstance(value, np.ndarray) and value.size <= _N_VALUES:
        value = value.tolist()
    if isinstance(value, np.ndarray):
        return f"array of {value.dtype}, shape {value.shape}"
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return f"{type(value).__name__}, shape {value.shape}"
    if isinstance(value, _PLAIN):
        text = repr(value)
        return text if len(text) <= _N_CHARACTERS else f"{text[:_N_CHARACTERS]} …"
    is_function = callable(value) and hasattr(value, "__name__")
    return value.__name__ if is_function else type(value).__name__


def _parameters(part: Any, caption: str) -> Table:
    defaults = inspect.signature(type(part).__init__).parameters
    rows = {}
    for name, value in sorted(part.get_params(deep=False).items()):
        text = _short(value)
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        known = "required" if default is inspect.Parameter.empty else _short(default)
        rows[name] = {"value": text, "default": known, "set": "" if text == known else "yes"}
    return table(pd.DataFrame.from_dict(rows, orient="index"), caption, index="parameter")


def _attributes(part: Any, caption: str) -> Table:
    rows = {name: {"value": _short(value)} for name, value in _fitted_attributes(part).items()}
    return table(pd.DataFrame.from_dict(rows, orient="index"), caption, index="attribute")
