"""Public names; written by doc/stubs.py."""

# ruff: noqa: I001, RUF022

from sklearn_emg.neural_network._modules._alsnet import ALSNet
from sklearn_emg.neural_network._classifiers import ALSNetClassifier
from sklearn_emg.neural_network._modules._attention import AttentionNet
from sklearn_emg.neural_network._classifiers import AttentionNetClassifier
from sklearn_emg.neural_network._modules._autoencoder import AutoencoderNet
from sklearn_emg.neural_network._classifiers import AutoencoderNetClassifier
from sklearn_emg.neural_network._modules._cnn1d import CNN1D
from sklearn_emg.neural_network._classifiers import CNN1DClassifier
from sklearn_emg.neural_network._modules._autoencoder import ConvAutoencoder
from sklearn_emg.neural_network._modules._deepemgnet import DeepEMGNet
from sklearn_emg.neural_network._classifiers import DeepEMGNetClassifier
from sklearn_emg.neural_network._modules._dilated_cnn import DilatedCNN
from sklearn_emg.neural_network._classifiers import DilatedCNNClassifier
from sklearn_emg.neural_network._estimators import EMGClassifier
from sklearn_emg.neural_network._regressor import EMGRegressor
from sklearn_emg.neural_network._modules._image_network import ImageNetwork
from sklearn_emg.neural_network._classifiers import ImageNetworkClassifier
from sklearn_emg.neural_network._modules._nemgnet import NEMGNet
from sklearn_emg.neural_network._classifiers import NEMGNetClassifier
from sklearn_emg.neural_network._modules._neurofusionnet import NeuroFusionNet
from sklearn_emg.neural_network._classifiers import NeuroFusionNetClassifier
from sklearn_emg.neural_network._modules._patternnet import PatternNet
from sklearn_emg.neural_network._classifiers import PatternNetClassifier
from sklearn_emg.neural_network._modules._recurrent import RecurrentNet
from sklearn_emg.neural_network._classifiers import RecurrentNetClassifier
from sklearn_emg.neural_network._modules._spectroemgnet import SpectroEMGNet
from sklearn_emg.neural_network._classifiers import SpectroEMGNetClassifier
from sklearn_emg.neural_network._modules._stacked_lstm import StackedLSTM
from sklearn_emg.neural_network._classifiers import StackedLSTMClassifier
from sklearn_emg.neural_network._transfer import TransferClassifier
from sklearn_emg.neural_network._checkpoints import checkpoint_progress
from sklearn_emg.neural_network._onnx import export_onnx
from sklearn_emg.neural_network._threads import fit_threads
from sklearn_emg.neural_network._saving import load_model
from sklearn_emg.neural_network._building import resolve_device
from sklearn_emg.neural_network._saving import save_model
from sklearn_emg.neural_network._data._split import split_validation

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
    "NEMGNet",
    "NEMGNetClassifier",
    "NeuroFusionNet",
    "NeuroFusionNetClassifier",
    "PatternNet",
    "PatternNetClassifier",
    "RecurrentNet",
    "RecurrentNetClassifier",
    "SpectroEMGNet",
    "SpectroEMGNetClassifier",
    "StackedLSTM",
    "StackedLSTMClassifier",
    "TransferClassifier",
    "checkpoint_progress",
    "export_onnx",
    "fit_threads",
    "load_model",
    "resolve_device",
    "save_model",
    "split_validation",
]
