"""Tables whose recordings pass through stateless steps only once, for pipelines that allow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_emg.base import SignalTransformer
from sklearn_emg.model_selection import RecordingStore, is_stateless, takes_kept
from sklearn_emg.recordings import is_kept, is_recording_table, keep_recordings, plain_recordings


def stored_table(estimator: Any, X: pd.DataFrame, store: RecordingStore | None) -> pd.DataFrame:
    """Return the table for an estimator, with recordings in a store if the estimator allows it.

    If the estimator does not accept kept recordings, they are replaced by plain arrays.
    """
    return kept_tables({"": estimator}, X, store)[""]


def kept_tables(
    pipelines: Mapping[str, Any], X: pd.DataFrame, store: RecordingStore | None
) -> dict[str, pd.DataFrame]:
    """Return the table of each pipeline by its name; see :func:`stored_table`."""
    if not is_recording_table(X):
        return dict.fromkeys(pipelines, X)
    takes = [name for name, estimator in pipelines.items() if takes_kept(estimator)]
    kept = X
    if takes and store is not None and not is_kept(X):
        kept = keep_recordings(X, store)
    return dict.fromkeys(pipelines, plain_recordings(X)) | dict.fromkeys(takes, kept)


def stateless_head(model: Any) -> tuple[list[Any], Any]:
    """Separate the stateless steps on signals at the beginning of a Pipeline from the others.

    Return clones of these steps, each of which processes a recording independently of the others
    and learns nothing, and a Pipeline of the other steps (the model itself if there are none).
    """
    if not isinstance(model, Pipeline):
        return [], model
    head = []
    for _, step in model.steps[:-1]:
        if not (isinstance(step, SignalTransformer) and takes_kept(step) and is_stateless(step)):
            break
        head.append(clone(step))
    return head, model[len(head) :] if head else model
