"""Warnings that name the user's line, and those about recordings, given once per call."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sklearn_emg.exceptions import RecordingWarning

__all__ = ["warn", "warn_of_recordings", "warned_once"]

# Packages whose functions pass on the calls of a user.
_PASSING_ON = {"sklearn_emg", "sklearn", "imblearn", "skorch", "joblib", "contextlib", "functools"}
_GIVEN: ContextVar[set[str] | None] = ContextVar("given", default=None)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Give a warning that names the line of the user, however deep the call is.

    Parameters
    ----------
    message : str
    category : type of warning, default=UserWarning
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _PASSING_ON:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


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


def warn_of_recordings(message: str) -> None:
    """Give a RecordingWarning unless :func:`warned_once` has seen it.

    Parameters
    ----------
    message : str
    """
    given = _GIVEN.get()
    if given is not None:
        if message in given:
            return
        given.add(message)
    warn(message, RecordingWarning)
