"""HDF5 files: recordings of OpenSignals, and nested groups of arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import require
from sklearn_emg.io._content import FileContent
from sklearn_emg.io._formats._opensignals import opensignals_hdf5
from sklearn_emg.io._formats._tree import Node, content_of_tree

_MAX_OBJECTS = 20_000
_MAX_DEPTH = 30
# Deflate packs about a thousand zeros into one byte. Sizes below _SMALL are not checked.
_SMALL = 64 * 2**20
_MAX_RATIO = 1100


def open_hdf5(path: Path) -> Any:
    """Open a file with h5py; if it is damaged, raise a ValueError that names it."""
    h5py = require("h5py", "read_recordings", "formats")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is damaged or not an HDF5 file ({error}); obtain a new copy."
        ) from error


def load_dataset(path: Path, data: Any) -> NDArray:
    """Read a data set unless its announced size is implausible for the number of stored bytes."""
    n_bytes = int(data.size or 0) * data.dtype.itemsize
    if n_bytes > _SMALL and n_bytes > _MAX_RATIO * (data.id.get_storage_size() + 1):
        raise ValueError(
            f"{path}: {data.name} announces {n_bytes} bytes but stores "
            f"{data.id.get_storage_size()}; it is damaged."
        )
    if data.external:
        raise ValueError(f"{path}: {data.name} keeps its samples in other files and is not read.")
    return np.asarray(data[()])


def parse_hdf5(path: Path) -> FileContent:
    """Read an HDF5 file of any layout in which arrays, rate, names and unit can be recognised.

    Raises
    ------
    ValueError
        If the file is damaged, or no array in it looks like a recording.
    ImportError
        If h5py is not installed.
    """
    with open_hdf5(path) as file:
        opensignals = opensignals_hdf5(path, file, load_dataset)
        if opensignals is not None:
            return opensignals
        tree = _tree(path, file, [0], 0)
    return content_of_tree(path, "HDF5", tree)


def count_object(path: Path, count: list[int], depth: int) -> None:
    """Count an object of a file; refuse files with too many objects or levels."""
    count[0] += 1
    if count[0] > _MAX_OBJECTS or depth > _MAX_DEPTH:
        raise ValueError(
            f"{path} has more than {_MAX_OBJECTS} objects or {_MAX_DEPTH} levels and is not read."
        )


def _tree(path: Path, group: Any, count: list[int], depth: int) -> Node:
    """Arrays and attributes of a group; links to other files are not followed."""
    h5py = require("h5py", "read_recordings", "formats")
    node: Node = {str(k): _plain(v) for k, v in group.attrs.items()}
    for name in group:
        count_object(path, count, depth)
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            node[str(name)] = _tree(path, item, count, depth + 1)
        elif isinstance(item, h5py.Dataset) and item.size:
            node[str(name)] = _data(path, item)
    return node


def _data(path: Path, item: Any) -> Any:
    """Values and attributes of a data set; a compound type becomes a dict of its fields."""
    values = load_dataset(path, item)
    own: Node = {str(k): _plain(v) for k, v in item.attrs.items()}
    if values.dtype.names is not None:
        return {**{name: _plain(values[name]) for name in values.dtype.names}, **own}
    return {"": _plain(values), **own} if own else _plain(values)


def _plain(value: Any) -> Any:
    """Decode texts that are stored as bytes, alone or in arrays."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return np.array(
            [v.decode("utf-8", errors="replace") if isinstance(v, bytes) else str(v)
             for v in value.ravel()], dtype=object)  # fmt: skip
    return value
