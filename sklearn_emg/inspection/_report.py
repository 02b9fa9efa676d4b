"""One HTML page of a comparison or of a fitted pipeline."""

from __future__ import annotations

import inspect
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklearn_emg._version import __version__
from sklearn_emg.comparison import LEVELS, Comparison, LeakageAudit
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection._comparison_displays import ComparisonDisplay, LeakageDisplay
from sklearn_emg.inspection._curves import LearningCurveDisplay
from sklearn_emg.inspection._divote_display import DiVoteDisplay
from sklearn_emg.inspection._networks import unwrap
from sklearn_emg.metrics import predict_subjects, wilson_interval
from sklearn_emg.preprocessing._page import (
    check_page_path,
    escape,
    image,
    page,
    section,
    table,
    write_page,
)

_METRICS = ("accuracy", "balanced_accuracy", "f1", "auroc", "mcc", "sensitivity", "specificity")
_LONGEST = 300  # characters of a value that are shown
_MARKS = {"leaky: do not report": "leaky", "honest": "honest", "wrong": "leaky"}


def report(
    result: Comparison | BaseEstimator,
    path: str | os.PathLike[str],
    *,
    audits: LeakageAudit | Mapping[str, LeakageAudit] | None = None,
    X: pd.DataFrame | None = None,
    y: ArrayLike | None = None,
    train_subjects: Iterable[Any] | None = None,
    title: str | None = None,
    max_rows: int = 1000,
) -> Path:
    """Write one self-contained HTML page of a comparison or of a fitted pipeline.

    The page opens offline and loads nothing; tables sort, by mouse or keyboard; it is light or
    dark as the reader's system is; every figure has its numbers as text. Names from the data show
    as text, whatever they contain.

    Parameters
    ----------
    result : Comparison or fitted estimator
        What :func:`~sklearn_emg.comparison.compare` gave, or a fitted pipeline.
    path : str or path-like
        The HTML file. It is replaced if there is one, in one go: a reader never meets half a page.
    audits : LeakageAudit or dict of str to LeakageAudit, default=None
        What :func:`~sklearn_emg.comparison.leakage_audit` gave, by name of the pipeline. Figures
        of splits that leak are labelled so.
    X : DataFrame, default=None
        Only with a fitted classifier: a table with a ``subject`` column that it predicts.
    y : array-like of shape (n_rows,), default=None
        True label of each row of `X`.
    train_subjects : iterable, default=None
        The subjects that the pipeline was fitted on. Predictions for any of them are labelled
        leaky and leave the accuracy; without it the page says that this is not known.
    title : str, default=None
        By default "Comparison of pipelines", or the kind of the fitted pipeline.
    max_rows : int, default=1000
        Longest table of recordings or subjects; where it ends early, the page says so.

    Returns
    -------
    path : Path
        The file that was written.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `result` or `audits` is something else.
    ValueError
        If `path` is a folder, `X` has no subjects, `y` another length than `X`, or a parameter
        does not go with `result`.

    See Also
    --------
    sklearn_emg.comparison.compare : Compare pipelines, split by subject.
    sklearn_emg.comparison.leakage_audit : What a leak would have claimed.
    sklearn_emg.preprocessing.preprocessing_report : The same for what preprocessing does.

    Notes
    -----
    Chance level is the share of subjects in the largest class: what always naming it scores.
    The interval of an accuracy is Wilson's over subjects. A failed fit is shown with its
    traceback, which names files of the machine that it ran on.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.inspection import report
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame({"rms": rng.normal(size=80), "subject": np.repeat(range(20), 4)})
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> result = compare({"logistic": model}, X, y, cv=5, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = report(result, Path(folder) / "report.html")
    ...     "Largest class" in path.read_text(encoding="utf-8")
    True
    """
    path = check_page_path(path, "report")
    named = _checked_audits(audits)
    if isinstance(max_rows, bool) or not isinstance(max_rows, int) or max_rows < 1:
        raise ValueError(f"The 'max_rows' of report must be a positive integer. Got {max_rows!r}.")
    if isinstance(result, Comparison):
        given = [
            n for n, v in (("X", X), ("y", y), ("train_subjects", train_subjects)) if v is not None
        ]
        if given:
            raise ValueError(
                f"The {given[0]!r} of report goes with a fitted pipeline; a Comparison brings its "
                "own predictions. Leave it out."
            )
        text = _comparison_page(result, named, title or "Comparison of pipelines", max_rows)
    else:
        _check_estimator(result)
        votes = _checked_table(result, X, y, train_subjects)
        text = _pipeline_page(result, named, votes, title, max_rows)
    write_page(path, text)
    return path


