"""Dilated CNN and LSTM on N2001, and their protocol (Loubar and Toubal 2023)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_option
from sklearn_emg.model_selection import Protocol, ProtocolRun, SubjectStrata
from sklearn_emg.papers._building import over_recordings
from sklearn_emg.papers._registry import (
    OpenChoice,
    PublishedResult,
    Source,
    Variant,
    published_systems,
)

__all__ = ["BoumerdesProtocol", "boumerdes_cnn", "boumerdes_lstm"]

_SOURCE = Source(
    "L. Loubar, M. Toubal",
    2023,
    "EMG Signals Classification for Neuromuscular Diseases Detection Using Deep Learning",
    "Master's project, University M'Hamed Bougara, Boumerdes",
)
_INPUT = "raw needle EMG at 23437.5 Hz, windows of 1 s every 0.4 s"
_DATA = (
    "N2001, biceps brachii, 11.2 s at 23437.5 Hz: 98 recordings of 8 subjects with ALS, 107 of 7 "
    "with myopathy, 270 of 10 healthy ones, cut to 192; 2548, 2782 and 4992 windows of 23,437 "
    "samples every 9375, of which 2511, 2772 and 4990 have no missing sample"
)
# Numbers of the (validation, test) subject of each class in the six runs of the study.
BOUMERDES_PAIRS = ((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))


def _balanced(
    network: Any,
    smote_factor: float,
    max_ratio: float | None,
    random_state: Any,
    **windows: Any,
) -> Any:
    """Pipeline whose training leaves out recordings of large classes and makes up windows."""
    from imblearn.pipeline import Pipeline as SamplingPipeline

    from sklearn_emg.ensemble import SMOTEClassifier
    from sklearn_emg.preprocessing import RecordingUndersampler

    smote = SMOTEClassifier(network, factor=smote_factor, random_state=random_state)
    sampler = (
        "passthrough"
        if max_ratio is None
        else RecordingUndersampler(max_ratio, random_state=random_state)
    )
    steps = over_recordings(smote, max_gap=0.0, **windows).steps
    return SamplingPipeline([("undersample", sampler), *steps])


_FURTHER = (
    ("lowest accuracy of windows of six runs", "%"),
    ("highest accuracy of windows of six runs", "%"),
    ("F1 of windows, mean of six runs", "%"),
    ("training", "min"),
)
_BY_SUBJECT = {
    "ALS/myopathy/normal": (56.33, 80.59, 71.0, 244),
    "myopathy/normal": (69.67, 93.23, 77.0, 96),
    "ALS/normal": (69.69, 97.03, 84.0, 136),
}
_MISSING = OpenChoice(
    "missing samples",
    "every window with one is left out, as in the source; recordings shorter than a window too",
    "all recordings of the source have one length",
)
# The factor of SMOTE under the split of random windows, for which the source made no windows up.
_RANDOM_WINDOWS = {"divote__estimator__factor": 1.0}
# Healthy recordings that the source kept, for each recording with ALS.
_RATIO = 192 / 98
_HEALTHY = OpenChoice(
    "healthy recordings",
    "cut to 192 for every 98 of the smallest class (boumerdes_tables: for every 107 with "
    "myopathy), from the training subjects with the most recordings; all recordings that are "
    "tested are scored",
    "which ones were cut is not stated, and scores should not depend on it",
    "270 cut to 192 before the split",
)
_NEIGHBOURS = OpenChoice(
    "neighbours of SMOTE",
    "5, among the windows of the same subject",
    "a synthetic window belongs to one subject, so that early stopping by subject stays right",
    "neighbours in the class, whatever their subject",
)
_WINDOW_VOTE = OpenChoice(
    "vote over recordings and subjects", "mean probability", "the source scores windows only"
)
_VALIDATION = OpenChoice(
    "subjects for validation",
    "those of the source in the runs of BoumerdesProtocol; without a protocol that names them 20 % "
    "of each class, drawn by the network",
    "other data have no such subjects",
    "one subject of each class",
)
_OTHER_BALANCE = OpenChoice(
    "other ways to balance the classes",
    "max_ratio=1 undersamples alone, with smote_factor=1; noise is added by the network's augment=",
    "the source tried them and kept SMOTE",
    "undersampling and added noise were tried too",
)
_NO_SMOTE = OpenChoice(
    "SMOTE with random windows",
    "none in boumerdes_tables and in benchmarks of RandomWindows, as in the source; elsewhere "
    "smote_factor=1 leaves it out",
    "a pipeline does not know how rows were split",
)
_SIZES = OpenChoice(
    "windows after SMOTE",
    "at most twice the real training windows of a class, and no more than the largest class has",
    "subject 3 is in validation or test in each of the six runs, so that twice the windows of ALS "
    "and of myopathy left for training are fewer than published: the published numbers can only "
    "count all windows of a class, test windows included",
    "ALS 2511 to 4665, myopathy 2772 to 4886, in training only",
)


@published_systems(
    {
        "boumerdes-cnn": Variant(
            "dilated CNN after undersampling and SMOTE",
            "SMOTE, dilated CNN",
            [
                PublishedResult("accuracy of windows, ALS/myopathy/normal", 99.85, True),
                PublishedResult("accuracy of windows, ALS/myopathy/normal", 71.89, False),
                PublishedResult("accuracy of windows, myopathy/normal", 92.47, True),
                PublishedResult("accuracy of windows, myopathy/normal", 79.53, False),
                PublishedResult("accuracy of windows, ALS/normal", 96.06, True),
                PublishedResult("accuracy of windows, ALS/normal", 85.02, False),
            ],
            further=[
                PublishedResult(f"{measure}, {task}", value, False, unit)
                for task, values in _BY_SUBJECT.items()
                for (measure, unit), value in zip(_FURTHER, values)
            ],
            random_windows=_RANDOM_WINDOWS,
        )
    },
    source=_SOURCE,
    input=_INPUT,
    open_choices=[
        OpenChoice("filters and kernel", "16, 32, 64, 128 and 9, dilations 1 to 4"),
        OpenChoice(
            "L2 penalty",
            "1e-4 (as Keras counts it), on the kernels and the dense layers",
            "the source gives no strength; the optimiser has one penalty for all weight matrices",
            "on the kernels of the convolutions",
        ),
        OpenChoice("padding of the convolutions", "zeros, which keep the length"),
        _SIZES,
        _MISSING,
        OpenChoice(
            "dropout",
            "0.1",
            "with 0.3 before the maximum over time, maxima in training exceed those in prediction "
            "and little is learned",
        ),
        _HEALTHY,
        _NEIGHBOURS,
        _NO_SMOTE,
        _OTHER_BALANCE,
        OpenChoice(
            "weights that are kept",
            "those of the epoch with the lowest validation loss",
            "the source stops early and does not say which it keeps",
        ),
        OpenChoice(
            "batches and patience for myopathy against normal",
            "16 and 25 as for the other tasks, except in boumerdes_tables",
            "the pipeline does not know its task before it is fitted",
            "32 and 20",
        ),
        _VALIDATION,
        OpenChoice(
            "output for two classes",
            "two softmax units",
            "the same model, and any number of classes",
            "one sigmoid unit",
        ),
        _WINDOW_VOTE,
    ],
    data=_DATA,
    needs="nets",
)
def boumerdes_cnn(
    *,
    fs: float = 23_437.5,
    window: float = 1.0,
    step: float = 0.4,
    max_ratio: float | None = _RATIO,
    smote_factor: float = 2.0,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Dilated 1-D CNN of the Boumerdes study: ALS, myopathy and normal on N2001.

    Windows of 1 s every 0.4 s are used, raw in mV. Recordings of large classes are left out, then
    SMOTE enlarges small classes of the training subjects; the network stops early on held-out
    subjects, none of whose windows are synthetic.

    Parameters
    ----------
    $windows
    max_ratio : float or None, default=192 / 98
        Maximum ratio of the recordings of a class to those of the smallest class; None keeps all.
    smote_factor : float, default=2.0
        Maximum ratio of the windows of a class to its real windows; 1 adds none.
    $training

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline
        Steps ``undersample``, ``gaps``, ``filter`` (none), ``resample``, ``mark``, ``divote``; the
        network is ``divote__estimator__estimator``, inside its SMOTE.

    See Also
    --------
    BoumerdesProtocol : The split of the study by subject.
    boumerdes_tables : Repeats the tables of the study.

    Notes
    -----
    The results with random windows are leaky; those by subject are means over six runs. Lowest and
    highest of these runs: ALS, myopathy, normal 56.33-80.59 %; myopathy against normal 69.67-93.23;
    ALS against normal 69.69-97.03. The source takes batches of 32 and patience 20 for myopathy
    against normal.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import boumerdes_cnn
    >>> list(boumerdes_cnn().named_steps)
    ['undersample', 'gaps', 'filter', 'resample', 'mark', 'divote']
    """
    from sklearn_emg.neural_network import DilatedCNNClassifier

    network = DilatedCNNClassifier(max_epochs=max_epochs, random_state=random_state)
    return _balanced(
        network, smote_factor, max_ratio, random_state, fs=fs, window=window, step=step
    )


