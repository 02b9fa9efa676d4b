"""
When does a network stop learning?
==================================

A network fits its training windows better with every epoch, but the loss on *held-out subjects* has
a minimum, after which the network learns identity instead of disease. Early stopping keeps the
weights of the minimum, provided that validation holds out subjects.
"""

# %%
# A small network on raw windows
# ------------------------------
# ``DiVoteClassifier`` passes the subject of each window to the network, which then holds out
# subjects of each class for validation. ``patience=None`` switches early stopping off, so that the
# epochs after the minimum can be shown.
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
display = LearningCurveDisplay.from_estimator(model).plot()
display.figure_.suptitle("The loss of held-out subjects rises while the training loss falls")
plt.show()

# %%
# Time per epoch
# --------------
# The history contains the duration of each epoch in seconds, including validation. The first epoch
# also fills caches.
history = model.estimator_.history_
fig, ax = plt.subplots(figsize=(6, 3))
ax.bar(history[:, "epoch"], history[:, "dur"], color="#0072B2")
total = np.sum(history[:, "dur"])
ax.set(
    xlabel="epoch",
    ylabel="time (s)",
    title=f"{len(history)} epochs take {total:.1f} s in total",
)
fig.tight_layout()
plt.show()

# %%
# The confusion matrix
# --------------------
# The test subjects were used neither for training nor for early stopping. Each subject counts once,
# regardless of the number of recordings. With few subjects the interval is wide.
subjects = test.assign(truth=y_test, answer=model.predict(test)).drop_duplicates("subject")
right = (subjects["truth"] == subjects["answer"]).sum()
display = ConfusionMatrixDisplay.from_predictions(
    subjects["truth"], subjects["answer"], cmap="Blues", colorbar=False
)
display.ax_.set(
    xlabel="predicted diagnosis", ylabel="true diagnosis",
    title=f"{right} of {len(subjects)} unseen subjects are diagnosed correctly",
)  # fmt: skip
plt.show()

# %%
accuracy = subject_scorer("accuracy")(model, test, y_test)
low, high = wilson_interval(accuracy, len(subjects))
baseline = subject_scorer("accuracy")(
    DiVoteClassifier(DummyClassifier(), window=0.25).fit(train, y_train), test, y_test
)
print(f"{len(subjects)} subjects: accuracy {accuracy:.2f} [{low:.2f}, {high:.2f}], 95 % interval")
print(f"dummy baseline: {baseline:.2f}; these data are simulated")
print(f"median time per epoch: {np.median(history[:, 'dur']):.2f} s")
