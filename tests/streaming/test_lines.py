"""Lines of text over TCP and a serial port: formats, lost samples, reconnections and errors."""

import os
import socket
import threading
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from data import recording_cohort

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.streaming import Gap, LineFormat, StreamingDiagnosis, read_serial, read_tcp


@contextmanager
def device(*connections):
    """Address of a device that sends the bytes of one argument per connection and then closes."""
    server = socket.create_server(("127.0.0.1", 0))

    def send():
        for k, data in enumerate(connections, 1):
            with server.accept()[0] as connection:
                if k == len(connections):  # before the end: a reader that comes back is refused
                    server.close()
                for part in [data] if isinstance(data, bytes) else data:
                    connection.sendall(part)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()
        sender.join(5.0)


def received(data, lines=None, *, fs=10.0, **options):
    with device(*(data if isinstance(data, tuple) else (data,))) as address:
        chunks = list(read_tcp(address, fs, lines, **options))
    return [(chunk.start, np.asarray(chunk.samples).tolist()) for chunk in chunks]


def test_samples_arrive_in_chunks_with_their_numbers():
    text = b"".join(b"%d\r\n" % k for k in range(7))
    parts = [text[k : k + 3] for k in range(0, len(text), 3)]  # lines are cut anywhere
    expected = [(0, [0, 1, 2]), (3, [3, 4, 5]), (6, [6])]
    assert received((parts,), chunk=0.3) == expected


def test_channels_units_blanks_and_comments():
    data = b"# device 7\n\n7 1 2\n8 3 4\n9 5 6\n"
    lines = LineFormat(n_channels=2, unit="V", counter=0, separator=None)
    assert received(data, lines, chunk=0.3) == [(0, [[1e3, 3e3, 5e3], [2e3, 4e3, 6e3]])]


def test_lost_samples_and_malformed_lines_leave_a_gap():
    lines = LineFormat(counter=10)
    data = b"8,1\n9,2\n1,3\n2,x\n3,5\n\xff,6\n12,6\n4,7,8\n5,8\n"
    with pytest.warns(RecordingWarning, match=r"line 4: b'2,x' does not have a counter and 1 num"):
        found = received(data, lines, chunk=1.0)
    assert found == [(0, [1, 2]), (3, [3]), (5, [5]), (7, [8])]


@pytest.mark.parametrize("text", ["1_000", "0x10", "inf", "-Infinity", "1e", "", "1 2", "١", "+"])
@pytest.mark.parametrize("lines", [LineFormat(), LineFormat(counter=0)], ids=["values", "counted"])
def test_forms_that_only_python_reads_as_numbers_are_malformed(text, lines):
    before = "" if lines.counter is None else "7,"
    assert lines.parse(f"{before}{text}".encode()) is None
    if lines.counter is not None:
        assert lines.parse(f"{text},1.0".encode()) is None


@pytest.mark.parametrize(
    "text, value", [("-.5", -0.5), ("+2.", 2.0), (" 1.5e-3 ", 0.0015), ("0012", 12.0), ("1E2", 100)]
)
def test_decimal_numbers_are_read(text, value):
    assert LineFormat().parse(text.encode()) == (None, [value])
    assert LineFormat(counter=0).parse(b"12.0," + text.encode()) == (12, [value])


def test_nan_of_a_device_is_a_lost_sample():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = received(b"1\nNaN\n3\n", chunk=1.0)
    np.testing.assert_array_equal(found[0][1], [1, np.nan, 3])


def test_without_a_counter_a_malformed_line_is_nan():
    with pytest.warns(RecordingWarning, match="its sample counts as lost"):
        found = received(b"1\n2\n?\n4\n", chunk=1.0)
    np.testing.assert_array_equal(found[0][1], [1, 2, np.nan, 4])


