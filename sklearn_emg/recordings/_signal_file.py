"""Signals that stay in their files until they are needed, and reading of signals of any kind."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sklearn_emg._tables import counted

_BITS_24 = np.dtype("V3")
# Extensions of files that begin with a header or a title, or are not binary.
_NOT_RAW = (
    *(".npy", ".npz", ".edf", ".bdf", ".c3d", ".mat", ".h5", ".hdf5", ".parquet", ".hea", ".wav"),
    *(".csv", ".tsv", ".txt", ".json", ".xlsx", ".zip", ".gz"),
)


def _at_least(name: str, value: int, minimum: int, unit: str = "") -> int:
    if int(value) < minimum:
        raise ValueError(
            f"The {name!r} of SignalFile must be >= {minimum}{unit}. Got {value} instead."
        )
    return int(value)


def _refuse_header(path: str, offset: int) -> None:
    """Raise ValueError if a file of this name does not begin with samples."""
    suffix = os.path.splitext(path)[1].lower()
    if offset == 0 and suffix in _NOT_RAW:
        raise ValueError(
            f"SignalFile reads raw samples, but {path} is a {suffix} file, which does not begin "
            "with samples. Read it with sklearn_emg.io.read_recordings, or pass the number of "
            "bytes before the first sample as offset=..."
        )


class SignalFile:
    """Recording that stays in its file until the samples are needed.

    It replaces an array in the ``signal`` column of a recording table. Its pickle contains the path
    but not the samples, so a parallel search sends a few hundred bytes per recording to its
    workers, and each worker reads only the recordings that it needs.

    Parameters
    ----------
    path : str or path-like
        File with samples of one fixed-width type, interleaved by channel or in blocks.
    offset : int, default=0
        Number of bytes before the first sample.
    length : int, default=None
        Number of samples per channel. By default all samples after `offset` are used; their
        number of bytes must fit the type and the number of channels.
    dtype : dtype-like, default="<i2"
        Type of one stored sample; "V3" denotes little-endian integers of 24 bits.
    n_channels : int, default=1
        Number of channels stored in the file.
    channels : sequence of int, default=None
        Positions of the channels to read. By default all channels are read; the signal is then 1-D
        if `n_channels` is 1. In all other cases it is 2-D, with one row per channel that is read.
    scale : float or sequence of float, default=1.0
        Size in mV of one step of the stored values, as one number or as one per stored channel.
    baseline : float or sequence of float, default=0.0
        Stored value that stands for 0 mV, as one number or as one per stored channel.
    invalid : int, default=None
        Stored value that marks an invalid sample, which is read as NaN.
    blocks : tuple of (int, int, sequence of int), default=None
        Layout of a file in which the samples of a channel are contiguous within blocks, like the
        data records of EDF: the number of samples per channel in a block, the number of bytes of a
        block, and the byte offset of each stored channel in a block. A file with one channel after
        the other is one block. By default channels are interleaved.

    Raises
    ------
    ValueError
        If a parameter is invalid, if `offset` is 0 and the file has the extension of a format with
        a header (such as ".npy"), or, on reading, if the file holds fewer samples than `length`.
    FileNotFoundError
        If there is no such file on reading.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklearn_emg.recordings import SignalFile
    >>> path = os.path.join(tempfile.mkdtemp(), "a.bin")
    >>> np.array([1, -2, 3], dtype="<i2").tofile(path)
    >>> np.asarray(SignalFile(path, scale=0.5))
    array([ 0.5, -1. ,  1.5], dtype=float32)
    """

    __slots__ = (
        "baseline",
        "blocks",
        "channels",
        "invalid",
        "length",
        "n_channels",
        "offset",
        "path",
        "scale",
        "stored_dtype",
    )

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        offset: int = 0,
        length: int | None = None,
        dtype: DTypeLike = "<i2",
        n_channels: int = 1,
        channels: Sequence[int] | None = None,
        scale: float | Sequence[float] = 1.0,
        baseline: float | Sequence[float] = 0.0,
        invalid: int | None = None,
        blocks: tuple[int, int, Sequence[int]] | None = None,
    ):
        # Workers may have a different working directory.
        self.path = os.path.abspath(os.fspath(path))
        self.stored_dtype = np.dtype(dtype)
        if self.stored_dtype.kind not in "iuf" and self.stored_dtype != _BITS_24:
            raise ValueError(
                f"The 'dtype' parameter of SignalFile must be an integer or float type. "
                f"Got {dtype!r} instead."
            )
        self.offset = _at_least("offset", offset, 0, " bytes")
        _refuse_header(self.path, self.offset)
        self.n_channels = _at_least("n_channels", n_channels, 1)
        self.length = None if length is None else _at_least("length", length, 0)
        self.invalid = invalid
        self.channels = None if channels is None else tuple(int(c) for c in channels)
        if self.channels is not None and not all(0 <= c < self.n_channels for c in self.channels):
            raise ValueError(
                f"The 'channels' of SignalFile must be from 0 to {self.n_channels - 1}. "
                f"Got {list(self.channels)} instead."
            )
        self.blocks = None if blocks is None else self._checked_blocks(blocks)
        self.scale = self._per_channel("scale", scale)
        self.baseline = self._per_channel("baseline", baseline)

    def _checked_blocks(
        self, blocks: tuple[int, int, Sequence[int]]
    ) -> tuple[int, int, tuple[int, ...]]:
        samples, n_bytes, starts = int(blocks[0]), int(blocks[1]), tuple(map(int, blocks[2]))
        size = samples * self.stored_dtype.itemsize
        fits = len(starts) == self.n_channels and all(0 <= s <= n_bytes - size for s in starts)
        if samples < 1 or not fits:
            raise ValueError(
                "The 'blocks' of SignalFile must be (samples, bytes, first byte of each channel) "
                f"with {counted(self.n_channels, 'channel')} within a block. Got {blocks!r} "
                "instead."
            )
        return samples, n_bytes, starts

    def _per_channel(self, name: str, value: float | Sequence[float]) -> tuple[float, ...]:
        values = tuple(float(v) for v in np.atleast_1d(value))
        if len(values) not in (1, self.n_channels) or not np.isfinite(values).all():
            raise ValueError(
                f"The '{name}' of SignalFile must be one finite number or one per channel "
                f"({self.n_channels}). Got {value!r} instead."
            )
        return values

    @property
    def n_times(self) -> int:
        """Number of samples per channel, from the size of the file if `length` is None."""
        if self.length is not None:
            return self.length
        size = max(os.stat(self.path).st_size - self.offset, 0)
        n_bytes, n_samples = self.n_channels * self.stored_dtype.itemsize, 1
        if self.blocks is not None:
            n_samples, n_bytes, _ = self.blocks
        if size % n_bytes:
            raise ValueError(
                f"{self.path} has {size} bytes after byte {self.offset}, which is no multiple of "
                f"{n_bytes}, the number of bytes of "
                f"{'a block' if self.blocks else 'one sample of all channels'}. Check the "
                "'n_channels', 'dtype' and 'offset' of SignalFile, or pass length=..."
            )
        return size // n_bytes * n_samples

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the signal, ``(n_times,)`` or ``(n_read, n_times)`` for `n_read` channels."""
        if self.n_channels == 1 and self.channels is None:
            return (self.n_times,)
        n_read = self.n_channels if self.channels is None else len(self.channels)
        return (n_read, self.n_times)

    @property
    def ndim(self) -> int:
        """Number of axes of the signal, 1 or 2."""
        return 1 if self.n_channels == 1 and self.channels is None else 2

    def read(
        self, start: int = 0, stop: int | None = None, *, dtype: DTypeLike = np.float32
    ) -> NDArray[np.floating]:
        """Read the samples from `start` to `stop` of the selected channels in mV.

        Parameters
        ----------
        start : int, default=0
            Index of the first sample to read.
        stop : int, default=None
            Index after the last sample to read, limited to the number of samples. By default all
            samples from `start` on are read.
        dtype : dtype-like, default=numpy.float32
            Float type of the result.

        Returns
        -------
        signal : ndarray of shape (stop - start,) or (n_read, stop - start)
            Samples in mV, with NaN where the stored value is `invalid`.

        Raises
        ------
        ValueError
            If the file holds fewer samples than `length` states.
        FileNotFoundError
            If there is no such file.
        """
        n_times = self.n_times
        stop = n_times if stop is None else min(stop, n_times)
        start = min(max(start, 0), stop)
        wanted = range(self.n_channels) if self.channels is None else self.channels
        stored = self._stored(start, stop, list(wanted))
        scale, baseline = np.array(self.scale), np.array(self.baseline)
        if self.channels is not None:
            scale = scale if scale.size == 1 else scale[list(self.channels)]
            baseline = baseline if baseline.size == 1 else baseline[list(self.channels)]
        dtype = np.dtype(dtype)
        signal = np.subtract(stored, baseline[:, None].astype(dtype), dtype=dtype)
        signal *= scale[:, None].astype(dtype)
        if self.invalid is not None:
            signal[stored == self.invalid] = np.nan
        return signal[0] if self.ndim == 1 else signal

    def _stored(self, start: int, stop: int, wanted: list[int]) -> NDArray:
        """Return the stored numbers as an array of shape (n_wanted, stop - start)."""
        if self.blocks is None:
            frame = self.n_channels * self.stored_dtype.itemsize
            raw = self._read(start * frame, (stop - start) * frame, start, frame)
            rows = raw.view(self.stored_dtype).reshape(stop - start, self.n_channels).T[wanted]
            return _integers(rows)
        samples, n_bytes, starts = self.blocks
        first, last = start // samples, -(-stop // samples)
        raw = self._read(first * n_bytes, (last - first) * n_bytes, first * samples, n_bytes)
        size = samples * self.stored_dtype.itemsize
        table = raw.reshape(last - first, n_bytes)
        rows = np.stack(
            [
                np.ascontiguousarray(table[:, starts[c] : starts[c] + size])
                .view(self.stored_dtype)
                .ravel()
                for c in wanted
            ]
        )
        return _integers(rows[:, start - first * samples : stop - first * samples])

    def _read(self, at: int, count: int, before: int, frame: int) -> NDArray[np.uint8]:
        raw = np.fromfile(self.path, dtype=np.uint8, count=count, offset=self.offset + at)
        if raw.size < count:
            per_frame = 1 if self.blocks is None else self.blocks[0]
            raise ValueError(
                f"{self.path} holds {before + raw.size // frame * per_frame} samples per channel "
                f"after byte {self.offset}, but {self.n_times} were announced. The file is "
                "truncated; obtain a new copy."
            )
        return raw

    def rescaled(self, factor: float, baseline: float = 0.0) -> SignalFile:
        """Return a handle to the same file with the samples ``(sample - baseline) * factor``.

        Parameters
        ----------
        factor : float
            Factor by which samples are multiplied.
        baseline : float, default=0.0
            Value that is subtracted first, in the unit of the samples before scaling.

        Returns
        -------
        file : SignalFile
            The new handle.
        """
        n = max(len(self.scale), len(self.baseline))
        scale, zero = np.broadcast_to(self.scale, n), np.broadcast_to(self.baseline, n)
        if baseline:
            with np.errstate(divide="ignore"):
                zero = zero + baseline / scale
        arguments = {
            **self._arguments(),
            "scale": (scale * factor).tolist(),
            "baseline": zero.tolist(),
        }
        return SignalFile(self.path, **arguments)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("A SignalFile is read from its file and cannot avoid a copy.")
        if dtype is None or np.dtype(dtype).kind != "f":
            signal = self.read()
            return signal if dtype is None else signal.astype(dtype)
        return self.read(dtype=dtype)

    def _arguments(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "length": self.length,
            "dtype": self.stored_dtype.str,
            "n_channels": self.n_channels,
            "channels": self.channels,
            "scale": self.scale,
            "baseline": self.baseline,
            "invalid": self.invalid,
            "blocks": self.blocks,
        }

    def __reduce__(self):
        return _signal_file, (self.path, self._arguments())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SignalFile):
            return NotImplemented
        return self.path == other.path and self._arguments() == other._arguments()

    def __hash__(self) -> int:
        return hash((self.path, *self._arguments().values()))

    def __repr__(self) -> str:
        length = "" if self.length is None else f", length={self.length}"
        return f"SignalFile({os.path.basename(self.path)!r}, offset={self.offset}{length})"


