"""The folder of a benchmark, in which each finished run is tied to its data and settings."""

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
from sklearn_emg._tables import python_value
from sklearn_emg._version import __version__
from sklearn_emg._warnings import warn
from sklearn_emg.comparison import LEVELS, Level, Outcome
from sklearn_emg.recordings import content_digest, is_recording_table, signal_digest

_FORMAT = 2  # version of the file format; different versions are not mixed
_MEASURED = ("fit_seconds", "predict_ms", "peak_memory_mb", "cpu_seconds")
_OUTCOME = {"error": str, "details": str, "unit": str, "scores": dict, "chosen": list}
_OF_NETWORKS = {"numbers_held": int, "history": list}  # older files lack them
_RUN_KEYS = {"pipeline", "fold", "levels", "made_of", *_OUTCOME, *_MEASURED}
_LEVEL_KEYS = {"subject", "y_true", "y_pred", "proba", "unit"}
AUDIT_COLUMNS = ("random windows", "subjects", "gap", "error")


# -------------------------------------------------------------------- identity of a folder


def settings_of(X: pd.DataFrame, y: NDArray[Any], **settings: Any) -> dict[str, Any]:
    """Return the settings that all runs of a benchmark share, as stored in ``benchmark.json``.

    They include the version of the package and digests of all samples, labels and columns. Of the
    further settings, numbers, text and dicts are kept, and other objects are replaced by their
    digests.
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
    """Return the values of a column, with digests of objects, so that equal objects are equal."""
    if column.dtype.kind in "biufc":
        return column.to_numpy()
    known = (str, int, float, type(None))
    return [v if type(v) in known else content_digest(v) for v in column.tolist()]


def _plain(value: Any) -> Any:
    """Convert a value to JSON, independently of print options."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    value = python_value(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return f"{type(value).__name__} {content_digest(value)}"


def open_folder(out: Path, settings: dict[str, Any]) -> str:
    """Open an empty folder, or one that contains runs of the same benchmark.

    Parameters
    ----------
    out : Path
        Results folder.
    settings : dict
        Settings from :func:`settings_of`.

    Returns
    -------
    digest : str
        Digest of the settings.

    Raises
    ------
    ValueError
        If the folder contains runs of a different or an unknown benchmark.
    """
    file = out / "benchmark.json"
    has_runs = any((out / "runs").glob("*/*.json"))  # checked first, since runs are written last
    before = _read(file)
    if before is None and has_runs:
        raise ValueError(
            f"{out} contains finished runs, but no {file.name} to identify their benchmark. Choose "
            "a different folder, or delete the runs."
        )
    if before is None:
        write_text_atomically(file, json.dumps(settings, indent=1))
        before = _read(file)  # another process may have replaced the file
    if differences := _differences(before or {}, settings):
        raise ValueError(
            f"{out} contains runs of a different benchmark ({'; '.join(differences)}). Choose a "
            "different folder, or delete this one."
        )
    return content_digest(json.dumps(settings, sort_keys=True))


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    now = json.loads(json.dumps(now))
    differs = _other_keys(before, now)
    # Digests of different versions cannot be compared.
    differs = [k for k in differs if k in ("format", "sklearn_emg")] or differs
    texts = []
    for key in differs:
        old, new = before.get(key), now.get(key)
        if key == "data" and isinstance(old, dict):
            texts.append(f"data: different {', '.join(_other_keys(old, now[key]))}")
        else:
            texts.append(f"{key}: {old!r} there, {new!r} now")
    return texts


def _other_keys(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the keys that have different values or occur in only one of two dicts."""
    return [k for k in {**now, **before} if before.get(k) != now.get(k)]


# -------------------------------------------------------------------- files


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a results file, or None if it is missing or damaged."""
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
        f"{path} is damaged and is treated as missing ({reason}); its run or audit is repeated.",
        UserWarning,
    )


def _text(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)


def _sealed(content: dict[str, Any]) -> str:
    """Return a result as JSON, with a digest of its content."""
    return json.dumps({**content, "digest": _seal(content)})


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _opened(content: dict[str, Any], keys: set[str], expected: dict[str, Any]) -> dict[str, Any]:
    """Check and return the content of a sealed result; raise ValueError if it is invalid."""
    content = dict(content)
    seal = content.pop("digest", None)
    if odd := keys.symmetric_difference(content):
        raise ValueError(f"keys are missing or unexpected: {', '.join(sorted(map(repr, odd)))}")
    for name, value in expected.items():
        if content[name] != value:
            what = "different data or settings"
            if name != "made_of":
                what = f"{name} {content[name]!r}"
            raise ValueError(f"it belongs to {what}")
    if seal != _seal(content):
        raise ValueError("its content was changed")
    return content


