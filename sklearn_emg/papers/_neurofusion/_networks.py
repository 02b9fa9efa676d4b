"""NeuroFusionNet and the networks compared with it (2024)."""

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
    NEUROFUSION,
    NEUROFUSION_DATA,
    NEUROFUSION_INPUT,
    classical_classifier,
    over_filtered,
)
from sklearn_emg.papers._neurofusion._published import further_results, main_result
from sklearn_emg.papers._registry import OpenChoice, Variant, published_systems
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    AmplitudeScaler,
    AutoencoderDenoiser,
    WindowAugmenter,
)

__all__ = ["neurofusion_features", "neurofusionnet", "plain_network", "transfer_cnn"]

_DENOISING = OpenChoice(
    "autoencoder",
    "convolutions of 16 filters, trained on the mean squared error of the training windows, which "
    "get white noise of their own power; 10 epochs",
    "the source gives no sizes",
)
_BEFORE_SEGMENTS = OpenChoice(
    "artefact removal before segmentation",
    "the adaptive filter alone",
    "the source names no method; ArtefactRejector can stand before the scaling",
)
_ADAPTIVE = OpenChoice(
    "adaptive filter", "normalised LMS with sines of the power line as reference, both ways in time"
)
_MINMAX = OpenChoice("min-max normalisation of signals", "by recording")
_SLOW = OpenChoice("sampling rate", "2 kHz", "sequences stay short")
_ZSCORE = OpenChoice(
    "normalisation",
    "z-score by recording",
    "a range from 0 to 1 has an offset with which recurrent networks learn nothing",
    "min-max in Algorithm 1, z-score in Algorithm 3",
)
_NO_SIZE = "the source gives no sizes"
_WINDOWS = OpenChoice("windows", "0.4 s every 0.2 s")
_ENHANCEMENT = OpenChoice(
    "enhancement",
    "the band-pass alone",
    "the source does not say what the compared networks were given",
)
_PATIENCE = OpenChoice(
    "training",
    "Adam 1e-3, batches of 32, at most 100 epochs, patience 20; the weights with the lowest loss "
    "on 20 % of the training subjects are kept",
    "the source names Adam or SGD, mini-batches and early stopping, and no numbers",
)
_KINDS = {
    "cnn": ("CNN", "CNN"),
    "rnn": ("recurrent network", "RNN"),
    "lstm": ("LSTM", "LSTM"),
    "gru": ("GRU", "GRU"),
    "attention": ("attention network", "attention"),
    "autoencoder": ("pretrained autoencoder", "autoencoder"),
}


