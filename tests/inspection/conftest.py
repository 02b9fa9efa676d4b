import pytest


@pytest.fixture(autouse=True, scope="session")
def without_screen():
    """Draw in memory, and close the figures of each test."""
    matplotlib = pytest.importorskip("matplotlib", reason="the Displays need matplotlib")
    matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")