@dataclass(frozen=True)
class Truth:
    """Possible content of a run, against which its file is checked.

    Parameters
    ----------
    labels : dict of int to set of int
        Codes of the labels of each subject that may be tested, by the subject's code.
    classes : ndarray of shape (n_classes,)
        All labels, sorted; files contain positions in this array.
    n_rows : dict of int to int or None
        Number of recordings of each test subject; None if windows have not been cut yet.
    """

    labels: Mapping[int, set[int]]
    classes: NDArray[Any]
    n_rows: Mapping[int, int] | None

    @classmethod
    def of_rows(
        cls, codes: NDArray[np.intp], y: NDArray[Any], test: NDArray[np.intp] | None
    ) -> Truth:
        """Create an instance from the subjects and labels of all rows, and the test rows.

        `test` is None if its rows are windows that have not been cut yet.
        """
        classes, y_codes = np.unique(y, return_inverse=True)
        rows = np.arange(len(y)) if test is None else test
        labels: dict[int, set[int]] = {}
        for code, label in zip(codes[rows].tolist(), y_codes[rows].tolist()):
            labels.setdefault(code, set()).add(label)
        n_rows = None if test is None else Counter(codes[rows].tolist())
        return cls(labels, classes, n_rows)

    def check(self, name: str, level: Any) -> Level:
        """Check and return the predictions of one level in a file.

        Raises
        ------
        ValueError
            If they cannot be predictions for these subjects.
        """
        subject, true, predicted = _lists_of_codes(name, level)
        for case in zip(subject, true, predicted):
            self._check_case(name, *case)
        if name != "window" and self.n_rows is not None:
            self._check_number(name, Counter(subject), self.n_rows)
        proba = self._proba(name, level["proba"], len(subject))
        unit = level["unit"]
        if unit is not None and len(unit) != len(subject):
            raise ValueError(f"its level {name!r} has units that do not match its predictions")
        return Level(
            np.array(subject, dtype=np.intp),
            self.classes[np.array(true, dtype=np.intp)],
            self.classes[np.array(predicted, dtype=np.intp)],
            proba,
            None if unit is None else np.array(unit, dtype=object),
        )

    def _check_case(self, name: str, code: int, label: int, answer: int) -> None:
        """Reject a prediction that does not belong to the test set."""
        if code not in self.labels:
            raise ValueError(f"its level {name!r} has a subject that is not tested, {code!r}")
        if label not in self.labels[code]:
            raise ValueError(f"its level {name!r} has a wrong true label, code {label}")
        if not 0 <= answer < len(self.classes):
            raise ValueError(f"its level {name!r} has a prediction that is not a class: {answer}")

    def _check_number(self, name: str, cases: Counter[int], n_rows: Mapping[int, int]) -> None:
        """Reject missing subjects, and more predictions than the test set has recordings."""
        if name == "subject" and set(cases) != set(self.labels):
            raise ValueError("it lacks subjects of its test set")
        if any(n > n_rows[code] for code, n in cases.items()):
            raise ValueError(f"its level {name!r} has more predictions than the test set has rows")

    def _proba(self, name: str, proba: Any, n_rows: int) -> NDArray[np.floating] | None:
        if proba is None:
            return None
        values = np.array(proba, dtype=float)
        if values.shape != (n_rows, len(self.classes)) or not (
            np.allclose(values.sum(axis=1), 1, atol=1e-3) and (values >= -1e-9).all()
        ):
            raise ValueError(
                f"its level {name!r} has probabilities that do not match its predictions or classes"
            )
        return values


def _lists_of_codes(name: str, level: Any) -> tuple[list[int], list[int], list[int]]:
    """Return the subjects, true classes and predicted classes of one level."""
    if not isinstance(level, dict) or set(level) != _LEVEL_KEYS:
        raise ValueError(f"its level {name!r} has no predictions")
    lists = subject, true, predicted = level["subject"], level["y_true"], level["y_pred"]
    if not all(isinstance(v, list) and all(type(code) is int for code in v) for v in lists):
        raise ValueError(f"its level {name!r} does not contain lists of codes")
    if not len(subject) == len(true) == len(predicted) > 0:
        raise ValueError(f"its level {name!r} has lists that are empty or differ in length")
    return lists


