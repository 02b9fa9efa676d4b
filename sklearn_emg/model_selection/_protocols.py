"""Protocols of general use: holdout, repeated and nested folds by subject, random windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import check_random_state

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_real
from sklearn_emg.model_selection._runs import Protocol, ProtocolRun
from sklearn_emg.model_selection._split import SubjectKFold
from sklearn_emg.model_selection._strata import Seed, SubjectStrata


class SubjectHoldout(Protocol):
    """Random draws of subjects for training, validation and test.

    Parameters
    ----------
    test_size : float, default=0.2
        Fraction of the subjects of each class that is tested (at least one subject).
    validation_size : float, default=0.0
        Fraction of the subjects of each class that is reserved for validation (at least one
        subject); 0 reserves none. At least one subject of each class remains for training and one
        for the test.
    n_repeats : int, default=1
        Number of draws.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

    Raises
    ------
    ValueError
        If a size is out of range, or a class has too few subjects for the parts.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import SubjectHoldout
    >>> X, y = pd.DataFrame({"subject": range(10)}), [0, 1] * 5
    >>> run = SubjectHoldout(validation_size=0.2).runs(X, y)[0]
    >>> len(run.train), len(run.validation), len(run.test)
    (6, 2, 2)
    """

    def __init__(
        self,
        test_size: float = 0.2,
        *,
        validation_size: float = 0.0,
        n_repeats: int = 1,
        random_state: Seed = 0,
    ) -> None:
        self.test_size = test_size
        self.validation_size = validation_size
        self.n_repeats = n_repeats
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        name = type(self).__name__
        check_real(self.test_size, "test_size", name, 0.0, 1.0, above=True, below=True)
        check_real(self.validation_size, "validation_size", name, 0.0, 1.0, below=True)
        n_repeats = check_integer(self.n_repeats, "n_repeats", name)
        n_parts = 2 + (self.validation_size > 0)
        subjects = SubjectStrata(X, y, groups, n_per_quantile=n_parts)
        subjects.require(
            n_parts,
            name,
            "Each part needs at least one subject of each class: hold out fewer parts, or record "
            "more subjects.",
        )
        rng = check_random_state(self.random_state)
        runs = []
        for number in range(n_repeats):
            test, validation = self._draw(subjects.strata, rng)
            for part, drawn in (("test", test), ("validation", validation)):
                if not drawn and (part == "test" or self.validation_size > 0):
                    raise ValueError(
                        f"{name} draws no subject for {part}: each group of subjects with the same "
                        "classes is too small. Hold out fewer parts, or record more subjects."
                    )
            held = subjects.rows(validation) if validation else None
            train = np.setdiff1d(np.arange(len(subjects.codes)), subjects.rows(test + validation))
            runs.append(
                ProtocolRun(number, f"draw {number}", train, subjects.rows(test), held, seed=number)
            )
        return runs

    def _draw(
        self, strata: NDArray[np.intp], rng: np.random.RandomState
    ) -> tuple[list[int], list[int]]:
        """Codes of the subjects for test and validation."""
        test: list[int] = []
        validation: list[int] = []
        for k in np.unique(strata):
            drawn = rng.permutation(np.flatnonzero(strata == k)).tolist()
            n_test = max(1, round(self.test_size * len(drawn)))
            n_valid = max(1, round(self.validation_size * len(drawn)))
            n_valid = n_valid if self.validation_size > 0 else 0
            n_valid = min(n_valid, max(len(drawn) - 2, 0))  # one each for training and test
            n_test = min(n_test, len(drawn) - 1 - n_valid)
            test += drawn[:n_test]
            validation += drawn[n_test : n_test + n_valid]
        return test, validation


class _RandomRows(Protocol):
    """Random rows for training and test, regardless of their subjects."""

    leaky = True
    _rows = ""

    def __init__(
        self, test_size: float = 0.25, *, n_repeats: int = 1, random_state: Seed = 0
    ) -> None:
        self.test_size = test_size
        self.n_repeats = n_repeats
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        return _random_rows(self, y, groups, self._rows)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of draws; the arguments are not used."""
        return check_integer(self.n_repeats, "n_repeats", type(self).__name__)


class RandomWindows(_RandomRows):
    """Random windows for training and test: LEAKY, as a subject has windows in both.

    This protocol overestimates the accuracy on new subjects; the highest published accuracies were
    obtained in this way. Use it only for comparison with a split by subject. The rows of X must be
    windows, such as those of :func:`~sklearn_emg.recordings.window_table`.

    Parameters
    ----------
    test_size : float, default=0.25
        Fraction of the windows that is tested.
    n_repeats : int, default=1
        Number of draws.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

    References
    ----------
    L. Loubar and M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", University M'Hamed Bougara, Boumerdes, 2023 (99.85 % with random windows,
    71.89 % by subject).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.model_selection import RandomWindows
    >>> run = RandomWindows().runs(np.zeros((40, 3)), [0, 1] * 20)[0]
    >>> len(run.train), len(run.test), RandomWindows.leaky
    (30, 10, True)
    """

    of_windows = True
    _rows = "windows"


