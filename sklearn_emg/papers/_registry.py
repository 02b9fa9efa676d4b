"""Facts about each published system, and functions that build a system by name."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, TypeVar

import pandas as pd

from sklearn_emg._validation import check_option, did_you_mean

__all__ = [
    "OpenChoice",
    "PublishedResult",
    "Source",
    "System",
    "get_system",
    "list_systems",
    "make_system",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Source:
    """A publication.

    Attributes
    ----------
    authors : str
        Names of the authors.
    year : int
        Year of publication.
    title : str
        Title, or an empty string if the authors of this package do not know it.
    published_in : str
        Journal with volume and pages, conference or university.
    note : str
        Origin of the facts, if they are not taken from the publication itself.
    """

    authors: str
    year: int
    title: str = ""
    published_in: str = ""
    note: str = ""

    @property
    def label(self) -> str:
        """Authors and year, such as "J. Yoo et al. (2022)"."""
        return f"{self.authors} ({self.year})"

    def __str__(self) -> str:
        title = f'"{self.title}"' if self.title else ""
        parts = [self.authors, title, self.published_in, str(self.year)]
        return ", ".join(part for part in parts if part) + (f"; {self.note}" if self.note else "")


@dataclass(frozen=True)
class PublishedResult:
    """A result that a source reports.

    Attributes
    ----------
    measure : str
        Measured quantity, for instance "accuracy of subjects".
    value : float
        Reported value, in `unit`.
    leaky : bool or None
        Whether the same subject was in both the training set and the test set, or the test set was
        used to choose the model. None if the source does not say.
    unit : str
        Unit of the value; an empty string for a number without a unit.
    """

    measure: str
    value: float
    leaky: bool | None = None
    unit: str = "%"

    @property
    def text(self) -> str:
        """Value with its unit, such as "71.89 %"."""
        return (
            f"{self.value:.2f} %" if self.unit == "%" else f"{self.value:,.10g} {self.unit}".strip()
        )

    def __str__(self) -> str:
        label = {True: "leaky", False: "split by subject", None: "split not stated"}[self.leaky]
        return f"{self.measure} {self.text}" + (f" ({label})" if self.unit == "%" else "")


@dataclass(frozen=True)
class OpenChoice:
    """A detail that a source leaves open, or in which the system here deviates from it.

    Attributes
    ----------
    what : str
        The detail.
    choice : str
        The choice made here.
    why : str
        Reason for the choice; an empty string if any choice would be suitable.
    paper : str
        Choice of the source, if the system here deviates from it; an empty string if the source
        leaves the detail open.
    """

    what: str
    choice: str
    why: str = ""
    paper: str = ""

    @property
    def deviates(self) -> bool:
        """Whether the system deviates from its source in this detail."""
        return bool(self.paper)

    def __str__(self) -> str:
        instead = f" instead of {self.paper}" if self.paper else ""
        return f"{self.what}: {self.choice}{instead}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class Variant:
    """One system of the family of systems that a function builds.

    Attributes
    ----------
    method : str
        Short name of the method; the title of the system consists of the source and the method.
    estimator : str
        Features and classifier in a few words.
    published : sequence of PublishedResult
        Main results, in percent.
    settings : mapping
        Arguments with which the function builds this system.
    further : sequence of PublishedResult
        Further results that the source reports for the system.
    random_windows : mapping
        Parameters for `set_params` that the source used on random windows.
    """

    method: str
    estimator: str
    published: Sequence[PublishedResult] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    further: Sequence[PublishedResult] = ()
    random_windows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class System:
    """A published system and the function that builds its pipeline.

    Attributes
    ----------
    name : str
        Name for :func:`make_system` and the benchmark.
    title : str
        Authors, year and method.
    function : callable
        Function that returns an unfitted estimator for recording tables or, for a prognosis, for
        contexts of visits.
    settings : mapping
        Arguments with which `function` builds this system.
    source : Source
        Publication of the system.
    input : str
        Signal, sampling rate and windows of the system as implemented here.
    estimator : str
        Features and classifier in a few words.
    published : sequence of PublishedResult
        Main results, in percent.
    open_choices : sequence of OpenChoice
        Details that the source leaves open or in which the system deviates from it, each with the
        choice made here.
    needs : str
        Optional dependencies of this package that must be installed, such as "nets"; an empty
        string if there are none.
    min_fs : float
        Minimum sampling rate in Hz, below which windows have too few samples for the network.
    kind : {"published", "baseline"}
        Whether the system was published for the diagnosis of neuromuscular disorders, or is a
        general method that serves as a baseline.
    task : {"diagnosis", "prognosis"}
        Whether the system diagnoses recordings, or predicts a later visit from contexts of visits.
    further : sequence of PublishedResult
        Further results that the source reports: other measures, sizes and times.
    random_windows : mapping
        Parameters for `set_params` that the source used on random windows, if they differ from
        those for a split by subject.
    data : str
        Subjects, recordings and windows of the source; an empty string for a baseline.
    """

    name: str
    title: str
    function: Callable[..., Any]
    settings: Mapping[str, Any]
    source: Source
    input: str
    estimator: str
    published: Sequence[PublishedResult]
    open_choices: Sequence[OpenChoice]
    needs: str
    min_fs: float = 0.0
    kind: str = "published"
    task: str = "diagnosis"
    further: Sequence[PublishedResult] = ()
    random_windows: Mapping[str, Any] = field(default_factory=dict)
    data: str = ""

    @property
    def has_network(self) -> bool:
        """Whether the system contains a network of this package."""
        return self.needs.startswith("nets")

    @property
    def citation(self) -> str:
        """The source in one line."""
        return str(self.source)

    @property
    def leaky(self) -> bool | None:
        """Whether any published result is leaky; None if the source does not say."""
        known = [result.leaky for result in self.published if result.leaky is not None]
        return any(known) if known else None


# For every system that reads recordings, unless it has its own choice for missing samples.
MISSING = OpenChoice(
    "missing samples",
    "gaps of up to 2 ms are interpolated; windows with longer gaps, and recordings shorter than a "
    "window, are left out",
    "the files of several devices contain isolated missing samples",
)
_SYSTEMS: dict[str, System] = {}

_RATE = "Sampling rate in Hz to which recordings are resampled before windows are cut."
_STEP = "Time from the start of one window to the start of the next, in seconds"
# Descriptions of parameters that many functions share.
_SHARED = {
    "fs": ("float", _RATE),
    "window": ("float", "Length of a window in seconds."),
    "step": ("float", f"{_STEP}."),
    "max_epochs": ("int", "Maximum number of epochs."),
    "line_freq": ("float", "Power-line frequency in Hz, for the adaptive filter."),
    "random_state": (
        "int, RandomState instance or None",
        "Seed of all random steps in the pipeline.",
    ),
}
_GROUPS = {"windows": ("fs", "window", "step"), "training": ("max_epochs", "random_state")}


def published_systems(
    variants: Mapping[str, Variant],
    *,
    source: Source,
    input: str,
    open_choices: Sequence[OpenChoice],
    needs: str = "",
    min_fs: float = 0.0,
    kind: str = "published",
    task: str = "diagnosis",
    data: str = "",
) -> Callable[[F], F]:
    """Register the systems that a function builds, and complete the docstring of the function.

    In the docstring, ``$windows`` stands for the parameters `fs`, `window` and `step`,
    ``$training`` for `max_epochs` and `random_state`, ``$line_freq`` and ``$random_state`` for the
    parameters of these names, ``$notes`` for the published results and the open choices, and
    ``$source`` for the source.

    Parameters
    ----------
    variants : mapping of str to Variant
        Systems by name.
    source, input, open_choices, needs, min_fs, kind, task, data
        Attributes of all systems, see :class:`System`.

    Returns
    -------
    decorator : callable
        Decorator of the function.
    """

    choices = tuple(open_choices)
    if task == "diagnosis" and not any(choice.what == MISSING.what for choice in choices):
        choices = (*choices, MISSING)

    def decorate(function: F) -> F:
        for name, variant in variants.items():
            _SYSTEMS[name] = System(
                name=name,
                title=f"{source.label}: {variant.method}",
                function=function,
                settings=variant.settings,
                source=source,
                input=input,
                estimator=variant.estimator,
                published=tuple(variant.published),
                open_choices=choices,
                needs=needs,
                min_fs=min_fs,
                kind=kind,
                task=task,
                further=tuple(variant.further),
                random_windows=variant.random_windows,
                data=data,
            )
        if function.__doc__:  # not under python -OO
            texts = {name: _parameter(function, name) for name in ("line_freq", "random_state")}
            for group, names in _GROUPS.items():
                texts[group] = "".join(_parameter(function, name) for name in names).rstrip()
            notes = _wrapped(f"Data of the source: {data}.", "") + "\n\n" if data else ""
            notes += _published(variants) + _listed(
                "Details that the source leaves open, or that differ here:", choices
            )
            template = Template(inspect.cleandoc(function.__doc__))
            function.__doc__ = template.substitute(
                texts, notes=notes.strip(), source=_wrapped(str(source), "")
            )
        return function

    return decorate


def _parameter(function: Callable[..., Any], name: str) -> str:
    """Return the description of a shared parameter, with the default of this function."""
    parameter = inspect.signature(function).parameters.get(name)
    if parameter is None:
        return ""
    kind, text = _SHARED[name]
    if name == "step" and "None" in str(parameter.annotation):
        kind, text = "float or None", f"{_STEP}. None means no overlap."
    return f"{name} : {kind}, default={parameter.default}\n{_wrapped(text, '    ')}\n"


def _published(variants: Mapping[str, Variant]) -> str:
    lines = [
        f"``{name}``: {', '.join(map(str, variant.published))}"
        for name, variant in variants.items()
        if variant.published
    ]
    return _listed("Published results:", lines) if lines else ""


def _listed(heading: str, items: Sequence[object]) -> str:
    lines = "\n".join(_wrapped(str(item), "  ", "- ") for item in items)
    return f"{heading}\n\n{lines}\n\n"


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    start = indent if first is None else first
    return textwrap.fill(
        text,
        96,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


#: Rows of the sources' tables that no pipeline can reproduce, and the reason.
NOT_SOFTWARE = {
    "manual diagnosis": (
        "R. Chandrasekaran et al. (2024): manual diagnosis",
        [
            *(
                PublishedResult(measure, value)
                for measure, value in (
                    ("accuracy", 72.1),
                    ("sensitivity", 68.5),
                    ("specificity", 75.6),
                    ("precision", 70.2),
                    ("F1", 68.7),
                )
            ),
            PublishedResult("time", 200, unit="ms"),
            PublishedResult("use of resources", 75),
        ],
        "physicians made this diagnosis, which software cannot reproduce",
    ),
    "six electromyographers": (
        "J. Yoo et al. (2026): median of six electromyographers",
        [PublishedResult("accuracy of subjects", 55.0, False)],
        "physicians made this diagnosis, which software cannot reproduce",
    ),
}


def get_system(name: str) -> System:
    """Look up the facts about a system.

    Parameters
    ----------
    name : str
        Name from the index of :func:`list_systems`.

    Returns
    -------
    system : System
        Facts about the system.

    Raises
    ------
    ValueError
        If there is no such system; the message suggests a similar name.

    Examples
    --------
    >>> from sklearn_emg.papers import get_system
    >>> system = get_system("elamvazuthi")
    >>> system.title
    'I. Elamvazuthi et al. (2015): AR, RMS, ZC, WL and MAV with a multilayer perceptron'
    >>> print(system.published[0])
    accuracy of signals, ALS/myopathy/healthy 86.30 % (leaky)
    """
    if name in NOT_SOFTWARE:
        raise ValueError(
            f"The result of {name!r} ({'; '.join(map(str, NOT_SOFTWARE[name][1]))}) is not that of "
            f"a system: {NOT_SOFTWARE[name][2]}."
        )
    if name not in _SYSTEMS:
        raise ValueError(
            f"There is no system {name!r}.{did_you_mean(name, _SYSTEMS)} list_systems() contains "
            f"{', '.join(_SYSTEMS)}."
        )
    return _SYSTEMS[name]


def make_system(name: str, **changes: Any) -> Any:
    """Build a published system by name.

    Parameters
    ----------
    name : str
        Name from the index of :func:`list_systems`.
    **changes : object
        Arguments of the system's function that differ from their defaults, such as ``fs``,
        ``window`` or ``random_state``.

    Returns
    -------
    estimator : estimator object
        Unfitted estimator.

    Raises
    ------
    ValueError
        If there is no such system.
    TypeError
        If the system's function has no such argument.

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
            f"{', '.join(known)}. Use set_params to change other parts."
        )
    return system.function(**{**system.settings, **changes})


