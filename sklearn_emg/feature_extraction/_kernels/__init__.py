"""Compiled loops over windows; modules that need numba are imported only inside functions."""
