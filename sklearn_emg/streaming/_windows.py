"""Division of a signal that arrives in chunks into the windows of the whole recording."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


class WindowCutter:
    """Cut windows from consecutive samples, as ``recordings.divide`` does from a whole recording.

    Only the samples of about one window are kept in memory.

    Parameters
    ----------
    size, step : int
        Number of samples in a window, and from one window to the next.
    tail : {"drop", "overlap", "pad"}
        Treatment of the samples after the last complete window when the recording ends.
    """

    def __init__(self, size: int, step: int, tail: str):
        self.size, self.step, self.tail = size, step, tail
        self.position = 0  # number of samples so far
        self._next = 0  # first sample of the next window
        self._first = 0  # position of the first sample that is kept
        self._kept: NDArray[np.floating] | None = None

    def push(self, samples: NDArray[np.floating]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the index of the first sample and the samples of each completed window.

        Parameters
        ----------
        samples : ndarray of shape (n_times,) or (n_channels, n_times)
            Next samples.
        """
        kept = samples if self._kept is None else np.concatenate([self._kept, samples], axis=-1)
        self.position += samples.shape[-1]
        first = self._first
        # With tail="overlap", the last window ends with the recording.
        keep_from = max(first, min(self._next_after(self.position), self.position - self.size))
        self._kept, self._first = kept[..., keep_from - first :].copy(), keep_from
        while self._next + self.size <= self.position:
            start, self._next = self._next, self._next + self.step
            yield start, _float32(kept[..., start - first : start - first + self.size])

    def _next_after(self, position: int) -> int:
        """Return the start of the first window that `position` samples do not complete."""
        if position < self._next + self.size:
            return self._next
        return self._next + ((position - self.size - self._next) // self.step + 1) * self.step

    def skip(self, n_times: int) -> None:
        """Skip lost samples. The next window begins after them, on the grid of the recording."""
        self.position += n_times
        self._kept, self._first = None, self.position
        self._next = max(self._next, -(-self.position // self.step) * self.step)

    def finish(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the index of the first sample and the samples of the window that `tail` adds."""
        n_times, step = self.position, self.step
        if self._kept is None or self.tail == "drop":
            return
        last = (n_times - self.size) // step * step if n_times >= self.size else None
        if last is None:
            start = 0 if self.tail == "pad" else -1
        elif last + self.size == n_times:
            return
        elif self.tail == "overlap":
            start = n_times - self.size
        else:
            start = last + step if last + step < n_times else -1
        if start < self._first:  # no such window, or one with lost samples
            return
        window = self._kept[..., start - self._first :]
        missing = self.size - window.shape[-1]
        yield start, _float32(np.pad(window, [(0, 0)] * (window.ndim - 1) + [(0, missing)]))


def _float32(window: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.array(window, dtype=np.float32, order="C")
