"""Live signals: diagnosis of chunks as they arrive, causal pipelines, sources of chunks."""

from sklearn_emg.streaming._causal import CausalSystem, to_causal
from sklearn_emg.streaming._decision import Decision, FixedLength, MajorityVote, SequentialTest
from sklearn_emg.streaming._diagnosis import Gap, Latency, StreamingDiagnosis, WindowResult
from sklearn_emg.streaming._sources import Chunk, replay, replay_file

__all__ = [
    "CausalSystem",
    "Chunk",
    "Decision",
    "FixedLength",
    "Gap",
    "Latency",
    "MajorityVote",
    "SequentialTest",
    "StreamingDiagnosis",
    "WindowResult",
    "replay",
    "replay_file",
    "to_causal",
]
