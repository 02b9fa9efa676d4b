"""Protocols of published studies, and honest ones, as lists of runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import BaseCrossValidator, StratifiedShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_emg._typing import Labels
from sklearn_emg.model_selection._split import (
    LeaveOneSubjectOut,
    Seed,
    Split,
    SubjectKFold,
    _Subjects,
    _SubjectSplitter,
)
from sklearn_emg.recordings import subjects_of

# Numbers of the (validation, test) subject of each class in the six runs of Loubar and Toubal.
BOUMERDES_PAIRS = ((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))


@dataclass(frozen=True)
class ProtocolRun:
    """One fit and test of a protocol.

    Attributes
    ----------
    number : int
        Position in the protocol, from 0.
    label : str
        What is special about it, such as "fold 2, initialisation 1".
    train, test : ndarray of int
        Row numbers.
    validation : ndarray of int or None
        Rows that the protocol sets apart for choosing weights or settings; in neither of the
        others.
    seed : int
        For the `random_state` of the estimator, see :func:`with_seed`.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import BoumerdesProtocol
    >>> from sklearn_emg.neural_network import ALSNetClassifier
    >>> X = pd.DataFrame({"subject": ["A1", "A2", "A3", "C1", "C2", "C3"]})
    >>> run = BoumerdesProtocol([(2, 3)]).runs(X, ["als"] * 3 + ["control"] * 3)[0]
    >>> run.prepare(ALSNetClassifier(), X).validation
    ['A2', 'C2']
    """

    number: int
    label: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    validation: NDArray[np.intp] | None = None
    seed: int = 0

    @property
    def fit_rows(self) -> NDArray[np.intp]:
        """Rows of training and validation together, for estimators that hold out their own."""
        if self.validation is None:
            return self.train
        return np.sort(np.concatenate([self.train, self.validation]))

    def prepare(self, estimator: Any, X: Any, groups: Labels | None = None) -> Any:
        """Copy of an estimator for this run.

        Parameters
        ----------
        estimator : estimator object
        X : DataFrame with a ``subject`` column, or array-like
            All rows of the protocol.
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X that does not bring them.

        Returns
        -------
        estimator : estimator object
            Not fitted, with the seed of the run. To be fitted on `fit_rows`: networks in it stop
            early on the validation subjects of the run, where it has some; classifiers that choose
            nothing while they are fitted learn from these too.
        """
        estimator = with_seed(estimator, self.seed)
        if self.validation is None:
            return estimator
        subjects = _Subjects(X, None, groups)
        held = [subjects.names[k] for k in np.unique(subjects.codes[self.validation])]
        return with_validation(estimator, held)


class Protocol(BaseCrossValidator):
    """Base of protocols: subclasses write `_runs`.

    The order of the rows has no part in which subjects are drawn: they are sorted by name first.

    A protocol is a splitter too: ``cross_validate(model, X, y, cv=protocol)`` fits on training and
    validation rows together and does not set seeds.
    """

    leaky: ClassVar[bool] = False
    # Whether rows are windows, which have to be cut before they are dealt to the sides.
    of_windows: ClassVar[bool] = False
    # With metadata routing the groups come without a request; a table needs none.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def runs(self, X: Any, y: Labels, groups: Labels | None = None) -> list[ProtocolRun]:
        """List the runs on these data.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
        y : array-like of shape (n_rows,)
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X that does not bring them.

        Returns
        -------
        runs : list of ProtocolRun

        Raises
        ------
        ValueError
            If a class has too few subjects, or a parameter is out of range.
        """
        return self._runs(X, y, groups)

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        raise NotImplementedError(f"{type(self).__name__} lacks _runs.")

    def split(self, X: Any, y: Any = None, groups: Labels | None = None) -> Iterator[Split]:
        """Yield row numbers of training (with validation) and test of each run."""
        for run in self.runs(X, y, groups):
            yield run.fit_rows, run.test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of runs on these data."""
        if X is None:
            raise ValueError(f"{type(self).__name__} needs X and y to count its runs.")
        return len(self.runs(X, y, groups))


