"""Kaplan-Meier curves and scores of survival: by hand, by all pairs, against scikit-survival."""

import numpy as np
import pytest
from data import outcomes

from sklearn_emg.metrics import kaplan_meier, survival_measures


def random_outcomes(n=37, seed=0, *, ties=False):
    """Outcomes, risks associated with them, and predicted curves at three times."""
    rng = np.random.default_rng(seed)
    hazard = np.exp(rng.normal(size=n))
    event_time, left = rng.exponential(8 / hazard), rng.exponential(12, n)
    time = np.minimum(event_time, left) + 0.1
    time = np.ceil(time) if ties else time
    time[np.argmax(time)] += 1  # no event is at the time when the last subject is censored
    y = outcomes(event_time <= left, time)
    times = np.array([2.0, 4.5, 7.0])
    noisy = hazard * np.exp(0.7 * rng.normal(size=n))
    return y, np.log(noisy), np.exp(-np.outer(noisy, times / 8)), times


# Freireich's trial of 6-mercaptopurine: times of remission, a published table of the estimate.
MP = outcomes(
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
)


def test_the_curve_of_a_published_trial():
    curve = kaplan_meier(MP).set_index("time")
    events = curve[curve["events"] > 0]
    assert events.index.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert events["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    expected = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    np.testing.assert_allclose(events["survival"], expected, atol=5e-4)
    # conf.type="log-log" of survfit in R.
    np.testing.assert_allclose(events.loc[6, ["low", "high"]], [0.6197, 0.9516], atol=1e-4)
    np.testing.assert_allclose(events.loc[23, ["low", "high"]], [0.188, 0.680], atol=1e-3)


def test_without_censoring_the_curve_is_the_fraction_left():
    curve = kaplan_meier(outcomes([1] * 5, [3, 1, 4, 1, 5]))
    np.testing.assert_allclose(curve["survival"], [1, 0.6, 0.4, 0.2, 0])
    assert np.isnan(curve["low"].iloc[-1])


def test_rows_of_a_subject_count_once():
    y = outcomes([1, 1, 0, 0], [2, 2, 3, 5])
    curve = kaplan_meier(y, ["a", "a", "b", "c"])
    assert curve["at_risk"].tolist() == [3, 3, 2, 1]
    np.testing.assert_allclose(curve["survival"], [1, 2 / 3, 2 / 3, 2 / 3])
    with pytest.raises(ValueError, match="subject 'b' has two outcomes, censoring at 3 and cens"):
        kaplan_meier(y, ["a", "a", "b", "b"])


def test_a_curve_of_censored_subjects_stays_at_one():
    curve = kaplan_meier(outcomes([0, 0], [2, 3]))
    assert (curve[["survival", "low", "high"]] == 1).all(axis=None)


@pytest.mark.parametrize("ties", [False, True])
def test_curve_and_scores_are_those_of_scikit_survival(ties):
    metrics = pytest.importorskip("sksurv.metrics", reason="scikit-survival is an extra")
    from sksurv.nonparametric import kaplan_meier_estimator

    y, risk, survival, times = random_outcomes(ties=ties)
    curve = kaplan_meier(y)
    known, theirs, interval = kaplan_meier_estimator(y["event"], y["time"], conf_type="log-log")
    np.testing.assert_array_equal(curve["time"][1:], known)
    np.testing.assert_allclose(curve["survival"][1:], theirs)
    inside = ((curve["survival"] < 1) & (curve["survival"] > 0)).to_numpy()
    np.testing.assert_allclose(curve[["low", "high"]][inside].T, interval[:, inside[1:]])
    found = survival_measures(y, survival, times, risk=risk, n_resamples=10)["value"]
    assert found["concordance"] == pytest.approx(
        metrics.concordance_index_ipcw(y, y, risk, tau=times[-1])[0]
    )
    aucs, mean = metrics.cumulative_dynamic_auc(y, y, 1 - survival, times)
    np.testing.assert_allclose(found[[f"auc at {t:g}" for t in times]], aucs)
    assert found["auc"] == pytest.approx(mean)
    _, briers = metrics.brier_score(y, y, survival, times)
    np.testing.assert_allclose(found[[f"brier at {t:g}" for t in times]], briers)
    assert found["ibs"] == pytest.approx(metrics.integrated_brier_score(y, y, survival, times))


def test_the_concordance_is_that_of_all_pairs():
    y, risk, survival, times = random_outcomes(23, seed=1)
    censoring = kaplan_meier(outcomes(~y["event"], y["time"]))
    left = dict(zip(censoring["time"], censoring["survival"]))
    right = whole = 0.0
    for i in range(len(y)):
        for j in range(len(y)):
            if y["event"][i] and y["time"][i] < min(y["time"][j], times[-1]):
                weight = left[y["time"][i]] ** -2.0
                whole += weight
                right += weight * (risk[i] > risk[j])
    found = survival_measures(y, survival, times, risk=risk, n_resamples=10)
    assert found.loc["concordance", "value"] == pytest.approx(right / whole)


def test_curves_without_information_score_as_they_should():
    y, _, survival, times = random_outcomes(60)
    flat = np.tile(survival.mean(axis=0), (60, 1))
    found = survival_measures(y, flat, times, n_resamples=10)["value"]
    assert found["concordance"] == pytest.approx(0.5)
    assert found["auc"] == pytest.approx(0.5)
    told = survival_measures(y, survival, times, n_resamples=10)["value"]
    assert told["concordance"] > 0.65
    assert told["ibs"] < found["ibs"]


def test_intervals_become_narrower_with_more_subjects():
    widths = []
    for n in (30, 300):
        y, risk, survival, times = random_outcomes(n)
        found = survival_measures(y, survival, times, risk=risk, n_resamples=200)
        assert (found["low"] <= found["value"]).all()
        assert (found["value"] <= found["high"]).all()
        widths.append((found["high"] - found["low"])[["concordance", "auc", "ibs"]])
    assert (widths[1] < 0.6 * widths[0]).all()


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([1.0, 2.0], "needs outcomes: one entry per row, with the fields 'event'"),
        (None, "Make them with sklearn_emg.prognosis.survival_target"),
        (np.rec.fromarrays([[1, 0], [2.0, 3.0]], names="event,time"), "must be boolean.*int64"),
        (outcomes([1, 1], [2, 0]), "time of row 1 is 0; .* above 0"),
        (outcomes([1, 1], [-2, 3]), "time of row 0 is -2"),
        (outcomes([1, 1], [2, np.nan]), "time of row 1 is nan"),
        (outcomes([0, 0], [2, 3]), "no event was observed in 2 outcomes"),
    ],
)
def test_unusable_outcomes_are_named(y, match):
    with pytest.raises(ValueError, match=match):
        survival_measures(y, [[0.5], [0.5]], [1.0])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"times": [2.0, 4.5, 700.0]}, "reach 700, beyond the follow-up: the last known time is"),
        ({"times": [4.5, 2.0, 7.0]}, "must be positive and increasing"),
        ({"survival": np.ones((37, 2))}, r"shape .n_subjects, n_times., .37, 3."),
        ({"survival": np.full((37, 3), 1.2)}, "between 0 and 1"),
    ],
)
def test_unusable_predictions_are_named(change, match):
    y, _, survival, times = random_outcomes()
    with pytest.raises(ValueError, match=match):
        survival_measures(**{"y": y, "survival": survival, "times": times, **change})
