"""Splits in which no subject is ever on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._typing import Labels
from sklearn_emg.recordings import subjects_of

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
Seed = int | np.random.RandomState | None


class _Subjects:
    """The subjects of a data set, sorted by name, and which classes each of them has."""

    def __init__(self, X: Any, y: Labels | None, groups: Labels | None):
        codes = subjects_of(X, groups)
        self.n = int(codes.max()) + 1 if codes.size else 0
        names = X["subject"] if groups is None else groups
        first = np.unique(codes, return_index=True)[1]
        # As Python's own types: messages show them.
        found = pd.Series(names).iloc[first].tolist()
        # Sorted, so that the order of the rows has no part in any split.
        order = _sorted_subjects(found)
        self.names = [found[k] for k in order]
        self.codes = np.argsort(order)[codes] if self.n else codes
        self.classes: list[Any] = []
        # Without classes (no labels, or a continuous target) all subjects are one stratum.
        self.has_class = np.ones((self.n, 1), dtype=bool)
        if y is not None and is_discrete(y):
            y = labels_of_rows(y, len(self.codes))
            labels, y_codes = np.unique(y, return_inverse=True)
            self.classes = labels.tolist()
            self.has_class = np.zeros((self.n, len(labels)), dtype=bool)
            self.has_class[self.codes, y_codes] = True

    @property
    def strata(self) -> NDArray[np.intp]:
        """Code of the set of classes that a subject has."""
        return np.unique(self.has_class, axis=0, return_inverse=True)[1].reshape(-1)

    def require(self, n_needed: int, splitter: str, reason: str) -> None:
        """Raise unless every class has at least `n_needed` subjects."""
        counts = self.has_class.sum(axis=0)
        if not self.classes and self.n < n_needed:
            raise ValueError(f"{splitter} needs at least {n_needed} subjects, X has {self.n}.")
        if self.classes and counts.min() < n_needed:
            few = ", ".join(
                f"class {label!r} has {count} ({', '.join(repr(n) for n in self._members(k)[:3])}"
                f"{', ...' if count > 3 else ''})"
                for k, (label, count) in enumerate(zip(self.classes, counts))
                if count < n_needed
            )
            raise ValueError(
                f"{splitter} needs at least {n_needed} subjects of each class, but {few}. {reason}"
            )

    def _members(self, k: int) -> list[Any]:
        return [self.names[i] for i in np.flatnonzero(self.has_class[:, k])]

    def rows(self, subjects: Labels) -> NDArray[np.intp]:
        return np.flatnonzero(np.isin(self.codes, subjects))

    def split(self, test_subjects: Labels) -> Split:
        test = np.isin(self.codes, test_subjects)
        return np.flatnonzero(~test), np.flatnonzero(test)


def _sorted_subjects(names: list[Any]) -> NDArray[np.intp]:
    """Positions of names in sorted order: each type by its own values, or else by its text."""
    try:
        keys: list[Any] = [(type(name).__name__, name) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    except TypeError:  # such as tuples of text and numbers
        keys = [(type(name).__name__, repr(name)) for name in names]
        order = sorted(range(len(names)), key=keys.__getitem__)
    return np.array(order, dtype=np.intp)


def is_discrete(y: Labels) -> bool:
    """Whether y has classes to stratify by, and not numbers or several outputs."""
    refuse_missing_labels(y)
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "y holds Python objects that are no labels to scikit-learn. Make an array of one type "
            "of them, for instance with np.array(y.tolist())."
        )
    return kind in ("binary", "multiclass")


def labels_of_rows(y: Labels, n_rows: int) -> NDArray[Any]:
    """Labels as a 1-D array, one per row and none missing.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1)
    n_rows : int

    Returns
    -------
    y : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If y has another number of labels, or a row has none.
    """
    refuse_missing_labels(y)
    y = column_or_1d(y)
    if len(y) != n_rows:
        raise ValueError(f"y has {len(y)} labels for {n_rows} rows of X.")
    return y


def refuse_missing_labels(y: Labels) -> None:
    """Raise if a row has no label, naming the first such row."""
    if (missing := np.argwhere(pd.isna(np.asarray(y)))).size:
        raise ValueError(
            f"y has no label for {len(missing)} of {len(y)} rows, the first of them row "
            f"{missing[0, 0]}. Leave such rows out of X and y."
        )


def _deal(strata: NDArray[np.intp], n_hands: int, rng: np.random.RandomState | None) -> NDArray:
    """Deal subjects to folds like cards, stratum by stratum: sizes differ by one at most."""
    order = np.arange(len(strata)) if rng is None else rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    hands = np.arange(n_hands) if rng is None else rng.permutation(n_hands)
    fold = np.empty(len(strata), dtype=np.intp)
    fold[order] = hands[np.arange(len(strata)) % n_hands]
    return fold


class _SubjectSplitter(BaseCrossValidator):
    # With metadata routing the groups come without a request; a table needs none.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def split(
        self, X: Any, y: Labels | None = None, groups: Labels | None = None
    ) -> Iterator[Split]:
        """Yield row numbers of training and test.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
        y : array-like of shape (n_rows,), default=None
            Labels; the splits are stratified by them.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X that does not bring them.

        Yields
        ------
        train, test : ndarray of int
            Row numbers. No subject has rows in both.

        Raises
        ------
        ValueError
            If X does not say whose rows they are, or a class has too few subjects.
        """
        subjects = _Subjects(X, y, groups)
        for test_subjects in self._iter_test_subjects(subjects):
            yield subjects.split(test_subjects)

    def _iter_test_subjects(self, subjects: _Subjects) -> Iterator[NDArray[np.intp]]:
        raise NotImplementedError(f"{type(self).__name__} lacks _iter_test_subjects.")


class SubjectKFold(_SubjectSplitter):
    """K folds of subjects, stratified by class.

    Every subject is tested once. Subjects, not rows, are dealt to the folds, so that the numbers of
    subjects of a class in two folds differ by one at most, however many recordings a subject has.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the subjects of the smallest class.
    shuffle : bool or None, default=None
        Whether subjects are assigned to folds in random order. None does so if there is a
        `random_state`; without one, subjects are assigned in the order of their names, so that
        every call gives the same folds.
    random_state : int, RandomState instance or None, default=None
        An int gives the same folds at every call, another int gives other folds. With
        ``shuffle=True`` and None every call gives other folds.

    Raises
    ------
    ValueError
        If a class has fewer subjects than there are folds, or a `random_state` is given together
        with ``shuffle=False``, where it would have no effect.

    Notes
    -----
    The order of the rows has no part in the folds: subjects are sorted by name first. Neither has
    the number of rows of a subject.

    See Also
    --------
    LeaveOneSubjectOut : One fold per subject.
    sklearn.model_selection.StratifiedGroupKFold : For plain arrays; its shuffling can return one
        and the same partition for every seed.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import SubjectKFold
    >>> X = pd.DataFrame({"subject": list("aabbccdd")})
    >>> y = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> for train, test in SubjectKFold(2).split(X, y):
    ...     print(test)
    [0 1 4 5]
    [2 3 6 7]
    """

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool | None = None, random_state: Seed = None
    ):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def _iter_test_subjects(self, subjects: _Subjects) -> Iterator[NDArray[np.intp]]:
        n_splits = self.get_n_splits()
        subjects.require(
            n_splits,
            f"SubjectKFold(n_splits={n_splits})",
            "Without one in each fold, a class is missing from a test or a training set: use fewer "
            "folds, or record more subjects. With one subject in a class, no split by subject can "
            "estimate accuracy on new people.",
        )
        if not self.shuffle and self.shuffle is not None and self.random_state is not None:
            raise ValueError(
                f"The 'random_state' {self.random_state!r} of SubjectKFold has no effect with "
                "shuffle=False. Leave one of the two out."
            )
        shuffle = self.random_state is not None if self.shuffle is None else self.shuffle
        rng = check_random_state(self.random_state) if shuffle else None
        fold = _deal(subjects.strata, n_splits, rng)
        for k in range(n_splits):
            yield np.flatnonzero(fold == k)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds; the arguments are not used."""
        n_splits = self.n_splits
        if (
            isinstance(n_splits, bool)
            or not isinstance(n_splits, (int, np.integer))
            or n_splits < 2
        ):
            raise ValueError(
                f"The 'n_splits' parameter of SubjectKFold must be an int >= 2. Got {n_splits!r}."
            )
        return int(n_splits)


