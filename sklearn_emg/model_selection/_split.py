"""Splits in which no subject is in both training and test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_emg._sklearn import safe_indexing
from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg.model_selection._runs import Protocol, ProtocolRun
from sklearn_emg.model_selection._strata import Seed, SubjectStrata
from sklearn_emg.recordings import Subjects


def _assign_folds(
    strata: NDArray[np.intp], n_folds: int, rng: np.random.RandomState | None
) -> NDArray[np.intp]:
    """Fold of each subject, assigned in turn within strata; fold sizes differ by at most one."""
    order = np.arange(len(strata)) if rng is None else rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    folds = np.arange(n_folds) if rng is None else rng.permutation(n_folds)
    fold = np.empty(len(strata), dtype=np.intp)
    fold[order] = folds[np.arange(len(strata)) % n_folds]
    return fold


class SubjectKFold(Protocol):
    """K-fold splits by subject, stratified by class or by quantiles of the target.

    Each subject is tested once. Subjects, not rows, are assigned to folds, so the numbers of
    subjects of a class in two folds differ by at most one, regardless of the number of recordings
    per subject. A continuous target is averaged over each subject and stratified by quintiles, or,
    with fewer than ten subjects, by fewer quantiles.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of subjects in the smallest class.
    shuffle : bool or None, default=None
        Whether subjects are assigned to folds in random order. None shuffles if `random_state` is
        given. Without shuffling, subjects are assigned in the order of their names, so that every
        call gives the same folds.
    random_state : int, RandomState instance or None, default=None
        Seed of the random order. An int gives the same folds in every call; with ``shuffle=True``
        and None, every call gives different folds.
    stratify : {"auto", "classes", "quantiles"}, default="auto"
        What to stratify by. "auto" uses the classes of labels and integer scores, and the
        quantiles of other numbers. Use "quantiles" for integer scores with many values, such as
        0 to 48.

    Raises
    ------
    ValueError
        If a class has fewer subjects than folds (without classes: if there are fewer subjects than
        folds), or if `random_state` is given with ``shuffle=False``, when it would have no effect.

    Notes
    -----
    Neither the order of the rows nor the number of rows of a subject changes the folds, because
    subjects are first sorted by name.

    See Also
    --------
    LeaveOneSubjectOut : One fold per subject.
    sklearn.model_selection.StratifiedGroupKFold : The counterpart for arrays; its shuffling can
        return the same partition for every seed.

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
        self,
        n_splits: int = 5,
        *,
        shuffle: bool | None = None,
        random_state: Seed = None,
        stratify: str = "auto",
    ):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.stratify = stratify

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        check_option(self.stratify, ("auto", "classes", "quantiles"), "stratify", "SubjectKFold")
        subjects = SubjectStrata(X, y, groups, self.stratify)
        n_splits = self.get_n_splits()
        subjects.require(
            n_splits,
            f"SubjectKFold(n_splits={n_splits})",
            "If a fold has no subject of a class, this class is missing from its test set: use "
            "fewer folds, or record more subjects. With one subject in a class, no split by "
            "subject can estimate accuracy on new subjects.",
        )
        if not self.shuffle and self.shuffle is not None and self.random_state is not None:
            raise ValueError(
                f"The 'random_state' {self.random_state!r} of SubjectKFold has no effect with "
                "shuffle=False. Leave out one of the two."
            )
        shuffle = self.random_state is not None if self.shuffle is None else self.shuffle
        rng = check_random_state(self.random_state) if shuffle else None
        fold = _assign_folds(subjects.strata, n_splits, rng)
        return [
            ProtocolRun(k, f"fold {k}", *subjects.split(np.flatnonzero(fold == k)))
            for k in range(n_splits)
        ]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; the arguments are not used."""
        return check_integer(self.n_splits, "n_splits", "SubjectKFold", minimum=2)


class LeaveOneSubjectOut(Protocol):
    """One fold per subject: each subject is tested with a model trained on all others.

    The folds are in the order of the subject names, regardless of the order of the rows.

    Raises
    ------
    ValueError
        If a class has only one subject, so that none is left for training.

    See Also
    --------
    SubjectKFold : Gives fewer and larger test sets, as ranking measures such as AUROC require; if
        the scores of single left-out subjects are pooled, these measures are biased downwards.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import LeaveOneSubjectOut
    >>> X = pd.DataFrame({"subject": list("abcdc")})
    >>> LeaveOneSubjectOut().get_n_splits(X)
    4
    >>> [run.label for run in LeaveOneSubjectOut().runs(X)]
    ['subject a', 'subject b', 'subject c', 'subject d']
    """

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        subjects = SubjectStrata(X, y, groups)
        subjects.require(
            2,
            "LeaveOneSubjectOut()",
            "When that subject is tested, no subject of the class is left for training: leave "
            "the class out, or record more subjects.",
        )
        return [
            ProtocolRun(k, f"subject {name}", *subjects.split([k]))
            for k, name in enumerate(subjects.names)
        ]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of subjects in X or groups."""
        if X is None and groups is None:
            raise ValueError("LeaveOneSubjectOut needs X or groups to count the subjects.")
        return len(Subjects.of(X, groups))


