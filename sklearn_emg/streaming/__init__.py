"""Diagnosis of live signals, causal pipelines, and sources of chunks of samples."""

from sklearn_emg.streaming._causal import CausalSystem, to_causal
from sklearn_emg.streaming._conformal import ConformalStop, vote_courses
from sklearn_emg.streaming._decision import Decision, FixedLength, MajorityVote, SequentialTest
from sklearn_emg.streaming._diagnosis import Gap, Latency, StreamingDiagnosis, WindowResult
from sklearn_emg.streaming._lines import LineFormat, read_serial, read_tcp
from sklearn_emg.streaming._lsl import read_lsl
from sklearn_emg.streaming._sources import Chunk, replay, replay_file

__all__ = [
    "CausalSystem",
    "Chunk",
    "ConformalStop",
    "Decision",
    "FixedLength",
    "Gap",
    "Latency",
    "LineFormat",
    "MajorityVote",
    "SequentialTest",
    "StreamingDiagnosis",
    "WindowResult",
    "read_lsl",
    "read_serial",
    "read_tcp",
    "replay",
    "replay_file",
    "to_causal",
    "vote_courses",
]
