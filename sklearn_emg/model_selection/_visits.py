"""Splits that respect time: new subjects, later visits, and later parts of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import columns_text
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_fraction, check_integer, check_real
from sklearn_emg.model_selection._runs import Protocol, ProtocolRun
from sklearn_emg.model_selection._split import SubjectKFold, assert_no_shared_subject
from sklearn_emg.model_selection._strata import Seed
from sklearn_emg.recordings import Subjects

CONTEXT_COLUMNS = ("subject", "time", "target_time")


def check_contexts(X: Any, caller: str) -> pd.DataFrame:
    """Check that X has contexts and later targets, like a table from ``visit_contexts``.

    Parameters
    ----------
    X : DataFrame
        Table of contexts.
    caller : str
        Name of the class or function in messages.

    Returns
    -------
    X : DataFrame
        The same table.

    Raises
    ------
    ValueError
        If a column is missing, or a target is not later than its context; the message names the
        row.
    """
    missing = [c for c in CONTEXT_COLUMNS if not isinstance(X, pd.DataFrame) or c not in X.columns]
    if missing:
        raise ValueError(
            f"{caller} needs a table of contexts with the columns {list(CONTEXT_COLUMNS)}, but X "
            f"lacks the {columns_text(missing)}. Make a table with "
            "sklearn_emg.prognosis.visit_contexts."
        )
    early = np.flatnonzero(~(X["time"].to_numpy(float) < X["target_time"].to_numpy(float)))
    if early.size:
        row = X.iloc[early[0]]
        raise ValueError(
            f"{caller}: row {early[0]} (subject {row['subject']!r}) has a context up to "
            f"{row['time']:g} and its target at {row['target_time']:g}. A target must be later "
            "than its context."
        )
    return X


class VisitSplit(Protocol):
    """K-fold splits by subject for contexts of visits and later targets.

    This protocol tests how well the course of **new** subjects is predicted: no test subject is in
    the training set, and each target is later than its context. For later visits of the same
    subjects, see :class:`LaterVisitSplit`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    shuffle : bool or None, default=None
        Whether subjects are assigned to folds in random order; see :class:`SubjectKFold`.
    random_state : int, RandomState instance or None, default=None
        Seed of the random order; see :class:`SubjectKFold`.

    Raises
    ------
    ValueError
        If the table has no contexts, a target is not later than its context, `groups` divides a
        subject, or there are too few subjects for the folds.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.model_selection import VisitSplit
    >>> from sklearn_emg.prognosis import visit_contexts
    >>> visits = make_progression_cohort(20, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"], context=3)
    >>> train, test = next(VisitSplit(4).split(X, y))
    >>> set(X["subject"].iloc[train]) & set(X["subject"].iloc[test])
    set()
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool | None = None, random_state: Seed = None
    ):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        check_contexts(X, "VisitSplit")
        folds = SubjectKFold(
            self.n_splits, shuffle=self.shuffle, random_state=self.random_state
        ).runs(X, y, groups)
        # Groups may join subjects, such as those of a family, but must not divide one.
        for run in folds:
            assert_no_shared_subject(X, run.train, run.test)
        return folds

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; the arguments are not used."""
        return check_integer(self.n_splits, "n_splits", "VisitSplit", minimum=2)


class LaterVisitSplit(Protocol):
    """Splits that test later targets of subjects whose earlier targets are in the training set.

    The first run tests the last target of each subject, the second run the last but one, and so on.
    A run trains on those targets of a subject that were known at the end of the tested context
    (with a long horizon, there may be none), so that nothing later than a context is learned about
    its subject. If a subject has too few targets to be tested in a run, the run trains only on the
    first target of this subject; the first run ignores such subjects. Subjects are those of the
    column ``subject``. `groups` may join subjects, which changes nothing because the runs do not
    separate subjects; it must not divide a subject.

    Parameters
    ----------
    n_splits : int, default=1
        Number of runs, from the last targets backwards in time.

    Raises
    ------
    ValueError
        If the table has no contexts, a target is not later than its context, no subject has enough
        targets for a run, or `groups` divides a subject.

    See Also
    --------
    VisitSplit : Splits that test new subjects.

    Examples
    --------
    >>> from sklearn_emg.datasets import make_progression_cohort
    >>> from sklearn_emg.model_selection import LaterVisitSplit
    >>> from sklearn_emg.prognosis import visit_contexts
    >>> visits = make_progression_cohort(20, missed=0, dropout=0, random_state=0).visits
    >>> X, y = visit_contexts(visits, visits["score"], context=2)
    >>> train, test = next(LaterVisitSplit().split(X, y))
    >>> X["target_visit"].iloc[test].unique().tolist()
    [6]
    """

    leaky = True
    same_subjects: ClassVar[bool] = True  # they are in training and test

    def __init__(self, n_splits: int = 1):
        self.n_splits = n_splits

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        X = check_contexts(X, "LaterVisitSplit")
        codes = _subjects_within(X, groups)
        start, target = X["time"].to_numpy(float), X["target_time"].to_numpy(float)
        runs = []
        for number in range(self.get_n_splits()):
            train: list[int] = []
            test: list[int] = []
            for code in np.unique(codes):
                rows = np.flatnonzero(codes == code)
                times = np.unique(target[rows])
                if len(times) <= number + 1:
                    # No target precedes the tested one: only the first target is trained on.
                    train += rows[target[rows] <= times[0]].tolist() if number else []
                    continue
                tested = rows[target[rows] == times[-1 - number]]
                test += tested.tolist()
                train += rows[target[rows] <= start[tested].min()].tolist()
            if not (train and test):
                raise ValueError(
                    f"Run {number} of LaterVisitSplit has no target to train on or to test: "
                    "subjects need a target that was known when the tested context ended. Use "
                    "fewer runs, a shorter context, or more visits."
                )
            runs.append(
                ProtocolRun(number, f"target {number + 1} from the end", _rows(train), _rows(test))
            )
        return runs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of runs; the arguments are not used."""
        return check_integer(self.n_splits, "n_splits", "LaterVisitSplit")