# -------------------------------------------------------------------- checks


def _checked_audits(audits: Any) -> dict[str, LeakageAudit]:
    if audits is None:
        return {}
    named = {"the pipeline": audits} if isinstance(audits, LeakageAudit) else audits
    if not isinstance(named, Mapping):
        raise TypeError(
            "The 'audits' of report must be a LeakageAudit or a dict of them. Got "
            f"{type(audits).__name__}: run sklearn_emg.comparison.leakage_audit."
        )
    for name, audit in named.items():
        if not isinstance(audit, LeakageAudit):
            raise TypeError(
                f"The 'audits' of report must hold LeakageAudits. Got {type(audit).__name__} for "
                f"{name!r}."
            )
    return {str(name): audit for name, audit in named.items()}


def _check_estimator(result: Any) -> None:
    if isinstance(result, LeakageAudit):
        raise TypeError(
            "The 'result' of report must be a Comparison or a fitted estimator. Got a "
            "LeakageAudit: give it as audits=..., beside the pipeline that it is of."
        )
    if isinstance(result, type) or not hasattr(result, "get_params"):
        what = result.__name__ if isinstance(result, type) else type(result).__name__
        raise TypeError(
            f"The 'result' of report must be a Comparison or a fitted estimator. Got {what}."
        )
    try:
        check_is_fitted(result)
    except NotFittedError as error:
        raise NotFittedError(
            f"report shows a fitted pipeline: call the fit of {type(result).__name__} first."
        ) from error


class _Predictions:
    """What a fitted classifier says of the subjects of a table, and the truth where it is known."""

    def __init__(self, estimator: Any, X: pd.DataFrame, y: Any, train: set[Any] | None):
        self.display: DiVoteDisplay | None = None
        self.recordings: pd.DataFrame | None = None
        self.known = train is not None
        if _ends_with_votes(estimator):
            self.display = DiVoteDisplay.from_estimator(estimator, X, y)
            votes, self.y = self.display.votes, self.display.y
            wanted = [
                c
                for c in votes.subjects
                if c in ("n_recordings", "diagnosis") or str(c).startswith("probability_")
            ]
            self.people = votes.subjects[wanted]
            self.diagnosis = votes.subjects["diagnosis"].to_numpy()
            self.recordings = votes.recordings.set_index("subject")
        else:
            said = predict_subjects(estimator, X, y)
            self.y, self.diagnosis = said.y_true, np.asarray(said.y_pred)
            self.people = pd.DataFrame({"diagnosis": self.diagnosis}, index=list(said.subject))
            if said.y_proba is not None:
                self.people[[f"probability_{c}" for c in said.classes]] = said.y_proba
        names = self.people.index.get_level_values(0)
        self.seen = (
            np.array([name in train for name in names])
            if train is not None
            else np.zeros(len(names), dtype=bool)
        )


def _checked_table(
    estimator: Any, X: Any, y: Any, train_subjects: Iterable[Any] | None
) -> _Predictions | None:
    if X is None:
        if y is not None or train_subjects is not None:
            name = "y" if y is not None else "train_subjects"
            raise ValueError(f"The {name!r} of report belongs to a table: give X too.")
        return None
    if not is_classifier(estimator):
        raise ValueError(
            "The 'X' of report is for a classifier, which says something of its subjects. Got a "
            f"{type(estimator).__name__} that is none: leave X out."
        )
    if not isinstance(X, pd.DataFrame) or "subject" not in X.columns:
        raise ValueError(
            "The 'X' of report must be a table with a 'subject' column. Got "
            f"{type(X).__name__}: see sklearn_emg.recordings.recording_table."
        )
    if y is not None:
        check_consistent_length(X, y)
    if isinstance(train_subjects, str):
        raise TypeError(
            "The 'train_subjects' of report must be a list of subjects. Got the string "
            f"{train_subjects!r}."
        )
    train = None if train_subjects is None else set(train_subjects)
    return _Predictions(estimator, X, y, train)


