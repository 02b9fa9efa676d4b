"""Source of chunks from a stream of the Lab Streaming Layer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import check_real, require
from sklearn_emg.recordings import is_voltage, millivolts_per
from sklearn_emg.streaming._sources import Chunk


def read_lsl(
    name: str,
    *,
    unit: str | None = None,
    chunk: float = 0.1,
    gap: float = 0.25,
    timeout: float = 5.0,
    reconnect: float = 0.0,
) -> Iterator[Chunk]:
    """Read chunks from a stream of the Lab Streaming Layer (LSL).

    Many devices and programs publish such streams, including ``mne_lsl``. The function needs pylsl,
    which includes the library liblsl: ``pip install "sklearn-emg[lsl]"``.

    Parameters
    ----------
    name : str
        Name of the stream, which is searched for when the first chunk is requested.
    unit : str or None, default=None
        Unit of the samples, such as "uV". None reads the unit from the description of the channels.
    chunk : float, default=0.1
        Maximum length of a chunk in seconds.
    gap : float, default=0.25
        Maximum difference in seconds between the time stamps of consecutive samples. If the
        difference is larger, samples count as lost. Time stamps jitter, since programs stamp blocks
        of samples.
    timeout : float, default=5.0
        Time in seconds without a stream or samples after which an error is raised.
    reconnect : float, default=0.0
        Time in seconds, in addition to `timeout`, for which the source waits for a stream that has
        ended. With 0, the end of the stream is an error.

    Returns
    -------
    chunks : iterator of Chunk
        Chunks of the stream, converted to mV.

    Raises
    ------
    ImportError
        If pylsl is not installed.
    ValueError
        If a parameter is invalid (raised when the function is called), or the stream has no regular
        sampling rate, contains text, or does not state a known unit.
    TimeoutError, ConnectionError
        If the stream does not exist, sends no samples or ends.

    Notes
    -----
    LSL searches for streams in the local network. Its configuration file (``LSLAPICFG``) can
    restrict the search, for instance to this computer.
    """
    for value, parameter in ((chunk, "chunk"), (gap, "gap"), (timeout, "timeout")):
        check_real(value, parameter, "read_lsl", 0.0, above=True)
    check_real(reconnect, "reconnect", "read_lsl", 0.0)
    factor = None if unit is None else millivolts_per(unit)
    pylsl = require("pylsl", "read_lsl", "lsl")
    return _read(pylsl, name, factor, chunk, gap, timeout, reconnect)


def _read(
    pylsl: Any,
    name: str,
    factor: float | None,
    chunk: float,
    gap: float,
    timeout: float,
    reconnect: float,
) -> Iterator[Chunk]:
    inlet = pylsl.StreamInlet(_found(pylsl, name, timeout), recover=reconnect > 0)
    try:
        try:
            inlet.open_stream(timeout)
            info = inlet.info(timeout)
        except (pylsl.util.TimeoutError, pylsl.util.LostError) as error:
            raise ConnectionError(f"The LSL stream {name!r} cannot be opened: {error}") from error
        fs = _checked_rate(info, name, pylsl.cf_string)
        factor = _millivolts(info, name) if factor is None else factor
        n_chunk, position, last = max(1, round(chunk * fs)), 0, None
        for rows, stamps in _blocks(pylsl, inlet, name, n_chunk, timeout + reconnect):
            steps = np.diff(stamps, prepend=stamps[0] - 1 / fs if last is None else last)
            last = stamps[-1]
            lost = np.where(steps > gap, np.round(steps * fs).astype(int) - 1, 0)
            yield from _chunks(np.asarray(rows, dtype=np.float64).T * factor, lost, position, fs)
            position += int(lost.sum()) + len(stamps)
    finally:
        inlet.close_stream()


def _found(pylsl: Any, name: str, timeout: float) -> Any:
    """Find the stream with the given name."""
    if found := pylsl.resolve_byprop("name", name, 1, timeout):
        return found[0]
    others = sorted({stream.name() for stream in pylsl.resolve_streams(1.0)})
    raise TimeoutError(
        f"There is no LSL stream {name!r}. Found: {', '.join(others) or 'none'}. Start the "
        "device's LSL program in the same network."
    )


def _chunks(
    values: NDArray[np.floating], lost: NDArray[np.intp], position: int, fs: float
) -> Iterator[Chunk]:
    """Yield chunks of samples, cut wherever samples were lost."""
    bounds = np.unique([0, *np.flatnonzero(lost), len(lost)])
    for begin, stop in pairwise(bounds):
        part = values[:, begin:stop]
        position += int(lost[begin])
        yield Chunk(part[0] if len(part) == 1 else part, position, fs)
        position += len(part[0])


def _blocks(pylsl: Any, inlet: Any, name: str, n_chunk: int, timeout: float) -> Iterator[Any]:
    """Yield samples and time stamps of about one chunk."""
    heard = time.monotonic()
    while True:
        try:
            # The call returns when the chunk is full or, after 0.2 s, with the available samples.
            rows, stamps = inlet.pull_chunk(timeout=0.2, max_samples=n_chunk)
        except pylsl.util.LostError as error:
            raise ConnectionError(f"The LSL stream {name!r} has ended.") from error
        if stamps:
            heard = time.monotonic()
            yield rows, stamps
        elif time.monotonic() - heard > timeout:
            raise TimeoutError(f"The LSL stream {name!r} sends nothing. Check the device.")


def _checked_rate(info: Any, name: str, text: int) -> float:
    fs = float(info.nominal_srate())
    if info.channel_format() == text or not fs > 0:
        what = "text" if fs > 0 else "samples without a regular rate"
        raise ValueError(f"The LSL stream {name!r} sends {what}. Choose the stream with the EMG.")
    return fs


def _millivolts(info: Any, name: str) -> float:
    """Return the number of millivolts per unit that the channels state."""
    units, channel = set(), info.desc().child("channels").child("channel")
    for _ in range(info.channel_count()):
        units.add(channel.child_value("unit"))
        channel = channel.next_sibling()
    if len(units) > 1 or not is_voltage(next(iter(units))):
        raise ValueError(
            f"The channels of the LSL stream {name!r} state the units "
            f"{', '.join(repr(u) for u in sorted(units))}. Set the unit, as in unit='uV'."
        )
    return millivolts_per(units.pop())
