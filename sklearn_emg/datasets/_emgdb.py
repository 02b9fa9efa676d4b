"""Fetcher for PhysioNet's "Examples of Electromyograms"."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg.datasets._base import FETCHED, as_set_or_pair, get_data_home
from sklearn_emg.datasets._description import DataSet, SetFacts
from sklearn_emg.datasets._wfdb_format import read_header, signal_file
from sklearn_emg.recordings import recording_table

_FACTS = SetFacts(
    title="Examples of Electromyograms (emgdb 1.0.0)",
    about="Three concentric needle recordings of the tibialis anterior at 4000 Hz: of a healthy "
    "man (44 years), a man with myopathy (57 years, polymyositis) and a man with neuropathy (62 "
    "years, L5 radiculopathy). The foot was dorsiflexed gently against resistance, then relaxed.",
    source="PhysioNet, https://doi.org/10.13026/C24S3D (Seward Rutkove, Beth Israel Deaconess "
    "Medical Center)",
    licence="Open Data Commons Attribution (ODC-By) 1.0",
    cite="Goldberger A, Amaral L, Glass L, Hausdorff J, Ivanov PC, Mark R, et al. PhysioBank, "
    "PhysioToolkit, and PhysioNet: components of a new research resource for complex physiologic "
    "signals. Circulation 2000;101(23):e215-e220.",
    confounds=(
        "subject: with one subject per class, all differences between subjects are confounded "
        "with the class",
    ),
    notes="No split of these data can estimate accuracy on new subjects.",
    subjects=3,
    recordings=3,
)

_BASE_URL = "https://physionet.org/files/emgdb/1.0.0/"
_REGISTRY = {  # SHA-256 as published in SHA256SUMS.txt
    "emg_healthy.dat": "4990f34f0ffb314f6ce70c1d2089b7ce41fa96d19fcd9fb334815ca5033966fd",
    "emg_healthy.hea": "61221ce33e167d246ec2ea8984ce2f25882b32b4d90bd7ef785c7b56ef95bac5",
    "emg_myopathy.dat": "2c310a0f61843a5a5e906d413b6ff7f51370a91e516344af511c7fe6da9eaf7f",
    "emg_myopathy.hea": "752093a1e3af87cd87e39f553b8725133f57a75413661208e5d93c8d2c60e73b",
    "emg_neuropathy.dat": "108c6c71d3792f3dba645539bd9241119fb4c6a3a0f3e515399694b072375dd5",
    "emg_neuropathy.hea": "a424c80b6a5cc5733456f0848c2650321cac3658d9b02b845e08b619b2807ce0",
}
_CLASSES = {"emg_healthy": "normal", "emg_myopathy": "myopathy", "emg_neuropathy": "neuropathy"}
FETCHED["emgdb"] = tuple(_REGISTRY)
_CANNOT_WRITE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.ENOSPC,
)


@overload
def fetch_emgdb(
    *,
    data_home: str | os.PathLike[str] | None = ...,
    download_if_missing: bool = ...,
    base_url: str = ...,
    lazy: bool = ...,
    return_X_y: Literal[False] = ...,
) -> DataSet: ...


@overload
def fetch_emgdb(
    *,
    data_home: str | os.PathLike[str] | None = ...,
    download_if_missing: bool = ...,
    base_url: str = ...,
    lazy: bool = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, NDArray]: ...


def fetch_emgdb(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    base_url: str = _BASE_URL,
    lazy: bool = False,
    return_X_y: bool = False,
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Fetch PhysioNet's three example needle recordings: normal, myopathy and neuropathy.

    Files in ``<data_home>/emgdb`` with the published content are used as they are, so the folder
    may be read-only; other files are downloaded to it (0.6 MB in total). There is one subject per
    class: the recordings can illustrate signals and features, but cannot be used to estimate
    accuracy.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder for fetched data; see :func:`get_data_home`.
    download_if_missing : bool, default=True
        Whether to download missing or damaged files. If False, they raise an error.
    base_url : str, default="https://physionet.org/files/emgdb/1.0.0/"
        Address of the files, which can be a mirror. Their SHA-256 checksums are checked in any
        case.
    lazy : bool, default=False
        Whether to leave the samples in their files and put
        :class:`~sklearn_emg.recordings.SignalFile` handles into the table.
    return_X_y : bool, default=False
        Whether to return only ``(data, target)``.

    Returns
    -------
    bunch : Bunch
        data : DataFrame of shape (3, 12)
            Recording table with the columns ``signal`` (in mV), ``fs`` (4000 Hz), ``subject``,
            ``muscle`` ("tibialis anterior"), ``region`` ("distal"), ``recording``, ``site``
            ("emgdb"), ``age`` (in years), ``sex``, ``diagnosis``, ``medication`` and ``electrode``
            (the last three as text).
        target : ndarray of shape (3,)
            Class of each recording: "normal", "myopathy" and "neuropathy".
        target_names : ndarray of str
            Names of the classes.
        DESCR : str
            Description, licence (ODC-By 1.0) and citation.
        describe : callable
            ``bunch.describe()`` summarises what was loaded and states known confounds.
    (data, target) : tuple
        If `return_X_y` is True.

    Raises
    ------
    OSError
        If a file is missing or damaged and `download_if_missing` is False, or if a file cannot be
        downloaded or written.
    ValueError
        If a downloaded file differs from the published one.

    References
    ----------
    Goldberger A et al. PhysioBank, PhysioToolkit, and PhysioNet. Circulation
    2000;101(23):e215-e220. Data: https://doi.org/10.13026/C24S3D. Licence: ODC-By 1.0.

    Examples
    --------
    >>> from sklearn_emg.datasets import fetch_emgdb
    >>> X, y = fetch_emgdb(return_X_y=True)  # doctest: +SKIP
    >>> X["signal"].iloc[0].shape, X["age"].tolist()  # doctest: +SKIP
    ((50860,), [44, 57, 62])
    """
    folder = get_data_home(data_home) / "emgdb"
    _fetch(folder, base_url, download_if_missing)
    # The content of the files is verified, so links may lead anywhere.
    anywhere = Path(folder.resolve().anchor)
    headers = [read_header(folder / f"{name}.hea", anywhere) for name in _CLASSES]
    signals = [signal_file(header, root=anywhere) for header in headers]
    facts = pd.DataFrame([_facts(header.comments) for header in headers])
    table = recording_table(
        signals if lazy else [signal.read() for signal in signals],
        fs=[header.fs for header in headers],
        subject=[header.name for header in headers],
        muscle="tibialis anterior",
        region="distal",
        recording=[header.name for header in headers],
        site="emgdb",
        **facts,
    )
    return as_set_or_pair(table, np.array(list(_CLASSES.values())), return_X_y, _FACTS)


