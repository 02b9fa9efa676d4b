"""Computing time of each step of a fitted pipeline."""

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


def time_steps(estimator: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Measure the times of loading, preprocessing, features and prediction separately.

    Parameters
    ----------
    estimator : fitted estimator
        Pipeline of recording tables, DiVoteClassifier, DiVoteRegressor, Pipeline that ends with one
        of these, or search over any of them.
    X : DataFrame
        Recording table, such as the test recordings of a fold. Recordings in files are read once;
        the time that this takes is shown in the row "loading".

    Returns
    -------
    times : DataFrame
        One row per step, in the order of execution, and a last row for the total. The columns are
        ``step`` (the path of the step); ``kind``, which is "loading", "preprocessing" (steps on
        recordings, and cutting windows), "features" (steps on windows before the last step),
        "prediction" or "total"; ``seconds``; and ``ms_per_recording``. If a step changes signals
        and not only their scale, ``snr_db`` is the ratio in dB of the power of the output signals
        without their means to the power of the part that was removed, and ``rmse`` is the root mean
        square of this part in mV (or in the unit of a scaler before the step). For an autoencoder,
        this is the reconstruction error.

    Raises
    ------
    TypeError
        If the last step does not predict.

    See Also
    --------
    compare : Measure the times of fits and of whole predictions in each fold.

    Notes
    -----
    SNR and RMSE are intended to match the table in the publication of NeuroFusionNet, which does
    not define them. Neither shows what was removed: a low-pass filter at 1 Hz has a large RMSE.
    Samples that are missing before or after a step are ignored.

    Each step runs once. Results of steps are not taken from a store, so the total is the time for
    recordings that are new. The aggregation of window predictions takes milliseconds and is not
    included.

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
        # The output of features and later steps is not a signal.
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
    """Compute the SNR in dB and the RMSE of a step that returns signals of the same shape.

    Power is measured around the mean of each signal, so the offset of a signal that is scaled to
    the range from 0 to 1 does not count. A step that only rescales signals removes nothing and has
    neither value.
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
    """Yield each signal before and after a step, unless their shapes differ."""
    pairs = [(before, after)]
    if isinstance(before, pd.DataFrame) and isinstance(after, pd.DataFrame):
        pairs = list(zip(map(read_signal, before["signal"]), map(read_signal, after["signal"])))
    elif not isinstance(before, np.ndarray) or before.ndim not in (2, 3):
        return
    if all(np.shape(a) == np.shape(b) for a, b in pairs):
        for pair in pairs:
            yield from zip(*map(_rows, pair))


def _rows(signals: Any) -> np.ndarray:
    """Reshape signals to rows of one channel in float64."""
    values = np.asarray(signals, dtype=np.float64)
    return values.reshape(-1, values.shape[-1])


def _run(estimator: Any, X: Any, kind: str, path: str, measured: Callable[..., Any]) -> None:
    """Run the parts of an estimator one after the other, and measure each."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        *head, (name, last) = estimator.steps
        for step, part in head:
            samples = hasattr(part, "fit_resample")  # samplers act only in training
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
            f"time_steps takes a pipeline that predicts, but {type(estimator).__name__} at its end "
            "does not."
        )
