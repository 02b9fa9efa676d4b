"""Recordings that repeat samples of other recordings, found by content rather than by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._warnings import warn_of_recordings

__all__ = ["Stored", "copies", "shared_ends", "warn_of_copies"]

_MAX_NAMED = 20


class Stored(NamedTuple):
    """A recording, by what its file says and by what it holds.

    Parameters
    ----------
    name : str
    subject : hashable
    content : hashable or None
        Equal for equal samples; None for a signal without content, which may occur twice.
    is_preferred : bool
        Whether the name is the likelier one, where two subjects have equal samples.
    """

    name: str
    subject: Hashable
    content: Hashable
    is_preferred: bool = False


def copies(recordings: Sequence[Stored]) -> dict[str, str]:
    """Recordings to leave out because others hold the same samples.

    Of the recordings of one subject the first preferred one is kept, or else the first. Where equal
    samples are those of several subjects, the one is kept whose name is preferred; otherwise none,
    since the subject of the recording is not known.

    Parameters
    ----------
    recordings : sequence of Stored

    Returns
    -------
    left_out : dict of str to str
        The reason, which names the other recordings, by the name of each.
    """
    groups: dict[Hashable, list[Stored]] = {}
    for recording in recordings:
        if recording.content is not None:
            groups.setdefault(recording.content, []).append(recording)
    left_out = {}
    for group in groups.values():
        if len(group) == 1:
            continue
        kept = _original(group)
        for recording in group:
            if kept is None:
                others = ", ".join(r.name for r in group if r is not recording)
                left_out[recording.name] = f"holds the samples of {others}, of another subject"
            elif recording is not kept:
                left_out[recording.name] = f"copy of {kept.name}"
    return left_out


def _original(group: Sequence[Stored]) -> Stored | None:
    """The recording whose name is right, None where that is not known."""
    preferred = [recording for recording in group if recording.is_preferred]
    candidates = preferred or group
    return candidates[0] if len({r.subject for r in candidates}) == 1 else None


def warn_of_copies(left_out: Mapping[str, str], caller: str) -> None:
    """Name the recordings that were left out, and those that they repeat."""
    if not left_out:
        return
    named = [f"{name} ({reason})" for name, reason in list(left_out.items())[:_MAX_NAMED]]
    more = len(left_out) - len(named)
    warn_of_recordings(
        f"{caller} leaves out {len(left_out)} recordings whose samples are those of others: "
        + "; ".join(named)
        + (f"; and {more} more, see 'report'" if more else "")
        + "."
    )


def shared_ends(signals: Mapping[str, NDArray]) -> dict[str, tuple[int, str]]:
    """Numbers of samples at the end of signals that another signal ends with too.

    Parameters
    ----------
    signals : mapping of str to ndarray of shape (n_times,)
        Signals by name.

    Returns
    -------
    ends : dict of str to (int, str)
        For each name the largest such number, 0 where there is none, and the other signal.
    """
    # In the order of the reversed samples, the longest common end is that of neighbours.
    order = sorted(signals, key=lambda name: signals[name][::-1].tobytes())
    ends = dict.fromkeys(signals, (0, ""))
    for first, second in pairwise(order):
        n_equal = _n_equal_at_end(signals[first], signals[second])
        if n_equal == 0:
            continue
        ends[first] = max(ends[first], (n_equal, second))
        ends[second] = max(ends[second], (n_equal, first))
    return ends


def _n_equal_at_end(first: NDArray, second: NDArray) -> int:
    n_times = min(len(first), len(second))
    if n_times == 0:
        return 0
    differs = first[len(first) - n_times :] != second[len(second) - n_times :]
    return int(np.argmax(differs[::-1])) if differs.any() else n_times
