"""The laws of the simulated cohort, each against an independent calculation."""

import numpy as np
import pytest
from scipy.integrate import quad

from sklearn_emg.datasets._simulator import _motor_units as units
from sklearn_emg.datasets._simulator._muscle_model import (
    MUSCLES,
    SUBJECT_LOG_SD,
    Subject,
    conditions_of,
    excitation_factor,
)
from sklearn_emg.datasets._simulator._volume_conductor import (
    STEP,
    Geometry,
    conduction_velocity,
    electrode_weights,
    potential_table,
    source_strength,
)

RADII = np.geomspace(0.06, 14.0, 22)  # mm


def conditions(diagnosis="normal", subtype="normal", severity=0.0, age=40, drive=0.1):
    subject = Subject(age, dict.fromkeys(SUBJECT_LOG_SD, 1.0), diagnosis, subtype, severity)
    return conditions_of(MUSCLES["biceps_brachii"], subject, severity, drive)


def fibre(x, y=0.0, diameter=50.0, endplate=18.0):
    """Potential of one fibre over propagated distance, mV."""
    geometry = Geometry(np.array([x]), np.array([y]), np.array([diameter]))
    weights = electrode_weights(geometry, 0.08) * source_strength(diameter)
    return (weights @ potential_table(endplate, 70.0))[0]


def extremes(wave, fraction=0.03):
    """Signs of successive phases above a fraction of the largest value."""
    signs = np.sign(wave[np.abs(wave) > fraction * np.abs(wave).max()])
    return list(signs[np.append(True, np.diff(signs) != 0)])


# One fibre ---------------------------------------------------------------------------------


@pytest.mark.parametrize("node", [3, 10, 18])
@pytest.mark.parametrize("distance", [12.0, 18.6, 40.0])
def test_table_is_the_line_source_integral(node, distance):
    a, half, scale, radius = 18.0, 70.0, 1.2, RADII[node]
    anisotropy = 0.33 / 0.063

    def slope(s):
        u = s / scale
        return 96 / scale * (3 * u**2 - u**3) * np.exp(-u) if s > 0 else 0.0

    def source(s, sign, end):
        q = sign * s - a
        fading = min(1.0, max(0.0, (end - s) / 1.5))
        return -sign * fading * q / (anisotropy * radius**2 + q**2) ** 1.5

    def integrand(s):
        return slope(distance - s) * (source(s, 1, half) + source(s, -1, half + 0.3 * a))

    expected = quad(integrand, 0, distance, limit=400)[0]
    table = potential_table(a, half, scale)
    # The tenth of a millimetre around the electrode is cut into steps of 0.04 mm.
    assert table[node, round(distance / STEP)] == pytest.approx(expected, rel=0.05, abs=0.05)


def test_potential_falls_with_distance():
    sizes = [np.ptp(fibre(x)) for x in (0.15, 0.3, 0.6, 1.2, 2.4, 4.8, 8.0)]
    assert (np.diff(sizes) < 0).all()


def test_three_phases_away_from_the_endplate():
    # Only while the wave passes; the end of the fibre comes much later.
    assert extremes(fibre(0.3)[: int(40 / STEP)]) == [1, -1, 1]


def test_two_phases_beginning_negative_at_the_endplate():
    assert extremes(fibre(0.3, endplate=0.0)[: int(40 / STEP)]) == [-1, 1]


def test_delay_between_planes_is_distance_over_velocity():
    diameter = 50.0
    table_near, table_far = potential_table(15.0, 70.0), potential_table(24.0, 70.0)
    weights = electrode_weights(Geometry(np.array([0.3]), np.zeros(1), np.array([diameter])), 0.08)
    speed = np.array([conduction_velocity(diameter) / units.RATE])
    peaks = [
        units.fibre_waveforms(table, weights, np.zeros(1), speed)[0].argmin()
        for table in (table_near, table_far)
    ]
    # 9 mm at 3.45 m/s, to one sample of 1/24 ms.
    assert (peaks[1] - peaks[0]) / units.RATE == pytest.approx(9.0 / 3.45, abs=1.01 / units.RATE)


def test_velocity_of_a_55_um_fibre_is_3_7_metres_per_second():
    assert conduction_velocity(55.0) == pytest.approx(3.7)


def test_twice_the_diameter_gives_four_times_the_potential():
    assert source_strength(80.0) == pytest.approx(4 * source_strength(40.0))