class SubjectsPerClassOut(Protocol):
    """Test sets with the same number of subjects from each class.

    Test sets are disjoint until a class has too few untested subjects left; then all its subjects
    can be drawn again.

    Parameters
    ----------
    n_subjects : int, default=1
        Number of test subjects from each class.
    n_splits : int, default=None
        Number of runs. By default, it is the number of disjoint test sets that the smallest class
        allows.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. An int gives the same splits in every call, regardless of the order of
        the rows.

    Raises
    ------
    ValueError
        If `y` is missing or continuous, a subject has several classes, or a class does not have
        more than `n_subjects` subjects.

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

    def _check(self, subjects: SubjectStrata) -> int:
        """Return the number of runs."""
        name = type(self).__name__
        n_subjects = check_integer(self.n_subjects, "n_subjects", name)
        if self.n_splits is not None:
            check_integer(self.n_splits, "n_splits", name)
        if not subjects.classes:
            raise ValueError("SubjectsPerClassOut needs the classes: pass y with discrete labels.")
        if several := subjects.several_classes:
            raise ValueError(
                f"{name} needs one class per subject, but subject {several[0]!r} has several; use "
                "SubjectKFold."
            )
        subjects.require(
            n_subjects + 1,
            f"{name}(n_subjects={n_subjects})",
            "At least one subject must remain for training: test fewer, or record more subjects.",
        )
        if self.n_splits is not None:
            return int(self.n_splits)
        return int(subjects.has_class.sum(axis=0).min()) // n_subjects

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        subjects = SubjectStrata(X, y, groups)
        n_splits = self._check(subjects)
        rng = check_random_state(self.random_state)
        members = [subjects.members(k) for k in range(len(subjects.classes))]
        untested: list[list[int]] = [[] for _ in members]
        runs = []
        for number in range(n_splits):
            test: list[int] = []
            for k, own in enumerate(members):
                if len(untested[k]) < self.n_subjects:
                    untested[k] = rng.permutation(own).tolist()
                test += untested[k][: self.n_subjects]
                untested[k] = untested[k][self.n_subjects :]
            runs.append(ProtocolRun(number, f"run {number}", *subjects.split(test)))
        return runs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of runs; X and y are needed if `n_splits` is None."""
        if X is None and isinstance(self.n_splits, (int, np.integer)):
            return int(self.n_splits)
        if X is None or y is None:
            raise ValueError("SubjectsPerClassOut needs X and y to count the subjects.")
        return self._check(SubjectStrata(X, y, groups))


