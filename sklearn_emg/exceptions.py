"""Warning categories of the package, so that ``warnings.filterwarnings`` can choose among them."""

__all__ = ["RecordingWarning", "SubjectLeakWarning"]


class RecordingWarning(UserWarning):
    """Recordings, subjects or columns look wrong: a unit, an axis, a rate, a name spelled twice."""


class SubjectLeakWarning(UserWarning):
    """Subjects are scored that the model, or a part of it, was trained on."""
