"""The HTML report: its contents, its errors and its behaviour in a browser."""

import base64
import hashlib
import html
import os
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from data import simulated_cohort
from markupsafe import Markup
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_emg.comparison import compare, confound_audit, leakage_audit, rate
from sklearn_emg.ensemble import DiVoteClassifier, DiVoteRegressor
from sklearn_emg.inspection import data_card, report
from sklearn_emg.inspection._reports._html import _number
from sklearn_emg.papers import make_system

pytest.importorskip("matplotlib", reason="the report needs matplotlib")

SCRIPT = "<script>document.title='run'</script>"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = np.repeat(["control", "patient"], [48, 32])
    X = pd.DataFrame({"rms": rng.normal(size=80) + (y == "patient")})
    X["subject"] = [SCRIPT if s == 0 else f"s{s}" for s in np.repeat(range(20), 4)]
    return X, y


def aged(X, y):
    """The table with an age that separates the classes, except for four subjects of each."""
    subject = np.arange(len(X)) // 4
    age = 40 + 30 * (y == "patient") + subject % 4 * 0.5
    age[np.isin(subject, [0, 1, 2, 3, 12, 13, 14, 15])] = 50
    return X.assign(age=age, side=np.where(subject % 2, "left", "right"))


@pytest.fixture(scope="module")
def fitted(data):
    return DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(*data)


@pytest.fixture(scope="module")
def pages(data, fitted, tmp_path_factory):
    """Pages of a comparison, with one pipeline that fails, and of a fitted pipeline."""
    folder = tmp_path_factory.mktemp("pages")
    pipelines = {
        "logistic $x <b>": DiVoteClassifier(LogisticRegression(), window=None),
        "neighbours": DiVoteClassifier(KNeighborsClassifier(3), window=None),
        "broken": DiVoteClassifier(KNeighborsClassifier(500), window=None),
    }
    with pytest.warns(Warning, match="broken failed"):
        result = compare(pipelines, *data, cv=4, progress=False)
    audit = leakage_audit(pipelines["neighbours"], *data, n_splits=4, progress=False)
    return (
        report(
            result,
            folder / "comparison.html",
            audits={"neighbours": audit},
            confounds=confound_audit(aged(*data), data[1], match="age", caliper={"age": 5}),
        ),
        report(fitted, folder / "fitted.html", X=data[0], y=data[1], train_subjects=["s1", "s2"]),
    )


def text_of(path):
    return path.read_text(encoding="utf-8")


def test_comparison_has_chance_subjects_leak_and_failures(pages):
    text = text_of(pages[0])
    assert "0.60 of the subjects: the chance level" in text
    assert "20 (control 12, patient 8)" in text
    assert text.count('<td class="leaky">leaky: do not report</td>') == 1
    assert text.count('<td class="no-leak">no leak</td>') == 1
    assert "4 of 12 fits failed" in text
    assert "broken, fold 0: ValueError" in text


def test_predictions_for_subjects_of_the_training_set_are_leaky(pages):
    text = text_of(pages[1])
    assert "2 of 20 subjects" in text
    assert text.count('<td class="leaky">yes: leaky</td>') == 2
    assert re.search(r"Correct diagnoses: \d+ of 18 subjects", text)


def test_units_of_a_subject_are_not_counted_as_subjects(data, tmp_path):
    X, y = data
    X = X.assign(side=["left", "left", "right", "right"] * 20)
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None, unit="side").fit(X, y)
    text = text_of(report(model, tmp_path / "a.html", X=X, y=y, train_subjects=["s1", "s2"]))
    assert "2 of 20 subjects" in text
    assert re.search(r"Correct diagnoses: \d+ of 36 sides of 18 subjects", text)
    votes = model.vote(X).subjects
    new = ~votes.index.get_level_values(0).isin(["s1", "s2"])
    truth = pd.Series(y).groupby([X["subject"], X["side"]], sort=False).first()
    right = (votes["diagnosis"] == truth.reindex(votes.index))[new].to_numpy(dtype=float)
    value, low, high = rate(right, votes.index.get_level_values(0)[new].tolist(), 0.95)
    assert f"{value:.2f} [{low:.2f}, {high:.2f}] (95 % interval over subjects)" in text


