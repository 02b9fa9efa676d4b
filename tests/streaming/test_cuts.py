"""Random cuts of real recordings stream to the last bit, for every step and five systems."""

import importlib.util
import os
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "streaming.py"
    spec = importlib.util.spec_from_file_location("streaming_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["emgdb", "n2001", "algiers", "lower_limb"])
def test_no_cut_changes_a_bit(benchmark, real_data, monkeypatch, name):
    """1,000 cuts of each step and system: 250 of each set; SKLEARN_EMG_CUTS sets another number."""
    monkeypatch.setenv("SKLEARN_EMG_DATA", str(real_data))
    n_cuts = int(os.environ.get("SKLEARN_EMG_CUTS", "1000")) // len(benchmark.SETS)
    found = {}
    for step, differ in benchmark.differing(name, n_cuts):
        print(f"{name}, {step}: {differ} of {n_cuts} differ", flush=True)
        found[step] = differ
    assert len(found) == 14
    assert set(found.values()) == {0}
