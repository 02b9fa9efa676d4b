"""Compiled loops of the decomposition, against plain NumPy."""

import numpy as np
import pytest

from sklearn_emg.motor_units._kernels import closest, match, medians, neighbours
from sklearn_emg.motor_units._kinds import similarity
from sklearn_emg.motor_units._search import Search, find_discharges
from sklearn_emg.motor_units._signals import STEPS, correlations, gains, shifted, taper


@pytest.mark.parametrize("n", [1, 2, 3, 6, 7, 8, 33, 100, 129])
@pytest.mark.parametrize("length", [1, 64, 65, 138])
def test_medians_of_columns(n, length):
    values = np.random.default_rng(n).normal(size=(n, 2, length)).round(1)
    np.testing.assert_array_equal(medians(values), np.median(values, axis=0))


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("delay", [-60, -5, 0, 1, 60])
def test_closest_shift(n_channels, delay):
    rng = np.random.default_rng(0)
    b = np.zeros((n_channels, 138))
    b[:, 62:76] = rng.normal(size=(n_channels, 14))
    a = np.roll(b, delay, axis=-1)
    product, shift = closest(a, b, 69)
    assert shift == delay
    assert product == pytest.approx((b**2).sum())
    assert similarity(a, b, 69)[0] == pytest.approx(0.0, abs=1e-12)


def test_neighbours_are_rows_at_a_small_distance():
    rows = np.random.default_rng(0).normal(size=(40, 3)).round(2)
    size = (rows**2).sum(axis=1)
    near = neighbours(rows @ rows.T, size, 1.0, 0.2)
    distance = ((rows[:, None] - rows) ** 2).sum(axis=-1)
    limit = 1.0 + 0.2 * np.minimum(size[:, None], size)
    np.testing.assert_array_equal(near, distance < limit)
    assert 40 < near.sum() < 1600


@pytest.mark.parametrize("n_times", [500, 885, 1770, 2001])
def test_gains_are_twice_the_correlation_minus_the_energy(n_times):
    rng = np.random.default_rng(0)
    signal, templates = rng.normal(size=(2, n_times)), rng.normal(size=(3, 2, 140))
    before = 46
    padded = np.pad(signal, ((0, 0), (before, 140)))
    expected = [
        2 * sum(np.correlate(padded[c], wave[c], "valid")[:n_times] for c in range(2))
        - (wave**2).sum()
        for wave in templates
    ]
    np.testing.assert_allclose(gains(signal, templates, before), expected, atol=1e-3)


def scene(seed, n_units=4, fs=11_500.0):
    """Search with noise and random trains of random templates, many of which overlap."""
    rng = np.random.default_rng(seed)
    search = Search.start(np.zeros((1, 3 * int(fs))), np.ones(3 * int(fs), bool), fs, 1.0)
    waves = [
        np.convolve(rng.normal(size=80), np.hanning(11), "same") * taper(80, 10)
        for _ in range(n_units)
    ]
    search.templates = np.zeros((n_units, 1, search.length))
    search.templates[:, 0, 10:90] = waves * rng.uniform(4, 9, size=(n_units, 1))
    trains = [np.cumsum(rng.normal(0.08, 0.01, size=40)) * fs for _ in range(n_units)]
    search.units = np.repeat(np.arange(n_units), 40)
    search.at = np.concatenate(trains).astype(np.int64)
    kept = search.at < 3 * fs - 200
    search.units, search.at = search.units[kept], search.at[kept]
    search.steps = rng.integers(len(STEPS), size=kept.sum())
    search.x = rng.normal(size=search.x.shape) - search.residual()
    return search


@pytest.mark.parametrize("n_sweeps", [0, 1, 2])
def test_the_state_after_matching_is_that_of_the_residual(n_sweeps):
    search = scene(n_sweeps)
    templates, energy = search.templates, search.energy
    n_units, n_times = len(templates), search.x.shape[-1]

    def scores(x):
        return gains(x, templates, search.before)

    values, bars = scores(search.x), np.full((n_units, n_times), 60.0, np.float32)
    single = templates.astype(np.float32)
    gram = correlations(single, shifted(single, STEPS))
    model = (
        gram,
        np.zeros_like(gram[:, 0]),
        35,
        np.full(n_units, 300),
        np.full(n_units, 20.0, np.float32),
        (4 * energy + 1000).astype(np.float32),
    )
    found = [np.empty(2000, np.int64) for _ in range(3)]
    n = match((values, bars), model, n_sweeps, *found)
    search.units, search.at, search.steps = (values[:n] for values in found)
    np.testing.assert_allclose(values, scores(search.residual()), atol=0.01 * energy.max())
    # No further discharge exceeds its threshold, and each threshold is raised by discharges alone.
    assert not (values > bars).any()
    raised = np.full(bars.shape, 60.0)
    for unit, at in zip(search.units, search.at):
        apart = np.abs(np.arange(n_times) - at)
        raised[unit] += np.where(apart <= 35, model[5][unit], np.where(apart <= 300, 20.0, 0.0))
    np.testing.assert_allclose(bars, raised, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_superposed_discharges_of_known_templates_are_found(seed):
    search = scene(seed)
    units, at, steps = search.units.copy(), search.at.copy(), search.steps.copy()
    find_discharges(search, 2)
    assert len(search.units) == len(units)
    for unit in range(len(search.templates)):
        truth = np.sort((at + STEPS[steps])[units == unit])
        np.testing.assert_allclose(search.train(unit) * search.fs, truth, atol=0.2)
