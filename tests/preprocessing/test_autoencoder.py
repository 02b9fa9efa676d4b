import joblib
import numpy as np
import pytest
from data import noise, snr

from sklearn_emg.preprocessing import AutoencoderDenoiser
from sklearn_emg.recordings import recording_table

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

TINY = {"n_filters": 4, "kernel_size": 3, "n_layers": 2, "max_epochs": 2, "random_state": 0}


def _potentials(n_windows, n_times=256, seed=0):
    """One shape at random places."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_times)
    at = rng.uniform(40, n_times - 40, size=(n_windows, 1))
    return np.exp(-(((t - at) / 8) ** 2)) * np.sin((t - at) / 4) * 2


@pytest.mark.parametrize("kind, minimum", [("white", 6.0), (None, 2.0)])
def test_it_learns_shapes_from_noisy_windows_alone(kind, minimum):
    clean = _potentials(200)
    noisy = clean + clean.std() * noise(*clean.shape)  # 0 dB
    denoiser = AutoencoderDenoiser(noise=kind, max_epochs=20, random_state=0).fit(noisy)
    other = _potentials(20, seed=1)
    fresh = other + other.std() * noise(*other.shape, seed=2)
    assert snr(other, denoiser.transform(fresh)) > minimum
    assert denoiser.losses_[-1] < 0.9 * denoiser.losses_[0]


def test_injected_interference_is_removed():
    clean = _potentials(200)
    denoiser = AutoencoderDenoiser(
        noise="powerline", line_freq=25.0, fs=1000.0, max_epochs=20, random_state=0
    ).fit(clean)
    other = _potentials(20, seed=1)
    interference = np.sin(2 * np.pi * 25.0 * np.arange(256) / 1000.0 + 1.0)
    noisy = other + interference * np.sqrt(2) * other.std()
    assert snr(other, denoiser.transform(noisy)) > 6


def test_unlike_windows_have_a_larger_reconstruction_error():
    clean = _potentials(150)
    denoiser = AutoencoderDenoiser(max_epochs=15, random_state=0).fit(clean)
    square = np.sign(np.sin(np.arange(256) / 2.0))[None] * clean.std()
    errors = denoiser.reconstruction_error(np.concatenate([_potentials(10, seed=1), square]))
    assert errors.shape == (11,)
    assert errors[-1] > 2 * errors[:-1].max()


@pytest.mark.parametrize("verbose", [0, 1])
def test_it_tells_of_its_epochs_on_request(verbose, capsys):
    denoiser = AutoencoderDenoiser(**TINY, verbose=verbose).fit(noise(5, 64))
    rows = [f"epoch {k} of 2: loss {loss:.4f}" for k, loss in enumerate(denoiser.losses_, 1)]
    assert capsys.readouterr().out.splitlines() == (rows if verbose else [])


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="'device' parameter of AutoencoderDenoiser must be"):
        AutoencoderDenoiser(**TINY, device="abacus").fit(noise(3, 64))


def test_signals_of_another_rate_than_in_training_are_refused():
    signals = list(noise(3, 64))
    slow, fast = (recording_table(signals, fs=fs, subject=list("abc")) for fs in (500.0, 1000.0))
    denoiser = AutoencoderDenoiser(**TINY).fit(slow)
    assert denoiser.fs_ == 500.0
    with pytest.raises(ValueError, match=r"Row 0.*trained at 500 Hz .* Got a signal at 1000 Hz"):
        denoiser.transform(fast)


def test_error_of_a_table_is_that_of_its_windows():
    X = noise(3, 2, 50)
    table = recording_table(list(X), fs=100.0, subject="a")
    windows, rows = (AutoencoderDenoiser(**TINY).fit(data) for data in (X, table))
    np.testing.assert_allclose(rows.reconstruction_error(table), windows.reconstruction_error(X))


def test_errors_by_hand():
    X = noise(4, 2, 30)
    denoiser = AutoencoderDenoiser(**TINY).fit(X)
    expected = np.mean((X - denoiser.transform(X)) ** 2, axis=(1, 2))
    np.testing.assert_allclose(denoiser.reconstruction_error(X), expected)


def test_codes_are_short():
    X = noise(5, 3, 50)
    codes = AutoencoderDenoiser(**TINY, n_code=2).fit(X).encode(X)
    assert codes.shape == (5, 3 * 2, 13)  # 50 samples in steps of 4


@pytest.mark.parametrize("n_times", [1, 3, 4, 130, 1100])
def test_any_length_and_type(n_times):
    X = noise(2, 3, n_times).astype(np.float32)
    restored = AutoencoderDenoiser(**TINY).fit_transform(X)
    assert (restored.shape, restored.dtype) == (X.shape, np.float32)
    assert np.isfinite(restored).all()


def test_rows_of_a_table_may_differ_in_length():
    table = recording_table([noise(700), noise(2, 90)], fs=100.0, subject="a")
    restored = AutoencoderDenoiser(**TINY).fit_transform(table)
    assert [s.shape for s in restored["signal"]] == [(700,), (2, 90)]


def test_seed_decides_and_no_global_state_moves():
    X = noise(6, 40)
    state = torch.random.get_rng_state()
    first, again = (AutoencoderDenoiser(**TINY).fit_transform(X) for _ in range(2))
    other = AutoencoderDenoiser(**TINY).set_params(random_state=1).fit_transform(X)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_silence_is_no_reason_to_fail():
    restored = AutoencoderDenoiser(**TINY).fit_transform(np.zeros((3, 40)))
    assert np.isfinite(restored).all()


@pytest.mark.parametrize(
    "denoiser, match",
    [
        (AutoencoderDenoiser(kernel_size=4), "'kernel_size' parameter of AutoencoderDenoiser must"),
        (AutoencoderDenoiser(noise="powerline"), "needs the sampling rate"),
        (
            AutoencoderDenoiser(noise="powerline", fs=90.0),
            "'line_freq' parameter of AutoencoderDeno",
        ),
    ],
)
def test_unusable_parameters_are_refused(denoiser, match):
    with pytest.raises(ValueError, match=match):
        denoiser.fit(noise(3, 40))


def test_several_rates_are_refused():
    table = recording_table([noise(50), noise(50)], fs=[100.0, 200.0], subject="a")
    with pytest.raises(ValueError, match=r"100 and 200 Hz\. Put Resampler before it"):
        AutoencoderDenoiser(**TINY).fit(table)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_restores_what_the_cpu_restores():
    X = _potentials(60)
    denoiser = AutoencoderDenoiser(max_epochs=5, device="cpu", random_state=0).fit(X)
    on_cpu = denoiser.transform(X)
    on_cuda = denoiser.set_params(device="cuda").transform(X)
    np.testing.assert_allclose(on_cuda, on_cpu, atol=1e-9)
    trained = AutoencoderDenoiser(max_epochs=5, device="cuda", random_state=0).fit(X)
    assert trained.losses_[-1] == pytest.approx(denoiser.losses_[-1], rel=0.1)


def test_codes_of_a_table_are_those_of_its_windows():
    X = np.random.default_rng(0).normal(size=(4, 64))
    table = recording_table(list(X), fs=1000.0, subject=list("abcd"))
    denoiser = AutoencoderDenoiser(
        4, n_layers=1, max_epochs=1, random_state=0, device="cpu", fs=1000.0
    ).fit(X)
    codes = denoiser.encode(X)
    denoiser = AutoencoderDenoiser(4, n_layers=1, max_epochs=1, random_state=0, device="cpu").fit(
        table
    )
    np.testing.assert_allclose(denoiser.encode(table), codes, rtol=1e-4, atol=1e-5)
    uneven = recording_table([X[0], X[1, :32]], fs=1000.0, subject=["a", "b"])
    with pytest.raises(ValueError, match="encode needs signals of one shape"):
        denoiser.encode(uneven)


def test_training_uses_the_cores_and_gives_them_back(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(joblib, "cpu_count", lambda *_, **__: 3)
    seen = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: seen.append(torch.get_num_threads()) or step(self)
    )
    torch.set_num_threads(4)
    try:
        AutoencoderDenoiser(**TINY).fit(noise(5, 64))
        assert set(seen) == {3}
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
