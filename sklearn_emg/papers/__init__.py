"""Published systems, each as one function that returns its pipeline over recording tables."""

from sklearn_emg.papers._alsnet import alsnet
from sklearn_emg.papers._benchmark import run_benchmark
from sklearn_emg.papers._benchmark_results import Benchmark
from sklearn_emg.papers._boumerdes import boumerdes_cnn, boumerdes_lstm
from sklearn_emg.papers._boumerdes_tables import boumerdes_tables
from sklearn_emg.papers._feature_studies import ahmed_islam, elamvazuthi, patel_sunitha, yoo_2023
from sklearn_emg.papers._n2001_features import n2001_features
from sklearn_emg.papers._nemgnet import nemgnet
from sklearn_emg.papers._networks import (
    deepemgnet,
    nam,
    network_baseline,
    neurofusionnet,
    nodera,
    spectroemgnet,
    transfer_learning,
)
from sklearn_emg.papers._neurofusion import (
    amplitude_envelope_analysis,
    ensembles,
    frequency_domain_analysis,
    hybrid,
    neurofusion_features,
    rule_based,
    time_domain_analysis,
    traditional_analysis,
)
from sklearn_emg.papers._registry import (
    Figure,
    System,
    get_system,
    list_systems,
    make_system,
)

__all__ = [
    "Benchmark",
    "Figure",
    "System",
    "ahmed_islam",
    "alsnet",
    "amplitude_envelope_analysis",
    "boumerdes_cnn",
    "boumerdes_lstm",
    "boumerdes_tables",
    "deepemgnet",
    "elamvazuthi",
    "ensembles",
    "frequency_domain_analysis",
    "get_system",
    "hybrid",
    "list_systems",
    "make_system",
    "n2001_features",
    "nam",
    "nemgnet",
    "network_baseline",
    "neurofusion_features",
    "neurofusionnet",
    "nodera",
    "patel_sunitha",
    "rule_based",
    "run_benchmark",
    "spectroemgnet",
    "time_domain_analysis",
    "traditional_analysis",
    "transfer_learning",
    "yoo_2023",
]
