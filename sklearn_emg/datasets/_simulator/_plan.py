"""The plan of a simulated cohort: diagnoses, severities, muscles and lengths of recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sklearn_emg.datasets._simulator._muscle_model import (
    MUSCLES,
    SUBJECT_LOG_SD,
    SUBTYPES,
    Amplifier,
    Conditions,
    Subject,
    clipped_normal,
    conditions_of,
    draw_factors,
    excitation_factor,
    muscle_severity,
)

DRIVE = 0.035  # median contraction, as a fraction of the maximal excitation

# The published cohort: recordings, proximal recordings and seconds of each class.
_CLINICAL = {
    "normal": (94, 17, 203.50),
    "myopathy": (122, 64, 312.84),
    "neuropathy": (160, 63, 422.78),
}
CLINICAL_SUBJECTS, CLINICAL_RECORDINGS = 57, 376
_CLINICAL_DURATION = (0.41, 4.0)

_BICEPS_SUBJECTS = {"normal": 9, "myopathy": 6, "neuropathy": 7}
_BICEPS_AGES = {"normal": (21, 37), "myopathy": (19, 63), "neuropathy": (35, 67)}


@dataclass(frozen=True)
class Protocol:
    """Distributions from which the cohort is drawn."""

    biceps: bool
    between_subject: float
    mean_severity: float
    concentration: float
    white_factor: float
    noise: float
    drive: float
    drive_log_sd: tuple[float, float]  # between subjects, between recordings


@dataclass(frozen=True)
class Row:
    subject: int
    muscle: str
    n_samples: int


@dataclass(frozen=True)
class Plan:
    diagnoses: list[str]  # one per subject
    recordings: list[Row]


def _apportion(total: int, weights: Sequence[float], minimum: Sequence[int]) -> list[int]:
    """Return integers in proportion to `weights` (largest remainder), none below `minimum`."""
    exact = total * np.asarray(weights, dtype=float) / np.sum(weights)
    counts = np.floor(exact + 1e-9).astype(int)
    rest = np.argsort(-(exact - counts), kind="stable")
    counts[rest[: total - counts.sum()]] += 1
    lowest = np.asarray(minimum)
    while (counts < lowest).any():
        counts[np.argmin(counts - lowest)] += 1
        counts[np.argmax(counts - lowest)] -= 1
    return [int(count) for count in counts]


def class_counts(
    n_subjects: int, n_recordings: int, classes: Sequence[str], biceps: bool
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the numbers of subjects and recordings of each class."""
    if n_subjects < len(classes):
        raise ValueError(
            "The 'n_subjects' parameter of make_nemg_cohort must be at least the number of "
            f"classes, {len(classes)}. Got {n_subjects} instead."
        )
    if n_recordings < n_subjects:
        raise ValueError(
            "The 'n_recordings' parameter of make_nemg_cohort must be at least 'n_subjects', "
            f"{n_subjects}: each subject has at least one recording. Got {n_recordings} instead."
        )
    ones = [1] * len(classes)
    if biceps:
        subjects = _apportion(n_subjects, [_BICEPS_SUBJECTS[name] for name in classes], ones)
        recordings = _apportion(n_recordings, subjects, subjects)
    else:
        subjects = _apportion(n_subjects, ones, ones)
        recordings = _apportion(n_recordings, [_CLINICAL[name][0] for name in classes], subjects)
    return dict(zip(classes, subjects)), dict(zip(classes, recordings))


