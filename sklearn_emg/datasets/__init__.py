"""Data sets: a simulated needle-EMG cohort, and loaders of public recordings."""

from sklearn_emg.datasets._simulated import (
    make_nemg_cohort,
    simulate_muap,
    simulate_recording,
)

__all__ = [
    "make_nemg_cohort",
    "simulate_muap",
    "simulate_recording",
]
