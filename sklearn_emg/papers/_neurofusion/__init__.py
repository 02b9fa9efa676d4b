"""Systems of R. Chandrasekaran et al. (2024): NeuroFusionNet and the methods compared with it."""

from sklearn_emg.papers._neurofusion._classical import (
    amplitude_envelope_analysis,
    frequency_domain_analysis,
    selected_features_mlp,
    time_domain_analysis,
    tree_ensembles,
)
from sklearn_emg.papers._neurofusion._clinical import quantitative_emg, rule_based
from sklearn_emg.papers._neurofusion._networks import (
    neurofusion_features,
    neurofusionnet,
    plain_network,
    transfer_cnn,
)
from sklearn_emg.papers._neurofusion._prognosis import neurofusion_prognosis

__all__ = [
    "amplitude_envelope_analysis",
    "frequency_domain_analysis",
    "neurofusion_features",
    "neurofusion_prognosis",
    "neurofusionnet",
    "plain_network",
    "quantitative_emg",
    "rule_based",
    "selected_features_mlp",
    "time_domain_analysis",
    "transfer_cnn",
    "tree_ensembles",
]
