"""Compiled entropies and fractal dimensions.

This module imports numba: import it only inside functions. All kernels take float64 windows, so
each is compiled only once.
"""

import math

import numpy as np
from numba import njit

from sklearn_emg.feature_extraction._kernels.options import FAST, INLINE

# Sample and approximate entropy ------------------------------------------------------------------
#
# Two samples are within r of each other if the rank of one lies between two bounds that belong to
# the other. Samples are therefore replaced by ranks, which are small integers. The match of two
# templates needs one comparison per coordinate, (rank - lower) <= width in unsigned arithmetic, for
# 16 or 32 templates at once. Templates are sorted by their first coordinate, so that the candidates
# for each template are contiguous. The counts are exact, because the bounds come from
# floating-point differences of samples. A plain loop over the pairs takes 45 times as long for 4000
# samples and 4.5 times as long for 250 samples.


@njit(cache=True, nogil=True, error_model="numpy")
def _matches(p, q, low_p, width_p, low_q, width_q):
    """Count all k with p[k] within its bounds, and all k with both p[k] and q[k] within theirs."""
    kind = p.dtype.type
    both = kind(0)
    first = kind(0)
    for k in range(p.shape[0]):
        c = kind(kind(p[k] - low_p) <= width_p)
        d = kind(kind(q[k] - low_q) <= width_q)
        first = kind(first + c)
        both = kind(both + (c & d))
    return np.int64(first), np.int64(both)


@njit(cache=True, nogil=True, error_model="numpy")
def _restrict(p, low, width, mask):
    """Clear the mask for all k with p[k] outside its bounds."""
    kind = p.dtype.type
    for k in range(p.shape[0]):
        mask[k] &= kind(kind(p[k] - low) <= width)


@njit(cache=True, nogil=True, error_model="numpy")
def _masked_matches(p, q, low_p, width_p, low_q, width_q, mask):
    kind = p.dtype.type
    both = kind(0)
    first = kind(0)
    for k in range(p.shape[0]):
        c = kind(mask[k] & kind(kind(p[k] - low_p) <= width_p))
        d = kind(kind(q[k] - low_q) <= width_q)
        first = kind(first + c)
        both = kind(both + (c & d))
    return np.int64(first), np.int64(both)


@njit(cache=True, nogil=True)
def _rank_bounds(values, order, r, rank, low, high):
    """Find each sample's rank, and the ranks of the smallest and largest sample within r of it."""
    n = values.shape[0]
    first = 0
    last = 0
    for k in range(n):
        v = values[order[k]]
        while v - values[order[first]] > r:
            first += 1
        while last + 1 < n and values[order[last + 1]] - v <= r:
            last += 1
        rank[order[k]] = k
        low[order[k]] = first
        high[order[k]] = last


@njit(cache=True, nogil=True)
def template_matches(X, orders, tolerances, m, pairs, code, out):
    """Count matches of templates of m and of m + 1 samples.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows.
    orders : ndarray of shape (n_windows, n_times)
        Indices that sort each window.
    tolerances : ndarray of shape (n_windows,)
        Largest difference r between matching samples of each window.
    m : int
        Number of samples in a template.
    pairs : bool
        Whether only pairs of distinct templates are counted. If False, the sums of logarithms are
        also computed.
    code : ndarray of shape (1,), uint16 or uint32
        Array whose type is used for ranks. The type must be able to represent n_times.
    out : ndarray of shape (n_windows, 4)
        Output: numbers of pairs of matching templates of m and of m + 1 samples, both among the
        first n_times - m templates; and sums of log(number of matches, including the template
        itself) over all templates of m and of m + 1 samples.
    """
    n = X.shape[1]
    kind = code.dtype.type
    n_short = n - m + 1
    n_long = n - m
    rank = np.empty(n, dtype=code.dtype)
    low = np.empty(n, dtype=code.dtype)
    high = np.empty(n, dtype=code.dtype)
    mask = np.empty(n, dtype=code.dtype)
    start = np.empty(n + 1, dtype=np.int64)
    template = np.empty(n, dtype=np.int64)
    coordinates = np.empty((m + 1, n), dtype=code.dtype)
    # Pairs need only templates with a successor; the sums of logarithms need one template more.
    n_templates = n_long if pairs else n_short
    for w in range(X.shape[0]):
        _rank_bounds(X[w], orders[w], tolerances[w], rank, low, high)
        # Templates in the order of their first samples; start[k] counts those of lower rank.
        count = 0
        for k in range(n):
            start[k] = count
            i = orders[w, k]
            if i < n_templates:
                template[count] = i
                for c in range(m):
                    coordinates[c, count] = rank[i + c]
                # The last template has no successor and gets a rank outside all bounds.
                coordinates[m, count] = rank[i + m] if i < n_long else kind(n)
                count += 1
        start[n] = count
        short = np.int64(0)
        long = np.int64(0)
        log_short = 0.0
        log_long = 0.0
        last_matches = np.int64(0)
        for k in range(count):
            i = template[k]
            stop = start[np.int64(high[i]) + 1]
            first = k + 1 if pairs else start[low[i]]
            p = coordinates[m - 1, first:stop]
            q = coordinates[m, first:stop]
            a = i + m - 1
            b = min(i + m, n - 1)
            low_p = low[a]
            width_p = kind(high[a] - low[a])
            low_q = low[b]
            width_q = kind(high[b] - low[b])
            if m <= 2:
                matches, further = _matches(p, q, low_p, width_p, low_q, width_q)
            else:
                mask[first:stop] = kind(1)
                for c in range(1, m - 1):
                    j = i + c
                    _restrict(
                        coordinates[c, first:stop],
                        low[j],
                        kind(high[j] - low[j]),
                        mask[first:stop],
                    )
                matches, further = _masked_matches(
                    p, q, low_p, width_p, low_q, width_q, mask[first:stop]
                )
            if pairs:
                short += matches
                long += further
            else:
                log_short += math.log(matches)
                short += matches
                if i < n_long:
                    long += further
                    log_long += math.log(further)
                else:
                    last_matches = matches
        if not pairs:
            # Each pair was counted twice, and each template matched itself.
            short = (short - n_short - 2 * (last_matches - 1)) // 2
            long = (long - n_long) // 2
        out[w, 0] = short
        out[w, 1] = long
        out[w, 2] = log_short
        out[w, 3] = log_long