@pytest.mark.parametrize(
    "data, lines, match",
    [
        (b"1\n2;\n", LineFormat(malformed="raise"), r"line 2: b'2;' does not have 1 number "),
        (b"1,2\n" * 200, LineFormat(), "like 99 lines before. Check the LineFormat"),
        (b"5,1\n3,2\n", LineFormat(counter=0), r"line 2: the counter goes back from 5 to 3"),
        (b"5,1\n5,2\n", LineFormat(counter=0), "goes back from 5 to 5"),
        (b"\x00" * 20_000, None, "bytes arrived without the end of a line"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn_emg.exceptions.RecordingWarning")
def test_lines_that_cannot_be_read_are_named(data, lines, match):
    with pytest.raises(ValueError, match=match):
        received(data, lines, fs=1000.0)


def test_after_a_reconnection_the_counter_tells_what_was_lost():
    found = received(
        (b"1,1\n2,2\n3,", b"6,3\n7,4\n"), LineFormat(counter=0), chunk=1.0, reconnect=0.3
    )
    assert found == [(0, [1, 2]), (5, [3, 4])]


def test_after_a_reconnection_the_clock_tells_it_without_a_counter(monkeypatch):
    clock = iter(np.arange(0.0, 1000.0, 2.0))
    monkeypatch.setattr("sklearn_emg.streaming._lines.time.monotonic", lambda: next(clock))
    (_, first), (start, last) = received((b"1\n2\n", b"3\n"), fs=1.0, chunk=9.0, reconnect=0.5)
    assert (first, last) == ([1, 2], [3])
    assert start > 5


@pytest.mark.parametrize("counter, lost", [(10, 23), (0, 21)], ids=["byte", "begun anew"])
def test_a_counter_and_the_clock_agree_on_what_was_lost(counter, lost):
    from sklearn_emg.streaming._lines import _LineReader

    reader = _LineReader(LineFormat(counter=counter), 10.0, 5, "device")
    assert list(reader.feed(b"4,1\n5,2\n")) == []
    (first,) = reader.flush()
    reader.resume(2.1)  # 21 samples
    assert list(reader.feed(b"9,3\n" if counter else b"0,3\n")) == []
    (second,) = reader.flush()
    assert (first.start, second.start) == (0, 2 + lost)


def test_no_device_and_a_silent_one_are_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TimeoutError, match=f"tcp://{address} sends nothing"):
            next(read_tcp(address, 1000.0, timeout=0.05))
    with pytest.raises(ConnectionError, match=f"tcp://{address} cannot be opened.*device is on"):
        next(read_tcp(address, 1000.0))


def test_another_rate_than_stated_warns(monkeypatch):
    from sklearn_emg.streaming._lines import _LineReader

    clock = iter([0.0, 2.0, 6.0, 12.0])
    monkeypatch.setattr("sklearn_emg.streaming._lines.time.monotonic", lambda: next(clock))
    reader = _LineReader(LineFormat(), 10.0, 5, "COM3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (500, 20, 40):  # what waited in the buffer does not count
            list(reader.feed(b"1\n" * n))
    with pytest.warns(RecordingWarning, match="COM3 sends 20 samples per second, but fs=10 Hz"):
        list(reader.feed(b"1\n" * 120))


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: read_tcp("localhost", 1000.0), "host and a port"),
        (lambda: read_tcp("localhost:99999", 1000.0), "host and a port"),
        (lambda: read_tcp(5000, 1000.0), "host and a port, such as 'localhost:5000'. Got 5000 ins"),
        (lambda: read_tcp("localhost:1", 1e3, "csv"), "'lines' parameter of read_tcp .* Got 'csv'"),
        (lambda: read_serial(3, 1e3), "'port' parameter of read_serial .* Got 3 instead"),
        (lambda: read_serial("loop://", 1e3, {}), "'lines' parameter of read_serial"),
        (lambda: read_tcp("localhost:1", 0.0), "'fs' parameter of read_tcp"),
        (lambda: read_tcp("localhost:1", 1e3, timeout=0), "'timeout' parameter of read_tcp"),
        (lambda: read_serial("loop://", 1e3, baudrate=1.5), "'baudrate' parameter of read_ser"),
        (lambda: LineFormat(counter=1), "'counter' parameter of LineFormat"),
        (lambda: LineFormat(separator=""), "'separator' parameter of LineFormat"),
        (lambda: LineFormat(unit="kg"), "'kg' is not a known voltage"),
        (lambda: LineFormat(malformed="skip"), "'malformed' parameter of LineFormat"),
    ],
)
def test_parameters_are_refused_when_called(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_a_serial_port_is_read_from_its_second_line():
    pytest.importorskip("serial", reason="needs pyserial")
    master, slave = os.openpty()
    sent = b"3,9\n" + b"".join(b"%d,%d\n" % (k % 256, k) for k in range(254, 266) if k != 260)
    threading.Timer(0.2, os.write, (master, sent)).start()  # opening empties the buffer
    lines = LineFormat(counter=256)
    source = read_serial(os.ttyname(slave), 100.0, lines, chunk=0.02, timeout=1.0)
    found = [next(source) for _ in range(6)]
    assert [(c.start, len(c.samples)) for c in found][:4] == [(0, 2), (2, 2), (4, 2), (7, 2)]
    assert found[0].samples.tolist() == [254, 255]
    with pytest.raises(TimeoutError, match="sends nothing"):
        next(source)
    os.close(master)
    os.close(slave)


def test_a_port_that_does_not_exist_is_named():
    pytest.importorskip("serial", reason="needs pyserial")
    with pytest.raises(ConnectionError, match="/dev/none7 cannot be opened"):
        next(read_serial("/dev/none7", 1000.0))


def test_a_device_with_lost_samples_is_diagnosed():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from sklearn_emg.ensemble import DiVoteClassifier
    from sklearn_emg.feature_extraction import TimeDomainFeatures

    table, y = recording_cohort([1, 1, 3, 3])
    windows = make_pipeline(TimeDomainFeatures(["rms"]), LogisticRegression())
    live = StreamingDiagnosis(DiVoteClassifier(windows, window=0.2, step=0.1).fit(table, y))
    signal = np.round(3 * np.random.default_rng(0).normal(size=900), 3)
    data = b"".join(b"%d,%.3f\n" % (k, v) for k, v in enumerate(signal) if not 400 <= k < 430)
    with device(data) as address:
        live.begin("new")
        events = list(live.run(read_tcp(address, 1000.0, LineFormat(counter=0))))
    assert [(e.start, e.stop) for e in events if isinstance(e, Gap)] == [(0.4, 0.43)]
    scored = [e for e in events if not isinstance(e, Gap)]
    assert [e.start for e in scored] == [0.0, 0.1, 0.2, 0.5, 0.6, 0.7]
    live.begin("again")
    live.push(signal[:400])
    np.testing.assert_array_equal(live.recordings.iloc[0]["n_windows"], 3)