def _subjects_within(X: pd.DataFrame, groups: Labels | None) -> NDArray[np.intp]:
    """Code of the subject of each row; raise if `groups` divides a subject."""
    subjects = Subjects.of(X)
    if groups is not None:
        joined = Subjects.of(X, groups).codes
        first = joined[np.unique(subjects.codes, return_index=True)[1]]
        if (divided := np.flatnonzero(joined != first[subjects.codes])).size:
            raise ValueError(
                f"Groups divide subject {subjects.by_row[divided[0]]!r} (row {divided[0]}) of "
                "LaterVisitSplit. Give no groups, or groups that join complete subjects."
            )
    return subjects.codes


def _rows(rows: list[int]) -> NDArray[np.intp]:
    return np.sort(np.array(rows, dtype=np.intp))


def _series(
    X: pd.DataFrame, by: str, time: str, groups: Labels | None
) -> Iterator[tuple[str, Any]]:
    """Yield the name and rows of each series; `groups` gives the subjects if X has none."""
    if groups is not None and "subject" not in X.columns:
        X = X.assign(subject=Subjects.of(X, groups).by_row)
    keys = list(dict.fromkeys(c for c in ("subject", by) if c in X.columns))
    for column in (*keys, time):
        if (bad := np.flatnonzero(X[column].isna())).size:
            raise ValueError(
                f"ChronologicalSplit: row {bad[0]} has no {column!r}. Fill it in, or leave the row "
                "out."
            )
    for values, rows in X.groupby(keys, sort=False, observed=True).indices.items():
        *subject, own = values if isinstance(values, tuple) else (values,)
        yield f"{by} {own}" + "".join(f" of subject {each}" for each in subject), rows


class ChronologicalSplit(Protocol):
    """Test the later part of each recording with a model trained on the earlier parts.

    This protocol is for forecasts within recordings. Rows (windows or features) that fall into the
    gap between the parts are in neither; without a `gap`, overlapping windows in the two parts can
    share samples. Each subject is in both the training set and the test set: the result says
    nothing about new subjects.

    Parameters
    ----------
    test_size : float, default=0.25
        Fraction of the rows of each recording, taken from its end, that is used for testing (at
        least one row).
    gap : float, default=0.0
        Minimum difference in time between a training and a test row, in the unit of `time`. For
        windows that overlap, it should be at least the length of a window.
    by : str, default="recording"
        Column that distinguishes the series of a subject.
    time : str, default="start"
        Column with the time of each row.

    Raises
    ------
    ValueError
        If a column is missing or has missing values, or a series is too short for the gap.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import ChronologicalSplit
    >>> X = pd.DataFrame({"subject": "a", "recording": 0, "start": [0.0, 0.1, 0.2, 0.3]})
    >>> [rows.tolist() for rows in next(ChronologicalSplit(gap=0.2).split(X))]
    [[0, 1], [3]]
    """

    leaky = True

    def __init__(
        self,
        test_size: float = 0.25,
        *,
        gap: float = 0.0,
        by: str = "recording",
        time: str = "start",
    ):
        self.test_size = test_size
        self.gap = gap
        self.by = by
        self.time = time

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        name = "ChronologicalSplit"
        check_fraction(self.test_size, "test_size", name, below=True)
        check_real(self.gap, "gap", name, 0.0)
        columns = list(X.columns) if isinstance(X, pd.DataFrame) else []
        if missing := [c for c in (self.by, self.time) if c not in columns]:
            raise ValueError(
                f"{name} needs a table with the columns {[self.by, self.time]}, but X lacks the "
                f"{columns_text(missing)}. Use 'by' and 'time' to name the columns of the table."
            )
        time = X[self.time].to_numpy(dtype=float)
        train: list[int] = []
        test: list[int] = []
        for series, rows in _series(X, self.by, self.time, groups):
            order = rows[np.argsort(time[rows], kind="stable")]
            n_test = max(1, round(self.test_size * len(order)))
            tested, before = order[-n_test:], order[:-n_test]
            # The tolerance is for rounding: 0.3 - 0.1 is less than 0.2.
            kept = before[time[before] <= time[tested[0]] - self.gap + 1e-9]
            kept = kept[time[kept] < time[tested[0]]]
            if not len(kept):
                raise ValueError(
                    f"{series} has {len(rows)} rows, none of which is {self.gap:g} or more before "
                    f"its tested rows (n={n_test}). Lower 'gap' or 'test_size', or leave this "
                    "series out."
                )
            train += kept.tolist()
            test += tested.tolist()
        return [ProtocolRun(0, "later part", _rows(train), _rows(test))]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1; the arguments are not used."""
        return 1
