"""
How do I tune a whole pipeline without optimistic scores?
=========================================================

Corner frequencies, window length, features and classifier are parameters of one pipeline and can be
tuned together. The best score of a search is *optimistic*, since it is the maximum of several
scores. An unbiased score needs subjects that the search has not used. The search therefore runs
inside a cross-validation, and both split by subject.
"""

# %%
# A pipeline over recordings
# --------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.metrics import subject_scorer
from sklearn_emg.model_selection import SubjectKFold
from sklearn_emg.preprocessing import BandpassFilter

table, y = make_nemg_cohort(
    24, n_recordings=72, fs=4000.0, duration=1.0, difficulty=0.8, return_X_y=True, random_state=2
)
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
model = make_pipeline(
    BandpassFilter(20, 1800),
    DiVoteClassifier(make_pipeline(EMGFeatures(fs=4000.0), lda), step=None),
)

# %%
# The search
# ----------
# Nested names refer to the parameters of every part of the pipeline. The scorer counts each subject
# once. ``SubjectKFold`` reads the subjects from the table, so no ``groups`` need to be passed.
settings = {
    "bandpassfilter__low": [5, 20, 100],
    "bandpassfilter__high": [800, 1800],
    "divoteclassifier__window": [0.1, 0.2, 0.4],
    "divoteclassifier__voting": ["soft", "hard"],
    "divoteclassifier__estimator__emgfeatures__features": ["hudgins", "elamvazuthi", "ahmed"],
}
search = RandomizedSearchCV(
    model,
    settings,
    n_iter=8,
    cv=SubjectKFold(3, random_state=0),
    scoring=subject_scorer("balanced_accuracy"),
    random_state=0,
)
search.fit(table, y)
for name, value in search.best_params_.items():
    print(f"{name.rsplit('__', 1)[1]:10} {value}")

# %%
# The same search, tested on unseen subjects
# ------------------------------------------
outer = SubjectKFold(3, random_state=1)
nested = cross_val_score(search, table, y, cv=outer, scoring=subject_scorer("balanced_accuracy"))
untuned = cross_val_score(model, table, y, cv=outer, scoring=subject_scorer("balanced_accuracy"))
chance = 1 / len(np.unique(y))

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
tried = search.cv_results_["mean_test_score"]
axes.plot(tried, np.full(len(tried), 2), "o", color="0.6", mfc="none", label="settings tried")
axes.plot(search.best_score_, 2, "s", color="#D55E00", label="best setting (optimistic)")
axes.plot(nested, [1] * len(nested), "o", color="#0072B2", alpha=0.4)
axes.plot(nested.mean(), 1, "D", color="#0072B2", label="mean over unseen subjects")
axes.plot(untuned, [0] * len(untuned), "o", color="#0072B2", alpha=0.4)
axes.plot(untuned.mean(), 0, "D", color="#0072B2")
axes.axvline(chance, color="0.4", ls="--", lw=1)
axes.text(chance, 2.45, " chance", color="0.3", va="top")
axes.set(
    xlim=(0, 1.02), ylim=(-0.5, 2.5), xlabel="balanced accuracy over subjects",
    yticks=[0, 1, 2], yticklabels=["untuned", "search, unseen subjects", "search, best score"],
    title="The best score of a search is optimistic",
)  # fmt: skip
axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.22), ncols=3, frameon=False)
plt.show()

# %%
# The middle row is the score to report. Its difference from the bottom row is the gain from tuning.
# With eight subjects in a fold, one subject changes a score by about 0.13.
print(
    f"best score {search.best_score_:.2f}, unseen subjects {nested.mean():.2f}, "
    f"untuned {untuned.mean():.2f}, chance {chance:.2f}"
)
