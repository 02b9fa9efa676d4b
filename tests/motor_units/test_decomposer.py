"""MotorUnitDecomposer against simulated discharges, and the laws that it obeys."""

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import load_annotations, simulate_recording
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.metrics import decomposition_agreement
from sklearn_emg.motor_units import MotorUnitDecomposer, template_measures
from sklearn_emg.recordings import recording_table

FS = 12_000.0


def simulated(seed, diagnosis="normal", drive=0.005, duration=6.0, fs=FS):
    """Signal, and the discharge times of units above 50 uV."""
    signal, truth = simulate_recording(
        diagnosis=diagnosis,
        drive=drive,
        duration=duration,
        fs=fs,
        return_truth=True,
        random_state=seed,
    )
    return signal, [
        times
        for times, size in zip(truth["firing_times"], truth["ptp_mv"])
        if size > 0.05 and len(times) >= 8
    ]


SIGNAL, TRUTH = simulated(1)


def decompose(signal, fs=FS, **parameters):
    return MotorUnitDecomposer(fs=fs, **parameters).fit(signal)


@pytest.fixture(scope="module")
def decomposer():
    return decompose(SIGNAL)


@pytest.mark.parametrize(("diagnosis", "seed"), [("normal", 1), ("myopathy", 3), ("neuropathy", 1)])
def test_units_above_50_uv_agree_with_the_simulated_discharges(diagnosis, seed):
    signal, truth = simulated(seed, diagnosis)
    result = decomposition_agreement(decompose(signal), truth)
    assert len(truth) >= 2
    assert result.units["agreement"].min() > 0.85
    assert result.units["error"].max() < 2e-4


def test_slow_potentials_are_found_in_what_the_sharp_ones_leave():
    fs = 23437.5
    signal, truth = simulated(41, "neuropathy", drive=0.01, duration=10.0, fs=fs)
    found = decomposition_agreement(decompose(signal, fs), truth).units["agreement"] > 0.5
    # A search above 250 Hz alone finds 6 of the 9.
    assert len(found) == 9
    assert found.sum() >= 8


def test_peaks_confidence_and_numbers(decomposer):
    table = decomposer.discharges_
    assert list(table.columns) == ["row", "unit", "time", "peak", "confidence"]
    assert table["time"].is_monotonic_increasing
    assert table["confidence"].between(0, 1).all()
    assert decomposer.units_["amplitude"].is_monotonic_decreasing
    # A discharge's peak is the template's largest deflection, up to its fit.
    for unit, part in table.groupby("unit"):
        wave = decomposer.templates_.set_index("unit")["signal"][unit]
        assert np.median(np.abs(part["peak"])) == pytest.approx(np.abs(wave).max(), rel=0.3)


def same_times(a, b, tolerance=2e-5):
    a, b = a.discharges_, b.discharges_
    assert a["unit"].tolist() == b["unit"].tolist()
    np.testing.assert_allclose(a["time"], b["time"], atol=tolerance)


def test_scaling_changes_amplitudes_only(decomposer):
    scaled = decompose(37.0 * SIGNAL)
    same_times(decomposer, scaled)
    np.testing.assert_allclose(
        scaled.units_["amplitude"], 37.0 * decomposer.units_["amplitude"], rtol=1e-3
    )


def test_reversed_polarity_mirrors(decomposer):
    mirrored = decompose(-SIGNAL)
    same_times(decomposer, mirrored)
    np.testing.assert_allclose(
        mirrored.discharges_["peak"], -decomposer.discharges_["peak"], rtol=1e-3
    )


@pytest.mark.parametrize(("before", "after"), [(0, 3.0), (1.5, 0.0)])
def test_silence_adds_nothing(decomposer, before, after):
    quiet = [np.zeros(int(seconds * FS), np.float32) for seconds in (before, after)]
    longer = decompose(np.concatenate([quiet[0], SIGNAL, quiet[1]]))
    table = longer.discharges_.assign(time=longer.discharges_["time"] - before)
    pd.testing.assert_frame_equal(table, decomposer.discharges_)


