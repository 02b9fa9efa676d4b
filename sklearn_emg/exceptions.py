"""Warning categories of the package, which ``warnings.filterwarnings`` can select."""

__all__ = ["RecordingWarning", "SubjectLeakWarning"]


class RecordingWarning(UserWarning):
    """Warning of implausible recordings, subjects or columns, and of data that are left out.

    Examples are an implausible unit or sampling rate, swapped axes, different spellings of a name,
    labels or groups whose index has a different order from that of the rows, and files or windows
    that cannot be used. The limits of plausible recordings are stated in
    :func:`~sklearn_emg.recordings.check_recording_table`.
    """


class SubjectLeakWarning(UserWarning):
    """Warning that a model, or a part of it, was trained on subjects that are scored.

    Such scores overestimate how well new subjects are diagnosed. The warning is also given if data
    can put a subject into both training and test, such as a recording that occurs under the names
    of two subjects, or groups that divide a subject. Split the data by subject, for instance with
    :class:`~sklearn_emg.model_selection.SubjectKFold`. If training subjects are predicted on
    purpose, ignore this category with ``warnings.simplefilter("ignore", SubjectLeakWarning)``.
    """