def test_unknown_training_subjects_are_mentioned(fitted, data, tmp_path):
    path = report(fitted, tmp_path / "a.html", X=data[0], y=data[1])
    assert "Leaky if trained on them" in text_of(path)


def test_parameters_and_fitted_facts_are_shown(pages):
    text = text_of(pages[1])
    title = "Fitted pipeline: DiVoteClassifier of LinearDiscriminantAnalysis"
    assert f"<h1>{title}</h1>" in text
    assert "Parameters of DiVoteClassifier › estimator_" in text
    assert "['control', 'patient']" in html.unescape(text)


def test_a_transformer_without_a_table_has_a_page(tmp_path):
    scaler = StandardScaler().fit(np.arange(6.0).reshape(3, 2))
    assert "[2.0, 3.0]" in text_of(report(scaler, tmp_path / "a.html"))


def test_names_cannot_become_markup(pages):
    for text in map(text_of, pages):
        assert SCRIPT not in text
        assert "&lt;script&gt;document.title" in text
        assert text.count("<script>") == 1
    assert "$x <b>" not in text_of(pages[0])


def test_nothing_comes_from_outside(pages):
    for text in map(text_of, pages):
        without_images = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
        assert not re.findall(r"https?:|//[a-z]+\.|@import|url\(", without_images)
        assert not re.findall(r"(?:src|href)=\"(?!data:|#)", without_images)


def test_the_policy_allows_the_style_and_the_script_of_the_page_alone(pages):
    for text in map(text_of, pages):
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        assert policy.startswith("default-src 'none'; img-src data:;")
        for name in ("style", "script"):
            (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.S)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"{name}-src 'sha256-{digest}'" in policy
        # The page contains nothing that the policy would block.
        assert not re.findall(r"<[a-z][^>]* (?:on[a-z]+|style)=", text)


def test_markup_objects_are_escaped_too(tmp_path):
    """A label that is marked as safe for HTML is escaped like any other."""
    y = np.repeat(["control", "patient"], 8)
    X = pd.DataFrame({"rms": np.random.default_rng(0).normal(size=16)})
    X["subject"] = np.repeat([Markup("<b>0</b>"), *map(str, range(1, 8))], 2)
    fitted = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(X, y)
    text = text_of(report(fitted, tmp_path / "a.html", X=X, title=Markup("<i>T</i>")))
    assert "<b>0</b>" not in text
    assert "<i>T</i>" not in text


def test_numbers_and_nouns_agree(data, tmp_path):
    X, y = data
    one = {"only": DiVoteClassifier(LogisticRegression(), window=None)}
    text = text_of(report(compare(one, X, y, cv=4, progress=False), tmp_path / "a.html"))
    assert "the others overlap" not in text
    text = " ".join(html.unescape(text).split())
    assert re.search(r"\d+ of 20 subjects (was|were) diagnosed incorrectly by the pipeline", text)


@pytest.mark.parametrize(
    ("n", "names"), [(1, "a"), (2, "a and b"), (3, "a, b and c"), (5, "a, b, c and 2 more")]
)
def test_all_pipelines_that_tie_for_best_are_named(data, tmp_path, n, names):
    tied = {name: DiVoteClassifier(LogisticRegression(), window=None) for name in "abcde"[:n]}
    tied["dummy"] = DiVoteClassifier(DummyClassifier(), window=None)
    result = compare(tied, *data, cv=4, progress=False, n_resamples=20)
    text = " ".join(text_of(report(result, tmp_path / "a.html", cards=())).split())
    assert re.search(rf"is 0\.\d\d \[0\.\d\d, 0\.\d\d\], by {names}[.;]", text)
    assert text.count("the interval of the other pipeline overlaps with this interval") <= 1
    assert "other pipelines" not in text


def test_tables_show_when_columns_are_out_of_view(pages):
    for text in map(text_of, pages):
        assert 'classList.toggle("wide", frame.scrollWidth' in text
        assert ".scroll.wide::before" in text
    # The text of an interval is divided only before the bracket.
    assert re.search(
        r'<td class="number interval"[^>]*>0\.\d\d \[0\.\d\d,\xa00\.\d\d\]<', text_of(pages[0])
    )


def test_subjects_are_in_natural_order(pages):
    (shown,) = re.findall(r"<caption>Diagnosis of each subject.*?</table>", text_of(pages[0]), re.S)
    names = re.findall(r'<th scope="row">(.*?)</th>', shown)
    assert names[1:] == [f"s{k}" for k in range(1, 20)]  # after the name with markup


