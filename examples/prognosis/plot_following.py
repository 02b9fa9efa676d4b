"""
What will the next visit show, and does a model outperform naive predictions?
=============================================================================

A prognosis has to outperform naive predictions, such as the last value or a continuation of the
subject's own slope. :func:`~sklearn_emg.comparison.compare` adds these baselines automatically. All
courses are simulated. They show how the tools work, and say nothing about patients.
"""

# %%
# Visits
# ------
# The table has one row per subject and visit, with the time in months and a score of at most 48
# points.
import matplotlib.pyplot as plt

from sklearn_emg.comparison import compare
from sklearn_emg.datasets import make_progression_cohort
from sklearn_emg.inspection import CourseDisplay
from sklearn_emg.model_selection import VisitSplit
from sklearn_emg.prognosis import LSTMPrognosis, visit_contexts

cohort = make_progression_cohort(40, random_state=0)
cohort.visits.head(4).round(1)

# %%
# From three visits to the next one
# ---------------------------------
# Test subjects are not in the training set, and no context is later than its target. Subjects who
# left after their first visit have no target and are left out.
visits = cohort.visits.groupby("subject").filter(lambda rows: len(rows) > 1)
X, y = visit_contexts(visits, visits["score"], context=3)
lstm = LSTMPrognosis(n_units=8, max_epochs=30, random_state=0)
result = compare({"LSTM": lstm}, X, y, cv=VisitSplit(4), progress=False)
result.table("subject", ["mae", "rmse"])

# %%
# The comparison states whether the model outperforms the naive baselines:
print(result.remark)

# %%
# Courses with predictions
# ------------------------
# A band is intended to contain 90 % of new visits. Its width is computed from the errors for other
# subjects.
display = CourseDisplay.from_comparison(result, X)
display.plot("courses")
display.figure_.suptitle("Most visits lie within the predicted band")
plt.show()

# %%
# The error grows with the months between the last known visit and the target.
display.plot("horizon")
display.figure_.suptitle("The error of the last value grows with time")
plt.show()
