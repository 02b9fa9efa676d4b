"""The simulated cohort: composition, reproducibility, ground truth and refusals."""

import time
from dataclasses import replace

import numpy as np
import pytest

from sklearn_emg.datasets import make_nemg_cohort, simulate_muap, simulate_recording
from sklearn_emg.datasets._simulator import _cohort as simulated
from sklearn_emg.datasets._simulator._muscle_model import (
    MUSCLES,
    SUBJECT_LOG_SD,
    Amplifier,
    Subject,
    conditions_of,
)
from sklearn_emg.recordings import check_recording_table

SMALL = {"n_recordings": 13, "fs": 4000.0, "duration": 0.3}


@pytest.fixture(scope="module")
def cohort():
    return make_nemg_cohort(6, **SMALL, return_truth=True, random_state=3)


@pytest.fixture
def silent(monkeypatch):
    """Plans without signals: the composition of a large cohort is computed quickly."""

    def simulate(task):
        return np.zeros(task.n_samples, dtype=np.float32), None

    monkeypatch.setattr(simulated, "simulate", simulate)


def seconds(table):
    return np.array([len(signal) for signal in table["signal"]]) / table["fs"].to_numpy()


# Composition -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_default_cohort_is_the_published_one(silent, seed):
    data = make_nemg_cohort(fs=1000.0, random_state=seed)
    found = {}
    for name in data.target_names:
        rows = data.data[data.target == name]
        proximal = int((rows["region"] == "proximal").sum())
        found[name] = (rows["subject"].nunique(), proximal, len(rows) - proximal)
        total = {"normal": 203.50, "myopathy": 312.84, "neuropathy": 422.78}[name]
        assert seconds(rows).sum() == pytest.approx(total, abs=1e-3)
    assert found == {"normal": (19, 17, 77), "myopathy": (19, 64, 58), "neuropathy": (19, 63, 97)}
    assert len(data.data) == 376
    assert data.data["subject"].nunique() == 57
    assert seconds(data.data).min() >= 0.41
    assert seconds(data.data).max() <= 4.0


def test_every_subject_has_two_recordings_or_more(silent):
    data = make_nemg_cohort(fs=1000.0, random_state=2)
    assert data.data["subject"].value_counts().min() >= 2


def test_subject_names_do_not_tell_the_class(silent):
    diagnoses = make_nemg_cohort(random_state=0, fs=1000.0).subjects["diagnosis"]
    assert (diagnoses.to_numpy()[1:] != diagnoses.to_numpy()[:-1]).sum() > 20


def test_a_subject_is_examined_in_two_proximal_and_three_distal_muscles_at_most(silent):
    table = make_nemg_cohort(9, n_recordings=300, fs=1000.0, random_state=0).data
    counts = table.groupby(["subject", "region"])["muscle"].nunique().unstack()
    assert counts["proximal"].max() == 2
    assert counts["distal"].max() == 3


def test_other_sizes_keep_the_proportions(silent):
    data = make_nemg_cohort(10, n_recordings=47, fs=1000.0, random_state=0)
    names, counts = np.unique(data.target, return_counts=True)
    # 47 / 376 is 1 / 8: 94, 122 and 160 become 11.75, 15.25 and 20.
    assert dict(zip(names, counts)) == {"myopathy": 15, "neuropathy": 20, "normal": 12}
    assert sorted(data.subjects["diagnosis"].value_counts()) == [3, 3, 4]


def test_as_many_recordings_as_subjects_gives_each_one(silent):
    data = make_nemg_cohort(9, n_recordings=9, fs=1000.0, random_state=0)
    assert (data.data["subject"].value_counts() == 1).all()


def test_balanced_regions_are_half_proximal_in_each_class(silent):
    data = make_nemg_cohort(region_balance="balanced", fs=1000.0, random_state=0)
    for name in data.target_names:
        assert (data.data["region"][data.target == name] == "proximal").mean() == pytest.approx(0.5)


def test_classes_select_and_order_the_diagnoses(silent):
    data = make_nemg_cohort(8, classes=("neuropathy", "normal"), fs=1000.0, random_state=0)
    assert data.target_names == ["neuropathy", "normal"]
    assert set(data.target) == {"neuropathy", "normal"}


def test_one_duration_for_all(silent):
    table = make_nemg_cohort(6, duration=1.25, fs=1000.0, random_state=0).data
    assert set(seconds(table)) == {1.25}


