"""The HTML page of a comparison: its contents, and that no data can be executed as code."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import report
from sklearn_emg.inspection._reports._html import table

pytest.importorskip("matplotlib")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], 40)
    names = [HOSTILE, *(f"s{i}" for i in range(1, 20))]
    X = pd.DataFrame({"rms": rng.normal(size=80) + 2 * (y == "patient")})
    X["subject"] = np.repeat(names, 4)
    model = DiVoteClassifier(LogisticRegression(), window=None)
    models = {"logistic": model, "guess": DiVoteClassifier(DummyClassifier(), window=None)}
    result = compare(models, X, y, cv=4, progress=False, n_resamples=50)
    audit = leakage_audit(model, X, y, n_splits=4, progress=False)
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    assert report(result, path, audits={"logistic": audit}) == path
    assert [p.name for p in path.parent.iterdir()] == ["comparison.html"]  # nothing half-written
    return path.read_text(encoding="utf-8")


def test_page_has_pipelines_chance_and_leaky_labels(page):
    for text in ("logistic", "guess", "leaky", "0.50", "20"):
        assert text in page


def test_names_from_the_data_show_as_text(page):
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_page_loads_nothing_from_outside(page):
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']+""", page)
    assert "@import" not in page
    assert 'lang="en"' in page


def test_figures_and_tables_can_be_read_aloud(page):
    images = re.findall(r"<(?:img|svg)[^>]*>", page)
    assert images
    assert page.count("<caption") >= 1
    assert 'scope="col"' in page


def test_something_else_than_a_result_is_refused(tmp_path):
    with pytest.raises(TypeError, match="report"):
        report({"accuracy": 1.0}, tmp_path / "a.html")
    assert not list(tmp_path.iterdir())


def test_large_rates_are_written_in_full():
    frame = pd.DataFrame({"fs": [10_000.0, 23437.5, 0.000123, np.inf]}, index=list("abcd"))
    shown = table(frame, "Rates", index="recording")
    assert [cells[0].text for _, cells in shown.rows] == ["10000", "23437.5", "0.000123", "inf"]
