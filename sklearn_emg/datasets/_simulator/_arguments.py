"""Checks of arguments that only the simulators have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from sklearn_emg._validation import check_fraction, check_option, check_real
from sklearn_emg.datasets._simulator._muscle_model import DIAGNOSES, MUSCLES, Amplifier

FS_RANGE = (500.0, 200_000.0)  # Hz
_AMPLIFIER_SETTINGS = tuple(field.name for field in fields(Amplifier))


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
        check_option(name, DIAGNOSES, "classes", "make_nemg_cohort")
    if not classes or len(set(classes)) < len(classes):
        raise ValueError(
            "The 'classes' parameter of make_nemg_cohort must name at least one diagnosis and none "
            f"twice. Got {classes!r} instead."
        )
    return classes


def check_unit_arguments(caller: str, muscle: Any, diagnosis: Any, severity: Any, fs: Any) -> None:
    check_option(muscle, tuple(MUSCLES), "muscle", caller)
    check_option(diagnosis, DIAGNOSES, "diagnosis", caller)
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
        check_option(name, allowed, "amplifier", caller)
        positive = name in ("highpass", "lowpass", "limit")
        check_real(value, f"amplifier[{name!r}]", caller, 0.0, above=positive)
    settings = replace(settings, **{name: float(value) for name, value in given.items()})
    lowpass = min(settings.lowpass, 0.45 * fs)
    if settings.highpass >= lowpass:
        raise ValueError(
            f"The 'amplifier' parameter of {caller} must have its 'highpass' below its low-pass "
            f"frequency, {lowpass:g} Hz for fs={fs:g}. Got {settings.highpass:g} Hz instead."
        )
    return settings
