"""Accuracy at a new site as a function of the number of local subjects."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_emg._tables import ReadableTable, counted, interval
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg._warnings import warned_once
from sklearn_emg.adaptation._cohort import (
    checked_table,
    diagnoses,
    recalls,
    resampled,
    without_diagnosis,
)
from sklearn_emg.adaptation._diagnosis import AdaptiveDiagnosis
from sklearn_emg.metrics import check_confidence
from sklearn_emg.model_selection import SubjectKFold, groups_of_search, sites_of
from sklearn_emg.recordings import is_healthy

_CALLER = "adaptation_curve"
_OLD_FOLDS = 4  # one of the folds of source subjects is held out to measure forgetting


@dataclass(frozen=True)
class AdaptationCurve:
    """Results of :func:`adaptation_curve`.

    Attributes
    ----------
    summary : DataFrame
        One row per model, cohort, number of local subjects (``n_local``) and metric. The cohort
        "new" consists of subjects of the target, and "old", if forgetting was measured, of held-out
        subjects of the source. The metrics are "balanced_accuracy", "accuracy" and "recall <class>"
        for each class with test subjects. ``value`` is the mean over draws, and ``low`` and
        ``high`` are its confidence limits. ``difference`` is ``value`` minus the value with
        the smallest number of local subjects, on the same test subjects. Its confidence limits are
        ``difference_low`` and ``difference_high``. ``n_recordings`` is the mean number of local
        recordings per draw, and ``n_subjects`` is the mean number of test subjects per draw.
    predictions : DataFrame
        One row per model, draw, ``n_local``, cohort and test subject, with ``y_true`` and
        ``y_pred``, and with the number ``n_recordings`` of local recordings.
    target : object
        Name of the new site.
    learn : {"labels", "references"}
        Whether the systems learned from labelled recordings or from unlabelled references of the
        new site.
    confidence : float
        Confidence level of the intervals.
    chance : float
        Chance level of the balanced accuracy on subjects of the target.
    """

    summary: pd.DataFrame
    predictions: pd.DataFrame
    target: Any
    learn: str
    confidence: float
    chance: float

    def table(self, metric: str = "balanced_accuracy", cohort: str = "new") -> pd.DataFrame:
        """Tabulate a metric with its intervals by number of local subjects.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            Name from ``summary["metric"]``.
        cohort : {"new", "old"}, default="new"
            Whether the metric is measured on subjects of the new site or on held-out subjects of
            the source.

        Returns
        -------
        table : DataFrame of str
            One row per number of local subjects and one column per model.

        Raises
        ------
        ValueError
            If there is no such metric or cohort.
        """
        rows = self.rows(metric, cohort)
        cells = [interval(*row) for row in rows[["value", "low", "high"]].to_numpy()]
        wide = rows.assign(cell=cells).pivot_table(
            index="n_local", columns="model", values="cell", aggfunc="first", sort=False
        )
        return ReadableTable(wide.rename_axis(columns=None))

    def rows(self, metric: str = "balanced_accuracy", cohort: str = "new") -> pd.DataFrame:
        """Return the rows of the summary for one metric and cohort.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            Name from ``summary["metric"]``.
        cohort : {"new", "old"}, default="new"
            Whether the metric is measured on subjects of the new site or on held-out subjects of
            the source.

        Returns
        -------
        rows : DataFrame
            One row per model and number of local subjects, with the columns of ``summary``.

        Raises
        ------
        ValueError
            If there is no such metric or cohort.
        """
        check_option(
            metric, list(dict.fromkeys(self.summary["metric"])), "metric", "AdaptationCurve"
        )
        check_option(
            cohort, list(dict.fromkeys(self.summary["cohort"])), "cohort", "AdaptationCurve"
        )
        known = (self.summary["metric"] == metric) & (self.summary["cohort"] == cohort)
        return self.summary[known].reset_index(drop=True)

    def __repr__(self) -> str:
        what = "labelled subjects" if self.learn == "labels" else "healthy references"
        text = (
            f"Balanced accuracy at {self.target!r} by number of local {what} "
            f"(chance {self.chance:.2f})\n{self.table()!r}"
        )
        if "old" in set(self.summary["cohort"]):
            text += f"\n\nOn held-out subjects of the source\n{self.table(cohort='old')!r}"
        return text


@warned_once()
def adaptation_curve(
    models: Mapping[str, AdaptiveDiagnosis] | AdaptiveDiagnosis,
    X: pd.DataFrame,
    y: Labels,
    *,
    target: Any,
    site: str = "site",
    learn: Literal["labels", "references"] = "labels",
    sizes: Sequence[int] = (0, 1, 3, 5, 10),
    n_draws: int = 10,
    forgetting: bool = True,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: Any = 0,
) -> AdaptationCurve:
    """Measure accuracy at a new site as a function of the number of local subjects.

    Each model is fitted on the other sites. Every draw selects some subjects of the target in
    random order. The models learn from the first 0, 1, 3, ... of them and then diagnose the
    subjects of the target that were not drawn. These test subjects are the same for all numbers of
    local subjects and for all models.

    Parameters
    ----------
    models : dict of str to AdaptiveDiagnosis, or AdaptiveDiagnosis
        Systems to evaluate. They are cloned, so the given objects are not changed.
    X : DataFrame
        Table with the columns ``subject`` and `site`.
    y : array-like of shape (n_rows,)
        Label of each row. All rows of a subject must have the same label.
    target : object
        Name of the new site in the column `site`.
    site : str, default="site"
        Column with the site of each row.
    learn : {"labels", "references"}, default="labels"
        What the systems learn from the local subjects.

        - "references": ``calibrate`` learns from unlabelled recordings of healthy local subjects.
        - "labels": ``partial_fit`` learns from labelled recordings of local subjects, who are drawn
          from each class in turn, starting with the healthy subjects. If a system has a
          SiteStandardizer, the healthy subjects among them calibrate it first.
    sizes : sequence of int, default=(0, 1, 3, 5, 10)
        Numbers of local subjects. With 0, the SiteStandardizer of a system needs
        ``new_site="pooled"``; with 1, it also needs a `prior`.
    n_draws : int, default=10
        Number of draws of local subjects.
    forgetting : bool, default=True
        Whether to hold out a quarter of the subjects of the other sites from ``fit`` and to
        diagnose them after each adaptation. If `random_state` is an int, the same subjects are
        held out for both values of `learn` and for all `sizes`.
    confidence : float, default=0.95
        Confidence level of the intervals.
    n_resamples : int, default=1000
        Number of bootstrap resamples.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws, of the held-out subjects and of the bootstrap.

    Returns
    -------
    curve : AdaptationCurve
        Summary and predictions.

    Raises
    ------
    TypeError
        If a model is not an AdaptiveDiagnosis.
    ValueError
        If the target is not among the sites or is the only one, if its classes have too few
        subjects, if a subject has two labels, or if a subject of the target also has recordings at
        another site.

    See Also
    --------
    sklearn_emg.inspection.AdaptationDisplay : Draws the curve.
    prequential_score : Tests each new subject before learning from it.
    sklearn_emg.comparison.compare : Scores within and across sites with ``site="site"``.

    Notes
    -----
    ``compare(..., site="site", adapt=k)`` calls this function for each site and pipeline.

    Each bootstrap resample takes one draw at random and resamples its test subjects within their
    classes. The intervals do not include the variation due to the choice of source subjects.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.adaptation import AdaptiveDiagnosis, adaptation_curve
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.preprocessing import SiteStandardizer
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["healthy", "myopathy"], 40)
    >>> site = np.repeat(["Rome", "Oslo"], 40)
    >>> rms = rng.normal(size=80) - 3 * (y == "myopathy") + 5 * (site == "Oslo")
    >>> X = pd.DataFrame({"rms": rms, "subject": range(80), "site": site, "group": y})
    >>> divote = DiVoteClassifier(LogisticRegression(), window=None, final_estimator=None)
    >>> scaler = SiteStandardizer(prior=5, new_site="pooled")
    >>> curve = adaptation_curve(
    ...     AdaptiveDiagnosis(make_pipeline(scaler, divote)), X, y, target="Oslo",
    ...     learn="references", sizes=[0, 5], n_draws=3, n_resamples=100, forgetting=False,
    ... )
    >>> curve.rows()["value"].round(2).tolist()
    [0.5, 0.85]
    """
    named = {"system": models} if isinstance(models, AdaptiveDiagnosis) else dict(models)
    _check_models(named)
    check_option(learn, ("labels", "references"), "learn", _CALLER)
    wanted = sorted({check_integer(n, "sizes", _CALLER, 0) for n in sizes})
    if not wanted or not wanted[-1]:
        raise ValueError("The 'sizes' of adaptation_curve must contain a number above 0.")
    check_integer(n_draws, "n_draws", _CALLER)
    check_integer(n_resamples, "n_resamples", _CALLER)
    check_confidence(confidence)
    rng = check_random_state(random_state)
    of_folds = rng.randint(2**31 - 1)  # drawn first: old subjects must not depend on the draws
    labels = np.asarray(y)
    checked_table(X, y, _CALLER)
    here = _rows_at(X, site, target)
    # All models use the same draws.
    draws = list(_draws(X[here], labels[here], learn, wanted[-1], n_draws, rng))
    source, old = np.flatnonzero(~here), np.arange(0)
    if forgetting:
        folds = SubjectKFold(_OLD_FOLDS, shuffle=True, random_state=of_folds)
        train, test = next(folds.split(X.iloc[source], labels[source]))
        source, old = source[train], source[test]
    rows: list[pd.DataFrame] = []
    for name, model in named.items():
        old_sites = X.iloc[source]
        fitted = clone(model).fit(old_sites, labels[source], **groups_of_search(model, old_sites))
        parts = _Parts(X[here], labels[here], X.iloc[old], labels[old], learn, wanted)
        rows += [part.assign(model=name) for part in parts.run(fitted, draws)]
    predictions = pd.concat(rows, ignore_index=True)
    classes = np.unique(labels)
    settings = classes, n_resamples, confidence, rng.randint(2**31 - 1)
    summary = pd.DataFrame(list(_summaries(predictions, *settings)))
    columns = ["model", "cohort", "n_local", "draw", "n_recordings", "subject", "y_true", "y_pred"]
    chance = 1 / len(np.unique(labels[here]))
    return AdaptationCurve(
        ReadableTable(summary), predictions[columns], target, learn, confidence, chance
    )


def _rows_at(X: pd.DataFrame, site: str, target: Any) -> NDArray[np.bool_]:
    """Select the rows of the new site; its subjects must not have rows at another site."""
    codes, sites = sites_of(X, site, _CALLER)
    if target not in sites or len(sites) < 2:
        raise ValueError(
            f"The 'target' of adaptation_curve must be one of at least two sites of column "
            f"{site!r}: {sites[:5]}. Got {target!r}."
        )
    here = codes == sites.index(target)
    elsewhere = set(X["subject"][~here])
    if shared := [name for name in X["subject"][here].unique().tolist() if name in elsewhere]:
        raise ValueError(
            f"Subject {shared[0]!r} of site {target!r} also has recordings at another site, and "
            f"adaptation_curve would train its models on them ({counted(len(shared), 'subject')} "
            "in all). Leave these recordings out. If the name denotes different subjects, join "
            "the tables with sklearn_emg.recordings.concat_tables."
        )
    return here


def _check_models(models: dict[str, Any]) -> None:
    for name, model in models.items():
        if not isinstance(model, AdaptiveDiagnosis):
            raise TypeError(
                f"The models of adaptation_curve must be AdaptiveDiagnosis objects. {name!r} is "
                f"a {type(model).__name__}: wrap it as AdaptiveDiagnosis(model)."
            )


def _draws(
    X: pd.DataFrame,
    y: NDArray[Any],
    learn: str,
    n: int,
    n_draws: int,
    rng: np.random.RandomState,
) -> Iterator[list[Any]]:
    """Yield the local subjects of each draw in the order in which the system learns from them."""
    subjects, labels = checked_table(X, y, _CALLER)
    classes = sorted(np.unique(labels).tolist(), key=lambda c: (not is_healthy(c), str(c)))
    if learn == "references":
        classes = [c for c in classes if is_healthy(c)]
    _check_counts(classes, labels, n)
    for _ in range(n_draws):
        order = {c: list(rng.permutation(np.flatnonzero(labels == c))) for c in classes}
        turns = [order[classes[k % len(classes)]][k // len(classes)] for k in range(n)]
        yield [subjects.names[k] for k in turns]


def largest_draw(labels: NDArray[Any]) -> int:
    """Return the largest number of local subjects that leaves one of each class for the test."""
    counts = pd.Series(labels).value_counts()
    order = sorted(counts.index.tolist(), key=lambda c: (not is_healthy(c), str(c)))
    # Subjects are drawn from each class in turn, until a class would lose its last subject.
    return min(len(order) * (int(counts[c]) - 1) + k for k, c in enumerate(order))


def _check_counts(classes: list[Any], labels: NDArray[Any], n: int) -> None:
    """Raise an error if the draws would leave no subject of a class for the test."""
    if not classes:
        raise ValueError(
            "The references are healthy subjects, but no label of the new site denotes them "
            "('healthy', 'control' or 'normal'). Rename the class, or set learn='labels'."
        )
    counts = {c: int((labels == c).sum()) for c in classes}
    for k, c in enumerate(classes):
        needed = len(range(k, n, len(classes)))
        if counts[c] <= needed:
            raise ValueError(
                f"adaptation_curve draws {counted(needed, 'subject')} of class {c!r} of the new "
                f"site, which has {counts[c]} of this class, but at least one must be left for the "
                "test. Lower the 'sizes'."
            )


class _Parts:
    """Rows of one experiment: rows of the new site and rows of held-out source subjects."""

    def __init__(
        self,
        X: pd.DataFrame,
        y: NDArray[Any],
        X_old: pd.DataFrame,
        y_old: NDArray[Any],
        learn: str,
        sizes: list[int],
    ) -> None:
        self.X, self.y, self.X_old, self.y_old = X, y, X_old, y_old
        self.learn, self.sizes = learn, sizes

    def run(self, fitted: AdaptiveDiagnosis, draws: list[list[Any]]) -> Iterator[pd.DataFrame]:
        """Yield the predictions of all draws and sizes."""
        X = without_diagnosis(self.X, fitted.reference_columns())
        subject = self.X["subject"]
        for k, drawn in enumerate(draws):
            test = ~subject.isin(drawn).to_numpy()
            for n in self.sizes:
                local = subject.isin(drawn[:n]).to_numpy()
                model = copy.deepcopy(fitted)
                if n:
                    _learn(model, X[local], self.y[local], self.learn)
                cohorts = {"new": (X[test], self.y[test])}
                if len(self.X_old):
                    cohorts["old"] = self.X_old, self.y_old
                for cohort, rows in cohorts.items():
                    found = diagnoses(model, *rows)
                    yield pd.DataFrame(
                        {"subject": found.subject, "y_true": found.y_true, "y_pred": found.y_pred}
                    ).assign(cohort=cohort, n_local=n, draw=k, n_recordings=int(local.sum()))


def _learn(model: AdaptiveDiagnosis, X: pd.DataFrame, y: NDArray[Any], learn: str) -> None:
    """Let the model learn references or labels; healthy subjects with labels also calibrate it."""
    healthy = np.array([is_healthy(label) for label in y], dtype=bool)
    if learn == "references":
        model.calibrate(X)
        return
    if model.has_standardizer() and healthy.any():
        model.calibrate(X[healthy])
    model.partial_fit(X, y)


def _summaries(
    predictions: pd.DataFrame,
    classes: NDArray[Any],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the summary. All sizes use the same resamples for their differences."""
    metrics = ["accuracy", "balanced_accuracy", *(f"recall {c}" for c in classes.tolist())]
    for (model, cohort), part in predictions.groupby(["model", "cohort"], sort=False):
        sizes = sorted(part["n_local"].unique())
        draws = [_columns(rows, classes, sizes) for _, rows in part.groupby("draw")]

        def statistic(correct: NDArray[np.bool_], label: NDArray[np.intp]) -> NDArray[np.floating]:
            scores = np.array([recalls(c, label, len(classes)) for c in correct.T])
            return np.stack([scores, scores - scores[0]])

        values = np.mean([statistic(*draw) for draw in draws], axis=0)
        low, high = resampled(draws, statistic, n_resamples, confidence, seed)
        for k, n in enumerate(sizes):
            rows = part[part["n_local"] == n]
            for m, metric in enumerate(metrics):
                if np.isnan(values[0, k, m]):
                    continue
                yield {
                    "model": model,
                    "cohort": cohort,
                    "n_local": n,
                    "n_recordings": rows["n_recordings"].mean(),
                    "n_subjects": len(rows) / rows["draw"].nunique(),
                    "metric": metric,
                    **dict(
                        zip(("value", "low", "high"), (v[0, k, m] for v in (values, low, high)))
                    ),
                    "difference": values[1, k, m],
                    "difference_low": low[1, k, m],
                    "difference_high": high[1, k, m],
                }


def _columns(
    rows: pd.DataFrame, classes: NDArray[Any], sizes: list[int]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return which diagnoses of a draw are correct, with one column per size, and true classes."""
    by_size = [rows[rows["n_local"] == n].reset_index(drop=True) for n in sizes]
    correct = np.column_stack([(part["y_true"] == part["y_pred"]) for part in by_size])
    return correct, np.searchsorted(classes, by_size[0]["y_true"].to_numpy().astype(classes.dtype))