def splits_by_subject(cv: Any, X: Any, y: Any) -> list[Split]:
    """Splits of a table; the group splitters of scikit-learn, which do not look into it, get its
    subjects as groups.

    Parameters
    ----------
    cv : splitter
    X : DataFrame with a ``subject`` column
    y : array-like of shape (n_rows,)

    Returns
    -------
    splits : list of (train, test)
    """
    own = isinstance(cv, _SubjectSplitter | Protocol)
    if own or not get_routing_for_object(cv).consumes("split", ["groups"]):
        return list(cv.split(X, y))
    return list(cv.split(X, y, subjects_of(X)))


def _positive(value: Any, name: str, owner: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} must be an int >= {least}. "
            f"Got {value!r}."
        )
    return int(value)


class NEMGNetProtocol(Protocol):
    """nEMGNet's protocol: 5 folds by subject, 3 initialisations of the network in each.

    The paper chose the weights on the test fold; here no run has a part in the choice but the
    training subjects.

    Parameters
    ----------
    n_splits : int, default=5
    n_initialisations : int, default=3
    random_state : int, default=0
        Of the folds; the seeds of the initialisations are 0, 1, 2 ...

    References
    ----------
    J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular disorder
    classification from needle electromyography signals with explainability", Comput. Methods
    Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import NEMGNetProtocol
    >>> X, y = pd.DataFrame({"subject": range(10)}), [0, 1] * 5
    >>> runs = NEMGNetProtocol().runs(X, y)
    >>> len(runs), runs[4].label
    (15, 'fold 1, initialisation 1')
    """

    def __init__(
        self, n_splits: int = 5, *, n_initialisations: int = 3, random_state: int = 0
    ) -> None:
        self.n_splits = n_splits
        self.n_initialisations = n_initialisations
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        n_seeds = _positive(self.n_initialisations, "n_initialisations", self)
        folds = list(
            SubjectKFold(self.n_splits, random_state=self.random_state).split(X, y, groups)
        )
        return [
            ProtocolRun(k * n_seeds + seed, f"fold {k}, initialisation {seed}", *fold, seed=seed)
            for k, fold in enumerate(folds)
            for seed in range(n_seeds)
        ]


