"""
Which subjects reach an event earlier?
======================================

This example predicts the time of an event from the clinical score of the first visit. The cohort is
simulated. The event occurs when a subject reaches a given severity. Subjects who leave the study
before the event are censored.

The risk of each subject is predicted by a model that was trained on other subjects. The chance
level of the concordance is 0.5. The Kaplan-Meier curve of the training subjects serves as the dummy
baseline: it uses no features and is the same for all subjects.
"""

# %%
# Outcomes and scores of the first visit
# --------------------------------------
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
# Better models have a higher concordance and AUC, and a lower integrated Brier score (ibs).
models = {
    name: SurvivalVote(StandardScaler(), name, features=["score"], window=None, random_state=0)
    for name in ("cox", "forest")
}
result = compare_survival(models, X, y, times=[3, 6, 9, 12], n_resamples=300)
print(result)

# %%
# The plot shows Kaplan-Meier curves of two halves of the subjects, divided by the risk that the Cox
# model predicts. Vertical marks denote censored subjects.
display = SurvivalDisplay.from_comparison(result, "cox").plot()
display.figure_.suptitle("Subjects with a higher predicted risk have earlier events")
plt.show()

# %%
# The next plot shows the predicted curves of single subjects, their mean, and the Kaplan-Meier
# curve of all subjects. The mean and the Kaplan-Meier curve agree if the model is calibrated.
display = SurvivalDisplay.from_comparison(result, "cox").plot("predicted")
display.figure_.suptitle("The mean prediction agrees with the observed outcomes")
plt.show()

# %%
# The score of one visit ranks the subjects better than chance, and the curves of the Cox model are
# slightly closer to the outcomes than a single curve for all subjects. The forest, with only one
# feature, is not better than that curve.
