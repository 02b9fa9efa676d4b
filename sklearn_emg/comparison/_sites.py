"""Comparison within each site and across sites, on the same subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from sklearn_emg._sklearn import Integral
from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.adaptation import AdaptationCurve
from sklearn_emg.comparison._checks import subject_splits
from sklearn_emg.comparison._results import Comparison, score_cell
from sklearn_emg.comparison._runs import Outcome, run_fold
from sklearn_emg.comparison._scores import Scores
from sklearn_emg.exceptions import SubjectLeakWarning
from sklearn_emg.model_selection import LeaveOneSiteOut, Split, SubjectStrata, sites_of
from sklearn_emg.preprocessing import SiteStandardizer
from sklearn_emg.recordings import Subjects, object_column


@dataclass(frozen=True)
class SiteComparison(Comparison):
    """Results of :func:`compare` with `site`.

    The attributes of a :class:`Comparison` describe the test across sites: in fold k, site
    ``sites[k]`` is tested with a model of all other sites.

    Attributes
    ----------
    within : Comparison or None
        Results within the sites that could be split into folds of subjects. At these sites, the
        same subjects are scored as in the test across sites. It is None if no site could be split.
    site_summary : DataFrame
        One row per ``site`` ("all" for all sites together), pipeline, ``split`` ("within" or
        "across"), level and metric, with the columns of ``summary``.
    sites : list
        Names of the sites.
    references : dict
        Reference subjects of each site, which are not scored in either test; empty if there are
        none.
    adaptation : dict of site to AdaptationCurve
        Scores at each site by the number of its labelled subjects from which the pipelines learned;
        empty without `adapt`. :class:`~sklearn_emg.inspection.AdaptationDisplay` draws the curves
        (``from_curves``).

    See Also
    --------
    Comparison : Results of one test.
    """

    within: Comparison | None = None
    site_summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    sites: list[Any] = field(default_factory=list)
    references: dict[Any, list[Any]] = field(default_factory=dict)
    adaptation: dict[Any, AdaptationCurve] = field(default_factory=dict)

    def adaptation_table(
        self, metric: str = "balanced_accuracy", cohort: Literal["new", "old"] = "new"
    ) -> pd.DataFrame:
        """Format a metric at each site by the number of local subjects as a table.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            Name of the metric: "balanced_accuracy", "accuracy", or "recall" and the name of a
            class.
        cohort : {"new", "old"}, default="new"
            Test subjects: "new" stands for subjects of the site, and "old" for subjects of the
            other sites that were not in the training set, which show what is forgotten.

        Returns
        -------
        table : DataFrame of str
            Values with intervals. There is one row per site and number ``n_local`` of local
            subjects, and one column per pipeline.

        Raises
        ------
        ValueError
            If compare was called without `adapt`, or there is no such metric or cohort.
        """
        if not self.adaptation:
            raise ValueError(
                "The comparison has no curves: call compare(..., site=..., adapt=k). If this was "
                "done, the warnings state why no pipeline could be adapted."
            )
        tables = {site: curve.table(metric, cohort) for site, curve in self.adaptation.items()}
        return ReadableTable(pd.concat(tables, names=["site", "n_local"]))

    def site_table(self, metric: str | None = None, level: str = "subject") -> pd.DataFrame:
        """Format a metric within and across sites as a table.

        Parameters
        ----------
        metric : str, default=None
            Name from ``site_summary["metric"]``. None stands for "mae" for regressors and for
            "balanced_accuracy" otherwise.
        level : {"window", "recording", "subject"}, default="subject"
            Level of the predictions.

        Returns
        -------
        table : DataFrame of str
            One row per site and pipeline, and one per pipeline for all sites together. The columns
            are ``n`` (number of scored predictions), ``within`` and ``across`` (the metric with its
            interval). "-" stands for a missing value.

        Raises
        ------
        ValueError
            If the comparison has no such metric or level.
        """
        level = self._level(level)
        metric = self._main_metric if metric is None else metric
        table = self.site_summary[self.site_summary["level"] == level]
        if metric not in set(table["metric"]):
            known = list(dict.fromkeys(table["metric"]))
            raise ValueError(
                f"The comparison has no metric {metric!r} of {level}s; it has {known}."
            )
        rows = {}
        for (site, name), part in table[table["metric"] == metric].groupby(
            ["site", "pipeline"], sort=False
        ):
            values = part.set_index("split")
            cells = {split: score_cell(values, split) for split in ("within", "across")}
            rows[site, name] = {"n": int(values["n_scored"].max()), **cells}
        frame = ReadableTable.from_dict(rows, orient="index")
        frame.index = pd.MultiIndex.from_tuples(rows, names=["site", "pipeline"])
        return ReadableTable(frame)

    @property
    def _main_metric(self) -> str:
        return "mae" if self.task == "regression" else "balanced_accuracy"

    def __repr__(self) -> str:
        shown = {"mae": "Mean absolute error"}.get(self._main_metric, "Balanced accuracy")
        n_references = sum(map(len, self.references.values()))
        scored = f"; {counted(n_references, 'reference')} not scored" if n_references else ""
        n_sites = len(self.sites)
        adapted = ""
        if self.adaptation:
            adapted = (
                "\n\nBalanced accuracy by number of labelled subjects of the site that the system "
                f"learned from\n{self.adaptation_table()!r}"
            )
        return (
            f"{shown} over {self.unit}s within each of {n_sites} sites (folds) and\n"
            f"across sites (each tested by a model of the others){scored}\n"
            f"{self.site_table()!r}\n\nAcross sites: {super().__repr__()}{adapted}"
        )

    def _repr_html_(self) -> str:
        return self.site_table().to_html(escape=True) + super()._repr_html_()


@dataclass(frozen=True)
class SitePlan:
    """Splits within and across sites, and the subjects that are not scored.

    Attributes
    ----------
    sites : list
        Names of the sites.
    within : list of (train, test)
        Folds of subjects within each site.
    within_site : list of int
        Number of the site of each fold in `within`.
    across : list of (train, test)
        Splits that test each site with a model trained on the others.
    pipelines : dict of str to estimator
        Pipelines for the test across sites, whose SiteStandardizers list their references.
    references : dict
        Reference subjects of each site.
    unscored : ndarray of int
        Codes of the reference subjects in the table.
    """

    sites: list[Any]
    within: list[Split]
    within_site: list[int]
    across: list[Split]
    pipelines: dict[str, Any]
    references: dict[Any, list[Any]]
    unscored: NDArray[np.intp]


def _drawn_at(subjects: Subjects, rows: NDArray[np.bool_], drawn: set[Any]) -> list[Any]:
    """Return the subjects of some rows that were drawn as references, in order of appearance."""
    return [name for name in dict.fromkeys(subjects.by_row[rows]) if name in drawn]


def plan_sites(
    pipelines: dict[str, Any], X: pd.DataFrame, y: NDArray[Any], site: str, cv: Any, task: str
) -> SitePlan:
    """Draw the references, and split the rows within and across sites.

    Parameters
    ----------
    pipelines : dict of str to estimator
        Pipelines by name.
    X : DataFrame with a ``subject`` column
        Table of all sites.
    y : ndarray of shape (n_rows,)
        Label or number of each row.
    site : str
        Column with the site of each row.
    cv : int, None or splitter
        Folds of subjects within a site; an integer is the maximum number of folds.
    task : {"classification", "regression"}
        Task of the pipelines.

    Returns
    -------
    plan : SitePlan
        Splits, references, and pipelines that list the references.

    Raises
    ------
    ValueError
        If the sites cannot be split, or all subjects of a class at a site are references.
    TypeError
        If `cv` is neither an integer nor a splitter.
    """
    if cv is not None and not isinstance(cv, Integral) and not hasattr(cv, "split"):
        raise TypeError(
            "With 'site', the 'cv' of compare splits the subjects of each site: pass a number of "
            f"folds or a splitter. Got {cv!r}."
        )
    codes, names = sites_of(X, site, "compare")
    subjects = Subjects.of(X)
    across = subject_splits(LeaveOneSiteOut(site), X, y, subjects, task=task)
    drawn: set[Any] = set()
    listed = {}
    for name, estimator in pipelines.items():
        listed[name], found = _with_listed_references(estimator, X, y)
        drawn |= found
    unscored = np.flatnonzero([name in drawn for name in subjects.names])
    references = {}
    if drawn:
        references = {name: _drawn_at(subjects, codes == k, drawn) for k, name in enumerate(names)}
    # Numbers have no classes: some subjects of a site must remain.
    classes = None if task == "regression" else y
    _refuse_lost_classes(classes, codes, names, ~np.isin(subjects.codes, unscored))
    within, within_site = [], []
    for k, name in enumerate(names):
        rows = np.flatnonzero(codes == k)
        for train, test in _folds_within(X.iloc[rows], y[rows], cv, name, task):
            if not np.isin(subjects.codes[rows[test]], unscored).all():
                within.append((rows[train], rows[test]))
                within_site.append(k)
    return SitePlan(names, within, within_site, across, listed, references, unscored)


def _with_listed_references(
    estimator: Any, X: pd.DataFrame, y: NDArray[Any]
) -> tuple[Any, set[Any]]:
    """Clone a pipeline so that its SiteStandardizers list the references that they draw.

    Also return these references.
    """
    estimator = clone(estimator)
    drawn: set[Any] = set()
    for part in (estimator, *estimator.get_params(deep=True).values()):
        # Without a column of sites, the references are training subjects.
        if isinstance(part, SiteStandardizer) and part.site is not None:
            subjects = [subject for found in part.draw(X, y).values() for subject in found]
            part.set_params(reference=subjects, n_reference=None)
            drawn.update(subjects)
    return estimator, drawn


def run_across(*arguments: Any, **settings: Any) -> Outcome:
    """Call ``run_fold`` on a site that is new to the pipeline; ignore warnings about references."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SiteStandardizer got references", SubjectLeakWarning)
        return run_fold(*arguments, **settings)


