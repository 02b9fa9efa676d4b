"""
How do windows become a diagnosis?
==================================

Several muscles of a subject are recorded, and each recording contains many windows.
``DiVoteClassifier`` averages the class probabilities of windows over each recording and those of
recordings over each subject, and a final classifier predicts the diagnosis from these means.
``vote`` returns all steps as tables.

The plots correspond to figures 6 and 7 of the nEMGNet study (J. Yoo et al., *Comput. Methods
Programs Biomed.* 226 (2022) 107079), here with a narrow nEMGNet and simulated subjects.
"""

# %%
# Train on some subjects, diagnose others
# ---------------------------------------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import DiVoteDisplay
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.neural_network import NEMGNetClassifier

table, y = make_nemg_cohort(
    45, n_recordings=225, fs=5000.0, duration=1.0, difficulty=0.3, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, test_size=0.4, random_state=0)
network = NEMGNetClassifier(
    variant="A",
    n_filters=(16, 16, 32, 32, 32),
    n_hidden=(32,),
    max_epochs=15,
    patience=10,
    class_weight="balanced",
    random_state=0,
)
model = DiVoteClassifier(network, window=0.4, step=0.2, by="region").fit(train, y_train)
votes = model.vote(test)
votes.subjects[["n_recordings", "vote", "diagnosis"]].head()

# %%
# From recordings to subjects
# ---------------------------
# Each row is an unseen subject, and each cell is one recording of that subject.
display = DiVoteDisplay.from_estimator(model, test, y_test)
display.plot("heatmap")
display.figure_.suptitle("Recordings of one subject mostly agree")
plt.show()

# %%
# Subjects in the triangle of the three classes
# ---------------------------------------------
# The mean scores of a subject define a point in the triangle, whose corners are the classes. In a
# corner, one class has all of the score. The left panel shows the regions in which each class has
# the highest mean score. The right panel shows the regions of the final classifier, which was
# trained on subjects.
display.plot("regions")
display.figure_.suptitle("The final classifier's regions resemble those of the highest mean score")
plt.show()

# %%
# Diagnoses of subjects are correct slightly more often than predictions for recordings. Errors of
# single recordings average out, whereas errors common to all recordings of a subject do not.
truth = dict(zip(test["subject"], y_test))
recording_accuracy = np.mean(votes.recordings["vote"] == y_test)
diagnosis = votes.subjects["diagnosis"]
subject_accuracy = np.mean([truth[s] == d for s, d in diagnosis.items()])
print(f"recordings {recording_accuracy:.2f}, subjects {subject_accuracy:.2f}, chance {1 / 3:.2f}")
n = len(diagnosis)
print(f"{n} simulated test subjects; each of them changes the accuracy by {1 / n:.2f}")
