"""NeuroFusionNet (2024) and the networks that it was compared with."""

from __future__ import annotations

from typing import Any

from sklearn.decomposition import PCA
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_emg._validation import check_option
from sklearn_emg.feature_extraction import CWTFeatures, FFTSpectrum, TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector
from sklearn_emg.papers._building import (
    BAND_PASS,
    CNN_SIZES,
    MEAN_VOTE,
    TRAINING_OF_PERCEPTRON,
    classical_classifier,
    over_filtered,
)
from sklearn_emg.papers._neurofusion._published import method, neurofusion_systems
from sklearn_emg.papers._registry import OpenChoice
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AmplitudeScaler,
    AutoencoderDenoiser,
    WindowAugmenter,
)

_DENOISING = OpenChoice(
    "autoencoder",
    "three convolutions of 16 filters of 9 samples, trained for 10 epochs (Adam with a learning "
    "rate of 3e-3, batches of 32) to restore the training windows from windows with added white "
    "noise of the same power, with the mean squared error as the loss",
    "the source states no sizes",
)
_BEFORE_SEGMENTS = OpenChoice(
    "artefact removal before segmentation",
    "only the adaptive filter",
    "the source names no method; ArtefactRejector can be inserted before the scaling",
)
_ADAPTIVE = OpenChoice(
    "adaptive filter",
    "normalised LMS with sines at the power-line frequency as reference, forwards and backwards",
)
_MINMAX = OpenChoice("min-max normalisation of signals", "separately for each recording")
_SLOW = OpenChoice("sampling rate", "2 kHz", "this keeps sequences short")
_ZSCORE = OpenChoice(
    "normalisation",
    "z-score, separately for each recording",
    "signals scaled to the range from 0 to 1 have an offset with which recurrent networks learn "
    "nothing",
    "min-max normalisation in Algorithm 1 and z-score in Algorithm 3",
)
_NO_SIZE = "the source states no sizes"
_WINDOWS = OpenChoice("windows", "0.4 s every 0.2 s")
_ENHANCEMENT = OpenChoice(
    "enhancement",
    "only the band-pass",
    "the source does not state the input of the compared networks",
)
_PATIENCE = OpenChoice(
    "training",
    "Adam with a learning rate of 1e-3, batches of 32, at most 100 epochs, patience 20; the "
    "weights with the lowest loss on 20 % of the training subjects are kept",
    "the source mentions Adam or SGD, mini-batches and early stopping, but no numbers",
)
_KINDS = {
    "cnn": ("CNN", "CNN"),
    "rnn": ("recurrent network", "RNN"),
    "lstm": ("LSTM", "LSTM"),
    "gru": ("GRU", "GRU"),
    "attention": ("attention network", "attention"),
    "autoencoder": ("pretrained autoencoder", "autoencoder"),
}


