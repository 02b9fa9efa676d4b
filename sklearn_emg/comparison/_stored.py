"""Tables whose recordings go through stateless steps once, for the pipelines that allow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_emg.base import SignalTransformer
from sklearn_emg.model_selection import RecordingStore, is_stateless, takes_kept
from sklearn_emg.recordings import is_kept, is_recording_table, keep_recordings, plain_recordings

__all__ = ["kept_tables", "stateless_head", "stored_table"]


def stored_table(estimator: Any, X: pd.DataFrame, store: RecordingStore | None) -> pd.DataFrame:
    """The table that an estimator is given, its recordings kept in a store where it allows that.

    Parameters
    ----------
    estimator : estimator
    X : DataFrame
    store : RecordingStore or None

    Returns
    -------
    table : DataFrame
        X itself without a store or if it is kept already, arrays for other estimators, and tables
        of features as they are.
    """
    return kept_tables({"": estimator}, X, store)[""]


def kept_tables(
    pipelines: Mapping[str, Any], X: pd.DataFrame, store: RecordingStore | None
) -> dict[str, pd.DataFrame]:
    """The table of each pipeline by its name, see :func:`stored_table`."""
    if not is_recording_table(X):
        return dict.fromkeys(pipelines, X)
    takes = [name for name, estimator in pipelines.items() if takes_kept(estimator)]
    kept = X
    if takes and store is not None and not is_kept(X):
        kept = keep_recordings(X, store)
    return dict.fromkeys(pipelines, plain_recordings(X)) | dict.fromkeys(takes, kept)


def stateless_head(model: Any) -> tuple[list[Any], Any]:
    """Take the stateless steps on signals from the beginning of a Pipeline.

    Parameters
    ----------
    model : estimator

    Returns
    -------
    head : list of SignalTransformer
        Clones. Each treats a recording independently of the others and learns nothing.
    rest : estimator
        Pipeline of the other steps; the model itself where there is no head.
    """
    if not isinstance(model, Pipeline):
        return [], model
    head = []
    for _, step in model.steps[:-1]:
        if not (isinstance(step, SignalTransformer) and takes_kept(step) and is_stateless(step)):
            break
        head.append(clone(step))
    return head, model[len(head) :] if head else model
