"""Confound audit: whether a property other than the disease predicts the class by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state, gen_batches

from sklearn_emg._tables import ReadableTable, counted, interval, wrapped
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_unused
from sklearn_emg._warnings import warn, warned_once
from sklearn_emg.comparison._checks import checked_labels
from sklearn_emg.comparison._confounding._columns import (
    Values,
    collect,
    describe,
    patterns,
    profiles,
    similarity,
)
from sklearn_emg.comparison._confounding._matching import (
    CALIPER,
    MatchedSubjects,
    match_values,
    nothing_left,
)
from sklearn_emg.comparison._permutation import labels_of_subjects, smallest_pvalue
from sklearn_emg.metrics import check_confidence, wilson_interval
from sklearn_emg.recordings import Subjects

# Numbers of subjects and permutations that are processed at once, which takes tens of megabytes.
_SUBJECTS_AT_ONCE = 256
_PERMUTATIONS_AT_ONCE = 128


@dataclass(frozen=True)
class ConfoundAudit:
    """Results of :func:`confound_audit`.

    Attributes
    ----------
    summary : DataFrame
        One row per property, sorted by adjusted p-value, with the columns ``kind`` (category,
        number or date); ``score``, ``low`` and ``high`` (balanced accuracy over subjects and its
        interval); ``chance`` (mean score with permuted labels); ``pvalue`` and ``adjusted_pvalue``;
        ``finding`` ("confound" if the adjusted p-value is at most ``1 - confidence``, "suspect" if
        only the unadjusted p-value is at most this level or if there is a pattern, and empty
        otherwise); ``pattern`` (values that a class lacks, and classes whose numbers do not
        overlap); and ``values`` (median and range, or the number of subjects with each value, by
        class).
    subjects : Series of int
        Number of subjects in each class.
    excluded : dict of str to str
        Columns and properties that are not in the summary, with the reason.
    n_permutations : int
        Number of permutations of the labels of subjects.
    min_pvalue : float
        Smallest possible p-value.
    confidence : float
        Confidence level of the intervals; ``1 - confidence`` is the significance level.
    matched : MatchedSubjects or None
        Matched subjects; None without `match`.
    matched_audit : ConfoundAudit or None
        Audit of the matched rows; None without `match` or if too few subjects match.
    """

    summary: pd.DataFrame
    subjects: pd.Series
    excluded: dict[str, str]
    n_permutations: int
    min_pvalue: float
    confidence: float
    matched: MatchedSubjects | None = None
    matched_audit: ConfoundAudit | None = None

    @property
    def confounds(self) -> list[str]:
        """Properties with the finding "confound"."""
        return self.summary.index[self.summary["finding"] == "confound"].tolist()

    @property
    def suspects(self) -> list[str]:
        """Properties with the finding "suspect"."""
        return self.summary.index[self.summary["finding"] == "suspect"].tolist()

    @property
    def patterns(self) -> dict[str, str]:
        """Pattern of each property that has one."""
        texts = self.summary["pattern"]
        return {str(name): text for name, text in texts.items() if text}

    def left_out(self) -> dict[str, list[str]]:
        """Group by reason the columns and properties that are not in the summary."""
        names: dict[str, list[str]] = {}
        for name, reason in self.excluded.items():
            names.setdefault(reason, []).append(str(name))
        return names

    def table(self) -> pd.DataFrame:
        """Format the summary as a table with one row per property.

        Returns
        -------
        table : DataFrame
            Table of text with the columns ``score`` (with its interval), ``chance``, ``p``,
            ``adjusted p`` and ``finding``.
        """
        rows = self.summary
        scores = [interval(*row) for row in rows[["score", "low", "high"]].to_numpy()]
        return ReadableTable(
            {
                "score": scores,
                "chance": [f"{value:.2f}" for value in rows["chance"]],
                "p": [_p_text(value) for value in rows["pvalue"]],
                "adjusted p": [_p_text(value) for value in rows["adjusted_pvalue"]],
                "finding": rows["finding"].to_numpy(),
            },
            index=rows.index,
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self.subjects.items())
        lines = [
            wrapped(f"Confound audit of {counted(int(self.subjects.sum()), 'subject')} ({counts})"),
            "Balanced accuracy of predicting the class of left-out subjects from one property",
            f"({100 * self.confidence:g} % intervals, "
            f"{counted(self.n_permutations, 'permutation')})",
            repr(self.table()),
        ]
        lines += [wrapped(f"{name}: {text}") for name, text in self.patterns.items()]
        for reason, names in self.left_out().items():
            lines.append(wrapped(f"Not audited ({reason}): {', '.join(names)}"))
        if self.matched is not None:
            lines.append(repr(self.matched))
        if self.matched_audit is not None:
            lines.append(f"After matching:\n{self.matched_audit!r}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [self.table().to_html(escape=True)]
        if self.matched_audit is not None:
            parts.append(f"<p>After matching:</p>{self.matched_audit._repr_html_()}")
        return "".join(parts)


def _p_text(value: float) -> str:
    return f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


@warned_once()
def confound_audit(
    table: pd.DataFrame,
    y: Labels,
    *,
    subjects: Labels | None = None,
    columns: str | Sequence[str] | None = None,
    match: str | Sequence[str] | None = None,
    caliper: float | Mapping[str, float] | None = None,
    n_permutations: int = 1999,
    confidence: float = 0.95,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> ConfoundAudit:
    """Test whether properties other than the disease predict the class of subjects.

    The class of each subject is predicted from one property at a time, using the other subjects.
    Properties are columns that describe recordings, such as age or date, and properties of the
    signals that depend on the equipment or the protocol, such as the length or the converter step.
    A model may learn a property that predicts the class instead of the disease.

    Parameters
    ----------
    table : DataFrame
        Recording table, or a feature table with columns that describe recordings.
    y : array-like of shape (n_rows,)
        Label of each row, which is the same in all rows of a subject.
    subjects : array-like of shape (n_rows,), default=None
        Subject of each row. The default is the column ``subject``.
    columns : str or sequence of str, default=None
        Columns and properties to audit. Properties are those of
        :func:`~sklearn_emg.preprocessing.recording_properties` and ``n_recordings``, the number of
        rows of a subject; a column replaces a property of the same name. By default, all properties
        and all columns of a recording table are audited, except identities, labels, arrays and
        columns of categories in which no value occurs in two subjects. In a feature table without
        signals, only the usual metadata columns and ``n_recordings`` are audited by default.
    match : str or sequence of str, default=None
        Columns or properties on which subjects of all classes are matched; the audit is repeated
        on the matched rows. See :func:`match_subjects` for the method.
    caliper : float or dict of str to float, default=None
        Largest difference of numbers between matched subjects, as in :func:`match_subjects` (0.2 by
        default). It requires `match`.
    n_permutations : int, default=1999
        Number of permutations of the labels of subjects.
    confidence : float, default=0.95
        Confidence level of the intervals; ``1 - confidence`` is the significance level.
    random_state : int, RandomState instance or None, default=0
        Seed of the permutations and of the choice between equal matches.
    n_jobs : int, default=None
        Number of recordings whose properties are measured in parallel, as in
        :class:`joblib.Parallel`.

    Returns
    -------
    audit : ConfoundAudit
        Results with ``summary`` and ``confounds``; printing them shows scores, p-values and
        findings.

    Raises
    ------
    ValueError
        If a column is unknown or contains arrays, a subject has two labels, a class has only one
        subject, nothing is left to audit, or `caliper` is given without `match`.

    Warns
    -----
    UserWarning
        If there are so few subjects or permutations that no p-value can reach ``1 - confidence``,
        if too few subjects match, or if a category that `columns` or `match` names has different
        values in each subject.

    See Also
    --------
    match_subjects : Choose matched subjects.
    leakage_audit : Measure how much a leak overestimates accuracy.
    sklearn_emg.inspection.ConfoundDisplay : Draw the result.

    Notes
    -----
    *Predictor.* The distance between two subjects is the Wasserstein distance between the relative
    ranks of the numbers in their rows, or the total variation distance between the frequencies of
    their categories. A missing value counts as a separate value. A subject is assigned to the class
    whose other subjects are most similar on average, with a Gaussian similarity of bandwidth
    :math:`0.3\\,n^{-1/5}` (Scott's rule [1]_ for the ranks of n subjects, which are uniform). This
    is a Parzen classifier [2]_ of one variable that leaves out each subject once. It detects
    a class whose values lie at both ends, in the middle or in several clusters. If classes tie, the
    subject is divided equally among them. A property with the same distribution in all classes can
    score far below chance, because the class of a subject is rarer among similar subjects when this
    subject is left out. This is also true for permuted labels and does not affect the test, which
    is one-sided.

    *Interval.* The interval combines Wilson's intervals of the recalls of the classes [3]_. It
    treats the predictions as independent.

    *Test.* The prediction is repeated with permuted labels of subjects, using the same permutations
    for all properties. The statistic is the mean over classes of the probability of the true class
    (its similarity divided by the sum of the similarities of all classes), which is less coarse
    than the accuracy. The p-values are adjusted by the step-down method of Westfall and Young [4]_
    (minima of p-values), which keeps the probability of any false "confound" at or below
    ``1 - confidence``.

    *Suspects.* Many tests on few subjects have little power, although a model can learn what these
    subjects have in common. A property is therefore a "suspect" if its p-value is significant
    without the adjustment. It is also a suspect if it has one of two patterns. One is a value that
    at least two subjects, and at least a tenth of all subjects, have and that a class lacks. The
    other is that the medians of the subjects of two classes lie in ranges that do not overlap, if
    such a separation has a probability of at most 0.05 by chance. The error rate of suspects is not
    controlled. The absence of a finding does not prove that there is no confound.

    References
    ----------
    .. [1] D. W. Scott, "Multivariate Density Estimation", Wiley, 1992, chapter 6.
    .. [2] E. Parzen, "On estimation of a probability density function and mode", Ann. Math. Stat.
       33 (1962) 1065-1076.
    .. [3] G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures: a general
       approach", Stat. Med. 27 (2008) 1693-1702.
    .. [4] P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", Wiley, 1993; Y. Ge, S.
       Dudoit, T. P. Speed, "Resampling-based multiple testing for microarray data analysis", Test
       12 (2003) 1-77, box 4.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_emg.comparison import confound_audit
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["control", "patient"], 12)
    >>> table = pd.DataFrame({"subject": range(24), "side": ["left", "right"] * 12})
    >>> table["age"] = rng.normal(np.where(y == "patient", 60, 40), 8)  # patients are older
    >>> audit = confound_audit(table, y)
    >>> audit.confounds
    ['age']
    """
    caller = "confound_audit"
    if match is None:
        check_unused(caller, "'match'", caliper=caliper)
    n_permutations = check_integer(n_permutations, "n_permutations", caller)
    check_confidence(confidence)
    y = checked_labels(table, y)
    whose = Subjects.of(table, subjects)
    labels_of_subjects(whose, y, caller)
    rng = check_random_state(random_state)
    settings = (n_permutations, confidence, rng.randint(2**31 - 1))
    matching_values: dict[str, Values] = {}
    if match is not None:
        names = [match] if isinstance(match, str) else list(match)
        matching_values, _ = collect(table, whose, y, names, caller, "match", n_jobs)
    names = [columns] if isinstance(columns, str) else columns
    values, excluded = collect(table, whose, y, names, caller, "columns", n_jobs)
    audit = _audit(values, whose, y, excluded, *settings)
    if match is None:
        return audit
    caliper = CALIPER if caliper is None else caliper
    return _with_match(audit, values, matching_values, whose, y, caliper, rng, settings)


def _with_match(
    audit: ConfoundAudit,
    values: dict[str, Values],
    matching_values: dict[str, Values],
    subjects: Subjects,
    y: NDArray,
    caliper: float | Mapping[str, float],
    rng: np.random.RandomState,
    settings: tuple[int, float, int],
) -> ConfoundAudit:
    """Add the matched subjects, and the audit of their rows, to an audit."""
    matched = match_values(matching_values, subjects, y, caliper, rng, "confound_audit")
    rows, kept_y = matched.rows, y[matched.rows]
    again = None
    by_class = matched.sets.groupby("class")["subject"].nunique()
    if len(by_class) and by_class.min() >= 2:
        kept = Subjects.of(None, subjects.by_row[rows])
        left = {name: Values(v.kind, v.numbers[rows], v.names) for name, v in values.items()}
        again = _audit(left, kept, kept_y, {}, *settings)
    else:
        text = nothing_left(matching_values, subjects, y)
        if len(rows):
            text = f"Fewer than two subjects of a class match: {by_class.to_dict()}."
        warn(f"The matched subjects cannot be audited. {text}")
    fields = {**vars(audit), "matched": matched, "matched_audit": again}
    return ConfoundAudit(**fields)


def _audit(
    values: dict[str, Values],
    subjects: Subjects,
    y: NDArray,
    excluded: dict[str, str],
    n_permutations: int,
    confidence: float,
    seed: int,
) -> ConfoundAudit:
    """Audit values that have been read."""
    labels = labels_of_subjects(subjects, y, "confound_audit")
    classes, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        alone = counts.argmin()
        name = subjects.names[codes == alone][0]
        raise ValueError(
            f"Class {classes.tolist()[alone]!r} has only one subject, {name!r}, but "
            "confound_audit needs at least two. Omit the class, or add subjects."
        )
    constant = [name for name, column in values.items() if column.is_constant]
    excluded = {**excluded, **dict.fromkeys(constant, "the same in all recordings")}
    values = {name: column for name, column in values.items() if name not in constant}
    if not values:
        raise ValueError(f"confound_audit has nothing to audit; it excluded {excluded}.")
    min_pvalue = smallest_pvalue(labels, n_permutations, 1 - confidence)
    rng = check_random_state(seed)
    permuted = np.array([codes, *(rng.permutation(codes) for _ in range(n_permutations))])
    bandwidth = 0.3 * len(labels) ** -0.2
    of_row = codes[subjects.codes]
    rows, statistics = {}, []
    for name, column in values.items():
        profile = profiles(column, subjects.codes)
        recalls, probabilities = _predictions(profile, permuted, counts, bandwidth)
        # Rounding removes differences that are due only to the order of summation.
        statistics.append(probabilities.mean(axis=1).round(10))
        scores = recalls.mean(axis=1)
        low, high = _interval(recalls[0], counts, confidence)
        rows[name] = {
            "kind": column.kind,
            "score": scores[0],
            "low": low,
            "high": high,
            "chance": scores[1:].mean(),
            "pattern": "; ".join(patterns(column, subjects.codes, of_row, classes)),
            "values": describe(column, subjects.codes, of_row, classes),
        }
    summary = pd.DataFrame.from_dict(rows, orient="index").rename_axis("property")
    pvalues, adjusted = _pvalues(np.column_stack(statistics))
    summary.insert(5, "pvalue", pvalues)
    summary.insert(6, "adjusted_pvalue", adjusted)
    level = 1 - confidence + 1e-12
    suspect = np.where((pvalues <= level) | (summary["pattern"] != ""), "suspect", "")
    summary.insert(7, "finding", np.where(adjusted <= level, "confound", suspect))
    order = np.lexsort((-summary["score"], pvalues, adjusted))
    return ConfoundAudit(
        ReadableTable(summary.iloc[order]),
        pd.Series(counts, index=classes, name="subjects"),
        excluded,
        n_permutations,
        min_pvalue,
        confidence,
    )


def _predictions(
    profile: NDArray[np.float64],
    labels: NDArray[np.intp],
    counts: NDArray[np.intp],
    bandwidth: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the recall and mean probability of each class, leaving out each subject once.

    Parameters
    ----------
    profile : ndarray of shape (n_subjects, n_entries)
        Profile of each subject.
    labels : ndarray of shape (n_assignments, n_subjects)
        Code of the class of each subject, in each assignment of labels.
    counts : ndarray of shape (n_classes,)
        Number of subjects in each class.
    bandwidth : float
        Bandwidth of the similarity.

    Returns
    -------
    recalls, probabilities : ndarray of shape (n_assignments, n_classes)
        Fraction of the subjects of each class that are predicted correctly, and mean probability of
        the true class.
    """
    n_assignments, n_subjects = labels.shape
    recalls = np.zeros((n_assignments, len(counts)))
    probabilities = np.zeros_like(recalls)
    for rows in gen_batches(n_subjects, _SUBJECTS_AT_ONCE):
        near = similarity(profile, rows, bandwidth)
        for some in gen_batches(n_assignments, _PERMUTATIONS_AT_ONCE):
            is_class = np.eye(len(counts))[labels[some]]  # (n_some, n_subjects, n_classes)
            own = is_class[:, rows]
            # The subject itself has similarity 0 and does not count in the mean of its class.
            mean = np.einsum("ij,pjk->pik", near, is_class, optimize=True) / (counts - own)
            best = mean >= mean.max(axis=2, keepdims=True) * (1 - 1e-9)
            credit = (best * own).sum(axis=2) / best.sum(axis=2)
            recalls[some] += np.einsum("pi,pik->pk", credit, own)
            total = mean.sum(axis=2)
            known = np.where(total > 0, (mean * own).sum(axis=2), 1 / len(counts))
            probability = known / np.where(total > 0, total, 1.0)
            probabilities[some] += np.einsum("pi,pik->pk", probability, own)
    return recalls / counts, probabilities / counts