@published_systems(
    {
        "neurofusion-features": Variant(
            "features of Algorithm 1 with a perceptron",
            "Algorithm 1 + MLP",
            main_result("proposed"),
            further=further_results("proposed"),
        )
    },
    source=NEUROFUSION,
    input=NEUROFUSION_INPUT,
    data=NEUROFUSION_DATA,
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
        OpenChoice("wavelet of the transform", "a complex Morlet wavelet, mean power by scale"),
        OpenChoice(
            "scaling before the PCA", "features are standardised", "they differ in their units"
        ),
        OpenChoice("PCA", "up to 99 % of the variance", "the source gives no number of components"),
        OpenChoice("feature normalisation", "min-max over the training windows"),
        OpenChoice(
            "augmentation",
            "one copy of each training window, whose selected features get noise of 5 % of the "
            "spread of its features",
            "the source gives no epsilon",
        ),
        OpenChoice("selection", "components above the mean importance"),
        OpenChoice(
            "classifier",
            "a perceptron of 100 units, Adam 1e-3, at most 500 epochs",
            "Algorithm 2 alone is neurofusionnet; here the features are tested",
            "the deep network of Algorithm 2",
        ),
        BAND_PASS,
        OpenChoice("windows", "0.4 s every 0.2 s at 10 kHz"),
        OpenChoice(
            "labels, split, report and export",
            "not steps of the pipeline: y, a protocol, preprocessing_report and export",
            "they do not transform a signal",
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
    """NeuroFusionNet's Algorithm 1, enhancement and features, followed by a perceptron.

    The steps are in the order of the source: band-pass, adaptive filter, min-max normalisation,
    segmentation, an autoencoder that removes artefacts from windows; the features mean absolute
    value, Fourier spectrum and continuous wavelet transform; then PCA, min-max normalisation of
    features, selection by random-forest impurity importance, and augmentation of the training
    windows. ``set_params(divote__estimator__denoise=WaveletDenoiser())`` needs no torch.

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
        Steps ``gaps``, ``filter``, ``resample``, ``adaptive``, ``scale``, ``mark``, ``divote``;
        ``divote__estimator`` has the steps ``denoise``, ``features``, ``scaler``, ``pca``,
        ``normalise``, ``selection``, ``augment``, ``classifier``.

    Notes
    -----
    The result is published for all of NeuroFusionNet, without data or split, with a precision of
    94 %, a recall of 93 % and an F1 of 93 %.

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
    """Steps of Algorithm 1 before segmentation."""
    return (
        ("adaptive", AdaptiveFilter("powerline", freq=line_freq)),
        ("scale", AmplitudeScaler("minmax")),
    )


@published_systems(
    {
        "neurofusionnet": Variant(
            "NeuroFusionNet",
            "Algorithm 1, CNN + LSTM + GRU + attention + graph",
            main_result("proposed"),
            further=further_results("proposed"),
        )
    },
    source=NEUROFUSION,
    input=NEUROFUSION_INPUT,
    data=NEUROFUSION_DATA,
    open_choices=[
        OpenChoice(
            "every size of the network",
            "32 and 64 filters of 9 samples with maximum pooling by 4; LSTM and GRU of 64 units; "
            "4 heads of attention; a graph of 8 nodes",
            "the source names the parts and their order",
        ),
        OpenChoice(
            "input of the network",
            "enhanced windows; neurofusion-features has the features of Algorithm 1",
            "the source does not say which features enter, and its convolutions need a signal",
        ),
        OpenChoice("regulariser", "dropout of 0.3 and a weight decay of 1e-4"),
        OpenChoice(
            "transfer learning, adaptation to a patient, autoencoder features",
            "left out; TransferClassifier, AdaptiveDiagnosis and AutoencoderNet have them",
            "they need data of another cohort or of the patient",
            "parts of the method",
        ),
        _ADAPTIVE,
        _BEFORE_SEGMENTS,
        _DENOISING,
        _MINMAX,
        OpenChoice(
            "augmentation",
            "each training window gets white noise of 5 % of its spread, anew in each epoch",
            "the source gives no epsilon",
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
    """NeuroFusionNet: the enhancement of Algorithm 1, the network trained by Algorithm 2.

    The steps are in the order of the source: band-pass, adaptive filter, min-max normalisation,
    segmentation, an autoencoder that removes artefacts from windows, augmentation, the network.
    ``set_params(divote__estimator__denoise=WaveletDenoiser())`` has another denoiser, or
    "passthrough" none.

    Parameters
    ----------
    $windows
    $line_freq
    $training

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter``, ``resample``, ``adaptive``, ``scale``, ``mark``, ``divote``;
        ``divote__estimator`` has the steps ``denoise`` and ``network``. Parts of the network are
        switched by ``divote__estimator__network__has_graph`` and its like.

    Notes
    -----
    The source also reports a precision of 94 %, a recall of 93 % and an F1 of 93 %.

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


@published_systems(
    {
        f"plain-{kind}": Variant(
            f"plain {name}",
            f"plain {kind} network",
            main_result(row),
            {"kind": kind},
            further_results(row),
        )
        for kind, (name, row) in _KINDS.items()
    },
    source=NEUROFUSION,
    input=NEUROFUSION_INPUT,
    data=NEUROFUSION_DATA,
    open_choices=[
        OpenChoice("CNN", CNN_SIZES, _NO_SIZE),
        OpenChoice("recurrent networks", "64 units on frames of 10 samples", _NO_SIZE),
        OpenChoice(
            "attention network",
            "2 layers of 4 heads and 64 units on frames of 10 samples",
            _NO_SIZE,
        ),
        OpenChoice(
            "autoencoder",
            "16 and 32 filters of 9 samples in steps of 4, a code of 32 numbers, 20 epochs before "
            "the classifier",
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
    """The plain networks that NeuroFusionNet is compared with.

    Parameters
    ----------
    kind : {"cnn", "rnn", "lstm", "gru", "attention", "autoencoder"}, default="cnn"
        Network. "autoencoder" learns to restore the windows before its encoder is trained to
        classify.
    $windows
    $training

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter``, ``resample``, ``scale``, ``mark``, ``divote``; the network is
        ``divote__estimator``.

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


@published_systems(
    {
        "transfer-cnn": Variant(
            "CNN with transfer learning",
            "CNN pretrained on some subjects, fine-tuned on others",
            main_result("transfer learning"),
            further=further_results("transfer learning"),
        )
    },
    source=NEUROFUSION,
    input=NEUROFUSION_INPUT,
    data=NEUROFUSION_DATA,
    open_choices=[
        OpenChoice(
            "cohort of the pretraining",
            "half of the training subjects of each class, drawn; the others fine-tune",
            "no test subject may be among them",
        ),
        OpenChoice(
            "network",
            "CNN1D, whose convolutions are frozen in the fine-tuning, with a tenth of the learning "
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
    """Transfer learning: pretrain a CNN on some subjects, fine-tune its last part on others.

    Parameters
    ----------
    $windows
    source_fraction : float, default=0.5
        Fraction of the training subjects of each class that pretrain.
    $training

    Returns
    -------
    pipeline : Pipeline
        Steps ``gaps``, ``filter``, ``resample``, ``scale``, ``mark``, ``divote``;
        ``divote__estimator`` splits the subjects, the TransferClassifier is
        ``divote__estimator__estimator`` and the network
        ``divote__estimator__estimator__estimator``.

    Notes
    -----
    The source also reports a sensitivity of 94.7 % and a specificity of 91.5 %.

    To pretrain on another cohort, put a TransferClassifier on which ``pretrain`` was called at
    ``divote__estimator``: copies keep its weights, and it refuses to be fitted on subjects of the
    pretraining.

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
