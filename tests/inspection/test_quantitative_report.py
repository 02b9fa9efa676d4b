"""The page of the potentials of a subject: its contents, and the conclusions left to the reader."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.feature_extraction import MUAPFeatures
from sklearn_emg.inspection import quantitative_emg_report
from sklearn_emg.motor_units import (
    InterferenceCloud,
    MotorUnitDecomposer,
    ReferenceLimits,
    interference_points,
    muscle_potentials,
)
from sklearn_emg.preprocessing import HighpassFilter

NAME = "<b>P1</b>"


@pytest.fixture(scope="module")
def recordings():
    table, _ = make_nemg_cohort(
        3, n_recordings=6, duration=2.0, fs=8000.0, drive=0.01, return_X_y=True, random_state=0
    )
    table = table.iloc[[0, 0, 1]].reset_index(drop=True)
    muscles = ["biceps brachii", "soleus", "soleus"]
    return table.assign(subject=[NAME, NAME, "other"], muscle=muscles)


def test_the_page_shows_measures_limits_and_doubts(recordings, tmp_path):
    path = quantitative_emg_report(recordings, NAME, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert "&lt;b&gt;P1&lt;/b&gt;" in text
    assert NAME not in text
    assert "What is not certain" in text
    own = recordings[recordings["subject"] == NAME]
    found = muscle_potentials(HighpassFilter(20.0).fit_transform(own))
    biceps = found[found["muscle"] == "biceps brachii"]
    assert f"<strong>biceps brachii</strong> ({len(biceps)} potential" in text
    summary = ReferenceLimits().use_table().score_muscles(biceps)["summary"].iloc[0]
    assert summary in text
    assert "Probabilities by the rule" in text
    assert "Norwegian guideline" in text
    # Without limits for this muscle, it is measured but not compared.
    assert re.search(r"soleus</strong> .*: not compared: no normal limits for this muscle\.", text)
    assert "There are normal limits for " in text
    # The page names no Python class, and gives common remarks only once.
    assert "ReferenceLimits" not in text
    for once in ("beyond: number", "jiggle: variability", "Norwegian guideline"):
        assert text.count(once) == 1
    assert "http" not in text.replace("http-equiv", "")


def test_few_potentials_are_shown_without_a_conclusion(recordings, tmp_path):
    limits = ReferenceLimits(min_potentials=50).use_table()
    path = quantitative_emg_report(recordings, NAME, tmp_path / "report.html", limits=limits)
    text = path.read_text(encoding="utf-8")
    assert "too few potentials for a conclusion" in text
    assert "fewer than the 50 that the outlier method needs" in text
    assert ">too few potentials<" in text
    assert "amplitude (mV)" in text
    assert "Probabilities by the rule" not in text


def test_measures_are_named_with_their_units(recordings, tmp_path):
    table = pd.DataFrame(
        {
            "muscle": "biceps brachii",
            "measure": ["thickness", "area", "rise_time", "size_index"],
            "mean": 1.0,
            "sd": 0.2,
            "lowest": 0.2,
            "highest": 3.0,
            "source": "a source",
        }
    )
    limits = ReferenceLimits(list(table["measure"])).use_table(table)
    path = quantitative_emg_report(recordings, NAME, tmp_path / "report.html", limits=limits)
    text = path.read_text(encoding="utf-8")
    for name in ("thickness (ms)", "area (mV ms)", "rise time (ms)", "size index"):
        assert f">{name}<" in text
    assert "size_index" not in text


def test_unknown_subjects_and_silence_are_refused(recordings, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match="no subject 'P9'"):
        quantitative_emg_report(recordings, "P9", path)
    with pytest.raises(ValueError, match="lacks the column 'muscle'"):
        quantitative_emg_report(recordings.drop(columns="muscle"), NAME, path)
    noise = np.random.default_rng(0).normal(size=16000)
    quiet = recordings.assign(signal=[0.002 * noise] * 3)
    with pytest.raises(ValueError, match="No isolated potential or motor unit was found"):
        quantitative_emg_report(quiet, NAME, path)
    assert not path.exists()


def test_a_subject_without_isolated_potentials_has_a_page_of_units(recordings, tmp_path):
    strict = MUAPFeatures(amplitude_threshold=50.0)
    page = quantitative_emg_report(recordings, NAME, tmp_path / "report.html", extractor=strict)
    text = page.read_text("utf-8")
    assert "no isolated potential was found" in text
    assert "Firing and potentials of the units" in text


def test_sides_are_apart_and_spellings_of_a_muscle_are_not(recordings, tmp_path):
    both = recordings.iloc[[0, 0, 0]].assign(
        muscle=["Biceps", "biceps brachii", "biceps  brachii"], side=["left", "left", "right"]
    )
    page = quantitative_emg_report(both, NAME, tmp_path / "report.html").read_text("utf-8")
    assert page.count("<strong>biceps brachii, left</strong>") == 1
    assert page.count("<strong>biceps brachii, right</strong>") == 1
    assert "no limits for" not in page


def test_limits_that_are_not_fitted_and_other_classes_are_refused(recordings, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match="call fit or use_table first"):
        quantitative_emg_report(recordings, NAME, path, limits=ReferenceLimits())
    with pytest.raises(TypeError, match=r"'extractor' .* MUAPFeatures or MotorUnitDecomposer"):
        quantitative_emg_report(recordings, NAME, path, extractor=ReferenceLimits())
    with pytest.raises(TypeError, match=r"'decomposer' .* must be MotorUnitDecomposer"):
        quantitative_emg_report(recordings, NAME, path, decomposer=MUAPFeatures())
    with pytest.raises(ValueError, match="call fit first"):
        quantitative_emg_report(recordings, NAME, path, interference=InterferenceCloud())
    with pytest.raises(ValueError, match=r"name of a muscle must be a non-empty text\. Got None"):
        quantitative_emg_report(recordings.assign(muscle=None), NAME, path)


@pytest.fixture(scope="module")
def page_of_units(recordings, tmp_path_factory):
    """Page by motor units, with a cloud of controls; and the units."""
    own = HighpassFilter(20.0).fit_transform(recordings[recordings["subject"] == NAME])
    points = interference_points(own.iloc[:1])
    many = pd.concat([points] * 4, ignore_index=True)
    cloud = InterferenceCloud().fit(
        pd.concat([many.assign(subject=f"C{k}", turns=many["turns"] * (1 + k)) for k in range(4)])
    )
    path = tmp_path_factory.mktemp("pages") / "report.html"
    extractor = MotorUnitDecomposer()
    quantitative_emg_report(recordings, NAME, path, extractor=extractor, interference=cloud)
    return path.read_text("utf-8"), MotorUnitDecomposer().fit(own.reset_index(drop=True))


def test_units_have_rates_and_overlaid_potentials(page_of_units):
    page, decomposer = page_of_units
    n = (decomposer.units_["row"] == 0).sum()
    assert n > 0
    assert f"{n} motor unit" in page
    rate = 1 / decomposer.units_["interval"].iloc[0]
    assert f">{round(rate, 1):.3g}</td>" in page
    assert "overlaid by recording" in page
    assert "that could not be separated or confirmed" in page
    # The published limits are those of averages of units, not of single discharges.
    assert "Single discharges are shorter" not in page


def test_interference_pattern_is_compared_with_own_controls(page_of_units):
    page, _ = page_of_units
    assert "cloud of your 4 controls" in page
    assert "Not compared: your controls have no cloud for this muscle." in page


def test_tables_stack_on_narrow_windows_and_stay_tables(page_of_units):
    page, _ = page_of_units
    assert page.count('role="table"') == page.count("<table") >= 2
    assert page.count('role="columnheader"') == page.count('<th scope="col"')
    assert 'data-head="rate (Hz)"' in page
    assert "@media screen and (max-width: 44rem)" in page
    assert "size: A4" in page
    levels = [int(part[0]) for part in page.split("<h")[1:] if part[0].isdigit()]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert page.count("<img alt=") == page.count("<img")
    assert '<img alt=""' not in page