# Fuzzy entropy -----------------------------------------------------------------------------------


@njit(**INLINE)
def _sum_exp(y):
    """Sum exp(-y) for y >= 0 with a polynomial in y / 256 and eight squarings.

    If exp is called for each pair, fuzzy entropy takes 4 to 4.6 times as long. For y above 40, the
    value is below the rounding error.
    """
    total = 0.0
    for k in range(y.shape[0]):
        v = y[k]
        t = (v if v < 40.0 else 40.0) * (-1.0 / 256.0)
        e = t * (1.0 / 362880.0) + (1.0 / 40320.0)
        e = t * e + (1.0 / 5040.0)
        e = t * e + (1.0 / 720.0)
        e = t * e + (1.0 / 120.0)
        e = t * e + (1.0 / 24.0)
        e = t * e + (1.0 / 6.0)
        e = t * e + 0.5
        e = t * e + 1.0
        e = t * e + 1.0
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        total += e
    return total


@njit(**INLINE)
def _distances(templates, i, d):
    """Compute the largest coordinate difference between template i and each later template."""
    for c in range(templates.shape[0]):
        row = templates[c, i + 1 :]
        v = templates[c, i]
        if c == 0:
            for k in range(row.shape[0]):
                d[k] = abs(row[k] - v)
        else:
            for k in range(row.shape[0]):
                e = abs(row[k] - v)
                d[k] = e if e > d[k] else d[k]


@njit(**INLINE)
def _powers(d, exponent, tolerance):
    inverse = 1.0 / tolerance
    if exponent == 2.0:
        for k in range(d.shape[0]):
            d[k] = d[k] * d[k] * inverse
    else:
        for k in range(d.shape[0]):
            d[k] = d[k] ** exponent * inverse


@njit(cache=True, nogil=True)
def fuzzy_sums(X, m, exponent, tolerance, out):
    """Sum exp(-d^exponent / tolerance) over the pairs of templates of m and of m + 1 samples.

    The mean of each template is subtracted. There are n_times - m templates of each length.
    """
    n = X.shape[1] - m
    d = np.empty(n)
    for w in range(X.shape[0]):
        for extra in range(2):
            size = m + extra
            templates = np.empty((size, n))
            for i in range(n):
                mean = 0.0
                for c in range(size):
                    mean += X[w, i + c]
                mean /= size
                for c in range(size):
                    templates[c, i] = X[w, i + c] - mean
            total = 0.0
            for i in range(n - 1):
                rest = d[: n - i - 1]
                _distances(templates, i, rest)
                _powers(rest, exponent, tolerance)
                total += _sum_exp(rest)
            out[w, extra] = total


