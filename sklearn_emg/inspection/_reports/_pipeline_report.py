"""Content of the page of a fitted pipeline: diagnoses, votes and parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline

from sklearn_emg._tables import counted, interval
from sklearn_emg.comparison import ConfoundAudit, LeakageAudit, rate, short_text
from sklearn_emg.deployment import prediction_table
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
    table,
)
from sklearn_emg.metrics import predict_subjects

_N_LINES = 150  # maximum number of rows of a heat map


class Predictions:
    """Predictions of a fitted model for the subjects (or units) of a table, with true values."""

    def __init__(self, estimator: Any, X: pd.DataFrame, y: Any, train: set[Any] | None):
        self.display: DiVoteDisplay | None = None
        self.are_numbers = is_regressor(estimator)
        if self.are_numbers:
            self._predict_numbers(estimator, X, y)
        else:
            self._diagnose(estimator, X, y)
        self.seen: NDArray[np.bool_] | None = None
        if train is not None:
            self.seen = np.array([name in train for name in self.names], dtype=bool)

    def _predict_numbers(self, estimator: Any, X: pd.DataFrame, y: Any) -> None:
        found = prediction_table(estimator, X)
        wanted = [c for c in ("n_recordings", "prediction", "low", "high") if c in found]
        self.subjects = pd.DataFrame(found[wanted])
        self.diagnosis = self.subjects["prediction"].to_numpy(dtype=float)
        names = list(self.subjects.index.names)
        if y is None:
            self.y = None
            return
        keys = names if set(names) <= set(X) else ["subject"]
        true = pd.Series(np.asarray(y, dtype=float)).groupby([X[k].to_numpy() for k in keys])
        if (true.nunique() > 1).any():
            raise ValueError(
                f"The 'y' of report must be one number for each {' and '.join(map(str, keys))} of "
                "X, because the model predicts a single number for it. Got several for "
                f"{true.nunique().idxmax()!r}."
            )
        self.y = true.first().reindex(self.subjects.index).to_numpy()

    def _diagnose(self, estimator: Any, X: pd.DataFrame, y: Any) -> None:
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
                {"diagnosis": np.asarray(predicted.y_pred)},
                index=pd.Index(list(predicted.subject), name="subject", tupleize_cols=False),
            )
            if predicted.y_proba is not None:
                names = [f"probability_{c}" for c in predicted.classes]
                self.subjects[names] = predicted.y_proba
        self.diagnosis = self.subjects["diagnosis"].to_numpy()

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def names(self) -> list[Any]:
        """Subject of each prediction."""
        return self.subjects.index.get_level_values(0).tolist()

    @property
    def new(self) -> NDArray[np.bool_]:
        """Whether the subject of each prediction is not known to be in the training set."""
        return np.ones(len(self), dtype=bool) if self.seen is None else ~self.seen

    @property
    def unit(self) -> str:
        """Unit of a prediction: "subject", or the `unit` of the DiVote estimator."""
        return "subject" if self.subjects.index.nlevels == 1 else str(self.subjects.index.names[-1])

    def counted(self, chosen: NDArray[np.bool_] | None = None) -> str:
        """Count predictions in words, such as "20 subjects" or "40 sides of 20 subjects"."""
        names = self.names if chosen is None else list(compress(self.names, chosen))
        subjects = counted(len(set(names)), "subject")
        return (
            subjects
            if self.unit == "subject"
            else f"{counted(len(names), self.unit)} of {subjects}"
        )


def pipeline_title(estimator: Any) -> str:
    """Create the title of the page from the class of the last step."""
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
    """Prepare the variables of the template ``pipeline.html``.

    Parameters
    ----------
    estimator : fitted estimator
        Estimator to show.
    audits : mapping of str to LeakageAudit
        Leakage audits by pipeline.
    confounds : ConfoundAudit or None
        Audit of confounds.
    predictions : Predictions or None
        Predictions of the recordings. With None, their section is left out.
    max_rows : int
        Maximum number of rows of a table.

    Returns
    -------
    content : dict of str to object
        Variables of the template.
    """
    parts = list(_parts(estimator, type(estimator).__name__))
    kinds = [type(part).__name__ for _, part in parts if not isinstance(part, Pipeline)]
    overview: list[tuple[str, Any]] = [("Steps", ", ".join(kinds) or "Pipeline")]
    classes = getattr(estimator, "classes_", None)
    if classes is not None:
        overview.append(("Classes", ", ".join(map(str, classes))))
    overview += confound_facts(confounds)
    diagnoses = votes = None
    if predictions is not None:
        overview.append(("Subjects in the table", len(set(predictions.names))))
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
    frame, seen, unit = predictions.subjects.copy(), predictions.seen, predictions.unit
    accuracy = ""
    if predictions.y is not None and predictions.are_numbers:
        error = np.abs(np.asarray(predictions.y) - predictions.diagnosis)
        accuracy = _errors(predictions, error)
        frame.insert(1, "true value", predictions.y)
        frame.insert(3, "absolute error", error)
    elif predictions.y is not None:
        right = np.asarray(predictions.y) == predictions.diagnosis
        accuracy = _accuracy(predictions, right)
        place = list(frame.columns).index("diagnosis")
        frame.insert(place, "true class", predictions.y)
        frame.insert(place + 2, "prediction", np.where(right, "right", "wrong"))
    if seen is not None:
        frame.insert(0, "in training", np.where(seen, "yes: leaky", "no"))
    return {
        "n": len(set(predictions.names)),
        "n_seen": None if seen is None else len(set(compress(predictions.names, seen))),
        "accuracy": accuracy,
        "title": "Predictions" if predictions.are_numbers else "Diagnoses",
        "table": table(
            frame,
            f"{'Prediction' if predictions.are_numbers else 'Diagnosis'} of each {unit}",
            index="subject" if unit == "subject" else f"subject {unit}",
            marks=MARKS,
            max_rows=max_rows,
        ),
    }


def _errors(predictions: Predictions, error: NDArray[np.floating]) -> str:
    """Describe the mean absolute error over subjects not known to be in the training set."""
    new = predictions.new
    if not new.any():
        return "There is no error to show, because every subject was in the training set."
    names = list(compress(predictions.names, new))
    values = interval(*rate(error[new], names, 0.95, are_errors=True))
    spread = float(np.std(np.asarray(predictions.y)[new]))
    return (
        f"The mean absolute error over {predictions.counted(new)} is {values} (95 % "
        f"interval over subjects); the standard deviation of the true values is {spread:.3g}."
    )


def _accuracy(predictions: Predictions, right: NDArray[np.bool_]) -> str:
    """Describe the accuracy over subjects not known to be in the training set."""
    new = predictions.new
    if not new.any():
        return "There is no accuracy to show, because every subject was in the training set."
    labels = np.asarray(predictions.y)[new]
    names = list(compress(predictions.names, new))
    values = rate(right[new].astype(float), names, 0.95)
    chance = float(pd.Series(list(labels)).value_counts(normalize=True).max())
    return (
        f"Correct diagnoses: {int(right[new].sum())} of {predictions.counted(new)}. The accuracy "
        f"is {interval(*values)} (95 % interval over subjects). The chance level, which is "
        f"the accuracy of always predicting the largest class, is {chance:.2f} "
        f"({class_counts(labels)})."
    )


def _votes(predictions: Predictions, display: DiVoteDisplay, max_rows: int) -> dict[str, Any]:
    """Draw the votes, and tabulate the votes of the recordings."""
    recordings = display.votes.recordings.set_index("subject")
    classes, n_lines, unit = display.classes, len(predictions), predictions.unit
    leaky = predictions.seen is not None and predictions.seen.any()
    leak = " (leaky: some subjects were in the training set)" if leaky else ""
    pictures = []
    if n_lines <= _N_LINES:
        means = "; ".join(f"{c} {recordings[f'score_{c}'].mean():.2f}" for c in classes)
        pictures.append(
            draw_display(
                display,
                f"Heat map of the score of each class for {counted(len(recordings), 'recording')} "
                f"of {predictions.counted()}, one row per {unit}. Mean scores: {means}. "
                "The numbers are in the tables.",
                f"Score of each class for every recording, one row per {unit}{leak}.",
                (2.6 + 2.0 * len(classes), 1.4 + max(3.2, 0.2 * n_lines)),
                "heatmap",
            )
        )
    if len(classes) == 3:
        counts = ", ".join(f"{c} {int((predictions.diagnosis == c).sum())}" for c in classes)
        pictures.append(
            draw_display(
                display,
                "Triangle of the three classes with the mean scores of "
                f"{predictions.counted()}. Diagnoses: {counts}.",
                f"Mean scores of the {unit}s in the triangle of classes{leak}; wrong diagnoses "
                "are circled.",
                (6.4, 4.6),
                "simplex",
            )
        )
    votes = table(recordings, "Votes of the recordings", index="subject", max_rows=max_rows)
    return {"pictures": pictures, "table": votes}


def _curves(network: Any) -> Picture | None:
    """Draw the learning curves of a network of this package; return None for other estimators."""
    if not hasattr(network, "history_"):
        return None
    try:
        display = LearningCurveDisplay.from_estimator(network)
    except (TypeError, ValueError):
        # Estimators of other packages may have a history_ without losses.
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
# scikit-learn's own HTML representation cannot be used here. Its buttons and links have inline
# handlers and styles, which the policy of the page forbids, and lead to another site. Before
# version 1.7, it also shows no parameters. Two small tables show parameters and fitted attributes.


def _parts(estimator: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield an estimator and those in it: steps, and attributes such as best_estimator_."""
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


def _parameters(part: Any, caption: str) -> Table:
    defaults = inspect.signature(type(part).__init__).parameters
    rows = {}
    for name, value in sorted(part.get_params(deep=False).items()):
        text = short_text(value)
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        known = "required" if default is inspect.Parameter.empty else short_text(default)
        rows[name] = {"value": text, "default": known, "set": "" if text == known else "yes"}
    return table(pd.DataFrame.from_dict(rows, orient="index"), caption, index="parameter")


def _attributes(part: Any, caption: str) -> Table:
    rows = {name: {"value": short_text(value)} for name, value in _fitted_attributes(part).items()}
    return table(pd.DataFrame.from_dict(rows, orient="index"), caption, index="attribute")
