"""Base classes of the ready-made classifiers, each of which trains one network.

A ready-made classifier is defined below its network in ``_modules``. Its class consists of a
docstring, which gives an example and describes the training in the paper if this is known, and of
those defaults of training that differ from the defaults in ``_parameters``. The decorator
``trains`` adds the parameters of the network and of training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from sklearn.utils import Tags
from torch import nn

from sklearn_emg.neural_network._estimators import NetClassifier
from sklearn_emg.neural_network._parameters import network_settings


class ReadyClassifier(NetClassifier):
    """Classifier whose parameters include those of the module ``_network``.

    The module checks its own settings when it is built in `fit`.
    """

    _network: ClassVar[type[nn.Module]]

    def _module(self) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
        names = [setting.name for setting in network_settings(self._network)]
        return self._network, {name: getattr(self, name) for name in names}


class SpectrumClassifier(ReadyClassifier):
    """Classifier that computes spectra of raw windows, or takes images."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # A window and its negative have the same spectrum. scikit-learn's check requires an
        # accuracy of 0.83 on three clusters, which overlap if the signs of the windows are ignored,
        # so at most 0.65 is possible.
        tags.classifier_tags.poor_score = True
        return tags