def list_systems(kind: str | None = None) -> pd.DataFrame:
    """List the published systems and the baselines.

    Parameters
    ----------
    kind : {"published", "baseline"}, default=None
        "published" lists systems that were published for the diagnosis of neuromuscular disorders;
        "baseline" lists general methods with which those sources did not compare. None lists both.

    Returns
    -------
    systems : DataFrame of shape (n_systems, 11)
        Table indexed by the names for :func:`make_system`. The columns are ``title`` (authors, year
        and method), ``citation``, ``input``, ``estimator``, ``function``, ``published`` (results,
        with the kind of split), ``leaky`` (True if, for any result, the same subject was in both
        the training set and the test set, or the test set was used to choose the model; None if the
        source does not say), ``open_choices``, ``needs``, ``kind`` and ``task`` ("diagnosis" of
        recordings, or "prognosis" from contexts of visits).

    Raises
    ------
    ValueError
        If `kind` is not one of the above.

    Examples
    --------
    >>> from sklearn_emg.papers import list_systems
    >>> systems = list_systems()
    >>> systems.loc["nemgnet-b-pd", "published"]
    'accuracy of subjects 83.69 % (leaky)'
    >>> "minirocket" in list_systems(kind="baseline").index
    True
    """
    if kind is not None:
        check_option(kind, ("published", "baseline"), "kind", "list_systems")
    rows = {
        s.name: {
            "title": s.title,
            "citation": s.citation,
            "input": s.input,
            "estimator": s.estimator,
            "function": s.function.__name__,
            "published": "; ".join(map(str, s.published)),
            "leaky": s.leaky,
            "open_choices": "; ".join(map(str, s.open_choices)),
            "needs": s.needs,
            "kind": s.kind,
            "task": s.task,
        }
        for s in _SYSTEMS.values()
        if kind in (None, s.kind)
    }
    # The type is object, so that None is kept and not converted to False.
    return pd.DataFrame.from_dict(rows, orient="index").astype({"leaky": object})
