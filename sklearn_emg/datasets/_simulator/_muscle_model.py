"""Muscles, subjects and diseases of the simulated needle EMG, as numbers.

Lengths are in mm, times in ms, potentials in mV, fibre diameters in µm and rates in Hz, unless
stated otherwise. The values were set by hand to match published norms and features of real
recordings; :func:`sklearn_emg.datasets.make_nemg_cohort` states their limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIAGNOSES = ("normal", "myopathy", "neuropathy")
SUBTYPES = {
    "normal": ("normal",),
    "myopathy": ("inflammatory", "dystrophic"),
    "neuropathy": ("als", "chronic_neuropathy"),
}


@dataclass(frozen=True)
class Muscle:
    """Properties of a healthy muscle at the needle."""

    region: str
    fibre_diameter: float  # µm
    territory_radius: float  # mm
    fibre_density: float  # fibres of one unit per mm²
    overlap: float  # number of units at one place
    endplate_distance: float  # mm, from the end-plates to the electrode's plane
    half_length: float  # mm, from the end-plates to the tendon
    rate_min: float  # Hz, of a unit that begins to fire
    rate_peak: float  # Hz, of the smallest unit at full drive


MUSCLES = {
    "biceps_brachii": Muscle("proximal", 52, 3.2, 5.0, 20, 18, 70, 7.0, 30),
    "deltoid": Muscle("proximal", 54, 3.4, 5.6, 20, 18, 60, 7.0, 29),
    "vastus_lateralis": Muscle("proximal", 58, 3.9, 6.0, 18, 20, 55, 6.5, 26),
    "iliopsoas": Muscle("proximal", 56, 3.8, 5.8, 18, 20, 60, 6.5, 26),
    "extensor_digitorum": Muscle("distal", 52, 3.2, 5.6, 20, 16, 50, 7.5, 30),
    "first_dorsal_interosseous": Muscle("distal", 54, 3.0, 7.2, 16, 10, 25, 8.0, 32),
    "tibialis_anterior": Muscle("distal", 58, 3.8, 6.2, 18, 18, 45, 7.0, 28),
    "gastrocnemius": Muscle("distal", 56, 3.8, 6.0, 18, 16, 30, 6.5, 25),
}

# Standard deviation between subjects of the logarithm of each factor that multiplies a parameter.
SUBJECT_LOG_SD = {
    "diameter": 0.08,
    "density": 0.20,
    "gain": 0.20,
    "length_scale": 0.10,
    "velocity": 0.06,
    "drive": 0.45,
    "endplate_sd": 0.25,
    "gap": 0.35,
    "rate": 0.12,
    "white": 0.45,
    "powerline": 0.9,
    "drift": 0.6,
}


@dataclass(frozen=True)
class Amplifier:
    """Needle and amplifier of one subject's examination; noise is RMS in mV."""

    highpass: float = 5.0  # Hz
    lowpass: float = 10_000.0  # Hz
    noise: float = 1.6e-3  # over a bandwidth of 11.72 kHz
    powerline: float = 0.4e-3  # power-line interference
    line_freq: float = 60.0
    drift: float = 6e-3
    resolution: float = 0.0763e-3  # one step of the converter
    limit: float = 40.0  # largest value of the converter


@dataclass(frozen=True)
class Subject:
    """A subject: age in years, factors as in `SUBJECT_LOG_SD`, severity of the disease (0 to 1)."""

    age: int
    factors: dict[str, float]
    diagnosis: str = "normal"
    subtype: str = "normal"
    severity: float = 0.0
    amplifier: Amplifier = Amplifier()


@dataclass(frozen=True)
class Conditions:
    """Parameters from which the motor units of one needle site are drawn."""

    # units and their fibres
    overlap: float
    units_kept: float
    territory_radius: float
    fibre_density: float
    fibres_kept: float
    fibres_kept_logit_sd: float
    fibre_multiplier: float
    adopted_spread: float
    diameter: float
    diameter_cv: float
    hypertrophic_fraction: float
    # propagation
    endplate_distance: float
    half_length: float
    endplate_sd: float
    late_delay: float
    satellite_probability: float
    length_scale: float
    velocity_factor: float
    gain: float
    gap: float
    # transmission at the end-plates
    jitter: float  # ms
    blocking: float
    # firing
    drive: float
    rate_min: float
    rate_peak: float
    rate_gain: float
    fibrillating_fibres: float
    fasciculation_rate: float


def clipped_normal(
    rng: np.random.Generator, size: int | tuple[int, ...] | None = None, bound: float = 3.0
) -> NDArray[np.float64]:
    """Draw standard Gaussian numbers, clipped at `bound` standard deviations."""
    return np.clip(rng.standard_normal(size), -bound, bound)


def draw_factors(rng: np.random.Generator, between_subject: float) -> dict[str, float]:
    """Draw log-normal factors of one subject, with log-SDs multiplied by `between_subject`."""
    draws = clipped_normal(rng, len(SUBJECT_LOG_SD), 2.5)
    return {
        name: float(np.exp(between_subject * sd * draw))
        for (name, sd), draw in zip(SUBJECT_LOG_SD.items(), draws)
    }


def muscle_severity(rng: np.random.Generator, severity: float, subtype: str, region: str) -> float:
    """Draw the severity in a muscle; myopathy is worse proximally, chronic neuropathy distally."""
    weights = {
        "inflammatory": (1.05, 0.75),
        "dystrophic": (1.05, 0.75),
        "chronic_neuropathy": (0.75, 1.05),
        "als": (1.0, 1.0),
        "normal": (0.0, 0.0),
    }
    weight = weights[subtype][0 if region == "proximal" else 1]
    spread = np.exp(0.2 * float(clipped_normal(rng, bound=2.0)))
    return float(min(severity * spread * weight, 1.0))