def _ends_with_votes(estimator: Any) -> bool:
    while not isinstance(estimator, DiVoteClassifier):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        else:
            return False
    return True


# -------------------------------------------------------------------- parts of both pages


def _draw(display: Any, alt: str, caption: str, figsize: tuple[float, float], *args: str) -> str:
    """A Display as an image, drawn without pyplot's list of open figures."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'report needs matplotlib, which is not installed: pip install "sklearn-emg[plot]"'
        ) from error
    # A subject called "$x" is a name, not a formula; the reader's style must not hide a line.
    with matplotlib.rc_context(
        {
            **matplotlib.rcParamsDefault,
            "text.parse_math": False,
            "backend": matplotlib.rcParams["backend"],
        }
    ):
        figure = Figure(figsize=figsize, layout="constrained")
        display.plot(*args, ax=figure.subplots())
        return image(figure, alt, caption)


def _interval(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if np.isnan(low) else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _facts(pairs: Iterable[tuple[str, Any]]) -> str:
    lines = [f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs]
    return f"<dl>{''.join(lines)}</dl>"


def _class_counts(labels: Iterable[Any]) -> str:
    counts = pd.Series(list(labels)).value_counts(sort=False).sort_index()
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _cut(frame: pd.DataFrame, max_rows: int) -> tuple[pd.DataFrame, str]:
    if len(frame) <= max_rows:
        return frame, ""
    return frame.iloc[:max_rows], (
        f'<p class="note">The first {max_rows} of {len(frame)} rows (max_rows).</p>'
    )


def _foot() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"<p>Written {now} by sklearn-emg {escape(__version__)}, scikit-learn "
        f"{escape(sklearn.__version__)}, NumPy {escape(np.__version__)}, Python "
        f"{escape(platform.python_version())}.</p>"
    )


def _leakage(audits: dict[str, LeakageAudit], n_classes: int | None) -> list[tuple[str, str]]:
    if not audits:
        return []
    parts = [
        '<p class="warning">Splits marked <strong>leaky</strong> put windows of one subject on '
        "both sides. Their figures are shown to tell what such a study would have claimed; they "
        "are no result.</p>"
    ]
    for name, audit in audits.items():
        frame = pd.DataFrame(index=audit.summary.index)
        for metric in ("balanced_accuracy", "accuracy"):
            frame[metric.replace("_", " ")] = [
                f"{mean:.3f} ± {std:.3f}"
                for mean, std in zip(
                    audit.summary[f"mean_{metric}"], audit.summary[f"std_{metric}"]
                )
            ]
        leaky = audit.summary["leaky"].to_numpy(dtype=bool)
        frame["verdict"] = np.where(leaky, "leaky: do not report", "honest")
        keys = audit.summary.rename(
            columns={"mean_balanced_accuracy": "balanced accuracy", "mean_accuracy": "accuracy"}
        )
        told = "; ".join(
            f"{split} ({'leaky' if bad else 'honest'}) {value:.2f}"
            for split, bad, value in zip(
                audit.summary.index, leaky, audit.summary["mean_balanced_accuracy"]
            )
        )
        parts += [
            f"<h3>{escape(name)}</h3>",
            f"<p>A random split of windows would have changed the balanced accuracy by "
            f"<strong>{100 * audit.gap:+.0f} points</strong>.</p>",
            table(
                frame,
                f"Scores of windows, {name}: mean ± standard deviation over folds",
                index="split",
                keys=keys[["balanced accuracy", "accuracy"]],
                classes=_MARKS,
            ),
            _draw(
                LeakageDisplay.from_audit(audit, n_classes=n_classes),
                f"Bars of balanced accuracy of windows by split for {name}: {told}.",
                "Hatched bars leak; a point is a fold, the dashed line mere guessing.",
                (1.8 + 1.4 * len(frame), 3.8),
            ),
        ]
    return [section("Leakage", parts)]


# -------------------------------------------------------------------- a comparison


def _comparison_page(
    result: Comparison, audits: dict[str, LeakageAudit], title: str, max_rows: int
) -> str:
    summary = result.summary
    at_subjects = summary[(summary["level"] == "subject") & (summary["metric"] == "accuracy")]
    people = result.predictions.drop_duplicates("subject")
    n_folds = result.folds["fold"].nunique()
    head = _comparison_lead(result, at_subjects) + _facts(
        [
            ("Pipelines", len(at_subjects)),
            ("Subjects", f"{len(people)} ({_class_counts(people['y_true'])})"),
            ("Folds", f"{n_folds}, no subject on both sides of one"),
            ("Largest class", f"{result.chance:.2f} of the subjects: the chance level"),
            ("Intervals", f"{100 * result.confidence:g} %, over subjects"),
        ]
    )
    parts = [section("Scores by subject", _score_parts(result))]
    if at_subjects["pooled"].notna().any():
        parts += _comparison_figures(result)
    parts += _other_levels(result)
    if len(people):
        parts.append(section("Subjects", _subject_parts(result, max_rows)))
    parts += _leakage(audits, len(result.classes))
    parts.append(section("Folds and cost", _fold_parts(result, max_rows)))
    if result.errors:
        parts.append(section("Failed fits", _error_parts(result)))
    return page(title, head, parts, _foot())


def _comparison_lead(result: Comparison, accuracy: pd.DataFrame) -> str:
    scored = accuracy.dropna(subset=["pooled"])
    failed = int(accuracy["n_failed"].sum())
    warn = (
        f'<p class="warning">{failed} of {failed + int(accuracy["n_folds"].sum())} fits failed; '
        "scores are over the others.</p>"
        if failed
        else ""
    )
    if scored.empty:
        return f'{warn}<p class="lead">No pipeline gave a score.</p>'
    top = scored.iloc[int(scored["pooled"].argmax())]
    named = _interval(top["pooled"], top["low"], top["high"])
    text = f"Highest accuracy over subjects: {named}, by {top['pipeline']}"
    others = scored[(scored["pipeline"] != top["pipeline"]) & (scored["high"] >= top["low"])]
    if len(others):
        text += f"; the intervals of {len(others)} of the {len(scored) - 1} others overlap with it"
    text += f". Always naming the largest class scores {result.chance:.2f}"
    text += "." if top["low"] > result.chance else ", which lies within the interval."
    return f'{warn}<p class="lead">{escape(text)}</p>'


def _score_frame(result: Comparison, level: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores to read, and to sort by."""
    rows = result.summary[result.summary["level"] == level]
    shown, keys = {}, {}
    for name, part in rows.groupby("pipeline", sort=False):
        values = part.set_index("metric")
        metrics = [m for m in _METRICS if m in values.index]
        shown[name] = {"subjects": int(values["n_subjects"].iloc[0])} | {
            m.replace("_", " "): _interval(*values.loc[m, ["pooled", "low", "high"]])
            for m in metrics
        }
        keys[name] = {m.replace("_", " "): values.loc[m, "pooled"] for m in metrics}
    # Whatever pandas makes of the two dicts, their rows stand in one order.
    names = list(shown)
    return (
        pd.DataFrame(list(shown.values()), index=names),
        pd.DataFrame(list(keys.values()), index=names),
    )


