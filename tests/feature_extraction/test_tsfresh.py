"""tsfresh's features against tsfresh's own extraction."""

import sys

import numpy as np
import pandas as pd
import pytest
from data import noise

from sklearn_emg.feature_extraction import TsfreshFeatures

SETTINGS = {
    "mean": None,
    "skewness": None,
    "quantile": [{"q": 0.1}, {"q": 0.9}],
    "fft_coefficient": [{"coeff": 3, "attr": "abs"}, {"coeff": 2, "attr": "real"}],
    "linear_trend": [{"attr": "slope"}],
    "c3": [{"lag": 2}],
}


def own_extraction(X, settings):
    tsfresh = pytest.importorskip("tsfresh")
    n_windows, n_channels, n_times = X.shape
    kinds = np.repeat([f"ch{c + 1}" for c in range(n_channels)], n_times)
    long = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n_windows), n_channels * n_times),
            "kind": np.tile(kinds, n_windows),
            "time": np.tile(np.arange(n_times), n_windows * n_channels),
            "value": X.reshape(-1),
        }
    )
    return tsfresh.extract_features(
        long,
        column_id="id",
        column_kind="kind",
        column_sort="time",
        column_value="value",
        default_fc_parameters=settings,
        n_jobs=0,
        disable_progressbar=True,
    )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_equals_tsfreshs_own_extraction():
    X = noise(4, 2, 80)
    expected = own_extraction(X, SETTINGS)
    got = TsfreshFeatures(SETTINGS).set_output(transform="pandas").fit_transform(X)
    assert set(got.columns) == set(expected.columns)
    np.testing.assert_allclose(got, expected[got.columns], rtol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_efficient_set_equals_tsfreshs_own_extraction():
    extraction = pytest.importorskip("tsfresh.feature_extraction")
    X = noise(4, 2, 400)
    expected = own_extraction(X, extraction.EfficientFCParameters())
    got = TsfreshFeatures(missing="keep").set_output(transform="pandas").fit_transform(X)
    always_missing = {f"ch{c}__query_similarity_count__query_None__threshold_0.0" for c in (1, 2)}
    assert set(got.columns) == set(expected.columns) - always_missing
    np.testing.assert_allclose(got, expected[got.columns], rtol=1e-9)


def test_settings_objects_and_names_of_sets_are_the_same():
    extraction = pytest.importorskip("tsfresh.feature_extraction")
    X = noise(4, 2, 80)
    np.testing.assert_array_equal(
        TsfreshFeatures("minimal").fit_transform(X),
        TsfreshFeatures(extraction.MinimalFCParameters()).fit_transform(X),
    )


def test_names_lead_back_to_the_settings():
    extraction = pytest.importorskip("tsfresh.feature_extraction")
    names = TsfreshFeatures(SETTINGS).fit(noise(4, 2, 80)).get_feature_names_out()
    back = extraction.settings.from_columns(names)
    assert sorted(back) == ["ch1", "ch2"]
    again = TsfreshFeatures(back["ch1"]).fit(noise(4, 2, 80)).get_feature_names_out()
    assert set(again) == set(names)


def test_row_depends_on_its_window_alone():
    pytest.importorskip("tsfresh")
    X = noise(9, 2, 80).astype(np.float32)
    extractor = TsfreshFeatures(SETTINGS).fit(X)
    together = extractor.transform(X)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(extractor.transform(X[::-1])[::-1], together)
    np.testing.assert_array_equal(extractor.transform(X[2:3])[0], together[2])


@pytest.mark.slow
def test_processes_give_the_same_values():
    pytest.importorskip("tsfresh")
    X = noise(9, 2, 80)
    one = TsfreshFeatures(SETTINGS).fit_transform(X)
    np.testing.assert_array_equal(TsfreshFeatures(SETTINGS, n_jobs=2).fit_transform(X), one)


def test_missing_values_are_named_kept_or_zero():
    pytest.importorskip("tsfresh")
    X = noise(4, 2, 80)
    X[1] = 3.0
    settings = {
        "mean": None,
        "skewness": None,
        "variation_coefficient": None,
        "autocorrelation": [{"lag": 1}],
    }
    with pytest.raises(
        ValueError, match=r"no value for skewness, autocorrelation__lag_1 in 2 of 8"
    ):
        TsfreshFeatures(settings).fit_transform(X)
    kept = TsfreshFeatures(settings, missing="keep").fit_transform(X)
    np.testing.assert_array_equal(np.isnan(kept).any(axis=1), [False, True, False, False])
    zero = TsfreshFeatures(settings, missing="zero").fit_transform(X)
    np.testing.assert_array_equal(zero, np.nan_to_num(kept))


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"settings": {"meen": None}}, "unknown calculator 'meen'"),
        ({"settings": {}}, "names no calculator"),
        ({"settings": "fast"}, "'settings' parameter of TsfreshFeatures"),
        ({"missing": "drop"}, "'missing' parameter of TsfreshFeatures"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    pytest.importorskip("tsfresh")
    with pytest.raises(ValueError, match=message):
        TsfreshFeatures(**parameters).fit(noise(4, 2, 80))


def test_missing_tsfresh_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tsfresh", None)
    monkeypatch.setitem(sys.modules, "tsfresh.feature_extraction", None)
    with pytest.raises(ImportError, match=r"sklearn-emg\[tsfresh\]"):
        TsfreshFeatures("minimal").fit(noise(4, 2, 80))