def test_durations_fill_another_range_as_they_fill_the_published_one(silent):
    data = make_nemg_cohort(fs=1000.0, duration=(1.0, 2.0), random_state=0)
    length = seconds(data.data)
    assert length.min() >= 1.0
    assert length.max() <= 2.0
    # The mean of controls, 203.5 s / 94, is at 48.9 % of the published range.
    assert length[data.target == "normal"].mean() == pytest.approx(
        1 + (203.5 / 94 - 0.41) / 3.59, abs=1e-3
    )


def test_biceps_protocol_has_its_subjects_muscle_and_amplifier(silent):
    data = make_nemg_cohort(22, protocol="biceps_low_force", fs=1000.0, random_state=0)
    counts = data.subjects["diagnosis"].value_counts().to_dict()
    assert counts == {"normal": 9, "neuropathy": 7, "myopathy": 6}
    assert (data.data["subject"].value_counts() == 8).all()
    assert set(data.data["muscle"]) == {"biceps_brachii"}
    assert set(data.subjects["subtype"][data.subjects["diagnosis"] == "neuropathy"]) == {"als"}
    assert data.subjects["age"][data.subjects["diagnosis"] == "normal"].between(21, 37).all()


def test_severity_sets_the_class_mean(silent):
    subjects = make_nemg_cohort(300, severity=0.3, fs=1000.0, random_state=0).subjects
    ill = subjects["severity"][subjects["diagnosis"] != "normal"]
    assert ill.mean() == pytest.approx(0.3, abs=0.02)
    # A Beta variable of mean m and concentration k has the variance m (1 - m) / (k + 1).
    assert ill.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 61), rel=0.2)
    assert (subjects["severity"][subjects["diagnosis"] == "normal"] == 0).all()


@pytest.mark.parametrize("severity", [0.0, 1.0])
def test_severity_may_be_at_its_ends(silent, severity):
    subjects = make_nemg_cohort(6, severity=severity, fs=1000.0, random_state=0).subjects
    assert set(subjects["severity"][subjects["diagnosis"] != "normal"]) == {severity}


def test_difficulty_makes_disease_mild(silent):
    easy, hard = (
        make_nemg_cohort(90, difficulty=d, fs=1000.0, random_state=0).data for d in (0.0, 1.0)
    )
    ill = easy["subtype"] != "normal"
    assert easy["severity"][ill].mean() > hard["severity"][ill].mean() + 0.3


def test_drive_sets_the_median_contraction(silent):
    data = make_nemg_cohort(90, drive=0.02, classes=("normal",), fs=1000.0, random_state=0).data
    assert data["drive"].median() == pytest.approx(0.02, rel=0.2)


# What comes back ---------------------------------------------------------------------------


def test_data_is_a_recording_table(cohort):
    check_recording_table(cohort.data)
    assert list(cohort.data.columns) == [
        "signal",
        "fs",
        "subject",
        "muscle",
        "region",
        "recording",
        "subtype",
        "severity",
        "drive",
        "age",
    ]


def test_signals_are_float32_in_millivolts(cohort):
    assert {signal.dtype for signal in cohort.data["signal"]} == {np.dtype("float32")}
    assert {signal.shape for signal in cohort.data["signal"]} == {(1200,)}
    rms = [signal.std() for signal in cohort.data["signal"]]
    assert 0.01 < np.median(rms) < 1.0


def test_target_is_the_diagnosis_of_the_subject(cohort):
    diagnosis = cohort.subjects.set_index("subject")["diagnosis"]
    np.testing.assert_array_equal(diagnosis[cohort.data["subject"]].to_numpy(), cohort.target)


def test_return_X_y_is_the_table_and_the_diagnosis(cohort):
    table, y = make_nemg_cohort(6, **SMALL, return_X_y=True, random_state=3)
    np.testing.assert_array_equal(y, cohort.target)
    np.testing.assert_array_equal(table["signal"].iloc[4], cohort.data["signal"].iloc[4])


def test_truth_is_left_out_unless_asked_for():
    assert make_nemg_cohort(3, **{**SMALL, "n_recordings": 3}, random_state=0).truth is None


