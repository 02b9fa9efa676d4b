"""Motor units: decomposition of recordings into discharges, and what follows from their trains."""

from sklearn_emg.motor_units._decomposer import MotorUnitDecomposer
from sklearn_emg.motor_units._features import DecompositionFeatures
from sklearn_emg.motor_units._firing import common_drive, firing_statistics
from sklearn_emg.motor_units._measures import template_measures

__all__ = [
    "DecompositionFeatures",
    "MotorUnitDecomposer",
    "common_drive",
    "firing_statistics",
    "template_measures",
]