@published_systems(
    {
        "boumerdes-lstm": Variant(
            "three-layer LSTM after undersampling and SMOTE",
            "SMOTE, three-layer LSTM",
            [PublishedResult("accuracy of windows, ALS/myopathy/normal", 64.86, True)],
            random_windows=_RANDOM_WINDOWS,
        )
    },
    source=_SOURCE,
    input=_INPUT,
    open_choices=[
        OpenChoice("early stopping", "none, the weights with the lowest validation loss are kept"),
        OpenChoice(
            "initial weights",
            "as in Keras: Xavier-uniform, recurrent ones orthogonal, forget gates open",
            "open gates keep a long memory",
        ),
        OpenChoice("steps of the sequence", "each sample is one; no dropout"),
        _SIZES,
        _HEALTHY,
        _NEIGHBOURS,
        _NO_SMOTE,
        _OTHER_BALANCE,
        _VALIDATION,
        _WINDOW_VOTE,
        _MISSING,
    ],
    data=_DATA,
    needs="nets",
)
def boumerdes_lstm(
    *,
    fs: float = 23_437.5,
    window: float = 1.0,
    step: float = 0.4,
    max_ratio: float | None = _RATIO,
    smote_factor: float = 2.0,
    max_epochs: int = 60,
    random_state: Any = None,
) -> Pipeline:
    """Three-layer LSTM of the Boumerdes study, on the same windows as its CNN.

    Parameters
    ----------
    $windows
    max_ratio : float or None, default=192 / 98
        Maximum ratio of the recordings of a class to those of the smallest class; None keeps all.
    smote_factor : float, default=2.0
        Maximum ratio of the windows of a class to its real windows; 1 adds none.
    $training

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline
        As for :func:`boumerdes_cnn`.

    Notes
    -----
    The published result is leaky: it has random windows. By subject the source never finished, as
    one epoch took hours; here a low `fs` makes the LSTM affordable.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import boumerdes_lstm
    >>> boumerdes_lstm().get_params()["divote__estimator__estimator__n_layers"]
    3
    """
    from sklearn_emg.neural_network import StackedLSTMClassifier

    network = StackedLSTMClassifier(max_epochs=max_epochs, random_state=random_state)
    return _balanced(
        network, smote_factor, max_ratio, random_state, fs=fs, window=window, step=step
    )


