"""Prognosis with Algorithm 3 of NeuroFusionNet (2024)."""

from __future__ import annotations

from typing import Any

from sklearn_emg.papers._neurofusion._published import NEUROFUSION
from sklearn_emg.papers._registry import OpenChoice, Variant, published_systems
from sklearn_emg.prognosis import LSTMPrognosis

_NO_SIZE = "the source states no size"


@published_systems(
    {
        "neurofusion-prognosis": Variant(
            "LSTM with attention for the course of a disease", "LSTM + attention (regression)"
        )
    },
    source=NEUROFUSION,
    data="none; no data set is named",
    input="features and a measure of the disease at the last 3 visits of a subject",
    open_choices=[
        OpenChoice("data", "none; the source names no data set and reports no prognostic result"),
        OpenChoice("target", "change of the measure from the last visit to the next"),
        OpenChoice(
            "chronological split",
            "test subjects are never in training, and each target is later than its context",
            "a split by time alone has the same subjects on both sides",
        ),
        OpenChoice("context window", "3 visits", "a search over 'context' can tune it"),
        OpenChoice("LSTM", "1 layer of 32 units", _NO_SIZE),
        OpenChoice(
            "attention",
            "mean of the states with learned weights, concatenated with the last state",
            "the source mentions attention without details",
        ),
        OpenChoice(
            "training",
            "squared error, Adam with a learning rate of 0.01, batches of 32, at most 100 epochs, "
            "patience 10 for the loss on 20 % of the training subjects",
            "the source states no numbers",
        ),
        OpenChoice(
            "score and search",
            "compare computes the RMSE, and a GridSearchCV around the system chooses settings",
            "neither is a step of an estimator",
            "RMSE and hyperparameter search",
        ),
        OpenChoice(
            "back-propagation through time",
            "through the whole context; 'chunk' truncates it",
            "contexts of visits are short",
        ),
        OpenChoice(
            "state between sequences",
            "reset for each sequence; 'stateful' keeps it between the chunks of a sequence",
            "sequences of different subjects are unrelated",
            "kept or reset",
        ),
        OpenChoice("normalisation", "z-score with the statistics of the training subjects"),
        OpenChoice(
            "missing visits", "sequences are padded and masked", "the source requires padding"
        ),
    ],
    needs="nets",
    task="prognosis",
)
def neurofusion_prognosis(
    *, context: int = 3, n_units: int = 32, max_epochs: int = 100, random_state: Any = None
) -> LSTMPrognosis:
    """Prognosis by NeuroFusionNet's Algorithm 3: z-score, context window, LSTM with attention.

    Unlike the other systems, it takes contexts of visits instead of recordings, as a table of
    :func:`~sklearn_emg.prognosis.visit_contexts`. ``compare`` compares it with naive baselines.

    Parameters
    ----------
    context : int, default=3
        Number of visits in a context.
    n_units : int, default=32
        Number of units of the LSTM.
    max_epochs : int, default=100
        Maximum number of epochs.
    $random_state

    Returns
    -------
    estimator : LSTMPrognosis
        Unfitted estimator.

    Notes
    -----
    $notes

    References
    ----------
    $source

    Examples
    --------
    >>> from sklearn_emg.papers import neurofusion_prognosis
    >>> neurofusion_prognosis(context=2).context
    2
    """
    return LSTMPrognosis(context, n_units=n_units, max_epochs=max_epochs, random_state=random_state)
