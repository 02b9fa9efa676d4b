import warnings

import numpy as np
import pandas as pd
import pytest
from data import noise
from scipy import ndimage
from scipy.signal import butter, sosfiltfilt
from sklearn.pipeline import make_pipeline

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing import (
    AdaptiveFilter,
    ArtefactDetector,
    ArtefactRejector,
    BandpassFilter,
    BaselineRemover,
    Envelope,
    GapInterpolator,
    NotchFilter,
    Rectifier,
    Resampler,
    segment_recording,
)
from sklearn_emg.preprocessing._artefacts._measures import runs_mask
from sklearn_emg.recordings import divide, recording_table

FS = 2000.0
KINDS = ["saturation", "flat", "motion", "mains", "spikes", "pop"]


def _times(n_times):
    return np.arange(n_times) / FS


def _add(kind, x):
    """The signal with one artefact."""
    t = _times(x.shape[-1])
    y = x.copy()
    if kind == "saturation":
        return np.clip(4 * y, -2.0, 2.0)
    if kind == "flat":
        y[..., 100:300] = 0.3
    elif kind == "motion":
        y += 4 * np.sin(2 * np.pi * 3.0 * t)
    elif kind == "mains":
        y += 2 * np.sin(2 * np.pi * 50.0 * t) + np.sin(2 * np.pi * 150.0 * t)
    elif kind == "spikes":
        y[..., 321] += 30.0
    elif kind == "pop":
        y += 15 * np.where(t > 0.2, np.exp(-(t - 0.2) / 0.05), 0.0)
    return y


@pytest.mark.parametrize("kind", KINDS)
def test_an_artefact_raises_its_flag_and_the_others_stay_quiet(kind):
    X = noise(3, 1000)
    X[1] = _add(kind, X[1])
    flags = ArtefactDetector(fs=FS).fit(X).flags(X)
    # A pop decays slowly: it is motion too.
    expected = {kind, "motion"} if kind == "pop" else {kind}
    assert set(flags.columns[flags.loc[1]]) - {"motion"} == expected - {"motion"}
    assert not flags.loc[[0, 2]].any(axis=None)


@pytest.mark.parametrize("kind", KINDS)
def test_quality_is_below_one_half_with_a_flag_only(kind):
    X = noise(2, 1000)
    X[1] = _add(kind, X[1])
    quality = ArtefactDetector(fs=FS).fit_transform(X)[:, -1]
    assert quality[1] < 0.5 < quality[0] <= 1


def test_scores_by_hand():
    X = np.zeros((1, 200))
    X[0, 150:] = noise(50)
    X[0, 190:192] = 5.0
    detector = ArtefactDetector({"flat": 0.5}, limit=5.0, fs=FS)
    scores = dict(zip(detector.fit(X).get_feature_names_out(), detector.transform(X)[0]))
    assert scores["flat"] == pytest.approx(150 / 200 / 0.5)
    assert scores["saturation"] == pytest.approx(2 / 200 / 0.001)


def test_fraction_of_power_line_interference():
    t = _times(2000)
    # Powers A²/2: 9/10 at the power-line frequency, 1/10 at 333 Hz.
    X = (3 * np.sin(2 * np.pi * 60.0 * t) + np.sin(2 * np.pi * 333.0 * t))[None]
    scores = ArtefactDetector(line_freq=60.0, fs=FS).fit_transform(X)[0]
    # The bands of 60 Hz and four harmonics have 5 of 1001 frequencies each.
    assert scores[3] == pytest.approx(0.9 / (0.5 * (1 + 25 / 1001)), rel=1e-3)


def test_channels_have_scores_of_their_own_and_one_set_of_flags():
    X = noise(2, 3, 1000)
    X[1, 2] = _add("spikes", X[1, 2])
    detector = ArtefactDetector(fs=FS).fit(X)
    assert detector.transform(X).shape == (2, 21)
    assert detector.get_feature_names_out()[-3] == "ch3_spikes"
    assert detector.flags(X)["spikes"].tolist() == [False, True]


def test_table_keeps_its_index():
    table = recording_table([noise(900), noise(700)], fs=FS, subject="a")
    table.index = [7, 3]
    assert ArtefactDetector().fit(table).flags(table).index.tolist() == [7, 3]


