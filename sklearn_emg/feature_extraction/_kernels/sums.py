"""Names of the sums and measures that kernels write, and bits of their groups (no numba)."""

from __future__ import annotations

#: Columns of the table of potentials that ``_kernels.muap`` writes.
MUAP_MEASURES = (
    "start",
    "stop",
    "peak",
    "isolated",
    "amplitude",
    "duration",
    "phases",
    "turns",
    "rise_time",
    "area",
    "thickness",
    "size_index",
)

_TIME_SUM_NAMES = (
    "x",
    "abs",
    "x2",
    "d_abs",
    "d2",
    "d",
    "dd",
    "max",
    "min",
    "zc",
    "ssc",
    "wamp",
    "myop",
    "c2",
    "c3",
    "c4",
    "c_abs",
    "dd2",
    "tk",
    "tk2",
    "r2",
    "x3",
    "x4",
    "x5",
    "xv",
    "log",
    "n_log",
    "ewl",
    "mmav1",
    "mmav2",
    "l_sum",
    "turns",
    "turn_sum",
)
#: Row of each sum that ``_kernels.time`` writes; the bins of the histogram and the segments follow.
TIME_SUMS = {name: row for row, name in enumerate(_TIME_SUM_NAMES)}
N_TIME_SUMS = len(TIME_SUMS)

# Groups of sums that can be requested, one bit each. The first seven sums are always computed.
RANGE, COUNT, JUMP, CENTRED, CURVATURE, MOMENT, LOG = (1 << bit for bit in range(7))
ENHANCED, MODIFIED, TURNS, L_SCALE, HISTOGRAM, SLOPE = (1 << bit for bit in range(7, 13))
