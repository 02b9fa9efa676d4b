"""The folder of a benchmark: finished runs, each tied to its data and settings."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import write_text_atomically
from sklearn_emg._version import __version__
from sklearn_emg._warnings import warn
from sklearn_emg.comparison import LEVELS, Level, Outcome
from sklearn_emg.recordings import content_digest, is_recording_table, signal_digest

__all__ = [
    "AUDIT_COLUMNS",
    "AuditFile",
    "FinishedAudit",
    "FinishedRun",
    "RunFile",
    "Truth",
    "open_folder",
    "settings_of",
]

_FORMAT = 2  # of the files; another one is not mixed in
_MEASURED = ("fit_seconds", "predict_ms", "peak_memory_mb", "cpu_seconds")
_OUTCOME = {"error": str, "details": str, "unit": str, "scores": dict, "chosen": list}
_RUN_KEYS = {"pipeline", "fold", "levels", "made_of", *_OUTCOME, *_MEASURED}
_LEVEL_KEYS = {"subject", "y_true", "y_pred", "proba", "unit"}
AUDIT_COLUMNS = ("random windows", "subjects", "gap", "error")


# -------------------------------------------------------------------- what a folder holds


def settings_of(X: pd.DataFrame, y: NDArray[Any], **settings: Any) -> dict[str, Any]:
    """Settings that all runs of a benchmark have in common, as in ``benchmark.json``.

    Parameters
    ----------
    X : DataFrame
    y : ndarray of shape (n_rows,)
    **settings : object
        Numbers, texts and dicts are kept as they are, other objects by their digest.

    Returns
    -------
    settings : dict
        Settings, with the version of the package and digests of all samples, labels and columns.
    """
    return {
        "format": _FORMAT,
        "sklearn_emg": __version__,
        "data": _data_digests(X, y),
        **{name: _plain(value) for name, value in settings.items()},
    }


def _data_digests(X: pd.DataFrame, y: NDArray[Any]) -> dict[str, Any]:
    names = sorted((c for c in X.columns if c != "signal" or not is_recording_table(X)), key=str)
    digests = {
        "rows": len(X),
        "labels": content_digest(y.tolist()),
        "columns": content_digest([(str(name), _column(X[name])) for name in names]),
    }
    if is_recording_table(X):
        digests["signals"] = content_digest([signal_digest(signal) for signal in X["signal"]])
    return digests


def _column(column: pd.Series) -> Any:
    """Values of a column; objects one by one, so that equal ones count as equal."""
    if column.dtype.kind in "biufc":
        return column.to_numpy()
    known = (str, int, float, type(None))
    return [v if type(v) in known else content_digest(v) for v in column.tolist()]


def _plain(value: Any) -> Any:
    """A value as JSON can hold it, the same under any print options."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return f"{type(value).__name__} {content_digest(value)}"


def open_folder(out: Path, settings: dict[str, Any]) -> str:
    """Take an empty folder, or one that holds runs of the same benchmark.

    Parameters
    ----------
    out : Path
    settings : dict
        Settings from :func:`settings_of`.

    Returns
    -------
    digest : str
        Digest of the settings.

    Raises
    ------
    ValueError
        If the folder holds runs of another benchmark, or does not say of which.
    """
    file = out / "benchmark.json"
    has_runs = any((out / "runs").glob("*/*.json"))  # looked at first: they are written last
    before = _read(file)
    if before is None and has_runs:
        raise ValueError(
            f"{out} holds finished runs, but no {file.name} that says of which benchmark. Choose "
            "another folder, or delete its runs."
        )
    if before is None:
        write_text_atomically(file, json.dumps(settings, indent=1))
        before = _read(file)  # of another process, if that was later
    if differences := _differences(before or {}, settings):
        raise ValueError(
            f"{out} holds folds of another benchmark ({'; '.join(differences)}). Choose another "
            "folder, or delete this one."
        )
    return content_digest(json.dumps(settings, sort_keys=True))


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    now = json.loads(json.dumps(now))
    differs = _other_keys(before, now)
    # Digests of another version cannot be compared.
    differs = [k for k in differs if k in ("format", "sklearn_emg")] or differs
    texts = []
    for key in differs:
        old, new = before.get(key), now.get(key)
        if key == "data" and isinstance(old, dict):
            texts.append(f"data: other {', '.join(_other_keys(old, now[key]))}")
        else:
            texts.append(f"{key}: {old!r} there, {new!r} now")
    return texts


