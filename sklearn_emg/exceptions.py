"""Warning categories of the package, so that ``warnings.filterwarnings`` can choose among them."""

__all__ = ["RecordingWarning", "SubjectLeakWarning"]


class RecordingWarning(UserWarning):
    """Recordings, subjects or columns look wrong: a unit, an axis, a rate, a name in two spellings.

    The limits are stated in :func:`~sklearn_emg.recordings.check_recording_table`.
    """


class SubjectLeakWarning(UserWarning):
    """Subjects are scored that the model, or a part of it, was trained on.

    Such scores overestimate how well new subjects are diagnosed. Split by subject, for instance
    with :class:`~sklearn_emg.model_selection.SubjectKFold`; where training subjects are predicted
    on purpose, ignore the category: ``warnings.simplefilter("ignore", SubjectLeakWarning)``.
    """
