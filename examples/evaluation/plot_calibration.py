"""
Can I trust the probabilities, and where should the threshold be?
=================================================================

A screening test must miss few patients, and diagnoses with a probability of 0.9 should be correct
nine times in ten. Both properties have to be measured on subjects that the model has not seen. This
example uses the predictions for test subjects that :func:`~sklearn_emg.comparison.compare` stores.
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
# Naive Bayes treats correlated features as independent. Its confidence exceeds its accuracy, and
# Spiegelhalter's test rejects the hypothesis that it is calibrated:
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
    title="Ranking of subjects: similar for both", xlabel="1 - specificity", ylabel="sensitivity"
)
plt.show()

# %%
# A threshold for screening
# -------------------------
# The threshold is chosen on out-of-fold predictions so that 95 % of the patients lie above it.
# With 40 patients the interval of the sensitivity is wide. With ``guaranteed=True``, the lower end
# of this interval has to reach the required sensitivity.
truth, proba = scores["LDA"]
threshold_for_sensitivity(truth, proba[:, 0], pos_label="disease", sensitivity=0.95)

# %%
# Conformal sets of classes
# -------------------------
# Conformal sets contain the true class with a probability of at least ``coverage``, even if the
# probabilities are not calibrated. Subjects with two classes or no class in their set need another
# test. Here, half of the subjects calibrate the sets of the other half:
half = np.random.default_rng(0).permutation(len(truth)) < len(truth) // 2
sets = conformal_sets(truth[half], proba[half], proba[~half], ["disease", "normal"], coverage=0.9)
pd.Series(sets.sum(axis=1)).map({0: "no class", 1: "one class", 2: "both"}).value_counts()
