"""Shared fixtures: where the real recordings are, one thread for torch, and missing extras."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

# Modules of the extras. If any other module is missing, the test fails.
EXTRAS = """
    antropy captum dask distributed edfio h5py jinja2 matplotlib mne mne_bids mne_lsl onnx
    onnxruntime onnxscript openpyxl optuna optuna_integration pyarrow pycatch22 pylsl pyriemann
    ray rich safetensors serial skl2onnx skops skorch sksurv soundfile statsmodels timm torch
    torchvision tsdownsample tsfresh umap wfdb
""".split()  # noqa: SIM905


def pytest_configure(config):
    # Two torch threads on a busy machine with two cores are far slower than one.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def missing_package(error: BaseException | None) -> str | None:
    """Name of a package of an extra that is not installed, if an error was caused by that.

    Checks of scikit-learn wrap the error of an estimator, so its causes are examined too.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            name = error.name.partition(".")[0]
            # A test that pretends a package is missing has put None in the place of its module.
            given = name not in EXTRAS or name in sys.modules or importlib.util.find_spec(name)
            return None if given else name
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
