"""
Which stretch of the signal speaks for the diagnosis?
=====================================================

:func:`~sklearn_emg.inspection.attribution` shares the output of a network out among the samples of
its window; :func:`~sklearn_emg.inspection.attention_maps` shows where a network with attention
reads. The two answer different questions, seen here side by side on one window of a patient that
the network has not been trained on.
"""

# %%
# A network with attention
# ------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score

from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import AttentionDisplay, AttributionDisplay, attribution
from sklearn_emg.model_selection import subject_train_test_split
from sklearn_emg.neural_network import NeuroFusionNetClassifier
from sklearn_emg.recordings import divide, subjects_of

fs = 5000.0
table, y = make_nemg_cohort(
    45, n_recordings=135, fs=fs, duration=1.0, difficulty=0.3, return_X_y=True, random_state=0
)
train, test, y_train, y_test = subject_train_test_split(table, y, random_state=0)
seen, new = divide(train, 0.2, 0.1), divide(test, 0.2)
network = NeuroFusionNetClassifier(max_epochs=12, class_weight="balanced", random_state=0)
network.fit(seen.X, seen.repeat(y_train), groups=seen.repeat(subjects_of(train)))
score = balanced_accuracy_score(new.repeat(y_test), network.predict(new.X))
print(f"windows of unseen simulated subjects: balanced accuracy {score:.2f}, chance 0.33")

# %%
# What speaks for neuropathy
# --------------------------
# The recording of an unseen patient that the network is most sure of, and its surest window. Orange
# stretches raise the output of the class, blue ones lower it; the bars are the sums, in units of
# the output.
proba = network.predict_proba(new.X)[:, network.classes_.tolist().index("neuropathy")]
surest = int(np.argmax(np.where(new.repeat(y_test) == "neuropathy", proba, 0)))
recording = test.iloc[[new.row[surest]]]
windows = divide(recording, 0.2)
found = attribution(network, windows.X, target="neuropathy")
AttributionDisplay.from_recording(found, windows, recording).plot()
plt.show()

# %%
window = int(np.argmax(found.output))
AttributionDisplay.from_attribution(found, windows.X, fs=fs, window=window).plot()
plt.show()

# %%
# Where the network reads
# -----------------------
# The same window. Each line is a head of the attention, or a node of the graph; the shares of a
# window sum to 100 %.
AttentionDisplay.from_estimator(network, windows.X, fs=fs).plot(window=window)
plt.show()

# %%
# The largest potential carries much of the output. The attention is spread almost evenly over the
# window and does not single it out: behind a recurrent layer each time knows of what was before,
# and weights tell where a layer read, not what it concluded. To explain an output, look at the
# attribution first.