class FinishedRun(NamedTuple):
    """Outcome of a finished run, and its CPU time in s."""

    outcome: Outcome
    cpu_seconds: float

    @property
    def error(self) -> str:
        """Error of the run; empty if the run succeeded."""
        return self.outcome.error


class FinishedAudit(NamedTuple):
    """Scores of a finished audit, and its error, which is empty if the audit succeeded."""

    random_windows: float
    subjects: float
    gap: float
    error: str


@dataclass(frozen=True)
class RunFile:
    """File of one run.

    Parameters
    ----------
    path : Path
        Path of the file.
    system : str
        Name of the system.
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
        """Write a finished run, or why it failed; `classes` contains all labels, sorted."""
        levels = {
            name: {
                "subject": level.subject.tolist(),
                "y_true": np.searchsorted(classes, level.y_true).tolist(),
                "y_pred": np.searchsorted(classes, level.y_pred).tolist(),
                # Not rounded, since rounding would create ties and change the order of predictions.
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
            **{name: getattr(outcome, name) for name in (*_OUTCOME, *_OF_NETWORKS)},
            "levels": {} if outcome.error else levels,
        }
        # A search may choose an estimator, which is stored as its text.
        content = json.loads(json.dumps(content, default=_text))
        write_text_atomically(self.path, _sealed(content))

    def read(self, truth: Truth) -> FinishedRun | None:
        """Return the finished run, or None if the file is missing or, with a warning, invalid."""
        content = _read(self.path)
        if content is None:
            return None
        expected = {"pipeline": self.system, "fold": self.number, "made_of": self.made_of}
        try:
            keys = _RUN_KEYS | (_OF_NETWORKS.keys() & content.keys())
            return self._outcome(_opened(content, keys, expected), truth)
        except (ValueError, TypeError, OverflowError) as error:
            _warn_of(self.path, str(error))
            return None

    def _outcome(self, content: dict[str, Any], truth: Truth) -> FinishedRun:
        _check_types(content)
        levels = content["levels"]
        if bool(levels) == bool(content["error"]) or not set(levels) <= set(LEVELS):
            raise ValueError("it must have either an error or predictions")
        if levels and "subject" not in levels:
            raise ValueError("it has no predictions of subjects")
        checked = {name: truth.check(name, level) for name, level in levels.items()}
        fit, predict, memory, cpu = (float(content[name]) for name in _MEASURED)
        outcome = Outcome(self.system, self.number, checked, fit, predict, memory)
        for name in (*_OUTCOME, *(_OF_NETWORKS.keys() & content.keys())):
            setattr(outcome, name, content[name])
        outcome.history = [dict(epoch) for epoch in outcome.history]
        outcome.chosen = [(str(search), str(k), value) for search, k, value in outcome.chosen]
        return FinishedRun(outcome, cpu)


def _check_types(content: dict[str, Any]) -> None:
    """Reject values of types that no run writes."""
    if not isinstance(content["levels"], dict) or not isinstance(content["error"], str):
        raise ValueError("its levels are not an object, or its error is not text")
    measured = [content[name] for name in _MEASURED]
    if not all(isinstance(v, Real) and not isinstance(v, bool) for v in measured):
        raise ValueError("its times and memory are not numbers")
    for name, kind in {**_OUTCOME, **_OF_NETWORKS}.items():
        if not isinstance(content.get(name, kind()), kind):
            raise ValueError(f"its {name!r} has the wrong type")


@dataclass(frozen=True)
class AuditFile:
    """File of the leakage audit of one system.

    Parameters
    ----------
    path : Path
        Path of the file.
    system : str
        Name of the system.
    made_of : str
        Digest of data, settings, system, folds and seed.
    """

    path: Path
    system: str
    made_of: str

    def write(self, figures: Mapping[str, float], error: str) -> None:
        """Write the scores of a finished audit, which are NaN if it failed."""
        values = {name: figures.get(name, float("nan")) for name in AUDIT_COLUMNS[:-1]}
        content = {"system": self.system, "made_of": self.made_of, **values, "error": error}
        write_text_atomically(self.path, _sealed(content))

    def read(self) -> FinishedAudit | None:
        """Return the finished audit, or None if the file is missing or, with a warning, invalid."""
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
