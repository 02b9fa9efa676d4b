"""
Which family of features does the diagnosis depend on?
======================================================

The importance of a single feature says little, since correlated features can replace it.
:func:`~sklearn_emg.inspection.family_importance` therefore permutes all features of a family among
the test subjects of each fold and measures how much worse the diagnoses become.
"""

# %%
# A feature table
# ---------------
# The table has one row per recording, with the subject and the features.
import matplotlib.pyplot as plt
from sklearn.ensemble import ExtraTreesClassifier

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.inspection import FamilyImportanceDisplay, FeatureDisplay
from sklearn_emg.metrics import subject_scorer

table, y = make_nemg_cohort(
    36, n_recordings=108, fs=5000.0, duration=1.0, difficulty=0.4, return_X_y=True, random_state=0
)
extractor = EMGFeatures(["rms", "zc", "wl", "turns", "mnf", "mdf", "skewness", "ar"])
features = extractor.set_output(transform="pandas").fit_transform(table)
X = features.assign(subject=table["subject"].to_numpy())
X.head(3).round(3)

# %%
# Families
# --------
# Each bar is the mean over folds, and each point is the mean of one fold. The score is the
# log-likelihood, which changes with every probability, whereas the accuracy of seven test subjects
# changes in steps of one seventh.
model = DiVoteClassifier(
    ExtraTreesClassifier(100, class_weight="balanced", random_state=0), window=None
)
display = FamilyImportanceDisplay.from_estimator(
    model, X, y, scoring=subject_scorer("neg_log_loss"), n_repeats=3, progress=False, random_state=0
)
drawn = FamilyImportanceDisplay.from_importance(display, score="log-likelihood of subjects").plot()
drawn.figure_.suptitle("The diagnoses depend most on features of the time domain")
plt.show()

# %%
# The features themselves
# -----------------------
# Each point is the median of one subject. If a model separates the classes, they differ in at least
# one feature or in a combination of features.
drawn = FeatureDisplay.from_features(
    features, y, groups=table["subject"], features=["rms", "turns", "mnf", "skewness"]
).plot()
drawn.figure_.suptitle("A single feature separates at most some of the classes")
plt.show()