def test_a_fibre_is_silent_before_it_fires_and_after_the_table():
    table = potential_table(18.0, 25.0)
    weights = np.ones((1, len(RADII)), dtype=np.float32)
    wave = units.fibre_waveforms(table, weights, np.array([-5.0]), np.array([0.15]), 768)[0]
    # The Fourier transform leaves some rounding where it should be zero.
    np.testing.assert_allclose(wave[: int(5.0 / 0.15)], 0, atol=1e-6 * np.ptp(wave))
    np.testing.assert_allclose(wave[-10:], 0, atol=1e-6 * np.ptp(wave))


# The electrode -----------------------------------------------------------------------------


def test_electrode_is_bipolar():
    rng = np.random.default_rng(0)
    geometry = Geometry(rng.normal(size=50), rng.normal(size=50), rng.uniform(20, 80, 50))
    np.testing.assert_allclose(electrode_weights(geometry, 0.08).sum(axis=1), 0, atol=1e-6)


def test_electrode_averages_the_logarithm_of_the_radius():
    # A function linear in log r passes the table's interpolation unchanged.
    x, y, diameter, gap = 1.1, 0.7, 50.0, 0.08
    core_y = np.array([-0.232, -0.116, 0.0, 0.116, 0.232])
    core = np.sqrt(1 - (core_y / 0.29) ** 2)
    cannula_y = np.array([0.5, 1, 1.8, 3, 4.8, 7.4, 11, 16])
    length = np.gradient(cannula_y)
    expected = np.average(np.log(np.hypot(x, y - core_y)), weights=core)
    expected -= np.average(np.log(np.minimum(np.hypot(x, y + cannula_y), 14)), weights=length)
    expected *= 0.25 + 0.75 / (1 + np.exp(-x / 0.08))
    weights = electrode_weights(Geometry(*(np.array([v]) for v in (x, y, diameter))), gap)
    assert weights[0] @ np.log(RADII) == pytest.approx(expected, rel=1e-5)


def test_fibres_behind_the_needle_are_shadowed():
    # 0.25 deep in the shadow of the cannula, 1 far in front of the core.
    assert np.ptp(fibre(-1.0)) / np.ptp(fibre(1.0)) == pytest.approx(0.25, rel=1e-3)


def test_no_fibre_is_inside_the_needle():
    np.testing.assert_allclose(fibre(0.0), fibre(1e-9), rtol=1e-4)
    assert np.ptp(fibre(0.0)) < 2 * np.ptp(fibre(0.15))


# Motor units and firing --------------------------------------------------------------------


def test_number_of_units_is_overlap_times_the_area():
    rng = np.random.default_rng(0)
    counts = [len(units.draw_pool(rng, conditions())) for _ in range(60)]
    # At each point, 20 territories with a radius of 3.2 mm overlap. The radius of the field is
    # 1.25 * 3.2 + 4.5 = 8.5 mm.
    expected = 20 * (8.5 / 3.2) ** 2
    assert np.mean(counts) == pytest.approx(expected, abs=4 * np.sqrt(expected / 60))


def test_fibres_stand_for_those_left_out():
    rng = np.random.default_rng(1)
    c = conditions()
    pool = units.pool_around_needle(rng, c, 30)
    fibres = units._place_fibres(rng, pool, c)
    built = np.bincount(fibres.unit, fibres.weight)
    # All fibres of these units lie within 9 mm of the needle.
    np.testing.assert_allclose(built, fibres.n_fibres, rtol=1e-12)
    assert (np.bincount(fibres.unit) <= fibres.n_near + 14).all()


def test_reinnervation_multiplies_fibres():
    rng = np.random.default_rng(0)
    c = conditions("neuropathy", "als", 0.8)
    lost = 0.64
    assert c.units_kept == pytest.approx(1 - lost)
    assert c.fibre_multiplier == pytest.approx(1 + 0.9 * lost / (1 - lost))
    pool = units.pool_around_needle(rng, c, 300)
    ratio = units._place_fibres(rng, pool, c).n_fibres.sum() / pool.mean_fibres.sum()
    # The unit's own factor e^N(0, .35) has the mean exp(.35² / 2).
    assert ratio == pytest.approx(1 + (c.fibre_multiplier - 1) * np.exp(0.35**2 / 2), rel=0.1)


