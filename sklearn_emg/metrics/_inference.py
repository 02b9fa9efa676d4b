"""Tests of the difference between two models on the same subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils import check_random_state

from sklearn_emg._tables import ReadableTable, counted
from sklearn_emg._typing import Labels
from sklearn_emg.metrics._confusion import METRICS
from sklearn_emg.metrics._intervals import check_confidence
from sklearn_emg.metrics._numbers import as_numbers
from sklearn_emg.recordings import subjects_of, warn_of_other_order

_EXACT_UP_TO = 12  # 4096 sign patterns
# Range of the difference between two values of a metric; other metrics have no known range.
_LIMITS = {**dict.fromkeys((*METRICS, "auroc"), (-1.0, 1.0)), "mcc": (-2.0, 2.0)}


@dataclass(frozen=True)
class PairedTest:
    """Result of a paired test.

    Attributes
    ----------
    difference : float
        Mean of the differences, first minus second.
    statistic, pvalue : float
        Statistic and p-value of the two-sided test; NaN if the test is undefined.
    low, high : float
        Confidence interval of the difference; NaN for a test without one.
    n : int
        Number of differences (folds or subjects).
    note : str
        Reason for a NaN; empty if there is none.
    """

    difference: float
    statistic: float
    pvalue: float
    low: float
    high: float
    n: int
    note: str = ""


def _finite(values: ArrayLike, name: str, min_length: int) -> NDArray[np.float64]:
    values = as_numbers(values, name)
    if values.ndim != 1 or len(values) < min_length or not np.isfinite(values).all():
        raise ValueError(
            f"'{name}' must be a 1-D array of at least {min_length} finite numbers. Got "
            f"{values.tolist() if values.size < 10 else f'shape {values.shape}'}."
        )
    return values


def corrected_resampled_ttest(
    differences: ArrayLike,
    n_train: float | Sequence[float] | NDArray[np.number],
    n_test: float | Sequence[float] | NDArray[np.number],
    *,
    confidence: float = 0.95,
    limits: tuple[float, float] | None = (-1.0, 1.0),
) -> PairedTest:
    """Perform a t-test over folds that is corrected for their overlapping training sets.

    Scores of different folds are not independent because their training sets overlap, so the plain
    t-test rejects far too often. In the variance of the mean difference over k folds, Nadeau and
    Bengio replace 1/k with 1/k + n_test/n_train.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of the first model minus that of the second in each fold.
    n_train, n_test : float or array-like of shape (n_folds,)
        Numbers of subjects (not rows) in training and test; means over folds are used.
    confidence : float, default=0.95
        Confidence level of the interval.
    limits : (float, float) or None, default=(-1, 1)
        Smallest and largest possible differences, to which the interval is clipped. The default is
        for accuracies. Use (-2, 2) for the Matthews correlation, and None for scores without
        limits, such as the log loss.

    Returns
    -------
    test : PairedTest
        Result of the test. If all differences are equal, there is no interval, the p-value is 1 if
        they are zero and NaN otherwise, and `note` gives the reason.

    Raises
    ------
    ValueError
        If there are fewer than two differences, a difference is not finite or is outside the
        limits, or a size is not positive.

    Notes
    -----
    .. math:: t = \\bar d / \\sqrt{(1/k + n_{test}/n_{train}) s^2}

    with k folds, mean d, sample variance s² (ddof 1) and k - 1 degrees of freedom.

    References
    ----------
    C. Nadeau, Y. Bengio, "Inference for the generalization error", Mach. Learn. 52 (2003) 239-281,
    section 3.

    Examples
    --------
    >>> from sklearn_emg.metrics import corrected_resampled_ttest
    >>> test = corrected_resampled_ttest([0.1, 0.0, 0.2, 0.1, 0.1], n_train=16, n_test=4)
    >>> round(test.statistic, 2), round(test.pvalue, 3)
    (2.11, 0.103)
    """
    check_confidence(confidence)
    d = _finite(differences, "differences", 2)
    train, test = float(np.mean(n_train)), float(np.mean(n_test))
    if not (train > 0 and test > 0):
        raise ValueError(f"'n_train' and 'n_test' must be positive. Got {n_train} and {n_test}.")
    bottom, top = (-np.inf, np.inf) if limits is None else limits
    if (outside := d[(d < bottom - 1e-9) | (d > top + 1e-9)]).size:
        raise ValueError(
            f"'differences' has {outside[0]:g}, outside the 'limits' {limits} of a difference. "
            "Pass the limits of these scores, or None."
        )
    k, mean = len(d), float(d.mean())
    error = float(np.sqrt((1 / k + test / train) * d.var(ddof=1)))
    # The differences are equal up to rounding: the variance is zero.
    if error <= 1e-12 * max(1.0, abs(mean)):
        none = float("nan")
        same = abs(mean) <= 1e-12
        note = f"the difference is {mean:.3g} in all {k} folds, so its variance is zero"
        return PairedTest(mean, 0.0 if same else none, 1.0 if same else none, none, none, k, note)
    t = mean / error
    half = float(stats.t.ppf(0.5 + confidence / 2, k - 1)) * error
    p = float(2 * stats.t.sf(abs(t), k - 1))
    return PairedTest(mean, t, p, max(mean - half, bottom), min(mean + half, top), k)


def paired_permutation_test(
    first: ArrayLike,
    second: ArrayLike,
    *,
    subjects: Labels | None = None,
    n_permutations: int = 10_000,
    random_state: Any = None,
) -> PairedTest:
    """Perform a permutation test of equal mean scores, exchanging the models within subjects.

    Parameters
    ----------
    first, second : array-like of shape (n_predictions,)
        Scores of the two models on the same subjects or recordings, such as 1 for a correct and 0
        for a wrong prediction.
    subjects : array-like of shape (n_predictions,), default=None
        Subject of each score; each subject counts once, with its mean. By default, each score
        belongs to a different subject.
    n_permutations : int, default=10000
        Number of random exchanges. If the scores differ for 12 subjects or fewer, all exchanges are
        enumerated and the p-value is exact.
    random_state : int, RandomState instance or None, default=None
        Seed of the random exchanges.

    Returns
    -------
    test : PairedTest
        Result of the test; ``statistic`` is the mean difference over subjects. There is no
        interval, as `note` states.

    Raises
    ------
    ValueError
        If lengths differ, a score is not finite, or `n_permutations` is below 1.

    Notes
    -----
    The two-sided p-value is the fraction of exchanges whose mean difference is at least as far from
    zero as the observed one. With random exchanges, it is never 0 because the observed difference
    is included: it is (b + 1) / (m + 1) for m exchanges, of which b are at least as far from zero
    [1]_. Subjects with equal scores do not change the p-value. The models are treated as fixed: the
    test does not include the variation between training sets.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth, "Permutation P-values should never be zero", Stat. Appl. Genet.
       Mol. Biol. 9 (2010) 39.

    Examples
    --------
    >>> from sklearn_emg.metrics import paired_permutation_test
    >>> paired_permutation_test([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 1, 0]).pvalue
    0.125
    """
    warn_of_other_order(first, second, "second", "first")
    a, b = _finite(first, "first", 1), _finite(second, "second", 1)
    if len(a) != len(b):
        raise ValueError(
            f"'first' has {counted(len(a), 'score')}, but 'second' has {len(b)}: give pairs."
        )
    if n_permutations < 1:
        raise ValueError(f"'n_permutations' must be >= 1. Got {n_permutations!r}.")
    d = a - b
    if subjects is not None:
        warn_of_other_order(first, subjects, "subjects", "first")
        codes = subjects_of(None, subjects)
        if len(codes) != len(d):
            raise ValueError(
                f"'subjects' has {counted(len(codes), 'entry', 'entries')} for "
                f"{counted(len(d), 'score')}."
            )
        d = np.bincount(codes, weights=d) / np.bincount(codes)
    n, mean = len(d), float(d.mean())
    moving = d[d != 0]
    none, note = float("nan"), "a permutation test gives no interval"
    if not moving.size:
        return PairedTest(mean, mean, 1.0, none, none, n, note)
    observed = abs(moving.sum())
    # Sums that are equal in exact arithmetic must not differ by rounding.
    slack = 1e-9 * np.abs(moving).sum()
    if len(moving) <= _EXACT_UP_TO:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(moving))))
        p = float(np.mean(np.abs(signs @ moving) >= observed - slack))
    else:
        rng = check_random_state(random_state)
        count = 0
        for start in range(0, n_permutations, 1000):
            size = (min(1000, n_permutations - start), len(moving))
            sums = np.where(rng.randint(2, size=size), moving, -moving).sum(axis=1)
            count += int(np.sum(np.abs(sums) >= observed - slack))
        p = (count + 1) / (n_permutations + 1)
    return PairedTest(mean, mean, p, none, none, n, note)


def _mean_n_train(folds: pd.DataFrame, chosen: pd.Index, otherwise: float) -> float:
    """Return the mean number of training subjects in the folds; `otherwise` if it is not stored."""
    n_train = folds.loc[folds["fold"].isin(chosen), "n_train"].mean()
    return otherwise if np.isnan(n_train) else float(n_train)


def compare_pair(
    comparison: Any,
    first: str,
    second: str,
    *,
    metric: str | None = None,
    n_permutations: int = 10_000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Compare two pipelines of a comparison on the folds that both completed.

    Parameters
    ----------
    comparison : Comparison
        Result of :func:`sklearn_emg.comparison.compare`.
    first, second : str
        Names of the two pipelines in `comparison`.
    metric : str, default=None
        Column of ``comparison.folds`` for the t-test, at subject level. By default, it is the
        accuracy or, for regressors, the mean absolute error. The permutation test always compares
        the fractions of correct diagnoses or, for regressors, the absolute errors.
    n_permutations : int, default=10000
        Number of random exchanges of the permutation test.
    confidence : float, default=0.95
        Confidence level of the interval of the t-test.
    random_state : int, RandomState instance or None, default=0
        Seed of the exchanges.

    Returns
    -------
    tests : DataFrame
        Table with the rows ``corrected t-test over folds`` and ``permutation over subjects``, and
        with the attributes of :class:`PairedTest` as columns. It is printed in full, whatever its
        width.

    Raises
    ------
    ValueError
        If a pipeline or the metric is not in the comparison, both names are the same, or the
        pipelines have fewer than two folds in common.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.comparison import compare
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.metrics import compare_pair
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 2 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> models = {"model": LogisticRegression(), "dummy": DummyClassifier()}
    >>> models = {k: DiVoteClassifier(m, window=None) for k, m in models.items()}
    >>> result = compare(models, X, y, progress=False)
    >>> compare_pair(result, "model", "dummy")[["difference", "pvalue"]].round(3).T.to_dict()
    {'corrected t-test over folds': {'difference': 0.5, 'pvalue': nan},
     'permutation over subjects': {'difference': 0.5, 'pvalue': 0.002}}
    """
    folds, diagnoses = comparison.folds, comparison.predictions
    numbers = comparison.task == "regression"
    metric = metric or ("mae" if numbers else "accuracy")
    names = list(dict.fromkeys(folds["pipeline"]))
    for name in (first, second):
        if name not in names:
            raise ValueError(f"The comparison has no pipeline {name!r}; it has {names}.")
    if first == second:
        raise ValueError(f"compare_pair needs two pipelines. Got {first!r} twice.")
    of_subjects = folds[folds["level"] == "subject"]
    if metric not in of_subjects.columns:
        raise ValueError(f"The comparison has no metric {metric!r} at subject level.")
    scores = of_subjects.pivot(index="fold", columns="pipeline", values=metric)
    scores = scores.reindex(columns=[first, second]).dropna()
    if len(scores) < 2:
        raise ValueError(
            f"{first!r} and {second!r} have {counted(len(scores), 'fold')} with {metric} in "
            "common; at least two are needed."
        )
    both = diagnoses[
        diagnoses["pipeline"].isin([first, second]) & diagnoses["fold"].isin(scores.index)
    ]
    same = both["y_true"] == both["y_pred"]
    right = both.assign(right=(both["y_true"] - both["y_pred"]).abs() if numbers else same)
    cases = list(dict.fromkeys(["fold", "subject", comparison.unit]))
    right = right.pivot_table(index=cases, columns="pipeline", values="right", sort=False).astype(
        float
    )
    subjects = right.index.get_level_values("subject")
    n_test = right.groupby(level=["fold", "subject"]).size().groupby(level="fold").size().mean()
    n_train = _mean_n_train(of_subjects, scores.index, diagnoses["subject"].nunique() - n_test)
    tests = {
        "corrected t-test over folds": corrected_resampled_ttest(
            scores[first] - scores[second],
            n_train,
            n_test,
            confidence=confidence,
            limits=_LIMITS.get(metric),
        ),
        "permutation over subjects": paired_permutation_test(
            right[first],
            right[second],
            subjects=subjects,
            n_permutations=n_permutations,
            random_state=random_state,
        ),
    }
    return ReadableTable([vars(test) for test in tests.values()], index=list(tests))
