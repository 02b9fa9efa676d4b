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

    The attributes of a :class:`Comparison` are those of the test across sites: fold k is the test
    of site ``sites[k]`` on a model of all others.

    Attributes
    ----------
    within : Comparison
        Results of the folds of subjects within each site, with the same subjects scored.
    site_summary : DataFrame
        One row per site ("all" for all together), pipeline, ``split`` ("within" or "across"),
        level and metric, with the columns of ``summary``.
    sites : list
        Names of the sites.
    references : dict
        Reference subjects of each site, which are not scored in either test.
    adaptation : dict of site to AdaptationCurve
        With `adapt`, accuracy at each site by the number of its labelled subjects that the
        pipelines learned before; :class:`~sklearn_emg.inspection.AdaptationDisplay` draws it
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
        """Table for reading: a metric at each site by the number of local subjects learned from.

        Parameters
        ----------
        metric : str, default="balanced_accuracy"
            "balanced_accuracy", "accuracy", or "recall" and the name of a class.
        cohort : {"new", "old"}, default="new"
            Subjects of the site, or those of the other sites that were not trained on, which show
            what is forgotten.

        Returns
        -------
        table : DataFrame of str
            One row per site and number ``n_local``, one column per pipeline, with intervals.

        Raises
        ------
        ValueError
            If compare was called without `adapt`, or there is no such metric or cohort.
        """
        if not self.adaptation:
            raise ValueError(
                "The comparison has no curves: call compare(..., site=..., adapt=k). If that was "
                "done, its warnings say why no pipeline could be adapted."
            )
        tables = {site: curve.table(metric, cohort) for site, curve in self.adaptation.items()}
        return ReadableTable(pd.concat(tables, names=["site", "n_local"]))

    def site_table(self, metric: str | None = None, level: str = "subject") -> pd.DataFrame:
        """Table for reading: a metric within and across sites, with intervals.

        Parameters
        ----------
        metric : str, default=None
            Name from ``site_summary["metric"]``; None is "balanced_accuracy", and "mae" for
            regressors.
        level : {"window", "recording", "subject"}, default="subject"

        Returns
        -------
        table : DataFrame of str
            One row per site and pipeline, and per pipeline over all sites: ``n`` scored subjects
            (or units), and the metric within the site and across sites. "-" stands for a value
            that does not exist.

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
            rows[site, name] = {"n": int(values["n_cases"].max()), **cells}
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
                "\n\nBalanced accuracy by number of labelled subjects of the site that were "
                f"learned\n{self.adaptation_table()!r}"
            )
        return (
            f"{shown} over {self.unit}s within each of {n_sites} sites (folds) and\n"
            f"across sites (tested on a model of the others){scored}\n"
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
        Number of the site of each of these folds.
    across : list of (train, test)
        The test of each site on the others.
    pipelines : dict of str to estimator
        Pipelines for the test across sites: their SiteStandardizers list their references.
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
    """Subjects of some rows that were drawn as references, in order of appearance."""
    return [name for name in dict.fromkeys(subjects.by_row[rows]) if name in drawn]


def plan_sites(
    pipelines: dict[str, Any], X: pd.DataFrame, y: NDArray[Any], site: str, cv: Any, task: str
) -> SitePlan:
    """Splits within and across sites, with the references drawn.

    Parameters
    ----------
    pipelines : dict of str to estimator
    X : DataFrame with a ``subject`` column
    y : ndarray of shape (n_rows,)
    site : str
        Column with the site of each row.
    cv : int, None or splitter
        Folds of subjects within a site; an integer is an upper limit.
    task : {"classification", "regression"}

    Returns
    -------
    plan : SitePlan

    Raises
    ------
    ValueError
        If the sites cannot be split, or all subjects of a class are references of a site.
    """
    if cv is not None and not isinstance(cv, Integral) and not hasattr(cv, "split"):
        raise TypeError(
            "With 'site', the 'cv' of compare splits the subjects of each site: give a number of "
            f"folds or a splitter. Got {cv!r}."
        )
    codes, names = sites_of(X, site, "compare")
    subjects = Subjects.of(X)
    stratify = "quantiles" if task == "regression" else "auto"
    across = subject_splits(LeaveOneSiteOut(site), X, y, subjects, stratify=stratify)
    drawn: set[Any] = set()
    listed = {}
    for name, estimator in pipelines.items():
        listed[name], found = _with_listed_references(estimator, X, y)
        drawn |= found
    unscored = np.flatnonzero([name in drawn for name in subjects.names])
    references = {}
    if drawn:
        references = {name: _drawn_at(subjects, codes == k, drawn) for k, name in enumerate(names)}
    # The numbers of a site are one class: some of its subjects must be left.
    classes = np.zeros(len(y)) if task == "regression" else y
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
    """A clone whose SiteStandardizers list the references that they draw, and these."""
    estimator = clone(estimator)
    drawn: set[Any] = set()
    for part in (estimator, *estimator.get_params(deep=True).values()):
        # Without sites, the references are those of the training.
        if isinstance(part, SiteStandardizer) and part.site is not None:
            subjects = [subject for found in part.draw(X, y).values() for subject in found]
            part.set_params(reference=subjects, n_reference=None)
            drawn.update(subjects)
    return estimator, drawn


def run_across(*arguments: Any, **settings: Any) -> Outcome:
    """``run_fold`` on a site that is new to the pipeline, whose references are not scored."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", ".*given to SiteStandardizer are references", SubjectLeakWarning
        )
        return run_fold(*arguments, **settings)