def test_age_loses_units_and_adopts_their_fibres():
    old = conditions(age=80)
    assert (old.units_kept, old.fibre_multiplier) == (pytest.approx(0.82), pytest.approx(1.2))


def test_diseased_muscle_needs_more_drive():
    assert excitation_factor("normal", 1.0) == 1
    assert excitation_factor("myopathy", 0.5) == 2
    assert excitation_factor("neuropathy", 0.5) == pytest.approx(1 + 0.2 / 0.6)


def test_thresholds_span_30_fold():
    pool = units.Pool(np.array([0.0, 1.0]), *np.zeros((4, 2)))
    np.testing.assert_allclose(pool.threshold, [0.0, 0.75])


def test_earlier_units_fire_faster():
    thresholds = np.array([0.0, 0.02, 0.05, 0.2])
    rates = units.firing_rates(np.array([0.03, 0.1, 0.3]), thresholds, conditions())
    for at_one_drive in rates.T:
        active = at_one_drive[at_one_drive > 0]
        assert (np.diff(active) < 0).all()
    # At one time constant above threshold, 63 % of the way from 7 to 30 Hz.
    [[rate]] = units.firing_rates(np.array([0.14]), np.array([0.0]), conditions())
    assert rate == pytest.approx(7 + 23 * (1 - np.exp(-1)))


def test_units_below_threshold_are_silent():
    rates = units.firing_rates(np.array([0.1]), np.array([0.1, 0.5]), conditions())
    np.testing.assert_array_equal(rates, 0)


def test_firing_follows_the_rate_with_a_cv_of_17_percent():
    rng = np.random.default_rng(0)
    seconds, rate = 40.0, 10.0
    n_grid = int(seconds * 100) + 1
    n_samples = int(seconds * 24000)
    trains, _ = units.draw_firings(
        rng, np.full((20, n_grid), rate), np.zeros(20, dtype=bool), conditions(), n_samples
    )
    intervals = [np.diff(train) / 24000 for train in trains]
    assert np.mean(np.concatenate(intervals)) == pytest.approx(1 / rate, rel=0.01)
    assert np.median([i.std() / i.mean() for i in intervals]) == pytest.approx(0.17, rel=0.15)
    assert min(i.min() for i in intervals) >= 0.25 / rate - 1e-4


def test_jitter_moves_single_fibres_by_its_standard_deviation():
    rng = np.random.default_rng(0)
    c = conditions()
    time = np.arange(units.LENGTH)
    # A straight line: a shift by k samples lowers it by k, whatever the interpolation.
    ramp = (time[None] / 100.0).astype(np.float32)
    waves = units._jittered(rng, np.zeros(units.LENGTH, np.float32), ramp, 4000, c)
    shift_us = (ramp[0, 300] - waves[:, 300]) * 100 / 24e-3
    assert shift_us.std() == pytest.approx(20.0, rel=0.05)
    assert shift_us.mean() == pytest.approx(0.0, abs=1.5)


def test_blocking_silences_a_fibre_as_often_as_it_says():
    rng = np.random.default_rng(0)
    c = conditions("neuropathy", "als", 1.0)
    flat = np.ones((1, units.LENGTH), dtype=np.float32)
    waves = units._jittered(rng, np.zeros(units.LENGTH, np.float32), flat, 4000, c)
    assert (waves[:, 300] < 0.5).mean() == pytest.approx(0.09, abs=0.02)


@pytest.mark.parametrize("cutoff, fs", [(2.0, 100.0), (4.0, 200.0)])
def test_slow_noise_has_unit_variance_and_the_memory_of_its_cutoff(cutoff, fs):
    noise = units._first_order_noise(np.random.default_rng(0), 200_000, cutoff, fs)
    assert noise.std() == pytest.approx(1.0, rel=0.03)
    lag_one = np.corrcoef(noise[1:], noise[:-1])[0, 1]
    assert lag_one == pytest.approx(np.exp(-2 * np.pi * cutoff / fs), abs=0.005)


def test_a_wave_stopped_at_the_needle_is_positive_first_and_most():
    geometry = Geometry(np.array([0.3]), np.zeros(1), np.array([30.0]))
    table = potential_table(18.0, 70.0, stop_distance=18.0)
    wave = (electrode_weights(geometry, 0.08) @ table)[0]
    assert wave.argmax() < wave.argmin()
    assert wave.max() > -1.3 * wave.min()