def _score_parts(result: Comparison) -> list[str]:
    shown, keys = _score_frame(result, "subject")
    caption = f"Scores over subjects, with {100 * result.confidence:g} % intervals"
    return [
        table(shown, caption, index="pipeline", keys=keys),
        f'<p class="note">Chance level of the accuracy: {result.chance:.2f}. Pooled over the test '
        "subjects of all folds; the AUROC is the mean over folds. Intervals hold the fitted models "
        "fixed. A dash is a score that the data do not give.</p>",
    ]


def _comparison_figures(result: Comparison) -> list[tuple[str, str]]:
    display = ComparisonDisplay.from_comparison(result)
    scored = display.scores.dropna(subset=["score"])
    told = "; ".join(
        f"{name} {_interval(row['score'], row['low'], row['high'])}"
        for name, row in scored.iterrows()
    )
    n_lines = len(display.scores)
    chance = f"the dashed line at {result.chance:.2f} is always naming the largest class"
    parts = [
        _draw(
            display,
            f"Accuracy over subjects by pipeline: {told}; {chance}.",
            f"Accuracy over subjects with its interval; {chance}.",
            (7.0, 1.4 + 0.42 * n_lines),
            "scores",
        )
    ]
    out = []
    if not display.differences.empty:
        frame = display.differences.astype({"better": int, "worse": int})
        shown = pd.DataFrame(
            {
                "difference (points)": [
                    f"{100 * d:+.0f}"
                    if np.isnan(low)
                    else f"{100 * d:+.0f} [{100 * low:+.0f}, {100 * high:+.0f}]"
                    for d, low, high in zip(frame["difference"], frame["low"], frame["high"])
                ],
                "better subjects": frame["better"],
                "worse subjects": frame["worse"],
            },
            index=frame.index,
        )
        keys = pd.DataFrame({"difference (points)": frame["difference"]}, index=frame.index)
        told_too = "; ".join(
            f"{name} {text}" for name, text in zip(shown.index, shown["difference (points)"])
        )
        out = [
            table(
                shown,
                f"Accuracy less that of {display.reference}, on the same subjects",
                index="pipeline",
                keys=keys,
            ),
            _draw(
                display,
                f"Differences in accuracy to {display.reference}, in percentage points: "
                f"{told_too}.",
                "An interval that holds 0 leaves open which of the two is better.",
                (7.0, 1.6 + 0.5 * len(frame)),
                "differences",
            ),
        ]
    times = "; ".join(
        f"{name} {row['predict_ms_per_recording']:.3g} ms" for name, row in scored.iterrows()
    )
    cost = _draw(
        display,
        f"Accuracy against the time to predict a recording: {times}.",
        "Above and to the left is better: more subjects right in less time.",
        (7.4, 4.0),
        "time",
    )
    sections = [section("Accuracy", parts)]
    if out:
        sections.append(section("Differences", out))
    sections.append(section("Accuracy against time", [cost]))
    return sections


