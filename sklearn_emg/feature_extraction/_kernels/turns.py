"""Compiled detection of turns.

This module imports numba: import it only inside functions.
"""

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import INLINE

# Number of windows that are processed at once in vector lanes, and number of samples at a time.
LANES = 32
_CHUNK = 64


@njit(**INLINE)
def _side_by_side(bits, start, stop, n_lanes, words):
    """Transpose windows into lanes: sample start + j of window k becomes element k of row j.

    Parameters
    ----------
    bits : ndarray of shape (n_windows, n_times), int32 or int64
        Windows viewed as integers; the last window fills the remaining lanes.
    start, stop : int
        First sample, and the sample after the last.
    n_lanes : int
        Number of lanes, which is a multiple of four.
    words : ndarray of shape (n_times, n_words), uint64
        Output. A word contains two samples of float32, because stores take most of the time. If
        each sample is stored separately, `find_turns` takes 1.7 to 3.5 times as long.
    """
    last = bits.shape[0] - 1
    half = np.uint64(32)
    low = np.uint64(2**32 - 1)
    for lane in range(0, n_lanes, 4):
        a, b, c, d = (
            min(lane, last),
            min(lane + 1, last),
            min(lane + 2, last),
            min(lane + 3, last),
        )
        for j in range(stop - start):
            # The compiler omits the check for negative indices if the index is unsigned.
            i = np.uint64(start + j)
            p, q, r, s = (
                np.uint64(bits[a, i]),
                np.uint64(bits[b, i]),
                np.uint64(bits[c, i]),
                np.uint64(bits[d, i]),
            )
            if bits.itemsize == 4:
                words[j, lane // 2] = p & low | q << half
                words[j, lane // 2 + 1] = r & low | s << half
            else:
                words[j, lane] = p
                words[j, lane + 1] = q
                words[j, lane + 2] = r
                words[j, lane + 3] = s


@njit(**INLINE)
def _turn(sample, threshold, sign, candidate, last, total, count):
    """Process one sample as described in `_follow_turns`."""
    v = sample * sign
    candidate = v if v > candidate else candidate
    turned = candidate - v >= threshold
    # The last turn was an extremum in the other direction and therefore has the other sign.
    change = candidate + last
    total += change if turned else threshold - threshold
    count = np.int32(count + np.int32(turned))
    last = candidate if turned else last
    candidate = -v if turned else candidate
    sign = -sign if turned else sign
    return sign, candidate, last, total, count


@njit(**INLINE)
def _follow_turns(samples, n_lanes, threshold, state, counts):
    """Count turns, and sum the amplitude changes that lead to them, in several windows at once.

    The candidate is the largest sample since the last turn; while the signal falls, the negated
    signal is used (`sign`). The candidate becomes a turn when the signal has moved away from it by
    the threshold. The state remains in registers for four samples at a time.
    """
    for j in range(0, samples.shape[0], 4):
        x = samples[j : j + 4]
        for k in range(n_lanes):
            s = state[0, k], state[1, k], state[2, k], state[3, k], counts[k]
            s = _turn(x[0, k], threshold, *s)
            s = _turn(x[1, k], threshold, *s)
            s = _turn(x[2, k], threshold, *s)
            s = _turn(x[3, k], threshold, *s)
            state[0, k], state[1, k], state[2, k], state[3, k], counts[k] = s


@njit(**INLINE)
def _first_changes(samples, threshold, ends):
    """Track the largest and the smallest sample up to the first change that reaches the threshold.

    The third row of `ends` is 1 if the largest sample was updated last, and -1 if the smallest
    sample was.
    """
    for j in range(samples.shape[0]):
        for k in range(LANES):
            v = samples[j, k]
            high = ends[0, k]
            low = ends[1, k]
            still = high - low < threshold
            rising = still & (v > high)
            falling = still & (v < low)
            ends[0, k] = v if rising else high
            ends[1, k] = v if falling else low
            way = ends[2, k]
            way = -1.0 if falling else way
            ends[2, k] = 1.0 if rising else way


@njit(**INLINE)
def _correct_first(first, ends, count, out):
    """Correct the first direction of one window and write its number of turns."""
    if ends[2] > 0.0:
        out[1] += first - ends[1]
    elif count > 0:
        out[1] -= ends[0] - first
        count -= 1
    if count == 0:
        out[1] = 0.0
    out[0] = count


@njit(cache=True, nogil=True, error_model="numpy")
def find_turns(X, bits, threshold, out):
    """Count turns and sum the amplitude changes that lead to them.

    Each window is processed as if it rose from its first sample. The first direction is corrected
    at the end: if the signal first falls by the threshold, the maximum before this change was not a
    turn; if it first rises, the change starts at the lowest sample before it. A loop that processes
    one window after the other takes 8 times as long for float32 windows of 250 samples and 13 times
    as long for windows of 4000 samples.

    Parameters
    ----------
    X, bits : ndarray of shape (n_windows, n_times)
        Up to `LANES` windows in mV, and the same windows viewed as integers.
    threshold : float of the type of X
        Minimum amplitude change of a turn in mV.
    out : ndarray of shape (2, n_windows) or wider
        Output: numbers of turns and sums of amplitude changes.
    """
    # The compiler knows that arrays created here do not overlap.
    words = np.zeros((_CHUNK, LANES * X.itemsize // 8), dtype=np.uint64)
    ends = np.zeros((3, LANES), dtype=X.dtype)
    state = np.empty((4, LANES), dtype=X.dtype)
    counts = np.empty(LANES, dtype=np.int32)
    n_windows, n = X.shape
    n_lanes = LANES if n_windows > 4 else 4
    samples = words.view(X.dtype)
    for k in range(n_lanes):
        v = X[min(k, n_windows - 1), 0]
        state[0, k] = 1.0
        state[1, k] = v
        state[2, k] = -v
        ends[0, k] = v
        ends[1, k] = v
        counts[k] = 0
    for k in range(n_windows):
        out[1, k] = 0.0
    n_open = n_windows
    for start in range(0, n, _CHUNK):
        stop = min(start + _CHUNK, n)
        _side_by_side(bits, start, stop, n_lanes, words)
        n_samples = stop - start
        # A repetition of the last sample changes nothing.
        while n_samples % 4 > 0:
            for k in range(words.shape[1]):
                words[n_samples, k] = words[n_samples - 1, k]
            n_samples += 1
        for k in range(n_lanes):
            state[3, k] = 0.0
        # The numbers of lanes are constants, so that the loop over lanes is unrolled.
        if n_lanes > 4:
            _follow_turns(samples[:n_samples], LANES, threshold, state, counts)
        else:
            _follow_turns(samples[:n_samples], 4, threshold, state, counts)
        if n_open > 0:
            _first_changes(samples[:n_samples], threshold, ends)
            n_open = 0
            for k in range(n_windows):
                n_open += ends[0, k] - ends[1, k] < threshold
        for k in range(n_windows):
            out[1, k] += state[3, k]
    for k in range(n_windows):
        _correct_first(X[k, 0], ends[:, k], counts[k], out[:, k])
