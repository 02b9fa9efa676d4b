"""Input checks of DiVoteClassifier and DiVoteRegressor: tables, feature rows and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from sklearn_emg._ranges import refuse_no_samples
from sklearn_emg._sklearn import GroupsRequester, Integral, has_method
from sklearn_emg._tables import columns_text, counted
from sklearn_emg._typing import Labels
from sklearn_emg._warnings import warn
from sklearn_emg.ensemble._fitting import folds_of, splits_rows
from sklearn_emg.ensemble._input import (
    Rows,
    check_labels,
    check_numbers,
    check_rows,
    refuse_one_class,
    refuse_unusable_labels,
    refuse_unusable_numbers,
    row_numbers,
)
from sklearn_emg.ensemble._metadata import requested_columns
from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning
from sklearn_emg.model_selection import (
    Split,
    SubjectKFold,
    assert_no_shared_subject,
    check_not_pretrained_on,
    keeps_results,
    pretrained_parts,
    takes_kept,
)
from sklearn_emg.recordings import (
    METADATA_COLUMNS,
    OnFault,
    Tail,
    WindowSet,
    check_facts,
    check_recording_table,
    common_channel_names,
    divide,
    divide_kept,
    is_kept,
    is_recording_table,
    keep_recordings,
    plain_recordings,
    refuse_other_order,
    refuse_repeated_columns,
    revealing_columns,
    same_rate,
    warn_of_left_out,
    warn_of_other_order,
)


class InputChecks(GroupsRequester, BaseEstimator):
    """Part of DiVote that checks the input and cuts it into windows.

    This base class has no parameters of its own. The annotated names are parameters and fitted
    attributes of :class:`~sklearn_emg.ensemble.DiVoteClassifier`, where they are documented.
    """

    estimator: Any
    window: float | None
    step: float | None
    by: str | None
    unit: str
    features: list[str] | None
    weights: str | None
    tail: Tail
    nan: OnFault
    short: OnFault
    cv: Any
    voting: str
    estimator_: Any
    classes_: NDArray[Any]
    _rates: dict[str, float]
    _numbers: ClassVar[bool] = False  # whether targets are numbers instead of labels

    @property
    def _caller(self) -> str:
        """Name of the class, for messages."""
        return type(self).__name__

    def _check(
        self, X: Any, y: Any = None, groups: Labels | None = None, *, reset: bool
    ) -> tuple[Rows, NDArray | None]:
        """Check X (and y in ``fit``), cut X into windows and find the subject of each row."""
        warn_of_other_order(X, y, "y")
        if is_recording_table(X):
            if is_kept(X):
                check_facts(X)
            if reset:
                check_recording_table(X, required=("signal", "fs"))
                y = self._check_target(y, len(X))
            windows = self._recording_windows(X, reset=reset)
            inner, row, n_rows = windows.X, windows.row, len(X)
            start, fs = windows.start / windows.fs, windows.fs
        else:
            inner, y = self._check_matrix(X, y, groups, reset=reset)
            n_rows = len(inner)
            row, start, fs = np.arange(n_rows), None, None
        rows = check_rows(
            X,
            inner,
            row,
            start,
            fs,
            n_rows=n_rows,
            groups=groups,
            unit=self.unit,
            by=self.by,
            requested=requested_columns(self.estimator),
            caller=self._caller,
        )
        return rows, y

    def _check_target(self, y: Any, n_rows: int) -> NDArray:
        """Check the targets of recordings, which are labels or numbers."""
        check = check_numbers if self._numbers else check_labels
        return check(y, n_rows, self._caller)

    def _recording_windows(self, table: pd.DataFrame, *, reset: bool) -> WindowSet:
        """Cut a table into windows, and check their rate and shape against those of ``fit``."""
        check_recording_table(table, required=("signal", "fs"))
        windows = self._windows(table)
        shape = windows.X.shape[1:]
        if reset:
            self.window_shape_: tuple[int, ...] | None = shape
            self.fs_: float | None = windows.fs
            self.channel_names_: tuple[str, ...] | None = common_channel_names(table)
            return windows
        if self.window_shape_ is None:
            raise ValueError(
                f"X is a recording table, but this {self._caller} was fitted on an array or a "
                "feature table. Pass the kind of input that it was fitted on."
            )
        refuse_other_order(self.channel_names_, common_channel_names(table), self._caller)
        self._compare_rate(windows.fs, same_shape=shape == self.window_shape_)
        if shape != self.window_shape_:
            raise ValueError(
                f"The windows have shape {shape}, but {self._caller} was fitted on windows of "
                f"shape {self.window_shape_}. Resample to the rate of the training table, and use "
                "the same channels."
            )
        return windows

    def _compare_rate(self, fs: float, *, same_shape: bool) -> None:
        """Raise if the rate is not that of ``fit`` and a step depends on it; warn if none does."""
        if self.fs_ is None or same_rate(fs, self.fs_):
            return
        text = (
            f"The table has a sampling rate of {fs:.10g} Hz, but {self._caller} was fitted on "
            f"windows of {self.fs_:.10g} Hz."
        )
        if self._rates:
            steps = ", ".join(list(self._rates)[:3])
            raise ValueError(
                f"{text} These steps depend on the rate: {steps}. Put Resampler({self.fs_:.10g}) "
                f"before {self._caller}."
            )
        if same_shape:  # a different shape raises its own error
            warn(
                f"{text} Put Resampler({self.fs_:.10g}) before {self._caller}; otherwise scores "
                "may change with the rate.",
                RecordingWarning,
            )

    def _windows(self, table: pd.DataFrame) -> WindowSet:
        """Cut a table into windows, which are computed lazily if the estimator allows it."""
        cut: Callable[..., WindowSet] = divide
        if takes_kept(self.estimator):
            if not is_kept(table) and keeps_results(self.estimator):
                table = keep_recordings(table, None)
            cut = divide_kept if is_kept(table) else divide
        elif is_kept(table):
            table = plain_recordings(table)
        if self.window is not None:
            return cut(
                table, self.window, self.step, tail=self.tail, nan=self.nan, short=self.short
            )
        shapes = [signal.shape for signal in table["signal"]]
        for row, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise ValueError(
                    "With window=None, each row is one window and all must have the same shape: "
                    f"row 0 has {shapes[0]}, row {row} has {shape}. Set 'window' in seconds."
                )
        # All rows have the same length; `divide` with a window of this length checks the rest.
        return cut(table, shapes[0][-1], unit="samples", nan=self.nan)

    def _check_matrix(
        self, X: Any, y: Any, groups: Labels | None, *, reset: bool
    ) -> tuple[Any, NDArray | None]:
        if reset and not self._numbers:
            refuse_unusable_labels(y, self._caller)
        elif reset:
            refuse_unusable_numbers(y, self._caller)
        frame = X
        if isinstance(X, pd.DataFrame):
            frame = self._feature_frame(X, y, groups, reset=reset)
        elif reset:
            self._refuse_unnamed_columns(X)
        refuse_no_samples(X, self._caller)
        checked = validate_data(
            self,
            frame,
            **({"y": y, "multi_output": False} if reset else {}),
            reset=reset,
            allow_nd=True,
            dtype=None,
            ensure_all_finite=not get_tags(self.estimator).input_tags.allow_nan,
        )
        if reset:
            values, y = checked[0], self._check_target(checked[1], len(checked[0]))
            self.window_shape_ = self.fs_ = self.channel_names_ = None
        else:
            values = checked
        if self.window is not None:
            raise ValueError(
                f"{self._caller}(window={self.window}) cuts the recordings of a table with the "
                f"columns 'signal' and 'fs', but X has no 'signal' (got {type(X).__name__}). Set "
                "window=None to treat each row as one window."
            )
        # A DataFrame stays one, so that steps can select its columns by name.
        return (frame if isinstance(frame, pd.DataFrame) else values), y

    def _refuse_unnamed_columns(self, X: Any) -> None:
        """Raise if `features` cannot be the columns of an array, which have no names."""
        names = self.features
        shape = () if names is None else np.asarray(X).shape
        if names is not None and len(shape) == 2 and shape[1] != len(names):
            raise ValueError(
                f"The 'features' of {self._caller} name {counted(len(names), 'column')}, but X is "
                f"an array of {counted(shape[1], 'column')} without names. Pass a DataFrame, or an "
                "array of these features only."
            )

    def _feature_frame(
        self, X: pd.DataFrame, y: Any, groups: Labels | None, *, reset: bool
    ) -> pd.DataFrame:
        """Select the columns of X for the estimator, without those that ``fit`` left out."""
        refuse_repeated_columns(X)
        if self.features is not None:
            if missing := [c for c in self.features if c not in X.columns]:
                raise ValueError(f"X lacks the {columns_text(missing)} of 'features'.")
            return X[self.features]
        if reset:
            self._leave_out(X, np.ravel(y) if len(y) == len(X) else None, groups)
        frame = X.drop(columns=list(self._left_out), errors="ignore")
        if not {self.unit, "subject"}.isdisjoint(X.columns):
            no_features = [*METADATA_COLUMNS, *self._columns_of_parameters()]
            frame = frame.drop(columns=no_features, errors="ignore")
            _refuse_text_columns(frame, self._caller)
        if frame.columns.empty:
            raise ValueError(
                "X has no feature columns: its columns are metadata, or reveal the subject, the "
                f"label or the row. Name the feature columns with {self._caller}(features=[...])."
            )
        return frame

    def _leave_out(self, X: pd.DataFrame, y: Any, groups: Labels | None) -> None:
        """Determine the columns that are not features, and warn of those that look like them."""
        self._left_out = self._no_features(X, y, groups)
        for name in self._columns_of_parameters():
            self._left_out.pop(name, None)
        warn_of_left_out(self._left_out, f"name it in {self._caller}(features=[...])")
        if groups is not None:  # the subjects of a table that does not contain them
            self._left_out |= dict.fromkeys(METADATA_COLUMNS, "metadata")

    def _columns_of_parameters(self) -> list[str]:
        """Columns that parameters name and that are not features."""
        weights = None if self.weights == "windows" else self.weights
        return [name for name in (self.by, self.unit, weights) if name is not None]

    def _no_features(self, X: pd.DataFrame, y: Any, groups: Labels | None) -> dict[Any, str]:
        """Columns that are not features, with the reasons."""
        return revealing_columns(X, y, groups)

    def _check_voting(self) -> None:
        """Raise if voting is soft and the classifier predicts labels only."""
        scores = ("predict_proba", "decision_function")
        if self.voting == "soft" and not any(has_method(self.estimator, name) for name in scores):
            raise ValueError(
                f"voting='soft' needs class probabilities, but {type(self.estimator).__name__} has "
                "neither predict_proba nor decision_function. Set voting='hard'."
            )

    def _unit_labels(self, rows: Rows, y: NDArray) -> NDArray:
        values, codes = np.unique(y, return_inverse=True)
        low = np.full(len(rows.unit_index), len(values))
        high = np.full(len(rows.unit_index), -1)
        np.minimum.at(low, rows.unit, codes)
        np.maximum.at(high, rows.unit, codes)
        if (several := np.flatnonzero(low != high)).size:
            k, found = several[0], values.tolist()
            are, one = ("values", "value") if self._numbers else ("labels", "diagnosis")
            raise ValueError(
                f"{self.unit.capitalize()} {rows.unit_index.tolist()[k]!r} has the {are} "
                f"{found[low[k]]!r} and {found[high[k]]!r}; each {self.unit} must have one {one}. "
                f"Correct y, or set 'unit' to a column that separates the {are}. If y was "
                "permuted, permute it by subject, as "
                "sklearn_emg.comparison.subject_permutation_test does."
            )
        return values[low]

    def _needs_calibration(self, estimator: Any) -> bool:
        if self._numbers or self.voting != "soft":
            return False
        return not has_method(estimator, "predict_proba")

    def _check_pretrained(self, rows: Rows, splits: list[Split]) -> None:
        """Raise or warn if this fit scores subjects on which a part was pretrained.

        The subjects are stored, so that ``predict`` can also warn about them.
        """
        self._pretrained = frozenset[Any]().union(
            *(part.subjects for part in pretrained_parts(self) if part.subjects)
        )
        if rows.subject_names is None:
            return
        names = rows.names_of_rows()
        folds = [names[test].tolist() for _, test in splits]
        check_not_pretrained_on(self, folds, name=self._caller)
        held_out = self._needs_calibration(self.estimator) or splits_rows(self.estimator)
        if held_out and (known := [s for s in rows.subject_names if s in self._pretrained]):
            warn(
                f"The estimator of {self._caller} was pretrained on subjects of X (such as "
                f"{known[0]!r}) and can be scored on them in its calibration or selection. Leave "
                "these subjects out of X, or pretrain on others.",
                SubjectLeakWarning,
            )

    def _splits(self, rows: Rows, X: Any, y: NDArray) -> list[Split]:
        """Folds of `cv` as row numbers.

        Each row is tested once, and no fold trains on a subject that it tests.
        """
        cv = self.cv
        if isinstance(cv, Integral):
            cv = SubjectKFold(int(cv), stratify="quantiles" if self._numbers else "classes")
        splits = [
            (
                row_numbers(train, rows.n_rows, self._caller),
                row_numbers(test, rows.n_rows, self._caller),
            )
            for train, test in folds_of(cv, X, y, rows.groups())
        ]
        tested = np.zeros(rows.n_rows, dtype=int)
        for train, test in splits:
            if not train.size:
                raise ValueError(f"A fold of the 'cv' of {self._caller} has no training rows.")
            assert_no_shared_subject(X, train, test, groups=rows.names_of_rows())
            if not self._numbers:
                where = "the training part of a fold of its 'cv'"
                refuse_one_class(y[train], self._caller, where)
            np.add.at(tested, test, 1)
        if (tested != 1).any():
            row = int(np.flatnonzero(tested != 1)[0])
            raise ValueError(
                f"The 'cv' of {self._caller} must test every row once; row {row} is tested "
                f"{tested[row]} times. Use SubjectKFold or LeaveOneSubjectOut."
            )
        return splits


def _refuse_text_columns(frame: pd.DataFrame, caller: str) -> None:
    """Raise if feature columns are not numeric."""
    text = [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]
    if text:
        raise ValueError(
            f"Features must be numeric, unlike the {columns_text(text)}; name the feature columns "
            f"with {caller}(features=[...])."
        )