def _refuse_lost_classes(
    y: NDArray[Any] | None, codes: NDArray[np.intp], sites: list[Any], scored: NDArray[np.bool_]
) -> None:
    """Raise an error if all subjects of a class, or without `y` all subjects, are references."""
    labels = np.zeros(len(codes)) if y is None else y
    for k, site in enumerate(sites):
        here = codes == k
        if lost := np.setdiff1d(labels[here], labels[here & scored]).tolist():
            of_class = "" if y is None else f" of class {lost[0]!r}"
            raise ValueError(
                f"All subjects{of_class} at site {site!r} are references of a SiteStandardizer, so "
                "none remains to be scored. Lower its 'n_reference'."
            )


def _folds_within(X: pd.DataFrame, y: NDArray[Any], cv: Any, site: Any, task: str) -> list[Split]:
    """Return folds of the subjects of one site; warn and return none if it cannot be split."""
    if cv is not None and not isinstance(cv, Integral):
        return subject_splits(cv, X, y, task=task)
    n_folds = 5 if cv is None else int(cv)
    if task == "regression":
        fewest, reason = len(Subjects.of(X)), "only one subject"
    else:
        strata = SubjectStrata(X, y, None)
        fewest, reason = int(strata.has_class.sum(axis=0).min()), "a class of one subject"
        if len(strata.classes) < 2:
            fewest, reason = 0, "only one class"
    if fewest < 2:
        warn_of_recordings(
            f"Site {site!r} has {reason}, so its subjects cannot be split and there is no score "
            "within this site.",
        )
        return []
    return subject_splits(min(n_folds, fewest), X, y, task=task)


