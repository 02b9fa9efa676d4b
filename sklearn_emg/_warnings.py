"""Warnings of one call chain that are given once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sklearn_emg.exceptions import RecordingWarning

__all__ = ["warn_of_recordings", "warned_once"]

_GIVEN: ContextVar[set[str] | None] = ContextVar("given", default=None)


@contextmanager
def warned_once() -> Iterator[None]:
    """Give each warning about recordings once within the block, or the decorated function.

    An outermost function such as ``compare`` calls many that look at the same subjects and
    recordings.
    """
    if _GIVEN.get() is not None:
        yield
        return
    token = _GIVEN.set(set())
    try:
        yield
    finally:
        _GIVEN.reset(token)


def warn_of_recordings(message: str, stacklevel: int = 2) -> None:
    """Give a RecordingWarning unless :func:`warned_once` has seen it.

    Parameters
    ----------
    message : str
    stacklevel : int, default=2
        As in ``warnings.warn``; 2 is the caller of this function.
    """
    given = _GIVEN.get()
    if given is not None:
        if message in given:
            return
        given.add(message)
    warnings.warn(message, RecordingWarning, stacklevel=stacklevel + 1)