# Order and embedding -----------------------------------------------------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def ordinal_counts(X, order, delay, out):
    """Count each ordinal pattern; the earlier of two equal samples has the lower rank."""
    n = X.shape[1] - (order - 1) * delay
    codes = np.empty(n, dtype=np.int32)
    for w in range(X.shape[0]):
        codes[:] = 0
        for a in range(order - 1):
            # In the factorial number system, a digit is the number of later samples that are lower.
            for k in range(n):
                codes[k] *= order - a
            early = X[w, a * delay : a * delay + n]
            for b in range(a + 1, order):
                late = X[w, b * delay : b * delay + n]
                for k in range(n):
                    codes[k] += np.int32(late[k] < early[k])
        out[w, :] = 0.0
        for k in range(n):
            out[w, codes[k]] += 1.0


@njit(**INLINE)
def _dot(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True)
def embedding_products(X, order, delay, out):
    """Compute the inner products of the columns of the embedding matrix of each window.

    Row i of the matrix contains samples i, i + delay ... i + (order - 1) delay.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows.
    order, delay : int
        Number of columns, and number of samples between neighbouring columns.
    out : ndarray of shape (n_windows, order, order)
        Output.
    """
    n = X.shape[1] - (order - 1) * delay
    for w in range(X.shape[0]):
        for a in range(order):
            for b in range(a, order):
                product = _dot(X[w, a * delay : a * delay + n], X[w, b * delay : b * delay + n])
                out[w, a, b] = product
                out[w, b, a] = product


# Fractal dimensions ------------------------------------------------------------------------------


@njit(**INLINE)
def _add_steps(early, late, lanes):
    for j in range(lanes.shape[0]):
        lanes[j] += abs(late[j] - early[j])


