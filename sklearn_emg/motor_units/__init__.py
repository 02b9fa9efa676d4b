"""Motor units: decomposition of recordings into discharges, and measures of units and trains."""

from sklearn_emg.motor_units._decomposer import MotorUnitDecomposer
from sklearn_emg.motor_units._features import DecompositionFeatures
from sklearn_emg.motor_units._firing import common_drive, firing_statistics
from sklearn_emg.motor_units._interference import InterferenceCloud, interference_points
from sklearn_emg.motor_units._limit_tables import control_range as control_range
from sklearn_emg.motor_units._limit_tables import muscle_name as muscle_name
from sklearn_emg.motor_units._limit_tables import muscle_potentials
from sklearn_emg.motor_units._limits import ReferenceLimits
from sklearn_emg.motor_units._measures import template_measures
from sklearn_emg.motor_units._rest import RestActivityDetector

__all__ = [
    "DecompositionFeatures",
    "InterferenceCloud",
    "MotorUnitDecomposer",
    "ReferenceLimits",
    "RestActivityDetector",
    "common_drive",
    "firing_statistics",
    "interference_points",
    "muscle_potentials",
    "template_measures",
]
