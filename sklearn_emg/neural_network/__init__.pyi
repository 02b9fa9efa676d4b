"""Public names, and signatures of the ready-made classifiers; written by doc/stubs.py."""

# ruff: noqa: I001, RUF022

from collections.abc import Sequence
from typing import Any, Unpack

from sklearn_emg.neural_network._building import resolve_device as resolve_device
from sklearn_emg.neural_network._checkpoints import checkpoint_progress
from sklearn_emg.neural_network._data._split import split_validation as split_validation
from sklearn_emg.neural_network._estimators import EMGClassifier
from sklearn_emg.neural_network._estimators import NetClassifier as NetClassifier
from sklearn_emg.neural_network._features import NetworkFeatures
from sklearn_emg.neural_network._modules._alsnet import ALSNet
from sklearn_emg.neural_network._modules._attention import AttentionNet
from sklearn_emg.neural_network._modules._autoencoder import AutoencoderNet
from sklearn_emg.neural_network._modules._autoencoder import ConvAutoencoder
from sklearn_emg.neural_network._modules._cnn1d import CNN1D
from sklearn_emg.neural_network._modules._deepemgnet import DeepEMGNet
from sklearn_emg.neural_network._modules._dilated_cnn import DilatedCNN
from sklearn_emg.neural_network._modules._image_network import ImageNetwork
from sklearn_emg.neural_network._modules._inception_time import InceptionTime
from sklearn_emg.neural_network._modules._nemgnet import NEMGNet
from sklearn_emg.neural_network._modules._neurofusionnet import NeuroFusionNet
from sklearn_emg.neural_network._modules._patternnet import PatternNet
from sklearn_emg.neural_network._modules._recurrent import RecurrentNet
from sklearn_emg.neural_network._modules._spectroemgnet import SpectroEMGNet
from sklearn_emg.neural_network._modules._stacked_lstm import StackedLSTM
from sklearn_emg.neural_network._onnx import export_onnx
from sklearn_emg.neural_network._onnx import onnx_model
from sklearn_emg.neural_network._parameters import Training as Training
from sklearn_emg.neural_network._pretraining._encoder import PretrainedEncoder
from sklearn_emg.neural_network._regressor import EMGRegressor
from sklearn_emg.neural_network._saving import load_model
from sklearn_emg.neural_network._saving import save_model
from sklearn_emg.neural_network._threads import fit_threads as fit_threads
from sklearn_emg.neural_network._transfer import TransferClassifier

__all__ = [
    "ALSNet",
    "ALSNetClassifier",
    "AttentionNet",
    "AttentionNetClassifier",
    "AutoencoderNet",
    "AutoencoderNetClassifier",
    "CNN1D",
    "CNN1DClassifier",
    "ConvAutoencoder",
    "DeepEMGNet",
    "DeepEMGNetClassifier",
    "DilatedCNN",
    "DilatedCNNClassifier",
    "EMGClassifier",
    "EMGRegressor",
    "ImageNetwork",
    "ImageNetworkClassifier",
    "InceptionTime",
    "InceptionTimeClassifier",
    "NEMGNet",
    "NEMGNetClassifier",
    "NetworkFeatures",
    "NeuroFusionNet",
    "NeuroFusionNetClassifier",
    "PatternNet",
    "PatternNetClassifier",
    "PretrainedEncoder",
    "RecurrentNet",
    "RecurrentNetClassifier",
    "SpectroEMGNet",
    "SpectroEMGNetClassifier",
    "StackedLSTM",
    "StackedLSTMClassifier",
    "TransferClassifier",
    "checkpoint_progress",
    "export_onnx",
    "load_model",
    "onnx_model",
    "save_model",
]

class ALSNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_filters: int | Sequence[int] = ...,
        kernel_size: int | Sequence[int] = ...,
        dilations: Sequence[int] = ...,
        stride: int | Sequence[int] = ...,
        padding: str = ...,
        n_hidden: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class AttentionNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_units: int = ...,
        n_heads: int = ...,
        n_layers: int = ...,
        n_hidden: int = ...,
        frame: int = ...,
        dropout: float = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class AutoencoderNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_filters: Sequence[int] = ...,
        kernel_size: int = ...,
        stride: int = ...,
        n_code: int = ...,
        n_hidden: int = ...,
        dropout: float = ...,
        init: str = ...,
        pretrain_epochs: int = ...,
        freezes_encoder: bool = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class CNN1DClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_filters: Sequence[int] = ...,
        kernel_size: int = ...,
        pool_size: int = ...,
        pooling: str = ...,
        batch_norm: bool = ...,
        n_hidden: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class DeepEMGNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        nperseg: int = ...,
        hop: int | None = ...,
        n_filters: int | Sequence[int] = ...,
        kernel_size: int | Sequence[int] = ...,
        pool_size: int = ...,
        pooling: str = ...,
        batch_norm: bool = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class DilatedCNNClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_filters: int | Sequence[int] = ...,
        kernel_size: int | Sequence[int] = ...,
        dilations: Sequence[int] = ...,
        stride: int | Sequence[int] = ...,
        padding: str = ...,
        n_hidden: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class ImageNetworkClassifier(NetClassifier):
    def __init__(
        self,
        architecture: str = ...,
        *,
        nperseg: int = ...,
        hop: int | None = ...,
        resize: int | Sequence[int] | None = ...,
        pretrained: str | None = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class InceptionTimeClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_filters: int = ...,
        n_blocks: int = ...,
        kernel_sizes: Sequence[int] = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class NEMGNetClassifier(NetClassifier):
    def __init__(
        self,
        variant: str = ...,
        *,
        n_filters: Sequence[int] = ...,
        n_hidden: Sequence[int] = ...,
        stride: int = ...,
        pool_size: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class NeuroFusionNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        has_cnn: bool = ...,
        has_lstm: bool = ...,
        has_gru: bool = ...,
        has_attention: bool = ...,
        has_graph: bool = ...,
        has_regulariser: bool = ...,
        n_filters: Sequence[int] = ...,
        kernel_size: int = ...,
        pool_size: int = ...,
        pooling: str = ...,
        n_units: int = ...,
        n_heads: int = ...,
        n_nodes: int = ...,
        n_node_units: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class PatternNetClassifier(NetClassifier):
    def __init__(
        self,
        n_hidden: int | Sequence[int] = ...,
        *,
        activation: str = ...,
        batch_norm: bool = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class RecurrentNetClassifier(NetClassifier):
    def __init__(
        self,
        cell: str = ...,
        *,
        n_units: int = ...,
        n_layers: int = ...,
        bidirectional: bool = ...,
        frame: int = ...,
        readout: str = ...,
        dropout: float = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class SpectroEMGNetClassifier(NetClassifier):
    def __init__(
        self,
        *,
        nperseg: int = ...,
        hop: int | None = ...,
        delta_width: int = ...,
        n_filters: Sequence[int] = ...,
        kernel_size: int = ...,
        attention: str | None = ...,
        reduction: int = ...,
        spatial_kernel_size: int = ...,
        pool_size: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...

class StackedLSTMClassifier(NetClassifier):
    def __init__(
        self,
        *,
        n_units: int = ...,
        n_layers: int = ...,
        dropout: float = ...,
        init: str = ...,
        class_weight: str | dict[Any, float] | None = ...,
        **training: Unpack[Training],
    ) -> None: ...