def _spread_recordings(
    rng: np.random.Generator, n_subjects: int, n: int, evenly: bool
) -> NDArray[np.intp]:
    """Spread recordings over subjects: evenly, or at random with at least one or two each."""
    if evenly:
        return n // n_subjects + (np.arange(n_subjects) < n % n_subjects)
    each = min(2, n // n_subjects)
    weights = rng.gamma(4.0, size=n_subjects)
    return each + rng.multinomial(n - each * n_subjects, weights / weights.sum())


def _draw_lengths(
    rng: np.random.Generator, n: int, limits: tuple[float, float], mean: float, fs: float
) -> NDArray[np.intp]:
    """Draw lengths in samples within the limits (in s), with the given mean (in s)."""
    shortest, longest = (int(np.ceil(limits[0] * fs)), int(limits[1] * fs))
    if limits[0] == limits[1] or shortest >= longest:
        return np.full(n, max(1, round(limits[0] * fs)))
    above = rng.beta(1.9, 1.5, n) * (longest - shortest)
    total = round(n * mean * fs) - n * shortest
    for _ in range(60):
        # Lengths at the upper limit are kept; the others are scaled to reach the total.
        free = above < longest - shortest
        missing = total - above.sum()
        if abs(missing) < 0.5 or not free.any():
            break
        above[free] *= 1 + missing / above[free].sum()
        above = np.minimum(above, longest - shortest)
    ends = np.rint(np.cumsum(above)).astype(np.intp)
    return np.minimum(shortest + np.diff(ends, prepend=0), longest)


def _class_mean_duration(diagnosis: str, limits: tuple[float, float]) -> float:
    n, _, seconds = _CLINICAL[diagnosis]
    low, high = _CLINICAL_DURATION
    fraction = (seconds / n - low) / (high - low)
    return limits[0] + fraction * (limits[1] - limits[0])


def _examined_muscles(rng: np.random.Generator) -> dict[str, NDArray[np.str_]]:
    """Draw the examined muscles of a subject, by region."""
    names = {
        region: [name for name, muscle in MUSCLES.items() if muscle.region == region]
        for region in ("proximal", "distal")
    }
    return {
        "proximal": rng.permutation(names["proximal"])[:2],
        "distal": rng.permutation(names["distal"])[:3],
    }


def plan_cohort(
    rng: np.random.Generator,
    subject_counts: dict[str, int],
    recording_counts: dict[str, int],
    limits: tuple[float, float],
    *,
    biceps: bool,
    balanced: bool,
    fs: float,
) -> Plan:
    """Draw the diagnosis of each subject, and the muscle and length of each recording."""
    diagnoses = [name for name, count in subject_counts.items() for _ in range(count)]
    diagnoses = [diagnoses[i] for i in rng.permutation(len(diagnoses))]
    rows: list[Row] = []
    for name, n in recording_counts.items():
        members = np.flatnonzero(np.array(diagnoses) == name)
        subjects = np.repeat(members, _spread_recordings(rng, len(members), n, biceps))
        lengths = _draw_lengths(rng, n, limits, _class_mean_duration(name, limits), fs)
        n_all, n_proximal, _ = _CLINICAL[name]
        fraction = 0.5 if balanced else n_proximal / n_all
        is_proximal = rng.permutation(np.arange(n) < round(fraction * n))
        examined = {int(i): _examined_muscles(rng) for i in members}
        for subject, proximal, length in zip(subjects, is_proximal, lengths):
            region = "proximal" if proximal else "distal"
            muscle = "biceps_brachii" if biceps else str(rng.choice(examined[int(subject)][region]))
            rows.append(Row(int(subject), muscle, int(length)))
    rows.sort(key=lambda row: row.subject)
    return Plan(diagnoses, rows)


def protocol_settings(
    biceps: bool, severity: float | None, difficulty: float, noise: float, drive: float | None
) -> Protocol:
    if biceps:
        settings = Protocol(True, 0.8, 0.58, 5.0, 1.0, noise, 0.009, (0.15, 0.3))
    else:
        settings = Protocol(
            biceps=False,
            between_subject=0.5 + 1.1 * difficulty,
            mean_severity=0.94 - 0.50 * difficulty,
            concentration=6.0,
            white_factor=2.0 ** (2 * difficulty - 1),
            noise=noise,
            drive=DRIVE,
            drive_log_sd=(SUBJECT_LOG_SD["drive"], 0.45),
        )
    if severity is not None:
        settings = replace(settings, mean_severity=float(severity), concentration=60.0)
    if drive is not None:
        settings = replace(settings, drive=float(drive))
    return settings


def amplifier_of(factors: Mapping[str, float], highpass: float) -> Amplifier:
    median = Amplifier()
    return replace(
        median,
        highpass=highpass,
        noise=median.noise * factors["white"],
        powerline=median.powerline * factors["powerline"],
        drift=median.drift * factors["drift"],
    )


def draw_subject(rng: np.random.Generator, diagnosis: str, settings: Protocol) -> Subject:
    if settings.biceps:
        age = round(rng.uniform(*_BICEPS_AGES[diagnosis]))
        subtypes = ("als",) if diagnosis == "neuropathy" else SUBTYPES[diagnosis]
    else:
        age = round(rng.uniform(20.0, 80.0))
        subtypes = SUBTYPES[diagnosis]
    subtype = str(rng.choice(subtypes))
    factors = draw_factors(rng, settings.between_subject)
    # The spread of the drive is part of the protocol, unlike that of the other factors.
    drive_sd = settings.drive_log_sd[0] * (1.0 if settings.biceps else settings.between_subject)
    factors["drive"] = float(np.exp(drive_sd * clipped_normal(rng, bound=2.5)))
    highpass = float(rng.choice([2.0, 5.0, 10.0, 20.0]))
    if settings.biceps:
        quiet = {**factors, "white": float(np.exp(0.1 * clipped_normal(rng, bound=2.5)))}
        amplifier = replace(
            amplifier_of(quiet, 2.0),
            noise=1.5e-3 * quiet["white"],
            powerline=0.3e-3 * factors["powerline"],
            line_freq=50.0,
            drift=8e-3 * factors["drift"],
        )
    else:
        amplifier = amplifier_of(factors, highpass)
    amplifier = replace(
        amplifier,
        noise=amplifier.noise * settings.white_factor * settings.noise,
        powerline=amplifier.powerline * settings.noise,
        drift=amplifier.drift * settings.noise,
    )
    mean, k = settings.mean_severity, settings.concentration
    if diagnosis == "normal":
        severity = 0.0
    elif 0 < mean < 1:
        severity = float(rng.beta(mean * k, (1 - mean) * k))
    else:
        severity = mean
    return Subject(age, factors, diagnosis, subtype, severity, amplifier)


def recording_conditions(
    rng: np.random.Generator, subject: Subject, muscle_name: str, settings: Protocol
) -> tuple[Conditions, float]:
    """Draw the conditions at one needle site, and the severity of the disease in this muscle."""
    muscle = MUSCLES[muscle_name]
    s = muscle_severity(rng, subject.severity, subject.subtype, muscle.region)
    spread = np.exp(settings.drive_log_sd[1] * float(clipped_normal(rng, bound=2.5)))
    drive = settings.drive * subject.factors["drive"] * spread
    drive *= excitation_factor(subject.diagnosis, s)
    if settings.drive > 0:
        drive = float(np.clip(drive, 0.003, 0.9))
    return conditions_of(muscle, subject, s, drive, rng.uniform(0.7, 1.3)), s
