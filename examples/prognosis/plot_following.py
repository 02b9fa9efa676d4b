"""
What will the next visit show, and does a model know more than the last visit?
==============================================================================

A prognosis has to beat naive predictions: that nothing changes, or that the subject's own slope
continues. :func:`~sklearn_emg.comparison.compare` adds these baselines by itself. All courses here
are simulated; they show how the tools work, and say nothing about patients.
"""

# %%
# Visits
# ------
# The table has one row per subject and visit, with the time in months and a score of 48 points.
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
# Test subjects are new, and no context is later than its target. Subjects who left after their
# first visit have no later one, and are left out.
visits = cohort.visits.groupby("subject").filter(lambda rows: len(rows) > 1)
X, y = visit_contexts(visits, visits["score"], context=3)
lstm = LSTMPrognosis(n_units=8, max_epochs=30, random_state=0)
result = compare({"LSTM": lstm}, X, y, cv=VisitSplit(4), progress=False)
result.table("subject", ["mae", "rmse"])

# %%
# What the comparison says about the naive baselines:
print(result.remark)

# %%
# Courses with predictions
# ------------------------
# A band is meant to contain nine of ten new visits; it follows from the errors of other subjects.
display = CourseDisplay.from_comparison(result, X)
display.plot("courses")
display.figure_.suptitle("Most visits lie within the predicted band")
plt.show()

# %%
# The error grows with the months between the last known visit and the target.
display.plot("horizon")
display.figure_.suptitle("The last value errs more the further ahead the visit is")
plt.show()