class BoumerdesProtocol(Protocol):
    """Runs with one validation and one test subject of each class.

    Parameters
    ----------
    pairs : sequence of (int, int), default=((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))
        Validation and test subject of each run, the same for each class. The default are the six
        runs of the study.
    by : {"number", "position"}, default="number"
        Meaning of the numbers in `pairs`: "number" is the number at the end of a subject's name, as
        4 in "A04", "C04" and "M04" of N2001, where some numbers are missing. "position" counts the
        subjects of each class from 1, in the order of their names ("P2" before "P10").

    Notes
    -----
    With ``run.prepare(model, X)``, as in ``python -m sklearn_emg.papers``, networks stop early on
    the validation subjects of the run. As a splitter in ``cross_validate`` the protocol cannot pass
    them on, and networks draw validation subjects of their own. To choose settings on them, give
    ``cv=[(run.train, run.validation)]`` to a search.

    The source gives the pairs as plain numbers. As numbers of subjects all of them exist in each
    class of the biceps recordings of N2001; as positions they could not, since six subjects with
    myopathy have biceps recordings.

    References
    ----------
    L. Loubar and M. Toubal, "EMG Signals Classification for Neuromuscular Diseases Detection Using
    Deep Learning", University M'Hamed Bougara, Boumerdes, 2023.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.papers import BoumerdesProtocol
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

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        subjects, members = self._members(X, y, groups)
        self._require(subjects)
        pairs = self._checked_pairs()
        needed = sorted({number for pair in pairs for number in pair})
        for label, own in zip(subjects.classes, members):
            self._check_numbers(needed, label, own, subjects.names)
        runs = []
        for number, (v, t) in enumerate(pairs):
            validation = subjects.rows([own[v] for own in members])
            test = subjects.rows([own[t] for own in members])
            train = np.setdiff1d(np.arange(len(subjects.codes)), np.union1d(validation, test))
            label = f"validation subject {v}, test subject {t}"
            runs.append(ProtocolRun(number, label, train, test, validation, number))
        return runs

    def _check_numbers(
        self, needed: list[int], label: Any, own: dict[int, int], names: list[Any]
    ) -> None:
        """Refuse a class without one of the subjects that the pairs name."""
        if missing := [number for number in needed if number not in own]:
            raise ValueError(
                f"BoumerdesProtocol with these pairs needs the subjects {needed} of each class by "
                f"{self.by}, but class {label!r} has no {missing[0]}: its subjects are "
                f"{sorted(str(names[k]) for k in own.values())}. Give other 'pairs', for instance "
                "((1, 2), (2, 1)), or count in the other way with 'by'."
            )

    def possible_pairs(
        self, X: Any, y: Labels, groups: Labels | None = None
    ) -> list[tuple[int, int]]:
        """List the pairs whose subjects exist in every class of these data.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
        y : array-like of shape (n_rows,)
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        pairs : list of (int, int)

        Raises
        ------
        ValueError
            If a parameter is out of range, or a class has fewer than three subjects.
        """
        subjects, members = self._members(X, y, groups)
        self._require(subjects)
        return [pair for pair in self._checked_pairs() if all(set(pair) <= set(m) for m in members)]

    def missing_subjects(
        self, X: Any, y: Labels, groups: Labels | None = None
    ) -> list[list[tuple[Any, int]]]:
        """List the subjects that each run needs and that these data lack.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like
        y : array-like of shape (n_rows,)
        groups : array-like of shape (n_rows,), default=None
            Subjects of the rows, for an X without a ``subject`` column.

        Returns
        -------
        missing : list of list of (label, int)
            Class and number of the missing subjects of each run; an empty list where the run is
            possible.

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        subjects, members = self._members(X, y, groups)
        return [
            [
                (label, n)
                for label, own in zip(subjects.classes, members)
                for n in pair
                if n not in own
            ]
            for pair in self._checked_pairs()
        ]

    def _require(self, subjects: SubjectStrata) -> None:
        subjects.require(3, "BoumerdesProtocol", "Training, validation and test need one each.")

    def _members(
        self, X: Any, y: Labels | None, groups: Labels | None
    ) -> tuple[SubjectStrata, list[dict[int, int]]]:
        """Subjects; for each class the codes of its subjects by the numbers that `by` means."""
        subjects = SubjectStrata(X, y, groups)
        if not subjects.classes or subjects.several_classes:
            raise ValueError("BoumerdesProtocol needs y with one class per subject.")
        check_option(self.by, ("number", "position"), "by", "BoumerdesProtocol")
        self._checked_pairs()
        members = []
        for k in range(len(subjects.classes)):
            names = {int(code): str(subjects.names[code]) for code in subjects.members(k)}
            if self.by == "position":
                order = sorted(names, key=lambda code: _natural(names[code]))
                members.append(dict(enumerate(order, start=1)))
            else:
                ends = {code: re.search(r"\d+$", name) for code, name in names.items()}
                members.append({int(end[0]): code for code, end in ends.items() if end})
        return subjects, members

    def _checked_pairs(self) -> list[tuple[int, int]]:
        try:
            pairs: NDArray[Any] = np.array(self.pairs)
        except ValueError:  # of different lengths
            pairs = np.empty(0)
        fits = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
        if not fits or (pairs < 1).any() or (pairs[:, 0] == pairs[:, 1]).any():
            raise ValueError(
                "The 'pairs' parameter of BoumerdesProtocol must hold two different integers, "
                f"from 1, for each run. Got {self.pairs!r}."
            )
        return [(v, t) for v, t in pairs.tolist()]


def _natural(name: str) -> list[tuple[str, int]]:
    """Key that sorts "P2" before "P10"."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name)]
