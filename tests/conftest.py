"""Shared fixtures: where the real recordings are, and one thread for torch."""

import os
from pathlib import Path

import pytest


def pytest_configure(config):
    # Two torch threads on a busy machine with two cores are far slower than one.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real recordings: emgdb, n2001, n2001_features, lower_limb."""
    folder = os.environ.get("SKLEARN_EMG_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real recordings: set SKLEARN_EMG_DATA to their folder")
    return Path(folder)