def test_truth_has_one_entry_per_recording_in_user_units(cohort):
    assert len(cohort.truth) == 13
    for truth in cohort.truth:
        n_units = len(truth["firing_times"])
        assert truth["templates"].shape == (n_units, 128)  # 32 ms at 4 kHz
        assert truth["reference"] == 0.008
        for name in ("ptp_mv", "visible", "threshold", "n_fibres", "n_near_fibres"):
            assert truth[name].shape == (n_units,)
        for times in truth["firing_times"]:
            assert ((times >= 0) & (times < 0.3)).all()


def test_description_counts_the_recordings(cohort):
    assert "6 subjects, 13 recordings, 3.90 s" in cohort.DESCR


def test_spikes_are_negative(cohort):
    large = np.concatenate([t["templates"][t["ptp_mv"] > 0.2] for t in cohort.truth])
    assert (-large.min(axis=1) > large.max(axis=1)).mean() > 0.7


# Reproducible ------------------------------------------------------------------------------


def test_same_seed_same_bits_for_any_n_jobs(cohort):
    again = make_nemg_cohort(6, **SMALL, n_jobs=2, random_state=3)
    for one, other in zip(cohort.data["signal"], again.data["signal"]):
        np.testing.assert_array_equal(one, other)


def test_other_seed_other_signals(cohort):
    other = make_nemg_cohort(6, **SMALL, random_state=4).data["signal"]
    assert not np.array_equal(other.iloc[0], cohort.data["signal"].iloc[0])


