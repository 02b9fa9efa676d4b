"""The results page: figures of stored benchmarks are computed again without training."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from data import simulated_cohort
from numpy.testing import assert_allclose
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from sklearn_emg.comparison import confound_audit, meta_analysis
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.model_selection import RandomWindows, RepeatedSubjectKFold
from sklearn_emg.papers import read_benchmark, run_benchmark
from sklearn_emg.papers.__main__ import main
from sklearn_emg.papers._benchmark._page import _against_baseline, _confusions, over_sets_page

SYSTEMS = ["time-domain", "quantitative-emg-lda", "rule-based"]


@pytest.fixture(scope="module")
def cohorts():
    second = make_nemg_cohort(
        9, n_recordings=18, fs=2000.0, duration=0.7, return_X_y=True, random_state=5
    )
    return {"first": simulated_cohort(duration=0.7), "second": second}


@pytest.fixture(scope="module")
def made(cohorts, tmp_path_factory):
    """Folders of benchmarks of both cohorts, and their results."""
    home, results = tmp_path_factory.mktemp("benchmarks"), {}
    for name, (X, y) in cohorts.items():
        results[name] = run_benchmark(
            SYSTEMS, X.drop(columns=["subtype", "severity", "drive"]), y,
            RepeatedSubjectKFold(3, n_repeats=1), home / name, progress=False, figure=False,
            n_resamples=50, audit_splits=2 if name == "first" else 0, confounds=name == "first",
            left_out={"rule-based": "needs no test"} if name == "second" else {},
            notes={"data": f"the {name} nine subjects", "command": "python -m x --systems 'a*'"},
        )  # fmt: skip
    return home, results


def rows_of(text, head):
    """Cells of the first Markdown table after a line that begins with `head`."""
    lines = text[text.index(head) :].split("\n")
    start = next(k for k, line in enumerate(lines) if line.startswith("|"))
    cells = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells.append([cell.strip() for cell in line.strip("|").split("|")])
    return pd.DataFrame(cells[2:], columns=cells[0]).set_index(cells[0][0])


def test_what_was_written_is_read_without_the_recordings(made):
    home, results = made
    stored, result = read_benchmark(home / "first"), results["first"]
    pd.testing.assert_frame_equal(stored.table(), result.table())
    for name in ("folds", "summary", "confusions"):
        pd.testing.assert_frame_equal(
            pd.DataFrame(getattr(stored.comparison, name)),
            pd.DataFrame(getattr(result.comparison, name)),
            check_dtype=False,
        )
    assert stored.notes == result.notes
    assert stored.notes["protocol"].startswith("RepeatedSubjectKFold")
    assert repr(stored.comparison) == repr(result.comparison)


def test_figures_are_computed_again_from_stored_predictions(made):
    home, results = made
    for name, result in results.items():
        cases = pd.read_parquet(home / name / "predictions.parquet")
        summary = result.comparison.summary.query("level == 'subject'").set_index(
            ["pipeline", "metric"]
        )
        for system, part in cases.groupby("pipeline"):
            again = balanced_accuracy_score(part["y_true"], part["y_pred"])
            assert_allclose(again, summary.loc[(system, "balanced_accuracy"), "pooled"])
    stored = {name: read_benchmark(home / name).comparison for name in results}
    fresh = {name: result.comparison for name, result in results.items()}
    pd.testing.assert_frame_equal(meta_analysis(stored).pairs, meta_analysis(fresh).pairs)


def test_run_files_hold_the_predictions_of_windows(made):
    home, results = made
    true, predicted = [], []
    for file in (home / "first" / "runs" / "time-domain").glob("*.json"):
        level = json.loads(file.read_text())["levels"]["window"]
        true += level["y_true"]
        predicted += level["y_pred"]
    summary = results["first"].comparison.summary.query(
        "pipeline == 'time-domain' and level == 'window' and metric == 'balanced_accuracy'"
    )
    assert_allclose(balanced_accuracy_score(true, predicted), summary["pooled"].item())


def test_one_command_writes_the_page(made, tmp_path, capsys):
    home, results = made
    folders = [str(home / name) for name in results]
    assert main(["results", *folders, "--out", str(tmp_path)]) == 0
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == [
        "results_differences.svg", "results_first.md.inc", "results_over_sets.md.inc",
        "results_pairs.csv", "results_predictions.csv", "results_ranks.svg",
        "results_second.md.inc", "results_systems.csv",
    ]  # fmt: skip
    assert sorted(line.rpartition("/")[2] for line in capsys.readouterr().out.split()) == written
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    main(["results", *folders, "--out", str(tmp_path)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    text, result = (tmp_path / "results_first.md.inc").read_text(), results["first"]
    assert "- data: the first nine subjects" in text
    assert "- command: `python -m x --systems 'a*'`" in text
    scores = rows_of(text, "**Balanced accuracy**")
    assert list(scores.index) == SYSTEMS
    assert scores.loc["rule-based", "subjects"] == result.cell(
        "rule-based", "subject", "balanced_accuracy"
    )
    audit = result.audits.loc["rule-based"]
    shown = f"{audit['random windows']:.2f} / {audit['subjects']:.2f}"
    assert scores.loc["rule-based", "audit: leaky / by subject"] == shown
    assert scores.loc["rule-based", "published"] == "accuracy 76.80 % (split not stated)"
    runs = result.runs.query("system == 'rule-based'")
    assert scores.loc["rule-based", "CPU s per fit"] == f"{runs['cpu_seconds'].mean():.2f}"
    cases = result.comparison.predictions.query("pipeline == 'rule-based'")
    matrix = rows_of(text, "**Confusion matrices of subjects**")
    for label in result.comparison.classes:
        counts = result.comparison.confusion("rule-based").loc[label]
        recall = recall_score(cases["y_true"], cases["y_pred"], labels=[label], average="macro")
        start = f"{', '.join(map(str, counts))}: {recall:.2f} ["
        assert matrix.loc["rule-based", f"true {label}"].startswith(start)
        measures = [
            f(cases["y_true"], cases["y_pred"], labels=[label], average="macro", zero_division=0)
            for f in (precision_score, f1_score)
        ]
        end = "; {:.2f}, {:.2f}".format(*measures)
        assert matrix.loc["rule-based", f"true {label}"].endswith(end)
    assert "**Confusion matrices of windows**" in text


def test_intervals_of_sensitivities_count_a_subject_once(made):
    once = made[1]["first"]
    cases, counts = once.comparison.predictions, once.comparison.confusions
    twice = replace(
        once.comparison,
        predictions=pd.concat([cases, cases.assign(fold=cases["fold"] + 3)]),
        confusions=pd.concat([counts, counts.assign(fold=counts["fold"] + 3)]),
    )
    shown = (
        _confusions(once, SYSTEMS, "subject"),
        _confusions(replace(once, comparison=twice), SYSTEMS, "subject"),
    )
    for system in SYSTEMS:
        for column, text in shown[0][system].items():
            assert text.partition(": ")[2] == shown[1][system][column].partition(": ")[2]


def test_confounds_are_audited_once_and_stand_on_the_page(cohorts, made, tmp_path):
    home, results = made
    X, y = cohorts["first"]
    audit = confound_audit(X.drop(columns=["subtype", "severity", "drive"]), y)
    found = read_benchmark(home / "first").confounds
    assert found["property"].tolist() == audit.summary.index.tolist()
    assert_allclose(found["pvalue"], audit.summary["pvalue"])
    main(["results", str(home / "first"), "--out", str(tmp_path)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["results_first.md.inc", "results_predictions.csv", "results_systems.csv"]
    text = (tmp_path / "results_first.md.inc").read_text()
    n_found = (audit.summary["finding"] != "").sum()
    assert f"**Confounds found**: {n_found} of {len(audit.summary)} properties" in text
    assert results["second"].confounds.empty


def test_scores_of_systems_are_stored_for_their_pages(made, tmp_path):
    home, results = made
    main(["results", *(str(home / name) for name in results), "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "results_systems.csv")
    rows = table[(table["system"] == "time-domain") & (table["set"] == "first")]
    assert rows["data"].unique().tolist() == ["the first nine subjects"]
    summary = results["first"].comparison.summary.query(
        "pipeline == 'time-domain' and level == 'subject' and metric == 'balanced_accuracy'"
    )
    stored = rows.query("measure == 'balanced accuracy of subjects'")
    assert_allclose(stored[["value", "low", "high"]], summary[["pooled", "low", "high"]], rtol=1e-3)
    assert not stored["leaky"].any()
    leaky = rows[rows["leaky"]]
    assert leaky["protocol"].tolist() == ["audit, folds of random windows"]
    assert_allclose(
        leaky["value"], results["first"].audits.loc["time-domain", "random windows"], rtol=1e-3
    )
    assert set(table["set"]) == {"first", "second"}


def test_scores_are_computed_again_from_the_published_diagnoses(made, tmp_path):
    home, results = made
    main(["results", *(str(home / name) for name in results), "--out", str(tmp_path)])
    cases = pd.read_csv(tmp_path / "results_predictions.csv")
    scores = pd.read_csv(tmp_path / "results_systems.csv")
    scores = scores.query("measure == 'balanced accuracy of subjects'")
    scores = scores.set_index(["set", "system"])["value"]
    parts = dict(list(cases.groupby(["set", "system"])))
    assert parts.keys() == set(scores.index)
    for key, part in parts.items():
        assert_allclose(balanced_accuracy_score(part.y_true, part.y_pred), scores[key], rtol=1e-3)
        probabilities = part.filter(like="probability_").dropna(axis=1)
        assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-4)


def test_networks_are_compared_with_minirocket_by_subject(made):
    names = {"time-domain": "minirocket", "quantitative-emg-lda": "alsnet"}
    stored = {}
    for name, result in made[1].items():
        comparison = result.comparison
        cases = comparison.predictions
        cases = cases[cases["pipeline"].isin(names)].replace({"pipeline": names})
        comparison = replace(comparison, predictions=cases)
        stored[name] = replace(
            result, comparison=comparison, published=dict.fromkeys(names.values())
        )
    meta = meta_analysis({"first": stored["first"].comparison})
    row = meta.against("minirocket").loc["alsnet"]
    head, table = _against_baseline(stored["first"], list(names.values()))
    assert "alsnet" in table
    assert f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]" in table
    assert "balanced accuracy of the network minus that of the baseline" in head
    assert _against_baseline(stored["first"], ["minirocket"]) == []
    text = over_sets_page(meta_analysis({k: v.comparison for k, v in stored.items()}))
    over = rows_of(text, "**Differences between networks and `minirocket`**")
    assert over.index.tolist() == ["alsnet"]
    assert over["sets"].tolist() == ["2"]


def test_systems_left_out_and_sets_that_lack_them(made, tmp_path):
    home, results = made
    main(["results", *(str(home / name) for name in results), "--out", str(tmp_path)])
    text = (tmp_path / "results_second.md.inc").read_text()
    assert "- Not run, needs no test: rule-based." in text
    assert list(rows_of(text, "**Balanced accuracy**").index) == SYSTEMS[:2]
    over = (tmp_path / "results_over_sets.md.inc").read_text()
    table = rows_of(over, "**Balanced accuracy of subjects**")
    assert list(table.index.sort_values()) == sorted(SYSTEMS[:2])  # the third is in one set
    meta = meta_analysis({name: read_benchmark(home / name).comparison for name in results})
    meta = replace(meta, pairs=meta.pairs[meta.pairs["n_sets"] == 2])
    for name in SYSTEMS[:2]:
        assert table.loc[name, "second"] == f"{meta.scores.loc[name, 'second']:.2f}"
        assert table.loc[name, "mean rank"] == f"{meta.mean_ranks[name]:.1f}"
    pairs = pd.read_csv(tmp_path / "results_pairs.csv")
    assert_allclose(pairs["difference"], meta.pairs["difference"], rtol=1e-5)
    assert pairs["n_sets"].tolist() == [2]


def test_a_leaky_benchmark_is_labelled_and_not_combined(cohorts, made, tmp_path):
    home, _ = made
    X, y = cohorts["first"]
    leaky = tmp_path / "leaky"
    run_benchmark(
        ["time-domain"], X, y, RandomWindows(n_repeats=1, random_state=0), leaky,
        progress=False, figure=False, n_resamples=50,
    )  # fmt: skip
    out = tmp_path / "out"
    assert main(["results", str(home / "first"), str(leaky), "--out", str(out)]) == 0
    text = (out / "results_leaky.md.inc").read_text()
    assert text.startswith("**LEAKY PROTOCOL")
    assert "matrices of subjects" not in text
    assert not (out / "results_over_sets.md.inc").exists()


def test_folders_without_results_are_named(made, tmp_path, capsys):
    home, _ = made
    assert main(["results", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "contains no readable results of a benchmark" in capsys.readouterr().err
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (home / "first").glob("*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "predictions.parquet").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"copy contains no readable results .* with --report"):
        read_benchmark(copy)
    twice = [str(home / "first")] * 2
    assert main(["results", *twice, "--out", str(tmp_path)]) == 2
    assert "different names" in capsys.readouterr().err
