"""nEMGNet of J. Yoo et al. (2022) with DiVote, and its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg._typing import Labels
from sklearn_emg._validation import check_integer, check_option
from sklearn_emg.model_selection import Protocol, ProtocolRun, SubjectKFold
from sklearn_emg.papers._building import over_recordings
from sklearn_emg.papers._registry import (
    OpenChoice,
    PublishedResult,
    Source,
    Variant,
    published_systems,
)

YOO_2022 = Source(
    "J. Yoo et al.",
    2022,
    "Residual one-dimensional convolutional neural network for neuromuscular disorder "
    "classification from needle electromyography signals with explainability",
    "Comput. Methods Programs Biomed. 226, 107079",
)
YOO_2022_DATA = (
    "57 subjects, 19 with myopathy, 19 with neuropathy and 19 normal; 122, 160 and 94 needle "
    "recordings of 0.41 to 4.00 s at 48 kHz, from proximal (64, 63, 17) and distal muscles (58, "
    "97, 77); 2700, 3664 and 1706 windows"
)
_VARIANTS = ("A", "B", "C", "D")
_FEATURES = ("averaging", "all", "PD")
# Accuracy of subjects in percent; rows are variants, and columns are inputs of the vote.
_PUBLISHED = (
    (67.17, 76.06, 76.57),
    (73.64, 81.92, 83.69),
    (69.95, 81.26, 81.87),
    (75.35, 81.26, 80.81),
)


_WINDOWS_B = [
    PublishedResult("accuracy of windows", 62.35, True),
    PublishedResult("standard deviation of the accuracy of windows", 4.60, True),
    PublishedResult("sensitivity of windows, myopathy", 71.58, True),
    PublishedResult("sensitivity of windows, neuropathy", 63.20, True),
    PublishedResult("sensitivity of windows, normal", 52.26, True),
]
# Measures weighted by class size.
_SUBJECTS_B_PD = [
    PublishedResult(f"{measure} of subjects", value, True)
    for measure, value in (
        ("F1", 83.59),
        ("precision", 87.96),
        ("recall", 83.69),
        ("AUROC", 91.45),
        ("MCC", 77.70),
    )
]
_STAGES = ("preprocessing", "loading", "prediction", "diagnosis")


def costs(n_numbers: int, seconds: Sequence[float]) -> list[PublishedResult]:
    """Return the size of a network, and the times of its stages and of the whole diagnosis."""
    rows = [PublishedResult("parameters and buffers", n_numbers, unit="")]
    for stage, value in zip(_STAGES, seconds):
        name = f"{stage} of a test fold of 1614 windows on a V100"
        rows.append(PublishedResult(name, value, unit="s"))
    return rows


_COSTS_B = costs(33_238_686, (0.01, 0.43, 0.54, 0.99))


def _variant(variant: str, feature: str, accuracy: float) -> Variant:
    votes = feature if feature == "averaging" else f"feature-{feature}"
    further: list[PublishedResult] = []
    if variant == "B":
        further = [*(_SUBJECTS_B_PD if feature == "PD" else ()), *_WINDOWS_B, *_COSTS_B]
    return Variant(
        f"nEMGNet {variant} with DiVote {votes}",
        f"nEMGNet {variant}, DiVote {votes}",
        [PublishedResult("accuracy of subjects", accuracy, True)],
        {"variant": variant, "feature": feature},
        further,
    )


# Choices for all systems of this source.
OF_VOTES = (
    OpenChoice("anti-aliasing filter from 48 to 10 kHz", "polyphase, linear phase"),
    OpenChoice(
        "classifier of the votes",
        "scikit-learn's logistic regression (C=1), trained on the scores of the network on its own "
        "training recordings; with divote__cv, the scores are those of held-out subjects",
    ),
    OpenChoice(
        "folds and initialisations",
        "set by the evaluation: NEMGNetProtocol has the 5 folds by subject and 3 initialisations "
        "of the source",
        "a pipeline is fitted once",
        "5 folds by subject, 3 initialisations in each",
    ),
)


@published_systems(
    {
        f"nemgnet-{variant}-{feature}".lower(): _variant(variant, feature, accuracy)
        for variant, row in zip(_VARIANTS, _PUBLISHED)
        for feature, accuracy in zip(_FEATURES, row)
    },
    source=YOO_2022,
    input="raw needle EMG at 10 kHz, windows of 0.4 s every 0.1 s",
    open_choices=[
        OpenChoice(
            "padding of the convolutions",
            "half the kernel",
            "this gives the published number of parameters",
        ),
        OpenChoice(
            "subjects for choosing the weights",
            "20 % of the training subjects of each class",
            "choosing weights on the test fold is leaky; NEMGNetProtocol(choose_on='test') "
            "reproduces this choice",
            "the subjects of the test fold (leaky)",
        ),
        OpenChoice(
            "evaluations for choosing the weights",
            "every 50 updates and at the end of each epoch",
            "the updates after the last multiple of 50 in an epoch are then also evaluated",
            "every 50 updates",
        ),
        OpenChoice("early stopping", "none; all epochs are trained", "the paper mentions none"),
        OpenChoice("choice among equal validation accuracies", "the lowest loss"),
        OpenChoice("initial weights", "the defaults of PyTorch"),
        *OF_VOTES,
    ],
    data=YOO_2022_DATA,
    needs="nets",
    min_fs=2510.0,  # with fewer than 1003 samples in 0.4 s, nothing is left after the last pooling
)
def nemgnet(
    variant: str = "B",
    feature: str = "PD",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float = 0.1,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """nEMGNet with DiVote for myopathy, neuropathy and normal, on needle EMG.

    Recordings are resampled to 10 kHz and cut into raw windows of 0.4 s every 0.1 s, in mV. nEMGNet
    classifies the windows, whose votes are aggregated by recording and by subject.

    Parameters
    ----------
    variant : {"A", "B", "C", "D"}, default="B"
        Variant of the network, from the shallowest (A) to the deepest (D).
    feature : {"PD", "all", "averaging"}, default="PD"
        Input of the final logistic regression. "PD" uses the mean scores over proximal and over
        distal recordings, for which the table needs a ``region`` column with these two values.
        "all" uses the mean scores over all recordings. "averaging" uses no final classifier.
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter`` (none), ``resample``, ``mark`` and ``divote``;
        the network is ``divote__estimator``.

    Raises
    ------
    ValueError
        If `variant` or `feature` is not one of the above.

    See Also
    --------
    NEMGNetProtocol : The folds of the paper.

    Notes
    -----
    The published results are leaky: the source has 5 folds by subject with 3 initialisations each,
    but chose the weights on the test fold. The accuracy of windows with variant B is 62.35 %. In a
    nested cross-validation without this leak, the same group obtained a median accuracy of 70 % for
    subjects (PLoS ONE 21(5) e0339691, 2026).

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import nemgnet
    >>> nemgnet("C", "all").named_steps["divote"].estimator.variant
    'C'
    """
    from sklearn_emg.neural_network import NEMGNetClassifier

    check_option(variant, _VARIANTS, "variant", "nemgnet")
    check_option(feature, _FEATURES, "feature", "nemgnet")
    return over_recordings(
        NEMGNetClassifier(variant=variant, max_epochs=max_epochs, random_state=random_state),
        fs=fs,
        window=window,
        step=step,
        by="region" if feature == "PD" else None,
        final_estimator=None if feature == "averaging" else "logistic",
    )


class NEMGNetProtocol(Protocol):
    """nEMGNet's protocol, with 5 folds by subject and 3 initialisations of the network in each.

    The paper chose the weights on the test fold. Here they are chosen on training subjects, unless
    ``choose_on="test"`` reproduces the published choice, which is leaky.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    n_initialisations : int, default=3
        Number of fits per fold, with the seeds 0, 1, 2 and so on.
    choose_on : {"training", "test"}, default="training"
        Subjects on which networks choose their weights. With "training", each network holds out
        some of its training subjects. "test" uses the subjects of the test fold, as published, and
        `leaky` is then True. Benchmarks label such scores as leaky and show only the scores of
        windows, since a classifier of votes would also be fitted on the test subjects.
    random_state : int, default=0
        Seed of the folds.

    References
    ----------
    J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular disorder
    classification from needle electromyography signals with explainability", Comput. Methods
    Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_emg.papers import NEMGNetProtocol
    >>> X, y = pd.DataFrame({"subject": range(10)}), [0, 1] * 5
    >>> runs = NEMGNetProtocol().runs(X, y)
    >>> len(runs), runs[4].label
    (15, 'fold 1, initialisation 1')
    >>> NEMGNetProtocol(choose_on="test").runs(X, y)[4].label
    'fold 1, initialisation 1, weights chosen on the test fold (leaky)'
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        n_initialisations: int = 3,
        choose_on: str = "training",
        random_state: int = 0,
    ) -> None:
        self.n_splits = n_splits
        self.n_initialisations = n_initialisations
        self.choose_on = choose_on
        self.random_state = random_state
        self.leaky = choose_on == "test"

    def _runs(self, X: Any, y: Labels | None, groups: Labels | None) -> list[ProtocolRun]:
        n_seeds = check_integer(self.n_initialisations, "n_initialisations", "NEMGNetProtocol")
        check_option(self.choose_on, ("training", "test"), "choose_on", "NEMGNetProtocol")
        chosen = ", weights chosen on the test fold (leaky)" if self.leaky else ""
        folds = SubjectKFold(self.n_splits, random_state=self.random_state).runs(X, y, groups)
        return [
            replace(
                fold,
                number=fold.number * n_seeds + seed,
                label=f"{fold.label}, initialisation {seed}{chosen}",
                validation=fold.test if self.leaky else fold.validation,
                seed=seed,
            )
            for fold in folds
            for seed in range(n_seeds)
        ]
