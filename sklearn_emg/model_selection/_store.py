"""Store for the results of stateless steps on recordings, in memory and on disk with joblib."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import tempfile
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import psutil
from joblib import effective_n_jobs

from sklearn_emg._validation import check_real
from sklearn_emg._warnings import warn

_FOLDER = "sklearn_emg"  # inside the folder that the user gives
_MISSING = object()
_SMALL = 512  # bytes of an entry in addition to its arrays


def _n_bytes(value: Any) -> int:
    """Approximate size of a result in memory, in bytes."""
    if isinstance(value, np.ndarray):
        return value.nbytes + _SMALL
    if isinstance(value, (tuple, list)):
        return _SMALL + sum(map(_n_bytes, value))
    if isinstance(value, pd.DataFrame):
        return _SMALL + int(value.memory_usage(deep=True).sum())
    return _SMALL


class _Front:
    """Results in the memory of this process; the least recently used are dropped first."""

    def __init__(self) -> None:
        self.entries: OrderedDict[str, Any] = OrderedDict()
        self.n_bytes = 0
        self.lock = threading.Lock()

    def get(self, key: str) -> Any:
        with self.lock:
            if key not in self.entries:
                return _MISSING
            self.entries.move_to_end(key)
            return self.entries[key]

    def put(self, key: str, value: Any, limit: float, *, drop: bool) -> bool:
        """Keep a result if it fits, dropping others if `drop`; return whether it is kept."""
        size = _n_bytes(value)
        with self.lock:
            if key in self.entries:
                return True
            if size > limit or (not drop and self.n_bytes + size > limit):
                return False
            self.entries[key] = value
            self.n_bytes += size
            while self.n_bytes > limit:
                _, old = self.entries.popitem(last=False)
                self.n_bytes -= _n_bytes(old)
            return True


# Results of the folder that this process used last; copies of a store in a worker share them.
_fronts: dict[str, _Front] = {}


def _front_of(folder: str) -> _Front:
    if folder not in _fronts:
        _fronts.clear()
        _fronts[folder] = _Front()
    return _fronts[folder]


def _entry(key: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Content of a file: the key, a digest of the pickled result and the pickled result."""
    content = pickle.dumps(function(*arguments), protocol=pickle.HIGHEST_PROTOCOL)
    return key, hashlib.sha256(content).hexdigest(), content