def test_sensitivities_confusions_settings_p_values_and_the_card_are_shown(pages):
    text = html.unescape(text_of(pages[0]))
    head, body = text.split("</nav>")
    assert head.index(
        "Accuracy and sensitivity of each class (number of its subjects)"
    ) < head.index("<nav")
    assert '<th scope="col">control (12)</th><th scope="col">patient (8)</th>' in head
    assert body.index("Data</h2>") < body.index("Scores by subject</h2>")
    assert body.count('<table class="confusion">') == 2  # the third pipeline failed
    (matrix,) = re.findall(r"<caption>neighbours</caption>.*?</table>", body, re.S)
    cells = [int(n) for n in re.findall(r"<td [^>]*>(\d+) <small>", matrix)]
    assert [sum(cells[:2]), sum(cells[2:])] == [12, 8]
    assert '<td class="text">KNeighborsClassifier</td>' in body
    assert '<th scope="col">adjusted p</th>' in body
    assert "<summary>Model card: " in body
    assert "REFORMS" in body


def test_precision_recall_and_f1_of_each_class_are_shown(pages):
    text = text_of(pages[0])
    (shown,) = re.findall(r"<caption>Precision, recall and F1 of each class.*?</table>", text, re.S)
    assert [html.unescape(t) for t in re.findall(r'<th scope="row">(.*?)</th>', shown)] == [
        f"{name}, {label}"
        for name in ("logistic $x <b>", "neighbours")
        for label in ("control", "patient")
    ]
    assert len(re.findall(r"0\.\d\d|1\.00", shown)) >= 12  # three of each of four rows


def test_windows_have_a_confusion_matrix_with_mean_and_deviation_over_folds(tmp_path):
    X, y = simulated_cohort()
    model = make_system("time-domain", fs=2000.0)
    result = compare({"LDA": model}, X, y, cv=3, progress=False, n_resamples=20)
    text = html.unescape(text_of(report(result, tmp_path / "a.html")))
    (shown,) = re.findall(r"<caption>Windows of LDA, in percent.*?</table>", text, re.S)
    spread = result.confusion_spread("LDA", "window")
    label = result.classes[0]
    mean, sd = spread["mean"].loc[label, label], spread["sd"].loc[label, label]
    assert f"{mean:.1f} ± {sd:.1f}" in shown


def test_cards_are_chosen(data, tmp_path):
    model = DiVoteClassifier(LogisticRegression(), window=None, features=["rms"])
    result = compare({"one": model}, *data, cv=4, progress=False, n_resamples=20)
    card = data_card(*data, title="Who was recorded")
    text = text_of(report(result, tmp_path / "a.html", cards=card))
    assert "Card</h2>" in text
    assert "<summary>Who was recorded</summary>" in text
    assert "Model card" not in text
    assert "<summary>" not in text_of(report(result, tmp_path / "a.html", cards=()))
    with pytest.raises(TypeError, match=r"must be Cards\. Got str"):
        report(result, tmp_path / "a.html", cards=["model"])


def test_a_fitted_regressor_predicts_numbers_of_subjects(data, tmp_path):
    X, _ = data
    y = X["rms"].groupby(X["subject"]).transform("mean").to_numpy()
    train = X["subject"].isin([f"s{k}" for k in range(15)]).to_numpy()
    of = {"window": None, "features": ["rms"], "cv": 3}
    model = DiVoteRegressor(LinearRegression(), **of).fit(X[train], y[train])
    path = report(
        model, tmp_path / "a.html", X=X[~train], y=y[~train], train_subjects=X["subject"][train]
    )
    text = text_of(path)
    assert "Predictions</h2>" in text
    assert "None of the 6 subjects was in the training set." in text
    assert re.search(r"mean absolute error over 6 subjects is 0\.\d\d \[", text)
    for column in ("true value", "prediction", "absolute error", "low", "high"):
        assert f'<th scope="col">{column}</th>' in text
    with pytest.raises(ValueError, match="one number for each subject"):
        report(model, tmp_path / "b.html", X=X[~train], y=X["rms"][~train])