def _other_levels(result: Comparison) -> list[tuple[str, str]]:
    levels = [level for level in LEVELS[:2] if level in set(result.summary["level"])]
    if not levels:
        return []
    parts = [
        '<p class="note">Windows and recordings of a person are no independent cases: these '
        "figures tell where a pipeline errs, the subjects how good it is.</p>"
    ]
    for level in reversed(levels):
        shown, keys = _score_frame(result, level)
        parts.append(
            table(
                shown, f"Scores over {level}s, intervals over subjects", index="pipeline", keys=keys
            )
        )
    return [section("Scores by recording and window", parts)]


def _subject_parts(result: Comparison, max_rows: int) -> list[str]:
    said = result.predictions
    wrong = (said["y_true"] != said["y_pred"]).groupby(said["subject"], sort=False).sum()
    rows: dict[Any, dict[str, Any]] = {}
    for subject, part in said.groupby("subject", sort=False):
        row: dict[str, Any] = {
            "true class": str(part["y_true"].iloc[0]),
            "wrong answers": int(wrong[subject]),
        }
        for name, of_name in part.groupby("pipeline", sort=False):
            answers = [
                str(p) if p == t else f"{p} (wrong)"
                for t, p in zip(of_name["y_true"], of_name["y_pred"])
            ]
            row[f"{name}: diagnosis"] = ", ".join(dict.fromkeys(answers))
        rows[subject] = row
    frame = pd.DataFrame(list(rows.values()), index=list(rows)).fillna("-")
    missed = frame.index[frame["wrong answers"] == said.groupby("subject", sort=False).size()]
    text = f"{len(missed)} of {len(frame)} subjects are wrong with every pipeline"
    text += f": {', '.join(map(str, missed[:20]))}." if 0 < len(missed) <= 20 else "."
    frame, note = _cut(frame, max_rows)
    return [
        f"<p>{escape(text)}</p>",
        table(frame, "Diagnosis of each subject while it was in the test set", index="subject"),
        note,
    ]


def _fold_parts(result: Comparison, max_rows: int) -> list[str]:
    of = result.folds[result.folds["level"] == "subject"]
    names = {
        "fold": "fold",
        "n_cases": "subjects",
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "fit_seconds": "fit (s)",
        "predict_ms_per_recording": "predict (ms per recording)",
        "peak_memory_mb": "peak memory (MB)",
    }
    frame = of.set_index("pipeline")[list(names)].rename(columns=names)
    frame, note = _cut(frame, max_rows)
    return [table(frame, "Each fold of each pipeline", index="pipeline"), note]


