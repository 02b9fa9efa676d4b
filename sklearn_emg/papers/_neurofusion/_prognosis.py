"""Prognosis by Algorithm 3 of NeuroFusionNet (2024)."""

from __future__ import annotations

from typing import Any

from sklearn_emg.papers._building import NEUROFUSION
from sklearn_emg.papers._registry import OpenChoice, Variant, published_systems
from sklearn_emg.prognosis import LSTMPrognosis

__all__ = ["neurofusion_prognosis"]

_NO_SIZE = "the source gives no size"


@published_systems(
    {
        "neurofusion-prognosis": Variant(
            "LSTM with attention for the course of a disease", "LSTM + attention (regression)"
        )
    },
    source=NEUROFUSION,
    data="none; no set is named",
    input="visits of a subject: features and a measure of the disease, of the last 3 visits",
    open_choices=[
        OpenChoice("data", "none; the source names no set and reports no result of a prognosis"),
        OpenChoice("target", "the measure at the next visit, as its change from the last value"),
        OpenChoice(
            "chronological split",
            "subjects of the test are never in training, and each target is later than its context",
            "a split by time alone has the same subjects on both sides",
        ),
        OpenChoice("context window", "3 visits", "tuned by a search over 'context'"),
        OpenChoice("LSTM", "1 layer of 32 units", _NO_SIZE),
        OpenChoice(
            "attention",
            "mean of the states with learned weights, joined to the last state",
            "the source names attention alone",
        ),
        OpenChoice(
            "training",
            "squared error, Adam 0.01, batches of 32, at most 100 epochs, patience 10 on 20 % of "
            "the training subjects",
            _NO_SIZE,
        ),
        OpenChoice(
            "score and search",
            "RMSE by compare, settings by a GridSearchCV around the system",
            "neither is a step of an estimator",
            "RMSE, hyperparameter search",
        ),
        OpenChoice(
            "back-propagation through time",
            "through the whole context; 'chunk' truncates it",
            "contexts of visits are short",
        ),
        OpenChoice(
            "state between sequences",
            "reset for each sequence; 'stateful' keeps it between the chunks of one",
            "sequences of other subjects have nothing in common",
            "kept or reset",
        ),
        OpenChoice("normalisation", "z-score of the training subjects"),
        OpenChoice("missing visits", "sequences are padded and masked", "it asks for padding"),
    ],
    needs="nets",
    task="prognosis",
)
def neurofusion_prognosis(
    *, context: int = 3, n_units: int = 32, max_epochs: int = 100, random_state: Any = None
) -> LSTMPrognosis:
    """Prognosis of NeuroFusionNet: z-score, context window, LSTM with attention (Algorithm 3).

    Unlike the other systems it reads contexts of visits, not recordings: a table of
    :func:`~sklearn_emg.prognosis.visit_contexts`. ``compare`` adds the naive baselines to it.

    Parameters
    ----------
    context : int, default=3
        Number of visits that are read.
    n_units : int, default=32
        Units of the LSTM.
    max_epochs : int, default=100
        Maximum number of epochs.
    $random_state

    Returns
    -------
    estimator : LSTMPrognosis
        Unfitted.

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
