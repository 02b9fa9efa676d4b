"""A y whose index has another order than the rows is named, by every function that takes both."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.ensemble import NormalLimitRules, Windows
from sklearn_emg.exceptions import RecordingWarning
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.feature_selection import RandomForestSelector, RelevanceSelector
from sklearn_emg.inspection import data_card
from sklearn_emg.metrics import (
    calibration_summary,
    paired_permutation_test,
    regression_measures,
    threshold_for_sensitivity,
)
from sklearn_emg.preprocessing import RecordingUndersampler, check_quality, export, mixup
from sklearn_emg.recordings import recording_table

RNG = np.random.default_rng(0)
N = 24
FEATURES = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["a", "b", "c"])
LABELS = pd.Series(np.where(np.arange(N) % 2, "ill", "well"))
NUMBERS = pd.Series(RNG.normal(size=N))
PROBA = pd.DataFrame(RNG.dirichlet([1, 1], N), columns=["ill", "well"])


def recordings():
    signals = 0.1 * RNG.normal(size=(N, 800))
    return recording_table(signals, fs=2000.0, subject=[f"S{i}" for i in range(N)])


CALLS = {
    "selector": lambda y, f: RandomForestSelector(k=1, n_estimators=3).fit(FEATURES, y),
    "relevance": lambda y, f: RelevanceSelector().fit(FEATURES, y),
    "rules": lambda y, f: NormalLimitRules("well").fit(FEATURES, y),
    "undersampler": lambda y, f: RecordingUndersampler().fit_resample(recordings(), y),
    "mixup": lambda y, f: mixup(FEATURES, (y == "ill").astype(float)),
    "quality": lambda y, f: check_quality(recordings(), y),
    "card": lambda y, f: data_card(recordings(), y),
    "export": lambda y, f: export(recordings(), y, f / "a.npz"),
    "pipeline": lambda y, f: make_pipeline(
        TimeDomainFeatures(["rms"]), LinearDiscriminantAnalysis()
    ).fit(recordings(), y),
    "windows": lambda y, f: make_pipeline(
        Windows(TimeDomainFeatures(["rms"]), window=0.1), LinearDiscriminantAnalysis()
    ).fit(recordings(), y),
    "threshold": lambda y, f: threshold_for_sensitivity(y, NUMBERS, pos_label="ill"),
    "calibration": lambda y, f: calibration_summary(y, PROBA, ["ill", "well"]),
    "regression": lambda y, f: regression_measures((y == "ill").astype(float), NUMBERS),
    "paired test": lambda y, f: paired_permutation_test(
        (y == "ill").astype(float), NUMBERS, n_permutations=9
    ),
    "subjects of pairs": lambda y, f: paired_permutation_test(
        NUMBERS, 2 * NUMBERS, subjects=y + y.index.astype(str), n_permutations=9
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_another_order_is_warned_of_and_the_same_is_not(call, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        call(LABELS, tmp_path)
    (tmp_path / "a.npz").unlink(missing_ok=True)
    with pytest.warns(RecordingWarning, match="share labels in different orders"):
        call(LABELS.sample(frac=1, random_state=0), tmp_path)