def _error_parts(result: Comparison) -> list[str]:
    short = result.folds[result.folds["error"] != ""].set_index(["pipeline", "fold"])["error"]
    return [
        f"<details><summary>{escape(name)}, fold {fold}: {escape(short.get((name, fold), ''))}"
        f'</summary><pre tabindex="0">{escape(text)}</pre></details>'
        for (name, fold), text in result.errors.items()
    ]


# -------------------------------------------------------------------- a fitted pipeline


def _parts_of(estimator: Any, name: str) -> list[tuple[str, Any]]:
    """An estimator and the fitted ones in it: steps, and attributes such as best_estimator_."""
    found = [(name, estimator)]
    if isinstance(estimator, Pipeline):
        inner = list(estimator.steps)
    else:
        inner = [(k, v) for k, v in vars(estimator).items() if _is_fact(k)]
    for key, value in inner:
        if hasattr(value, "get_params") and not isinstance(value, type):
            found += _parts_of(value, f"{name} › {key}")
    return found


def _is_fact(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"array of {value.dtype}, shape {value.shape}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        return f"{type(value).__name__}, shape {value.shape}"
    elif hasattr(value, "get_params") and not isinstance(value, type):
        return type(value).__name__
    elif not isinstance(value, (str, Number, type(None), list, tuple, dict, set)) and not callable(
        value
    ):
        # A repr of something else may be pages long, or hold an address in memory.
        return type(value).__name__
    elif callable(value) and hasattr(value, "__name__"):
        return value.__name__
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _parameter_frame(part: Any) -> pd.DataFrame:
    defaults = inspect.signature(type(part).__init__).parameters
    rows = {}
    for name, value in sorted(part.get_params(deep=False).items()):
        text = _short(value)
        default = defaults[name].default if name in defaults else inspect.Parameter.empty
        known = "required" if default is inspect.Parameter.empty else _short(default)
        rows[name] = {"value": text, "default": known, "set": "" if text == known else "yes"}
    return pd.DataFrame.from_dict(rows, orient="index")


def _fact_frame(part: Any) -> pd.DataFrame:
    rows = {k: {"value": _short(v)} for k, v in sorted(vars(part).items()) if _is_fact(k)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _pipeline_page(
    estimator: Any,
    audits: dict[str, LeakageAudit],
    said: _Predictions | None,
    title: str | None,
    max_rows: int,
) -> str:
    last = unwrap(estimator)
    parts_of = _parts_of(estimator, type(estimator).__name__)
    classes = getattr(estimator, "classes_", None)
    kinds = [type(part).__name__ for _, part in parts_of if not isinstance(part, Pipeline)]
    ending = type(last).__name__
    if _ends_with_votes(estimator):
        ending = f"DiVoteClassifier of {ending}"
    facts: list[tuple[str, Any]] = [("Made of", ", ".join(kinds) or "Pipeline")]
    if classes is not None:
        facts.append(("Classes", ", ".join(map(str, classes))))
    sections = []
    if said is not None:
        facts.append(("Subjects in the table", len(said.people)))
        sections = _vote_sections(said, max_rows)
    curves = _curves(last)
    if curves:
        sections.append(section("Learning", [curves]))
    steps = []
    for name, part in parts_of:
        steps += [
            f"<h3>{escape(name)}: <code>{escape(type(part).__name__)}</code></h3>",
            table(
                _parameter_frame(part),
                f"Parameters of {name}",
                index="parameter",
                empty="No parameters.",
            ),
            table(
                _fact_frame(part), f"Learnt by {name}", index="attribute", empty="Nothing learnt."
            ),
        ]
    sections += _leakage(audits, None if classes is None else len(classes))
    sections.append(section("Parameters and fitted facts", steps))
    return page(title or f"Fitted pipeline: {ending}", _facts(facts), sections, _foot())


def _curves(last: Any) -> str:
    if not hasattr(last, "history_"):
        return ""
    try:
        display = LearningCurveDisplay.from_estimator(last)
    except (TypeError, ValueError):
        # Another package's history_, without losses: nothing to draw.
        return ""
    ends = "; ".join(
        f"{name.replace('_', ' ')} {curve[0]:.3g} to {curve[-1]:.3g}"
        for name, curve in display.curves.items()
    )
    n_epochs = max(len(curve) for curve in display.curves.values())
    return _draw(
        display,
        f"Learning curves over {n_epochs} epochs, first to last: {ends}.",
        f"Loss and accuracy of windows over {n_epochs} epochs.",
        (8.6, 3.0),
    )


def _vote_sections(said: _Predictions, max_rows: int) -> list[tuple[str, str]]:
    parts = [_trust(said)]
    right: NDArray[Any] | None = None
    if said.y is not None:
        right = np.asarray(said.y) == said.diagnosis
        parts.append(_accuracy_text(said, right))
    frame = said.people.copy()
    if right is not None:
        place = list(frame.columns).index("diagnosis")
        frame.insert(place, "true class", said.y)
        frame.insert(place + 2, "answer", np.where(right, "right", "wrong"))
    if said.known:
        frame.insert(0, "in training", np.where(said.seen, "yes: leaky", "no"))
    frame, note = _cut(frame, max_rows)
    marks = {**_MARKS, "yes: leaky": "leaky"}
    parts += [table(frame, "Diagnosis of each subject", index="subject", classes=marks), note]
    sections = [section("Diagnoses", parts)]
    if said.display is not None and said.recordings is not None:
        sections.append(
            section("Votes", _vote_parts(said, said.display, said.recordings, max_rows))
        )
    return sections


def _trust(said: _Predictions) -> str:
    n = len(said.seen)
    if not said.known:
        return (
            '<p class="warning">It is not known whether the pipeline was fitted on these subjects. '
            "If it was, these answers are <strong>leaky</strong> and say nothing of new people."
            "</p>"
        )
    if said.seen.any():
        return (
            f'<p class="warning"><strong>Leaky:</strong> {int(said.seen.sum())} of {n} subjects '
            "were in the training set. Their answers say nothing of new people and are marked.</p>"
        )
    return f"<p>None of the {n} subjects was in the training set.</p>"


def _accuracy_text(said: _Predictions, right: NDArray[Any]) -> str:
    new = ~said.seen
    if not new.any():
        return "<p>There is no accuracy to give: every subject was in the training set.</p>"
    n, labels = int(new.sum()), np.asarray(said.y)[new]
    value = float(right[new].mean())
    low, high = wilson_interval(value, n)
    chance = float(pd.Series(list(labels)).value_counts(normalize=True).max())
    text = (
        f"{int(right[new].sum())} of {n} subjects right: accuracy {_interval(value, low, high)} "
        f"(95 % interval over subjects). Chance level, always naming the largest class: "
        f"{chance:.2f} ({_class_counts(labels)})."
    )
    label = "" if said.known else '<span class="leaky">Leaky if trained on them:</span> '
    return f'<p class="lead">{label}{escape(text)}</p>'


def _vote_parts(
    said: _Predictions, display: DiVoteDisplay, recordings: pd.DataFrame, max_rows: int
) -> list[str]:
    classes, n_subjects = display.classes, len(said.people)
    parts = []
    leak = " (leaky: subjects of the training set among them)" if said.seen.any() else ""
    if n_subjects <= 150:
        means = "; ".join(f"{c} {recordings[f'score_{c}'].mean():.2f}" for c in classes)
        parts.append(
            _draw(
                display,
                f"Heat map of the score of each class for {len(recordings)} recordings of "
                f"{n_subjects} subjects, a row per subject. Mean scores: {means}. The numbers are "
                "in the tables.",
                f"Score of each class for every recording, a row per subject{leak}.",
                (2.6 + 2.0 * len(classes), 1.4 + max(3.2, 0.2 * n_subjects)),
                "heatmap",
            )
        )
    if len(classes) == 3:
        said_so = ", ".join(f"{c} {int((said.diagnosis == c).sum())}" for c in classes)
        parts.append(
            _draw(
                display,
                f"Triangle of the three classes with the mean scores of {n_subjects} subjects. "
                f"Diagnoses: {said_so}.",
                f"Mean scores of the subjects between the classes{leak}; wrong answers are ringed.",
                (6.4, 4.6),
                "simplex",
            )
        )
    frame, note = _cut(recordings, max_rows)
    parts += [table(frame, "Votes of the recordings", index="subject"), note]
    return parts
