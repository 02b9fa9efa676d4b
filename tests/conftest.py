"""Shared fixtures: where the real recordings are, one thread for torch, and missing extras."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest


def pytest_configure(config):
    # Two torch threads on a busy machine with two cores are far slower than one.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def missing_package(error: BaseException | None) -> str | None:
    """Name of a package that is not installed, if an error was caused by that.

    Checks of scikit-learn wrap the error of an estimator in their own: its causes are asked too.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            name = error.name.partition(".")[0]
            # A test that pretends a package is missing has put None in the place of its module.
            return None if name in sys.modules or importlib.util.find_spec(name) else name
        error = error.__cause__ or error.__context__
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip tests of an extra that is not installed, as in an environment of the lowest versions."""
    try:
        return (yield)
    except Exception as error:
        if name := missing_package(error):
            pytest.skip(f"needs {name}")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """The same for fixtures."""
    try:
        return (yield)
    except Exception as error:
        if name := missing_package(error):
            pytest.skip(f"needs {name}")
        raise


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with real recordings: emgdb, n2001, n2001_features, lower_limb."""
    folder = os.environ.get("SKLEARN_EMG_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real recordings: set SKLEARN_EMG_DATA to their folder")
    return Path(folder)
