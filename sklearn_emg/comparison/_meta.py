"""Meta-analysis: differences between pipelines over comparisons on several data sets."""

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

# Largest possible difference of each metric.
_BOUNDS = {"balanced_accuracy": 1.0, "accuracy": 1.0, "mae": np.inf}
_PAIR = ["first", "second"]


@dataclass(frozen=True)
class MetaAnalysis:
    """Results of :func:`meta_analysis`.

    Attributes
    ----------
    pairs : DataFrame
        One row per pair of pipelines, over all sets in which both have diagnosed the same subjects
        (for the balanced accuracy, some of each class). ``first`` is the pipeline with the better
        mean rank; pipelines without ranks come after the others. The other columns are ``second``;
        ``difference``, ``low`` and ``high`` (score of ``first`` minus that of ``second``, estimated
        by a random-effects model, and its interval); ``effect_size`` (standardised difference);
        ``pvalue`` (two-sided, combined over sets); ``adjusted_pvalue`` (adjusted for the number of
        pairs); ``tau`` (standard deviation of the true difference between sets);
        ``heterogeneity_pvalue`` (p-value of Cochran's test of equal true differences in all sets;
        NaN for one set); ``n_sets``; and ``n_subjects``.
    sets : DataFrame
        One row per pair and set, with the columns ``set``, ``first``, ``second``, ``difference``,
        ``standard_error``, ``low``, ``high``, ``effect_size``, ``pvalue``, ``better`` and ``worse``
        (numbers of subjects that ``first`` predicts better or worse than ``second``) and
        ``n_subjects``.
    scores : DataFrame of shape (n_pipelines, n_sets)
        Score of each pipeline in each set over its subjects; NaN if it has not predicted every
        subject that any other pipeline has predicted.
    ranks : DataFrame of shape (n_ranked, n_sets)
        Ranks of the pipelines that have a score in every set; 1 is the best score, and ties get
        their mean rank.
    friedman_pvalue : float
        p-value of Friedman's test of the hypothesis that all ranked pipelines perform equally; NaN
        with fewer than two sets, with fewer than three pipelines, or if all ranks are equal.
    critical_difference : float
        Smallest significant difference of mean ranks by Nemenyi's test; NaN with fewer than two
        sets or fewer than two pipelines.
    metric : str
        Name of the score.
    confidence : float
        Confidence level of the intervals.
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
        """Mean rank of each ranked pipeline, with the best first."""
        return self.ranks.mean(axis=1).sort_values(kind="stable")

    def groups(self) -> list[list[str]]:
        """Find groups of pipelines with consecutive mean ranks in which no pair differs.

        Returns
        -------
        groups : list of list of str
            Largest groups of two or more pipelines, with the best first. Two pipelines differ if
            their ``adjusted_pvalue`` is at most ``1 - confidence``.
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
        """Return the differences of all other pipelines from a reference.

        Parameters
        ----------
        reference : str
            Name of the reference pipeline.

        Returns
        -------
        differences : DataFrame
            One row per other pipeline (the index), with the columns of `pairs` without ``first``
            and ``second``, sorted by decreasing difference. A positive difference means that the
            other pipeline scores higher.

        Raises
        ------
        ValueError
            If the meta-analysis has no such pipeline.
        """
        check_option(reference, list(self.scores.index), "reference", "MetaAnalysis.against")
        before = self.pairs[self.pairs["second"] == reference].set_index("first")
        after = self.pairs[self.pairs["first"] == reference].set_index("second")
        turned = -after[["difference", "high", "low", "effect_size"]]
        after = after.assign(**turned.rename(columns={"high": "low", "low": "high"}))
        both = pd.concat([before.drop(columns="second"), after.drop(columns="first")])
        both.index.name = "pipeline"
        return ReadableTable(both.sort_values("difference", ascending=False, kind="stable"))

    def table(self) -> pd.DataFrame:
        """Format the pairs as a table, sorted by p-value.

        Returns
        -------
        table : DataFrame
            One row per pair, with the columns ``better ranked``, ``than``, ``difference`` (with its
            interval), ``effect size``, ``p``, ``adjusted p``, ``between sets`` (standard deviation
            of the true differences), ``sets`` and ``subjects``.
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

    Within each set, two pipelines are compared on the subjects that both have diagnosed. The
    differences are then combined over the sets.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        Results of :func:`compare` by the names of the sets. Pipelines with the same name are
        assumed to be the same. A pipeline need not occur in every set. Sets should not have
        subjects in common.
    metric : {"balanced_accuracy", "accuracy", "mae"}, default=None
        Score of a pipeline over subjects. A subject that is tested several times, or has several
        diagnoses, counts once, with the mean. The balanced accuracy requires one class per subject.
        "mae" is the mean absolute error of predicted numbers, negated so that higher is better; its
        unit must be the same in all sets. None stands for "mae" for regressors and for
        "balanced_accuracy" otherwise.
    n_permutations : int, default=10000
        Number of random permutations in the test within a set.
    confidence : float, default=0.95
        Confidence level of the intervals.
    random_state : int, RandomState instance or None, default=0
        Seed of the permutations.

    Returns
    -------
    meta : MetaAnalysis
        Results with ``pairs``, ``sets`` and ``ranks``; printing them shows all pairs.

    Raises
    ------
    TypeError
        If a value of `comparisons` is not a Comparison.
    ValueError
        If there is no set, two sets have the same predictions, a set has no diagnoses of subjects,
        only some sets have predicted numbers, no two pipelines are in the same set, or a subject
        has two classes and `metric` is "balanced_accuracy".

    See Also
    --------
    sklearn_emg.inspection.MetaAnalysisDisplay : Draw ranks and differences.
    sklearn_emg.metrics.compare_pair : Test two pipelines in one comparison.

    Notes
    -----
    *Within a set.* The score of a pipeline is the fraction of subjects that are diagnosed
    correctly, or the mean of this fraction over classes. The difference between two pipelines has
    the variance of a (stratified) mean of paired differences, where half an observation is added to
    each cell of the table of correct and wrong diagnoses of both pipelines, as proposed by Agresti
    and Min [1]_; with K classes, 1/K of this is added to each class. The variance is therefore not
    zero if two pipelines agree on a few subjects by chance. The p-value is computed by
    :func:`~sklearn_emg.metrics.paired_permutation_test`.

    *Over sets.* Differences are combined by a random-effects model with DerSimonian and Laird's
    variance between sets [2]_. The interval follows Hartung, Knapp, Sidik and Jonkman with t
    quantiles, with a variance factor of at least 1 [3]_. It is an interval for the mean difference
    over similar sets and is wide if there are few sets. For one set, it is the interval of this
    set. The p-values are combined by Stouffer's method, and the standardised differences by their
    mean. The weights are the square roots of the numbers of subjects, as in MOABB [4]_. The
    combined p-value concerns only these sets and may be small even if the interval contains 0. The
    p-values of pairs are adjusted by Holm's method.

    *Ranks.* Friedman's and Nemenyi's tests are those described by Demšar [5]_; they have little
    power for few sets.

    Pipelines are treated as fixed: the variation between training sets is not included. The
    subjects of a set are treated as independent, although each of them is used for training when
    others are tested.

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
    metric = _default_metric(comparisons) if metric is None else metric
    check_option(metric, list(_BOUNDS), "metric", caller)
    check_integer(n_permutations, "n_permutations", caller)
    check_confidence(confidence)
    rng = check_random_state(random_state)
    found = {name: _Diagnoses.of(name, result, metric) for name, result in comparisons.items()}
    _refuse_copies(comparisons, caller)
    scores = pd.DataFrame({name: diagnoses.scores() for name, diagnoses in found.items()})
    ranks = scores.dropna().round(12).rank(ascending=False)  # rounding errors do not break ties
    # Pipelines without a rank come last.
    order = ranks.mean(axis=1).reindex(scores.index).sort_values(kind="stable").index
    rows = [
        {"set": name, "first": first, "second": second, **row}
        for first, second in combinations(order, 2)
        for name, diagnoses in found.items()
        if (row := diagnoses.difference(first, second, n_permutations, confidence, rng))
    ]
    if not rows:
        raise ValueError(
            f"{caller} needs two pipelines that diagnosed the same subjects of a set, but "
            f"'comparisons' has {counted(len(found), 'set')} with "
            f"{counted(len(scores), 'pipeline')}."
        )
    sets = pd.DataFrame(rows)
    pairs = pd.DataFrame(
        [
            {**dict(zip(_PAIR, pair)), **_combined(part, confidence, _BOUNDS[metric])}
            for pair, part in sets.groupby(_PAIR, sort=False)
        ]
    )
    place = list(pairs.columns).index("pvalue") + 1
    pairs.insert(place, "adjusted_pvalue", holm(pairs["pvalue"].to_numpy()))
    return MetaAnalysis(
        ReadableTable(pairs),
        ReadableTable(sets),
        ReadableTable(scores),
        ReadableTable(ranks),
        *_tests_of_ranks(ranks, confidence),
        metric,
        confidence,
    )


def _default_metric(comparisons: Mapping[str, Any]) -> str:
    tasks = {getattr(result, "task", "classification") for result in comparisons.values()}
    return "mae" if tasks == {"regression"} else "balanced_accuracy"


def _refuse_copies(comparisons: Mapping[str, Comparison], caller: str) -> None:
    """Refuse sets with the same predictions; without probabilities, they can be a coincidence."""
    for first, second in combinations(comparisons, 2):
        one, other = comparisons[first].predictions, comparisons[second].predictions
        exact = one.filter(like="probability_").size > 0 or comparisons[first].task == "regression"
        if one is other or (exact and one.equals(other)):
            raise ValueError(
                f"The sets {first!r} and {second!r} of {caller} have the same predictions, so each "
                "subject would count twice. Pass the comparison once."
            )


# -------------------------------------------------------------------- within a set


@dataclass(frozen=True)
class _Diagnoses:
    """Correctness of the diagnoses of the subjects in one set.

    Parameters
    ----------
    right : DataFrame of shape (n_subjects, n_pipelines)
        Fraction of correct diagnoses, or negated absolute errors; NaN if there is no prediction.
    stratum : ndarray of shape (n_subjects,)
        Code of the class of each subject for the balanced accuracy; zeros for other metrics.
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
            kind, fits = ("numbers", "'mae'") if numbers else ("diagnoses", "'accuracy'")
            raise ValueError(
                f"The set {name!r} of meta_analysis has predicted {kind}, which metric={metric!r} "
                f"does not score. Choose {fits}, and pass only sets of the same kind."
            )
        cases = comparison.predictions
        if cases.empty:
            raise ValueError(
                f"The set {name!r} of meta_analysis has no diagnoses of subjects: all folds "
                "failed, or its split was leaky. Omit the set."
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
                f"Subject {several[0]!r} of the set {name!r} has several classes, so the balanced "
                "accuracy over subjects is not defined. Choose metric='accuracy'."
            )
        return cls(right, pd.factorize(labels.first().loc[right.index], sort=True)[0])

    def scores(self) -> pd.Series:
        """Compute the score of each pipeline; NaN unless it diagnosed all subjects."""
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
        """Compute the paired difference of two pipelines; empty without common subjects."""
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
        # Negated errors are at most 0; differences are measured in units of their mean size.
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
    """Compute Agresti and Min's standard error of the mean difference over strata."""
    part = 1 / (stratum.max() + 1)
    n = np.bincount(stratum) + 2 * part
    mean = np.bincount(stratum, d) / n
    squares = (np.bincount(stratum, d**2) + part) / n
    return float(part * np.sqrt(np.sum((squares - mean**2) / n)))


# -------------------------------------------------------------------- over sets


def _combined(sets: pd.DataFrame, confidence: float, bound: float) -> dict[str, float]:
    """Combine the differences, effect sizes and p-values of one pair over sets.

    Parameters
    ----------
    sets : DataFrame
        Results of the pair, with one row per set.
    confidence : float
        Confidence level of the interval.
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
    # z-values of two-sided p-values have the sign of the difference; a p-value of 1 gives 0.
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


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values by the step-down method of S. Holm, Scand. J. Stat. 6 (1979) 65-70."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return adjusted


def _tests_of_ranks(ranks: pd.DataFrame, confidence: float) -> tuple[float, float]:
    """Compute the p-value of Friedman's test and the critical difference of Nemenyi's test."""
    k, n = ranks.shape
    if k < 2 or n < 2:
        return np.nan, np.nan
    friedman = np.nan
    if k > 2 and not (ranks == ranks.iloc[0]).all(axis=None):
        friedman = float(stats.friedmanchisquare(*ranks.to_numpy()).pvalue)
    quantile = stats.studentized_range.ppf(confidence, k, np.inf) / np.sqrt(2)
    return friedman, float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
