"""Permutation test of one pipeline against chance, with permuted labels of subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import lgamma
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import BaseCrossValidator, permutation_test_score

from sklearn_emg._sklearn import BaseScorer, safe_indexing
from sklearn_emg._tables import counted
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer
from sklearn_emg._warnings import is_first_check, warn, warned_once
from sklearn_emg.comparison._checks import (
    check_one_pipeline,
    checked_target,
    diagnosed_unit,
    refuse_pretrained,
    subject_splits,
    task_of,
)
from sklearn_emg.metrics import ERRORS, refuse_metric_function, subject_scorer
from sklearn_emg.model_selection import Split, groups_of_search
from sklearn_emg.recordings import Subjects, warn_of_repeated_signals


@dataclass(frozen=True)
class PermutationTest:
    """Result of :func:`subject_permutation_test`.

    Attributes
    ----------
    score : float
        Mean score over folds with the true labels.
    permutation_scores : ndarray of shape (n_permutations,)
        Mean scores over folds with permuted labels of subjects.
    pvalue : float
        Fraction of permutations, including the true labels as one of them, whose score is at least
        as high as the score with the true labels.
    min_pvalue : float
        Smallest possible p-value: ``1 / (n_permutations + 1)``, or the reciprocal of the number of
        different assignments of the labels to the subjects if this is larger.
    n_subjects : int
        Number of subjects.
    scoring : str
        Name of the score.
    """

    score: float
    permutation_scores: NDArray[np.float64]
    pvalue: float
    min_pvalue: float
    n_subjects: int
    scoring: str

    def __repr__(self) -> str:
        scores = self.permutation_scores
        return (
            f"Permutation test over {counted(self.n_subjects, 'subject')}, "
            f"{counted(len(scores), 'permutation')} of their labels\n"
            f"{self.scoring} {self.score:.3f}, permuted {scores.mean():.3f} (up to "
            f"{scores.max():.3f}), p = {self.pvalue:.3g}"
        )


class _BySubject(BaseEstimator):
    """Estimator of subjects that fits another estimator on their rows of X."""

    def __init__(self, estimator: Any, X: Any, subject: NDArray[np.intp]):
        self.estimator = estimator
        self.X = X
        self.subject = subject

    def rows(self, subjects: NDArray[np.intp], y: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
        """Return the rows of some subjects, in the order of X, and the label of each row."""
        subjects = np.ravel(subjects)
        label_of = np.empty(int(self.subject.max()) + 1, dtype=y.dtype)
        label_of[subjects] = y
        rows = np.flatnonzero(np.isin(self.subject, subjects))
        return safe_indexing(self.X, rows), label_of[self.subject[rows]]

    def fit(self, subjects: NDArray[np.intp], y: NDArray[Any]) -> _BySubject:
        X, y = self.rows(subjects, y)
        self.estimator_ = clone(self.estimator).fit(X, y, **groups_of_search(self.estimator, X))
        self.classes_ = getattr(self.estimator_, "classes_", None)  # a regressor has none
        return self


@dataclass
class _SubjectSplits(BaseCrossValidator):
    """Splitter of subjects, based on a splitter of rows."""

    cv: Any
    X: Any
    subjects: Subjects
    task: str

    def split(
        self, X: Any, y: NDArray[Any] | None = None, groups: Labels | None = None
    ) -> Iterator[Split]:
        codes = self.subjects.codes
        with warned_once():
            is_first_check("repeated signals")  # made once, before all permutations
            splits = subject_splits(
                self.cv, self.X, np.asarray(y)[codes], self.subjects, task=self.task
            )
        for fold, (train, test) in enumerate(splits):
            sides = []
            for side in (train, test):
                subjects = np.unique(codes[side])
                if np.isin(codes, subjects).sum() != len(np.unique(side)):
                    raise ValueError(
                        f"Fold {fold} of the 'cv' of subject_permutation_test takes some rows of a "
                        "subject but not others. Use a splitter of subjects, such as "
                        "SubjectKFold(5)."
                    )
                sides.append(subjects)
            yield sides[0], sides[1]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return sum(1 for _ in self.split(X, y))


@dataclass
class _RowScorer:
    """Scorer of an estimator of subjects on the rows of these subjects."""

    scorer: Any

    def __call__(self, estimator: _BySubject, subjects: NDArray[np.intp], y: NDArray) -> float:
        return float(self.scorer(estimator.estimator_, *estimator.rows(subjects, y)))


@warned_once()
def subject_permutation_test(
    estimator: Any,
    X: pd.DataFrame,
    y: Labels,
    *,
    cv: Any = 5,
    scoring: Any = None,
    n_permutations: int = 100,
    n_jobs: int | None = None,
    random_state: Any = 0,
) -> PermutationTest:
    """Test whether a pipeline scores better than chance, by permuting the labels of subjects.

    The whole cross-validation is repeated with permuted labels of subjects, so that all rows of a
    subject keep the same label. On a table of rows,
    :func:`sklearn.model_selection.permutation_test_score` would permute the labels of rows, so that
    rows of a subject would have different labels. With subjects as groups, it would permute labels
    within each subject, which changes nothing.

    Parameters
    ----------
    estimator : estimator
        Classifier or regressor of tables, such as a
        :class:`~sklearn_emg.ensemble.DiVoteClassifier`, a
        :class:`~sklearn_emg.ensemble.DiVoteRegressor` or a pipeline with one of these.
    X : DataFrame
        Table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Label (or number, for a regressor) of each row, which is the same in all rows of a subject.
    cv : int, None, splitter or iterable of (train, test), default=5
        Splits, as in :func:`~sklearn_emg.comparison.compare`; an int means ``SubjectKFold(cv)``.
        Stratified splitters use the permuted labels, or quantiles of the permuted numbers.
    scoring : str or callable, default=None
        Name that :func:`~sklearn_emg.metrics.subject_scorer` accepts, or ``scorer(estimator, X,
        y)``. Higher scores are better, and errors are negated. None stands for "mae" for a
        regressor and for "balanced_accuracy" otherwise.
    n_permutations : int, default=100
        Number of permutations; each requires a whole cross-validation.
    n_jobs : int, default=None
        Number of permutations that run in parallel, as in :class:`joblib.Parallel`.
    random_state : int, RandomState instance or None, default=0
        Seed of the permutations.

    Returns
    -------
    test : PermutationTest
        Results with ``score``, ``pvalue`` and ``permutation_scores``; printing them shows a
        summary.

    Raises
    ------
    ValueError
        If a subject has two labels, a split has a subject on both sides or only some rows of a
        subject, the `unit` of the estimator is not the subject, or a part of the estimator was
        already fitted on test subjects.

    Warns
    -----
    UserWarning
        If there are so few subjects or permutations that the p-value must be above 0.05.
    SubjectLeakWarning, RecordingWarning
        If several recordings contain the same samples: SubjectLeakWarning if they are of different
        subjects, and RecordingWarning if they are of one subject.

    Notes
    -----
    The p-value is (b + 1) / (m + 1) for m permutations, of which b score at least as high as the
    true labels [1]_; it is never 0. The null hypothesis is that labels and signals of subjects are
    independent.

    References
    ----------
    .. [1] M. Ojala, G. C. Garriga, "Permutation tests for studying classifier performance", J.
       Mach. Learn. Res. 11 (2010) 1833-1863.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_emg.comparison import subject_permutation_test
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 40)
    >>> X = pd.DataFrame(
    ...     {"rms": rng.normal(size=80) + 3 * (y == "patient"), "subject": np.repeat(range(20), 4)}
    ... )
    >>> model = DiVoteClassifier(GaussianNB(), window=None)
    >>> print(subject_permutation_test(model, X, y, n_permutations=49))
    Permutation test over 20 subjects, 49 permutations of their labels
    balanced_accuracy 1.000, permuted 0.585 (up to 0.800), p = 0.02
    """
    n_permutations = check_integer(n_permutations, "n_permutations", "subject_permutation_test")
    check_one_pipeline(estimator, "subject_permutation_test")
    task = task_of({"estimator": estimator})
    y = checked_target(X, y, task)
    if scoring is None:
        scoring = "mae" if task == "regression" else "balanced_accuracy"
    subjects = Subjects.of(X)
    subject = subjects.codes
    if (unit := diagnosed_unit({"estimator": estimator})) != "subject":
        raise ValueError(
            f"subject_permutation_test permutes the labels of subjects, but the estimator "
            f"predicts one label for each {unit!r}. Set unit='subject'."
        )
    labels = labels_of_subjects(subjects, y)
    warn_of_repeated_signals(X)
    # A scorer made by make_scorer would score rows instead of subjects.
    scorer = subject_scorer(scoring) if isinstance(scoring, str | BaseScorer) else scoring
    refuse_metric_function(scorer, "The 'scoring' of subject_permutation_test")
    if not (isinstance(cv, (int, np.integer)) or cv is None or hasattr(cv, "split")):
        cv = list(cv)  # a generator can be used only once
    splits = _SubjectSplits(cv, X, subjects, task)
    given = subject_splits(cv, X, y, subjects, task=task)
    refuse_pretrained(estimator, X, given, name=type(estimator).__name__)
    min_pvalue = smallest_pvalue(labels, n_permutations, 0.05)
    score, scores, pvalue = permutation_test_score(
        _BySubject(estimator, X, subject),
        np.arange(len(labels))[:, None],
        labels,
        cv=splits,
        n_permutations=n_permutations,
        n_jobs=n_jobs,
        random_state=random_state,
        scoring=_RowScorer(scorer),
    )
    name = scoring if isinstance(scoring, str) else "score"
    name = f"negated {name}" if name in ERRORS else name
    return PermutationTest(
        float(score), np.asarray(scores), float(pvalue), min_pvalue, len(labels), name
    )


def labels_of_subjects(
    subjects: Subjects, y: NDArray, caller: str = "subject_permutation_test"
) -> NDArray[Any]:
    """Return the label of each subject, or raise an error if a subject has two labels."""
    first = np.unique(subjects.codes, return_index=True)[1]
    labels = y[first]
    if (differs := np.flatnonzero(y != labels[subjects.codes])).size:
        name = subjects.by_row[differs[0]]
        raise ValueError(
            f"Subject {name!r} has two labels; {caller} needs one label per subject. Correct y, "
            "or omit the subject."
        )
    return labels


def smallest_pvalue(labels: NDArray[Any], n_permutations: int, alpha: float) -> float:
    """Compute the smallest possible p-value of a permutation test; warn if it exceeds `alpha`.

    It is ``1 / (n_permutations + 1)``, or the reciprocal of the number of different assignments of
    the labels to the subjects if this is larger.
    """
    counts = np.unique(labels, return_counts=True)[1]
    log_assignments = lgamma(len(labels) + 1) - sum(lgamma(c + 1) for c in counts)
    min_pvalue = max(1 / (n_permutations + 1), float(np.exp(-log_assignments)))
    if min_pvalue > alpha:
        warn(
            f"With {counted(len(labels), 'subject')} and {counted(n_permutations, 'permutation')}, "
            f"the p-value cannot be below {min_pvalue:.2g}. Use more subjects or permutations.",
            UserWarning,
        )
    return min_pvalue
