"""One reader per format; each calls :func:`read_recordings` with that format."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import pandas as pd

from sklearn_emg.io._recordings import read_recordings

_Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
_Subject = Hashable | Sequence[Hashable] | Callable[[str], Hashable] | None

_DOC = """{first}

    {more}

    Parameters
    ----------
    path_or_paths : path-like or iterable of path-like
        {paths}
    channels, unit, gain, fs, subject, aux, lazy, errors, **columns
        See :func:`read_recordings`.

    Returns
    -------
    table : DataFrame of shape (n_recordings, n_columns)
        Recording table, as returned by :func:`read_recordings`.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        In the same cases as :func:`read_recordings`.
    """


def _reader(
    name: str,
    format: str,
    first: str,
    more: str,
    paths: str = "Path of one file, or paths of several files.",
) -> Callable[..., pd.DataFrame]:
    def read(
        path_or_paths: _Paths,
        *,
        channels: Sequence[str | int] | None = None,
        unit: str | None = None,
        gain: float | None = None,
        fs: float | None = None,
        subject: _Subject = None,
        aux: bool = False,
        lazy: bool = False,
        errors: str = "raise",
        **columns: Any,
    ) -> pd.DataFrame:
        return read_recordings(
            path_or_paths,
            format=format,
            channels=channels,
            unit=unit,
            gain=gain,
            fs=fs,
            subject=subject,
            aux=aux,
            lazy=lazy,
            errors=errors,
            **columns,
        )

    read.__name__ = read.__qualname__ = name
    read.__doc__ = _DOC.format(first=first, more=more, paths=paths)
    return read


read_text = _reader(
    "read_text",
    "text",
    "Read text exports with one row per sample, such as CSV, TXT, TSV and ASC files.",
    """Separator, decimal sign, header, encoding, units in the titles, time columns and label
    columns are recognised, and so are the exports of Delsys EMGworks, Noraxon, Vicon Nexus,
    OpenBCI and Biometrics. Sensors with time columns of their own keep their own rates.""",
)
read_edf = _reader(
    "read_edf",
    "edf",
    "Read EDF, EDF+, BDF and BDF+ files.",
    "Each signal keeps its own sampling rate; annotations are kept with their times.",
)
read_c3d = _reader(
    "read_c3d",
    "c3d",
    "Read the analog channels of C3D files.",
    """Forces and other channels that are not EMG are left out unless `aux` is true; events become
    annotations.""",
)
read_opensignals = _reader(
    "read_opensignals",
    "opensignals",
    "Read OpenSignals recordings of biosignalsplux and BITalino in text or HDF5 format.",
    """Counts are converted to mV with the transfer function of the EMG sensor and the resolution
    of each channel.""",
)
read_mat = _reader(
    "read_mat",
    "mat",
    "Read MATLAB files of any version.",
    """Arrays are found in nested structs, with the rate, names, units and labels next to them;
    exports of LabChart are recognised. Files of version 7.3 require h5py.""",
)
read_hdf5 = _reader(
    "read_hdf5",
    "hdf5",
    "Read HDF5 files.",
    """Arrays are found in nested groups, with the rate, names and units next to them. The reader
    requires h5py.""",
)
read_wfdb = _reader(
    "read_wfdb",
    "wfdb",
    "Read WFDB records.",
    """The records are read by :func:`sklearn_emg.datasets.load_wfdb`, and their annotations from
    the files with the extension ``.atr``.""",
    "Path of each record: that of its header or samples, with or without the extension.",
)
read_bids = _reader(
    "read_bids",
    "bids",
    "Read the EMG recordings of a BIDS data set.",
    """The EDF or BDF files are read with ``*_channels.tsv`` (kinds, units, bad channels),
    ``*_emg.json``, ``*_events.tsv`` (annotations), and the columns of ``participants.tsv`` (such
    as age, sex and group) and ``*_scans.tsv``. Subject, session, task, acquisition and run are
    taken from the file names.""",
    "Path of a data set, of a folder in it, or of files.",
)
read_npy = _reader(
    "read_npy",
    "npy",
    "Read NumPy arrays of shape (n_times,) or (n_channels, n_times).",
    "Floats without a unit are assumed to be in mV; an array that looks transposed is refused.",
)
read_parquet = _reader(
    "read_parquet",
    "parquet",
    "Read Parquet files: recording tables, or tables with one row per sample.",
    """Tables that :func:`write_recordings` wrote are read with all their columns. In other tables,
    units, rate and labels are recognised as in text files. The reader requires pyarrow (extra
    ``export``).""",
)