def subject_train_test_split(
    X: Any,
    y: Labels | None = None,
    *,
    test_size: float | int = 0.25,
    groups: Labels | None = None,
    random_state: Seed = None,
) -> list[Any]:
    """Split rows into training and test so that no subject is in both.

    Unless a subject has several classes, each part has at least one subject of each class, and the
    number of test subjects of each class is as nearly as possible in proportion to the class size.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
        Rows to split.
    y : array-like of shape (n_rows,), default=None
        Labels to stratify by.
    test_size : float or int, default=0.25
        Fraction of the subjects that is tested, between 0 and 1, or number of tested subjects.
    groups : array-like of shape (n_rows,), default=None
        Subject of each row; by default, the ``subject`` column of X.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. An int gives the same split of the subjects in every call, regardless of
        the order of the rows.

    Returns
    -------
    splits : list
        ``[X_train, X_test]`` or, with `y`, ``[X_train, X_test, y_train, y_test]``.

    Raises
    ------
    ValueError
        If neither X nor `groups` gives the subjects, a class has only one subject, or `test_size`
        is not a valid number or leaves a part without a subject of some class.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import subject_train_test_split
    >>> X = pd.DataFrame({"subject": list("aabbccdd")})
    >>> train, test = subject_train_test_split(X, test_size=0.5, random_state=0)
    >>> set(train["subject"]) & set(test["subject"])
    set()
    """
    subjects = SubjectStrata(X, y, groups)
    subjects.require(
        2,
        _HOLDOUT,
        "Each part needs at least one subject of each class: leave the class out, or record more "
        "subjects.",
    )
    strata = subjects.strata
    chosen = _test_subjects_per_stratum(subjects, test_size)
    rng = check_random_state(random_state)
    test_subjects = np.concatenate(
        [rng.permutation(np.flatnonzero(strata == k))[:n] for k, n in enumerate(chosen)]
    )
    train, test = subjects.split(test_subjects)
    out = [safe_indexing(X, train), safe_indexing(X, test)]
    if y is not None:
        out += [safe_indexing(y, train), safe_indexing(y, test)]
    return out


_HOLDOUT = "subject_train_test_split"


def _test_subjects_per_stratum(subjects: SubjectStrata, test_size: float | int) -> NDArray[np.intp]:
    """Number of test subjects of each stratum, in proportion to its size."""
    if isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool):
        n_test = int(test_size)
    elif isinstance(test_size, (float, np.floating)) and 0 < test_size < 1:
        n_test = max(1, round(float(test_size) * subjects.n))
    else:
        raise ValueError(
            f"The 'test_size' of {_HOLDOUT} must be a float between 0 and 1 or an integer number "
            f"of subjects. Got {test_size!r}."
        )
    counts = np.bincount(subjects.strata)
    # If subjects have several classes (such as one per exercise), the strata are sets of classes; a
    # stratum may have only one subject and need not be in both parts.
    one_each = len(counts) == len(subjects.classes)
    minimum = (counts > 1).astype(int) if one_each else counts * 0
    maximum = counts - minimum
    lowest, highest = max(1, minimum.sum()), min(subjects.n - 1, maximum.sum())
    if not lowest <= n_test <= highest:
        raise ValueError(
            f"{_HOLDOUT} cannot put {n_test} of {subjects.n} subjects into the test set and keep "
            f"at least one of each class in both parts; a test set of {lowest} to {highest} "
            "subjects is possible."
        )
    wanted = counts * n_test / subjects.n
    chosen = np.clip(np.floor(wanted).astype(int), minimum, maximum)
    while (missing := n_test - chosen.sum()) != 0:
        step = int(np.sign(missing))
        free = chosen < maximum if step > 0 else chosen > minimum
        chosen[np.argmax(np.where(free, step * (wanted - chosen), -np.inf))] += step
    return chosen


def assert_no_shared_subject(
    X: Any,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    groups: Labels | Subjects | None = None,
) -> None:
    """Raise if a subject has rows in both training and test.

    Parameters
    ----------
    X : DataFrame with a ``subject`` column, or array-like
        Rows that are split.
    train, test : ndarray of int
        Row numbers.
    groups : array-like of shape (n_rows,) or Subjects, default=None
        Subject of each row; by default, the ``subject`` column of X.

    Raises
    ------
    ValueError
        If a subject is in both parts; the message names some.
    """
    subjects = Subjects.of(X, groups)
    both = np.intersect1d(subjects.codes[train], subjects.codes[test])
    if both.size:
        some = ", ".join(map(repr, subjects.names[both[:3]].tolist()))
        are = "1 subject is" if both.size == 1 else f"{both.size} subjects are"
        raise ValueError(
            f"This split leaks: {are} in both training and test "
            f"({some}{', ...' if both.size > 3 else ''}). Use SubjectKFold, "
            "LeaveOneSubjectOut or SubjectsPerClassOut."
        )