def _fetch(folder: Path, base_url: str, download_if_missing: bool) -> None:
    import pooch

    bad = _faults(folder)
    if not bad:
        return
    if not download_if_missing:
        text = ", ".join(f"{name} is {fault}" for name, fault in bad.items())
        raise OSError(
            f"fetch_emgdb: in {folder}, {text}. Set download_if_missing=True, or set 'data_home' "
            "or the environment variable SKLEARN_EMG_DATA to the folder that contains 'emgdb'."
        )
    cache = pooch.create(
        path=folder,
        base_url=base_url.rstrip("/") + "/",
        registry={name: f"sha256:{sha256}" for name, sha256 in _REGISTRY.items()},
        retry_if_failed=1,
    )
    for name, fault in bad.items():
        _fetch_file(cache, name, fault, folder)


def _faults(folder: Path) -> dict[str, str]:
    """Return the files that are missing or differ from the published ones, with the fault."""
    import pooch

    bad = {}
    for name, sha256 in _REGISTRY.items():
        path = folder / name
        if not path.is_file():
            bad[name] = "missing"
        elif pooch.file_hash(str(path)) != sha256:
            bad[name] = "not as published (SHA-256 differs)"
    return bad


def _fetch_file(cache: Any, name: str, fault: str, folder: Path) -> None:
    import pooch

    url = cache.get_url(name)
    try:
        cache.fetch(name, downloader=pooch.HTTPDownloader(timeout=30))
    except OSError as error:  # includes the errors of requests
        if error.errno in _CANNOT_WRITE:
            raise OSError(
                f"fetch_emgdb: {name} is {fault}, and {folder} cannot be written to. Set "
                "'data_home' to a folder of your own."
            ) from error
        raise OSError(
            f"fetch_emgdb: cannot download {url} ({error}). "
            f"Without a network, put the files of {_BASE_URL} into {folder}."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"fetch_emgdb: the content of {url} is not the published {name} ({error}). A proxy or "
            "login page may have answered instead; download the file in a browser and put it into "
            f"{folder}."
        ) from error


def _facts(comments: tuple[str, ...]) -> dict[str, object]:
    """Extract age, sex, diagnosis and other facts from comments in either of two layouts.

    One layout has ``<age>: 44 <sex>: M <diagnoses> ...`` in one line; the other has one key per
    line and indents the continuation of long values by a further space.
    """
    lines: list[str] = []
    for comment in comments:
        if comment.startswith("  ") and lines:
            lines[-1] += " " + comment.strip()
        else:
            lines.append(comment.strip())
    values: dict[str, str] = {}
    for line in lines:
        _, *pairs = re.split(r"<(\w+)>:?", line)
        values |= dict(zip(pairs[::2], map(str.strip, pairs[1::2])))
    electrode = re.search(r"\d+ ?mm [\w ]*needle", " ".join(lines))
    return {
        "age": int(values["age"]),
        "sex": values["sex"],
        "diagnosis": values["diagnoses"],
        "medication": values.get("medications", ""),
        "electrode": electrode[0] if electrode else "",
    }
