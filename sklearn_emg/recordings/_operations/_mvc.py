"""Normalisation of amplitudes to the maximal voluntary contraction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg._validation import check_real
from sklearn_emg._warnings import warn_of_recordings
from sklearn_emg.recordings._operations._activity import moving_rms
from sklearn_emg.recordings._signal_file import read_signal
from sklearn_emg.recordings._subjects import object_column
from sklearn_emg.recordings._table import check_recording_table, common_channel_names


def normalize_to_mvc(
    table: pd.DataFrame,
    mvc: pd.DataFrame,
    *,
    by: str | Sequence[str] = "subject",
    window: float = 0.5,
) -> pd.DataFrame:
    """Express amplitudes as fractions of the subject's maximal voluntary contraction (MVC).

    The reference of each channel is the largest RMS over `window` in the recordings of `mvc` that
    have the same values in the columns `by`.

    Parameters
    ----------
    table : DataFrame
        Recording table.
    mvc : DataFrame
        Recording table of maximal voluntary contractions.
    by : str or sequence of str, default="subject"
        Columns that identify the reference of a recording, for instance
        ``("subject", "muscle")``.
    window : float, default=0.5
        Length in s of the window over which the RMS is computed.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        The same rows. Signals are multiples of the reference, and ``unit`` is "MVC".

    Raises
    ------
    ValueError
        If a recording has no reference or a reference with a different number of channels, if a
        reference is not positive, if channels are in different orders, or if a table is already
        normalised.

    Warns
    -----
    RecordingWarning
        If the reference of a recording comes from another muscle or side.

    See Also
    --------
    sklearn_emg.preprocessing.ReferenceScaler : Scale by a reference in a pipeline.

    References
    ----------
    A. Burden, "How should we normalize electromyograms obtained from healthy participants?",
    J. Electromyogr. Kinesiol. 20 (2010) 1023-1035. :doi:`10.1016/j.jelekin.2010.07.004`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_emg.recordings import normalize_to_mvc, recording_table
    >>> table = recording_table([np.full(1000, 0.5)], fs=1000.0, subject="a")
    >>> mvc = recording_table([np.full(1000, 2.0)], fs=1000.0, subject="a")
    >>> normalize_to_mvc(table, mvc)["signal"].iloc[0][:2]
    array([0.25, 0.25])
    """
    keys = [by] if isinstance(by, str) else list(by)
    for name, frame in (("table", table), ("mvc", mvc)):
        check_recording_table(frame, required=("signal", "fs", *keys))
        if "unit" in frame.columns and (frame["unit"] == "MVC").any():
            raise ValueError(f"normalize_to_mvc: {name!r} is already normalised.")
    window = check_real(window, "window", "normalize_to_mvc", 0.0)
    # It refuses channels in different orders.
    common_channel_names(pd.concat({"mvc": mvc, "table": table}))
    _warn_of_other_places(table, mvc, keys)
    references = _references(mvc, keys, window)
    signals = []
    for row, key in enumerate(table[keys].itertuples(index=False, name=None)):
        signal = read_signal(table["signal"].iloc[row])
        reference = references.get(key)
        if reference is None:
            raise ValueError(
                f"Row {row} has no maximal contraction: 'mvc' has no recording with "
                f"{dict(zip(keys, key))}."
            )
        _check_reference(reference, signal, f"row {row} ({dict(zip(keys, key))})")
        signals.append(signal / (reference[0] if signal.ndim == 1 else reference[:, None]))
    return table.assign(signal=object_column(signals, table.index), unit="MVC")


def _warn_of_other_places(table: pd.DataFrame, mvc: pd.DataFrame, keys: list[str]) -> None:
    """Warn about references that come from another muscle or side."""
    places = [p for p in ("muscle", "side") if p in table and p in mvc and p not in keys]
    for place in places:
        pairs = table[[*keys, place]].merge(mvc[[*keys, place]], on=keys, suffixes=("", "_mvc"))
        other = pairs[pairs[place] != pairs[f"{place}_mvc"]].dropna()
        if len(other):
            first = other.iloc[0]
            warn_of_recordings(
                f"normalize_to_mvc: the reference of the {place} {first[place]!r} comes from the "
                f"{place} {first[place + '_mvc']!r}. Pass by={(*keys, place)}."
            )


def _check_reference(reference: NDArray, signal: NDArray, place: str) -> None:
    """Refuse a reference that does not have a positive RMS for each channel."""
    n_channels = 1 if signal.ndim == 1 else len(signal)
    if len(reference) != n_channels or not (reference > 0).all():
        raise ValueError(
            f"The reference of {place} has {counted(len(reference), 'channel')} with the RMS "
            f"{reference.tolist()} mV; it must have {counted(n_channels, 'channel')} with a "
            "positive RMS."
        )


def _references(
    mvc: pd.DataFrame, keys: list[str], window: float
) -> dict[tuple[Any, ...], NDArray[np.float64]]:
    """Compute the largest RMS in mV of each channel over the contractions with equal keys."""
    references: dict[tuple[Any, ...], NDArray[np.float64]] = {}
    for row, key in enumerate(mvc[keys].itertuples(index=False, name=None)):
        values = np.atleast_2d(read_signal(mvc["signal"].iloc[row]))
        size = max(round(window * float(mvc["fs"].iloc[row])), 1)
        peak = moving_rms(values, size).max(axis=-1)
        known = references.get(key)
        if known is not None and known.shape != peak.shape:
            raise ValueError(f"The references of {key} have different numbers of channels.")
        references[key] = peak if known is None else np.maximum(known, peak)
    return references
