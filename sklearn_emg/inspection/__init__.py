"""See why: explanations of networks and diagnoses, and Displays.

Importing this sub-package loads neither PyTorch nor matplotlib: the explanations of networks need
``pip install "sklearn-emg[nets]"``, the Displays ``pip install "sklearn-emg[plot]"``.
"""

from sklearn_emg.inspection._activation import ActivationMaximization, activation_maximization
from sklearn_emg.inspection._attribution import Attribution, attribution
from sklearn_emg.inspection._embedding import LayerEmbedding, layer_embedding

__all__ = [
    "ActivationMaximization",
    "Attribution",
    "LayerEmbedding",
    "activation_maximization",
    "attribution",
    "layer_embedding",
]
