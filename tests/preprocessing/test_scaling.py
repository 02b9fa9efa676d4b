import warnings
from functools import partial

import data
import numpy as np
import pytest
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.preprocessing import AmplitudeScaler, Envelope, Rectifier, ReferenceScaler
from sklearn_emg.recordings import recording_table

REFERENCE = {
    "zscore": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
    "maxabs": MaxAbsScaler(),
}


noise = partial(data.noise, offset=3.0)


@pytest.mark.parametrize("method", REFERENCE)
def test_signal_by_signal_equals_scikit_learn_on_each_column(method):
    X = noise(5, 2, 31)
    expected = REFERENCE[method].fit_transform(X.reshape(10, 31).T).T.reshape(X.shape)
    np.testing.assert_allclose(AmplitudeScaler(method).fit_transform(X), expected, atol=1e-12)


@pytest.mark.parametrize("method", REFERENCE)
def test_training_statistics_equal_scikit_learn_with_channels_as_columns(method):
    train, test = noise(5, 2, 31), noise(3, 2, 31, seed=1)
    reference = REFERENCE[method].fit(train.swapaxes(1, 2).reshape(-1, 2))
    expected = reference.transform(test.swapaxes(1, 2).reshape(-1, 2)).reshape(3, 31, 2)
    scaler = AmplitudeScaler(method, by="training").fit(train)
    np.testing.assert_allclose(scaler.transform(test), expected.swapaxes(1, 2), atol=1e-12)


@pytest.mark.parametrize("method", REFERENCE)
def test_table_and_windows_learn_the_same(method):
    X = noise(4, 3, 50)
    table = recording_table(list(X), fs=100.0, subject=list("abcd"))
    windows = AmplitudeScaler(method, by="training").fit(X)
    rows = AmplitudeScaler(method, by="training").fit(table)
    np.testing.assert_allclose(rows.location_, windows.location_, rtol=1e-12)
    np.testing.assert_allclose(rows.scale_, windows.scale_, rtol=1e-12)


@pytest.mark.parametrize("method", REFERENCE)
@pytest.mark.parametrize("by", ["signal", "training"])
def test_constant_signal_stays_finite(method, by):
    X = np.full((3, 7), 0.1)
    scaled = AmplitudeScaler(method, by=by).fit_transform(X)
    expected = 1.0 if method == "maxabs" else 0.0
    np.testing.assert_allclose(scaled, expected, atol=1e-12)


def test_signal_by_signal_learns_nothing():
    scaler = AmplitudeScaler().fit(noise(3, 9))
    assert not hasattr(scaler, "scale_")


def test_float32_is_kept_and_offsets_do_not_cost_precision():
    X = (noise(2, 4001) + 1e4).astype(np.float32)
    scaled = AmplitudeScaler().fit_transform(X)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=1, dtype=float), 0.0, atol=1e-3)


def test_other_number_of_channels_than_in_training_is_refused():
    train = recording_table([noise(2, 9)], fs=10.0, subject="a")
    test = recording_table([noise(3, 9)], fs=10.0, subject="b")
    scaler = AmplitudeScaler(by="training").fit(train)
    with pytest.raises(ValueError, match="fitted on 2 channels and got a signal with 3"):
        scaler.transform(test)


def test_training_rows_need_one_number_of_channels():
    table = recording_table([noise(2, 9), noise(9)], fs=10.0, subject="a")
    with pytest.raises(ValueError, match="row 0 has 2 channels and row 1 has 1"):
        AmplitudeScaler(by="training").fit(table)


@pytest.fixture
def contractions():
    signals = [np.array([[1.0, -1.0], [2.0, 4.0]]), np.array([[2.0, -4.0], [8.0, 0.0]])]
    signals += [np.array([[3.0, 3.0], [1.0, 1.0]]), np.array([[6.0, 6.0], [1.0, 2.0]])]
    return recording_table(
        signals, fs=10.0, subject=["a", "a", "b", "b"], is_reference=[False, True, True, False]
    )


@pytest.mark.parametrize(
    "measure, expected",
    [
        ("peak", [[0.25, -0.25], [0.25, 0.5]]),
        ("mav", [[1 / 3, -1 / 3], [0.5, 1.0]]),
        ("rms", [[1 / 10**0.5, -1 / 10**0.5], [2 / 32**0.5, 4 / 32**0.5]]),
    ],
)
def test_each_person_has_an_own_reference(contractions, measure, expected):
    scaled = ReferenceScaler(measure=measure).fit_transform(contractions)
    np.testing.assert_allclose(scaled["signal"][0], expected)
    np.testing.assert_allclose(scaled["signal"][3], [[2.0, 2.0], [1.0, 2.0]])


def test_largest_of_several_references_counts(contractions):
    contractions["is_reference"] = True
    scaled = ReferenceScaler(measure="peak").fit_transform(contractions)
    np.testing.assert_allclose(scaled["signal"][2], [[0.5, 0.5], [0.5, 0.5]])