def _refuse_lost_classes(
    y: NDArray[Any], codes: NDArray[np.intp], sites: list[Any], scored: NDArray[np.bool_]
) -> None:
    """Raise if a site has subjects of a class and all of them are references."""
    for k, site in enumerate(sites):
        here = codes == k
        if lost := np.setdiff1d(y[here], y[here & scored]).tolist():
            raise ValueError(
                f"All subjects of class {lost[0]!r} at site {site!r} are references of a "
                "SiteStandardizer, so that none is left to be scored. Set its 'n_reference' to "
                "fewer subjects."
            )


def _folds_within(X: pd.DataFrame, y: NDArray[Any], cv: Any, site: Any, task: str) -> list[Split]:
    """Folds of the subjects of one site; none, with a warning, if it cannot be split."""
    if cv is not None and not isinstance(cv, Integral):
        return subject_splits(cv, X, y)
    n_folds = 5 if cv is None else int(cv)
    if task == "regression":
        fewest, reason = len(Subjects.of(X)), "one subject only"
    else:
        strata = SubjectStrata(X, y, None)
        fewest, reason = int(strata.has_class.sum(axis=0).min()), "a class of one subject"
        if len(strata.classes) < 2:
            fewest, reason = 0, "one class only"
    if fewest < 2:
        warn_of_recordings(
            f"Site {site!r} has {reason}: its subjects cannot be split, and there is no score "
            "within this site.",
        )
        return []
    stratify = "quantiles" if task == "regression" else "auto"
    return subject_splits(min(n_folds, fewest), X, y, stratify=stratify)


def _summary_of(
    outcomes: list[Outcome], folds: pd.DataFrame, plan: SitePlan, scoring: Scores
) -> list[dict[str, Any]]:
    """Rows of the summary of all pipelines over some folds; none without folds."""
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
    """Put the comparison across sites and that within sites together.

    Parameters
    ----------
    across, within : Comparison
        `within` is None if no site could be split.
    plan : SitePlan
    outcomes : dict of str to list of Outcome
        Those of the splits "within" and "across".
    scoring : Scoring or NumberScoring

    Returns
    -------
    comparison : SiteComparison
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
    """Fraction of the largest class among the scored cases, or the spread of their numbers."""
    columns = list(dict.fromkeys(["subject", result.unit]))
    cases = result.predictions[["y_true"]].assign(
        key=object_column(zip(*(result.predictions[c] for c in columns)))
    )
    scored = cases.drop_duplicates("key")["y_true"]
    if result.task == "regression":
        return float(scored.astype(float).std(ddof=0))
    return float(scored.value_counts(normalize=True).max())
