"""Sources of chunks: the samples of recordings and files, at the speed of a device."""

import numpy as np
import pytest

from sklearn_emg.io import read_recordings
from sklearn_emg.streaming import replay, replay_file


def test_a_file_is_replayed_whole(tmp_path):
    values = np.arange(250) / 1000.0
    lines = [f"{k / 1000},{value}" for k, value in enumerate(values)]
    file = tmp_path / "s1.csv"
    file.write_text("\n".join(["time [s],EMG [mV]", *lines]) + "\n")
    chunks = list(replay_file(file, speed=None, subject="s1"))
    assert [(chunk.start, chunk.fs) for chunk in chunks] == [(0, 1000), (100, 1000), (200, 1000)]
    expected = read_recordings(file, subject="s1")["signal"].iloc[0]
    np.testing.assert_array_equal(np.hstack([chunk.samples for chunk in chunks]), expected)


def test_chunks_come_at_the_speed_of_a_device(monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    list(replay(np.zeros((2, 250)), 1000.0, speed=10.0))
    assert slept == pytest.approx([0.01, 0.02, 0.025])


def test_a_speed_of_zero_is_refused():
    with pytest.raises(ValueError, match="'speed' parameter of replay"):
        next(replay(np.zeros(10), 1000.0, speed=0.0))
