"""
What does a network take for each diagnosis?
============================================

Activation maximisation turns a trained network round: the weights stay, and a window of noise is
changed until the network is sure of one class. The nEMGNet study (J. Yoo et al. 2022, figure 4)
found that way that its network takes large, long potentials for neuropathy and small, fast ones for
myopathy. Here a narrow nEMGNet, trained on simulated recordings, is asked the same, and the answer
is measured.
"""

# %%
# Train a narrow nEMGNet
# ----------------------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import activation_maximization
from sklearn_emg.neural_network import NEMGNetClassifier
from sklearn_emg.recordings import divide

fs = 5000.0
table, y = make_nemg_cohort(30, fs=fs, difficulty=0.2, return_X_y=True, random_state=0)
windows = divide(table, 0.4, short="skip")
network = NEMGNetClassifier(
    variant="A",
    n_filters=(16, 16, 32, 32, 32),
    n_hidden=(32,),
    max_epochs=20,
    patience=10,
    class_weight="balanced",
    random_state=0,
)
network.fit(windows.X, windows.repeat(y), groups=windows.repeat(table["subject"]))

# %%
# Does it know anything? It is asked about people that it has never seen.
new, y_new = make_nemg_cohort(
    18, n_recordings=54, fs=fs, difficulty=0.2, return_X_y=True, random_state=1000
)
unseen = divide(new, 0.4, short="skip")
score = balanced_accuracy_score(unseen.repeat(y_new), network.predict(unseen.X))
print(f"windows of unseen simulated subjects: balanced accuracy {score:.2f}, chance 0.33")

# %%
# The windows that it likes best
# ------------------------------
# Two settings differ from the study. The noise at the start has 0.05 mV, the size of the quieter
# recordings, rather than 1 mV, most of which would stay in the window. And raised is the margin of
# a class over the others, since the raw outputs can all rise together.
found = activation_maximization(
    network,
    fs=fs,
    objective="margin",
    start_scale=0.05,
    n_updates=800,
    n_starts=3,
    progress=False,
    random_state=0,
)
found.plot(span=0.2, sharey=False)
plt.show()

# %%
# Mind the scales of millivolts: they differ.
#
# Measured, not only looked at
# ----------------------------
# Medians over three starts, next to those of the windows that the network was trained on. Phases
# are measured by the autocorrelation, see
# :class:`~sklearn_emg.inspection.ActivationMaximizationDisplay`.
measured = {
    "RMS (mV)": found.rms,
    "mean frequency (Hz)": found.mean_frequency,
    "phases (ms)": 1000 * found.phase_duration,
}
ideal = pd.DataFrame(
    {name: np.median(values, axis=0) for name, values in measured.items()}, index=found.classes
)
rms = pd.Series(np.sqrt((windows.X**2).mean(axis=1)))
ideal["RMS of recorded windows (mV)"] = rms.groupby(windows.repeat(y)).median()
ideal.round(3)

# %%
# As in the study: the ideal window of neuropathy is the largest and has the longest phases, that of
# myopathy is the smallest and fastest. The ideal amplitudes are far beyond the recorded ones: the
# longer the search goes on, the larger the neuropathic window becomes. An ideal window shows what a
# network *can* be moved by, and in which direction, not what it mostly sees.
