"""Warnings that name the user's line, and those about recordings, given once per call."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from sklearn_emg.exceptions import RecordingWarning, SubjectLeakWarning

__all__ = ["Noted", "call_noting", "repeat_noted", "warn", "warn_of_recordings", "warned_once"]

Noted: TypeAlias = "tuple[str, type[Warning]]"
# What a user has to know, whatever process finds it.
_NOTED = (RecordingWarning, SubjectLeakWarning)

# Packages whose functions pass on the calls of a user.
_PASSING_ON = {
    "sklearn_emg",
    "sklearn",
    "imblearn",
    "skorch",
    "joblib",
    "contextlib",
    "functools",
    "tqdm",
}
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


def call_noting(home: int, function: Callable[..., Any], *given: Any) -> tuple[Any, list[Noted]]:
    """Call a function and note its warnings about subjects and recordings.

    Warnings of a worker process reach the terminal at best, and each task repeats them.

    Parameters
    ----------
    home : int
        Number of the process whose user reads warnings. In a thread of it nothing is noted, since
        filters belong to all threads, and warnings are given at once.
    function : callable
    *given : object

    Returns
    -------
    result : object
    noted : list of (str, type)
        Message and category of each such warning, for `repeat_noted`. All other warnings are shown
        as they would be.
    """
    noted: list[Noted] = []
    if os.getpid() == home and threading.current_thread() is not threading.main_thread():
        return function(*given), noted
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, _NOTED):
                noted.append((str(message), category))
            else:
                show(message, category, *place)

        warnings.showwarning = note  # type: ignore[assignment]
        for category in _NOTED:
            warnings.simplefilter("always", category)
        return function(*given), noted


def repeat_noted(noted: Sequence[Noted], told: set[Noted]) -> None:
    """Give warnings that were noted, each once.

    Parameters
    ----------
    noted : sequence of (str, type)
        Warnings from `call_noting`.
    told : set of (str, type)
        Those that were given already; the new ones are added.
    """
    for message, category in noted:
        if (message, category) not in told:
            told.add((message, category))
            warn(message, category)