@neurofusion_systems(
    {
        "neurofusion-features": method(
            "features of Algorithm 1 with a multilayer perceptron",
            "Algorithm 1 + MLP",
            "proposed",
        )
    },
    open_choices=[
        _ADAPTIVE,
        _BEFORE_SEGMENTS,
        _DENOISING,
        _MINMAX,
        OpenChoice(
            "Fourier spectrum",
            "magnitudes in 40 bands of 100 Hz up to 4 kHz",
            "a window of 0.4 s at 10 kHz has 2000 frequencies",
        ),
        OpenChoice("wavelet of the transform", "a complex Morlet wavelet; mean power per scale"),
        OpenChoice(
            "scaling before the PCA", "features are standardised", "features differ in their units"
        ),
        OpenChoice(
            "PCA", "up to 99 % of the variance", "the source states no number of components"
        ),
        OpenChoice("feature normalisation", "min-max over the training windows"),
        OpenChoice(
            "augmentation",
            "one copy of each training window, with white noise added to its selected features; "
            "the standard deviation of the noise is 5 % of that of the features of the window",
            "the source states no epsilon",
        ),
        OpenChoice("selection", "components above the mean importance"),
        OpenChoice(
            "classifier",
            f"a multilayer perceptron with 100 units, {TRAINING_OF_PERCEPTRON}",
            "this system tests the features; neurofusionnet contains the network of Algorithm 2",
            "the deep network of Algorithm 2",
        ),
        BAND_PASS,
        OpenChoice("windows", "0.4 s every 0.2 s at 10 kHz"),
        OpenChoice(
            "labels, split, report and export",
            "outside the pipeline: y, a protocol, preprocessing_report and export",
            "they do not transform signals",
            "steps of Algorithm 1",
        ),
        MEAN_VOTE,
    ],
    needs="nets",
)
def neurofusion_features(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    n_components: float | int = 0.99,
    line_freq: float = 50.0,
    random_state: Any = None,
) -> Pipeline:
    """Enhancement and features of NeuroFusionNet's Algorithm 1, with a multilayer perceptron.

    The steps are in the order of the source: band-pass, adaptive filter, min-max normalisation,
    segmentation, an autoencoder that removes artefacts from windows, the features (mean absolute
    value, Fourier spectrum and continuous wavelet transform), PCA, min-max normalisation of
    features, selection by random-forest impurity importance, and augmentation of the training
    windows. With ``set_params(divote__estimator__denoise=WaveletDenoiser())``, torch is not needed.

    Parameters
    ----------
    $windows
    n_components : float or int, default=0.99
        Fraction of the variance that the PCA keeps, or number of its components.
    $line_freq
    $random_state

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``adaptive``, ``scale``,
        ``mark`` and ``divote``; ``divote__estimator`` has the steps ``denoise``, ``features``,
        ``scaler``, ``pca``, ``normalise``, ``selection``, ``augment`` and ``classifier``.

    Notes
    -----
    The published result was obtained with the complete NeuroFusionNet, with a precision of 94 %, a
    recall of 93 % and an F1 score of 93 %. The source states neither the data nor the split.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import neurofusion_features
    >>> list(neurofusion_features().named_steps["divote"].estimator.named_steps)
    ['denoise', 'features', 'scaler', 'pca', 'normalise', 'selection', 'augment', 'classifier']
    """
    from imblearn.pipeline import Pipeline as SamplingPipeline

    top = min(4000.0, 0.4 * fs)
    features = FeatureUnion(
        [
            ("mav", TimeDomainFeatures(["mav"])),
            ("fourier", FFTSpectrum(high=top, resolution=top / 40)),
            ("cwt", CWTFeatures(["cwt_energy"])),
        ]
    )
    windows = SamplingPipeline(
        [
            ("denoise", AutoencoderDenoiser(max_epochs=10, random_state=random_state)),
            ("features", features),
            ("scaler", StandardScaler()),
            ("pca", PCA(n_components, svd_solver="covariance_eigh", random_state=random_state)),
            ("normalise", MinMaxScaler()),
            ("selection", RandomForestSelector(random_state=random_state)),
            ("augment", WindowAugmenter(epsilon=0.05, random_state=random_state)),
            ("classifier", classical_classifier("mlp", random_state)),
        ]
    )
    return over_filtered(windows, fs, window, step, before=_enhanced(line_freq))


def _enhanced(line_freq: float) -> tuple[tuple[str, Any], ...]:
    """Return the steps of Algorithm 1 before segmentation."""
    return (
        ("adaptive", AdaptiveFilter("powerline", freq=line_freq)),
        ("scale", AmplitudeScaler("minmax")),
    )


