"""nEMGNet + DiVote (Yoo et al. 2022)."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.papers._building import check_choice, over_recordings
from sklearn_emg.papers._registry import Figure, register

CITATION = (
    "J. Yoo et al., Residual one-dimensional convolutional neural network for neuromuscular "
    "disorder classification from needle electromyography signals with explainability, Comput. "
    "Methods Programs Biomed. 226 (2022) 107079"
)
FEATURES = ("PD", "all", "averaging")


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
    """nEMGNet with DiVote: myopathy, neuropathy and normal from needle recordings.

    Recordings are resampled to 10 kHz and cut into windows of 0.4 s every 0.1 s, raw in mV.
    nEMGNet classifies the windows; recordings and subjects vote.

    Parameters
    ----------
    variant : {"A", "B", "C", "D"}, default="B"
        Depth of the network.
    feature : {"PD", "all", "averaging"}, default="PD"
        What the final logistic regression reads: the mean scores over proximal and over distal
        recordings (the table needs a ``region`` column with these two values), over all
        recordings, or no final classifier.
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.1
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None
        Initial weights, batches and validation subjects.

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter`` (none), ``resample``, ``divote``; the network is ``divote__estimator``.

    Raises
    ------
    ValueError
        If `variant` or `feature` is not one of the above.

    Notes
    -----
    Published accuracy of subjects, 5 folds by subject with 3 initialisations each, but with the
    weights chosen on the test fold, so leaky: A 67.17, 76.06, 76.57 % (averaging, feature-all,
    feature-PD); B 73.64, 81.92, 83.69; C 69.95, 81.26, 81.87; D 75.35, 81.26, 80.81. Windows: B
    62.35 %. The same group's nested cross-validation without that choice (PLoS ONE 21(5) e0339691,
    2026): median accuracy of subjects 70 %.

    Left open in the source, with the choice made here:

    - padding of the convolutions: half the kernel, which gives the published count of numbers
    - share of subjects for choosing the weights: 20 % of the training subjects of each class, where
      the paper looked at the test fold
    - anti-alias filter from 48 to 10 kHz: polyphase, linear phase

    References
    ----------
    J. Yoo et al., "Residual one-dimensional convolutional neural network for neuromuscular disorder
    classification from needle electromyography signals with explainability", Comput. Methods
    Programs Biomed. 226 (2022) 107079.

    Examples
    --------
    >>> from sklearn_emg.papers import nemgnet
    >>> nemgnet("C", "all").named_steps["divote"].estimator.variant
    'C'
    """
    from sklearn_emg.neural_network import NEMGNetClassifier

    check_choice(variant, ("A", "B", "C", "D"), "variant", "nemgnet")
    check_choice(feature, FEATURES, "feature", "nemgnet")
    return over_recordings(
        NEMGNetClassifier(variant=variant, max_epochs=max_epochs, random_state=random_state),
        fs=fs,
        window=window,
        step=step,
        by="region" if feature == "PD" else None,
        final_estimator=None if feature == "averaging" else "logistic",
    )


_SUBJECTS = {
    "A": (67.17, 76.06, 76.57),
    "B": (73.64, 81.92, 83.69),
    "C": (69.95, 81.26, 81.87),
    "D": (75.35, 81.26, 80.81),
}
for _variant, _values in _SUBJECTS.items():
    for _feature, _value in zip(reversed(FEATURES), _values):
        register(
            nemgnet,
            f"nemgnet-{_variant.lower()}-{_feature.lower()}",
            citation=CITATION,
            input="raw needle EMG at 10 kHz, windows of 0.4 s every 0.1 s",
            estimator=f"nEMGNet {_variant}, DiVote "
            + ("averaging" if _feature == "averaging" else f"feature-{_feature}"),
            published=[Figure("accuracy of subjects", _value, True)],
            needs="nets",
            least_fs=2510.0,  # 1003 samples in 0.4 s, or nothing is left after the last pooling
            variant=_variant,
            feature=_feature,
        )
