"""Meta-analysis: which pipeline beats which, over several comparisons on different data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.utils import check_random_state

from sklearn_emg._tables import ReadableTable, counted, wrapped
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg.comparison._results import Comparison
from sklearn_emg.metrics import check_confidence, paired_permutation_test

_METRICS = ("balanced_accuracy", "accuracy", "mae")
_PAIR = ["first", "second"]


@dataclass(frozen=True)
class MetaAnalysis:
    """Results of :func:`meta_analysis`.

    Attributes
    ----------
    pairs : DataFrame
        One row per pair of pipelines, over all sets that both have. ``first`` has the better mean
        rank of the two. ``difference``, ``low``, ``high``: score of ``first`` minus that of
        ``second`` by a random-effects model, with its interval; ``effect_size``: standardised
        difference; ``pvalue``: two-sided, combined over sets; ``adjusted_pvalue``: for the number
        of pairs; ``tau``: standard deviation of the true differences between sets;
        ``heterogeneity_pvalue``: of Cochran's test that there is none, NaN for one set;
        ``n_sets``, ``n_subjects``.
    sets : DataFrame
        One row per pair and set: ``difference``, ``standard_error``, ``low``, ``high``,
        ``effect_size``, ``pvalue``, ``better`` and ``worse``, the numbers of subjects that
        ``first`` diagnoses correctly more often or less often than ``second``, ``n_subjects``.
    scores : DataFrame of shape (n_pipelines, n_sets)
        Score of each pipeline in each set over its subjects; NaN where it has not predicted every
        subject that another pipeline has.
    ranks : DataFrame of shape (n_ranked, n_sets)
        Ranks of the pipelines that have a score in every set, 1 for the highest; ties have their
        mean.
    friedman_pvalue : float
        Of Friedman's test that all ranked pipelines are alike; NaN with fewer than two sets or
        three pipelines.
    critical_difference : float
        Difference of mean ranks that Nemenyi's test requires; NaN with fewer than two of each.
    metric : str
    confidence : float
    """

    pairs: pd.DataFrame
    sets: pd.DataFrame
    scores: pd.DataFrame
    ranks: pd.DataFrame
    friedman_pvalue: float
    critical_difference: float
    metric: str
    confidence: float

    @property
    def title(self) -> str:
        """Name of the metric in words."""
        return {"mae": "negated mean absolute error"}.get(
            self.metric, self.metric.replace("_", " ")
        )

    @property
    def mean_ranks(self) -> pd.Series:
        """Mean rank of each ranked pipeline, the best first."""
        return self.ranks.mean(axis=1).sort_values(kind="stable")

    def groups(self) -> list[list[str]]:
        """Pipelines with consecutive mean ranks among which no pair differs.

        Returns
        -------
        groups : list of list of str
            Largest groups of two pipelines or more, the best first. Two pipelines differ if their
            ``adjusted_pvalue`` is at most ``1 - confidence``.
        """
        names = list(self.mean_ranks.index)
        found = self.pairs[self.pairs["adjusted_pvalue"] <= 1 - self.confidence]
        differ = {frozenset(pair) for pair in found[_PAIR].itertuples(index=False)}
        groups, reached = [], 0
        for start in range(len(names)):
            end = start + 1
            while end < len(names) and not any(
                frozenset((name, names[end])) in differ for name in names[start:end]
            ):
                end += 1
            if end > reached and end - start > 1:
                groups.append(names[start:end])
                reached = end
        return groups

    def against(self, reference: str) -> pd.DataFrame:
        """Differences of all other pipelines to one.

        Parameters
        ----------
        reference : str

        Returns
        -------
        differences : DataFrame
            Columns of `pairs` by the name of the other pipeline, the highest difference first;
            positive differences mean that the other pipeline scores higher.

        Raises
        ------
        ValueError
            If the meta-analysis has no such pipeline.
        """
        check_option(reference, list(self.scores.index), "reference", "MetaAnalysis.against")
        ahead = self.pairs[self.pairs["second"] == reference].set_index("first")
        behind = self.pairs[self.pairs["first"] == reference].set_index("second")
        turned = -behind[["difference", "high", "low", "effect_size"]]
        behind = behind.assign(**turned.rename(columns={"high": "low", "low": "high"}))
        both = pd.concat([ahead.drop(columns="second"), behind.drop(columns="first")])
        both.index.name = "pipeline"
        return ReadableTable(both.sort_values("difference", ascending=False, kind="stable"))

    def table(self) -> pd.DataFrame:
        """Table for reading, one row per pair, by p-value.

        Returns
        -------
        table : DataFrame
            ``difference`` with its interval, ``effect size``, ``p``, ``adjusted p``, ``between
            sets`` (the standard deviation of the true differences), ``sets`` and ``subjects``.
        """
        rows = self.pairs.sort_values("pvalue", kind="stable")
        digits = "+.3g" if self.metric == "mae" else "+.2f"
        intervals = [
            f"{value:{digits}} [{low:{digits}}, {high:{digits}}]"
            for value, low, high in rows[["difference", "low", "high"]].to_numpy()
        ]
        return ReadableTable(
            {
                "better ranked": rows["first"].to_numpy(),
                "than": rows["second"].to_numpy(),
                "difference": intervals,
                "effect size": [f"{value:+.2f}" for value in rows["effect_size"]],
                "p": [f"{value:.2g}" for value in rows["pvalue"]],
                "adjusted p": [f"{value:.2g}" for value in rows["adjusted_pvalue"]],
                "between sets": [f"{value:.2f}" for value in rows["tau"]],
                "sets": rows["n_sets"].to_numpy(),
                "subjects": rows["n_subjects"].to_numpy(),
            }
        )

    def __repr__(self) -> str:
        n_sets, n_subjects = self.scores.shape[1], int(self.pairs["n_subjects"].max())
        head = (
            f"Meta-analysis of {counted(len(self.scores), 'pipeline')} over "
            f"{counted(n_sets, 'set')} (up to {counted(n_subjects, 'subject')}): {self.title}, "
            f"{100 * self.confidence:g} % intervals"
        )
        ranks = "; ".join(f"{name} {rank:.2g}" for name, rank in self.mean_ranks.items())
        lines = [wrapped(head), repr(self.table())]
        if ranks:
            lines.append(wrapped(f"Mean ranks: {ranks}"))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return self.table().to_html(escape=True)


def meta_analysis(
    comparisons: Mapping[str, Comparison],
    *,
    metric: str | None = None,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> MetaAnalysis:
    """Combine comparisons of the same pipelines on several sets of subjects.

    Within each set two pipelines are compared on the subjects that both have diagnosed; the
    differences are then combined over the sets.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        Results of :func:`compare` by the names of the sets. Pipelines with the same name are
        taken to be the same; they need not all be in each set. Sets should not have subjects in
        common.
    metric : {"balanced_accuracy", "accuracy", "mae"}, default=None
        Score of a pipeline over subjects. A subject that is tested several times, or has several
        diagnoses, counts once with the mean; each subject needs one class for the balanced
        accuracy. "mae" is the mean absolute error of predicted numbers, in one unit for all sets,
        negated so that higher is better. None is "mae" for regressors, else "balanced_accuracy".
    n_permutations : int, default=10000
        Number of random exchanges in the test within a set.
    confidence : float, default=0.95
        Confidence level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seed of the exchanges.

    Returns
    -------
    meta : MetaAnalysis
        ``pairs``, ``sets``, ``ranks``; printing it shows all pairs.

    Raises
    ------
    TypeError
        If a value of `comparisons` is not a Comparison.
    ValueError
        If there is no set, a set has no diagnoses of subjects, or predicted numbers where others
        have diagnoses, no two pipelines are in the same set, or a subject has two classes and
        `metric` is "balanced_accuracy".

    See Also
    --------
    sklearn_emg.inspection.MetaAnalysisDisplay : Draws ranks and differences.
    sklearn_emg.metrics.compare_pair : Tests two pipelines in one comparison.

    Notes
    -----
    *Within a set.* The score of a pipeline is the mean over subjects, or the mean over classes of
    these means, of whether the subject was diagnosed correctly. Its difference between two
    pipelines has the variance of a (stratified) mean of paired differences, with half an
    observation added to each cell of the table of both pipelines' correct and wrong diagnoses, as
    Agresti and Min propose [1]_; with K classes, each gets 1/K of it. So it is not zero where few
    subjects agree by chance. The p-value is that of
    :func:`~sklearn_emg.metrics.paired_permutation_test`.

    *Over sets.* Differences are combined by a random-effects model with DerSimonian and Laird's
    variance between sets [2]_. The interval is that of Hartung, Knapp, Sidik and Jonkman with t
    quantiles, and never shorter than with their variance factor of 1 [3]_: it states where the mean
    difference over sets like these may lie, and is wide for few sets. For one set it is the set's
    own. p-values are combined by Stouffer's method with weights of the square root of the number of
    subjects, and standardised differences by their mean with these weights, as in MOABB [4]_. The
    combined p-value concerns these sets only: it may be small where the interval contains 0.
    p-values are adjusted for the number of pairs by Holm's method.

    *Ranks.* Friedman's and Nemenyi's tests are as in Demšar [5]_; for few sets they have little
    power.

    Pipelines are treated as fixed: nothing here includes the variation between training sets, and
    the subjects of one set are treated as independent, although each is in the training sets of
    others.

    References
    ----------
    .. [1] A. Agresti, Y. Min, "Simple improved confidence intervals for comparing matched
       proportions", Stat. Med. 24 (2005) 729-740.
    .. [2] R. DerSimonian, N. Laird, "Meta-analysis in clinical trials", Control. Clin. Trials 7
       (1986) 177-188.
    .. [3] J. IntHout, J. P. A. Ioannidis, G. F. Borm, "The Hartung-Knapp-Sidik-Jonkman method for
       random effects meta-analysis is straightforward and considerably outperforms the standard
       DerSimonian-Laird method", BMC Med. Res. Methodol. 14 (2014) 25; G. Knapp, J. Hartung,
       "Improved tests for a random effects meta-regression with a single covariate", Stat. Med.
       22 (2003) 2693-2710.
    .. [4] V. Jayaram, A. Barachant, "MOABB: trustworthy algorithm benchmarking for BCIs", J. Neural
       Eng. 15 (2018) 066011.
    .. [5] J. Demšar, "Statistical comparisons of classifiers over multiple data sets", J. Mach.
       Learn. Res. 7 (2006) 1-30.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare, meta_analysis
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> models = {
    ...     "logistic": DiVoteClassifier(LogisticRegression(), window=None),
    ...     "dummy": DiVoteClassifier(DummyClassifier(), window=None),
    ... }
    >>> y = np.repeat(["control", "patient"], 40)
    >>> results = {}
    >>> for seed, name in enumerate(["hospital A", "hospital B"]):
    ...     rms = np.random.default_rng(seed).normal(size=80) + 2 * (y == "patient")
    ...     X = pd.DataFrame({"rms": rms, "subject": np.repeat(range(20), 4)})
    ...     results[name] = compare(models, X, y, progress=False)
    >>> meta = meta_analysis(results)
    >>> meta.pairs[["first", "second", "n_sets", "n_subjects"]].values.tolist()
    [['logistic', 'dummy', 2, 40]]
    >>> bool(meta.pairs["pvalue"][0] < 0.001)
    True
    """
    caller = "meta_analysis"
    if metric is None:
        tasks = {getattr(result, "task", "classification") for result in comparisons.values()}
        metric = "mae" if tasks == {"regression"} else "balanced_accuracy"
    check_option(metric, _METRICS, "metric", caller)
    check_integer(n_permutations, "n_permutations", caller)
    check_confidence(confidence)
    rng = check_random_state(random_state)
    found = {name: _Diagnoses.of(name, result, metric) for name, result in comparisons.items()}
    scores = pd.DataFrame({name: diagnoses.scores() for name, diagnoses in found.items()})
    ranks = scores.dropna().round(12).rank(ascending=False)  # equal but for rounding: a tie
    order = list(ranks.mean(axis=1).sort_values(kind="stable").index)
    order += [name for name in scores.index if name not in order]
    rows = [
        {"set": name, "first": first, "second": second, **row}
        for first, second in combinations(order, 2)
        for name, diagnoses in found.items()
        if (row := diagnoses.difference(first, second, n_permutations, confidence, rng))
    ]
    if not rows:
        raise ValueError(
            f"{caller} needs two pipelines that diagnosed the same subjects of a set; "
            f"'comparisons' has {counted(len(found), 'set')} with "
            f"{counted(len(scores), 'pipeline')}."
        )
    sets = pd.DataFrame(rows)
    pairs = pd.DataFrame(
        [
            {
                **dict(zip(_PAIR, pair)),
                **_combined(part, confidence, np.inf if metric == "mae" else 1.0),
            }
            for pair, part in sets.groupby(_PAIR, sort=False)
        ]
    )
    place = list(pairs.columns).index("pvalue") + 1
    pairs.insert(place, "adjusted_pvalue", _holm(pairs["pvalue"].to_numpy()))
    return MetaAnalysis(
        ReadableTable(pairs),
        ReadableTable(sets),
        ReadableTable(scores),
        ReadableTable(ranks),
        *_tests_of_ranks(ranks, confidence),
        metric,
        confidence,
    )


# -------------------------------------------------------------------- within a set


@dataclass(frozen=True)
class _Diagnoses:
    """Whether the pipelines diagnosed the subjects of one set correctly.

    Parameters
    ----------
    right : DataFrame of shape (n_subjects, n_pipelines)
        Fraction of correct diagnoses, or negated absolute errors; NaN where there is none.
    stratum : ndarray of shape (n_subjects,)
        Code of the class over which the score is averaged; zeros for the accuracy.
    """

    right: pd.DataFrame
    stratum: NDArray[np.intp]

    @classmethod
    def of(cls, name: str, comparison: Any, metric: str) -> _Diagnoses:
        if not isinstance(comparison, Comparison):
            raise TypeError(
                "The values of 'comparisons' of meta_analysis must be results of compare. Got "
                f"{type(comparison).__name__} for the set {name!r}."
            )
        numbers = comparison.task == "regression"
        if numbers != (metric == "mae"):
            kind, fits = ("numbers", "'mae'") if numbers else ("diagnoses", "an accuracy")
            raise ValueError(
                f"The set {name!r} of meta_analysis has predicted {kind}, which metric={metric!r} "
                f"does not score. Give {fits}, and sets of one kind."
            )
        cases = comparison.predictions
        if cases.empty:
            raise ValueError(
                f"The set {name!r} of meta_analysis has no diagnoses of subjects: all folds "
                "failed, or its split was leaky. Leave it out."
            )
        if numbers:
            right = -(cases["y_true"].astype(float) - cases["y_pred"].astype(float)).abs()
        else:
            right = (cases["y_true"] == cases["y_pred"]).astype(float)
        cases = cases.assign(right=right)
        right = cases.pivot_table(index="subject", columns="pipeline", values="right", sort=False)
        labels = cases.groupby("subject", sort=False)["y_true"]
        if metric != "balanced_accuracy":
            return cls(right, np.zeros(len(right), dtype=np.intp))
        n_labels = labels.nunique()
        if several := n_labels.index[n_labels > 1].tolist():
            raise ValueError(
                f"Subject {several[0]!r} of the set {name!r} has several classes, so that "
                "subjects have no balanced accuracy. Choose metric='accuracy'."
            )
        return cls(right, pd.factorize(labels.first().loc[right.index], sort=True)[0])

    def scores(self) -> pd.Series:
        """Score of each pipeline; NaN unless it diagnosed all subjects."""
        by_class = self.right.groupby(self.stratum).mean()
        return by_class.mean().where(self.right.notna().all())

    def difference(
        self,
        first: str,
        second: str,
        n_permutations: int,
        confidence: float,
        rng: np.random.RandomState,
    ) -> dict[str, float]:
        """Paired difference of two pipelines; empty if no class or subject is common."""
        if not {first, second} <= set(self.right.columns):
            return {}
        pair = self.right[[first, second]]
        both = pair.notna().all(axis=1).to_numpy()
        stratum, pair = self.stratum[both], pair[both]
        if len(np.unique(stratum)) < len(np.unique(self.stratum)):
            return {}
        n, n_strata = len(pair), len(np.unique(stratum))
        # The mean over subjects of weighted scores is the mean over classes.
        weights = (n / (n_strata * np.bincount(stratum)))[stratum]
        test = paired_permutation_test(
            weights * pair[first],
            weights * pair[second],
            n_permutations=n_permutations,
            random_state=rng,
        )
        d = (pair[first] - pair[second]).to_numpy()
        # Absolute errors are at most 0, and their mean is the unit of their differences.
        size = -float(pair.to_numpy().mean())
        unit, bound = (size, np.inf) if size > 0 else (1.0, 1.0)
        error = unit * _standard_error(d / unit, stratum)
        half = stats.norm.ppf(0.5 + confidence / 2) * error
        return {
            "difference": test.difference,
            "standard_error": error,
            "low": max(test.difference - half, -bound),
            "high": min(test.difference + half, bound),
            "effect_size": test.difference / (error * np.sqrt(n)),
            "pvalue": test.pvalue,
            "better": int((d > 0).sum()),
            "worse": int((d < 0).sum()),
            "n_subjects": n,
        }


def _standard_error(d: NDArray[np.float64], stratum: NDArray[np.intp]) -> float:
    """Standard error of the mean over strata of mean differences, as of Agresti and Min."""
    part = 1 / (stratum.max() + 1)
    n = np.bincount(stratum) + 2 * part
    mean = np.bincount(stratum, d) / n
    squares = (np.bincount(stratum, d**2) + part) / n
    return float(part * np.sqrt(np.sum((squares - mean**2) / n)))


# -------------------------------------------------------------------- over sets


def _combined(sets: pd.DataFrame, confidence: float, bound: float) -> dict[str, float]:
    """Random-effects difference of one pair, and effect sizes and p-values by Stouffer's weights.

    Parameters
    ----------
    sets : DataFrame
        One row per set.
    confidence : float
    bound : float
        Largest possible difference.
    """
    y, error, p = sets[["difference", "standard_error", "pvalue"]].to_numpy().T
    n = sets["n_subjects"].to_numpy()
    k, weights = len(y), error**-2
    fixed = np.average(y, weights=weights)
    q = float(weights @ (y - fixed) ** 2)
    spread = weights.sum() - (weights @ weights) / weights.sum()
    tau2 = max(0.0, (q - (k - 1)) / spread) if k > 1 else 0.0
    weights = 1 / (error**2 + tau2)
    mean = float(np.average(y, weights=weights))
    quantile, factor = stats.norm.ppf(0.5 + confidence / 2), 1.0
    if k > 1:
        quantile = stats.t.ppf(0.5 + confidence / 2, k - 1)
        factor = max(1.0, float(weights @ (y - mean) ** 2) / (k - 1))
    half = quantile * np.sqrt(factor / weights.sum())
    # Two-sided p-values with the sign of their difference: a p of 1 is a z of 0.
    z = np.sign(y) * stats.norm.isf(p / 2)
    stouffer = np.sqrt(n)
    total = float(stouffer @ z / np.sqrt(n.sum()))
    return {
        "difference": mean,
        "low": max(mean - half, -bound),
        "high": min(mean + half, bound),
        "effect_size": float(np.average(sets["effect_size"], weights=stouffer)),
        "pvalue": float(2 * stats.norm.sf(abs(total))),
        "tau": float(np.sqrt(tau2)),
        "heterogeneity_pvalue": float(stats.chi2.sf(q, k - 1)) if k > 1 else np.nan,
        "n_sets": k,
        "n_subjects": int(n.sum()),
    }


def _holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """p-values adjusted by Holm's step-down method."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def _tests_of_ranks(ranks: pd.DataFrame, confidence: float) -> tuple[float, float]:
    """p-value of Friedman's test and critical difference of Nemenyi's."""
    k, n = ranks.shape
    if k < 2 or n < 2:
        return np.nan, np.nan
    friedman = np.nan
    if k > 2 and not (ranks == ranks.iloc[0]).all(axis=None):
        friedman = float(stats.friedmanchisquare(*ranks.to_numpy()).pvalue)
    quantile = stats.studentized_range.ppf(confidence, k, np.inf) / np.sqrt(2)
    return friedman, float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
