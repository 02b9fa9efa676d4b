"""HTML page that shows what preprocessing does to a table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import signal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_consistent_length

from sklearn_emg.base import SignalTransformer
from sklearn_emg.inspection._reports._html import Picture, check_page, draw, write_page
from sklearn_emg.inspection._reports._html import table as html_table
from sklearn_emg.model_selection import SubjectKFold, splits_by_subject
from sklearn_emg.recordings import (
    WindowSet,
    check_recording_table,
    divide,
    read_signal,
    subjects_of,
    warn_of_other_order,
)


def preprocessing_report(
    pipeline: BaseEstimator,
    table: pd.DataFrame,
    y: ArrayLike,
    path: str | os.PathLike[str],
    *,
    cv: Any = None,
    rows: Sequence[int] = (0,),
    seconds: float = 0.5,
) -> Bunch:
    """Write one self-contained HTML page that shows what each step of a pipeline does to a table.

    The page shows the parameters of each step, signals and spectra before and after it, and how
    much it removed. It also shows what was left out and why, the balance of the classes, and the
    subjects of each split.

    Parameters
    ----------
    pipeline : estimator
        A Pipeline of scikit-learn or imbalanced-learn, or a single step. Its signal transformers,
        and its samplers with ``sample_indices_``, are cloned and run on the entire table. The first
        step of any other kind and all later steps are only listed with their parameters. If the
        first of these steps cuts windows, as DiVoteClassifier does, its windows are counted. The
        pipeline itself is not fitted.
    table : DataFrame
        Recording table with a ``subject`` column.
    y : array-like of shape (n_rows,)
        Class of each row.
    path : str or path-like
        HTML file to write. An existing file is replaced when the new page is complete.
    cv : int or splitter, default=None
        Splitter whose splits by subject are shown. An int stands for ``SubjectKFold(cv)``.
    rows : sequence of int, default=(0,)
        Positions of the recordings that are drawn.
    seconds : float, default=0.5
        Length in s of the part of the signal that is drawn, around the largest sample.

    Returns
    -------
    report : Bunch
        Dictionary with these entries:

        - ``path``: path of the file.
        - ``steps``: DataFrame with one row per step that was run. ``recordings`` and ``seconds``
          are the number of recordings after the step and their total length in s. ``snr`` is the
          power of the result divided by the power that was removed, in dB, and ``rmse`` is the root
          mean square of what was removed, in mV. Both are medians over recordings and NaN if the
          step changed the length or number of recordings. ``missing`` is the proportion of samples
          that are NaN.
        - ``dropped``: DataFrame of recordings and windows that were left out, with the columns
          ``row``, ``what`` and ``why``.
        - ``classes``: DataFrame with one row per class. ``subjects`` and ``recordings`` are the
          numbers in the table, ``recordings after`` is the number of recordings after the steps,
          and ``windows`` (if the pipeline cuts windows) is the number of their windows.
        - ``splits``: DataFrame with one row per fold, or None without `cv`. The columns are
          ``fold``, ``test subjects``, ``test recordings``, ``training subjects``, ``training
          recordings`` and ``on both sides`` (subjects in both).

    Raises
    ------
    ImportError
        If matplotlib or Jinja2 is not installed.
    TypeError
        If `pipeline` is not an estimator, or `table` is not a DataFrame.
    ValueError
        If `table` is not a recording table or lacks one of the `rows`, if the lengths of `table`
        and `y` differ, or if `path` is a folder.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_emg.inspection import preprocessing_report
    >>> from sklearn_emg.preprocessing import BandpassFilter, NotchFilter
    >>> from sklearn_emg.recordings import recording_table
    >>> X = np.random.default_rng(0).normal(size=(4, 2000))
    >>> table = recording_table(X, fs=1000.0, subject=list("abcd"))
    >>> report = preprocessing_report(
    ...     make_pipeline(BandpassFilter(20.0, 400.0), NotchFilter(50.0)),
    ...     table,
    ...     ["M", "N", "M", "N"],
    ...     os.path.join(tempfile.mkdtemp(), "report.html"),
    ... )
    >>> report.steps["recordings"].to_dict()
    {'bandpassfilter': 4, 'notchfilter': 4}
    """
    if not hasattr(pipeline, "get_params"):
        raise TypeError(
            f"The 'pipeline' of preprocessing_report must be an estimator. Got {pipeline!r}."
        )
    path = check_page(path, "preprocessing_report")
    check_recording_table(table)
    check_consistent_length(table, y)
    warn_of_other_order(table, y, "y", "table")
    y = np.asarray(y)
    outside = [row for row in rows if not 0 <= row < len(table)]
    if outside:
        raise ValueError(
            f"The 'rows' of preprocessing_report must be in 0..{len(table) - 1}. Got {outside[0]}."
        )
    run = _Run(table, y)
    rest = _flat_steps(pipeline)
    while rest and run.step(*rest[0], rows, seconds):
        rest.pop(0)
    windows = _windows_of(rest[0][1], run.table) if rest else None
    if windows is not None:
        run.note_windows(windows)
    report = Bunch(
        path=path,
        steps=pd.DataFrame.from_dict(run.measures, orient="index"),
        dropped=pd.DataFrame(run.dropped, columns=["row", "what", "why"]),
        classes=_class_balance(table, y, run.labels, windows),
        splits=None if cv is None else _split_table(cv, table, y),
    )
    content = _content(report, run.steps, rest, table)
    write_page(path, "preprocessing.html", "Preprocessing report", content)
    return report


class _Run:
    """Table after the steps that have been run, and records of what they did to it."""

    def __init__(self, table: pd.DataFrame, labels: NDArray[Any]):
        self.table, self.labels = table, labels
        self.origin = np.arange(len(table))  # rows of the original table
        self.measures: dict[str, dict[str, Any]] = {}
        self.dropped: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []

    def step(self, name: str, step: Any, rows: Sequence[int], seconds: float) -> bool:
        """Run a clone of a step; return False if the step does not return a recording table."""
        before, pictures = self.table, []
        if isinstance(step, SignalTransformer):
            self.table = clone(step).fit(before, self.labels).transform(before)
            for row in rows:
                if row in self.origin:
                    position = int(np.flatnonzero(self.origin == row)[0])
                    pictures.append(_picture(before, self.table, position, seconds, row))
        elif hasattr(step, "fit_resample"):
            sampler = clone(step)
            after, labels = sampler.fit_resample(before, self.labels)
            kept = getattr(sampler, "sample_indices_", None)
            if kept is None:
                return False
            self.table, self.labels = after, labels
            for row in np.setdiff1d(self.origin, self.origin[kept]):
                self.dropped.append({"row": int(row), "what": "recording", "why": f"by {name}"})
            self.origin = self.origin[kept]
        else:
            return False
        self.measures[name] = _measures(before, self.table)
        self.steps.append({"name": name, "text": _text(step), "pictures": pictures})
        return True

    def note_windows(self, windows: WindowSet) -> None:
        """Record the windows that were skipped."""
        for position, why in windows.skipped.items():
            # The text begins with the number of the row among the remaining rows.
            why = why.split(" ", 2)[-1]
            row = int(self.origin[position])
            self.dropped.append({"row": row, "what": "windows", "why": why})


def _flat_steps(pipeline: BaseEstimator) -> list[tuple[str, Any]]:
    """List the steps of a pipeline and of nested pipelines, without "passthrough" and None."""
    if not hasattr(pipeline, "steps"):
        return [(type(pipeline).__name__.lower(), pipeline)]
    flat: list[tuple[str, Any]] = []
    for name, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        inner = _flat_steps(step) if hasattr(step, "steps") else [(name, step)]
        taken = {n for n, _ in flat}
        flat += [(f"{name}__{n}" if n in taken else n, s) for n, s in inner]
    return flat


def _change(old: NDArray, new: NDArray) -> tuple[float, float]:
    """Compute the ratio of the remaining to the removed power, in dB, and the removed RMS.

    Values that are not defined are NaN.
    """
    if old.shape != new.shape:
        return np.nan, np.nan
    finite = np.isfinite(old) & np.isfinite(new)
    removed = (old[finite] - new[finite]).astype(np.float64)
    if removed.size == 0:
        return np.nan, np.nan
    taken, left = np.var(removed), np.var(new[finite])
    ratio = 10 * np.log10(left / taken) if taken > 0 and left > 0 else np.nan
    return ratio, float(np.sqrt(np.mean(removed**2)))


def _median(values: NDArray) -> float:
    """Compute the median of the values that are not NaN, or return NaN if there are none."""
    values = values[~np.isnan(values)]
    return float(np.median(values)) if values.size else np.nan


def _measures(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    changes = []
    if len(before) == len(after):
        changes = [_change(*map(read_signal, p)) for p in zip(before["signal"], after["signal"])]
    ratios, errors = np.array(changes).reshape(-1, 2).T
    samples = [read_signal(s) for s in after["signal"]]
    lengths = [s.shape[-1] for s in samples]
    return {
        "recordings": len(after),
        "seconds": float(np.sum(lengths / after["fs"].to_numpy(dtype=float))),
        "snr": _median(ratios),
        "rmse": _median(errors),
        "missing": float(sum(np.isnan(s).sum() for s in samples) / sum(s.size for s in samples)),
    }


def _windows_of(step: Any, table: pd.DataFrame) -> WindowSet | None:
    """Return the windows that a step would cut, or None if it cuts none."""
    parameters = step.get_params(deep=False) if hasattr(step, "get_params") else {}
    if parameters.get("window") is None or "voting" not in parameters:
        return None
    options = {k: parameters[k] for k in ("window", "step", "tail") if k in parameters}
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        # The report contains the information of the warning.
        return divide(table, nan="skip", short="skip", **options)


def _class_balance(
    table: pd.DataFrame, y: NDArray, labels: NDArray, windows: WindowSet | None
) -> pd.DataFrame:
    rows = {}
    subjects = subjects_of(table)
    n_windows = None if windows is None else np.bincount(windows.row, minlength=len(labels))
    for label in np.unique(y):
        of_class = y == label
        row = {"subjects": len(np.unique(subjects[of_class])), "recordings": int(of_class.sum())}
        row["recordings after"] = int((labels == label).sum())
        if n_windows is not None:
            row["windows"] = int(n_windows[labels == label].sum())
        rows[label] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def _split_table(cv: Any, table: pd.DataFrame, y: NDArray) -> pd.DataFrame:
    if isinstance(cv, int):
        cv = SubjectKFold(cv)
    subjects = table["subject"].to_numpy(dtype=object)
    rows = []
    for fold, (train, test) in enumerate(splits_by_subject(cv, table, y)):
        tested, trained = (list(dict.fromkeys(subjects[part])) for part in (test, train))
        rows.append(
            {
                "fold": fold,
                "test subjects": ", ".join(map(str, tested)),
                "test recordings": len(test),
                "training subjects": len(trained),
                "training recordings": len(train),
                "on both sides": ", ".join(map(str, [s for s in tested if s in set(trained)])),
            }
        )
    return pd.DataFrame(rows)


def _picture(
    before: pd.DataFrame, after: pd.DataFrame, position: int, seconds: float, row: int
) -> Picture:
    """Draw the signals and spectra of the first channel of a recording."""
    alt = f"Signal and spectrum of recording {row}, before the step in grey and after it in blue"
    return draw(
        lambda figure: _draw_signals(figure, before, after, position, seconds, row),
        alt,
        size=(9, 2.6),
        dpi=90,
    )


def _draw_signals(
    figure: Any,
    before: pd.DataFrame,
    after: pd.DataFrame,
    position: int,
    seconds: float,
    row: int,
) -> None:
    in_time, in_frequency = figure.subplots(1, 2, width_ratios=(2, 1))
    middle = None
    for frame, label, style in ((before, "before", "0.6"), (after, "after", "C0")):
        fs = float(frame["fs"].iloc[position])
        values = np.atleast_2d(read_signal(frame["signal"].iloc[position]))[0]
        if middle is None:
            largest = np.abs(np.nan_to_num(values)).argmax() / fs
            middle = min(max(largest, seconds / 2), max(len(values) / fs - seconds / 2, 0))
        span = slice(max(int((middle - seconds / 2) * fs), 0), int((middle + seconds / 2) * fs) + 1)
        in_time.plot(np.arange(len(values))[span] / fs, values[span], style, lw=0.8, label=label)
        finite = values[np.isfinite(values)]
        if len(finite) > 1:
            freqs, power = signal.welch(finite, fs, nperseg=min(len(finite), int(fs)))
            positive = power > 0
            in_frequency.semilogy(freqs[positive], power[positive], style, lw=0.8)
    in_time.set(xlabel="time (s)", ylabel="mV", title=f"recording {row}")
    in_time.legend(loc="upper right", frameon=False)
    in_frequency.set(xlabel="frequency (Hz)", ylabel="mV²/Hz")


def _text(step: Any) -> str:
    """Represent a step with all its parameters."""
    if not hasattr(step, "get_params"):
        return type(step).__name__
    with config_context(print_changed_only=False):
        return repr(step)


def _content(
    report: Bunch, steps: list[dict[str, Any]], rest: list[tuple[str, Any]], table: pd.DataFrame
) -> dict[str, Any]:
    """Prepare the variables of the template ``preprocessing.html``."""
    splits = None
    if report.splits is not None:
        caption = "Subjects and recordings of each fold"
        splits = html_table(report.splits.set_index("fold"), caption, index="fold")
    dropped = report.dropped.set_index("row")
    return {
        "n_recordings": len(table),
        "n_subjects": len(np.unique(subjects_of(table))),
        "measures": html_table(report.steps, "What each step kept and removed", index="step"),
        "steps": steps,
        "rest": [{"name": name, "text": _text(step)} for name, step in rest],
        "dropped": html_table(dropped, "What was left out and why", index="row"),
        "classes": html_table(report.classes, "Balance of the classes", index="class"),
        "splits": splits,
    }
