"""
Who reaches an event sooner?
============================

This example predicts the time of an event from the clinical score of the first visit. The cohort is
simulated: the event is a severity that each subject reaches at some time, and subjects who leave
the study before are censored.

Each subject is predicted by a model that was trained on others. The chance level is 0.5 for the
concordance, and the Kaplan-Meier curve of the training subjects is the dummy baseline: it has no
features, and gives all subjects the same curve.
"""

# %%
# Outcomes, and what is known at the first visit
# ----------------------------------------------
import matplotlib.pyplot as plt
from sklearn.preprocessing import StandardScaler

from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.inspection import SurvivalDisplay
from sklearn_emg.prognosis import SurvivalVote, compare_survival, survival_target

cohort = make_progression_cohort(150, event_severity=0.55, random_state=0)
X = cohort.visits.merge(cohort.subjects, on="subject")
X = X[(X["visit"] == 1) & (X["event_time"] > 0)]
y = survival_target(X)

# %%
# Concordance and AUC are higher for better models, the integrated Brier score (ibs) is lower.
models = {
    name: SurvivalVote(StandardScaler(), name, features=["score"], window=None, random_state=0)
    for name in ("cox", "forest")
}
result = compare_survival(models, X, y, times=[3, 6, 9, 12], n_resamples=300)
print(result)

# %%
# The plot has Kaplan-Meier curves of two halves of the subjects, divided by the risk that the Cox
# model predicts. Vertical marks are censored subjects.
display = SurvivalDisplay.from_comparison(result, "cox").plot()
display.figure_.suptitle("A higher predicted risk goes with earlier events")
plt.show()

# %%
# The next plot has the curves of single subjects, their mean and the Kaplan-Meier curve of all; the
# latter two agree if the model is calibrated.
display = SurvivalDisplay.from_comparison(result, "cox").plot("predicted")
display.figure_.suptitle("The mean prediction agrees with what happened")
plt.show()

# %%
# The score of one visit orders the subjects better than chance, and the Cox model's curves are a
# little closer to the outcomes than one curve for all subjects. The forest, with a single feature,
# is not better than that curve.