@neurofusion_systems(
    {
        "neurofusionnet": method(
            "NeuroFusionNet",
            "Algorithm 1, CNN + LSTM + GRU + attention + graph",
            "proposed",
        )
    },
    open_choices=[
        OpenChoice(
            "sizes of the network",
            "32 and 64 filters of 9 samples with batch normalisation and max pooling by 4; LSTM "
            "and GRU with 64 units; 4 attention heads; a graph with 8 nodes",
            "the source states only the parts and their order",
        ),
        OpenChoice(
            "input of the network",
            "enhanced windows; neurofusion-features uses the features of Algorithm 1",
            "the source does not state which features are used, and convolutions need a signal",
        ),
        OpenChoice("regulariser", "dropout of 0.3 and a weight decay of 1e-4"),
        OpenChoice(
            "transfer learning, adaptation to a patient, autoencoder features",
            "omitted; available as TransferClassifier, AdaptiveDiagnosis and AutoencoderNet",
            "they need data from a second cohort or from the patient",
            "parts of the method",
        ),
        _ADAPTIVE,
        _BEFORE_SEGMENTS,
        _DENOISING,
        _MINMAX,
        OpenChoice(
            "augmentation",
            "white noise with 5 % of the standard deviation of the window is added to each "
            "training window, with new noise in each epoch",
            "the source states no epsilon",
        ),
        _PATIENCE,
        _SLOW,
        BAND_PASS,
        _WINDOWS,
        MEAN_VOTE,
    ],
    needs="nets",
)
def neurofusionnet(
    *,
    fs: float = 2_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    line_freq: float = 50.0,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """NeuroFusionNet, with the enhancement of Algorithm 1 and the training of Algorithm 2.

    The steps are in the order of the source: band-pass, adaptive filter, min-max normalisation,
    segmentation, an autoencoder that removes artefacts from windows, augmentation, and the network.
    ``set_params(divote__estimator__denoise=WaveletDenoiser())`` replaces the autoencoder, and
    "passthrough" removes it.

    Parameters
    ----------
    $windows
    $line_freq
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``adaptive``, ``scale``,
        ``mark`` and ``divote``; ``divote__estimator`` has the steps ``denoise`` and ``network``.
        Parameters such as ``divote__estimator__network__has_graph`` switch parts of the network on
        and off.

    Notes
    -----
    The source also reports a precision of 94 %, a recall of 93 % and an F1 score of 93 %.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import neurofusionnet
    >>> neurofusionnet().get_params()["divote__estimator__network__has_graph"]
    True
    """
    from sklearn_emg.neural_network import NeuroFusionNetClassifier

    augment = WindowAugmenter(epsilon=0.05, random_state=random_state)
    network = NeuroFusionNetClassifier(
        augment=augment, max_epochs=max_epochs, random_state=random_state
    )
    denoise = AutoencoderDenoiser(max_epochs=10, random_state=random_state)
    windows = Pipeline([("denoise", denoise), ("network", network)])
    return over_filtered(windows, fs, window, step, before=_enhanced(line_freq))


@neurofusion_systems(
    {
        f"plain-{kind}": method(f"plain {name}", f"plain {name}", row, {"kind": kind})
        for kind, (name, row) in _KINDS.items()
    },
    open_choices=[
        OpenChoice("CNN", CNN_SIZES, _NO_SIZE),
        OpenChoice(
            "recurrent networks",
            "one layer of 64 units on frames of 10 samples; the final state is classified",
            _NO_SIZE,
        ),
        OpenChoice(
            "attention network",
            "2 layers of a Transformer with 4 heads, 64 units and 128 dense units, on frames of 10 "
            "samples; dropout of 0.1",
            _NO_SIZE,
        ),
        OpenChoice(
            "autoencoder",
            "16 and 32 filters of 9 samples in steps of 4 samples, a code of 32 values and 32 "
            "dense units; 20 epochs of pretraining before the classifier is trained",
            _NO_SIZE,
        ),
        _PATIENCE,
        _SLOW,
        _ENHANCEMENT,
        _ZSCORE,
        BAND_PASS,
        _WINDOWS,
        MEAN_VOTE,
    ],
    needs="nets",
)
def plain_network(
    kind: str = "cnn",
    *,
    fs: float = 2_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """One of the plain networks with which NeuroFusionNet is compared.

    Parameters
    ----------
    kind : {"cnn", "rnn", "lstm", "gru", "attention", "autoencoder"}, default="cnn"
        Kind of network. An "autoencoder" learns to restore windows before its encoder is trained to
        classify them.
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``scale``, ``mark`` and
        ``divote``; the network is ``divote__estimator``.

    Raises
    ------
    ValueError
        If `kind` is not one of the above.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import plain_network
    >>> plain_network("gru").get_params()["divote__estimator__cell"]
    'gru'
    """
    from sklearn_emg.neural_network import (
        AttentionNetClassifier,
        AutoencoderNetClassifier,
        CNN1DClassifier,
        RecurrentNetClassifier,
    )

    check_option(kind, tuple(_KINDS), "kind", "plain_network")
    training = {"max_epochs": max_epochs, "random_state": random_state}
    if kind == "cnn":
        network = CNN1DClassifier(**training)
    elif kind == "attention":
        network = AttentionNetClassifier(**training)
    elif kind == "autoencoder":
        network = AutoencoderNetClassifier(**training)
    else:
        network = RecurrentNetClassifier(cell=kind, **training)
    return over_filtered(network, fs, window, step, before=(("scale", AmplitudeScaler("zscore")),))


@neurofusion_systems(
    {
        "transfer-cnn": method(
            "CNN with transfer learning",
            "CNN pretrained on some subjects, fine-tuned on others",
            "transfer learning",
        )
    },
    open_choices=[
        OpenChoice(
            "cohort of the pretraining",
            "half of the training subjects of each class, drawn at random; the network is "
            "fine-tuned on the others",
            "the cohort must not contain test subjects",
        ),
        OpenChoice(
            "network",
            "CNN1D, whose convolutions are frozen during fine-tuning with a tenth of the learning "
            "rate",
        ),
        _PATIENCE,
        _SLOW,
        _ENHANCEMENT,
        _ZSCORE,
        BAND_PASS,
        _WINDOWS,
        MEAN_VOTE,
    ],
    needs="nets",
)
def transfer_cnn(
    *,
    fs: float = 2_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    source_fraction: float = 0.5,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Transfer learning with a CNN that is pretrained on some subjects and fine-tuned on others.

    Parameters
    ----------
    $windows
    source_fraction : float, default=0.5
        Fraction of the training subjects of each class that are used for pretraining.
    $training

    Returns
    -------
    pipeline : Pipeline
        Pipeline with the steps ``gaps``, ``filter``, ``resample``, ``scale``, ``mark`` and
        ``divote``. ``divote__estimator`` splits the subjects, ``divote__estimator__estimator`` is
        the TransferClassifier, and ``divote__estimator__estimator__estimator`` is the network.

    Notes
    -----
    The source also reports a sensitivity of 94.7 % and a specificity of 91.5 %.

    To pretrain on a different cohort, set ``divote__estimator`` to a TransferClassifier on which
    ``pretrain`` was called. Clones keep its weights, and fitting it on subjects of the pretraining
    raises an error.

    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import transfer_cnn
    >>> transfer_cnn(source_fraction=0.4).get_params()["divote__estimator__source_fraction"]
    0.4
    """
    from sklearn_emg.ensemble import SubjectTransferClassifier
    from sklearn_emg.neural_network import CNN1DClassifier, TransferClassifier

    network = CNN1DClassifier(max_epochs=max_epochs, random_state=random_state)
    windows = SubjectTransferClassifier(
        TransferClassifier(network, fine_tune_params={"lr": 1e-4}),
        source_fraction=source_fraction,
        random_state=random_state,
    )
    return over_filtered(windows, fs, window, step, before=(("scale", AmplitudeScaler("zscore")),))
