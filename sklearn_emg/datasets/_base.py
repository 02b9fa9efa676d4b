"""Functions that the loaders have in common: the data home, folders and errors."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_emg._tables import first_few
from sklearn_emg.datasets._description import DataSet, SetFacts

ENVIRONMENT_VARIABLE = "SKLEARN_EMG_DATA"

# Files that fetchers write into the data home, and the only ones that clear_data_home deletes.
FETCHED: dict[str, tuple[str, ...]] = {}

_MAX_FAULTS = 5

_REGIONS = {
    "proximal": "biceps|triceps|brachi|deltoid|trapez|pector|infraspin|supraspin|vast|quadriceps|"
    "femor|iliopsoas|gluteus|adductor|semitend|semimembr|thigh|shoulder",
    "distal": "interosse|pollicis|digit|carpi|hallucis|tibial|gastrocn|soleus|perone|fibular|"
    "brachioradialis|pronator|thenar|forearm|leg|hand|foot",
}


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder in which fetched data sets are stored.

    The folder may be missing; the first download creates it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. By default, it is the value of the environment variable ``SKLEARN_EMG_DATA`` or,
        if that is not set, ``sklearn_emg`` in the user's cache folder.

    Returns
    -------
    data_home : Path
        Path of the folder.

    Examples
    --------
    >>> from sklearn_emg.datasets import get_data_home
    >>> get_data_home("recordings").name
    'recordings'
    """
    folder = data_home if data_home is not None else os.environ.get(ENVIRONMENT_VARIABLE)
    if not folder:
        import pooch

        folder = pooch.os_cache("sklearn_emg")
    return Path(folder).expanduser()


def clear_data_home(data_home: str | os.PathLike[str] | None = None) -> None:
    """Delete the files that the fetchers downloaded into the data home.

    Other files are kept, since users may store their own recordings in the same folder.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, as in :func:`get_data_home`.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_emg.datasets import clear_data_home
    >>> clear_data_home(tempfile.mkdtemp())
    """
    home = get_data_home(data_home)
    for name, files in FETCHED.items():
        for file in files:
            (home / name / file).unlink(missing_ok=True)
        if (home / name).is_dir() and not any((home / name).iterdir()):
            (home / name).rmdir()


def existing_folder(folder: str | os.PathLike[str], caller: str, remedy: str) -> Path:
    """Return the folder as a Path; if there is none, raise an error with the remedy."""
    path = Path(folder).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{caller}: there is no folder {path}. {remedy}")
    if not path.is_dir():
        raise NotADirectoryError(f"{caller}: {path} is not a folder. {remedy}")
    return path


def decode(content: bytes) -> str:
    """Decode the text of a header, which is UTF-8 or, from older programs, Latin-1."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def region_of(muscle: str) -> str:
    """Return the region of a limb muscle: "proximal", "distal", or "" if it is not known."""
    name = muscle.lower().replace("_", " ")
    for region in ("distal", "proximal"):
        if re.search(_REGIONS[region], name):
            return region
    return ""


def raise_faults(faults: Sequence[str], what: str) -> None:
    """Raise one error with the number of faults and the first few of them."""
    if faults:
        raise ValueError(f"{what}:\n" + first_few(faults, _MAX_FAULTS, "\n"))


def refuse_none_left(
    recordings: Sequence[Any], report: Sequence[tuple[str, str, str]], what: str
) -> None:
    """Raise an error with the first few reasons if no recording of a set is left."""
    if not recordings:
        reasons = "; ".join(f"{name}, {text}" for name, text, _ in report[:_MAX_FAULTS])
        raise ValueError(
            f"{what}, because they are copies or spoilt: {reasons}. Load all muscles, or use "
            "spoilt='keep'."
        )


def as_set_or_pair(
    table: pd.DataFrame, target: NDArray | None, return_X_y: bool, facts: SetFacts, **more: Any
) -> DataSet | tuple[pd.DataFrame, NDArray]:
    """Return ``(table, target)``, or a DataSet that also has the class names and `more`."""
    if return_X_y:
        return table, cast(NDArray, target)
    names = None if target is None else np.unique(target)
    more = {"target_names": names, "DESCR": facts.text(), **more}
    return DataSet(data=table, target=target, facts=facts, **more)
