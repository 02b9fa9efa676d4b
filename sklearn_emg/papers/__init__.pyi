"""Public names; written by doc/stubs.py."""

# ruff: noqa: I001

from sklearn_emg.papers._ahmed_islam import ahmed_islam
from sklearn_emg.papers._alsnet import ALSNetProtocol
from sklearn_emg.papers._alsnet import alsnet
from sklearn_emg.papers._baselines import boosted_features
from sklearn_emg.papers._baselines import catch22_features
from sklearn_emg.papers._baselines import inception_time
from sklearn_emg.papers._baselines import minirocket
from sklearn_emg.papers._baselines import multirocket
from sklearn_emg.papers._baselines import tangent_space
from sklearn_emg.papers._benchmark._boumerdes_tables import boumerdes_tables
from sklearn_emg.papers._benchmark._results import Benchmark
from sklearn_emg.papers._benchmark._results import read_benchmark
from sklearn_emg.papers._benchmark._run import run_benchmark
from sklearn_emg.papers._boumerdes import BoumerdesProtocol
from sklearn_emg.papers._boumerdes import boumerdes_cnn
from sklearn_emg.papers._boumerdes import boumerdes_lstm
from sklearn_emg.papers._chosen._n2001_features import n2001_features
from sklearn_emg.papers._chosen._recommended import recommended_pipeline
from sklearn_emg.papers._deepemgnet import deepemgnet
from sklearn_emg.papers._elamvazuthi import elamvazuthi
from sklearn_emg.papers._nemgnet._baselines import mel_spectrogram_network
from sklearn_emg.papers._nemgnet._baselines import waveform_image_network
from sklearn_emg.papers._nemgnet._network import NEMGNetProtocol
from sklearn_emg.papers._nemgnet._network import nemgnet
from sklearn_emg.papers._neurofusion._classical import amplitude_envelope_analysis
from sklearn_emg.papers._neurofusion._classical import frequency_domain_analysis
from sklearn_emg.papers._neurofusion._classical import selected_features_mlp
from sklearn_emg.papers._neurofusion._classical import time_domain_analysis
from sklearn_emg.papers._neurofusion._classical import tree_ensembles
from sklearn_emg.papers._neurofusion._clinical import quantitative_emg
from sklearn_emg.papers._neurofusion._clinical import rule_based
from sklearn_emg.papers._neurofusion._networks import neurofusion_features
from sklearn_emg.papers._neurofusion._networks import neurofusionnet
from sklearn_emg.papers._neurofusion._networks import plain_network
from sklearn_emg.papers._neurofusion._networks import transfer_cnn
from sklearn_emg.papers._neurofusion._prognosis import neurofusion_prognosis
from sklearn_emg.papers._patel_sunitha import patel_sunitha
from sklearn_emg.papers._registry import OpenChoice
from sklearn_emg.papers._registry import PublishedResult
from sklearn_emg.papers._registry import Source
from sklearn_emg.papers._registry import System
from sklearn_emg.papers._registry import get_system
from sklearn_emg.papers._registry import list_systems
from sklearn_emg.papers._registry import make_system
from sklearn_emg.papers._spectroemgnet import spectroemgnet
from sklearn_emg.papers._yoo_2023 import yoo_2023
from sklearn_emg.papers._yoo_2023 import yoo_2023_cnn

__all__ = [
    "ALSNetProtocol",
    "Benchmark",
    "BoumerdesProtocol",
    "NEMGNetProtocol",
    "OpenChoice",
    "PublishedResult",
    "Source",
    "System",
    "ahmed_islam",
    "alsnet",
    "amplitude_envelope_analysis",
    "boosted_features",
    "boumerdes_cnn",
    "boumerdes_lstm",
    "boumerdes_tables",
    "catch22_features",
    "deepemgnet",
    "elamvazuthi",
    "frequency_domain_analysis",
    "get_system",
    "inception_time",
    "list_systems",
    "make_system",
    "mel_spectrogram_network",
    "minirocket",
    "multirocket",
    "n2001_features",
    "nemgnet",
    "neurofusion_features",
    "neurofusion_prognosis",
    "neurofusionnet",
    "patel_sunitha",
    "plain_network",
    "quantitative_emg",
    "read_benchmark",
    "recommended_pipeline",
    "rule_based",
    "run_benchmark",
    "selected_features_mlp",
    "spectroemgnet",
    "tangent_space",
    "time_domain_analysis",
    "transfer_cnn",
    "tree_ensembles",
    "waveform_image_network",
    "yoo_2023",
    "yoo_2023_cnn",
]