def _integers(rows: NDArray) -> NDArray:
    """Convert samples of 24 bits to integers of 32 bits; return other samples unchanged."""
    if rows.dtype != _BITS_24:
        return rows
    # The three bytes become the upper three of four, which keeps the sign.
    padded = np.zeros((*rows.shape, 4), dtype=np.uint8)
    padded[..., 1:] = np.ascontiguousarray(rows).view(np.uint8).reshape(*rows.shape, 3)
    return padded.view("<i4")[..., 0] >> 8


def _signal_file(path: str, arguments: dict[str, Any]) -> SignalFile:
    return SignalFile(path, **arguments)


def read_signal(signal: Any, dtype: DTypeLike | None = None) -> NDArray[np.floating]:
    """Read one entry of the ``signal`` column as a float array.

    Parameters
    ----------
    signal : array-like or SignalFile of shape (n_times,) or (n_channels, n_times)
        Signal in mV.
    dtype : dtype-like, default=None
        Float type of the result. By default it is float32 for a SignalFile and for float32 samples,
        and float64 for all others, since half precision would lose digits in each step.

    Returns
    -------
    signal : ndarray of shape (n_times,) or (n_channels, n_times)
        Samples in mV, which are not copied if they already are an array of that type. Masked
        samples become NaN.

    Raises
    ------
    ValueError
        If the samples are complex numbers or dates.
    """
    signal = unmasked(signal)
    if not hasattr(signal, "__array__"):
        signal = np.asarray(signal)
    stored = getattr(signal, "dtype", None)
    if getattr(stored, "kind", "f") in "cmM":
        raise ValueError(f"A signal must consist of samples in mV. Got values of {stored}.")
    values = np.asarray(signal, dtype=dtype)
    if dtype is not None and values.dtype.kind == "f":
        return values
    single = values.dtype.newbyteorder("=") == np.float32
    return values.astype(np.float32 if single else np.float64, copy=False)


def unmasked(signal: Any) -> Any:
    """Replace the masked samples of a masked array, or of a list of such channels, by NaN."""
    if isinstance(signal, list | tuple) and any(isinstance(c, np.ma.MaskedArray) for c in signal):
        signal = np.ma.array(signal)
    if not isinstance(signal, np.ma.MaskedArray) or signal.dtype.kind not in "fiu":
        return signal
    mask = np.ma.getmaskarray(signal)
    if not mask.any():
        return signal.data
    values = signal.data.astype(signal.dtype if signal.dtype.kind == "f" else np.float64)
    values[mask] = np.nan
    return values
