"""MATLAB files: up to version 7 with SciPy, version 7.3 with h5py."""

from __future__ import annotations

import os
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import require
from sklearn_emg.io._content import FileContent
from sklearn_emg.io._formats._hdf5 import count_object, load_dataset, open_hdf5
from sklearn_emg.io._formats._tree import Node, content_of_tree

_COMPRESSED = 15
_MAX_RATIO = 60  # of unpacked to packed bytes; recordings with noise stay far below
_SMALL = 256 * 2**20  # bytes that may be unpacked at any ratio


def parse_mat(path: Path) -> FileContent:
    """Read a MATLAB file of any version.

    Raises
    ------
    ValueError
        If the file is damaged, or no array in it looks like a recording.
    ImportError
        If the file is of version 7.3 and h5py is not installed.
    """
    with open(path, "rb") as file:
        head = file.read(2048)
    if b"\x89HDF\r\n\x1a\n" in head:
        with open_hdf5(path) as file:
            return content_of_tree(path, "MATLAB 7.3", _tree(path, file))
    _check_size(path)
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with warnings.catch_warnings(action="ignore"):
        # SciPy warns about objects of MATLAB's own classes, which hold no recordings.
        try:
            tree = loadmat(path, simplify_cells=True)
        except MatReadError as error:
            raise ValueError(f"{path} is damaged or not a MATLAB file ({error}).") from error
    tree = {k: v for k, v in tree.items() if not k.startswith("__")}
    return content_of_tree(path, "MATLAB", tree)


def _check_size(path: Path) -> None:
    """Refuse truncated files, and files whose parts unpack to implausible sizes."""
    size = os.stat(path).st_size
    limit, total = max(_SMALL, _MAX_RATIO * size), 0
    with open(path, "rb") as file:
        head = file.read(128)
        if len(head) < 128 or head[126:128] not in (b"IM", b"MI"):
            return  # version 4, which has no compressed parts
        order = "little" if head[126:128] == b"IM" else "big"
        while tag := file.read(8):
            kind = int.from_bytes(tag[:4], order)  # type: ignore[arg-type]
            length = int.from_bytes(tag[4:8], order)  # type: ignore[arg-type]
            if len(tag) < 8 or file.tell() + length > size:
                raise ValueError(f"{path} is truncated or damaged: a part exceeds the file.")
            if kind != _COMPRESSED:
                file.seek(length, os.SEEK_CUR)
                continue
            total += _unpacked_size(file, length, limit - total)
            if total > limit:
                raise ValueError(
                    f"{path} unpacks to more than {total} bytes from {size}; it is damaged or not "
                    "a recording."
                )


def _unpacked_size(file: BinaryIO, length: int, limit: int) -> int:
    """Number of bytes of a compressed part once unpacked; counting stops above `limit`."""
    unpack, left, total = zlib.decompressobj(), length, 0
    while left > 0 and (piece := file.read(min(left, 2**16))):
        left -= len(piece)
        while piece:
            total += len(unpack.decompress(piece, 2**22))
            piece = unpack.unconsumed_tail
            if total > limit:
                return total
    return total


def _tree(path: Path, file: Any) -> Node:
    count = [0]
    return {str(k): _item(path, file, file[k], count, 0) for k in file if not k.startswith("#")}


def _item(path: Path, file: Any, item: Any, count: list[int], depth: int) -> Any:
    """Read a struct, text, cell array or matrix from a file of version 7.3."""
    h5py = require("h5py", "read_recordings", "formats")
    count_object(path, count, depth)
    if isinstance(item, h5py.Group):
        fields = {str(k): _item(path, file, item[k], count, depth + 1) for k in item}
        return _structs(item, fields)
    if not item.size or item.attrs.get("MATLAB_empty", 0):
        return np.empty(0)
    values = load_dataset(path, item)
    if item.attrs.get("MATLAB_class", b"") in (b"char", "char"):
        return _as_text(values)
    if values.dtype == object:
        entries = [_item(path, file, file[r], count, depth + 1) for r in values.ravel() if r]
        return _only_struct(entries)
    # MATLAB stores matrices by columns, HDF5 by rows.
    return values.T if values.ndim > 1 else values


def _structs(group: Any, fields: Node) -> Any:
    """Return a struct, or the structs of an array whose fields hold one reference per struct."""
    h5py = require("h5py", "read_recordings", "formats")
    are_lists = all(
        isinstance(field, h5py.Dataset)
        and field.dtype == h5py.ref_dtype
        and "MATLAB_class" not in field.attrs
        for field in group.values()
    )
    sizes = {len(values) for values in fields.values()} if are_lists else set()
    if len(sizes) != 1 or sizes == {1}:
        return fields
    return [dict(zip(fields, values)) for values in zip(*fields.values())]


def _as_text(values: NDArray) -> str:
    return "".join(chr(c) for c in values.T.ravel().tolist() if 0 < c < 0x110000)


def _only_struct(entries: list[Any]) -> Any:
    """Unpack an array of one struct; return other entries unchanged."""
    is_struct = len(entries) == 1 and isinstance(entries[0], dict)
    return entries[0] if is_struct else entries
