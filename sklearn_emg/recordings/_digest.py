"""Digests of data and settings, which are equal only if the contents are equal."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import platform
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
from joblib.hashing import NumpyHasher, Pickler
from numpy.typing import NDArray

from sklearn_emg._version import __version__
from sklearn_emg.recordings._kept import Cut, KeptSignal
from sklearn_emg.recordings._signal_file import SignalFile, read_signal

_BLOCK = 2**20  # number of samples per channel that are read at a time
_DATA = (FunctionType, type, type(None), int, float, complex, str, bytes)
_DATA += (tuple, list, dict, set, frozenset, np.ndarray)


def signal_digest(signal: Any) -> str:
    """Compute a digest of the type, shape and samples of a signal; files are read in blocks.

    An array and a file with the same samples, of the same type, have the same digest.
    """
    return read_through(signal)[0]


def read_through(signal: Any) -> tuple[str, tuple[tuple[int, ...], bool]]:
    """Compute the digest of a signal, its shape, and whether it is finite, by reading it once.

    Parameters
    ----------
    signal : array-like or SignalFile of shape (n_times,) or (n_channels, n_times)
        Signal in mV.

    Returns
    -------
    digest : str
        Digest as returned by :func:`signal_digest`.
    facts : (tuple of int, bool)
        Shape of the signal, and whether all samples are finite.
    """
    values = signal if isinstance(signal, SignalFile) else read_signal(signal)
    digest = hashlib.sha256()
    shape, finite = values.shape, True
    for start in range(0, max(shape[-1], 1), _BLOCK):
        stop = min(start + _BLOCK, shape[-1])
        part = (
            values.read(start, stop)
            if isinstance(values, SignalFile)
            else values[..., start:stop].astype(values.dtype.newbyteorder("<"), copy=False)
        )
        if start == 0:
            digest.update(f"{part.dtype.itemsize} {shape}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
        finite = finite and bool(np.isfinite(part).all())
    return digest.hexdigest(), (tuple(shape), finite)


def content_digest(*values: Any) -> str:
    """Compute a digest of objects of any kind from their content.

    The digest depends on the type, shape and bytes of an array; on the names, index and columns of
    a table; on the samples and path of a `SignalFile`; and on the items of a dict and their order.
    Classes and functions of installed packages are identified by the version of the package. Those
    of the user are identified by their code, the values that they enclose and the global values
    that they name. Print options, locale, memory layout and process have no effect. The version of
    this package is always part of the digest.

    Parameters
    ----------
    *values : object
        The objects.

    Returns
    -------
    digest : str
        Digest of all objects.

    Raises
    ------
    TypeError, pickle.PicklingError
        If an object cannot be pickled, such as an open file or a lock.
    """
    return str(_Hasher().hash((__version__, values)))


class _Hasher(NumpyHasher):
    """joblib's hasher, extended by the content of functions, classes and files."""

    def __init__(self) -> None:
        super().__init__(hash_name="sha256")
        self._open: set[int] = set()

    def save(self, obj: Any) -> None:
        if isinstance(obj, KeptSignal):
            obj = ("KeptSignal", obj.key)
        elif isinstance(obj, Cut):
            obj = ("Cut", obj.key)
        elif isinstance(obj, SignalFile):
            obj = ("SignalFile", obj.path, signal_digest(obj))
        elif type(obj) in (np.ndarray, np.memmap):
            obj = _plain_array(obj)
        elif isinstance(obj, pd.DataFrame):
            columns = (column for _, column in obj.items())
            obj = (type(obj), list(obj.columns), _values(obj.index), list(map(_values, columns)))
        elif isinstance(obj, (set, frozenset)):
            obj = (type(obj).__name__, sorted(content_digest(value) for value in obj))
        elif isinstance(obj, (type, FunctionType)):
            obj = self._definition(obj)
        elif isinstance(obj, ModuleType):
            obj = ("module", obj.__name__, _version(obj.__name__))
        elif isinstance(obj, CodeType):
            obj = ("code", obj.co_code, obj.co_names, obj.co_varnames, obj.co_consts)
        super().save(obj)

    def memoize(self, obj: Any) -> None:
        # Equal tuples have equal digests, whether or not they are one object.
        if not isinstance(obj, tuple):
            super().memoize(obj)

    def _batch_setitems(self, items: Any, *args: Any) -> None:
        # joblib sorts the items, but the order of items can determine the order of columns.
        Pickler._batch_setitems(self, items, *args)

    def _definition(self, obj: Any) -> Any:
        """Return the name and version of a class or function, and its code if it has no version."""
        head = (type(obj).__name__, obj.__module__, obj.__qualname__, _version(obj.__module__))
        if (head[3] and "<" not in obj.__qualname__) or id(obj) in self._open:
            return head
        self._open.add(id(obj))
        if isinstance(obj, FunctionType):
            return (*head, *_parts(obj))
        return (*head, obj.__bases__, *_class_parts(obj))


def _plain_array(array: NDArray[Any]) -> Any:
    """Convert an array to a contiguous one, or an array of objects to a list."""
    array = np.ascontiguousarray(array).reshape(array.shape)
    return ("objects", array.shape, array.ravel().tolist()) if array.dtype.hasobject else array


_NO_CODE = {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__"}
_NO_CODE |= {"__static_attributes__", "__annotations__", "__annotate_func__", "_abc_impl"}


def _version(module: str | None) -> str:
    """Return the version of the package of a module; "" for scripts and notebooks."""
    root = (module or "").partition(".")[0]
    if root in sys.stdlib_module_names:
        return platform.python_version()
    return str(getattr(sys.modules.get(root), "__version__", ""))


def _values(column: Any) -> Any:
    """Return the type, name and content of a column, without its container."""
    return (str(column.dtype), str(column.name), column.to_numpy())


def _class_parts(cls: type) -> tuple[Any, Any]:
    """Return the source and the functions of a class; without a source, also its other members."""
    source = None
    if "<" not in cls.__qualname__:
        # The source of a class is stable, while members such as counters may change at run time.
        with contextlib.suppress(OSError, TypeError):
            source = inspect.getsource(cls)
    kept = (FunctionType, type) if source else _DATA
    members: list[tuple[Any, ...]] = []
    for name, value in vars(cls).items():
        member = getattr(value, "__func__", value)  # unwraps class methods and static methods
        if isinstance(member, property):
            members.append((name, member.fget, member.fset))
        elif name not in _NO_CODE and isinstance(member, kept):
            members.append((name, member))
    return source, members


def _parts(function: FunctionType) -> tuple[Any, ...]:
    known = function.__globals__
    used = [(k, known[k]) for k in sorted(set(_names(function.__code__))) if k in known]
    cells = [_cell(cell) for cell in function.__closure__ or ()]
    return function.__code__, function.__defaults__, function.__kwdefaults__, cells, used


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return "empty"


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names that code and the functions in it mention."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
