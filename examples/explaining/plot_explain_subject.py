"""
Why this diagnosis?
===================

:func:`~sklearn_emg.inspection.explain_subject` leaves out each muscle, recording and window of a
subject in turn and measures how the probability of the diagnosis changes. For simulated patients
the result can be checked, since the simulator states how severely each muscle is affected.
"""

# %%
# A model and an unseen patient
# -----------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.inspection import explain_subject
from sklearn_emg.model_selection import subject_train_test_split

table, y = make_nemg_cohort(
    45, n_recordings=225, fs=5000.0, duration=1.0, difficulty=0.3, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, test_size=0.4, random_state=0)
lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
model = DiVoteClassifier(make_pipeline(EMGFeatures("patel"), lda), window=0.4, step=0.2)
model.fit(train, y_train)
subjects = model.vote(test).subjects
truth = dict(zip(test["subject"], y_test))
accuracy = np.mean([truth[s] == d for s, d in subjects["diagnosis"].items()])
print(f"accuracy {accuracy:.2f} over {len(subjects)} unseen subjects, chance 0.33")

# %%
# Among the correctly diagnosed patients with neuropathy, we choose the one whose muscles differ
# most in severity, so that the muscles can be ranked.
right = [s for s, d in subjects["diagnosis"].items() if d == truth[s] == "neuropathy"]
spread = test.groupby(["subject", "muscle"])["severity"].mean().groupby("subject").std()
patient = spread[right].idxmax()

# %%
# Contributions to the diagnosis
# ------------------------------
explanation = explain_subject(model, test, patient)
explanation.plot()
plt.show()

# %%
# The table has the same values and the simulated severity of each muscle, which the model does not
# know.
muscles = explanation.muscles.copy()
severity = test[test["subject"] == patient].groupby("muscle")["severity"].mean()
muscles["severity (simulated)"] = severity
muscles.round(3)

# %%
# The muscle with the largest contribution is one of the most severely affected muscles. The hand
# muscle with the smallest contribution is also affected, which the model did not recognise.
# Averaged over such patients, the rank correlation of contribution and severity is 0.3 to 0.4.
# Contributions separate healthy from affected muscles of one patient far better; see
# :doc:`/user_guide/explaining`.
#
# The explanation concerns the *model*. It is evidence about the disease only as far as the model is
# correct. Muscles with redundant information have smaller contributions.
