"""Seconds that each step of a fitted pipeline takes for some recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from sklearn_emg._tables import ReadableTable
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.recordings import check_recording_table, read_signal, with_signals

__all__ = ["time_steps"]


def time_steps(estimator: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Measure loading, preprocessing, features and prediction of a fitted pipeline apart.

    Parameters
    ----------
    estimator : fitted estimator
        A Pipeline over recording tables, a DiVoteClassifier or DiVoteRegressor, a Pipeline that
        ends with one, or a search over either.
    X : DataFrame
        Recording table, such as the test recordings of a fold. Recordings in files are read once,
        which is the loading.

    Returns
    -------
    times : DataFrame
        One row per step, in the order in which they run: ``step``, the path of the step; ``kind``,
        "loading", "preprocessing" (steps on recordings, and cutting windows), "features" (steps on
        windows before the last one) or "prediction"; ``seconds``, and ``ms_per_recording``. The
        last row is the total. For a step that changes signals, and not only their scale, ``snr_db``
        is the power of the enhanced signals, without their means, relative to that of the part that
        was removed, in dB, and ``rmse`` the root mean square of that part in mV (or in the unit of
        a scaler before the step), which for an autoencoder is the error of reconstruction.

    Raises
    ------
    TypeError
        If the last step does not predict.

    See Also
    --------
    compare : Measures the time of fits and of whole predictions in each fold.

    Notes
    -----
    SNR and RMSE are meant as in the table of NeuroFusionNet's source, which does not define them.
    Neither says what was removed: a low-pass at 1 Hz has a large RMSE. Samples that are missing
    before or after a step do not count.

    Each step runs once. Results of steps are not taken from a store, so that the sum is the time
    for recordings that were never seen. The vote itself takes milliseconds and is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.comparison import time_steps
    >>> from sklearn_emg.ensemble import DiVoteClassifier
    >>> from sklearn_emg.feature_extraction import TimeDomainFeatures
    >>> from sklearn_emg.recordings import recording_table
    >>> rng = np.random.default_rng(0)
    >>> names = list("aabbccdd")
    >>> table = recording_table([rng.normal(size=500) for _ in names], fs=1000.0, subject=names)
    >>> windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    >>> model = DiVoteClassifier(windows, window=0.1).fit(table[:4], list("nnpp"))
    >>> time_steps(model, table[4:])["kind"].tolist()
    ['loading', 'preprocessing', 'features', 'prediction', 'total']
    """
    check_recording_table(X, required=("signal", "fs"))
    rows: list[dict[str, Any]] = []

    def measured(step: str, kind: str, function: Callable[..., Any], *given: Any) -> Any:
        start = time.perf_counter()
        result = function(*given)
        seconds = time.perf_counter() - start
        rows.append({"step": step, "kind": kind, "seconds": seconds})
        if step == "windows":
            return result
        # After features there are no signals any more.
        if given and all("end" not in row for row in rows):
            if isinstance(result, np.ndarray) and np.shape(result) != np.shape(given[0]):
                rows[-1]["end"] = True
            else:
                rows[-1].update(_change(given[0], result))
        return result

    X = measured("signals", "loading", lambda: with_signals(X, list(map(read_signal, X["signal"]))))
    _run(estimator, X, "preprocessing", "", measured)
    total = sum(row["seconds"] for row in rows)
    rows.append({"step": "all", "kind": "total", "seconds": total})
    columns = ["step", "kind", "seconds", "snr_db", "rmse"]
    times = pd.DataFrame(rows, columns=columns)
    return ReadableTable(times.assign(ms_per_recording=1e3 * times["seconds"] / len(X)))


def _change(before: Any, after: Any) -> dict[str, float]:
    """SNR in dB and RMSE of a step that returns signals of the same shape.

    The power is that around the mean of each signal: one between 0 and 1 has an offset that is no
    signal. A step that only rescales signals removes nothing, and has neither.
    """
    removed, kept, n = 0.0, 0.0, 0
    rescaled = True
    for x, z in _pairs_of_rows(before, after):
        known = np.isfinite(x) & np.isfinite(z)
        if not known.any():
            continue
        x, z = x[known], z[known]
        removed += float(np.square(x - z).sum())
        n += len(x)
        x, z = x - x.mean(), z - z.mean()
        power = float(z @ z)
        kept += power
        gain = float(x @ z) / max(float(x @ x), 1e-300)
        same_form = float(np.square(z - gain * x).sum()) <= 1e-9 * power
        rescaled = rescaled and same_form and abs(gain - 1) > 1e-6
    if removed == 0 or kept == 0 or rescaled:
        return {}
    return {"snr_db": 10 * np.log10(kept / removed), "rmse": np.sqrt(removed / n)}


def _pairs_of_rows(before: Any, after: Any) -> Iterator[tuple[np.ndarray, ...]]:
    """Each signal before and after a step; none where they are not signals of the same shape."""
    pairs = [(before, after)]
    if isinstance(before, pd.DataFrame) and isinstance(after, pd.DataFrame):
        pairs = list(zip(map(read_signal, before["signal"]), map(read_signal, after["signal"])))
    elif not isinstance(before, np.ndarray) or before.ndim not in (2, 3):
        return
    if all(np.shape(a) == np.shape(b) for a, b in pairs):
        for pair in pairs:
            yield from zip(*map(_rows, pair))


def _rows(signals: Any) -> np.ndarray:
    """Signals of one channel, as rows of float64."""
    values = np.asarray(signals, dtype=np.float64)
    return values.reshape(-1, values.shape[-1])


def _run(estimator: Any, X: Any, kind: str, path: str, measured: Callable[..., Any]) -> None:
    """Run the parts of an estimator one after the other, each measured."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        *head, (name, last) = estimator.steps
        for step, part in head:
            samples = hasattr(part, "fit_resample")  # which act in training only
            if part is not None and part != "passthrough" and not samples:
                X = measured(path + step, kind, part.transform, X)
        _run(last, X, kind, path + name, measured)
    elif isinstance(estimator, (DiVoteClassifier, DiVoteRegressor)):
        windows = measured("windows", "preprocessing", estimator.windows, X).X
        _run(estimator.estimator_, windows, "features", "estimator__", measured)
    elif hasattr(estimator, "predict"):
        answer = getattr(estimator, "predict_proba", None) or estimator.predict
        measured(path.strip("_") or "estimator", "prediction", answer, X)
    else:
        raise TypeError(
            f"time_steps takes a pipeline that predicts; {type(estimator).__name__} at its end "
            "does not."
        )
