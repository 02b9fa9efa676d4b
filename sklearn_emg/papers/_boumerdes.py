"""The dilated CNN and LSTM of Loubar and Toubal (2023) on N2001, and their protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklearn_emg._tables import natural_order
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
    "subjects with myopathy, and 270 of 10 healthy subjects, cut to 192; 2548, 2782 and 4992 "
    "windows of 23,437 samples every 9375 samples, of which 2511, 2772 and 4990 have no missing "
    "samples"
)
# Numbers of the validation and test subject of each class in the six runs of the study.
BOUMERDES_PAIRS = ((4, 3), (3, 4), (6, 3), (3, 6), (7, 3), (3, 7))


def _balanced(
    network: Any,
    smote_factor: float,
    max_ratio: float | None,
    random_state: Any,
    **windows: Any,
) -> Any:
    """Build a pipeline that undersamples large classes and adds synthetic windows in training."""
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
    ("training time", "min"),
)
_BY_SUBJECT = {
    "ALS/myopathy/normal": (56.33, 80.59, 71.0, 244),
    "myopathy/normal": (69.67, 93.23, 77.0, 96),
    "ALS/normal": (69.69, 97.03, 84.0, 136),
}
_MISSING = OpenChoice(
    "missing samples",
    "windows with missing samples, and recordings shorter than a window, are left out",
    "all recordings of the source have the same length",
    "windows with missing samples are left out",
)
# The source added no synthetic windows under the split of random windows.
_RANDOM_WINDOWS = {"divote__estimator__factor": 1.0}
# Number of healthy recordings that the source kept per recording with ALS.
_RATIO = 192 / 98
_HEALTHY = OpenChoice(
    "healthy recordings",
    "at most 192 for every 98 of the smallest class (in boumerdes_tables, for every 107 with "
    "myopathy); recordings are removed from the training subjects with the most recordings, and "
    "all test recordings are scored",
    "the source does not state which recordings were removed, and scores should not depend on it",
    "270 cut to 192 before the split",
)
_NEIGHBOURS = OpenChoice(
    "neighbours of SMOTE",
    "5 windows of the same subject",
    "each synthetic window then belongs to one subject, so early stopping by subject stays valid",
    "neighbours of the same class, regardless of their subject",
)
_WINDOW_VOTE = OpenChoice(
    "vote over recordings and subjects",
    "mean probability",
    "a diagnosis is that of a subject; benchmarks also score the windows",
    "none; only windows are scored",
)
_VALIDATION = OpenChoice(
    "subjects for validation",
    "the subjects of the source in the runs of BoumerdesProtocol; if no protocol names them, 20 % "
    "of the training subjects of each class, drawn by the network",
    "other data sets do not have these subjects",
    "one subject of each class",
)
_OTHER_BALANCE = OpenChoice(
    "other ways to balance the classes",
    "max_ratio=1 with smote_factor=1 only undersamples; augment= of the network adds noise",
    "the source tried them and kept SMOTE",
    "undersampling and added noise were also tried",
)
_NO_SMOTE = OpenChoice(
    "SMOTE with random windows",
    "none in boumerdes_tables and in benchmarks with RandomWindows; elsewhere, smote_factor=1 "
    "omits it",
    "a pipeline does not know how rows were split",
    "no synthetic windows, since undersampling was enough",
)
_SIZES = OpenChoice(
    "windows after SMOTE",
    "at most twice the number of real training windows of a class, and no more than in the largest "
    "class",
    "subject 3 is a validation or test subject in each of the six runs, so twice the number of "
    "training windows of ALS or of myopathy is lower than published; the published numbers can "
    "only be reached with all windows of a class, including test windows",
    "from 2511 to 4665 for ALS and from 2772 to 4886 for myopathy, in training only",
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
        OpenChoice(
            "numbers of filters, kernel size and dilations",
            "16, 32, 64 and 128 filters of 9 samples; dilations of 1 to 4",
        ),
        OpenChoice(
            "L2 penalty",
            "1e-4 (as defined in Keras), on the kernels and the dense layers",
            "the source does not state the strength; the optimiser has one penalty for all weight "
            "matrices",
            "on the kernels of the convolutions",
        ),
        OpenChoice("padding of the convolutions", "with zeros, which keeps the length"),
        _SIZES,
        _MISSING,
        OpenChoice(
            "dropout",
            "0.1",
            "with 0.3, the maxima over time are larger in training than in prediction, and the "
            "network learns little",
        ),
        _HEALTHY,
        _NEIGHBOURS,
        _NO_SMOTE,
        _OTHER_BALANCE,
        OpenChoice(
            "weights that are kept",
            "the weights of the epoch with the lowest validation loss",
            "the source stops early and does not state which weights it keeps",
        ),
        OpenChoice(
            "batches and patience for myopathy against normal",
            "16 and 25, as for the other tasks, except in boumerdes_tables",
            "the task of the pipeline is unknown before it is fitted",
            "32 and 20",
        ),
        _VALIDATION,
        OpenChoice(
            "output for two classes",
            "two softmax units",
            "this is equivalent and extends to more classes",
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
    """Dilated 1-D CNN of the Boumerdes study for ALS, myopathy and normal on N2001.

    The input consists of raw windows of 1 s every 0.4 s, in mV. In training, large classes are
    undersampled by recording, and SMOTE enlarges small classes. The network stops early on held-out
    subjects, which have no synthetic windows.

    Parameters
    ----------
    $windows
    max_ratio : float or None, default=192 / 98
        Maximum ratio of the number of recordings of a class to that in the smallest class. None
        keeps all recordings.
    smote_factor : float, default=2.0
        Maximum ratio of the number of windows of a class to the number of its real windows. 1 adds
        no synthetic windows.
    $training

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline
        Pipeline with the steps ``undersample``, ``gaps``, ``filter`` (none), ``resample``, ``mark``
        and ``divote``. ``divote__estimator`` applies SMOTE, and the network is
        ``divote__estimator__estimator``.

    See Also
    --------
    BoumerdesProtocol : The split of the study by subject.
    boumerdes_tables : Reproduces the tables of the study.

    Notes
    -----
    The results with random windows are leaky; those by subject are means over six runs. The
    accuracies of these runs are 56.33-80.59 % for ALS, myopathy and normal, 69.67-93.23 % for
    myopathy against normal, and 69.69-97.03 % for ALS against normal. For myopathy against normal,
    the source uses batches of 32 and patience 20.

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
        OpenChoice("early stopping", "none; the weights with the lowest validation loss are kept"),
        OpenChoice(
            "initial weights",
            "as in Keras: Xavier-uniform, recurrent weights orthogonal, biases of the forget gates "
            "equal to 1",
            "the network then initially remembers earlier samples",
        ),
        OpenChoice("steps of the sequence and dropout", "one step per sample; no dropout"),
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
        Maximum ratio of the number of recordings of a class to that in the smallest class. None
        keeps all recordings.
    smote_factor : float, default=2.0
        Maximum ratio of the number of windows of a class to the number of its real windows. 1 adds
        no synthetic windows.
    $training

    Returns
    -------
    pipeline : imblearn.pipeline.Pipeline
        Pipeline with the same steps as the pipeline of :func:`boumerdes_cnn`.

    Notes
    -----
    The published result is leaky, since windows were split at random. The source did not finish the
    training by subject, because an epoch took hours. A low `fs` reduces the time.

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
        Validation and test subject of each run, the same numbers for each class. The default is the
        six runs of the study.
    by : {"number", "position"}, default="number"
        Meaning of the numbers in `pairs`. "number" is the number at the end of a subject's name,
        such as 4 in "A04", "C04" and "M04" of N2001, where some numbers are missing. "position"
        counts the subjects of each class from 1 in the order of their names ("P2" before "P10").

    Notes
    -----
    With ``run.prepare(model, X)``, as in ``python -m sklearn_emg.papers``, networks stop early on
    the validation subjects of the run. If the protocol is used as a splitter in ``cross_validate``,
    it cannot pass on these subjects, and networks draw their own validation subjects. To choose
    settings on the validation subjects, pass ``cv=[(run.train, run.validation)]`` to a search.

    The source gives the pairs as plain numbers. If they are subject numbers, all of them exist in
    each class of the biceps recordings of N2001. They cannot be positions, since the pairs contain
    the number 7, but only six subjects with myopathy have biceps recordings.

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
        """Reject a class that lacks a subject named in the pairs."""
        if missing := [number for number in needed if number not in own]:
            raise ValueError(
                f"BoumerdesProtocol with these pairs needs the subjects {needed} of each class by "
                f"{self.by}, but class {label!r} has no {missing[0]}: its subjects are "
                f"{sorted(str(names[k]) for k in own.values())}. Use different 'pairs', for "
                "instance ((1, 2), (2, 1)), or change 'by'."
            )

    def possible_pairs(
        self, X: Any, y: Labels, groups: Labels | None = None
    ) -> list[tuple[int, int]]:
        """List the pairs whose subjects exist in every class of these data.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like of shape (n_rows, ...)
            Recordings or other rows of subjects.
        y : array-like of shape (n_rows,)
            Labels.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, if `X` has no ``subject`` column.

        Returns
        -------
        pairs : list of (int, int)
            Pairs of validation and test subjects.

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
        """List the subjects that each run needs, but that these data lack.

        Parameters
        ----------
        X : DataFrame with a ``subject`` column, or array-like of shape (n_rows, ...)
            Recordings or other rows of subjects.
        y : array-like of shape (n_rows,)
            Labels.
        groups : array-like of shape (n_rows,), default=None
            Subject of each row, if `X` has no ``subject`` column.

        Returns
        -------
        missing : list of list of (label, int)
            Class and number of the missing subjects of each run; an empty list if the run is
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
        reason = "Training, validation and test need one subject each."
        subjects.require(3, "BoumerdesProtocol", reason)

    def _members(
        self, X: Any, y: Labels | None, groups: Labels | None
    ) -> tuple[SubjectStrata, list[dict[int, int]]]:
        """Return the subjects and, for each class, the codes of its subjects by number."""
        subjects = SubjectStrata(X, y, groups)
        if not subjects.classes or subjects.several_classes:
            raise ValueError("BoumerdesProtocol needs y with one class per subject.")
        check_option(self.by, ("number", "position"), "by", "BoumerdesProtocol")
        self._checked_pairs()
        members = []
        for k in range(len(subjects.classes)):
            names = {int(code): str(subjects.names[code]) for code in subjects.members(k)}
            if self.by == "position":
                order = sorted(names, key=lambda code: natural_order(names[code]))
                members.append(dict(enumerate(order, start=1)))
            else:
                ends = {code: re.search(r"\d+$", name) for code, name in names.items()}
                members.append({int(end[0]): code for code, end in ends.items() if end})
        return subjects, members

    def _checked_pairs(self) -> list[tuple[int, int]]:
        try:
            pairs: NDArray[Any] = np.array(self.pairs)
        except ValueError:  # the entries have different lengths
            pairs = np.empty(0)
        fits = pairs.ndim == 2 and pairs.shape[1] == 2 and pairs.dtype.kind in "iu"
        if not fits or (pairs < 1).any() or (pairs[:, 0] == pairs[:, 1]).any():
            raise ValueError(
                "The 'pairs' parameter of BoumerdesProtocol must contain two different integers "
                f"of at least 1 for each run. Got {self.pairs!r}."
            )
        return [(v, t) for v, t in pairs.tolist()]