class BoumerdesProtocol(Protocol):
    """Runs with one validation and one test subject of each class.

    Parameters
    ----------
    pairs : sequence of (int, int), default=((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))
        Validation and test subject of each run, the same for each class. The default are the six
        runs of the study.
    by : {"number", "position"}, default="number"
        What the pairs count: "number" is the number at the end of a subject's name, as 4 in "A04",
        "C04" and "M04" of N2001, where some numbers are missing. "position" counts the subjects of
        each class from 1, in the order of their names ("P2" before "P10").

    Notes
    -----
    ``run.prepare(model, X)`` has networks stop early on the validation subjects of the run, as
    ``python -m sklearn_emg.papers`` does; as a splitter in ``cross_validate`` the protocol cannot,
    and networks draw validation subjects of their own. To choose settings on them, give
    ``cv=[(run.train, run.validation)]`` to a search.

    The source gives the pairs as plain numbers. As numbers of subjects all of them are in each
    class of the biceps recordings of N2001; as positions they could not be, since six subjects with
    myopathy have biceps recordings.

    References
    ----------
    L. Loubar and M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import BoumerdesProtocol
    >>> X = pd.DataFrame({"subject": [f"{c}{i:02d}" for c in "AC" for i in range(1, 8)]})
    >>> run = BoumerdesProtocol().runs(X, ["als"] * 7 + ["control"] * 7)[0]
    >>> X["subject"][run.validation].tolist(), X["subject"][run.test].tolist()
    (['A04', 'C04'], ['A03', 'C03'])
    """

    def __init__(
        self, pairs: Sequence[tuple[int, int]] = BOUMERDES_PAIRS, *, by: str = "number"
    ) -> None:
        self.pairs = pairs
        self.by = by

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        subjects = _Subjects(X, y, groups)
        if not subjects.classes or (subjects.has_class.sum(axis=1) > 1).any():
            raise ValueError("BoumerdesProtocol needs y with one class per subject.")
        if self.by not in ("number", "position"):
            raise ValueError(
                "The 'by' parameter of BoumerdesProtocol must be 'number' or 'position'. "
                f"Got {self.by!r}."
            )
        pairs = self._checked_pairs()
        subjects.require(3, "BoumerdesProtocol", "Training, validation and test need one each.")
        named = sorted({number for pair in pairs for number in pair})
        members = [self._members(subjects, k, named) for k in range(len(subjects.classes))]
        runs = []
        for number, (v, t) in enumerate(pairs):
            validation = subjects.rows([own[v] for own in members])
            test = subjects.rows([own[t] for own in members])
            train = np.setdiff1d(np.arange(len(subjects.codes)), np.union1d(validation, test))
            label = f"validation subject {v}, test subject {t}"
            runs.append(ProtocolRun(number, label, train, test, validation, number))
        return runs

    def _checked_pairs(self) -> list[tuple[int, int]]:
        try:
            pairs: NDArray[Any] = np.array(self.pairs)
        except ValueError:  # of different lengths
            pairs = np.empty(0)
        fits = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
        if not fits or (pairs < 1).any() or (pairs[:, 0] == pairs[:, 1]).any():
            raise ValueError(
                "The 'pairs' parameter of BoumerdesProtocol must hold two different whole numbers, "
                f"from 1, for each run. Got {self.pairs!r}."
            )
        return [(v, t) for v, t in pairs.tolist()]

    def _members(self, subjects: _Subjects, k: int, named: list[int]) -> dict[int, int]:
        """Codes of the subjects of a class by what the pairs count."""
        codes = np.flatnonzero(subjects.has_class[:, k])
        names = {int(code): str(subjects.names[code]) for code in codes}
        if self.by == "position":
            order = sorted(names, key=lambda code: _natural(names[code]))
            own = dict(enumerate(order, start=1))
        else:
            ends = {code: re.search(r"\d+$", name) for code, name in names.items()}
            own = {int(end[0]): code for code, end in ends.items() if end}
        if missing := [number for number in named if number not in own]:
            raise ValueError(
                f"BoumerdesProtocol with these pairs needs the subjects {named} of each class by "
                f"{self.by}, but class {subjects.classes[k]!r} has no {missing[0]}: its subjects "
                f"are {sorted(names.values())}. Give other 'pairs', for instance ((1, 2), (2, 1)), "
                "or count in the other way with 'by'."
            )
        return own


def _natural(name: str) -> list[tuple[str, int]]:
    """Key that sorts "P2" before "P10"."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


class SubjectHoldout(Protocol):
    """Draws of whole subjects for training, validation and test, as ALSNet's split by subject.

    Parameters
    ----------
    test_size, validation_size : float, default=0.2 and 0.0
        Shares of the subjects of each class, at least one; no validation with 0.
    n_repeats : int, default=1
    random_state : int, RandomState instance or None, default=0

    References
    ----------
    K. M. Hassan et al., "ALSNet: A Dilated 1-D CNN for Identifying ALS from Raw EMG Signal", ICASSP
    2022; the shares are not known here.

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

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        for name, low in (("test_size", False), ("validation_size", True)):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
            if not number or not (0 < value < 1 or (low and value == 0)):
                raise ValueError(
                    f"The {name!r} parameter of SubjectHoldout must be a share of the subjects, "
                    f"between 0 and 1. Got {value!r}."
                )
        n_repeats = _positive(self.n_repeats, "n_repeats", self)
        subjects = _Subjects(X, y, groups)
        subjects.require(
            2 + (self.validation_size > 0),
            "SubjectHoldout",
            "Each part needs one: hold out fewer parts, or record more subjects.",
        )
        rng = check_random_state(self.random_state)
        runs = []
        for number in range(n_repeats):
            test: list[int] = []
            validation: list[int] = []
            for k in np.unique(subjects.strata):
                drawn = rng.permutation(np.flatnonzero(subjects.strata == k)).tolist()
                n_test = max(1, round(self.test_size * len(drawn)))
                n_valid = max(1, round(self.validation_size * len(drawn)))
                n_valid = n_valid if self.validation_size > 0 else 0
                n_test = min(n_test, len(drawn) - 1 - n_valid)
                test += drawn[:n_test]
                validation += drawn[n_test : n_test + n_valid]
            held = subjects.rows(validation) if validation else None
            train = np.setdiff1d(np.arange(len(subjects.codes)), subjects.rows(test + validation))
            runs.append(
                ProtocolRun(number, f"draw {number}", train, subjects.rows(test), held, seed=number)
            )
        return runs