class LeaveOneSubjectOut(_SubjectSplitter):
    """One fold per subject, who is tested on a model of all others.

    Folds come in the order of the subjects' names, whatever the order of the rows.

    See Also
    --------
    SubjectKFold : Fewer, larger test sets. A ranking measure such as AUROC needs them: pooled over
        left-out subjects it is biased below chance.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import LeaveOneSubjectOut
    >>> X = pd.DataFrame({"subject": list("abcdc")})
    >>> LeaveOneSubjectOut().get_n_splits(X)
    4
    """

    def _iter_test_subjects(self, subjects: _Subjects) -> Iterator[NDArray[np.intp]]:
        subjects.require(
            2,
            "LeaveOneSubjectOut()",
            "When that subject is tested, nobody of the class is left to learn from: leave the "
            "class out, or record more subjects.",
        )
        for k in range(subjects.n):
            yield np.array([k])

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of subjects in X or groups."""
        if X is None and groups is None:
            raise ValueError("LeaveOneSubjectOut needs X or groups to count the subjects.")
        return int(subjects_of(X, groups).max()) + 1


class SubjectsPerClassOut(_SubjectSplitter):
    """Test sets with the same number of subjects from each class.

    The protocol of the Boumerdes study, where one subject of each class is tested in each run.
    Test sets are disjoint until a class has no fresh subject left; from then on its subjects are
    drawn anew.

    Parameters
    ----------
    n_subjects : int, default=1
        Test subjects from each class.
    n_splits : int, default=None
        Number of runs. By default as many as the smallest class has disjoint test sets for.
    random_state : int, RandomState instance or None, default=None
        An int gives the same splits at every call, whatever the order of the rows.

    References
    ----------
    L. Loubar and M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import SubjectsPerClassOut
    >>> X = pd.DataFrame({"subject": list("abcdef")})
    >>> y = [0, 0, 0, 1, 1, 1]
    >>> [len(test) for _, test in SubjectsPerClassOut(1, random_state=0).split(X, y)]
    [2, 2, 2]
    """

    def __init__(
        self, n_subjects: int = 1, *, n_splits: int | None = None, random_state: Seed = None
    ):
        self.n_subjects = n_subjects
        self.n_splits = n_splits
        self.random_state = random_state

    def _check(self, subjects: _Subjects) -> int:
        for name, value in (("n_subjects", self.n_subjects), ("n_splits", self.n_splits)):
            if value is None and name == "n_splits":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(
                    f"The {name!r} parameter of SubjectsPerClassOut must be an int >= 1. "
                    f"Got {value!r}."
                )
        if not subjects.classes:
            raise ValueError("SubjectsPerClassOut needs the classes: pass y with discrete labels.")
        if (several := np.flatnonzero(subjects.has_class.sum(axis=1) > 1)).size:
            raise ValueError(
                "SubjectsPerClassOut needs one class per subject, but subject "
                f"{subjects.names[several[0]]!r} has several; use SubjectKFold."
            )
        subjects.require(
            self.n_subjects + 1,
            f"SubjectsPerClassOut(n_subjects={self.n_subjects})",
            "At least one has to stay for training: test fewer, or record more subjects.",
        )
        if self.n_splits is not None:
            return int(self.n_splits)
        return int(subjects.has_class.sum(axis=0).min()) // int(self.n_subjects)

    def _iter_test_subjects(self, subjects: _Subjects) -> Iterator[NDArray[np.intp]]:
        n_splits = self._check(subjects)
        rng = check_random_state(self.random_state)
        members = [np.flatnonzero(subjects.has_class[:, k]) for k in range(len(subjects.classes))]
        fresh: list[list[int]] = [[] for _ in members]
        for _ in range(n_splits):
            test: list[int] = []
            for k, own in enumerate(members):
                if len(fresh[k]) < self.n_subjects:
                    fresh[k] = rng.permutation(own).tolist()
                test += fresh[k][: self.n_subjects]
                fresh[k] = fresh[k][self.n_subjects :]
            yield np.array(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of runs; X and y are needed where `n_splits` is None."""
        if X is None and isinstance(self.n_splits, (int, np.integer)):
            return int(self.n_splits)
        if X is None or y is None:
            raise ValueError("SubjectsPerClassOut needs X and y to count the subjects.")
        return self._check(_Subjects(X, y, groups))


