"""
Which windows does a network associate with each diagnosis?
===========================================================

Activation maximisation keeps the weights of a trained network fixed and changes a window of noise
until the network assigns it to one class with high confidence. With this method, the nEMGNet study
(J. Yoo et al. 2022, figure 4) found that its network associates large, long potentials with
neuropathy and small, fast ones with myopathy. This example repeats the analysis with a narrow
nEMGNet trained on simulated recordings, and measures the resulting windows.
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
    keep_best="loss",
    class_weight="balanced",
    random_state=0,
)
network.fit(windows.X, windows.repeat(y), groups=windows.repeat(table["subject"]))

# %%
# The balanced accuracy of the network is measured on unseen subjects:
new, y_new = make_nemg_cohort(
    18, n_recordings=54, fs=fs, difficulty=0.2, return_X_y=True, random_state=1000
)
unseen = divide(new, 0.4, short="skip")
score = balanced_accuracy_score(unseen.repeat(y_new), network.predict(unseen.X))
print(f"windows of unseen simulated subjects: balanced accuracy {score:.2f}, chance 0.33")

# %%
# Windows that maximise each class
# --------------------------------
# Two settings differ from those of the study. The initial noise has an amplitude of 0.05 mV, as in
# the quieter recordings, instead of 1 mV, most of which would remain in the window. The objective
# is the margin of a class over the other classes, since the raw outputs of all classes can rise
# together.
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
display = found.plot(span=0.2, sharey=False)
display.figure_.suptitle("The amplitude is largest for neuropathy and smallest for myopathy")
plt.show()

# %%
# The panels have different vertical scales (mV).
#
# Measurements
# ------------
# The table shows medians over three starts, and the median RMS of the training windows. The
# duration of phases is computed from the autocorrelation; see
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
# As in the study, the optimised window of neuropathy has the largest amplitude and the optimised
# window of myopathy the smallest. The phases differ from those of the study: here the myopathic
# window has the longest phases, since a slow wave underlies its fast oscillation. The optimised
# amplitudes far exceed the recorded ones, and the amplitude of the neuropathic window keeps rising
# for as long as the optimisation runs. An optimised window shows which changes of the signal raise
# the output of a class. It does not show a typical signal.
