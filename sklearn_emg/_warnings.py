"""Warnings that point to the user's code, without repetition of those about recordings."""

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

Noted: TypeAlias = "tuple[str, type[Warning]]"
# Categories of warnings that worker processes pass on to the user.
_NOTED = (RecordingWarning, SubjectLeakWarning)

# Packages whose frames are skipped when the line of the user is looked up.
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
    """Issue a warning that points to the line of the user, however deep the call is.

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of warning, default=UserWarning
        Category of the warning.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _PASSING_ON:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def warned_once() -> Iterator[None]:
    """Issue each warning about recordings only once within the block or decorated function.

    A function such as ``compare`` calls many others that check the same subjects and recordings.
    Only the outermost block has an effect.
    """
    if _GIVEN.get() is not None:
        yield
        return
    token = _GIVEN.set(set())
    try:
        yield
    finally:
        _GIVEN.reset(token)


def is_first_check(name: str, *, note: bool = True) -> bool:
    """Return whether a check has not been made yet within :func:`warned_once`.

    Parameters
    ----------
    name : str
        Name of the check.
    note : bool, default=True
        Whether the check is noted as made. A check of only part of the rows must not be noted.

    Returns
    -------
    first : bool
        True if the check has not been made yet, and always outside of :func:`warned_once`.
    """
    given = _GIVEN.get()
    if given is None:
        return True
    key = f"checked: {name}"
    if key in given:
        return False
    if note:
        given.add(key)
    return True


def warn_of_recordings(message: str, category: type[Warning] = RecordingWarning) -> None:
    """Issue a warning about recordings unless it was already issued in :func:`warned_once`.

    Parameters
    ----------
    message : str
        Text of the warning.
    category : type of warning, default=RecordingWarning
        Category of the warning.
    """
    given = _GIVEN.get()
    if given is not None:
        if message in given:
            return
        given.add(message)
    warn(message, category)


def call_noting(home: int, function: Callable[..., Any], *given: Any) -> tuple[Any, list[Noted]]:
    """Call a function and collect its warnings about subjects and recordings.

    Otherwise, a warning in worker processes would be printed once per task, if at all.

    Parameters
    ----------
    home : int
        Process ID of the main process. In its other threads, warnings are issued immediately
        instead of being collected, since warning filters are shared by all threads.
    function : callable
        Function to call.
    *given : object
        Arguments of the function.

    Returns
    -------
    result : object
        Result of the function.
    noted : list of (str, type)
        Message and category of each collected warning, for :func:`repeat_noted`. All other
        warnings are shown as usual.
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
        with warned_once():
            # The main process has checked all rows, of which a worker sees only a part.
            is_first_check("repeated signals")
            return function(*given), noted


def repeat_noted(noted: Sequence[Noted], issued: set[Noted]) -> None:
    """Issue each collected warning once.

    Parameters
    ----------
    noted : sequence of (str, type)
        Warnings collected by :func:`call_noting`.
    issued : set of (str, type)
        Warnings that have already been issued, to which the new ones are added.
    """
    for message, category in noted:
        if (message, category) not in issued:
            issued.add((message, category))
            warn(message, category)
