"""
How precise is an accuracy measured on 22 subjects?
===================================================

Public sets of needle EMG have a few dozen subjects. Thousands of windows do not make a score more
precise, since windows of one subject are not independent. The width of a confidence interval
depends on the number of *subjects*.
"""

# %%
# Width of the interval by number of subjects
# -------------------------------------------
# The figure shows Wilson's interval for an accuracy of 86 % (19 of 22 subjects).
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.metrics import subject_scorer, wilson_interval
from sklearn_emg.model_selection import SubjectKFold

sizes = np.array([10, 22, 50, 100, 200, 500, 1000])
low, high = np.transpose([wilson_interval(19 / 22, int(n)) for n in sizes])

figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
axes.fill_between(sizes, low, high, color="#0072B2", alpha=0.25, label="95 % interval")
axes.axhline(19 / 22, color="#0072B2", label="accuracy 0.86")
axes.axhline(1 / 3, color="0.4", ls="--", lw=1)
axes.text(1000, 1 / 3, "chance, three classes ", color="0.3", ha="right", va="bottom")
axes.annotate(
    f"22 subjects:\n{low[1]:.2f} to {high[1]:.2f}", (22, low[1]), (30, 0.5),
    arrowprops={"arrowstyle": "-", "color": "0.4"},
)  # fmt: skip
axes.set(
    xscale="log", xlabel="number of subjects tested", ylabel="accuracy", ylim=(0.25, 1),
    xlim=(10, 1000), title="Only more subjects make an accuracy precise",
)  # fmt: skip
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()
axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.15))
plt.show()

# %%
# Variation between folds
# -----------------------
# One pipeline is evaluated on one cohort of 22 simulated subjects, with 12 random assignments of
# subjects to folds.
table, y = make_nemg_cohort(
    22, n_recordings=66, fs=4000.0, duration=1.0, difficulty=0.7, return_X_y=True, random_state=4
)
features = EMGFeatures("elamvazuthi").fit_transform(table)
X = pd.DataFrame(features, columns=[f"f{k}" for k in range(features.shape[1])])
X["subject"] = table["subject"].to_numpy()
model = DiVoteClassifier(make_pipeline(LinearDiscriminantAnalysis()), window=None)
accuracy = [
    cross_val_score(
        model, X, y, cv=SubjectKFold(5, random_state=seed), scoring=subject_scorer("accuracy")
    ).mean()
    for seed in range(12)
]
largest = (
    pd.Series(y, index=X["subject"]).groupby(level=0).first().value_counts(normalize=True).max()
)

# %%
# The seed alone changes the score by more than the improvements that many papers report. Report the
# interval, fix the folds before the first evaluation, and compare pipelines on the same folds.
print(f"12 seeds: accuracy {min(accuracy):.2f} to {max(accuracy):.2f}; largest class {largest:.2f}")
