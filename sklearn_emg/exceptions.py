"""Warning categories of the package, which ``warnings.filterwarnings`` can select."""

__all__ = ["RecordingWarning", "SubjectLeakWarning"]


class RecordingWarning(UserWarning):
    """Recordings, subjects or columns are implausible, such as a unit, a sampling rate or a name.

    The limits are stated in :func:`~sklearn_emg.recordings.check_recording_table`.
    """


class SubjectLeakWarning(UserWarning):
    """The scored subjects include some on which the model, or a part of it, was trained.

    Such scores overestimate how well new subjects are diagnosed. Split the data by subject, for
    instance with :class:`~sklearn_emg.model_selection.SubjectKFold`. If training subjects are
    predicted on purpose, ignore this category with ``warnings.simplefilter("ignore",
    SubjectLeakWarning)``.
    """