def subject_train_test_split(
    X: Any,
    y: Labels | None = None,
    *,
    test_size: float | int = 0.25,
    groups: Labels | None = None,
    random_state: Seed = None,
) -> list[Any]:
    """Split rows into training and test so that each subject is on one side only.

    Each class keeps at least one subject on either side; the shares follow the class sizes.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
    y : array-like of shape (n_rows,), default=None
        Labels to stratify by.
    test_size : float or int, default=0.25
        Share of the subjects, between 0 and 1, or their number.
    groups : array-like of shape (n_rows,), default=None
        Subjects of the rows, for an X that does not bring them.
    random_state : int, RandomState instance or None, default=None
        An int gives the same split of the subjects at every call, whatever the order of the rows.

    Returns
    -------
    splits : list
        ``[X_train, X_test]``, with `y` ``[X_train, X_test, y_train, y_test]``.

    Raises
    ------
    ValueError
        If X does not say whose rows they are, a class has one subject, or `test_size` leaves a
        side empty.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import subject_train_test_split
    >>> X = pd.DataFrame({"subject": list("aabbccdd")})
    >>> train, test = subject_train_test_split(X, test_size=0.5, random_state=0)
    >>> set(train["subject"]) & set(test["subject"])
    set()
    """
    subjects = _Subjects(X, y, groups)
    name = "subject_train_test_split"
    subjects.require(
        2, name, "Either side needs one: leave the class out, or record more subjects."
    )
    if isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool):
        n_test = int(test_size)
    elif isinstance(test_size, (float, np.floating)) and 0 < test_size < 1:
        n_test = max(1, round(float(test_size) * subjects.n))
    else:
        raise ValueError(
            f"The 'test_size' of {name} must be a float between 0 and 1 or an int number of "
            f"subjects. Got {test_size!r}."
        )
    strata = subjects.strata
    counts = np.bincount(strata)
    # A subject can have several classes (one per exercise, say): then strata are sets of classes,
    # may hold one subject only, and are not forced to be on both sides.
    least = (counts > 1).astype(int) if len(counts) == len(subjects.classes) else counts * 0
    most = counts - least
    if not max(1, least.sum()) <= n_test <= min(subjects.n - 1, most.sum()):
        raise ValueError(
            f"{name} can't put {n_test} of {subjects.n} subjects into the test set with at least "
            f"one of each class on either side; between {max(1, least.sum())} and "
            f"{min(subjects.n - 1, most.sum())} are possible."
        )
    share = counts * n_test / subjects.n
    chosen = np.clip(np.floor(share).astype(int), least, most)
    while (missing := n_test - chosen.sum()) != 0:
        step = int(np.sign(missing))
        open_ = chosen < most if step > 0 else chosen > least
        chosen[np.argmax(np.where(open_, step * (share - chosen), -np.inf))] += step
    rng = check_random_state(random_state)
    test_subjects = np.concatenate(
        [rng.permutation(np.flatnonzero(strata == k))[:n] for k, n in enumerate(chosen)]
    )
    train, test = subjects.split(test_subjects)
    out = [safe_indexing(X, train), safe_indexing(X, test)]
    if y is not None:
        out += [safe_indexing(y, train), safe_indexing(y, test)]
    return out


def assert_no_shared_subject(
    X: Any, train: NDArray[np.intp], test: NDArray[np.intp], groups: Labels | None = None
) -> None:
    """Raise if a subject has rows in both parts of a split.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
    train, test : ndarray of int
        Row numbers.
    groups : array-like of shape (n_rows,), default=None
        Subjects of the rows, for an X that does not bring them.

    Raises
    ------
    ValueError
        If a subject is on both sides; the message names some.
    """
    codes = subjects_of(X, groups)
    both = np.intersect1d(codes[train], codes[test])
    if both.size:
        names = X["subject"] if groups is None else pd.Series(list(groups), dtype=object)
        first = [int(np.flatnonzero(codes == code)[0]) for code in both[:3]]
        some = ", ".join(map(repr, names.iloc[first].tolist()))
        are = "1 subject is" if both.size == 1 else f"{both.size} subjects are"
        raise ValueError(
            f"This split leaks: {are} in both training and test "
            f"({some}{', ...' if both.size > 3 else ''}). Use SubjectKFold, "
            "LeaveOneSubjectOut or SubjectsPerClassOut."
        )
