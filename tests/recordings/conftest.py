import numpy as np
import pytest


@pytest.fixture
def noise():
    """A second of 0.1 mV at 1000 Hz."""
    return 0.1 * np.random.default_rng(0).normal(size=1000)