class RandomWindows(Protocol):
    """Random windows for training and test: LEAKY, windows of one person are on both sides.

    The protocol behind the highest published figures, here to be shown beside an honest one. Rows
    of X have to be windows, as :func:`~sklearn_emg.recordings.window_table` cuts them.

    Parameters
    ----------
    test_size : float, default=0.25
        Share of the windows.
    n_repeats : int, default=1
    random_state : int, RandomState instance or None, default=0

    References
    ----------
    L. Loubar and M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", University M'Hamed Bougara, Boumerdes, 2023: 99.85 % so, 71.89 % by subject.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.model_selection import RandomWindows
    >>> run = RandomWindows().runs(np.zeros((40, 3)), [0, 1] * 20)[0]
    >>> len(run.train), len(run.test), RandomWindows.leaky
    (30, 10, True)
    """

    leaky = True
    of_windows = True

    def __init__(
        self, test_size: float = 0.25, *, n_repeats: int = 1, random_state: Seed = 0
    ) -> None:
        self.test_size = test_size
        self.n_repeats = n_repeats
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        if groups is not None:
            raise ValueError(
                "RandomWindows takes no 'groups': it puts windows of one person on both sides. "
                "Use SubjectHoldout for a split by subject."
            )
        if y is None:
            raise ValueError("RandomWindows needs y: it stratifies the windows by class.")
        n_repeats = _positive(self.n_repeats, "n_repeats", self)
        splitter = StratifiedShuffleSplit(
            n_repeats, test_size=self.test_size, random_state=self.random_state
        )
        return [
            ProtocolRun(k, f"draw {k} (leaky)", np.sort(train), np.sort(test), seed=k)
            for k, (train, test) in enumerate(splitter.split(np.zeros(len(y)), y))
        ]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of draws; the arguments are not used."""
        return _positive(self.n_repeats, "n_repeats", self)


class RepeatedSubjectKFold(Protocol):
    """K folds of subjects, dealt anew several times.

    Parameters
    ----------
    n_splits : int, default=5
    n_repeats : int, default=10
    random_state : int, RandomState instance or None, default=0

    See Also
    --------
    SubjectKFold : Once.
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

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        n_repeats = _positive(self.n_repeats, "n_repeats", self)
        rng = check_random_state(self.random_state)
        runs: list[ProtocolRun] = []
        for repeat in range(n_repeats):
            folds = SubjectKFold(self.n_splits, random_state=rng.randint(2**31 - 1))
            for k, (train, test) in enumerate(folds.split(X, y, groups)):
                label = f"repeat {repeat}, fold {k}"
                runs.append(ProtocolRun(len(runs), label, train, test, seed=repeat))
        return runs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of runs, folds times repeats; the arguments are not used."""
        return _positive(self.n_splits, "n_splits", self, 2) * _positive(
            self.n_repeats, "n_repeats", self
        )


class LeaveOneSubjectOutProtocol(Protocol):
    """Each subject tested on a model of all others.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.model_selection import LeaveOneSubjectOutProtocol
    >>> X = pd.DataFrame({"subject": list("abcdd")})
    >>> [run.label for run in LeaveOneSubjectOutProtocol().runs(X, [0, 0, 1, 1, 1])]
    ['subject a', 'subject b', 'subject c', 'subject d']
    """

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        names = _Subjects(X, y, groups).names
        return [
            ProtocolRun(k, f"subject {names[k]}", train, test)
            for k, (train, test) in enumerate(LeaveOneSubjectOut().split(X, y, groups))
        ]


class NestedProtocol(Protocol):
    """Outer folds by subject for testing, inner folds by subject for every choice.

    Parameters
    ----------
    n_splits : int, default=5
        Outer folds.
    n_inner : int, default=4
        Inner folds.
    random_state : int, default=0

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.model_selection import NestedProtocol
    >>> model = DiVoteClassifier(LogisticRegression(), window=None)
    >>> search = NestedProtocol(5, n_inner=3).search(model, {"estimator__C": [0.1, 1.0]})
    >>> search.cv
    SubjectKFold(n_splits=3, random_state=0, shuffle=None)
    """

    def __init__(self, n_splits: int = 5, *, n_inner: int = 4, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.n_inner = n_inner
        self.random_state = random_state

    def _runs(self, X: Any, y: Labels, groups: Labels | None) -> list[ProtocolRun]:
        outer = SubjectKFold(self.n_splits, random_state=self.random_state)
        return [
            ProtocolRun(k, f"outer fold {k}", *fold)
            for k, fold in enumerate(outer.split(X, y, groups))
        ]

    def search(
        self, estimator: Any, param_grid: Any, *, scoring: Any = None, n_jobs: int | None = None
    ) -> Any:
        """Wrap an estimator into a grid search over the inner folds.

        Parameters
        ----------
        estimator : estimator object
        param_grid : dict or list of dict
        scoring : str or callable, default=None
            By default the balanced accuracy of subjects.
        n_jobs : int, default=None

        Returns
        -------
        search : GridSearchCV
            To be fitted on the rows of each run; its choices never see the test subjects.
        """
        from sklearn.model_selection import GridSearchCV

        from sklearn_emg.metrics import subject_scorer

        inner = SubjectKFold(self.n_inner, random_state=self.random_state)
        scoring = subject_scorer("balanced_accuracy") if scoring is None else scoring
        return GridSearchCV(estimator, param_grid, cv=inner, scoring=scoring, n_jobs=n_jobs)


def with_seed(estimator: Any, seed: Any) -> Any:
    """Copy of an estimator with every `random_state` in it set to a seed.

    Parameters
    ----------
    estimator : estimator object
    seed : int, RandomState instance or None

    Returns
    -------
    estimator : estimator object
        Not fitted.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_emg.model_selection import with_seed
    >>> with_seed(BaggingClassifier(DecisionTreeClassifier()), 3).estimator.random_state
    3
    """
    return _with_parameter(estimator, "random_state", seed)


def with_validation(estimator: Any, validation: str | Sequence[Any]) -> Any:
    """Copy of an estimator whose networks choose their weights on given subjects.

    Parameters
    ----------
    estimator : estimator object
        Such as a pipeline with a network classifier of this package in it.
    validation : {"subjects", "windows"} or sequence of subjects
        See :class:`sklearn_emg.neural_network.EMGClassifier`. "windows" is leaky.

    Returns
    -------
    estimator : estimator object
        Not fitted. Where there is no network, nothing is different.

    Examples
    --------
    >>> from sklearn_emg.model_selection import with_validation
    >>> from sklearn_emg.papers import alsnet
    >>> with_validation(alsnet(), ["A04", "C04"]).named_steps["divote"].estimator.validation
    ['A04', 'C04']
    """
    return _with_parameter(estimator, "validation", validation)


def _with_parameter(estimator: Any, name: str, value: Any) -> Any:
    estimator = clone(estimator)
    names = [
        path
        for path in estimator.get_params(deep=True)
        if path == name or path.endswith(f"__{name}")
    ]
    return estimator.set_params(**dict.fromkeys(names, value))
