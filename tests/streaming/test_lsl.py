"""Streams of the Lab Streaming Layer, published on this computer."""

import time

import numpy as np
import pytest

pylsl = pytest.importorskip("pylsl", reason="needs pylsl")


@pytest.fixture(scope="module", autouse=True)
def _only_this_computer(tmp_path_factory):
    """Streams are searched for and published on the loopback interface alone."""
    file = tmp_path_factory.mktemp("lsl") / "lsl_api.cfg"
    file.write_text(
        "[ports]\nIPv6 = disable\n[multicast]\nResolveScope = machine\n"
        "ListenAddress = 127.0.0.1\n[lab]\nKnownPeers = {127.0.0.1}\n[log]\nlevel = -2\n"
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("LSLAPICFG", str(file))  # which the library reads when it is first used
    yield
    patch.undo()


def outlet(name, *, n_channels=2, fs=1000.0, unit="microvolts", kind="float32"):
    info = pylsl.StreamInfo(name, "EMG", n_channels, fs, kind, f"id of {name}")
    channels = info.desc().append_child("channels")
    for k in range(n_channels):
        channels.append_child("channel").append_child_value("unit", unit).append_child_value(
            "label", f"EMG {k}"
        )
    return pylsl.StreamOutlet(info)


def send(stream, values, stamp):
    stream.push_chunk(np.ascontiguousarray(values, dtype=np.float32), stamp)


def read(stream, name, blocks, n_chunks, **options):
    """Chunks from a stream that sends blocks with the time stamps of their last samples."""
    from sklearn_emg.streaming import read_lsl

    source = read_lsl(name, chunk=0.05, timeout=20.0, **options)
    found = []
    for values, stamp in blocks:
        if not found:  # the first chunk opens the stream
            sender = _later(lambda v=values, s=stamp: send(stream, v, s), stream)
            found.append(next(source))
            sender.join()
        else:
            send(stream, values, stamp)
    while len(found) < n_chunks:
        found.append(next(source))
    return found, source


def _later(action, stream):
    import threading

    def run():
        stream.wait_for_consumers(30.0)
        action()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_chunks_are_in_millivolts_and_follow_each_other():
    stream = outlet("emg a")
    values = np.arange(200.0).reshape(100, 2)
    blocks = [(values[:50], 10.049), (values[50:], 10.099)]
    found, source = read(stream, "emg a", blocks, 2)
    source.close()
    assert [(c.start, c.fs, c.samples.shape) for c in found] == [
        (0, 1000.0, (2, 50)),
        (50, 1000.0, (2, 50)),
    ]
    np.testing.assert_allclose(np.hstack([c.samples for c in found]), values.T / 1000)


def test_a_jump_of_the_time_stamps_counts_as_lost_samples():
    stream = outlet("emg b", n_channels=1, unit="mV")
    values = np.ones((50, 1))
    blocks = [(values, 10.049), (values, 10.599), (values, 10.649)]
    found, source = read(stream, "emg b", blocks, 3)
    source.close()
    assert [c.start for c in found] == [0, 550, 600]
    assert found[0].samples.shape == (50,)


def test_a_stream_that_ends_is_an_error_and_one_that_is_silent_too():
    from sklearn_emg.streaming import read_lsl

    stream = outlet("emg c")
    found, source = read(stream, "emg c", [(np.ones((50, 2)), 1.0)], 1)
    assert len(found) == 1
    del stream
    with pytest.raises(ConnectionError, match="'emg c' has ended"):
        next(source)
    _silent = outlet("emg d")
    with pytest.raises(TimeoutError, match="'emg d' sends nothing"):
        next(read_lsl("emg d", timeout=0.3))


def test_a_stream_that_comes_back_goes_on_with_a_gap():
    first = outlet("emg f", n_channels=1, unit="mV")
    values = np.ones((50, 1))
    found, source = read(first, "emg f", [(values, 10.049)], 1, reconnect=10.0)
    del first
    again = outlet("emg f", n_channels=1, unit="mV")
    sender = _later(lambda: send(again, 2 * values, 12.049), again)
    found.append(next(source))
    sender.join()
    source.close()
    assert [c.start for c in found] == [0, 2000]
    assert found[1].samples.tolist() == [2.0] * 50


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"fs": 0.0}, "without a regular rate"),
        ({"kind": "string"}, "sends text"),
        ({"unit": "percent"}, r"state the units 'percent'. Set the unit, as in unit='uV'"),
    ],
)
def test_streams_without_emg_are_refused(settings, match):
    from sklearn_emg.streaming import read_lsl

    _stream = outlet("other", **settings)
    with pytest.raises(ValueError, match=match):
        next(read_lsl("other"))


def test_a_missing_stream_is_named_with_those_found():
    from sklearn_emg.streaming import read_lsl

    _stream = outlet("emg e")
    time.sleep(0.1)
    with pytest.raises(TimeoutError, match=r"no LSL stream 'nothing'\. Found: .*emg e"):
        next(read_lsl("nothing", timeout=0.2))
    with pytest.raises(ValueError, match="'gap' parameter of read_lsl"):
        read_lsl("emg e", gap=0)


def test_the_player_of_mne_lsl_is_read():
    from sklearn_emg.streaming import read_lsl

    players = pytest.importorskip("mne_lsl.player", reason="needs mne-lsl")
    mne = pytest.importorskip("mne", reason="needs mne")
    values = 1e-3 * np.arange(1000.0).reshape(2, 500) / 1000  # V
    info = mne.create_info(["a", "b"], 500.0, "emg")
    raw = mne.io.RawArray(values, info, verbose="error")
    with players.PlayerLSL(raw, chunk_size=25, name="player", source_id="p"):
        source = read_lsl("player", unit="V", chunk=0.1)
        found = [next(source) for _ in range(4)]
        source.close()
    ends = np.cumsum([c.samples.shape[1] for c in found])
    assert [c.start for c in found] == [0, *ends[:-1]]
    played = np.hstack([c.samples for c in found])
    steps = np.diff(played[0]) * 1000
    assert np.isclose(steps, 1.0, atol=1e-3).mean() > 0.98  # it begins again after the last