@njit(cache=True, nogil=True)
def higuchi_lengths(X, k_max, out):
    """Compute the mean length L(k) of the k curves through every k-th sample, k = 1 .. k_max.

    Differences are summed in lanes that the compiler vectorises. A loop over each curve takes 1.9
    times as long for windows of 250 samples and 3 times as long for windows of 4000 samples.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows.
    k_max : int
        Largest step in samples.
    out : ndarray of shape (n_windows, k_max)
        Output; column k - 1 contains L(k).
    """
    n = X.shape[1]
    lanes = np.empty(64 + k_max)
    for w in range(X.shape[0]):
        x = X[w]
        for k in range(1, k_max + 1):
            # There are about 64 lanes of partial sums. Their number is a multiple of k, so that
            # each lane belongs to one curve.
            size = (63 + k) // k * k
            lanes[:size] = 0.0
            n_steps = n - k
            start = 0
            while start < n_steps:
                stop = min(start + size, n_steps)
                _add_steps(x[start:stop], x[start + k : stop + k], lanes[: stop - start])
                start = stop
            total = 0.0
            for m in range(k):
                length = 0.0
                for j in range(m, size, k):
                    length += lanes[j]
                total += length / ((n - 1 - m) // k)
            out[w, k - 1] = total * (n - 1) / (k * k * k)


@njit(cache=True, nogil=True, fastmath=FAST | {"nnan"})
def katz_sums(X, out):
    """Compute the length of the curve and the largest distance from the first sample.

    Parameters
    ----------
    X : ndarray of shape (n_windows, n_times)
        Windows.
    out : ndarray of shape (n_windows, 2)
        Output.
    """
    for w in range(X.shape[0]):
        x = X[w]
        early, late = x[:-1], x[1:]
        length = farthest = 0.0
        for i in range(early.shape[0]):
            length += abs(late[i] - early[i])
            farthest = max(farthest, abs(late[i] - x[0]))
        out[w, 0] = length
        out[w, 1] = farthest


@njit(cache=True, nogil=True, error_model="numpy")
def _gather_steps(x, d):
    """Collect the differences that are not zero; zeros are written and then overwritten.

    A loop that remembers the last difference that is not zero takes 2.2 to 2.4 times as long.
    """
    # The compiler omits the check for negative indices if the index is unsigned.
    count = np.uint64(0)
    for i in range(x.shape[0] - 1):
        v = x[i + 1] - x[i]
        d[count] = v
        count += np.uint64(v != 0.0)
    return np.int64(count)


@njit(cache=True, nogil=True, error_model="numpy")
def _opposite_neighbours(d):
    count = np.int32(0)
    for i in range(d.shape[0] - 1):
        count = np.int32(count + np.int32((d[i] < 0.0) != (d[i + 1] < 0.0)))
    return count


@njit(cache=True, nogil=True)
def sign_changes(X, out):
    """Count the sign changes of the differences; differences of exactly zero are skipped.

    A plateau counts as one sign change if the signal enters and leaves it on the same side.
    """
    d = np.empty(X.shape[1])
    for w in range(X.shape[0]):
        out[w] = _opposite_neighbours(d[: _gather_steps(X[w], d)])


@njit(cache=True, nogil=True)
def box_counting(X, n_scales, out):
    """Count the boxes that the curve through the samples touches, at widths of 1, 2, 4 ... samples.

    Time and amplitude are scaled to a square. A column of boxes extends from its first sample to
    the first sample of the next column.
    """
    n = X.shape[1]
    high = np.empty(n - 1)
    low = np.empty(n - 1)
    for w in range(X.shape[0]):
        x = X[w]
        bottom = x.min()
        span = x.max() - bottom
        size = n - 1
        for i in range(size):
            high[i] = max(x[i], x[i + 1])
            low[i] = min(x[i], x[i + 1])
        for scale in range(n_scales):
            if scale > 0:
                half = size // 2
                for i in range(half):
                    high[i] = max(high[2 * i], high[2 * i + 1])
                    low[i] = min(low[2 * i], low[2 * i + 1])
                if size % 2:
                    high[half] = high[size - 1]
                    low[half] = low[size - 1]
                size = half + size % 2
            count = 0
            if span > 0.0:
                per_box = (n - 1) / (span * 2.0**scale)
                for i in range(size):
                    count += (
                        1 + int((high[i] - bottom) * per_box) - int((low[i] - bottom) * per_box)
                    )
            else:
                count = size
            out[w, scale] = count


@njit(**INLINE)
def _residual(y, centre):
    """Sum the squared deviations of y from a straight line; 0 if they are rounding errors."""
    n = y.shape[0]
    total = 0.0
    for i in range(n):
        total += y[i]
    mean = total / n
    square = cross = 0.0
    for i in range(n):
        v = y[i] - mean
        square += v * v
        cross += (i - centre) * v
    left = square - cross * cross * 12.0 / (n * (n * n - 1.0))
    return left if left > 1e-14 * square else 0.0


@njit(cache=True, nogil=True)
def detrended_fluctuation(X, sizes, out):
    """Compute the RMS deviation of the integrated signal from lines in boxes of each size."""
    n = X.shape[1]
    profile = np.empty(n)
    for w in range(X.shape[0]):
        mean = X[w].mean()
        total = 0.0
        for i in range(n):
            total += X[w, i] - mean
            profile[i] = total
        for s in range(sizes.shape[0]):
            size = sizes[s]
            n_boxes = n // size
            square = 0.0
            for k in range(n_boxes):
                square += _residual(profile[k * size : (k + 1) * size], 0.5 * (size - 1))
            out[w, s] = math.sqrt(square / (n_boxes * size))


# Lempel-Ziv --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def lempel_ziv_phrases(symbols, out):
    """Count the phrases of the exhaustive history (Lempel & Ziv 1976) of binary sequences.

    A suffix automaton of the symbols read so far determines whether the current phrase, extended by
    one symbol, has occurred before. It grows by one symbol at a time, and the total time is linear
    in the length of the sequence.
    """
    n = symbols.shape[1]
    following = np.empty((2 * n + 2, 2), dtype=np.int32)
    link = np.empty(2 * n + 2, dtype=np.int32)
    longest = np.empty(2 * n + 2, dtype=np.int32)
    for w in range(symbols.shape[0]):
        following[0, 0] = following[0, 1] = -1
        link[0] = -1
        longest[0] = 0
        n_states = 1
        last = 0
        state = 0
        length = 0
        phrases = 0
        for i in range(n):
            c = symbols[w, i]
            # The automaton contains the symbols before i, so an occurrence may overlap the phrase.
            if following[state, c] >= 0:
                state = following[state, c]
                length += 1
            else:
                phrases += 1
                state = 0
                length = 0
            new = n_states
            n_states += 1
            longest[new] = longest[last] + 1
            following[new, 0] = following[new, 1] = -1
            p = last
            while p >= 0 and following[p, c] < 0:
                following[p, c] = new
                p = link[p]
            if p < 0:
                link[new] = 0
            else:
                q = following[p, c]
                if longest[p] + 1 == longest[q]:
                    link[new] = q
                else:
                    clone = n_states
                    n_states += 1
                    longest[clone] = longest[p] + 1
                    following[clone, 0] = following[q, 0]
                    following[clone, 1] = following[q, 1]
                    link[clone] = link[q]
                    while p >= 0 and following[p, c] == q:
                        following[p, c] = clone
                        p = link[p]
                    link[q] = clone
                    link[new] = clone
                    # The current phrase may now belong to the copy.
                    if state == q and length <= longest[clone]:
                        state = clone
            last = new
        out[w] = phrases + (1 if length > 0 else 0)