def test_channels_of_one_needle_are_used_together_in_any_order():
    rng = np.random.default_rng(0)
    gains = np.array([[1.0], [0.6], [-0.8]])
    joint = gains * SIGNAL + 0.002 * rng.normal(size=(3, SIGNAL.size))
    first, second = decompose(joint[np.newaxis]), decompose(joint[np.newaxis, [2, 0, 1]])
    result = decomposition_agreement(first, TRUTH)
    assert result.units["agreement"].min() > 0.85
    same_times(first, second)
    assert sorted(set(first.templates_["channel"])) == [1, 2, 3]


def test_alone_in_a_batch_and_in_two_jobs_the_same(decomposer):
    other, _ = simulated(3)
    batch, jobs = decompose([SIGNAL, other]), decompose([other, SIGNAL], n_jobs=2)
    for fitted, row in ((batch, 0), (jobs, 1)):
        part = fitted.discharges_[fitted.discharges_["row"] == row]
        pd.testing.assert_frame_equal(
            part.drop(columns="row").reset_index(drop=True),
            decomposer.discharges_.drop(columns="row"),
        )


def test_a_table_brings_its_rates():
    other, _ = simulated(1, fs=24_000.0)
    table = recording_table([SIGNAL, other], fs=[FS, 24_000.0], subject=["a", "b"])
    fitted = MotorUnitDecomposer().fit(table)
    for row in (0, 1):
        found = fitted.discharges_[fitted.discharges_["row"] == row].drop(columns="row")
        assert decomposition_agreement(found, TRUTH).units["agreement"].min() > 0.85


@pytest.mark.parametrize("colour", ["white", "brown", "interference", "silence"])
def test_noise_has_no_units(colour):
    assert decompose(noise(colour, 0)).units_.empty


def noise(colour, seed, seconds=5):
    rng = np.random.default_rng(seed)
    n = int(seconds * FS)
    white = 0.005 * rng.normal(size=n)
    if colour == "brown":
        return np.cumsum(white) * 0.05 + white
    if colour == "interference":
        phase = 2 * np.pi * 50.0 * np.arange(n) / FS
        return white + 0.1 * (np.sin(phase) + 0.3 * np.sin(9 * phase))
    return np.zeros(n) if colour == "silence" else white


@pytest.mark.slow
def test_noise_has_no_units_in_a_hundred_seeds():
    found = decompose([noise(colour, s) for s in range(100) for colour in ("white", "brown")])
    assert found.units_.empty


def agreement_of_visible(diagnosis, drive, seeds=range(1000, 1004), fs=23437.5):
    """Agreement with each visible unit of recordings of 10 s, and ratios of its measures."""
    rows = []
    for seed in seeds:
        signal, truth = simulate_recording(
            diagnosis=diagnosis,
            drive=drive,
            duration=10.0,
            fs=fs,
            return_truth=True,
            random_state=seed,
        )
        fired = [k for k, times in enumerate(truth["firing_times"]) if len(times)]
        found = decompose(signal, fs)
        units = decomposition_agreement(found, [truth["firing_times"][k] for k in fired]).units
        units = units.assign(size=truth["ptp_mv"][fired])[truth["visible"][fired]]
        own = found.units_.set_index("unit")
        measured = template_measures(found.templates_).set_index("unit")
        for k in units.index[units["agreement"] > 0.5]:
            number = units.loc[k, "found"]
            gaps = np.diff(truth["firing_times"][fired[k]])
            units.loc[k, "rate"] = gaps.mean() / own.loc[number, "interval"]
            variability = gaps.std() / gaps.mean()
            units.loc[k, "variability"] = own.loc[number, "variability"] / variability
            wave = truth["templates"][fired[k]]
            table = pd.DataFrame({"unit": [1], "signal": [wave], "fs": [fs]})
            for name in ("amplitude", "duration"):
                units.loc[k, f"true {name}"] = template_measures(table)[name][0]
                units.loc[k, name] = measured.loc[number, name]
        rows.append(units.assign(n_visible=len(units)))
    return pd.concat(rows)


