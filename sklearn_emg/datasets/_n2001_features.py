"""Loader for the published 9-feature table of the N2001 biceps recordings."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._files import read_bytes
from sklearn_emg._tables import columns_text, counted
from sklearn_emg.datasets._base import as_set_or_pair, raise_faults
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.datasets._n2001 import N2001_CITE, N2001_CONFOUNDS, N2001_SUBJECTS
from sklearn_emg.recordings import warn_of_subject_names

_FACTS = SetFacts(
    title="Features of the N2001 biceps recordings",
    about="""\
Nine features of windows of 0.25 s (5859 samples at 23437.5 Hz, no overlap) of concentric needle \
EMG of the biceps brachii, from 9 controls, 7 patients with amyotrophic lateral sclerosis (ALS) \
and 6 patients with myopathy, with the published split of the subjects into train, val and test.

muap_1: number of peaks of the absolute value above 3 SD, at least 30 ms apart, after a 20 Hz \
high-pass filter
muap_2: mean amplitude of these peaks in uV, 0 without peaks
SampEn: sample entropy, order 2, tolerance 0.2 SD
APEN: approximate entropy, order 2, tolerance 0.2 SD
SSC: number of slope sign changes
MDF: median frequency in Hz
high_power: power in 100-400 Hz, sum of the Welch spectrum of the signal in uV
FracDim: Higuchi's fractal dimension
WE: wavelet energy, sum of squared coefficients of a Morlet transform, scales 1-127""",
    source="https://github.com/ChatMED/ALS-EMG",
    licence="MIT, (c) 2025 ChatMED. The signals are from EMGLAB's N2001 set, "
    "http://www.emglab.net.",
    cite=N2001_CITE,
    confounds=(
        *N2001_CONFOUNDS,
        "clipping: windows with a sample below -2.5 mV are not in the table, so the largest "
        "potentials may be missing, most of them in ALS",
    ),
    notes="The table names the subject of a window but not its recording.",
    subjects=22,
    subject_names=N2001_SUBJECTS,
    window=0.25,
)

_FEATURES = ("muap_1", "muap_2", "SampEn", "APEN", "SSC", "MDF", "high_power", "FracDim", "WE")
_CLASSES = {0: "control", 1: "ALS", 2: "myopathy"}
_LETTERS = {"C": 0, "A": 1, "M": 2}
_FILES = ("n2001_features.csv", "n2001_features.csv.gz")
_MAX_BYTES = 100_000_000  # the size of the table is 1.4 MB
_MAX_ROWS = 1_000_000  # the table has 20,856 rows
_MAX_LINE_BYTES = 10_000
_REMEDY = "Get the table from https://github.com/ChatMED/ALS-EMG and pass its path."


@overload
def load_n2001_features(
    path: str | os.PathLike[str],
    *,
    keep_defects: bool = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def load_n2001_features(
    path: str | os.PathLike[str],
    *,
    keep_defects: bool = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def load_n2001_features(
    path: str | os.PathLike[str],
    *,
    keep_defects: bool = False,
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Load the 9-feature table of the N2001 biceps recordings: 22 subjects, 3 diagnoses.

    Each row is one window of 0.25 s, so a classifier that aggregates windows by subject can use the
    table as it is.

    Parameters
    ----------
    path : str or path-like
        Path of the table, ``.csv`` or ``.csv.gz``, or a folder with ``n2001_features.csv`` or
        ``n2001_features.csv.gz``.
    keep_defects : bool, default=False
        Whether to keep the windows of a dead recording (43 windows of subject A06), in which the
        signal is always 0 and the fractal dimension is NaN. By default, they are dropped.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (n_windows, 10)
            Table with the columns ``subject`` ("A01" to "M07") and the nine features as published.
        target : ndarray of shape (n_windows,)
            Class of each window: "control", "ALS" or "myopathy".
        target_names : ndarray of str
            Names of the classes.
        split : Series of shape (n_windows,)
            Published split by subject: "train", "val" or "test"; None if the file has no split.
        feature_names : list of str
            Names of the nine features.
        report : DataFrame
            Defects that were found, with the columns ``subject``, ``defect`` and ``action``.
        DESCR : str
            Description, licence (MIT) and citation.
        describe : callable
            ``bunch.describe()`` summarises what was loaded and states known confounds.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    FileNotFoundError
        If there is no such table.
    ValueError
        If the file is not this table, is damaged or too large, or contradicts the class that the
        name of a subject gives.

    References
    ----------
    ChatMED. ALS-EMG, 2025. https://github.com/ChatMED/ALS-EMG. Licence: MIT.

    Nikolic M. Detailed Analysis of Clinical Electromyography Signals. PhD thesis, University of
    Copenhagen, 2001.

    Examples
    --------
    >>> from sklearn_emg.datasets import load_n2001_features
    >>> bunch = load_n2001_features("n2001_features.csv.gz")  # doctest: +SKIP
    >>> bunch.data.shape, bunch.data["subject"].nunique()  # doctest: +SKIP
    ((20813, 10), 22)
    """
    file = _find(Path(path).expanduser())
    raw = _read(file)
    _check_classes(raw, file)
    dead = _is_dead(raw)
    _check_finite(raw[~dead], file)
    report = [
        (
            subject,
            f"{counted(n, 'window')} of a dead recording",
            "kept" if keep_defects else "dropped",
        )
        for subject, n in raw.loc[dead, "Patient"].value_counts().items()
    ]
    if not keep_defects:
        raw = raw[~dead].reset_index(drop=True)
    data = raw[["Patient", *_FEATURES]].rename(columns={"Patient": "subject"})
    warn_of_subject_names(data["subject"].unique())
    return as_set_or_pair(
        data,
        raw["Class"].map(_CLASSES).to_numpy(dtype=str),
        return_X_y,
        _FACTS,
        split=raw.get("split"),
        feature_names=list(_FEATURES),
        report=pd.DataFrame(report, columns=["subject", "defect", "action"]),
    )