def test_units_of_subjects_are_counted_as_such(data, tmp_path):
    X, y = data
    X = X.assign(side=["left", "left", "right", "right"] * 20)
    model = DiVoteClassifier(LogisticRegression(), window=None, unit="side", features=["rms"])
    result = compare({"a": model}, X, y, cv=4, progress=False)
    text = html.unescape(text_of(report(result, tmp_path / "a.html")))
    assert "<dt>Sides</dt><dd>40 (control 24, patient 16)</dd>" in text
    assert re.search(r"\d+ of 40 sides (was|were)\s+diagnosed incorrectly", text)
    assert '<th scope="row">s1 left</th>' in text


def test_tables_and_figures_are_labelled(pages):
    for text in map(text_of, pages):
        assert '<html lang="en">' in text
        assert text.count("<table") == text.count("<caption>")
        assert not re.findall(r"<th(?! scope=|ead)", text)
        alts = re.findall(r'<img alt="([^"]*)"', text)
        assert len(alts) == text.count("<img")
        assert min(map(len, alts)) > 40
        assert "prefers-color-scheme: dark" in text


def test_a_failed_write_leaves_the_old_page_and_no_scrap(fitted, tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("old")

    def no_rename(*args):
        raise OSError("disk is full")

    monkeypatch.setattr(os, "replace", no_rename)
    with pytest.raises(OSError, match="disk is full"):
        report(fitted, path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


def test_confounds_have_a_line_a_table_a_picture_and_the_matched_subjects(pages):
    text = text_of(pages[0])
    assert "<dt>Confounds</dt><dd>age</dd>" in text
    assert "<strong>age</strong> predicts" in text
    assert text.count('<td class="leaky">confound</td>') == 2  # in the section and in the card
    assert "control: 41.25 (40 to 50); patient: 60 (50 to 71.5)" in text
    assert 'alt="Balanced accuracy over subjects with one property alone: age ' in text
    assert "Matched 8 subjects (4 control, 4 patient) in 4 sets with 32 recordings" in text
    assert "Not audited (the same in all recordings): n_recordings" in text
    assert "<dt>Confounds" not in text_of(pages[1])


def test_a_fitted_pipeline_shows_confounds(fitted, data, tmp_path):
    audit = confound_audit(aged(*data), data[1], columns="side")
    text = text_of(report(fitted, tmp_path / "a.html", confounds=audit))
    assert "<dt>Confounds</dt><dd>none found</dd>" in text
    assert "No property predicts the class by itself" in text
    other = confound_audit(aged(*data), np.char.upper(data[1]), columns="side")
    with pytest.raises(ValueError, match=r"classes \['CONTROL', 'PATIENT'\], but the result has"):
        report(fitted, tmp_path / "b.html", confounds=other)


def test_long_tables_are_cut_and_say_so(fitted, data, tmp_path):
    path = report(fitted, tmp_path / "a.html", X=data[0], max_rows=7)
    assert "The first 7 of 20 rows" in text_of(path)
    assert "The first 7 of 80 rows" in text_of(path)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"result": [1]}, TypeError, "Comparison or a fitted estimator. Got list"),
        ({"result": LogisticRegression}, TypeError, "Got LogisticRegression"),
        ({"result": LogisticRegression()}, NotFittedError, "call the fit of LogisticRegression"),
        ({"audits": 3}, TypeError, "'audits' of report must be a LeakageAudit or a dict"),
        ({"audits": {"a": 3}}, TypeError, "must hold LeakageAudits. Got int for 'a'"),
        ({"confounds": 3}, TypeError, "'confounds' of report must be a ConfoundAudit. Got int"),
        ({"y": [0]}, ValueError, "'y' of report belongs to a table"),
        ({"X": np.zeros((2, 1))}, ValueError, "table with a 'subject' column. Got ndarray"),
        (
            {"max_rows": 0},
            ValueError,
            "'max_rows' parameter of report must be an integer of at least 1",
        ),
        ({"path": "."}, ValueError, "must be the path of a file. Got the folder"),
    ],
)
def test_wrong_arguments_are_refused(fitted, tmp_path, changed, error, message):
    arguments = {"result": fitted, "path": tmp_path / "a.html", **changed}
    with pytest.raises(error, match=message):
        report(**arguments)
    assert not (tmp_path / "a.html").exists()


# -------------------------------------------------------------------- in a browser