@pytest.mark.slow
@pytest.mark.parametrize("diagnosis", ["normal", "myopathy", "neuropathy"])
def test_few_units_at_low_force_agree_with_the_simulation(diagnosis):
    units = agreement_of_visible(diagnosis, 0.005)
    assert units.loc[units["n_visible"] <= 6, "agreement"].median() >= 0.92
    assert abs(units["rate"] - 1.0).median() < 0.05
    assert abs(units["variability"] - 1.0).median() < 0.1
    for name, largest in (("amplitude", 0.02), ("duration", 0.04)):
        pair = units[[name, f"true {name}"]].dropna()
        assert abs(pair[name] / pair[f"true {name}"] - 1.0).median() < largest
        assert pair.corr("spearman").iloc[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("diagnosis", ["normal", "myopathy", "neuropathy"])
def test_a_part_of_the_larger_units_is_found_at_moderate_force(diagnosis):
    units = agreement_of_visible(diagnosis, 0.035)
    large = units[units["size"] > 0.05]
    # The agreement is near 0 or near 1: its median depends on a single unit, the fraction does not.
    assert (large["agreement"] > 0.5).mean() > 0.4


def test_counts_of_transform(decomposer):
    [[units, discharges, left_out]] = decomposer.transform(SIGNAL[np.newaxis])
    assert units == len(decomposer.units_)
    assert discharges == len(decomposer.discharges_)
    assert left_out == len(decomposer.left_out_)


def test_annotation_files_are_read_as_they_were_written(decomposer, tmp_path):
    decomposer.to_eaf(tmp_path / "a.eaf")
    bunch = load_annotations(tmp_path / "a.eaf")
    np.testing.assert_allclose(bunch.events["time"], decomposer.discharges_["time"], atol=6e-6)
    read = MotorUnitDecomposer.from_eaf(tmp_path / "a.eaf")
    assert read.units_["n_discharges"].tolist() == decomposer.units_["n_discharges"].tolist()
    np.testing.assert_allclose(read.units_["amplitude"], decomposer.units_["amplitude"], rtol=1e-4)
    assert decomposition_agreement(read, decomposer).agreement == 1.0


@pytest.mark.parametrize("row", [1, -1, 0.5])
def test_a_recording_that_was_not_given_is_refused(decomposer, tmp_path, row):
    message = "'row' parameter of {} must be (below 1, the number of recordings|an integer)"
    with pytest.raises(ValueError, match=message.format("reconstruct")):
        decomposer.reconstruct(100, row=row)
    with pytest.raises(ValueError, match=message.format("to_eaf")):
        decomposer.to_eaf(tmp_path / "a.eaf", row=row)
    assert not (tmp_path / "a.eaf").exists()


def test_a_recording_without_units_is_written_and_reconstructed_as_nothing(decomposer, tmp_path):
    both = decompose([SIGNAL, noise("white", 0, seconds=6)])
    assert both.n_recordings_ == 2
    assert both.reconstruct(SIGNAL.size, row=1).sum() == 0
    both.to_eaf(tmp_path / "none.eaf", row=1)
    assert MotorUnitDecomposer.from_eaf(tmp_path / "none.eaf").discharges_.empty


def test_a_short_array_of_one_dimension_is_refused():
    with pytest.raises(ValueError, match="takes a 1-D array as one recording"):
        decompose(np.zeros(100))


def test_a_rate_at_which_nothing_can_be_found_is_said():
    with pytest.warns(RecordingWarning, match="finds no units at a sampling rate of 1000 Hz"):
        MotorUnitDecomposer(fs=1000.0).fit(np.random.default_rng(0).normal(size=(1, 2000)))
