"""Activity at rest: events of a recording of a muscle at rest, their trains and their kinds."""

from sklearn_emg.motor_units._rest._detector import RestActivityDetector

__all__ = ["RestActivityDetector"]
