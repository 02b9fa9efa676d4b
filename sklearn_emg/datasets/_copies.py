"""Recordings that repeat samples of other recordings, found by content rather than by name."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_emg._tables import counted
from sklearn_emg._warnings import warn_of_recordings

_MAX_NAMED = 20


class Stored(NamedTuple):
    """Name, subject and content of a recording.

    Parameters
    ----------
    name : str
        Name of the recording.
    subject : hashable
        Subject of the recording according to its name.
    content : hashable or None
        Value that is equal for equal samples; None for a signal, such as a constant one, that may
        equal another by coincidence.
    is_preferred : bool
        Whether, among recordings with equal samples, this name is more likely to be right.
    """

    name: str
    subject: Hashable
    content: Hashable
    is_preferred: bool = False


def copies(recordings: Sequence[Stored]) -> dict[str, str]:
    """Find recordings to leave out because others have the same samples.

    Among recordings with equal samples, the preferred ones are considered, or all if none is
    preferred. The first of these is kept if all of them are of one subject; otherwise none is kept,
    since the subject of the recording is not known.

    Parameters
    ----------
    recordings : sequence of Stored
        Recordings to compare.

    Returns
    -------
    left_out : dict of str to str
        Names of the recordings to leave out, each with the reason, which names the other
        recordings.
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
                left_out[recording.name] = f"has the same samples as {others} of another subject"
            elif recording is not kept:
                left_out[recording.name] = f"copy of {kept.name}"
    return left_out


def _original(group: Sequence[Stored]) -> Stored | None:
    """Return the recording with the right name; None if it is not known which one that is."""
    preferred = [recording for recording in group if recording.is_preferred]
    candidates = preferred or group
    return candidates[0] if len({r.subject for r in candidates}) == 1 else None


def warn_of_copies(left_out: Mapping[str, str], caller: str) -> None:
    """Warn about the recordings that were left out, and name those that they repeat."""
    if not left_out:
        return
    named = [f"{name} ({reason})" for name, reason in list(left_out.items())[:_MAX_NAMED]]
    more = len(left_out) - len(named)
    warn_of_recordings(
        f"{caller} leaves out {counted(len(left_out), 'copy', 'copies')} of recordings: "
        + "; ".join(named)
        + (f"; and {more} more (see 'report')" if more else "")
        + "."
    )


def shared_ends(signals: Mapping[str, NDArray]) -> dict[str, tuple[int, str]]:
    """Find the number of samples at the end of each signal that also end another signal.

    Parameters
    ----------
    signals : mapping of str to ndarray of shape (n_times,)
        Signals by name.

    Returns
    -------
    ends : dict of str to (int, str)
        For each name, the largest number of samples that the ends of this and another signal have
        in common (0 if there is none), and the name of the other signal.
    """
    # In the order of their reversed samples, signals with the longest common end are neighbours.
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