def _summary_of(
    outcomes: list[Outcome], folds: pd.DataFrame, plan: SitePlan, scoring: Scores
) -> list[dict[str, Any]]:
    """Compute the rows of the summary of all pipelines over some folds; none without folds."""
    if not outcomes:
        return []
    folds = folds[folds["fold"].isin([o.fold for o in outcomes])]
    return [row for name in plan.pipelines for row in scoring.summarise(outcomes, name, folds)]


def site_comparison(
    across: Comparison,
    within: Comparison | None,
    plan: SitePlan,
    outcomes: dict[str, list[Outcome]],
    scoring: Scores,
) -> SiteComparison:
    """Join the comparisons across sites and within sites.

    Parameters
    ----------
    across, within : Comparison
        Results across and within sites; `within` is None if no site could be split.
    plan : SitePlan
        Splits and references.
    outcomes : dict of str to list of Outcome
        Outcomes of the splits "within" and "across".
    scoring : Scoring or NumberScoring
        Settings of the scores.

    Returns
    -------
    comparison : SiteComparison
        Results within and across sites.
    """
    site_of = {"within": plan.within_site, "across": list(range(len(plan.sites)))}
    tables = {"across": across} if within is None else {"within": within, "across": across}
    rows = []
    for split, table in tables.items():
        done = outcomes[split]
        parts = {
            site: [o for o in done if site_of[split][o.fold] == k]
            for k, site in enumerate(plan.sites)
        }
        for site, part in [*parts.items(), ("all", done)]:
            summary = _summary_of(part, table.folds, plan, scoring)
            rows += [{"site": site, "split": split, **row} for row in summary]
    frame = pd.DataFrame(rows)
    order = {site: k for k, site in enumerate([*plan.sites, "all"])}
    frame = frame.sort_values("site", key=lambda s: s.map(order), kind="stable")
    values = {f.name: getattr(across, f.name) for f in fields(Comparison)}
    result = SiteComparison(
        **values,
        within=within,
        site_summary=ReadableTable(frame.reset_index(drop=True)),
        sites=plan.sites,
        references=plan.references,
    )
    return replace(result, chance=_chance(result))


def _chance(result: Comparison) -> float:
    """Compute the fraction of the largest class, or the standard deviation of the true numbers."""
    columns = list(dict.fromkeys(["subject", result.unit]))
    cases = result.predictions[["y_true"]].assign(
        key=object_column(zip(*(result.predictions[c] for c in columns)))
    )
    scored = cases.drop_duplicates("key")["y_true"]
    if result.task == "regression":
        return float(scored.astype(float).std(ddof=0))
    return float(scored.value_counts(normalize=True).max())
