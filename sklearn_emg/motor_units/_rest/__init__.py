"""Activity at rest: events of a quiet recording, the trains that they form, and their kinds."""

from sklearn_emg.motor_units._rest._detector import RestActivityDetector

__all__ = ["RestActivityDetector"]
