"""
What does a network take for each diagnosis?
============================================

Activation maximisation turns a trained network round: the weights stay, and a window of noise is
changed until the network is sure of one class. The nEMGNet study (J. Yoo et al. 2022, figure 4)
found that way that its network takes large, long potentials for neuropathy and small, fast ones for
myopathy. Here a small network, trained on simulated recordings for seconds rather than hours, is
asked the same.
"""

# %%
# A small network
# ---------------
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.inspection import ActivationMaximizationDisplay, activation_maximization
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.neural_network import ALSNetClassifier

fs = 2500.0
table, y = make_nemg_cohort(
    45, n_recordings=135, fs=fs, duration=1.0, difficulty=0.3, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, random_state=0)
network = ALSNetClassifier(max_epochs=10, class_weight="balanced", random_state=0)
model = DiVoteClassifier(network, window=0.2, step=0.2).fit(train, y_train)
windows = model.vote(test).windows
score = balanced_accuracy_score(y_test[windows["row"]], windows["vote"])
print(f"windows of unseen simulated subjects: balanced accuracy {score:.2f}, chance 0.33")

# %%
# The windows that it likes best
# ------------------------------
# The noise at the start is set to the size of the signals, and fewer updates than the study's 1500
# do for a small network.
found = activation_maximization(
    model, fs=fs, n_updates=200, start_scale=0.1, n_starts=3, random_state=0
)
ActivationMaximizationDisplay(found).plot()
plt.show()

# %%
# Measured, not only looked at
# ----------------------------
# Medians over three starts, beside those of the training recordings.
ideal = pd.DataFrame(
    {
        "RMS of the ideal window (mV)": pd.DataFrame(found.rms, columns=found.classes).median(),
        "mean frequency (Hz)": pd.DataFrame(found.mean_frequency, columns=found.classes).median(),
    }
)
rms = pd.Series([float((s**2).mean() ** 0.5) for s in train["signal"]])
ideal["RMS of recordings (mV)"] = rms.groupby(y_train).median()
ideal.round(3)

# %%
# In this run the ideal window of myopathy is the fastest of the three, as in the study, but it is
# also the largest, against the study and against the recordings: a network trained for seconds is
# moved by many sharp peaks. An ideal window shows what a network *can* be moved by, not what it
# mostly sees, and what one network shows need not hold for another.
