"""Motor unit potentials against closed forms, a transcription, the simulator and experts."""

import numpy as np
import pytest
from transcriptions import turning_points

from sklearn_emg.datasets import load_annotations, load_n2001, make_nemg_cohort, simulate_muap
from sklearn_emg.feature_extraction import EMGFeatures, MUAPFeatures
from sklearn_emg.feature_extraction._muap import FEATURES
from sklearn_emg.preprocessing import BandpassFilter, HighpassFilter
from sklearn_emg.recordings import recording_table

FS = 20_000.0


def potentials(x, fs=FS, **parameters):
    x = np.atleast_2d(x)
    return MUAPFeatures("all", fs=fs, **parameters).fit(x).potentials(x)


def features(X, fs=FS, **parameters):
    extractor = MUAPFeatures("all", fs=fs, **parameters).set_output(transform="pandas")
    return extractor.fit_transform(np.atleast_2d(X))


def in_quiet(wave, before=0.02, after=0.02, fs=FS):
    return np.pad(np.asarray(wave, dtype=float), (round(before * fs), round(after * fs)))


def spike(amplitude=0.3, width=4e-4):
    """A biphasic potential of some 4 ms."""
    t = np.arange(-0.004, 0.004, 1 / FS) / width
    return amplitude * np.sqrt(np.e / 2) * t * np.exp(-(t**2))  # from -0.5 to 0.5 amplitude


def transcription(wave, fs, level=0.02, phase=0.02, turn=0.05):
    """Amplitude, duration, phases and turns of a noise-free potential, by the definitions."""
    active = np.flatnonzero(np.abs(wave) > level)
    groups = np.split(active, np.flatnonzero(np.diff(active) > 0.002 * fs) + 1)
    [group] = [g for g in groups if g[0] <= np.abs(wave).argmax() <= g[-1]]
    part = np.r_[0.0, wave[group[0] : group[-1] + 1], 0.0]
    phases = 1 + np.count_nonzero(np.diff(np.sign(part[np.abs(part) > phase])))
    turns = max(len(turning_points(part, turn)) - 1, 0)
    return np.ptp(part), 1000 * (len(part) - 2) / fs, phases, turns


# Closed forms --------------------------------------------------------------------------------


def test_triangle():
    # 0.4 mV, 0.5 ms up and 2 ms down.
    wave = np.r_[np.linspace(0, 0.4, 11), np.linspace(0.4, 0, 41)[1:]]
    [found] = potentials(in_quiet(wave), duration_threshold=0.025).to_dict("records")
    assert found["peak"] == pytest.approx(0.02 + 0.0005)
    assert found["amplitude"] == pytest.approx(0.4)
    assert found["rise_time"] == pytest.approx(0.8 * 0.5)
    # Beyond 25 uV lie samples 1 (at 40 uV) to 47 (at 30 uV), 0.05 ms apart.
    assert found["duration"] == pytest.approx(47 * 0.05)
    assert found["area"] == pytest.approx(0.05 * wave[1:48].sum())
    assert found["area"] == pytest.approx(0.4 * 2.5 / 2, rel=0.01)
    assert found["thickness"] == pytest.approx(found["area"] / 0.4)
    assert found["size_index"] == pytest.approx(2 * np.log10(0.4) + found["thickness"])
    assert (found["phases"], found["turns"]) == (1, 1)