class RandomRecordings(_RandomRows):
    """Random recordings for training and test: LEAKY, as a subject has recordings in both.

    Many studies divided their signals in this way. Use this protocol only for comparison with a
    split by subject. Its scores are those of recordings, not of subjects.

    Parameters
    ----------
    test_size : float, default=0.25
        Fraction of the recordings that is tested.
    n_repeats : int, default=1
        Number of draws.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws.

    See Also
    --------
    RandomWindows : Splits windows, so that even windows of one recording are in both.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import RandomRecordings
    >>> X = pd.DataFrame({"subject": ["a", "b"] * 20})
    >>> run = RandomRecordings().runs(X, [0, 1] * 20)[0]
    >>> len(run.train), len(run.test), run.label
    (30, 10, 'draw 0 (leaky)')
    """

    _rows = "recordings"


def _random_rows(
    protocol: _RandomRows, y: Labels | None, groups: Labels | None, rows: str
) -> list[ProtocolRun]:
    """Random draws of rows, stratified by class, regardless of their subjects."""
    name = type(protocol).__name__
    if groups is not None:
        raise ValueError(
            f"{name} takes no 'groups': it puts {rows} of one subject into both parts. Use "
            "SubjectHoldout for a split by subject."
        )
    if y is None:
        raise ValueError(f"{name} needs y: it stratifies the {rows} by class.")
    check_real(protocol.test_size, "test_size", name, 0.0, 1.0, above=True, below=True)
    splitter = StratifiedShuffleSplit(
        check_integer(protocol.n_repeats, "n_repeats", name),
        test_size=protocol.test_size,
        random_state=protocol.random_state,
    )
    return [
        ProtocolRun(k, f"draw {k} (leaky)", np.sort(train), np.sort(test), seed=k)
        for k, (train, test) in enumerate(splitter.split(np.zeros(len(y)), y))
    ]


class RepeatedSubjectKFold(Protocol):
    """Repeated k-fold splits by subject, with a new random assignment in each repetition.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    n_repeats : int, default=10
        Number of times that subjects are assigned to folds.
    random_state : int, RandomState instance or None, default=0
        Seed of the folds.

    See Also
    --------
    SubjectKFold : Assigns subjects to folds once.
    sklearn_emg.metrics.corrected_resampled_ttest : Compares two models over such folds.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import RepeatedSubjectKFold
    >>> X = pd.DataFrame({"subject": range(10)})
    >>> RepeatedSubjectKFold(5, n_repeats=3).get_n_splits(X, [0, 1] * 5)
    15
    """

    def __init__(self, n_splits: int = 5, *, n_repeats: int = 10, random_state: Seed = 0) -> None:
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        n_repeats = check_integer(self.n_repeats, "n_repeats", type(self).__name__)
        rng = check_random_state(self.random_state)
        runs: list[ProtocolRun] = []
        for repeat in range(n_repeats):
            folds = SubjectKFold(self.n_splits, random_state=rng.randint(2**31 - 1))
            for run in folds.runs(X, y, groups):
                label = f"repeat {repeat}, {run.label}"
                runs.append(replace(run, number=len(runs), label=label, seed=repeat))
        return runs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of runs (folds times repeats); the arguments are not used."""
        name = type(self).__name__
        n_splits = check_integer(self.n_splits, "n_splits", name, minimum=2)
        return n_splits * check_integer(self.n_repeats, "n_repeats", name)


class NestedProtocol(Protocol):
    """Outer folds by subject for testing and inner folds by subject for choosing settings.

    Parameters
    ----------
    n_splits : int, default=5
        Number of outer folds.
    n_inner : int, default=4
        Number of inner folds.
    random_state : int, default=0
        Seed of the outer and the inner folds.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.model_selection import NestedProtocol
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> search = NestedProtocol(5, n_inner=3).search(model, {"estimator__C": [0.1, 1.0]})
    >>> search.cv
    SubjectKFold(n_splits=3, random_state=0, shuffle=None, stratify='auto')
    """

    def __init__(self, n_splits: int = 5, *, n_inner: int = 4, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.n_inner = n_inner
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        outer = SubjectKFold(self.n_splits, random_state=self.random_state)
        return [replace(run, label=f"outer {run.label}") for run in outer.runs(X, y, groups)]

    def search(
        self, estimator: Any, param_grid: Any, *, scoring: Any = None, n_jobs: int | None = None
    ) -> Any:
        """Wrap an estimator in a grid search over the inner folds.

        Parameters
        ----------
        estimator : estimator object
            Estimator whose parameters are searched.
        param_grid : dict or list of dict
            Values to try for each parameter.
        scoring : str or callable, default=None
            Score to maximise; by default, the balanced accuracy of subjects.
        n_jobs : int, default=None
            Number of parallel fits.

        Returns
        -------
        search : GridSearchCV
            Search to be fitted on the training rows of each run, so that no choice uses the test
            subjects.
        """
        from sklearn.model_selection import GridSearchCV

        from sklearn_emg.metrics import subject_scorer

        inner = SubjectKFold(self.n_inner, random_state=self.random_state)
        scoring = subject_scorer("balanced_accuracy") if scoring is None else scoring
        return GridSearchCV(estimator, param_grid, cv=inner, scoring=scoring, n_jobs=n_jobs)
