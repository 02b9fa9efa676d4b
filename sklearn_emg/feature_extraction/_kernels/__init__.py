"""Compiled loops over windows; all modules but `sums` import numba, hence inside functions only."""
