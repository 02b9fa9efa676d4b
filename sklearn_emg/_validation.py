"""Checks of arguments that all sub-packages share.

An invalid argument raises ``InvalidParameterError`` of scikit-learn, which is both a ValueError and
a TypeError.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._tables import counted


def did_you_mean(value: Any, options: Iterable[str], cutoff: float = 0.6) -> str:
    """Suggest the option most similar to a value, such as ``" Did you mean 'rms'?"``.

    The text is empty if the similarity of all options, from 0 to 1 and without regard to case, is
    below `cutoff`.
    """
    names = {option.lower(): option for option in reversed(list(options))}
    near = get_close_matches(str(value).lower(), names, n=1, cutoff=cutoff)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def _refuse(value: Any, name: str, caller: str, wanted: str, hint: str = "") -> None:
    raise InvalidParameterError(
        f"The {name!r} parameter of {caller} must be {wanted}. Got {value!r} instead.{hint}"
    )


def check_option(value: Any, options: Sequence[str], name: str, caller: str) -> None:
    """Refuse a value that is not one of the given strings, and suggest the most similar one."""
    if not isinstance(value, str) or value not in options:
        wanted = f"one of {', '.join(map(repr, options))}"
        _refuse(value, name, caller, wanted, did_you_mean(value, options))


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer of Python or NumPy, but not a Boolean or 2.0."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def check_integer(value: Any, name: str, caller: str, minimum: int = 1) -> int:
    """Return an integer, refusing other types, Booleans and integers below `minimum`.

    Parameters
    ----------
    value : object
        Value of the parameter.
    name : str
        Name of the parameter in the message.
    caller : str
        Function or estimator in the message.
    minimum : int, default=1
        Smallest value that is allowed.

    Returns
    -------
    number : int
        The value as an int of Python.

    Raises
    ------
    InvalidParameterError
        If the value is refused.
    """
    if not is_integer(value) or value < minimum:
        _refuse(value, name, caller, f"an integer of at least {minimum}")
    return int(value)


def check_integers(
    value: int | Sequence[int], name: str, caller: str, n: int | None = None
) -> tuple[int, ...]:
    """Return positive integers as a tuple, repeating a single integer `n` times.

    If `n` is None, any number of integers from 1 is allowed.
    """
    values: Any = (value,) * (n or 1) if is_integer(value) else value
    if not _are_positive(values) or n not in (None, len(values)):
        number = "integers" if n is None else f"{n} integers"
        wanted = f"a positive integer or a sequence of {number}, each positive"
        _refuse(value, name, caller, wanted)
    return tuple(int(v) for v in values)


def _are_positive(values: Any) -> bool:
    if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray)):
        return False
    return len(values) > 0 and all(is_integer(v) and v >= 1 for v in values)


def check_real(
    value: Any,
    name: str,
    caller: str,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """Return a number within limits as a float; Booleans, NaN and infinity are refused.

    The limits are allowed values unless `above` (for `low`) or `below` (for `high`) is true.
    """
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else np.nan
    inside = low < number if above else low <= number
    inside &= number < high if below else number <= high
    if not (np.isfinite(number) and inside):
        wanted = _number_within(low, high, above=above, below=below)
        _refuse(value, name, caller, wanted)
    return number


def _number_within(low: float, high: float, *, above: bool, below: bool) -> str:
    """Describe the numbers that `check_real` accepts."""
    if np.isfinite(low) and np.isfinite(high):
        if above or below:
            return f"a number in {'[('[above]}{low:g}, {high:g}{'])'[below]}"
        return f"a number between {low:g} and {high:g}"
    lower = f" {('>=', '>')[above]} {low:g}" if np.isfinite(low) else ""
    upper = f" {('<=', '<')[below]} {high:g}" if np.isfinite(high) else ""
    return f"a finite number{lower}{upper}"


def check_fraction(value: Any, name: str, caller: str, *, below: bool = False) -> float:
    """Return a number in [0, 1], or in [0, 1) if `below` is true.

    Parameters
    ----------
    value : object
        Value of the parameter.
    name : str
        Name of the parameter in the message.
    caller : str
        Function or estimator in the message.
    below : bool, default=False
        Whether 1 is refused.

    Returns
    -------
    number : float
        The value as a float.

    Raises
    ------
    InvalidParameterError
        If the value is not a number within the limits.
    """
    return check_real(value, name, caller, 0.0, 1.0, below=below)


def check_below_nyquist(value: float, name: str, caller: str, fs: float) -> None:
    """Refuse a frequency of at least half the sampling rate.

    Parameters
    ----------
    value : float
        Frequency in Hz.
    name : str
        Name of the parameter in the message.
    caller : str
        Function or estimator in the message.
    fs : float
        Sampling rate in Hz.

    Raises
    ------
    ValueError
        If the frequency is not below the Nyquist frequency, ``fs / 2``.
    """
    if value >= fs / 2:
        raise ValueError(
            f"The {name!r} parameter of {caller} must be below the Nyquist frequency, {fs / 2} Hz "
            f"for fs={fs}. Got {value} instead."
        )


def check_unused(caller: str, condition: str, **values: Any) -> None:
    """Refuse parameters that have no effect with the other parameters of a call.

    They are used only with `condition`, such as ``"method='level'"``. None means that a parameter
    is not given.
    """
    given = [repr(name) for name, value in values.items() if value is not None]
    if given:
        names = " and ".join(given)
        parameters, are = ("parameters", "are") if len(given) > 1 else ("parameter", "is")
        raise InvalidParameterError(
            f"The {names} {parameters} of {caller} {are} used only with {condition}; otherwise, "
            f"leave {names} out."
        )


def require_target(y: Any, caller: str, hint: str = "") -> None:
    """Raise if there is no target, in the words that scikit-learn's checks expect.

    Parameters
    ----------
    y : object
        Target, or None.
    caller : str
        Function or estimator in the message.
    hint : str, default=""
        Text at the end of the message.

    Raises
    ------
    ValueError
        If `y` is None.
    """
    if y is None:
        raise ValueError(f"{caller} requires y to be passed, but the target y is None{hint}.")


def check_one_per_row(y: Any, n_rows: int, caller: str, row: str = "row") -> NDArray[Any]:
    """Return the labels as an array, refusing another number of labels than of rows.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels.
    n_rows : int
        Number of rows.
    caller : str
        Function or estimator in the message.
    row : str, default="row"
        What a row is called in the message.

    Returns
    -------
    values : ndarray of shape (n_rows,)
        Labels.

    Raises
    ------
    ValueError
        If the number of labels is not `n_rows`.
    """
    values = np.asarray(y)
    if len(values) != n_rows:
        raise ValueError(
            f"y of {caller} has {counted(len(values), 'label')} for {counted(n_rows, row)}."
        )
    return values


def require(module: str, caller: str, extra: str, package: str | None = None) -> ModuleType:
    """Import an optional dependency, such as ``"matplotlib.pyplot"``, when it is needed.

    If it is not installed, the message of the ImportError names `package` (by default, the first
    part of `module`) and the extra that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        raise ImportError(
            f"{caller} needs {package or root}, which is not installed: "
            f'pip install "sklearn-emg[{extra}]"'
        ) from error
