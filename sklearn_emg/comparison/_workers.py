"""Tables that worker processes map from a file, so that no task needs a copy of them."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib.parallel import BACKENDS, get_active_backend

try:
    import cloudpickle
except ImportError:  # joblib below 1.6 contains a copy
    from joblib.externals import cloudpickle

__all__ = ["mapped_tables"]

_MIN_BYTES = 2**20  # smaller tables are sent with each task
_ALIGNMENT = 64  # of arrays in the file, in bytes


class _FileMappedError(Exception):
    """An array is mapped from a file, which joblib passes on by its name."""


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.memmap):
            raise _FileMappedError
        return super().reducer_override(obj)


class _Mapped:
    """Value in a file; a worker process unpickles this object as the value itself."""

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._start = os.fspath(path), start

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (self._path, self._start)


def _load(path: str, start: int) -> Any:
    """Return the value in a file; its arrays are views of the file until they are changed."""
    with open(path, "rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    places, head = pickle.loads(content[start:])
    return pickle.loads(head, buffers=[content[first:stop] for first, stop in places])


def _mapped(value: Any, path: Path) -> Any:
    """Write a value to a file; return it unchanged if it is small or cannot be written."""
    buffers: list[pickle.PickleBuffer] = []
    head = io.BytesIO()
    try:
        _Pickler(head, protocol=5, buffer_callback=buffers.append).dump(value)
        parts = [buffer.raw() for buffer in buffers]
        if sum(part.nbytes for part in parts) < _MIN_BYTES:
            return value
        places = []
        with path.open("wb") as file:
            for part in parts:
                file.write(bytes(-file.tell() % _ALIGNMENT))
                places.append((file.tell(), file.tell() + part.nbytes))
                file.write(part)
            start = file.tell()
            pickle.dump((places, head.getvalue()), file, protocol=5)
    # If there is no space, each task gets a copy; joblib reports what cannot be pickled.
    except (_FileMappedError, OSError, pickle.PicklingError, TypeError, AttributeError):
        return value
    return _Mapped(path, start)


@contextlib.contextmanager
def mapped_tables(
    tasks: Sequence[tuple[Any, ...]], n_jobs: int
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Write the tables of tasks to files, if worker processes on this computer run the tasks.

    Otherwise, joblib pickles a table again for each task, and copies all arrays below 1 MB.

    Parameters
    ----------
    tasks : sequence of tuple
        Arguments of each task.
    n_jobs : int
        Number of jobs; with 1, there are no worker processes.

    Yields
    ------
    tasks : sequence of tuple
        Arguments, in which each large DataFrame is replaced by an object that a worker process
        receives as the DataFrame. The files exist until the end of the ``with`` block.
    """
    if n_jobs == 1 or not isinstance(get_active_backend()[0], BACKENDS["loky"]):
        yield tasks
        return
    tables = {id(v): v for task in tasks for v in task if isinstance(v, pd.DataFrame)}
    folder = os.environ.get("JOBLIB_TEMP_FOLDER")  # also that of joblib's own files
    with tempfile.TemporaryDirectory(
        prefix="sklearn_emg_", dir=folder, ignore_cleanup_errors=True
    ) as made:
        found = {key: _mapped(table, Path(made, str(key))) for key, table in tables.items()}
        yield [tuple(found.get(id(value), value) for value in task) for task in tasks]