def test_truth_does_not_change_the_signal(cohort):
    plain = make_nemg_cohort(6, **SMALL, random_state=3).data["signal"]
    np.testing.assert_array_equal(plain.iloc[7], cohort.data["signal"].iloc[7])


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate_recording(duration=0.1, fs=4000.0, random_state=0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_random_state_instance_moves_on():
    rng = np.random.RandomState(0)
    one, other = (simulate_recording(duration=0.1, fs=4000.0, random_state=rng) for _ in range(2))
    assert not np.array_equal(one, other)


# One recording -----------------------------------------------------------------------------


def noise_free(fs, diagnosis="normal", subtype="normal", highpass=5.0):
    """A recording of 2 s that consists only of potentials at their firing times."""
    subject = Subject(40, dict.fromkeys(SUBJECT_LOG_SD, 1.0), diagnosis, subtype, 0.5)
    conditions = replace(
        conditions_of(MUSCLES["biceps_brachii"], subject, 0.5, 0.05),
        jitter=0.0,
        blocking=0.0,
        fibrillating_fibres=0.0,
        fasciculation_rate=0.0,
    )
    amplifier = Amplifier(highpass=highpass, noise=0, powerline=0, drift=0, resolution=0)
    seed = np.random.SeedSequence(3)
    task = simulated.Task(conditions, amplifier, fs, int(2 * fs), True, seed)
    return simulated.simulate(task)


@pytest.mark.parametrize("diagnosis, subtype", [("normal", "normal"), ("neuropathy", "als")])
@pytest.mark.parametrize("fs, limit", [(48000.0, 0.02), (23437.5, 0.04), (10000.0, 0.08)])
def test_templates_at_their_firing_times_make_the_signal(fs, limit, diagnosis, subtype):
    signal, truth = noise_free(fs, diagnosis, subtype)
    length = truth["templates"].shape[1]
    rebuilt = np.zeros(len(signal) + 2 * length)
    for template, times in zip(truth["templates"], truth["firing_times"]):
        for start in np.rint((times - truth["reference"]) * fs).astype(int) + length:
            rebuilt[start : start + length] += template
    rebuilt = rebuilt[length : length + len(signal)]
    error = np.sqrt(np.mean((signal - rebuilt) ** 2) / np.mean(signal**2))
    assert error < limit


def test_sampling_rate_changes_the_grid_and_not_the_signal():
    fast, slow = noise_free(48000.0)[0], noise_free(16000.0)[0]
    assert len(fast) == 3 * len(slow)
    assert np.corrcoef(fast[::3], slow)[0, 1] > 0.99


def test_healthy_muscle_is_silent_at_rest():
    signal, truth = simulate_recording(drive=0.0, return_truth=True, random_state=0, fs=10000.0)
    assert truth["firing_times"] == []
    assert truth["spontaneous"] == []
    assert np.abs(signal).max() < 0.1


def test_denervated_muscle_is_not_silent_at_rest():
    settings = {"severity": 1.0, "drive": 0.0, "fs": 10000.0, "duration": 1.0, "subtype": "als"}
    truths = [
        simulate_recording(
            "deltoid", "neuropathy", **settings, return_truth=True, random_state=seed
        )[1]
        for seed in range(12)
    ]
    # Poisson with mean 0.8 each: 12 recordings have between 2 and 20, except once in 1000 draws.
    assert 2 <= sum(len(truth["spontaneous"]) for truth in truths) <= 20
    assert sum(len(times) for truth in truths for times in truth["firing_times"]) > 0


@pytest.mark.parametrize("weak, strong", [(0.01, 0.1), (0.1, 1.0)])
def test_stronger_contraction_recruits_more_units(weak, strong):
    options = {"duration": 0.5, "fs": 4000.0, "return_truth": True, "random_state": 0}
    firing = [
        sum(
            len(times) > 0
            for times in simulate_recording(drive=drive, **options)[1]["firing_times"]
        )
        for drive in (weak, strong)
    ]
    assert firing[0] < firing[1] <= 90


def test_without_noise_rest_is_flat():
    quiet = {"noise": 0.0, "powerline": 0.0, "drift": 0.0}
    signal = simulate_recording(drive=0.0, amplifier=quiet, fs=4000.0, random_state=0)
    assert not signal.any()


@pytest.mark.parametrize("fs", [4000.0, 23437.5, 96000.0])
def test_white_noise_keeps_its_density_at_any_rate(fs):
    only_white = {"noise": 0.01, "powerline": 0.0, "drift": 0.0, "resolution": 0.0}
    signal = simulate_recording(drive=0.0, amplifier=only_white, fs=fs, random_state=0)
    assert signal.std() == pytest.approx(0.01 * np.sqrt(fs / 23437.5), rel=0.05)


def test_amplifier_clips_and_rounds():
    coarse = {"limit": 0.05, "resolution": 0.01}
    signal = simulate_recording(amplifier=coarse, fs=10000.0, random_state=0)
    assert np.abs(signal).max() == pytest.approx(0.05)
    np.testing.assert_allclose(signal / 0.01, np.rint(signal / 0.01), atol=1e-4)


def test_power_line_interference_has_its_frequency():
    amplifier = {"powerline": 0.02, "line_freq": 50.0, "noise": 0.0, "drift": 0.0, "highpass": 2.0}
    signal = simulate_recording(drive=0.0, amplifier=amplifier, fs=4000.0, random_state=0)
    spectrum = np.abs(np.fft.rfft(signal))
    assert np.fft.rfftfreq(len(signal), 1 / 4000.0)[spectrum.argmax()] == pytest.approx(50.0)
    assert signal.std() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("duration", [0.0003, 0.05])
def test_very_short_recordings(duration):
    signal = simulate_recording(duration=duration, fs=10000.0, random_state=0)
    assert signal.shape == (round(duration * 10000),)


def test_subtype_can_be_chosen():
    options = {"duration": 0.2, "fs": 4000.0, "random_state": 0, "severity": 1.0}
    als = simulate_recording("deltoid", "neuropathy", subtype="als", **options)
    chronic = simulate_recording("deltoid", "neuropathy", subtype="chronic_neuropathy", **options)
    assert not np.array_equal(als, chronic)


def test_an_average_subject_differs_from_a_drawn_one():
    options = {"duration": 0.2, "fs": 4000.0, "random_state": 0}
    average = simulate_recording(between_subject=0.0, **options)
    assert not np.array_equal(average, simulate_recording(**options))


# Motor unit potentials ---------------------------------------------------------------------


def test_muap_shapes_and_information():
    potentials, info = simulate_muap("iliopsoas", n_units=7, fs=23437.5, random_state=0)
    assert potentials.shape == (7, 750)  # 32 ms
    assert potentials.dtype == np.float32
    assert len(info) == 7
    for wave, unit in zip(potentials, info):
        assert unit["ptp_mv"] == pytest.approx(np.ptp(wave))
        assert unit["distance"] <= unit["territory_radius"]
        assert 0 <= unit["rank"] <= 0.5


def test_muap_within_max_distance():
    _, info = simulate_muap(n_units=50, max_distance=0.5, fs=10000.0, random_state=0)
    assert max(unit["distance"] for unit in info) <= 0.5


def test_muap_without_a_fibre_in_reach_is_flat_and_finite():
    potentials, _ = simulate_muap("deltoid", "myopathy", severity=1.0, n_units=40, random_state=1)
    assert np.isfinite(potentials).all()


# Speed -------------------------------------------------------------------------------------


def test_a_cohort_for_tests_takes_two_seconds_of_cpu_at_most():
    start = time.process_time()
    make_nemg_cohort(9, n_recordings=24, fs=10000.0, duration=1.0, random_state=0)
    assert time.process_time() - start < 2.0


# Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"n_subjects": 0}, ValueError, "'n_subjects' .* must be an integer of at least 1"),
        ({"n_subjects": 2}, ValueError, "at least the number of classes, 3. Got 2"),
        ({"n_subjects": 2.5}, TypeError, "'n_subjects' .* must be an integer of at least 1. Got 2"),
        ({"n_recordings": 5, "n_subjects": 6}, ValueError, "at least 'n_subjects', 6.* Got 5"),
        ({"fs": 100.0}, ValueError, "'fs' .* between 500 and 200000. Got 100.0"),
        ({"fs": float("nan")}, ValueError, "'fs' .* between 500 and 200000. Got nan"),
        ({"fs": "fast"}, TypeError, "'fs' .* must be a number between .*. Got 'fast'"),
        ({"duration": 0}, ValueError, "'duration' .* a finite number > 0. Got 0"),
        ({"duration": (2.0, 1.0)}, ValueError, r"\(shortest, longest\). Got \(2.0, 1.0\)"),
        ({"duration": (1, 2, 3)}, ValueError, r"one number or \(shortest, longest\)"),
        ({"classes": "normal"}, TypeError, "sequence of diagnoses.*write"),
        ({"classes": ("normal", "myopaty")}, ValueError, "Did you mean 'myopathy'"),
        ({"classes": ()}, ValueError, "at least one diagnosis"),
        ({"classes": ("normal", "normal")}, ValueError, "none twice"),
        ({"severity": 1.5}, ValueError, "'severity' .* between 0 and 1. Got 1.5"),
        ({"difficulty": -0.1}, ValueError, "'difficulty' .* between 0 and 1. Got -0.1"),
        ({"noise": -1}, ValueError, "'noise' .* a finite number >= 0. Got -1"),
        ({"drive": 2}, ValueError, "'drive' .* between 0 and 1. Got 2"),
        ({"region_balance": "equal"}, ValueError, "'clinical', 'balanced'. Got 'equal'"),
        ({"protocol": "biceps_lowforce"}, ValueError, "Did you mean 'biceps_low_force'"),
        (
            {"protocol": "biceps_low_force", "difficulty": 1.0},
            ValueError,
            "leave 'difficulty' and 'region_balance' at their defaults",
        ),
    ],
)
def test_cohort_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        make_nemg_cohort(**arguments)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"muscle": "biceps"}, ValueError, "'biceps_brachii', .*'gastrocnemius'. Got 'biceps'"),
        ({"diagnosis": "healthy"}, ValueError, "'normal', 'myopathy', 'neuropathy'"),
        ({"diagnosis": "myopathy", "subtype": "als"}, ValueError, "'inflammatory', 'dystrophic'"),
        ({"severity": 2}, ValueError, "'severity' parameter of simulate_recording"),
        ({"duration": -1}, ValueError, "'duration' parameter of simulate_recording"),
        ({"between_subject": -1}, ValueError, "'between_subject' .* >= 0. Got -1"),
        ({"amplifier": 5}, TypeError, "'amplifier' .* must be a mapping. Got 5"),
        ({"amplifier": {"high": 5}}, ValueError, "Got 'high' instead"),
        ({"amplifier": {"noise": -1}}, ValueError, r"amplifier\['noise'\]"),
        ({"amplifier": {"highpass": 900}, "fs": 1000.0}, ValueError, "450 Hz for fs=1000"),
    ],
)
def test_recording_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        simulate_recording(**arguments)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_units": 0}, "'n_units' parameter of simulate_muap must be an integer of at least 1"),
        ({"max_distance": 0}, "'max_distance' .* > 0. Got 0"),
        ({"amplifier": {"noise": 0.0}}, "'highpass', 'lowpass'. Got 'noise'"),
    ],
)
def test_muap_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate_muap(**arguments)