class RecordingStore:
    """Store for the results of stateless steps on recordings, each computed once.

    A result is found by its key: a digest of all samples and columns of the recording, of the
    classes and parameters of the steps, and of the versions of this package and of the packages
    that it computes with. Nothing that is learned from several recordings is kept.

    Parameters
    ----------
    folder : path-like, default=None
        Folder for the results, which later runs can reuse. By default, results are kept in memory,
        and those that do not fit are kept in a temporary folder until :meth:`close`.
    memory_limit : float, default=None
        Maximum number of bytes in the memory of each process. By default, it is a quarter of the
        free memory, but at most 2 GB.
    size_limit : float, default=None
        Maximum number of bytes on disk. If it is exceeded, the least recently used results are
        deleted. By default, there is no limit.

    Attributes
    ----------
    folder : Path or None
        Sub-folder with the results; None while all results are in memory.

    Raises
    ------
    PermissionError
        If the folder belongs to another user.

    Warns
    -----
    UserWarning
        If a result is damaged and is computed again, or the folder cannot be written to, so that
        results are kept in memory only.

    Notes
    -----
    Results are files of :class:`joblib.Memory` in a sub-folder ``sklearn_emg`` that only its owner
    can access (mode 0700). They are pickle files, and loading one executes code in it: no other
    user may have write access. Several processes can use a folder at the same time. Each file is
    written under another name and then renamed, so that a killed process leaves no incomplete
    result.

    Examples
    --------
    >>> from sklearn_emg.model_selection import RecordingStore
    >>> store = RecordingStore()
    >>> store.get("key of the sum", sum, [1, 2]), store.get("key of the sum", sum, [1, 2])
    (3, 3)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        memory_limit: float | None = None,
        size_limit: float | None = None,
    ):
        if memory_limit is not None:
            check_real(memory_limit, "memory_limit", "RecordingStore", 0)
        if size_limit is not None:
            check_real(size_limit, "size_limit", "RecordingStore", 0, above=True)
        if memory_limit is None:
            memory_limit = min(psutil.virtual_memory().available / 4, 2e9)
        self.memory_limit = memory_limit
        self.size_limit = size_limit
        self.folder: Path | None = None
        self._temporary = folder is None
        self._reset()
        if folder is not None:
            self._open(Path(folder))

    def _reset(self) -> None:
        """Set the initial state, which is also that of a copy in another process."""
        self._own = _Front()
        self._cached: Any = None
        self._written = 0

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_own", "_cached", "_written")
        return {k: v for k, v in self.__dict__.items() if k not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._temporary = False  # the process that created the folder deletes it
        self._reset()
        if self.folder is not None and not self.folder.is_dir():  # it is on another computer
            self.folder = None

    def _open(self, folder: Path) -> None:
        """Make the folder private and use it; if it cannot be written to, continue without it."""
        own = folder / _FOLDER
        try:
            own.mkdir(mode=0o700, parents=True, exist_ok=True)
            if hasattr(os, "getuid") and own.stat().st_uid != os.getuid():
                raise PermissionError(
                    f"The folder {own} of a RecordingStore belongs to another user, who could put "
                    "code into it. Use a folder of your own."
                )
            own.chmod(0o700)
            joblib.Memory(own, verbose=0).cache(_entry, ignore=["function", "arguments"])
        except PermissionError:
            raise
        except OSError as error:
            self._give_up(error)
            return
        self.folder = own

    def spill(self) -> None:
        """From now on, keep results in a temporary folder, which worker processes can read."""
        if self.folder is None and self._temporary:
            self._open(Path(tempfile.mkdtemp(prefix="sklearn_emg_")))

    def _give_up(self, error: BaseException) -> None:
        self.folder, self._cached = None, None
        self._temporary = False
        warn(
            f"A RecordingStore cannot write to its folder ({type(error).__name__}: {error}): "
            "results are kept in memory only, if they fit. Free disk space, or use another folder."
        )

    def get(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result with this key; if there is none, call the function and keep its result.

        Parameters
        ----------
        key : str
            Digest of everything on which the result depends.
        function : callable
            Function that computes the result.
        *arguments : object
            Arguments of the function.

        Returns
        -------
        result : object
            Result, which must not be changed: the next call returns the same object.
        """
        front = self._own if self.folder is None else _front_of(str(self.folder))
        found = front.get(key)
        if found is _MISSING and front is not self._own:
            found = self._own.get(key)  # kept before there was a folder
        if found is not _MISSING:
            return found
        if self.folder is None:
            value = function(*arguments)
            if not front.put(key, value, self.memory_limit, drop=False):
                self.spill()
            return value
        value = self._from_disk(key, function, arguments)
        front.put(key, value, self.memory_limit, drop=True)
        return value

    def _from_disk(self, key: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        computed: list[Any] = []
        failed: list[BaseException] = []

        def compute(*given: Any) -> Any:
            try:
                computed.append(function(*given))
            except BaseException as error:
                failed.append(error)
                raise
            return computed[0]

        try:
            if self._cached is None:
                memory = joblib.Memory(self.folder, verbose=0)
                self._cached = memory.cache(_entry, ignore=["function", "arguments"])
            there = self._cached.check_call_in_cache(key, compute, arguments)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = self._cached(key, compute, arguments)
        except OSError as error:
            if failed:
                raise
            self._give_up(error)
            return computed[0] if computed else function(*arguments)
        for warning in caught:
            self._tell(warning)
        if not computed:
            with contextlib.suppress(Exception):
                stored, digest, content = found
                if stored == key and hashlib.sha256(content).hexdigest() == digest:
                    return pickle.loads(content)
            self._cached.call(key, compute, arguments)
        elif not there:
            self._limit(len(found[2]))
            return computed[0]
        warn(
            f"A result in {self.folder} is damaged, or was put there by others, and is computed "
            "again."
        )
        return computed[0]

    def _tell(self, warning: warnings.WarningMessage) -> None:
        """Pass on a warning; if joblib warns that a write failed, give up the folder instead."""
        if "Unable to cache to disk" in str(warning.message):
            if self.folder is not None:
                self._give_up(OSError(str(warning.message)))
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )

    def _limit(self, n_written: int) -> None:
        """Call `reduce` whenever this process has written a tenth of `size_limit`."""
        self._written += n_written
        if self.size_limit is not None and self._written > self.size_limit / 10:
            self.reduce()

    def reduce(self) -> None:
        """Delete the least recently used results until the rest fits into `size_limit`."""
        self._written = 0
        if self.folder is not None and self.size_limit is not None:
            # Another process may delete the same files.
            with contextlib.suppress(OSError):
                joblib.Memory(self.folder, verbose=0).reduce_size(bytes_limit=int(self.size_limit))

    def close(self) -> None:
        """Delete the temporary folder, if there is one, and the results in memory."""
        self.reduce()
        if self.folder is not None:
            _fronts.pop(str(self.folder), None)
            if self._temporary:
                shutil.rmtree(self.folder.parent, ignore_errors=True)
                self.folder = None
        self._reset()

    def __repr__(self) -> str:
        return f"RecordingStore({None if self.folder is None else str(self.folder.parent)!r})"


@contextlib.contextmanager
def opened_store(store: Any, n_jobs: int | None) -> Iterator[RecordingStore | None]:
    """Open the store that a `store` parameter describes, and close it if it was created here.

    Parameters
    ----------
    store : {"auto"}, path-like, RecordingStore or None
        "auto" keeps results until the end, in memory or, for several jobs, in a temporary folder.
        A path is the folder of a new store, and None keeps nothing.
    n_jobs : int or None
        Number of jobs that use the store.

    Yields
    ------
    store : RecordingStore or None
        The opened store; None if nothing is to be kept.

    Raises
    ------
    TypeError
        If `store` is of another type.
    """
    if store is None or isinstance(store, RecordingStore):
        yield store
        return
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(
            "The 'store' must be 'auto', a folder, a RecordingStore or None. Got "
            f"{store!r} instead."
        )
    made = RecordingStore(None if store == "auto" else store)
    n_processes = effective_n_jobs(n_jobs)
    if n_processes > 1:
        made.memory_limit /= n_processes
        made.spill()
    try:
        yield made
    finally:
        made.close()