def _other_keys(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Keys with different values, or in one of two dicts only."""
    return [k for k in {**now, **before} if before.get(k) != now.get(k)]


# -------------------------------------------------------------------- files


def _read(path: Path) -> dict[str, Any] | None:
    """Content of a file of results; None where it is not there, or not whole any more."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        _warn_of(path, f"{type(error).__name__}: {error}")
        return None
    if not isinstance(content, dict) or not content:
        _warn_of(path, "it is not a JSON object with content")
        return None
    return content


def _warn_of(path: Path, reason: str) -> None:
    warn(
        f"{path} is damaged and counts as not there ({reason}): what it held is done again.",
        UserWarning,
    )


def _text(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)


def _sealed(content: dict[str, Any]) -> str:
    """JSON text of a result, with a digest of itself."""
    return json.dumps({**content, "digest": _seal(content)})


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _opened(content: dict[str, Any], keys: set[str], expected: dict[str, Any]) -> dict[str, Any]:
    """Content of a sealed result; raises ValueError with the reason why it is refused."""
    content = dict(content)
    seal = content.pop("digest", None)
    if odd := keys.symmetric_difference(content):
        raise ValueError(f"it lacks, or should not have, {', '.join(sorted(map(repr, odd)))}")
    for name, value in expected.items():
        if content[name] != value:
            what = "other data or settings" if name == "made_of" else f"{name} {content[name]!r}"
            raise ValueError(f"it is of {what}")
    if seal != _seal(content):
        raise ValueError("its content was changed")
    return content


@dataclass(frozen=True)
class Truth:
    """What a run can hold: labels of the subjects that it tests, and all labels.

    Parameters
    ----------
    labels : dict of int to set of int
        Codes of the labels of each subject that may be tested, by the subject's code.
    classes : ndarray of shape (n_classes,)
        All labels, sorted; files hold their positions here.
    n_rows : dict of int to int or None
        Recordings of each subject in the test, all of which have to be there; None where windows
        still have to be cut.
    """

    labels: Mapping[int, set[int]]
    classes: NDArray[Any]
    n_rows: Mapping[int, int] | None

    @classmethod
    def of_rows(
        cls, codes: NDArray[np.intp], y: NDArray[Any], test: NDArray[np.intp] | None
    ) -> Truth:
        """From subjects and labels of all rows and the rows of the test.

        `test` is None where its rows are windows that still have to be cut.
        """
        classes, y_codes = np.unique(y, return_inverse=True)
        rows = np.arange(len(y)) if test is None else test
        labels: dict[int, set[int]] = {}
        for code, label in zip(codes[rows].tolist(), y_codes[rows].tolist()):
            labels.setdefault(code, set()).add(label)
        n_rows = None if test is None else Counter(codes[rows].tolist())
        return cls(labels, classes, n_rows)

    def check(self, name: str, level: Any) -> Level:
        """Predictions of one level from a file.

        Raises
        ------
        ValueError
            If they cannot be those of these subjects.
        """
        subject, true, predicted = _lists_of_codes(name, level)
        for case in zip(subject, true, predicted):
            self._check_case(name, *case)
        if name != "window" and self.n_rows is not None:
            self._check_number(name, Counter(subject), self.n_rows)
        proba = self._proba(name, level["proba"], len(subject))
        unit = level["unit"]
        if unit is not None and len(unit) != len(subject):
            raise ValueError(f"its level {name!r} has units of other cases")
        return Level(
            np.array(subject, dtype=np.intp),
            self.classes[np.array(true, dtype=np.intp)],
            self.classes[np.array(predicted, dtype=np.intp)],
            proba,
            None if unit is None else np.array(unit, dtype=object),
        )

    def _check_case(self, name: str, code: int, label: int, answer: int) -> None:
        """Refuse a case that cannot be one of the test set."""
        if code not in self.labels:
            raise ValueError(f"its level {name!r} has a subject that is not tested, {code!r}")
        if label not in self.labels[code]:
            raise ValueError(f"its level {name!r} has a wrong true label, code {label}")
        if not 0 <= answer < len(self.classes):
            raise ValueError(f"its level {name!r} has a prediction that is not a class: {answer}")

    def _check_number(self, name: str, cases: Counter[int], n_rows: Mapping[int, int]) -> None:
        """Refuse recordings or diagnoses that are more than the recordings of the test set."""
        if name == "subject" and set(cases) != set(self.labels):
            raise ValueError("it lacks subjects of its test set")
        if any(n > n_rows[code] for code, n in cases.items()):
            raise ValueError(f"its level {name!r} has more cases than the test set")

    def _proba(self, name: str, proba: Any, n_cases: int) -> NDArray[np.floating] | None:
        if proba is None:
            return None
        values = np.array(proba, dtype=float)
        if values.shape != (n_cases, len(self.classes)) or not (
            np.allclose(values.sum(axis=1), 1, atol=1e-3) and (values >= -1e-9).all()
        ):
            raise ValueError(f"its level {name!r} has no probabilities of its cases and classes")
        return values


def _lists_of_codes(name: str, level: Any) -> tuple[list[int], list[int], list[int]]:
    """Subjects, true and predicted classes of the cases of one level."""
    if not isinstance(level, dict) or set(level) != _LEVEL_KEYS:
        raise ValueError(f"its level {name!r} is none")
    lists = subject, true, predicted = level["subject"], level["y_true"], level["y_pred"]
    if not all(isinstance(v, list) and all(type(code) is int for code in v) for v in lists):
        raise ValueError(f"its level {name!r} holds no lists of codes")
    if not len(subject) == len(true) == len(predicted) > 0:
        raise ValueError(f"its level {name!r} has lists of different lengths, or none")
    return lists


class FinishedRun(NamedTuple):
    """A finished run and the CPU seconds that it took."""

    outcome: Outcome
    cpu_seconds: float

    @property
    def error(self) -> str:
        """Error of the run, empty if it succeeded."""
        return self.outcome.error


class FinishedAudit(NamedTuple):
    """Figures of a finished audit and its error, empty if it succeeded."""

    random_windows: float
    subjects: float
    gap: float
    error: str


@dataclass(frozen=True)
class RunFile:
    """The file of one run.

    Parameters
    ----------
    path : Path
    system : str
    number : int
        Number of the run.
    made_of : str
        Digest of data, settings, system, rows and seed.
    """

    path: Path
    system: str
    number: int
    made_of: str

    def write(self, outcome: Outcome, cpu_seconds: float, classes: NDArray[Any]) -> None:
        """Keep a finished run, or the reason why it failed; `classes` are all labels, sorted."""
        levels = {
            name: {
                "subject": level.subject.tolist(),
                "y_true": np.searchsorted(classes, level.y_true).tolist(),
                "y_pred": np.searchsorted(classes, level.y_pred).tolist(),
                # In full: rounding would make ties of nearly sure cases and change their ranks.
                "proba": None if level.proba is None else level.proba.tolist(),
                "unit": None if level.unit is None else level.unit.tolist(),
            }
            for name, level in outcome.levels.items()
        }
        content = {
            "pipeline": self.system,
            "fold": self.number,
            "made_of": self.made_of,
            "fit_seconds": outcome.fit_seconds,
            "predict_ms": outcome.predict_ms,
            "peak_memory_mb": outcome.peak_memory_mb,
            "cpu_seconds": cpu_seconds,
            **{name: getattr(outcome, name) for name in _OUTCOME},
            "levels": {} if outcome.error else levels,
        }
        # What a search chose may be an estimator: it is kept as its text.
        content = json.loads(json.dumps(content, default=_text))
        write_text_atomically(self.path, _sealed(content))

    def read(self, truth: Truth) -> FinishedRun | None:
        """A finished run and its CPU seconds; None, with a warning, where it is not that run."""
        content = _read(self.path)
        if content is None:
            return None
        expected = {"pipeline": self.system, "fold": self.number, "made_of": self.made_of}
        try:
            return self._outcome(_opened(content, _RUN_KEYS, expected), truth)
        except (ValueError, TypeError, OverflowError) as error:
            _warn_of(self.path, str(error))
            return None

    def _outcome(self, content: dict[str, Any], truth: Truth) -> FinishedRun:
        _check_types(content)
        levels = content["levels"]
        if bool(levels) == bool(content["error"]) or not set(levels) <= set(LEVELS):
            raise ValueError("it needs either an error or the levels of its predictions")
        if levels and "subject" not in levels:
            raise ValueError("it has no predictions of subjects")
        checked = {name: truth.check(name, level) for name, level in levels.items()}
        fit, predict, memory, cpu = (float(content[name]) for name in _MEASURED)
        outcome = Outcome(self.system, self.number, checked, fit, predict, memory)
        for name in _OUTCOME:
            setattr(outcome, name, content[name])
        outcome.chosen = [(str(search), str(k), value) for search, k, value in outcome.chosen]
        return FinishedRun(outcome, cpu)


def _check_types(content: dict[str, Any]) -> None:
    """Refuse values of types that no run writes."""
    if not isinstance(content["levels"], dict) or not isinstance(content["error"], str):
        raise ValueError("its levels are not an object, or its error is not text")
    measured = [content[name] for name in _MEASURED]
    if not all(isinstance(v, Real) and not isinstance(v, bool) for v in measured):
        raise ValueError("its seconds and megabytes are not numbers")
    for name, kind in _OUTCOME.items():
        if not isinstance(content[name], kind):
            raise ValueError(f"its {name!r} is of another type")


@dataclass(frozen=True)
class AuditFile:
    """The file of the leakage audit of one system.

    Parameters
    ----------
    path : Path
    system : str
    made_of : str
        Digest of data, settings, system, folds and seed.
    """

    path: Path
    system: str
    made_of: str

    def write(self, figures: Mapping[str, float], error: str) -> None:
        """Keep the figures of a finished audit, NaN for those of one that failed."""
        values = {name: figures.get(name, float("nan")) for name in AUDIT_COLUMNS[:-1]}
        content = {"system": self.system, "made_of": self.made_of, **values, "error": error}
        write_text_atomically(self.path, _sealed(content))

    def read(self) -> FinishedAudit | None:
        """Figures of a finished audit; None, with a warning, where it is not that audit."""
        content = _read(self.path)
        if content is None:
            return None
        keys = {"system", "made_of", *AUDIT_COLUMNS}
        try:
            content = _opened(content, keys, {"system": self.system, "made_of": self.made_of})
        except (ValueError, TypeError) as error:
            _warn_of(self.path, str(error))
            return None
        return FinishedAudit(*(content[name] for name in AUDIT_COLUMNS))