def _find(path: Path) -> Path:
    candidates = [path / name for name in _FILES] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    names = " or ".join(str(c) for c in candidates)
    raise FileNotFoundError(f"load_n2001_features: there is no file {names}. {_REMEDY}")


def _read(file: Path) -> pd.DataFrame:
    try:
        content = read_bytes(file, _MAX_BYTES)
        _check_size(content)
        raw = pd.read_csv(io.BytesIO(content), index_col=False)
    except ValueError as error:
        raise ValueError(f"{file} is not a readable table ({error}). {_REMEDY}") from error
    missing = [c for c in ("Patient", "Class", *_FEATURES) if c not in raw.columns]
    if missing:
        raise ValueError(
            f"{file} is not the N2001 feature table: it lacks the {columns_text(missing)}. "
            f"{_REMEDY}"
        )
    if raw.empty:
        raise ValueError(f"{file} has no rows. {_REMEDY}")
    text = [c for c in _FEATURES if not pd.api.types.is_numeric_dtype(raw[c])]
    if text:
        raise ValueError(
            f"{file} must have numbers in the {columns_text(text)}; download it again."
        )
    return raw.astype(dict.fromkeys(_FEATURES, np.float64))


def _check_size(content: bytes) -> None:
    if content.count(b"\n") > _MAX_ROWS:
        raise ValueError(f"it has more than {_MAX_ROWS} rows")
    if max(map(len, content.split(b"\n"))) > _MAX_LINE_BYTES:
        raise ValueError(f"it has more than {_MAX_LINE_BYTES} bytes in a row")


def _check_classes(raw: pd.DataFrame, file: Path) -> None:
    letter = raw["Patient"].astype(str).str[0]
    wrong = raw[letter.map(_LETTERS) != raw["Class"]]
    faults = [
        f"row {row + 2}: patient {patient!r} has class {label!r}"
        for row, patient, label in zip(wrong.index, wrong["Patient"], wrong["Class"])
    ]
    raise_faults(faults, f"{file} has classes that contradict the names (0: C.., 1: A.., 2: M..)")


def _check_finite(raw: pd.DataFrame, file: Path) -> None:
    bad = raw.index[~np.isfinite(raw[list(_FEATURES)].to_numpy()).all(axis=1)]
    faults = [f"row {row + 2}" for row in bad]
    raise_faults(faults, f"{file} lacks values or has infinite ones; download it again")


def _is_dead(raw: pd.DataFrame) -> pd.Series:
    """Return whether each window belongs to a recording without signal, whose amplitude is 0."""
    amplitudes = raw[["muap_1", "muap_2", "SSC", "high_power", "WE"]]
    dead = (amplitudes == 0).all(axis=1) & raw["FracDim"].isna()
    return dead.rename("dead")
