"""
By how much does a leaky split overestimate accuracy?
=====================================================

Windows of one subject resemble each other. If some of them are in the training set and others in
the test set, the model recognises the *subject* instead of the disease.
:func:`~sklearn_emg.comparison.leakage_audit` evaluates one pipeline on the same windows under leaky
splits and under a split by subject.

If the environment variable ``SKLEARN_EMG_DATA`` names a folder with the UCI lower-limb set in
``lower_limb``, these real recordings are used; otherwise, the cohort is simulated. The title of the
figure states the source.
"""

# %%
# The recordings
# --------------
import os
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline

from sklearn_emg.comparison import leakage_audit
from sklearn_emg.datasets import load_lower_limb, make_nemg_cohort
from sklearn_emg.ensemble import DiVoteClassifier
from sklearn_emg.feature_extraction import EMGFeatures
from sklearn_emg.inspection import LeakageDisplay

folder = Path(os.environ.get("SKLEARN_EMG_DATA", "none")) / "lower_limb"
if folder.is_dir():
    table, y = load_lower_limb(folder, return_X_y=True)
    source, window = "UCI lower limb (real recordings)", 1.024
else:
    table, y = make_nemg_cohort(
        24,
        n_recordings=96,
        fs=5000.0,
        duration=1.5,
        difficulty=1.0,
        return_X_y=True,
        random_state=3,
    )
    source, window = "simulated cohort", 0.1
print(f"{source}: {len(table)} recordings of {table['subject'].nunique()} subjects")

# %%
# One pipeline, three splits
# --------------------------
trees = ExtraTreesClassifier(100, min_samples_leaf=2, class_weight="balanced", random_state=0)
windows = make_pipeline(EMGFeatures("patel"), trees)
model = DiVoteClassifier(windows, window=window, step=None)
audit = leakage_audit(model, table, y, progress=False)
audit.summary.round(2)

# %%
# The score under each split
# --------------------------
# The score is the balanced accuracy of windows. Balanced accuracy weights the classes equally, so
# the chance level is one over the number of classes.
display = LeakageDisplay.from_audit(audit, n_classes=len(set(y))).plot()
display.ax_.set_title(source, loc="left", fontsize=10)  # next to the legend
plt.show()

# %%
# The difference arises because the model recognises subjects. On the real set, even the score of
# the split by subject is no evidence about diagnosis, since patients and nearly all controls were
# recorded in different campaigns.
print(f"The random split of windows overestimates the score by {audit.gap:.2f}.")