@pytest.mark.parametrize("n_times", [1, 2, 3, 5, 30])
def test_short_windows_have_finite_scores(n_times):
    for X in (np.ones((2, n_times)), noise(2, n_times)):
        assert np.isfinite(ArtefactDetector(fs=FS).fit_transform(X)).all()


@pytest.mark.parametrize(
    "thresholds, match",
    [
        ({"spike": 2.0}, "Got 'spike' instead. Did you mean 'spikes'"),
        ({"pop": 0.0}, "must have positive numbers. Got 0.0 for 'pop'"),
    ],
)
def test_unusable_thresholds_are_refused(thresholds, match):
    with pytest.raises(ValueError, match=match):
        ArtefactDetector(thresholds, fs=FS).fit(noise(2, 50))


def test_rejected_stretches_leave_no_window_and_are_counted():
    x = noise(4000)
    x[1500] = 40.0
    table = recording_table([x, noise(2, 4000)], fs=FS, subject=["a", "b"])
    marked = ArtefactRejector(window=0.25).fit_transform(table)
    # The stretch 0.75 to 1.0 s of the first recording is marked whole.
    assert np.flatnonzero(np.isnan(marked["signal"][0]))[[0, -1]].tolist() == [1500, 1999]
    np.testing.assert_array_equal(marked["signal"][1], table["signal"][1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        windows = divide(marked.iloc[:1], window=0.25, nan="skip")
    assert len(windows) == 7
    assert "NaN or infinity in 1 of 8 windows" in str(caught[0].message)


def test_a_bad_channel_or_window_marks_no_other():
    row = noise(2, 1000)
    row[1] = _add("flat", row[1])
    table = recording_table([row], fs=FS, subject="a")
    marked = ArtefactRejector(window=0.5).fit_transform(table)["signal"][0]
    assert np.isnan(marked[1]).all()
    assert not np.isnan(marked[0]).any()
    windows = ArtefactRejector(window=0.5, fs=FS).fit_transform(row)
    assert np.isnan(windows[1]).all()
    assert not np.isnan(windows[0]).any()


def test_only_the_kinds_asked_for_count():
    X = _add("flat", noise(1, 1000))
    assert not np.isnan(ArtefactRejector(kinds=["spikes"], fs=FS).fit_transform(X)).any()
    assert np.isnan(ArtefactRejector(kinds=["flat"], fs=FS).fit_transform(X)).any()


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"'kinds' parameter of ArtefactRejector .* 'noise'"):
        ArtefactRejector(kinds=["noise"], fs=FS).fit(noise(2, 50))


def test_gaps_are_filled_up_to_their_length():
    x = np.array([np.nan, 1.0, np.nan, np.nan, 4.0, np.nan, np.nan, np.nan, 0.0, np.nan])
    filled = GapInterpolator(0.002, fs=1000.0).fit_transform(x[None])[0]
    expected = [1.0, 1.0, 2.0, 3.0, 4.0, np.nan, np.nan, np.nan, 0.0, 0.0]
    np.testing.assert_allclose(filled, expected)


def test_gaps_of_a_table_are_filled_row_by_row():
    x = np.array([[0.0, np.nan, 2.0], [1.0, 1.0, 1.0]], dtype=np.float32)
    table = recording_table([x], fs=1000.0, subject="a")
    filled = GapInterpolator().fit_transform(table)["signal"][0]
    np.testing.assert_allclose(filled, [[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    assert filled.dtype == np.float32


def test_cubic_spline_restores_a_smooth_peak():
    t = np.arange(400) / 100.0
    x = np.sin(2 * np.pi * t)
    clipped = np.where(x > 0.9, np.nan, x)[None]
    filled = GapInterpolator(0.2, method="cubic", fs=100.0).fit_transform(clipped)[0]
    np.testing.assert_allclose(filled, x, atol=0.01)


def test_gaps_at_the_ends_take_the_nearest_sample_even_with_a_spline():
    x = np.array([[np.nan, 1.0, 3.0, 2.0, np.nan]])
    filled = GapInterpolator(1.0, method="cubic", fs=10.0).fit_transform(x)
    np.testing.assert_allclose(filled, [[1.0, 1.0, 3.0, 2.0, 2.0]])


def _with_gaps():
    """Four recordings of 1 s at 1000 Hz: short and long gaps, none, no sample, a dead channel."""
    signals = [0.1 * noise(2, 1000) for _ in range(4)]
    signals[0][0, 100:102] = np.nan
    signals[0][1, 300:400] = np.nan
    signals[2][:] = np.nan
    signals[3][1] = np.nan
    return recording_table(signals, fs=1000.0, subject=list("abcd"))


def test_noted_gaps_are_filled_and_missing_again_after_filters_and_resampling():
    table = _with_gaps()
    noted = GapInterpolator(longer="note").fit_transform(table)
    assert noted["artefacts"].tolist() == [
        [(1, 0.3, 0.4)],
        [],
        [(0, 0.0, 1.0), (1, 0.0, 1.0)],
        [(1, 0.0, 1.0)],
    ]
    assert all(np.isfinite(s).all() for s in noted["signal"])
    assert noted["signal"][1] is table["signal"][1]
    ends = table["signal"][0][1, [299, 400]]
    inside = np.interp(np.arange(300, 400), [299, 400], ends)
    np.testing.assert_allclose(noted["signal"][0][1, 300:400], inside)
    assert not noted["signal"][2].any()
    steps = make_pipeline(
        GapInterpolator(longer="note"),
        BandpassFilter(20, 400),
        Resampler(2000.0),
        ArtefactRejector(kinds=[]),
    )
    marked = steps.fit_transform(table)
    assert "artefacts" not in marked
    missing = [np.isnan(signal) for signal in marked["signal"]]
    assert missing[0].sum(axis=1).tolist() == [0, 200]
    assert missing[0][1, 600:800].all()
    assert not missing[1].any()
    assert missing[2].all()
    assert missing[3].all(axis=1).tolist() == [False, True]


def test_without_gaps_nothing_is_noted_and_signals_are_the_same_objects():
    table = _with_gaps().iloc[[1]]
    steps = make_pipeline(GapInterpolator(longer="note"), ArtefactRejector(kinds=[]))
    same = steps.fit_transform(table)
    assert list(same.columns) == list(table.columns)
    assert same["signal"].iloc[0] is table["signal"].iloc[0]


def test_gaps_of_recordings_as_long_as_those_of_files_are_noted():
    signal = noise(300_000)
    signal[1000:90_000] = np.nan
    table = recording_table([signal], fs=23_437.5, subject="a")
    noted = GapInterpolator(longer="note").fit_transform(table)
    assert np.isfinite(noted["signal"][0]).all()
    (channel, start, end) = noted["artefacts"][0][0]
    assert (channel, start, end) == (0, 1000 / 23_437.5, 90_000 / 23_437.5)


def test_with_a_maximum_of_0_every_gap_is_a_longer_one():
    signal = noise(1000)
    signal[[3, 500]] = np.nan
    table = recording_table([signal], fs=FS, subject="a")
    assert np.isnan(GapInterpolator(0.0).fit_transform(table)["signal"][0]).sum() == 2
    noted = GapInterpolator(0.0, longer="note").fit_transform(table)
    assert len(noted["artefacts"][0]) == 2
    marked = ArtefactRejector(kinds=[]).fit_transform(noted)["signal"][0]
    np.testing.assert_array_equal(np.isnan(marked), np.isnan(signal))


@pytest.mark.parametrize("shape", [(40,), (3, 25), (2, 3, 20)])
def test_runs_are_those_of_a_binary_opening(shape):
    rng = np.random.default_rng(0)
    for n in range(12):
        mask = rng.random(shape) < (0.4, 0.8, 1.0)[n % 3]
        length = n // 3 + 2
        structure = np.ones((1,) * (len(shape) - 1) + (length,), dtype=bool)
        np.testing.assert_array_equal(
            runs_mask(mask, length), ndimage.binary_opening(mask, structure)
        )


def test_noted_gaps_come_after_notes_of_earlier_steps():
    table = _with_gaps().iloc[[0]]
    table["artefacts"] = [[(0, 0.7, 0.8)]]
    noted = GapInterpolator(longer="note").fit_transform(table)
    assert noted["artefacts"].iloc[0] == [(0, 0.7, 0.8), (1, 0.3, 0.4)]


def test_another_column_of_that_name_is_no_note():
    table = _with_gaps().assign(artefacts="some")
    with pytest.raises(ValueError, match=r"Row 0, column 'artefacts': .* Got 'some'; rename"):
        GapInterpolator(longer="note").fit_transform(table)
    with pytest.raises(ValueError, match=r"Row 0, column 'artefacts': .* Got 'some'; rename"):
        ArtefactRejector(kinds=[]).fit_transform(table)


def test_gaps_of_an_array_are_not_noted():
    with pytest.raises(ValueError, match="give a table, or use longer='keep'"):
        GapInterpolator(longer="note", fs=FS).fit_transform(noise(2, 50))


def test_infinity_is_no_gap():
    table = recording_table([np.array([0.0, np.inf, 2.0])], fs=1000.0, subject="a")
    with pytest.raises(ValueError, match="Row 0, column 'signal': contains infinity"):
        GapInterpolator().fit_transform(table)


def test_segments_of_a_recording():
    x = 0.2 * noise(6000)
    x[:2000] *= 0.02
    x[4400:4800] += 8 * np.exp(-_times(400) / 0.05)
    segments = segment_recording(x, FS)
    assert segments["kind"].tolist() == ["rest", "contraction", "artefact", "contraction"]
    np.testing.assert_allclose(segments["start"], [0.0, 1.0, 2.2, 2.4])
    np.testing.assert_allclose(segments["stop"], [1.0, 2.2, 2.4, 3.0])


def test_segments_cover_the_recording():
    segments = segment_recording(noise(2, 4321), FS)
    assert segments["stop"].iloc[-1] == 4321 / FS
    np.testing.assert_array_equal(segments["start"][1:], segments["stop"][:-1])


def test_segments_refuse_nan():
    with pytest.raises(ValueError, match="without NaN"):
        segment_recording([0.0, np.nan], FS)


@pytest.mark.parametrize("method", ["mean", "median", "polynomial", "moving_median"])
def test_offset_is_removed(method):
    X = np.full((2, 3, 900), 7.0)
    removed = BaselineRemover(method, fs=FS).fit_transform(X)
    np.testing.assert_allclose(removed, 0.0, atol=1e-12)


def test_polynomial_is_removed_exactly():
    t = np.linspace(0, 3, 500)
    X = np.stack([1 + 2 * t - t**2, t**3])
    removed = BaselineRemover("polynomial", degree=3).fit_transform(X)
    np.testing.assert_allclose(removed, 0.0, atol=1e-11)


def test_polynomial_equals_numpy():
    X = noise(2, 300)
    t = np.arange(300)
    for row, removed in zip(X, BaselineRemover("polynomial", degree=2).fit_transform(X)):
        np.testing.assert_allclose(removed, row - np.polyval(np.polyfit(t, row, 2), t), atol=1e-9)


def test_moving_median_removes_drift_and_keeps_potentials():
    t = _times(8000)
    drift = np.sin(2 * np.pi * 0.3 * t)
    potentials = np.zeros(8000)
    potentials[500::800] = 5.0
    removed = BaselineRemover(fs=FS).fit_transform((drift + potentials)[None])[0]
    np.testing.assert_allclose(removed[400:-400], potentials[400:-400], atol=0.01)
    # At the very ends the baseline is the median of the first and last 50 ms.
    np.testing.assert_allclose(removed, potentials, atol=0.06)


@pytest.mark.parametrize("n_times", [1, 2, 9])
@pytest.mark.parametrize("method", ["mean", "median", "polynomial", "moving_median"])
def test_baseline_of_short_windows(method, n_times):
    X = noise(2, 3, n_times).astype(np.float32)
    removed = BaselineRemover(method, fs=FS).fit_transform(X)
    assert (removed.shape, removed.dtype) == (X.shape, np.float32)
    assert np.isfinite(removed).all()


def test_unused_channels_are_named_and_cost_no_window():
    row = 0.1 * noise(4, 4000)
    row[[1, 3]] = [[0.0], [0.5]]
    table = recording_table([0.1 * noise(4, 4000), row], fs=FS, subject=["a", "b"])
    with pytest.warns(RecordingWarning, match=r"Row 1: constant in channels 2, 4 of 4"):
        marked = ArtefactRejector().fit_transform(table)
    np.testing.assert_array_equal(marked["signal"][1], row)
    assert len(divide(marked, 0.25, nan="skip").row) == 16


def test_recording_without_a_living_channel_is_marked():
    table = recording_table([np.zeros((2, 1000))], fs=FS, subject="a")
    assert np.isnan(ArtefactRejector().fit_transform(table)["signal"][0]).all()


def _clipped():
    x = np.round(noise(8000), 2)
    x[4000:6000] = np.repeat(np.clip(8 * x[4000:6000:10], -2, 2), 10)
    return recording_table([x], fs=FS, subject="a")


def test_clipping_is_noted_before_a_filter_and_marked_after_it():
    steps = [
        ArtefactRejector(kinds=["saturation"], window=0.1, apply=False),
        BandpassFilter(20, 400),
        Resampler(1000.0),
        ArtefactRejector(kinds=[]),
    ]
    result = make_pipeline(*steps).fit_transform(_clipped())
    assert "artefacts" not in result
    marked = np.isnan(result["signal"][0])
    assert len(marked) == 4000
    assert marked[2000:3000].mean() > 0.9
    assert not marked[:2000].any()
    assert not marked[3000:].any()


def test_noted_artefacts_leave_the_signals_as_they_are():
    table = _clipped()
    noted = ArtefactRejector(kinds=["saturation"], apply=False).fit_transform(table)
    assert noted["signal"][0] is table["signal"][0]
    assert {channel for channel, _, _ in noted["artefacts"][0]} == {0}
    starts = [start for _, start, _ in noted["artefacts"][0]]
    assert starts
    assert all(2.0 <= start < 3.0 for start in starts)
    with pytest.raises(ValueError, match=r"ArtefactRejector\(apply=False\) lists .* Got an array"):
        ArtefactRejector(apply=False, fs=FS).fit_transform(noise(1, 1000))


@pytest.mark.parametrize("kinds", [None, ["saturation"], ["flat"]])
@pytest.mark.parametrize(
    "step",
    [BandpassFilter(20, 400), NotchFilter(50), Resampler(500.0), AdaptiveFilter(), Envelope()],
    ids=lambda s: type(s).__name__,
)
def test_what_a_filter_hides_is_warned_of(step, kinds):
    pipeline = make_pipeline(step, Rectifier(), ArtefactRejector(kinds=kinds))
    with pytest.warns(RecordingWarning, match="output of a filter, in which saturation and const"):
        pipeline.fit_transform(_clipped())


@pytest.mark.parametrize("limit", [None, 1.0])
def test_a_detector_behind_a_filter_tells_what_it_cannot_see(limit):
    detector = ArtefactDetector(limit=limit)
    with pytest.warns(RecordingWarning, match=r"ArtefactDetector got the output of a filter, in w"):
        make_pipeline(BandpassFilter(20, 400), detector).fit_transform(_clipped())
    note = ArtefactRejector(kinds=["saturation"], apply=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.fit_transform(_clipped())
        make_pipeline(BaselineRemover(), detector).fit_transform(_clipped())
        make_pipeline(note, BandpassFilter(20, 400), detector).fit_transform(_clipped())


def test_nothing_is_hidden_in_recorded_signals_and_after_notes():
    note = ArtefactRejector(kinds=["saturation"], apply=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ArtefactRejector(kinds=["saturation"]).fit_transform(_clipped())
        make_pipeline(GapInterpolator(), ArtefactRejector()).fit_transform(_clipped())
        make_pipeline(note, BandpassFilter(20, 400), ArtefactRejector()).fit_transform(_clipped())
        X = noise(10, 1000)
        assert ArtefactRejector(fs=FS).fit_transform(X).shape == X.shape


def test_saturation_that_another_filter_hides_is_warned_of():
    sos = butter(4, [20, 400], "bandpass", fs=FS, output="sos")
    x = sosfiltfilt(sos, np.clip(noise(2, 4000), -1.5, 1.5))
    rejector = ArtefactRejector(kinds=["saturation"], fs=FS)
    table = recording_table([x], fs=FS, subject="a")
    with pytest.warns(RecordingWarning, match=r"Row 0: .* a filtered signal, in which saturation"):
        rejector.fit_transform(table)
    with pytest.warns(RecordingWarning, match=r"Windows: .* a filtered signal, in which satur"):
        rejector.fit_transform(x.reshape(8, 1000))


def test_unused_channels_of_windows_are_named():
    X = noise(5, 3, 1000)
    X[:, 1] = 0.5
    with pytest.warns(RecordingWarning, match=r"5 of 5 windows: constant in channel 2 of 3"):
        assert np.isfinite(ArtefactRejector(fs=FS).fit_transform(X)).all()


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_clipping_on_one_side_is_seen(side):
    x = noise(20, 1000)
    cut = np.minimum(x, 1.6) if side == "upper" else np.maximum(x, -1.6)
    assert ArtefactDetector(fs=1000.0).fit(x).flags(cut)["saturation"].all()


@pytest.mark.parametrize("n_steps", [0.5, 2, 8, 32, 128])
@pytest.mark.parametrize("fs", [10_000.0, 23_437.5, 50_000.0])
def test_rounded_peaks_of_a_high_rate_are_no_saturation(fs, n_steps):
    sos = butter(4, [20, 500], "bandpass", fs=fs, output="sos")
    x = sosfiltfilt(sos, noise(50, int(0.2 * fs) + 2000))[:, 1000:-1000]
    x = np.round(x / x.std() * n_steps) * 0.01
    assert ArtefactDetector(fs=fs).fit(x).flags(x)["saturation"].mean() < 0.1


@pytest.mark.parametrize("fs", [100.0, 200.0, 250.0, 500.0])
@pytest.mark.parametrize("seconds", [0.25, 0.5, 2.0])
def test_short_clean_windows_of_a_low_rate_have_hardly_any_flags(fs, seconds):
    sos = butter(4, [0.1 * fs, 0.47 * fs], "bandpass", fs=fs, output="sos")
    x = sosfiltfilt(sos, noise(200, int(seconds * fs) + 400))[:, 200:-200]
    flags = ArtefactDetector(fs=fs).fit(x).flags(x)
    assert (flags[["mains", "pop", "saturation"]].mean() < 0.05).all()


@pytest.mark.parametrize("step", [0.0, 0.05, 0.5, 1.0])
def test_short_clipping_is_seen_and_coarse_steps_are_none(step):
    x = noise(20, 1000)
    x = np.round(x / step) * step if step else x
    detector = ArtefactDetector(fs=1000.0).fit(x)
    cut = np.clip(x, -1.5, 1.5)
    assert detector.flags(x)["saturation"].mean() < 0.1
    if step <= 0.05:
        assert detector.flags(cut)["saturation"].all()


@pytest.mark.parametrize("fs", [200.0, 250.0, 500.0, 1000.0])
@pytest.mark.parametrize("step", [0.0, 1.0])
def test_clean_signals_have_no_flags_at_low_rates(fs, step):
    x = noise(300, int(fs / 2))
    x = np.round(x) if step else x
    flags = ArtefactDetector(fs=fs).fit(x).flags(x)
    assert (flags.mean() < 0.04).all(), flags.mean()


@pytest.mark.parametrize("kind", ["flat", "spikes"])
def test_artefacts_are_seen_at_200_hz(kind):
    x = np.round(noise(1, 200, seed=1), 1)
    if kind == "flat":
        x[0, 50:120] = 0.0
    else:
        x[0, 80] = 60.0
    flags = ArtefactDetector(fs=200.0).fit(x).flags(x)
    assert flags.columns[flags.iloc[0]].tolist() == [kind]


@pytest.mark.parametrize("as_table", [False, True])
def test_the_line_frequency_that_is_there_is_named(as_table):
    times = np.arange(2000) / 1000.0
    sines = [np.sin(2 * np.pi * f * times) for f in (50.0, 60.0)]
    X = np.stack([*sines, np.zeros(2000)]) + 0.1 * noise(3, 2000)
    if as_table:
        X = recording_table(list(X), fs=1000.0, subject=list("abc"))
    detector = ArtefactDetector(fs=None if as_table else 1000.0).fit(X)
    assert detector.flags(X)["mains"].tolist() == [True, True, False]
    np.testing.assert_array_equal(detector.line_frequency(X), [50.0, 60.0, np.nan])
    detector.set_params(line_freq=50.0)
    assert detector.flags(X)["mains"].tolist() == [True, False, False]


def test_rest_of_a_surface_recording_is_relative_to_its_own_noise():
    level = np.repeat([0.05, 0.4, 0.05, 0.4], 4000)
    segments = segment_recording(level * noise(16_000), FS)
    assert segments["kind"].tolist() == ["rest", "contraction"] * 2
    np.testing.assert_allclose(segments["start"], [0, 2, 4, 6])
    assert segment_recording(0.4 * noise(8000), FS)["kind"].tolist() == ["contraction"]
    with pytest.raises(ValueError, match="'rest_level' parameter of segment_recording must be"):
        segment_recording(noise(8000), FS, rest_level="low")


@pytest.mark.parametrize(
    "factor, unit", [(1e-3, "unit='V'"), (1.0, ""), (1e3, "unit='uV'"), (60.0, "unit='uV'")]
)
def test_segments_of_signals_that_are_not_in_mv_are_told(factor, unit):
    x = np.repeat([0.01, 1.0, 0.01, 1.0], 4000) * noise(16_000)
    told = pytest.warns(RecordingWarning, match=f"do not look like EMG in mV.*{unit}")
    with told if unit else warnings.catch_warnings():
        if not unit:
            warnings.simplefilter("error")
        segment_recording(factor * x, FS)


@pytest.mark.parametrize("rest_level, told", [(20, True), (0.1, False)])
def test_a_level_of_rest_in_microvolts_is_warned_of(rest_level, told):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        segment_recording(0.2 * noise(4000), FS, rest_level=rest_level)
    assert [("Give it in mV" in str(w.message)) for w in seen] == [True] * told


@pytest.mark.parametrize(
    "change, match",
    [
        ({"window": 0}, "'window' parameter of segment_recording"),
        ({"window": -0.2}, "'window' parameter of segment_recording"),
        ({"window": np.nan}, "'window' parameter of segment_recording"),
        ({"rest_level": -0.1}, "'rest_level' parameter of segment_recording"),
        ({"rest_level": True}, "'rest_level' parameter of segment_recording"),
        ({"fs": 0.0}, "column 'fs'"),
        ({"fs": None}, "fs"),
        ({"detector": ArtefactDetector(fs=2 * FS)}, "row 0 of the table has"),
        ({"detector": "flat"}, "'detector' parameter of segment_recording"),
        ({"signal": np.ma.masked_greater(0.2 * noise(4000), 0.5)}, "without NaN"),
        ({"signal": 0.2 * noise(4000) + 0j}, "complex"),
        ({"signal": ["a", "b"]}, "samples are text"),
    ],
)
def test_segments_refuse_what_would_be_misread(change, match):
    with pytest.raises((ValueError, TypeError), match=match):
        segment_recording(**({"signal": 0.2 * noise(4000), "fs": FS} | change))


def test_a_frame_is_a_recording_of_its_columns():
    x = 0.2 * noise(2, 4000)
    x[:, :2000] *= 0.02
    frame = pd.DataFrame(x.T, columns=["a", "b"])
    pd.testing.assert_frame_equal(segment_recording(frame, FS), segment_recording(x, FS))


def test_a_data_frame_of_windows_has_no_warning_of_names():
    frame = pd.DataFrame(np.ones((3, 20)), columns=[f"t{k}" for k in range(20)])
    frame.iloc[0, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled = GapInterpolator(0.01, fs=1000.0).fit_transform(frame)
    assert filled[0, 5] == 1.0
