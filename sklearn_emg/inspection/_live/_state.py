"""State of a live view: the latest seconds of the signal, scores of windows, the decision."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._validation import check_real
from sklearn_emg.streaming import Chunk, Gap, StreamingDiagnosis, WindowResult

N_BINS = 500
MAX_CHANNELS = 8
_MESSAGES = 20


class _Envelope:
    """Minimum and maximum of a signal in each of its latest intervals."""

    def __init__(self, size: int):
        self.size = size
        self.bins: deque[tuple[int, NDArray[Any], NDArray[Any]]] = deque(maxlen=N_BINS)

    def add(self, samples: NDArray[Any], start: int) -> None:
        """Add samples of shape (n_channels, n_times); `start` is the index of the first one."""
        number = (start + np.arange(samples.shape[1])) // self.size
        edges = np.r_[0, np.flatnonzero(np.diff(number)) + 1, len(number)]
        for begin, stop in pairwise(edges):
            if begin == stop:
                continue
            part = samples[:, begin:stop]
            low, high = part.min(axis=1), part.max(axis=1)
            if self.bins and self.bins[-1][0] == number[begin]:
                _, old_low, old_high = self.bins.pop()
                low, high = np.minimum(low, old_low), np.maximum(high, old_high)
            self.bins.append((int(number[begin]), low, high))

    def snapshot(self, fs: float) -> dict[str, Any]:
        """Return the start and the interval in s, and minima and maxima (None in gaps)."""
        if not self.bins:
            return {"start": 0.0, "step": self.size / fs, "low": [], "high": []}
        last = self.bins[-1][0]
        first = max(0, last - N_BINS + 1)
        n_channels = len(self.bins[-1][1])
        low: list[list[float | None]] = [[None] * (last - first + 1) for _ in range(n_channels)]
        high: list[list[float | None]] = [[None] * (last - first + 1) for _ in range(n_channels)]
        for number, lows, highs in self.bins:
            if number >= first:
                for k in range(n_channels):
                    low[k][number - first] = _plain(lows[k])
                    high[k][number - first] = _plain(highs[k])
        return {
            "start": first * self.size / fs, "step": self.size / fs, "low": low, "high": high
        }  # fmt: skip


def _plain(value: Any) -> float | None:
    """Convert a number for JSON, which has no NaN."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


class LiveState:
    """State of a running diagnosis for views in other threads, with limited memory.

    Parameters
    ----------
    live : StreamingDiagnosis
        Diagnosis to show.
    seconds : float
        Length of the signal that is shown, in s.
    caller : str
        Name of the calling function or class, for error messages.
    """

    def __init__(self, live: StreamingDiagnosis, seconds: float, caller: str):
        if not isinstance(live, StreamingDiagnosis):
            raise TypeError(
                f"The 'live' of {caller} must be a StreamingDiagnosis. Got a "
                f"{type(live).__name__}: give StreamingDiagnosis(model) of a fitted system."
            )
        self.live = live
        self.seconds = check_real(seconds, "seconds", caller, 0.0, above=True)
        self.changed = threading.Condition()
        self.version = 0
        self._phase = "waiting"
        self._clear()

    def _clear(self) -> None:
        self._envelope = _Envelope(max(1, round(self.seconds * self.live.fs / N_BINS)))
        self._windows: deque[WindowResult] = deque()
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._last: WindowResult | None = None
        self._position = self._hidden = 0

    def run(self, source: Iterable[Any]) -> Iterator[Any]:
        """Yield the events of ``live.run(source)`` and update the state."""
        with self.changed:
            self._clear()
        self._notify("running")
        try:
            for event in self.live.run(self._seen(source)):
                self._add(event)
                yield event
        except Exception as error:
            self._messages.append(f"Stopped: {error}")
            self._notify("stopped by an error")
            raise
        self._notify("ended")

    def _seen(self, source: Iterable[Any]) -> Iterator[Any]:
        for chunk in source:
            samples, start = (chunk[0], chunk[1]) if isinstance(chunk, Chunk) else (chunk, None)
            values = np.atleast_2d(np.asarray(samples, dtype=float))
            begin = self._position if start is None else start
            yield chunk
            with self.changed:
                self._hidden = max(0, len(values) - MAX_CHANNELS)
                self._envelope.add(values[:MAX_CHANNELS], begin)
                self._position = begin + values.shape[1]
            self._notify("running")

    def _add(self, event: Any) -> None:
        with self.changed:
            if isinstance(event, Gap):
                self._messages.append(f"Gap from {event.start:.2f} to {event.stop:.2f} s")
                return
            if event.rejected:
                kinds = ", ".join(event.rejected)
                self._messages.append(f"Window at {event.start:.2f} s left out: {kinds}")
            self._windows.append(event)
            while self._windows[0].stop < event.stop - self.seconds:
                self._windows.popleft()
            self._last = event

    def _notify(self, phase: str) -> None:
        with self.changed:
            self._phase = phase
            self.version += 1
            self.changed.notify_all()

    def snapshot(self) -> dict[str, Any]:
        """Return the present state in types that JSON supports."""
        with self.changed:
            latency = self.live.latency
            return {
                "phase": self._phase,
                "seconds": self.seconds,
                "hidden": self._hidden,
                "signal": self._envelope.snapshot(self.live.fs),
                "windows": [self._window(event) for event in self._windows],
                "decision": None if self._last is None else self._decision(self._last),
                "messages": list(self._messages),
                "latency": [_plain(1e3 * latency.median), _plain(1e3 * latency.p99)],
            }

    def _window(self, event: WindowResult) -> dict[str, Any]:
        scores = None if event.scores is None else [_plain(score) for score in event.scores]
        return {"start": event.start, "stop": event.stop, "scores": scores}

    def _decision(self, event: WindowResult) -> dict[str, Any]:
        decision = event.decision
        code = {label: k for k, label in enumerate(self.live.classes.tolist())}
        labels = (decision.leading, decision.decided, event.smoothed)
        leading, decided, smoothed = (
            None if label is None else code[label.item() if hasattr(label, "item") else label]
            for label in labels
        )
        return {
            "subject": str(decision.subject),
            "seconds": round(decision.seconds, 3),
            "n_windows": decision.n_windows,
            "n_rejected": decision.n_rejected,
            "scores": [_plain(score) for score in decision.scores],
            "leading": leading,
            "decided": decided,
            "smoothed": smoothed,
            "fraction": _plain(decision.fraction),
            "interval": [_plain(end) for end in decision.interval],
        }
