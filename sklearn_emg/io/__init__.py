"""Readers that convert files of recording devices to recording tables, and writers.

``describe_file`` describes what is recognised in a file, ``read_recordings`` reads files of any
known format, ``read_folder`` takes columns and labels from the names of folders and files, and
``write_recordings`` writes Parquet, BIDS, EDF+, BDF+ and WFDB.
"""

from __future__ import annotations

from sklearn_emg.io._content import Annotation, AuxiliaryChannel
from sklearn_emg.io._describe import FileDescription, describe_file
from sklearn_emg.io._folder import read_folder
from sklearn_emg.io._folder import read_metadata as read_metadata
from sklearn_emg.io._folder import separate_labels as separate_labels
from sklearn_emg.io._folder import visible_files as visible_files
from sklearn_emg.io._recordings import read_recordings
from sklearn_emg.io._writers import write_recordings

__all__ = [
    "Annotation",
    "AuxiliaryChannel",
    "FileDescription",
    "describe_file",
    "read_folder",
    "read_recordings",
    "write_recordings",
]
