"""Networks on spectrograms and images; NeuroFusionNet and the networks beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_emg.feature_extraction import MelSpectrogram, WaveformImage
from sklearn_emg.papers._building import check_choice, over_filtered, over_recordings
from sklearn_emg.papers._nemgnet import CITATION as YOO
from sklearn_emg.papers._neurofusion import CITATION as NEUROFUSION
from sklearn_emg.papers._neurofusion import INPUT as NEUROFUSION_INPUT
from sklearn_emg.papers._registry import Figure, register
from sklearn_emg.preprocessing import AdaptiveFilter, AmplitudeScaler, WaveletDenoiser

_KINDS = ("cnn", "rnn", "lstm", "gru", "attention", "autoencoder")
_NODERA = ("resnet50", "resnet152", "vgg16", "vgg19", "inception_v3")


def deepemgnet(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """DeepEMGNet: a small network on the short-time Fourier transform, ALS against normal.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``divote``; the network is ``divote__estimator``.

    Notes
    -----
    Published: accuracy 96.69 %, sensitivity 94.24, specificity 97.59; how the windows were split is
    not known here.

    Left open in the source, with the choice made here:

    - band-pass of 20 to 4000 Hz; windows of 0.4 s every 0.2 s at 10 kHz
    - every size of the network, see DeepEMGNet
    - training: Adam 1e-3, batches of 32, at most 100 epochs, validated on 20 % of the training
      subjects
    - vote over recordings and subjects: mean probability

    References
    ----------
    A. Sengur et al., "DeepEMGNet: An Application for Efficient Discrimination of ALS and Normal EMG
    Signals", 2017.

    Examples
    --------
    >>> from sklearn_emg.papers import deepemgnet
    >>> deepemgnet(max_epochs=5).get_params()["divote__estimator__max_epochs"]
    5
    """
    from sklearn_emg.neural_network import DeepEMGNetClassifier

    network = DeepEMGNetClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_filtered(network, fs, window, step)


def spectroemgnet(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """SpectroEMG-Net: log spectrogram and its delta, convolutions with attention, on N2001.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``divote``; the network is ``divote__estimator``.

    Notes
    -----
    Published: 92 % for three classes; how the windows were split is not known here.

    Left open in the source, with the choice made here:

    - band-pass of 20 to 4000 Hz; windows of 0.4 s every 0.2 s at 10 kHz
    - kind of attention and every size of the network, see SpectroEMGNet
    - training: Adam 1e-3, batches of 32, at most 100 epochs, validated on 20 % of the training
      subjects
    - vote over recordings and subjects: mean probability

    References
    ----------
    M. T. Rahman et al., "EMG Signal Classification for Neuromuscular Disorders with
    Attention-Enhanced CNN", arXiv 2309.10483, 2023.

    Examples
    --------
    >>> from sklearn_emg.papers import spectroemgnet
    >>> spectroemgnet().get_params()["divote__estimator__nperseg"]
    256
    """
    from sklearn_emg.neural_network import SpectroEMGNetClassifier

    network = SpectroEMGNetClassifier(max_epochs=max_epochs, random_state=random_state)
    return over_filtered(network, fs, window, step)


def nodera(
    architecture: str = "resnet152",
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float = 0.1,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Mel spectrograms with a network for photographs, as a baseline of nEMGNet.

    Parameters
    ----------
    architecture : {"resnet50", "resnet152", "vgg16", "vgg19", "inception_v3"}, \
default="resnet152"
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.1
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``image`` and ``network``; votes by region as nEMGNet.

    Raises
    ------
    ValueError
        If `architecture` is not one of the above.

    Notes
    -----
    Published accuracy of subjects, with the weights chosen on the test fold, so leaky: ResNet-50
    73.84 %, ResNet-152 75.61, VGG16 68.23, VGG19 72.32, Inception-v3 71.92.

    Left open in the source, with the choice made here:

    - size of the spectrogram: 40 mel bands, frames of 256 samples every 64, brought to 96 x 96
      pixels; one map for each channel of the signal in place of three colours
    - weights learned on photographs: none
    - training as nEMGNet: Adam 1e-3, batches of 32, classes weighted, 20 % of the training subjects
      for validation, where the paper looked at the test fold

    References
    ----------
    Table 3 and Table 6 of J. Yoo et al., Comput. Methods Programs Biomed. 226 (2022) 107079, after
    H. Nodera et al.

    Examples
    --------
    >>> from sklearn_emg.papers import nodera
    >>> nodera("vgg16").get_params()["divote__estimator__network__resize"]
    96
    """
    check_choice(architecture, _NODERA, "architecture", "nodera")
    image = MelSpectrogram(40, nperseg=256, hop=64)
    return _image_baseline(
        image, architecture, fs, window, step, max_epochs=max_epochs, random_state=random_state
    )