@pytest.mark.parametrize("kind", [int, float, "boolean", object])
def test_references_are_marked_by_any_kind_of_truth(contractions, kind):
    expected = ReferenceScaler().fit_transform(contractions)["signal"]
    contractions["is_reference"] = contractions["is_reference"].astype(kind)
    for one, other in zip(ReferenceScaler().fit_transform(contractions)["signal"], expected):
        np.testing.assert_array_equal(one, other)


def test_given_reference_serves_windows_and_tables(contractions):
    scaler = ReferenceScaler([2.0, 4.0])
    scaled = scaler.fit_transform(np.stack(contractions["signal"]))
    np.testing.assert_allclose(scaled[0], [[0.5, -0.5], [0.5, 1.0]])
    np.testing.assert_allclose(scaler.fit_transform(contractions)["signal"][0], scaled[0])


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda t: t.drop(columns="is_reference"), "no column 'is_reference'"),
        (lambda t: t.iloc[[0, 2, 3]], "1 subject has no reference contraction .*'a'"),
        (lambda t: t.assign(signal=t["signal"].map(np.zeros_like)), "Row 1: .* is zero"),
        (lambda t: t.assign(is_reference=list("nyyn")), "True and False.* Row 0 has 'n'"),
        (lambda t: t.assign(is_reference=[True, None, True, False]), "Row 1 has None"),
    ],
)
def test_missing_references_are_reported(contractions, change, match):
    with pytest.raises(ValueError, match=match):
        ReferenceScaler().fit(change(contractions))


def test_each_muscle_has_its_own_reference():
    table = recording_table(
        [[1.0, -1.0], [3.0, -3.0], [2.0, -2.0], [6.0, 6.0]],
        fs=1000.0,
        subject="a",
        muscle=["biceps", "triceps", "biceps", "triceps"],
        is_reference=[False, False, True, True],
    )
    scaled = ReferenceScaler(measure="peak").fit_transform(table)["signal"]
    np.testing.assert_allclose(np.stack(scaled[:2]), [[0.5, -0.5], [0.5, -0.5]])
    with pytest.raises(ValueError, match=r"1 muscle has no reference .*: 'a', 'triceps'"):
        ReferenceScaler().fit(table[:3])


def test_channels_in_another_order_are_refused():
    X = noise(2, 2, 300)
    tables = [
        recording_table(X, fs=1000.0, subject=["a", "a"], channel_names=names)
        for names in ([["u", "v"]] * 2, [["v", "u"]] * 2, [["u", "v"], ["v", "u"]])
    ]
    scaler = AmplitudeScaler(by="training").fit(tables[0])
    for table in tables[1:]:
        with pytest.raises(ValueError, match=r"Reorder them with select_channels\(table, \['u'"):
            scaler.transform(table)
    with pytest.raises(ValueError, match="Row 1 has the channels v, u"):
        ReferenceScaler().fit(tables[2].assign(is_reference=[True, False]))


def test_windows_without_a_given_reference_are_refused():
    with pytest.raises(ValueError, match="needs its 'reference' parameter"):
        ReferenceScaler().fit(noise(3, 9))


def test_half_wave_rectification_drops_negative_values():
    np.testing.assert_array_equal(
        Rectifier("half").fit_transform([[1.0, -2.0, 3.0]]), [[1.0, 0.0, 3.0]]
    )


@pytest.mark.parametrize(
    "method, expected", [("rms", 1 / 2**0.5), ("mean", 2 / np.pi), ("lowpass", 2 / np.pi)]
)
def test_envelope_of_a_sine(method, expected):
    # 50 Hz at 1000 Hz: a window of 101 samples holds five periods and one sample.
    X = np.sin(2 * np.pi * 50.0 * (np.arange(2000) + 0.5) / 1000.0)[None]
    envelope = Envelope(method, window=0.1, fs=1000.0).fit_transform(X)[0, 500:-500]
    np.testing.assert_allclose(envelope, expected, rtol=0.012)


def test_moving_rms_equals_the_naive_loop():
    X = noise(2, 40)
    envelope = Envelope("rms", window=7.0, fs=1.0).fit_transform(X)
    for row in range(2):
        for t in range(40):
            part = X[row, max(t - 3, 0) : t + 4]
            assert envelope[row, t] == pytest.approx(np.sqrt(np.mean(part**2)))


def test_envelope_follows_a_burst():
    X = np.zeros((1, 1000))
    X[0, 400:600] = noise(200)
    envelope = Envelope(window=0.05, fs=1000.0).fit_transform(X)[0]
    assert envelope[:300].max() < 1e-6
    assert envelope[450:550].min() > 1.0


def test_envelope_cutoff_is_checked():
    with pytest.raises(ValueError, match="'cutoff' parameter of Envelope must be below the Nyq"):
        Envelope("lowpass", cutoff=50.0, fs=100.0).fit(noise(2, 9))


def test_a_window_of_the_envelope_in_ms_is_warned_of():
    X = 0.1 * noise(2, 2000)
    with pytest.warns(RecordingWarning, match="'window' of Envelope, 100 s, covers all 2 s"):
        constant = Envelope(window=100, fs=1000.0).fit_transform(X)
    assert np.ptp(constant, axis=1).max() < 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Envelope(window=0.1, fs=1000.0).fit_transform(X)