_PROBE = """<script>
const failures = [];
addEventListener("securitypolicyviolation", (e) => failures.push(e.violatedDirective));
</script>"""

_CLICKS = """<script>
addEventListener("load", () => {
  const table = [...document.querySelectorAll("table.sortable")].find(
    (one) => one.caption.textContent.startsWith("Scores over subjects"));
  const th = table.tHead.rows[0].cells[COLUMN];
  const read = () => [...table.tBodies[0].rows].map((r) => r.cells[0].textContent).join("|");
  const out = [th.getAttribute("aria-sort")];
  for (let k = 0; k < 2; k++) {
    th.querySelector("button").click();
    out.push(th.getAttribute("aria-sort"), read());
  }
  const images = [...document.images].map((i) => i.naturalWidth > 200);
  const told = { out, images, title: document.title, failures,
    said: document.getElementById("sorted").textContent };
  const pre = document.createElement("pre");
  pre.id = "told"; pre.textContent = JSON.stringify(told); document.body.append(pre);
});
</script>"""


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs chromium, which is not on the PATH")

    def run(path):
        # No network access is needed or attempted.
        done = subprocess.run(
            [
                program,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", "--enable-logging=stderr", "--v=0"),
                f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
                "--virtual-time-budget=5000",
                "--dump-dom",
                path.resolve().as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("k", [0, 1], ids=["comparison", "fitted"])
def test_page_loads_without_console_messages(pages, browse, k):
    dom, console = browse(pages[k])
    assert console == []
    assert "<title>run</title>" not in dom
    # The buttons are made by the script, so the script was allowed to run.
    sortable = "".join(re.findall(r'<table class="sortable">.*?</table>', dom, re.S))
    assert dom.count('aria-sort="none"') == sortable.count('<th scope="col"') > 5


@pytest.mark.slow
def test_a_click_sorts_and_figures_are_drawn(pages, browse, tmp_path):
    import json

    # The policy allows no other script, so the probe needs a page without the policy.
    text = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", _PROBE, text_of(pages[0]))
    (scores,) = re.findall(r"<caption>Scores over subjects.*?</table>", text, re.S)[:1]
    column = re.findall(r'<th scope="col">([^<]*)</th>', scores).index("balanced accuracy")
    probe = tmp_path / "probe.html"
    probe.write_text(
        text.replace("</body>", _CLICKS.replace("COLUMN", str(column)) + "</body>"),
        encoding="utf-8",
    )
    dom, _ = browse(probe)
    messages = json.loads(
        html.unescape(re.search(r'<pre id="told">(.*?)</pre>', dom, re.S).group(1))
    )
    none, first, down, second, up = messages["out"]
    assert (none, first, second) == ("none", "descending", "ascending")
    # Rows without a score stay last; the order of the others is reversed.
    assert down.split("|")[-1] == up.split("|")[-1] == "broken"
    assert down.split("|")[:2] == up.split("|")[1::-1]
    assert messages["said"] == "Sorted by balanced accuracy, ascending."
    assert len(messages["images"]) >= 4
    assert all(messages["images"])


@pytest.mark.slow
def test_the_policy_stops_a_script_in_the_data(pages, browse, tmp_path):
    probe = tmp_path / "probe.html"
    bad = "<p><script>document.title = 'run'</script></p></main>"
    probe.write_text(text_of(pages[0]).replace("</main>", bad), encoding="utf-8")
    dom, console = browse(probe)
    assert "<title>run</title>" not in dom
    assert any("Content Security Policy" in line for line in console)


def test_training_subjects_may_have_tuples_as_names(data, tmp_path):
    X, y = data
    X = X.assign(subject=pd.Series([("site", name) for name in X["subject"]], dtype=object))
    model = DiVoteClassifier(LinearDiscriminantAnalysis(), window=None).fit(X, y)
    seen = [X["subject"].iloc[0], X["subject"].iloc[-1]]
    text = text_of(report(model, tmp_path / "a.html", X=X, y=y, train_subjects=seen))
    assert "2 of 20 subjects" in text
    assert re.search(r"Correct diagnoses: \d+ of 18 subjects", text)


def test_numbers_from_1000_are_written_out():
    values = [999.4, 999.6, 1000.0, 10240.0, 2.5e6, 0.12345]
    assert [_number(v) for v in values] == ["999", "999.6", "1000", "10240", "2.5e+06", "0.123"]
