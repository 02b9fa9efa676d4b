"""What is known of each published system, and how to build it by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Figure:
    """A published figure.

    Attributes
    ----------
    measure : str
        What was measured, of what.
    value : float
        In percent.
    leaky : bool or None
        Whether the same subjects, or the test set itself, were on both sides of the split; None
        where the source does not say.
    """

    measure: str
    value: float
    leaky: bool | None = None

    def __str__(self) -> str:
        label = {True: "leaky", False: "split by subject", None: "split not stated"}[self.leaky]
        return f"{self.measure} {self.value:.2f} % ({label})"


@dataclass(frozen=True)
class System:
    """A published system and the function that builds its pipeline.

    Attributes
    ----------
    name : str
        For `make_system` and the benchmark.
    function : callable
        Returns an unfitted estimator over recording tables.
    settings : mapping
        Arguments of `function` that make this system out of the family that it builds.
    citation, input, estimator : str
    published : sequence of Figure
    open_choices : sequence of str
        What the source leaves open, each with the choice made here.
    needs : str
        Extra that has to be installed, empty where none is.
    least_fs : float
        Lowest rate in Hz whose windows the network is not too deep for.
    """

    name: str
    function: Callable[..., Any]
    settings: Mapping[str, Any]
    citation: str
    input: str
    estimator: str
    published: Sequence[Figure]
    open_choices: Sequence[str]
    needs: str
    least_fs: float = 0.0

    @property
    def leaky(self) -> bool | None:
        """Whether any published figure is; None where no figure says."""
        known = [f.leaky for f in self.published if f.leaky is not None]
        return any(known) if known else None


_SYSTEMS: dict[str, System] = {}


_OPEN = "Left open in the source"


def _open_choices(function: Callable[..., Any]) -> tuple[str, ...]:
    """The list below "Left open in the source" in a docstring, so that it is said once."""
    lines = (inspect.getdoc(function) or "").splitlines()
    at = next((i for i, line in enumerate(lines) if line.startswith(_OPEN)), None)
    if at is None:
        return ()
    choices: list[str] = []
    for line in lines[at + 1 :]:
        if line.startswith("- "):
            choices.append(line[2:])
        elif line.startswith("  ") and choices:
            choices[-1] += " " + line.strip()
        elif choices:
            break
    return tuple(choice.rstrip(".;") for choice in choices)


def register(
    function: Callable[..., Any],
    name: str,
    *,
    citation: str,
    input: str,
    estimator: str,
    published: Sequence[Figure] = (),
    needs: str = "",
    least_fs: float = 0.0,
    **settings: Any,
) -> None:
    """Enter a system into the table of `list_systems`."""
    _SYSTEMS[name] = System(
        name,
        function,
        settings,
        citation,
        input,
        estimator,
        tuple(published),
        _open_choices(function),
        needs,
        least_fs,
    )


def get_system(name: str) -> System:
    """What is known of a system.

    Parameters
    ----------
    name : str
        From the index of :func:`list_systems`.

    Returns
    -------
    system : System

    Raises
    ------
    ValueError
        If there is no such system; the message offers near misses.

    Examples
    --------
    >>> from sklearn_emg.papers import get_system
    >>> print(get_system("elamvazuthi").published[0])
    accuracy of windows 86.30 % (split not stated)
    """
    if name not in _SYSTEMS:
        near = difflib.get_close_matches(str(name), _SYSTEMS, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"There is no system {name!r}.{hint} list_systems() has {', '.join(_SYSTEMS)}."
        )
    return _SYSTEMS[name]


def make_system(name: str, **changes: Any) -> Any:
    """Build a published system by name.

    Parameters
    ----------
    name : str
        From the index of :func:`list_systems`.
    **changes
        Arguments of its function, such as ``fs``, ``window`` or ``random_state``.

    Returns
    -------
    estimator : estimator object
        Not fitted.

    Raises
    ------
    ValueError
        If there is no such system.
    TypeError
        If its function has no such argument.

    Examples
    --------
    >>> from sklearn_emg.papers import make_system
    >>> make_system("patel-sunitha-rf", fs=2000.0).named_steps["divote"].window
    0.30037
    """
    system = get_system(name)
    known = inspect.signature(system.function).parameters
    if unknown := sorted(set(changes) - set(known)):
        raise TypeError(
            f"{system.function.__name__} has no argument {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(known)}. Other parts are reached with set_params."
        )
    return system.function(**{**system.settings, **changes})


def list_systems() -> pd.DataFrame:
    """Table of the published systems.

    Returns
    -------
    systems : DataFrame
        Index of names for :func:`make_system`; ``citation``, ``input``, ``estimator``,
        ``function``, ``published`` (with the kind of split of each figure), ``leaky`` (True where
        a figure was obtained with subjects, or the test set, on both sides; None where the source
        does not say), ``open_choices`` and ``needs``.

    Examples
    --------
    >>> from sklearn_emg.papers import list_systems
    >>> systems = list_systems()
    >>> systems.loc["nemgnet-b-pd", "published"]
    'accuracy of subjects 83.69 % (leaky)'
    """
    rows = {
        s.name: {
            "citation": s.citation,
            "input": s.input,
            "estimator": s.estimator,
            "function": s.function.__name__,
            "published": "; ".join(map(str, s.published)),
            "leaky": s.leaky,
            "open_choices": "; ".join(s.open_choices),
            "needs": s.needs,
        }
        for s in _SYSTEMS.values()
    }
    # Object, so that None stays apart from False.
    return pd.DataFrame.from_dict(rows, orient="index").astype({"leaky": object})
