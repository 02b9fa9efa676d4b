"""Compiled loops over windows; import all modules that need numba inside functions only."""