def nam(
    *,
    fs: float = 10_000.0,
    window: float = 0.4,
    step: float = 0.1,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Plotted waveforms with Inception-v4, as a baseline of nEMGNet.

    Parameters
    ----------
    fs : float, default=10000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.1
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        ``divote__estimator`` has the steps ``image`` and ``network``; votes by region as nEMGNet.

    Notes
    -----
    Published accuracy of subjects, with the weights chosen on the test fold, so leaky: 57.47 %.

    Left open in the source, with the choice made here:

    - size of the plot: 96 x 96 pixels, one map for each channel of the signal in place of colours
    - weights learned on photographs: none
    - training as nEMGNet, validated on 20 % of the training subjects

    References
    ----------
    Table 3 and Table 6 of J. Yoo et al., Comput. Methods Programs Biomed. 226 (2022) 107079, after
    S. Nam et al.

    Examples
    --------
    >>> from sklearn_emg.papers import nam
    >>> nam().get_params()["divote__estimator__image"]
    WaveformImage(height=96, width=96)
    """
    return _image_baseline(
        WaveformImage(96, 96), "inception_v4", fs, window, step,
        max_epochs=max_epochs, random_state=random_state,
    )  # fmt: skip


def _image_baseline(
    image: Any, architecture: str, fs: float, window: float, step: float, **training: Any
) -> Pipeline:
    from sklearn_emg.neural_network import ImageNetworkClassifier

    network = ImageNetworkClassifier(architecture=architecture, resize=96, **training)
    windows = Pipeline([("image", image), ("network", network)])
    return over_recordings(
        windows, fs=fs, window=window, step=step, by="region", final_estimator="logistic"
    )


def neurofusionnet(
    *,
    fs: float = 2_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    mains: float = 50.0,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """NeuroFusionNet: the enhancement of Algorithm 1, the network trained by Algorithm 2.

    Parameters
    ----------
    fs : float, default=2000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    mains : float, default=50.0
        Frequency of the mains in Hz, for the adaptive filter.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``adaptive``, ``denoise``, ``scale``, ``divote``; the parts
        of the network are switched by ``divote__estimator__has_graph`` and its like.

    Notes
    -----
    Published, without naming data or split: accuracy .92, precision .94, recall .93, F1 .93.

    Left open in the source, with the choice made here:

    - every size of the network, see NeuroFusionNet; rate 2 kHz, so that sequences stay short
    - denoising by wavelets, where the source trains an autoencoder:
      ``set_params(denoise=AutoencoderDenoiser())`` does
    - band-pass of 20 to 900 Hz; windows of 0.4 s every 0.2 s; vote by mean probability

    References
    ----------
    "Pioneering prognosis and management in neuromuscular healthcare using EMG signal processing
    with advanced deep learning techniques".

    Examples
    --------
    >>> from sklearn_emg.papers import neurofusionnet
    >>> neurofusionnet().get_params()["divote__estimator__has_graph"]
    True
    """
    from sklearn_emg.neural_network import NeuroFusionNetClassifier

    network = NeuroFusionNetClassifier(max_epochs=max_epochs, random_state=random_state)
    enhanced = (
        ("adaptive", AdaptiveFilter("mains", freq=mains)),
        ("denoise", WaveletDenoiser()),
        ("scale", AmplitudeScaler("minmax")),
    )
    return over_filtered(network, fs, window, step, before=enhanced)


def network_baseline(
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
        "autoencoder" learns to restore the windows before its encoder is trained to classify.
    fs : float, default=2000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    max_epochs : int, default=100
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``scale``, ``divote``; the network is
        ``divote__estimator``.

    Raises
    ------
    ValueError
        If `kind` is not one of the above.

    Notes
    -----
    Published, without naming data or split, accuracy: CNN 92.5 %, RNN 91.2, LSTM 93.8, GRU 92.1,
    attention 94.5, autoencoder 90.6.

    Left open in the source, with the choice made here:

    - every size of the networks, see CNN1D, RecurrentNet, AttentionNet, AutoencoderNet
    - rate 2 kHz, so that sequences stay short; band-pass of 20 to 900 Hz; z-score by
      recording (a range from 0 to 1 leaves an offset on which the recurrent ones learn nothing);
      windows of 0.4 s every 0.2 s; vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import network_baseline
    >>> network_baseline("gru").get_params()["divote__estimator__cell"]
    'gru'
    """
    from sklearn_emg.neural_network import (
        AttentionNetClassifier,
        AutoencoderNetClassifier,
        CNN1DClassifier,
        RecurrentNetClassifier,
    )

    check_choice(kind, _KINDS, "kind", "network_baseline")
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


def transfer_learning(
    *,
    fs: float = 2_000.0,
    window: float = 0.4,
    step: float | None = 0.2,
    source_fraction: float = 0.5,
    max_epochs: int = 100,
    random_state: Any = None,
) -> Pipeline:
    """Transfer learning: pretrain a network on some subjects, fine-tune its last part on others.

    Parameters
    ----------
    fs : float, default=2000
        Rate in Hz at which windows are cut.
    window, step : float, default=0.4 and 0.2
        Seconds.
    source_fraction : float, default=0.5
        Share of the training subjects of each class that pretrain.
    max_epochs : int, default=100
        Of either training.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    pipeline : Pipeline
        Steps ``filter``, ``resample``, ``scale``, ``divote``; ``divote__estimator`` parts the
        subjects, the TransferClassifier is ``divote__estimator__estimator`` and the network
        ``divote__estimator__estimator__estimator``.

    Notes
    -----
    Published, without naming data or split: accuracy 93.2 %, sensitivity 94.7, specificity 91.5.

    To pretrain on a cohort of your own, put a TransferClassifier on which ``pretrain`` was called
    at ``divote__estimator``: copies keep it, and it refuses to be fitted on those who pretrained.

    Left open in the source, with the choice made here:

    - which cohort pretrains: half of the training subjects of each class, drawn; the others
      fine-tune, and none of them is tested
    - the network: CNN1D, whose convolutions are frozen in the fine-tuning, with a tenth of the
      learning rate
    - rate 2 kHz; band-pass of 20 to 900 Hz; z-score by recording; windows of 0.4 s every 0.2 s;
      vote by mean probability

    Examples
    --------
    >>> from sklearn_emg.papers import transfer_learning
    >>> transfer_learning(source_fraction=0.4).get_params()["divote__estimator__source_fraction"]
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


register(
    deepemgnet,
    "deepemgnet",
    citation="A. Sengur et al., DeepEMGNet, 2017",
    input="needle EMG at 10 kHz, windows of 0.4 s every 0.2 s",
    estimator="STFT, CNN",
    published=[Figure("accuracy, ALS/normal", 96.69)],
    needs="nets",
    least_fs=250.0,
)
register(
    spectroemgnet,
    "spectroemgnet",
    citation="M. T. Rahman et al., EMG Signal Classification for Neuromuscular Disorders with "
    "Attention-Enhanced CNN, arXiv 2309.10483, 2023",
    input="needle EMG at 10 kHz, windows of 0.4 s every 0.2 s",
    estimator="log spectrogram and delta, CNN with attention",
    published=[Figure("accuracy, three classes", 92.0)],
    needs="nets",
    least_fs=1125.0,  # seven frames of 64 samples in 0.4 s
)
for _name, _value in zip(_NODERA, (73.84, 75.61, 68.23, 72.32, 71.92)):
    register(
        nodera,
        f"nodera-{_name.replace('_', '-')}",
        citation=f"H. Nodera et al., as in {YOO}",
        input="mel spectrograms of windows of 0.4 s every 0.1 s at 10 kHz",
        estimator=f"{_name}, DiVote feature-PD",
        published=[Figure("accuracy of subjects", _value, True)],
        needs="nets, images",
        architecture=_name,
    )
register(
    nam,
    "nam",
    citation=f"S. Nam et al., as in {YOO}",
    input="plotted windows of 0.4 s every 0.1 s at 10 kHz",
    estimator="inception_v4, DiVote feature-PD",
    published=[Figure("accuracy of subjects", 57.47, True)],
    needs="nets, images",
)
_TABLE: tuple[tuple[str, Callable[..., Any], str, float, dict[str, Any]], ...] = (
    (
        "neurofusionnet",
        neurofusionnet,
        "Algorithm 1, CNN + LSTM + GRU + attention + graph",
        92.0,
        {},
    ),
    *(
        (f"table-{_kind}", network_baseline, f"plain {_kind} network", _value, {"kind": _kind})
        for _kind, _value in zip(_KINDS, (92.5, 91.2, 93.8, 92.1, 94.5, 90.6))
    ),
    (
        "table-transfer",
        transfer_learning,
        "CNN pretrained on some subjects, fine-tuned on others",
        93.2,
        {},
    ),
)
for _name, _function, _estimator, _value, _settings in _TABLE:
    register(
        _function,
        _name,
        citation=NEUROFUSION,
        input=NEUROFUSION_INPUT,
        estimator=_estimator,
        published=[Figure("accuracy", _value)],
        needs="nets",
        **_settings,
    )
