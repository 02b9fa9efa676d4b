"""Sources of chunks from lines of text that devices send over TCP or a serial port."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

import numpy as np

from sklearn_emg._sklearn import InvalidParameterError
from sklearn_emg._tables import counted
from sklearn_emg._validation import check_integer, check_option, check_real, require
from sklearn_emg._warnings import warn
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.recordings import millivolts_per
from sklearn_emg.streaming._sources import Chunk

_LONGEST_LINE = 10_000  # bytes
# Python also accepts numbers such as 1_000 and infinity, which no device sends on purpose.
_NUMBER = re.compile(rb"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,3})?|[nN][aA][nN]")
_COUNTER = re.compile(rb"\d{1,18}(\.0{1,18})?")
_MALFORMED_IN_A_ROW = 100
_RATE_SECONDS, _RATE_TOLERANCE = 5.0, 0.1


class LineFormat:
    """Format of the lines that a device sends, one line per sample.

    A line contains an optional counter and a value for each channel:
    ``[counter,]channel 1,channel 2,...``. Lines end with a line feed, which may follow a carriage
    return. Empty lines and lines that begin with ``#`` are skipped. Values are decimal numbers such
    as ``-0.25`` or ``1.5e-3``, or ``nan`` for a sample that the device did not record, which
    becomes a gap.

    Parameters
    ----------
    n_channels : int, default=1
        Number of channels, which is the number of values in a line.
    unit : str, default="mV"
        Unit of the values: "nV", "uV", "mV" or "V".
    counter : int or None, default=None
        Kind of counter in the first field. With None, lines have no counter, and lost samples are
        not detected, except those lost while the source reconnects. With 0, the counter increases
        without limit. With another number, such as 256 for one byte, the counter returns to 0 when
        it reaches this number; a gap of exactly this number of samples is not detected.
    separator : str or None, default=","
        Text between the values. None means white space.
    malformed : {"gap", "raise"}, default="gap"
        Treatment of lines that do not have this format. "gap" treats their samples as lost and
        warns of the first such line, but raises an error after 100 such lines in a row. "raise"
        raises an error at the first such line.

    Examples
    --------
    >>> from sklearn_emg.streaming import LineFormat
    >>> LineFormat(n_channels=2, unit="uV", counter=256)
    LineFormat(n_channels=2, unit='uV', counter=256, separator=',', malformed='gap')
    """

    def __init__(
        self,
        *,
        n_channels: int = 1,
        unit: str = "mV",
        counter: int | None = None,
        separator: str | None = ",",
        malformed: Literal["gap", "raise"] = "gap",
    ):
        caller = "LineFormat"
        self.n_channels = check_integer(n_channels, "n_channels", caller)
        self.unit, self.factor = unit, millivolts_per(unit)
        if counter is not None and check_integer(counter, "counter", caller, 0) == 1:
            raise ValueError(
                "The 'counter' parameter of LineFormat must be None, 0 for a counter without "
                "limit, or the number at which it returns to 0, at least 2. Got 1 instead."
            )
        self.counter = counter
        if separator is not None and (not isinstance(separator, str) or not separator):
            raise ValueError(
                "The 'separator' parameter of LineFormat must be a string, or None for white "
                f"space. Got {separator!r} instead."
            )
        self.separator = separator
        check_option(malformed, ("gap", "raise"), "malformed", caller)
        self.malformed = malformed

    def __repr__(self) -> str:
        names = ("n_channels", "unit", "counter", "separator", "malformed")
        return f"LineFormat({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    def parse(self, line: bytes) -> tuple[int | None, list[float]] | None:
        """Return the counter and the values of a line, or None if the line is malformed."""
        separator = None if self.separator is None else self.separator.encode()
        fields = [field.strip() for field in line.split(separator)]
        count = None
        if self.counter is not None:
            if not _COUNTER.fullmatch(fields[0]):
                return None
            count, *fields = int(fields[0].partition(b".")[0]), *fields[1:]
            if self.counter and count >= self.counter:
                return None
        if len(fields) != self.n_channels or not all(map(_NUMBER.fullmatch, fields)):
            return None
        return count, [float(field) for field in fields]


class _LineReader:
    """Convert bytes to chunks as they arrive.

    Parameters
    ----------
    lines : LineFormat
        Format of the lines.
    fs : float
        Sampling rate in Hz.
    n_chunk : int
        Number of samples in a chunk.
    name : str
        Name of the source, for messages.
    drop_first : bool
        Whether to drop the first line of a connection, which may be incomplete.
    """

    def __init__(
        self, lines: LineFormat, fs: float, n_chunk: int, name: str, drop_first: bool = False
    ):
        self._lines, self._fs, self._n_chunk, self._name = lines, fs, n_chunk, name
        self._drop_first = self._drop = drop_first
        self._rest = b""
        self._rows: list[list[float]] = []
        self.position = 0  # number of samples so far, including lost samples
        self._last: int | None = None  # counter of the last line
        self._n_lines = self._in_a_row = 0
        self._warned = False
        self._resumed: int | None = None  # samples lost before a reconnection, by the clock
        self._timed: tuple[float, int] | None = None  # time and position when counting began

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """Yield the chunks that are completed by further bytes."""
        *complete, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise ValueError(
                f"{self._name}: {len(self._rest)} bytes arrived without the end of a line. The "
                "device must send one sample per line of text; check its format and the baud rate."
            )
        for line in complete:
            self._n_lines += 1
            line, dropped, self._drop = line.strip(), self._drop, False
            if not dropped and line and not line.startswith(b"#"):
                yield from self._add(line)
        self._check_rate()

    def flush(self) -> Iterator[Chunk]:
        """Yield the remaining samples, which do not fill a chunk."""
        if self._rows:
            samples = np.array(self._rows).T * self._lines.factor
            start = self.position - len(self._rows)
            self._rows = []
            yield Chunk(samples[0] if len(samples) == 1 else samples, start, self._fs)

    def resume(self, seconds: float) -> None:
        """Continue after a reconnection, `seconds` after the last bytes."""
        self._rest, self._timed, self._drop = b"", None, self._drop_first
        self._resumed = max(1, round(seconds * self._fs))

    def _add(self, line: bytes) -> Iterator[Chunk]:
        found = self._lines.parse(line)
        if found is None:
            self._refuse(line)
            if self._lines.counter is not None:  # the next counter shows how many are missing
                return
            found = None, [np.nan] * self._lines.n_channels
        else:
            self._in_a_row = 0
        lost = self._lost(found[0])
        if lost:
            yield from self.flush()
            self.position += lost
        self._rows.append(found[1])
        self.position += 1
        if len(self._rows) >= self._n_chunk:
            yield from self.flush()

    def _lost(self, count: int | None) -> int:
        """Return the number of samples that are missing before a line."""
        last, by_clock = self._last, self._resumed
        self._last, self._resumed = count, None
        if count is None or last is None:
            return by_clock or 0
        modulus = self._lines.counter
        lost = count - last - 1
        if modulus:
            lost %= modulus
            # The counter is known only modulo `modulus`. After a reconnection, the clock shows how
            # often it returned to 0.
            return lost + (max(0, round((by_clock - lost) / modulus)) * modulus if by_clock else 0)
        if lost < 0 and by_clock is not None:  # the device was restarted
            return by_clock
        if lost < 0:
            raise ValueError(
                f"{self._name}, line {self._n_lines}: the counter goes back from {last} to "
                f"{count}. If it returns to 0 at a number, give LineFormat(counter=number)."
            )
        return lost

    def _refuse(self, line: bytes) -> None:
        """Count a malformed line, and raise or warn if necessary."""
        self._in_a_row += 1
        wanted = counted(self._lines.n_channels, "number")
        if self._lines.counter is not None:
            wanted = f"a counter and {wanted}"
        separator = repr(self._lines.separator) if self._lines.separator else "white space"
        where = f"{self._name}, line {self._n_lines}: {line[:40]!r}"
        if self._lines.malformed == "raise" or self._in_a_row >= _MALFORMED_IN_A_ROW:
            many = (
                f", like {counted(self._in_a_row - 1, 'line')} before" if self._in_a_row > 1 else ""
            )
            raise ValueError(
                f"{where} does not have {wanted} separated by {separator}{many}. "
                "Check the LineFormat."
            )
        if not self._warned:
            self._warned = True
            warn(
                f"{where} does not have {wanted}; its sample counts as lost. Further such lines "
                "are not reported.",
                RecordingWarning,
            )

    def _check_rate(self) -> None:
        """Warn if samples do not arrive at the stated sampling rate."""
        now = time.monotonic()
        if self._timed is None:  # the first samples may have waited in a buffer
            self._timed = now, self.position
            return
        seconds = now - self._timed[0]
        if seconds < _RATE_SECONDS:
            return
        rate = (self.position - self._timed[1]) / seconds
        self._timed = now, self.position
        if abs(rate / self._fs - 1) > _RATE_TOLERANCE:
            warn(
                f"{self._name} sends {rate:.4g} samples per second, but fs={self._fs:g} Hz was "
                "stated. Filters and features need the true rate: check the device.",
                RecordingWarning,
            )


class _Connection(Protocol):
    """Connection from which ``_chunks`` reads."""

    def read(self) -> bytes: ...  # b"" at the end; TimeoutError if nothing arrives
    def close(self) -> None: ...


class _Tcp:
    def __init__(self, address: tuple[str, int], timeout: float):
        self._socket = socket.create_connection(address, timeout)

    def read(self) -> bytes:
        return self._socket.recv(65536)

    def close(self) -> None:
        self._socket.close()


class _Serial:
    def __init__(self, port: str, baudrate: int, timeout: float):
        serial = require("serial", "read_serial", "serial", "pyserial")
        self._port: Any = serial.serial_for_url(port, baudrate=baudrate, timeout=timeout)

    def read(self) -> bytes:
        data = self._port.read(1)
        if not data:
            raise TimeoutError("nothing arrived")
        return data + self._port.read(self._port.in_waiting)

    def close(self) -> None:
        self._port.close()


def _chunks(
    connect: Callable[[], _Connection], reader: _LineReader, name: str, reconnect: float
) -> Iterator[Chunk]:
    """Yield chunks of a connection, and try to reconnect for `reconnect` seconds when it ends."""
    connection: _Connection | None = _open(connect, name, 0.0)
    while connection is not None:
        problem: OSError | None = None
        heard = time.monotonic()
        try:
            while data := connection.read():
                heard = time.monotonic()
                yield from reader.feed(data)
        except TimeoutError:
            problem = TimeoutError(f"{name} sends nothing. Check that the device records.")
        except OSError as error:
            problem = ConnectionError(f"{name}: the connection broke: {error}.")
        finally:
            connection.close()
        yield from reader.flush()
        connection = _again(connect, name, reconnect, problem)
        reader.resume(time.monotonic() - heard)


def _again(
    connect: Callable[[], _Connection], name: str, reconnect: float, problem: OSError | None
) -> _Connection | None:
    """Open a new connection, or return None if there is none after an orderly end."""
    if reconnect:
        try:
            return _open(connect, name, reconnect)
        except ConnectionError as error:
            problem = problem and ConnectionError(f"{problem} Then {error}")
    if problem is not None:
        raise problem
    return None


def _open(connect: Callable[[], _Connection], name: str, reconnect: float) -> _Connection:
    """Open a connection, trying for `reconnect` seconds."""
    began = time.monotonic()
    while True:
        try:
            return connect()
        except OSError as error:
            if time.monotonic() - began >= reconnect:
                raise ConnectionError(
                    f"{name} cannot be opened: {error}. Check the address and that the device "
                    "is on."
                ) from error
        time.sleep(0.05)


def _check_times(fs: Any, chunk: Any, timeout: Any, reconnect: Any, caller: str) -> int:
    """Check the parameters that all sources share, and return the number of samples in a chunk."""
    rate = check_real(fs, "fs", caller, 0.0, above=True)
    check_real(timeout, "timeout", caller, 0.0, above=True)
    check_real(reconnect, "reconnect", caller, 0.0)
    return max(1, round(check_real(chunk, "chunk", caller, 0.0, above=True) * rate))


def _line_format(lines: Any, caller: str) -> LineFormat:
    """Return the format of the lines, which is one value in mV by default."""
    if lines is not None and not isinstance(lines, LineFormat):
        raise InvalidParameterError(
            f"The 'lines' parameter of {caller} must be a LineFormat, or None for lines with one "
            f"value in mV. Got {lines!r} instead."
        )
    return LineFormat() if lines is None else lines


def read_tcp(
    address: str,
    fs: float,
    lines: LineFormat | None = None,
    *,
    chunk: float = 0.1,
    timeout: float = 5.0,
    reconnect: float = 0.0,
) -> Iterator[Chunk]:
    """Read chunks of samples that a device or program sends as lines of text over TCP.

    Parameters
    ----------
    address : str
        Host and port, such as ``"localhost:5000"``. The connection is opened when the first chunk
        is requested.
    fs : float
        Sampling rate in Hz. A RecordingWarning is issued if samples arrive at a rate that differs
        by more than 10 % over 5 s.
    lines : LineFormat, default=None
        Format of the lines. None means ``LineFormat()``, which is one value in mV per line.
    chunk : float, default=0.1
        Length of a chunk in seconds.
    timeout : float, default=5.0
        Time in seconds without data after which an error is raised.
    reconnect : float, default=0.0
        Time in seconds for which the source tries to reconnect when a connection has ended. The
        number of lost samples is determined from the counter of the lines or from the clock. With
        0, an orderly end of the connection is the end of the recording, and a broken connection is
        an error.

    Returns
    -------
    chunks : iterator of Chunk
        Chunks of samples, converted to mV.

    Raises
    ------
    ValueError
        If a parameter is invalid (raised when the function is called), lines are malformed, or the
        counter decreases.
    TimeoutError, ConnectionError
        If no data arrive, or the connection cannot be opened or breaks. The message names the
        address.

    Examples
    --------
    >>> import socket
    >>> from sklearn_emg.streaming import LineFormat, read_tcp
    >>> device = socket.create_server(("127.0.0.1", 0))
    >>> address = f"127.0.0.1:{device.getsockname()[1]}"
    >>> source = read_tcp(address, 10.0, LineFormat(unit="uV", counter=256), chunk=0.3)
    >>> import threading
    >>> def send():
    ...     connection = device.accept()[0]
    ...     connection.sendall(b"254,1000\\n255,2000\\n0,3000\\n4,4000\\n")
    ...     connection.close()
    >>> sender = threading.Thread(target=send)
    >>> sender.start()
    >>> [(chunk.start, chunk.samples.tolist()) for chunk in source]
    [(0, [1.0, 2.0, 3.0]), (6, [4.0])]
    >>> sender.join()
    >>> device.close()
    """
    n_chunk = _check_times(fs, chunk, timeout, reconnect, "read_tcp")
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidParameterError(
            "The 'address' parameter of read_tcp must be a host and a port, such as "
            f"'localhost:5000'. Got {address!r} instead."
        )
    name = f"tcp://{address}"
    reader = _LineReader(_line_format(lines, "read_tcp"), float(fs), n_chunk, name)
    place = host.strip("[]"), int(port)
    return _chunks(lambda: _Tcp(place, timeout), reader, name, reconnect)


def read_serial(
    port: str,
    fs: float,
    lines: LineFormat | None = None,
    *,
    baudrate: int = 115200,
    chunk: float = 0.1,
    timeout: float = 5.0,
    reconnect: float = 0.0,
) -> Iterator[Chunk]:
    """Read chunks of samples that a device sends as lines of text over a serial port.

    The function needs pyserial: ``pip install "sklearn-emg[serial]"``. The first line is dropped,
    since it is usually incomplete.

    Parameters
    ----------
    port : str
        Name of the port, such as ``"COM3"`` or ``"/dev/ttyUSB0"``, or a URL of pyserial.
    fs : float
        Sampling rate in Hz, as in :func:`read_tcp`. At a baud rate of b, a port transmits b / 10
        bytes per second.
    lines : LineFormat, default=None
        Format of the lines. None means ``LineFormat()``, which is one value in mV per line.
    baudrate : int, default=115200
        Baud rate of the port in bits per second.
    chunk, timeout, reconnect : float
        As in :func:`read_tcp`. A serial port has no orderly end, so stop requesting chunks to end
        the recording.

    Returns
    -------
    chunks : iterator of Chunk
        Chunks of samples, converted to mV.

    Raises
    ------
    ImportError
        If pyserial is not installed.
    ValueError, TimeoutError, ConnectionError
        As in :func:`read_tcp`.
    """
    n_chunk = _check_times(fs, chunk, timeout, reconnect, "read_serial")
    check_integer(baudrate, "baudrate", "read_serial")
    require("serial", "read_serial", "serial", "pyserial")
    if not isinstance(port, str) or not port:
        raise InvalidParameterError(
            "The 'port' parameter of read_serial must be the name of a port, such as 'COM3' or "
            f"'/dev/ttyUSB0'. Got {port!r} instead."
        )
    form = _line_format(lines, "read_serial")
    reader = _LineReader(form, float(fs), n_chunk, port, drop_first=True)
    return _chunks(lambda: _Serial(port, baudrate, timeout), reader, port, reconnect)