def _interval(
    recalls: NDArray[np.float64], counts: NDArray[np.intp], confidence: float
) -> tuple[float, float]:
    """Combine Wilson's intervals of recalls into an interval of their mean (Zou and Donner)."""
    bounds = [
        wilson_interval(min(float(recall), 1.0), int(n), confidence=confidence)
        for recall, n in zip(recalls, counts)
    ]
    low, high = np.array(bounds).T
    score = recalls.mean()
    below = np.sqrt(((recalls - low) ** 2).sum()) / len(counts)
    above = np.sqrt(((high - recalls) ** 2).sum()) / len(counts)
    return float(max(score - below, 0.0)), float(min(score + above, 1.0))


def _pvalues(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute unadjusted and adjusted p-values of the first row (Ge, Dudoit and Speed, box 4).

    Parameters
    ----------
    scores : ndarray of shape (1 + n_permutations, n_properties)
        Scores. The first row is that of the true labels and counts as a permutation.
    """
    n = len(scores)
    ordered = np.sort(scores, axis=0)
    n_extreme = [n - np.searchsorted(ordered[:, k], scores[:, k]) for k in range(scores.shape[1])]
    p = np.column_stack(n_extreme) / n
    order = np.argsort(p[0], kind="stable")
    # These are the minima over each property and the properties with larger p-values.
    minima = np.minimum.accumulate(p[:, order[::-1]], axis=1)[:, ::-1]
    adjusted = (minima <= p[0, order]).mean(axis=0)
    result = np.empty(len(order))
    result[order] = np.maximum.accumulate(adjusted)
    return p[0], result
