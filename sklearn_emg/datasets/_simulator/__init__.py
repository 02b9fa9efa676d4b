"""The simulator: a model of muscle, motor units, volume conductor and amplifier.

``_plan`` draws a cohort, ``_muscle_model`` defines anatomy and disease, ``_motor_units``,
``_spontaneous`` and ``_volume_conductor`` compute signals, and ``_recording``, ``_cohort`` and
``_progression`` contain the public functions.
"""

from sklearn_emg.datasets._simulator._cohort import make_nemg_cohort
from sklearn_emg.datasets._simulator._progression import make_progression_cohort
from sklearn_emg.datasets._simulator._recording import simulate_muap, simulate_recording

__all__ = [
    "make_nemg_cohort",
    "make_progression_cohort",
    "simulate_muap",
    "simulate_recording",
]
