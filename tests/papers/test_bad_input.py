"""Every entry point rejects invalid input and states the reason."""

import numpy as np
import pytest
from data import simulated_cohort
from sklearn.exceptions import FitFailedWarning

from sklearn_emg.comparison import compare, leakage_audit
from sklearn_emg.model_selection import (
    NestedProtocol,
    RandomWindows,
    RepeatedSubjectKFold,
    SubjectHoldout,
    SubjectKFold,
)
from sklearn_emg.papers import NEMGNetProtocol, make_system, run_benchmark

TWO_FOLDS = RepeatedSubjectKFold(2, n_repeats=1)
FEW = r"class 'myopathy' has 3 \('S\d+', 'S\d+', 'S\d+'\)"
RATES = r"require one sampling rate, but row 0.* has fs=\d000 Hz and row 1.* has fs=\d000 Hz"


@pytest.fixture(scope="module")
def cohort():
    return simulated_cohort(n_recordings=18)


@pytest.fixture(scope="module")
def mixed(cohort):
    """Every second recording at half the rate."""
    X, y = cohort
    X, slow = X.copy(), np.arange(len(X)) % 2 == 0
    X["signal"] = [s[::2] if half else s for s, half in zip(X["signal"], slow)]
    return X.assign(fs=np.where(slow, 1000.0, 2000.0)), y


def quick(systems, data, protocol, out, **options):
    settings = {"progress": False, "figure": False, "n_resamples": 10, **options}
    return run_benchmark(systems, *data, protocol, out, **settings)


@pytest.mark.parametrize(
    "protocol",
    [RepeatedSubjectKFold(4, n_repeats=1), NEMGNetProtocol(4), NestedProtocol(4)],
    ids=lambda p: type(p).__name__,
)
def test_more_folds_than_subjects_of_a_class(protocol, cohort, tmp_path):
    with pytest.raises(ValueError, match=f"needs at least 4 subjects of each class, but {FEW}"):
        quick(["time-domain"], cohort, protocol, tmp_path)
    assert not list(tmp_path.iterdir())


def test_more_folds_than_subjects_of_a_class_in_compare(cohort):
    with pytest.raises(ValueError, match=FEW):
        compare({"one": make_system("time-domain", fs=1000.0)}, *cohort, cv=SubjectKFold(4))


def test_more_folds_than_subjects_of_a_class_inside_a_system(cohort):
    model = make_system("time-domain", fs=1000.0)
    model.set_params(divote__final_estimator="logistic", divote__cv=4)
    with pytest.raises(ValueError, match=FEW):
        model.fit(*cohort)


def test_fewer_subjects_than_parts_of_a_holdout(cohort):
    X, y = cohort
    few = ~((y == "normal") & ~X["subject"].isin(X["subject"][y == "normal"].unique()[:2]))
    with pytest.raises(ValueError, match="needs at least 3 subjects of each class, but class 'no"):
        SubjectHoldout(validation_size=0.2).runs(X[few], y[few])


def test_a_missing_region_column(cohort, tmp_path):
    X, y = cohort
    data = (X.drop(columns="region"), y)
    reason = "names the column 'region', but X has the columns ['signal', 'fs'"
    systems = {
        "pd": make_system("nemgnet-a-pd", fs=2510.0),
        "time": make_system("time-domain", fs=1000.0),
    }
    with pytest.warns(FitFailedWarning, match="pd failed in fold"):
        folds = compare(systems, *data, cv=SubjectKFold(2), progress=False, n_resamples=10).folds
    errors = folds.groupby("pipeline")["error"]
    assert errors.get_group("pd").str.contains(reason, regex=False).all()
    assert (errors.get_group("time") == "").all()
    result = quick(["nemgnet-a-pd"], data, TWO_FOLDS, tmp_path)
    assert result.comparison.folds["error"].str.contains(reason, regex=False).all()


def test_mixed_rates_are_brought_to_one(mixed, tmp_path):
    result = quick(["time-domain"], mixed, TWO_FOLDS, tmp_path)
    assert (result.comparison.folds["error"] == "").all()
    system = make_system("time-domain", fs=1000.0)
    folds = compare({"one": system}, *mixed, cv=SubjectKFold(2), progress=False).folds
    assert (folds["error"] == "").all()


def test_mixed_rates_without_a_resampler(mixed):
    model = make_system("time-domain", fs=1000.0).set_params(resample="passthrough")
    with pytest.raises(ValueError, match=f"{RATES}.*Resample the rows"):
        model.fit(*mixed)
    with pytest.raises(ValueError, match=f"every fit failed.*{RATES}"):
        compare({"one": model}, *mixed, cv=SubjectKFold(2), progress=False)


def test_mixed_rates_where_windows_are_dealt(mixed, tmp_path):
    # Recordings are resampled before they are cut.
    result = quick(["time-domain"], mixed, RandomWindows(), tmp_path)
    assert (result.comparison.folds["error"] == "").all()
    model = make_system("time-domain", fs=1000.0).set_params(resample="passthrough")
    with pytest.raises(ValueError, match=RATES):
        leakage_audit(model, *mixed, n_splits=2, progress=False)
