"""
When does a network stop learning?
==================================

A network fits its training windows better with every epoch. The loss on *subjects it does not train
on* turns at some point: from there on it learns the persons. Early stopping keeps the weights of
the turning point, provided that validation holds out subjects.
"""

# %%
# A small network on raw windows
# ------------------------------
# ``DiVoteClassifier`` hands the subject of each window to the network, whose validation then holds
# out subjects of each class. ``patience=None`` lets it run on, to show what comes after the turn.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import ConfusionMatrixDisplay

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import LearningCurveDisplay
from sklearn_emg.metrics import subject_scorer, wilson_interval
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.neural_network import ALSNetClassifier

table, y = make_nemg_cohort(
    45, n_recordings=135, fs=2000.0, duration=1.0, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, random_state=0)
network = ALSNetClassifier(
    max_epochs=15, patience=None, lr=1e-3, validation_fraction=0.3, random_state=0
)
model = DiVoteClassifier(network, window=0.25, step=0.125).fit(train, y_train)

# %%
# The learning curve
# ------------------
LearningCurveDisplay.from_estimator(model).plot()
plt.show()

# %%
# What an epoch costs
# -------------------
# The history has the seconds of each epoch, validation included. The first has caches to fill.
history = model.estimator_.history_
fig, ax = plt.subplots(figsize=(6, 3))
ax.bar(history[:, "epoch"], history[:, "dur"])
ax.set(xlabel="epoch", ylabel="seconds", title="Time per epoch")
fig.tight_layout()
plt.show()

# %%
# The confusion matrix
# --------------------
# The test subjects took no part in any of this. Each counts once, however many recordings it has.
# Few of them mean a wide interval.
people = test.assign(truth=y_test, answer=model.predict(test)).drop_duplicates("subject")
ConfusionMatrixDisplay.from_predictions(
    people["truth"], people["answer"], cmap="Blues", colorbar=False
)
plt.show()

# %%
accuracy = subject_scorer("accuracy")(model, test, y_test)
low, high = wilson_interval(accuracy, len(people))
baseline = subject_scorer("accuracy")(
    DiVoteClassifier(DummyClassifier(), window=0.25).fit(train, y_train), test, y_test
)
print(f"{len(people)} subjects: accuracy {accuracy:.2f} [{low:.2f}, {high:.2f}], 95 % interval")
print(f"largest class: {baseline:.2f}; simulated data, no statement about patients")
print(f"median time per epoch: {np.median(history[:, 'dur']):.2f} s")
