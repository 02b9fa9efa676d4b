import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")
pytest.importorskip("skorch", reason="the networks need skorch")


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    """Two threads on a busy machine are slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
