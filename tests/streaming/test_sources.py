"""Sources of chunks: the samples of recordings and files, at the speed of a device."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.io import read_recordings, write_recordings
from sklearn_emg.recordings import recording_table
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


@pytest.mark.parametrize(
    "signal, options, match",
    [
        (np.zeros(10), {"speed": 0.0}, "'speed' parameter of replay"),
        (np.zeros(10), {"chunk": -1.0}, "'chunk' parameter of replay"),
        (np.zeros(10), {"fs": "fast"}, "'fs' parameter of replay"),
        (np.zeros((2, 3, 10)), {}, r"'signal' of replay must be .* Got shape \(2, 3, 10\)"),
        (np.zeros(0), {}, "'signal' of replay must be"),
        (pd.DataFrame({"signal": [np.zeros(9)]}), {}, "samples of one recording"),
        (np.zeros(10) + 1j, {}, "A signal must consist of samples"),
    ],
)
def test_replay_refuses_parameters_when_it_is_called(signal, options, match):
    with pytest.raises(ValueError, match=match):
        replay(signal, **{"fs": 1000.0, **options})


def test_replay_file_refuses_several_recordings_when_it_is_called(tmp_path):
    with pytest.raises(FileNotFoundError):
        replay_file(tmp_path / "none.csv")
    table = recording_table([np.sin(np.arange(900.0))] * 2, fs=1000.0, subject=list("ab"))
    write_recordings(table, tmp_path / "two.parquet")
    with pytest.raises(ValueError, match="has 2 recordings, but replay_file takes one"):
        replay_file(tmp_path / "two.parquet", speed=None)


def test_masked_samples_are_replayed_as_missing():
    signal = np.ma.masked_greater([0.0, 1.0, 5.0], 2.0)
    np.testing.assert_array_equal(next(replay(signal, 1000.0, speed=None)).samples, [0, 1, np.nan])
