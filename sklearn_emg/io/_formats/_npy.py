"""NumPy arrays of shape (n_times,) or (n_channels, n_times)."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg.io._content import Channel, FileContent
from sklearn_emg.recordings import SignalFile


def parse_npy(path: Path) -> FileContent:
    """Read a ``.npy`` file; floats are assumed to be in mV, as everywhere in the package.

    Raises
    ------
    ValueError
        If the file is damaged, holds objects, or looks transposed.
    """
    # Mapping the file compares its size with the announced one before anything is read.
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (SyntaxError, TokenError) as error:
        raise ValueError(f"{path} is damaged: its header cannot be read ({error}).") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"{path} holds {array.dtype}, not numbers; save a numeric array with numpy.save."
        )
    _check_shape(path, array.shape)
    n_times = array.shape[-1]
    n_bytes = n_times * array.dtype.itemsize
    if array.flags.c_contiguous:
        rows: list[NDArray | SignalFile] = [
            SignalFile(path, offset=array.offset, length=n_times, dtype=array.dtype,
                       blocks=(n_times, array.nbytes, [i * n_bytes]))
            for i in range(array.size // n_times)
        ]  # fmt: skip
    else:
        rows = list(np.atleast_2d(np.array(array)))
    channels = [Channel(f"ch{i + 1}", row, None) for i, row in enumerate(rows)]
    rest = path.stat().st_size - array.offset - array.nbytes
    content = FileContent(
        path,
        "NumPy array",
        channels,
        details={"shape": array.shape, "type": str(array.dtype)},
        unit="mV" if array.dtype.kind == "f" else None,
    )
    if rest > 0:
        content.problems.append(
            f"{counted(rest, 'byte')} after the array are not read; if they are another array, "
            "save it in a file of its own."
        )
    return content


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse shapes that are not those of one recording."""
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(
            f"{path} has the shape {shape}; a recording has the shape (n_times,) or "
            "(n_channels, n_times). Save each recording in a file of its own."
        )
    if len(shape) == 2 and shape[0] > shape[1]:
        raise ValueError(
            f"{path} has the shape {shape}, {shape[0]} channels of {counted(shape[1], 'sample')}; "
            "it looks transposed. Save array.T, of shape (n_channels, n_times)."
        )