def excitation_factor(diagnosis: str, severity: float) -> float:
    """Return the factor by which a diseased muscle needs more drive for the same force."""
    if diagnosis == "myopathy":
        return 1 + 2 * severity
    if diagnosis == "neuropathy":
        return 1 + 0.4 * severity / max(1 - _lost_fraction(severity), 0.25)
    return 1.0


def _lost_fraction(severity: float) -> float:
    return min(0.80 * severity, 0.92)


def conditions_of(
    muscle: Muscle,
    subject: Subject,
    severity: float,
    drive: float,
    endplate_factor: float = 1.0,
) -> Conditions:
    """Return the conditions in a muscle whose disease has `severity`, under `drive` (0 to 1)."""
    values = _healthy(muscle, subject, drive, endplate_factor)
    if subject.diagnosis == "myopathy":
        _apply_myopathy(values, severity, subject.subtype == "dystrophic")
    elif subject.diagnosis == "neuropathy":
        _apply_neuropathy(values, severity, subject.subtype == "als")
    values["endplate_sd"] *= subject.factors["endplate_sd"]
    return Conditions(**values)


def _healthy(
    muscle: Muscle, subject: Subject, drive: float, endplate_factor: float
) -> dict[str, float]:
    f = subject.factors
    ageing = max(0.0, (subject.age - 50) / 30)
    return {
        "overlap": muscle.overlap,
        "units_kept": 1 - 0.18 * ageing,
        "territory_radius": muscle.territory_radius,
        "fibre_density": muscle.fibre_density * f["density"],
        "fibres_kept": 1.0,
        "fibres_kept_logit_sd": 0.0,
        "fibre_multiplier": 1 + 0.20 * ageing,
        "adopted_spread": 0.22,
        "diameter": muscle.fibre_diameter * f["diameter"],
        "diameter_cv": 0.13,
        "hypertrophic_fraction": 0.0,
        "endplate_distance": muscle.endplate_distance * endplate_factor,
        "half_length": muscle.half_length,
        "endplate_sd": 1.3,
        "late_delay": 0.0,
        "satellite_probability": 0.0,
        "length_scale": f["length_scale"],
        "velocity_factor": f["velocity"],
        "gain": 0.44 * f["gain"],
        "gap": 0.08 * f["gap"],
        "jitter": 0.020,
        "blocking": 0.0,
        "drive": drive,
        "rate_min": muscle.rate_min * f["rate"],
        "rate_peak": muscle.rate_peak * f["rate"],
        "rate_gain": 1.0,
        "fibrillating_fibres": 0.0,
        "fasciculation_rate": 0.0,
    }


def _apply_myopathy(values: dict[str, float], s: float, dystrophic: bool) -> None:
    values["fibres_kept"] = 1 - 0.65 * s
    values["fibres_kept_logit_sd"] = 0.5
    values["fibre_multiplier"] += 0.25 * s if dystrophic else 0.0
    values["adopted_spread"] = 0.12
    values["diameter"] *= 1 - 0.32 * s
    values["diameter_cv"] += (0.34 if dystrophic else 0.30) * s
    values["hypertrophic_fraction"] = 0.05 * s
    values["endplate_sd"] += 3.0 * s
    values["late_delay"] = 0.4 if dystrophic else 0.0
    values["length_scale"] *= 1 - 0.20 * s
    values["jitter"] += 0.025 * s
    values["blocking"] = 0.02 * s
    values["fibrillating_fibres"] = 0.0 if dystrophic else 0.5 * s


# Effects of a neuropathy of severity s, by subtype.
_ALS = {
    "sprouting": 0.9,
    "max_fibres": 7.2,
    "adopted_spread": 0.22,
    "diameter": 0.0,
    "late_delay": 0.91,
    "length_scale": 0.25,
    "jitter": 0.067,
    "blocking": 0.09,
    "fibrillating_fibres": 0.8,
    "fasciculation_rate": 0.25,
}
_CHRONIC = {
    "sprouting": 1.17,
    "max_fibres": 12.0,
    "adopted_spread": 0.13,
    "diameter": 0.15,
    "late_delay": 0.56,
    "length_scale": 0.0,
    "jitter": 0.031,
    "blocking": 0.03,
    "fibrillating_fibres": 0.3,
    "fasciculation_rate": 0.05,
}


def _apply_neuropathy(values: dict[str, float], s: float, als: bool) -> None:
    effect = _ALS if als else _CHRONIC
    lost = _lost_fraction(s)
    sprouted = values["fibre_multiplier"] + effect["sprouting"] * lost / (1 - lost)
    values["units_kept"] *= 1 - lost
    values["fibre_multiplier"] = min(sprouted, effect["max_fibres"])
    values["adopted_spread"] = effect["adopted_spread"]
    values["diameter"] *= 1 + effect["diameter"] * s
    values["diameter_cv"] += 0.10 * s
    values["endplate_sd"] += 1.6 * s
    values["satellite_probability"] = 0.30 * s
    values["length_scale"] *= 1 + effect["length_scale"] * s
    values["jitter"] += effect["jitter"] * s
    values["rate_gain"] = 1 + 1.2 * s
    values["rate_min"] *= 1 + 0.15 * s
    for name in ("late_delay", "blocking", "fibrillating_fibres", "fasciculation_rate"):
        values[name] = effect[name] * s
