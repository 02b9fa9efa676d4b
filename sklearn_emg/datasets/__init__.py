"""Data sets: simulated needle EMG, and loaders of public recordings and features."""

from sklearn_emg.datasets._algiers import load_algiers
from sklearn_emg.datasets._annotations import load_annotations, save_annotations
from sklearn_emg.datasets._base import clear_data_home, get_data_home
from sklearn_emg.datasets._emgdb import fetch_emgdb
from sklearn_emg.datasets._lower_limb import load_lower_limb
from sklearn_emg.datasets._n2001 import load_n2001
from sklearn_emg.datasets._n2001_features import load_n2001_features
from sklearn_emg.datasets._simulator import (
    make_nemg_cohort,
    make_progression_cohort,
    simulate_muap,
    simulate_recording,
)
from sklearn_emg.datasets._wfdb import load_wfdb

__all__ = [
    "clear_data_home",
    "fetch_emgdb",
    "get_data_home",
    "load_algiers",
    "load_annotations",
    "load_lower_limb",
    "load_n2001",
    "load_n2001_features",
    "load_wfdb",
    "make_nemg_cohort",
    "make_progression_cohort",
    "save_annotations",
    "simulate_muap",
    "simulate_recording",
]
