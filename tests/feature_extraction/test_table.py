"""The table that documents all features."""

import numpy as np
import pytest

from sklearn_emg import feature_extraction
from sklearn_emg.feature_extraction import feature_facts, feature_table, info_of

TABLE = feature_table()


def test_every_feature_says_what_it_is():
    text = TABLE[["name", "title", "formula", "unit", "domain", "source", "extractor"]]
    assert (text.map(len) > 0).all(axis=None)
    assert len(TABLE) > 80


def test_titles_are_plain_words_that_no_two_features_of_an_extractor_have_in_common():
    assert not TABLE.duplicated(["title", "extractor"]).any()
    assert not TABLE["title"].str.contains("_").any()
    titles = TABLE.set_index("name")["title"]
    assert titles["rms"] == "Root mean square"
    assert titles["ssc"] == "Slope sign changes"


def test_facts_of_columns():
    facts = feature_facts()
    assert info_of("ch2_wavelet_energy_d3", facts)["title"] == "Wavelet energy"
    assert info_of("biceps", facts) is None
    assert info_of("biceps_mav", facts) is None  # "biceps" may be anything
    assert info_of("biceps_mav", facts, ["biceps", "biceps_left"])["unit"] == "mV"
    assert info_of("biceps_left_mdf", facts, ["biceps", "biceps_left"])["unit"] == "Hz"
    assert info_of("triceps_mav", facts, ["biceps"]) is None
    # Two families have this name; the first one counts.
    assert info_of("spectral_entropy", facts)["domain"] == "spectral"


def test_names_are_unique_within_an_extractor():
    assert not TABLE.duplicated(["name", "extractor"]).any()


@pytest.mark.parametrize("extractor", TABLE["extractor"].unique())
def test_extractor_takes_every_name_of_its_rows(extractor):
    names = TABLE.loc[TABLE["extractor"] == extractor, "name"].tolist()
    family = getattr(feature_extraction, extractor)(features=names)
    X = np.random.default_rng(0).normal(size=(2, 3, 250))
    if "fs" in family.get_params():
        family.set_params(fs=1000.0)
    if "band_power" in names:
        family.set_params(bands=[(20, 200)])
    columns = family.fit(X).get_feature_names_out()
    assert len(columns) >= len(names)


def test_units_agree_with_the_powers():
    # mV to the power by which a feature grows with the signal, whatever else is in its unit.
    exponents = {"mV": 1, "mV^2": 2, "mV^3": 3, "mV^4": 4, "mV^5": 5}
    known = TABLE[TABLE["power"].notna()]
    expected = known["unit"].str.extract(r"(mV(?:\^\d)?)")[0].map(exponents).fillna(0)
    np.testing.assert_array_equal(known["power"], expected)
