"""
Which part of the signal supports the diagnosis?
================================================

:func:`~sklearn_emg.inspection.attribution` distributes the output of a network over the samples of
its window, and :func:`~sklearn_emg.inspection.attention_maps` returns the weights of its attention.
The two methods answer different questions. This example shows both for one window of an unseen
patient.
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
# Evidence for neuropathy
# -----------------------
# The first figure shows the unseen recording with the highest probability of neuropathy, and the
# second figure shows the window of this recording with the highest output. Violet segments raise
# the output of the class, and olive segments lower it. The bars are sums, in units of the output.
proba = network.predict_proba(new.X)[:, network.classes_.tolist().index("neuropathy")]
surest = int(np.argmax(np.where(new.repeat(y_test) == "neuropathy", proba, 0)))
recording = test.iloc[[new.row[surest]]]
windows = divide(recording, 0.2)
found = attribution(network, windows.X, target="neuropathy")
display = AttributionDisplay.from_recording(found, windows, recording).plot()
display.figure_.suptitle("A few potentials carry most of the evidence")
plt.show()

# %%
window = int(np.argmax(found.output))
display = AttributionDisplay.from_attribution(found, windows.X, fs=fs, window=window).plot()
display.figure_.suptitle("The same for one window: the largest potential counts most")
plt.show()

# %%
# Attention weights
# -----------------
# The figure shows the same window. Each line is an attention head or a node of the graph, whose
# weights sum to 100 %. The dotted line marks the weight of each position if all weights were equal.
display = AttentionDisplay.from_estimator(network, windows.X, fs=fs).plot(window=window)
display.figure_.suptitle("The attention is almost the same at all times of the window")
plt.show()

# %%
# The largest potential accounts for much of the output, whereas the attention is almost uniform
# over the window. After a recurrent layer, each time step contains information from earlier steps.
# The attention weights show where a layer reads, not how the output changes. To explain an output,
# use the attribution first.
