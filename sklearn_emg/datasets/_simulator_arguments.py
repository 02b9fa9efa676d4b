"""Checks of the simulators' arguments: one place for ranges and messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np

from sklearn_emg.datasets._muscle_model import DIAGNOSES, MUSCLES, Amplifier

FS_RANGE = (500.0, 200_000.0)  # Hz
_AMPLIFIER_SETTINGS = tuple(field.name for field in fields(Amplifier))


def check_integer(value: Any, name: str, caller: str, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(
            f"The {name!r} parameter of {caller} must be an int. Got {value!r} instead."
        )
    if value < least:
        raise ValueError(
            f"The {name!r} parameter of {caller} must be >= {least}. Got {value!r} instead."
        )


def check_real(
    value: Any,
    name: str,
    caller: str,
    low: float,
    high: float = np.inf,
    *,
    above: bool = False,
) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(
            f"The {name!r} parameter of {caller} must be a number. Got {value!r} instead."
        )
    number = float(value)
    if not (np.isfinite(number) and low <= number <= high) or (above and number == low):
        if np.isfinite(high):
            wanted = f"between {low:g} and {high:g}"
        else:
            wanted = f"finite and {'>' if above else '>='} {low:g}"
        raise ValueError(
            f"The {name!r} parameter of {caller} must be {wanted}. Got {value!r} instead."
        )


def check_fraction(value: Any, name: str, caller: str, optional: bool = False) -> None:
    if not (optional and value is None):
        check_real(value, name, caller, 0.0, 1.0)


def check_option(value: Any, name: str, caller: str, options: Sequence[str]) -> None:
    if isinstance(value, str) and value in options:
        return
    near = get_close_matches(str(value), options, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"The {name!r} parameter of {caller} must be one of {', '.join(map(repr, options))}. "
        f"Got {value!r} instead.{hint}"
    )


def check_duration(duration: Any, caller: str) -> tuple[float, float]:
    if isinstance(duration, (tuple, list)):
        if len(duration) != 2:
            raise ValueError(
                f"The 'duration' parameter of {caller} must be one number or (shortest, longest). "
                f"Got {duration!r} instead."
            )
        shortest, longest = duration
    else:
        shortest = longest = duration
    check_real(shortest, "duration", caller, 0.0, above=True)
    check_real(longest, "duration", caller, 0.0, above=True)
    if shortest > longest:
        raise ValueError(
            f"The 'duration' parameter of {caller} must be (shortest, longest). "
            f"Got {duration!r} instead."
        )
    return shortest, longest


def check_classes(classes: Any) -> tuple[str, ...]:
    if isinstance(classes, str):
        raise TypeError(
            "The 'classes' parameter of make_nemg_cohort must be a sequence of diagnoses. "
            f"Got {classes!r} instead; write ({classes!r},)."
        )
    classes = tuple(classes)
    for name in classes:
        check_option(name, "classes", "make_nemg_cohort", DIAGNOSES)
    if not classes or len(set(classes)) < len(classes):
        raise ValueError(
            "The 'classes' parameter of make_nemg_cohort must name at least one diagnosis and none "
            f"twice. Got {classes!r} instead."
        )
    return classes


def check_unit_arguments(caller: str, muscle: Any, diagnosis: Any, severity: Any, fs: Any) -> None:
    check_option(muscle, "muscle", caller, tuple(MUSCLES))
    check_option(diagnosis, "diagnosis", caller, DIAGNOSES)
    check_fraction(severity, "severity", caller)
    check_real(fs, "fs", caller, *FS_RANGE)


def replace_amplifier(
    settings: Amplifier,
    given: Mapping[str, float] | None,
    fs: float,
    caller: str,
    allowed: tuple[str, ...] = _AMPLIFIER_SETTINGS,
) -> Amplifier:
    if given is None:
        return settings
    if not isinstance(given, Mapping):
        raise TypeError(
            f"The 'amplifier' parameter of {caller} must be a mapping. Got {given!r} instead."
        )
    for name, value in given.items():
        check_option(name, "amplifier", caller, allowed)
        positive = name in ("highpass", "lowpass", "limit")
        check_real(value, f"amplifier[{name!r}]", caller, 0.0, above=positive)
    settings = replace(settings, **{name: float(value) for name, value in given.items()})
    lowpass = min(settings.lowpass, 0.45 * fs)
    if settings.highpass >= lowpass:
        raise ValueError(
            f"The 'amplifier' parameter of {caller} must have its 'highpass' below its low-pass, "
            f"{lowpass:g} Hz for fs={fs:g}. Got {settings.highpass:g} Hz instead."
        )
    return settings
