"""
Can I trust the probabilities, and where should the threshold be?
=================================================================

A screening test must miss few patients, and diagnoses with a probability of 0.9 should be right
nine times in ten. Both have to be measured on subjects that the model has not seen, on the
predictions that :func:`~sklearn_emg.comparison.compare` keeps of each test subject.
"""

# %%
# Probabilities of test subjects
# ------------------------------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import RocCurveDisplay
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import TimeDomainFeatures
from sklearn_emg.metrics import calibration_summary, conformal_sets, threshold_for_sensitivity

table, y = make_nemg_cohort(
    60, n_recordings=120, fs=4000.0, duration=1.0, difficulty=0.2, return_X_y=True, random_state=1
)
y = np.where(np.asarray(y) == "normal", "normal", "disease")
features = TimeDomainFeatures(["mav", "rms", "std", "ptp", "wl", "zc", "ssc", "turns"])
pipelines = {
    "naive Bayes": DiVoteClassifier(make_pipeline(features, GaussianNB()), final_estimator=None),
    "LDA": DiVoteClassifier(
        make_pipeline(features, LinearDiscriminantAnalysis()), final_estimator=None
    ),
}
result = compare(pipelines, table, y, cv=5, progress=False)
result.predictions.head(3)

# %%
# Calibration
# -----------
# Naive Bayes counts correlated features several times. Its confidence exceeds its accuracy, and
# Spiegelhalter's test rejects that it is calibrated:
rows, scores = {}, {}
for name, part in result.predictions.groupby("pipeline", sort=False):
    proba = part[["probability_disease", "probability_normal"]].to_numpy()
    scores[name] = (part["y_true"].to_numpy(), proba)
    rows[name] = calibration_summary(part["y_true"], proba, ["disease", "normal"])
pd.DataFrame(rows).T[["confidence", "accuracy", "brier", "spiegelhalter_p"]].round(3)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 4), layout="constrained")
for name, (truth, proba) in scores.items():
    ill = truth == "disease"
    CalibrationDisplay.from_predictions(
        ill, proba[:, 0], n_bins=5, strategy="quantile", name=name, ax=left
    )
    RocCurveDisplay.from_predictions(ill, proba[:, 0], name=name, ax=right)
left.set(
    title="Probabilities: LDA is closer to the diagonal",
    xlabel="predicted probability of disease", ylabel="observed fraction of patients",
)  # fmt: skip
right.set(
    title="Order of the subjects: both are alike", xlabel="1 - specificity", ylabel="sensitivity"
)
plt.show()

# %%
# A threshold for screening
# -------------------------
# The threshold is chosen on out-of-fold predictions, so that 95 % of the patients lie above it. The
# interval is wide with 40 patients; with ``guaranteed=True`` its lower end has to reach the
# required sensitivity.
truth, proba = scores["LDA"]
threshold_for_sensitivity(truth, proba[:, 0], pos_label="disease", sensitivity=0.95)

# %%
# Conformal sets of classes
# -------------------------
# Conformal sets contain the true class with a probability of at least `coverage`, whatever the
# calibration. Subjects with two classes in their set, or none, need another test. Half of the
# subjects calibrate the sets of the others:
half = np.random.default_rng(0).permutation(len(truth)) < len(truth) // 2
sets = conformal_sets(truth[half], proba[half], proba[~half], ["disease", "normal"], coverage=0.9)
pd.Series(sets.sum(axis=1)).map({0: "no class", 1: "one class", 2: "both"}).value_counts()