@pytest.mark.parametrize("half_waves", [1, 2, 3, 4, 5, 8])
def test_half_waves_of_a_sine(half_waves):
    period, amplitude = 0.0016, 0.2
    t = np.arange(0, half_waves * period / 2, 1 / FS)
    [found] = potentials(in_quiet(amplitude * np.sin(2 * np.pi * t / period))).to_dict("records")
    assert found["phases"] == half_waves
    assert found["turns"] == half_waves
    assert found["amplitude"] == pytest.approx(amplitude * min(half_waves, 2), rel=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_rise_time_is_that_of_the_steepest_flank(sign):
    # 0.1 mV in 1 ms, 0.4 mV the other way in 0.6 ms, back to the baseline in 2 ms.
    wave = np.interp(np.arange(73) / FS, [0, 0.001, 0.0016, 0.0036], [0, 0.1, -0.3, 0])
    [found] = potentials(in_quiet(sign * wave)).to_dict("records")
    assert found["rise_time"] == pytest.approx(0.8 * 0.6)
    assert (found["phases"], found["turns"]) == (2, 2)


def test_small_waves_are_neither_phases_nor_turns():
    wave = np.r_[
        spike(), np.zeros(10), -0.019 * np.hanning(20), np.zeros(10), 0.019 * np.hanning(20)
    ]
    [found] = potentials(in_quiet(wave)).to_dict("records")
    assert (found["phases"], found["turns"]) == (2, 2)


@pytest.mark.parametrize("diagnosis", ["normal", "myopathy", "neuropathy"])
def test_simulated_potentials_measure_as_the_transcription_says(diagnosis):
    waves, _ = simulate_muap(diagnosis=diagnosis, severity=0.7, n_units=60, fs=FS, random_state=2)
    waves = [w for w in waves.astype(float) if np.ptp(w) > 0.05]
    waves = [w for w in waves if transcription(w, FS)[0] > 0.05]
    table = potentials(
        np.array([in_quiet(w) for w in waves]),
        max_rise_time=1.0, max_duration=1.0, second_peak=100.0,
    )  # fmt: skip
    main = table.loc[table.groupby("window")["amplitude"].idxmax()]
    expected = [transcription(w, FS) for w in waves]
    assert len(main) == len(waves)
    np.testing.assert_allclose(main[["amplitude", "duration", "phases", "turns"]], expected)


# What is a potential -------------------------------------------------------------------------


def test_each_potential_counts_once():
    one = in_quiet(spike())
    X = np.stack([np.tile(one, 5), np.r_[one, np.zeros(4 * one.size)]])
    got = features(X)
    seconds = 5 * one.size / FS
    np.testing.assert_allclose(got["muap_rate"], np.array([5, 1]) / seconds)
    assert (got["muap_superposed"] == 0).all()
    np.testing.assert_allclose(got["muap_amplitude"], np.ptp(spike()))


def pair(apart, second, bridge=0.03):
    """Two peaks, joined by a bridge that makes them one potential."""
    n, one = round(apart * FS), spike()
    wave = np.zeros(one.size + n)
    wave[: one.size] = one
    wave[n:] += second * one
    wave[one.size // 2 : one.size // 2 + n] += bridge
    return in_quiet(wave)


@pytest.mark.parametrize(
    "apart, second, isolated",
    [(0.003, 0.9, True), (0.005, 0.9, False), (0.005, 0.2, True), (0.005, 0.5, False)],
)
def test_a_late_large_second_peak_makes_a_superposition(apart, second, isolated):
    wave = pair(apart, second)
    assert potentials(wave)["isolated"].tolist() == [isolated]
    rates = features(wave)[["muap_rate", "muap_superposed"]].to_numpy()[0]
    assert (rates > 0).tolist() == [isolated, not isolated]


def test_a_quiet_gap_makes_two_potentials_of_two_peaks():
    assert potentials(pair(0.005, 0.9, bridge=0.0))["isolated"].tolist() == [True, True]
    assert len(potentials(pair(0.005, 0.9, bridge=0.0), gap=0.005)) == 1


def test_slow_waves_are_of_distant_units():
    wave = in_quiet(spike(width=2e-3))
    assert len(potentials(wave)) == 0
    assert len(potentials(wave, max_rise_time=0.005)) == 1


def test_what_lasts_too_long_is_left_out():
    wave = pair(0.031, 0.2)
    [found] = potentials(wave).to_dict("records")
    assert found["duration"] > 31
    assert not found["isolated"]
    assert potentials(wave, max_duration=0.04)["isolated"].all()


@pytest.mark.parametrize("before, after, n", [(0.02, 0.02, 1), (0.0, 0.02, 0), (0.02, 0.0, 0)])
def test_potentials_cut_by_the_window_are_left_out(before, after, n):
    wave = spike()[np.abs(spike()) > 0.02]
    assert len(potentials(in_quiet(wave, before, after))) == n


def test_small_potentials_are_background():
    wave = in_quiet(spike(0.04))
    assert len(potentials(wave)) == 0
    assert len(potentials(wave, amplitude_threshold=0.03, duration_threshold=0.01)) == 1


# Laws ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def windows():
    """Six windows of 0.5 s with some ten potentials each."""
    data = make_nemg_cohort(
        6, n_recordings=6, fs=FS, duration=0.5, protocol="biceps_low_force", random_state=4
    ).data
    return BandpassFilter(20, 4000, fs=FS).fit_transform(np.stack(data["signal"]).astype(float))


def test_polarity_and_offset_do_not_matter(windows):
    got = features(windows)
    np.testing.assert_allclose(features(-windows), got, rtol=1e-9)
    np.testing.assert_allclose(features(windows + 3.0), got, rtol=1e-9)


def test_amplitudes_scale_with_the_signal(windows):
    thresholds = {"amplitude": 0.05, "duration": 0.02, "phase": 0.02, "turn": 0.05}
    scaled = features(8 * windows, **{f"{k}_threshold": 8 * v for k, v in thresholds.items()})
    got = features(windows)
    for name, info in FEATURES.items():
        if info.power is None:
            np.testing.assert_allclose(scaled[name], got[name] + 2 * np.log10(8))
        else:
            np.testing.assert_allclose(scaled[name], got[name] * 8**info.power)


def test_thresholds_in_multiples_of_the_noise(windows):
    noise = np.median(np.abs(windows - np.median(windows, axis=1, keepdims=True)), axis=1) / 0.6745
    multiples = {"amplitude": 6.0, "duration": 2.5, "phase": 2.0, "turn": 5.0}
    got = features(
        windows, threshold_unit="noise", **{f"{k}_threshold": v for k, v in multiples.items()}
    )
    for k, row in enumerate(windows):
        in_mv = {f"{name}_threshold": v * noise[k] for name, v in multiples.items()}
        np.testing.assert_allclose(got.iloc[k], features(row, **in_mv).iloc[0])


def test_features_summarise_the_potentials(windows):
    got = features(windows)
    table = potentials(windows)
    assert (table["stop"] - table["start"]).to_numpy() == pytest.approx(table["duration"] / 1000)
    for k, part in table.groupby("window"):
        used = part[part["isolated"]]
        row = got.iloc[k]
        assert row["muap_rate"] == pytest.approx(len(used) / 0.5)
        assert row["muap_superposed"] == pytest.approx((~part["isolated"]).sum() / 0.5)
        for name in ("amplitude", "duration", "rise_time", "area", "thickness", "size_index"):
            assert row[f"muap_{name}"] == pytest.approx(used[name].median())
        for name in ("amplitude", "duration"):
            assert row[f"muap_{name}_p10"] == pytest.approx(used[name].quantile(0.1))
            assert row[f"muap_{name}_p90"] == pytest.approx(used[name].quantile(0.9))
        assert row["muap_phases"] == pytest.approx(used["phases"].mean())
        assert row["muap_turns"] == pytest.approx(used["turns"].mean())
        assert row["muap_polyphasic"] == pytest.approx((used["phases"] > 4).mean())


def test_tables_channels_and_threads_give_the_same(windows):
    got = features(windows)
    X = windows.reshape(3, 2, -1)
    extractor = MUAPFeatures("all", fs=FS, n_jobs=2).fit(X)
    np.testing.assert_array_equal(extractor.transform(X).reshape(6, -1), got)
    table = recording_table(list(X), fs=FS, subject=list("abc"))
    of_table = MUAPFeatures("all").fit(table)
    np.testing.assert_array_equal(of_table.transform(table), extractor.transform(X))
    one = potentials(windows)
    several = of_table.potentials(table)
    assert several["window"].tolist() == (one["window"] // 2).tolist()
    assert several["channel"].tolist() == (one["window"] % 2 + 1).tolist()
    np.testing.assert_array_equal(several.iloc[:, 2:], one.iloc[:, 2:])


def test_float32_finds_the_same_potentials(windows):
    single = windows.astype(np.float32)
    got = MUAPFeatures("all", fs=FS).fit_transform(single)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, features(single.astype(float)), rtol=1e-5)


# Edges ---------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", ["mV", "noise"])
def test_windows_without_potentials_are_all_zeros(unit):
    X = np.zeros((4, 400))
    X[1] = 5.0
    X[2] = np.linspace(-1, 1, 400)
    X[3] = 1e-2 * np.random.default_rng(0).normal(size=400)
    got = features(X, threshold_unit=unit, amplitude_threshold=50.0)
    assert (got == 0).all(axis=None)
    assert len(potentials(X, threshold_unit=unit, amplitude_threshold=50.0)) == 0


def test_one_sample_on_a_flat_line_is_a_potential_beyond_all_noise():
    x = np.zeros((2, 400), dtype=np.float32)
    x[0, 200], x[1, [200, 201]] = 1.0, [1.0, -1.0]
    got = features(x, threshold_unit="noise")
    assert got["muap_amplitude"].tolist() == [1, 2]
    assert got["muap_phases"].tolist() == [1, 2]


def test_a_table_of_no_potentials_has_its_columns():
    none = potentials(np.zeros((2, 400)))
    some = potentials(np.stack([np.zeros(in_quiet(spike()).size), in_quiet(spike())]))
    assert len(none) == 0
    assert some["window"].tolist() == [1]
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


def test_fill_value_leaves_the_rates_alone():
    got = features(np.zeros(400), fill_value=np.nan).iloc[0]
    assert got[["muap_rate", "muap_superposed"]].tolist() == [0, 0]
    assert got.drop(["muap_rate", "muap_superposed"]).isna().all()


def test_short_windows_and_a_missing_rate_are_refused():
    with pytest.raises(ValueError, match=r"80 samples .*between gaps of 40 samples needs 81"):
        MUAPFeatures(fs=FS).fit(np.zeros((2, 80)))
    with pytest.raises(ValueError, match="MUAPFeatures needs the sampling rate of arrays"):
        MUAPFeatures().fit(np.zeros((2, 80)))
    table = recording_table([np.zeros(200), np.zeros(80)], fs=FS, subject=["a", "b"])
    with pytest.raises(ValueError, match=r"Row 1.*gaps of 40 samples needs 81"):
        MUAPFeatures().fit(table).transform(table)


def test_unknown_features_are_named():
    with pytest.raises(ValueError, match="did you mean 'muap_turns'"):
        MUAPFeatures(["turns"], fs=FS).fit(np.zeros((2, 500)))
    with pytest.raises(ValueError, match="'gap' parameter of MUAPFeatures"):
        MUAPFeatures(gap=0.0, fs=FS).fit(np.zeros((2, 500)))


def test_together_with_other_families(windows):
    got = EMGFeatures(["mdf", "muap_duration"], fs=FS).fit_transform(windows)
    np.testing.assert_array_equal(got[:, 1], features(windows)["muap_duration"])


# Truth ---------------------------------------------------------------------------------------


def true_measures(truth, fs):
    """Measures of the unit of each discharge, and peak times (s), for units above 50 uV."""
    rows, times = [], []
    for template, firing, ptp in zip(truth["templates"], truth["firing_times"], truth["ptp_mv"]):
        if ptp > 0.05 and len(firing):
            peak = np.abs(template).argmax() / fs - truth["reference"]
            rows += [transcription(template.astype(float), fs)] * len(firing)
            times += list(firing + peak)
    return np.array(rows), np.array(times)


@pytest.fixture(scope="module")
def low_force():
    """Medians of potentials and true units per recording; fraction of potentials at discharges."""
    fs, ours, matched, near = 10_000.0, [], [], []
    cohort = make_nemg_cohort(
        22, n_recordings=44, fs=fs, duration=2.0, protocol="biceps_low_force",
        return_truth=True, random_state=7,
    )  # fmt: skip
    table = BandpassFilter(20, 4000).fit_transform(cohort.data)
    found = MUAPFeatures().fit(table).potentials(table)
    names = ["amplitude", "duration", "phases", "turns"]
    for k, part in found[found["isolated"]].groupby("window"):
        rows, times = true_measures(cohort.truth[k], fs)
        distance = np.abs(part["peak"].to_numpy()[:, None] - times)
        hit = distance.min(axis=1) < 0.001
        near += hit.tolist()
        if hit.sum() >= 5:
            ours.append(part[names].median())
            matched.append(np.median(rows[distance.argmin(axis=1)[hit]], axis=0))
    return np.array(ours), np.array(matched), np.mean(near)


def test_potentials_lie_at_true_discharges(low_force):
    assert low_force[2] > 0.9


@pytest.mark.parametrize("measure, bias, minimum", [(0, 0.02, 0.9), (1, 0.15, 0.7), (2, 0.1, 0.7)])
def test_medians_follow_those_of_the_true_units(low_force, measure, bias, minimum):
    ours, matched, _ = low_force
    own, truth = ours[:, measure], matched[:, measure]
    assert np.median(own / truth) == pytest.approx(1.0, abs=bias)
    assert np.corrcoef(np.log(own), np.log(truth))[0, 1] > minimum


def test_diseases_move_the_measures_as_they_are_known_to():
    means = []
    for seed in range(3):
        cohort = make_nemg_cohort(12, n_recordings=36, fs=10_000.0, duration=1.5, random_state=seed)
        table = BandpassFilter(20, 4000).fit_transform(cohort.data)
        extractor = MUAPFeatures("all", fill_value=np.nan).set_output(transform="pandas")
        got = extractor.fit_transform(table)
        means.append(got.groupby(cohort.target).mean())
    mean = sum(means) / 3
    for name in ("amplitude", "duration", "thickness", "size_index"):
        of = mean[f"muap_{name}"]
        assert of["neuropathy"] > of["normal"] > of["myopathy"], name
    for name in ("polyphasic", "turns", "phases"):
        of = mean[f"muap_{name}"]
        assert min(of["neuropathy"], of["myopathy"]) > of["normal"], name


# Expert decompositions -----------------------------------------------------------------------


@pytest.fixture(scope="module", params=["N2001A01BB02", "N2001C01BB51"])
def decomposed(request, real_data):
    """Potentials, peak times and units of the discharges, averages by unit, and the rate."""
    data = load_n2001(real_data / "n2001").data
    data = data[data["recording"] == request.param]
    [signal], [fs] = HighpassFilter(20.0).fit_transform(data)["signal"], data["fs"]
    events = load_annotations(data["annotations"].iloc[0]).events
    half = round(0.015 * fs)
    averages, peaks = {}, np.empty(len(events))
    for unit, part in events.groupby("unit"):
        at = np.rint(part["time"] * fs).astype(int)
        at = at[(at > half) & (at < signal.size - half)]
        averages[unit] = np.median([signal[i - half : i + half] for i in at], axis=0)
        peaks[part.index] = part["time"] + (np.abs(averages[unit]).argmax() - half) / fs
    return potentials(signal, fs), peaks, events["unit"].to_numpy(), averages, fs


def test_potentials_lie_where_experts_found_discharges(decomposed):
    table, peaks, units, averages, _ = decomposed
    large = table[table["amplitude"] > 0.1]
    hit = [
        ((peaks > a - 0.001) & (peaks < b + 0.001)).any()
        for a, b in large[["start", "stop"]].values
    ]
    assert np.mean(hit) > 0.85
    of_large = peaks[[np.ptp(averages[unit]) > 0.1 for unit in units]]
    found = [((large["start"] < t) & (large["stop"] > t)).any() for t in of_large]
    assert np.mean(found) > 0.75


def test_potentials_measure_as_the_averages_of_their_units(decomposed):
    table, peaks, units, averages, fs = decomposed
    table = table[table["isolated"]]
    distance = np.abs(table["peak"].to_numpy()[:, None] - peaks)
    table = table.assign(unit=units[distance.argmin(axis=1)])[distance.min(axis=1) < 0.001]
    compared = 0
    for unit, part in table.groupby("unit"):
        if len(part) >= 5 and np.ptp(averages[unit]) > 0.1:
            amplitude, duration, phases, turns = transcription(averages[unit], fs)
            assert part["amplitude"].median() == pytest.approx(amplitude, rel=0.25)
            assert part["duration"].median() == pytest.approx(duration, rel=0.35)
            assert part["phases"].median() == pytest.approx(phases, abs=2)
            assert part["turns"].median() == pytest.approx(turns, abs=2)
            compared += 1
    assert compared >= 3
