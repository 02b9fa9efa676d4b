"""
Does anything but the disease predict the class?
================================================

If patients are older than controls, or were recorded in another room, a model can score well
without any knowledge of the disease. :func:`~sklearn_emg.comparison.confound_audit` asks each
column and each property of the recordings other than the disease to predict the class of the
subjects by itself.

The cohort is simulated, and two confounds are planted: age, and the interference of a power line.
"""

# %%
# The recordings
# --------------
import matplotlib.pyplot as plt
import numpy as np

from sklearn_emg.comparison import confound_audit
from sklearn_emg.datasets import make_nemg_cohort
from sklearn_emg.inspection import ConfoundDisplay
from sklearn_emg.recordings import recording_table

cohort, diagnosis = make_nemg_cohort(
    60, n_recordings=60, fs=10_000.0, duration=1.0, return_X_y=True, random_state=1
)
patient = diagnosis != "normal"
y = np.where(patient, "patient", "control")
print(f"{len(cohort)} recordings of {cohort['subject'].nunique()} subjects")

# %%
# Two planted confounds
# ---------------------
# Patients are some 20 years older than controls. Three in four of them were recorded next to an
# unshielded device, which adds 0.1 mV at 50 Hz; one in ten controls was.
rng = np.random.default_rng(0)
with_hum = rng.random(len(cohort)) < np.where(patient, 0.75, 0.1)
hum = 0.1 * np.sin(2 * np.pi * 50 * np.arange(10_000) / 10_000)
step = 2.5 / 2**15  # of the converter, in mV
table = recording_table(
    [
        step * np.round((signal + hum * added) / step)
        for signal, added in zip(cohort["signal"], with_hum)
    ],
    fs=10_000.0,
    subject=cohort["subject"].tolist(),
    age=rng.normal(np.where(patient, 60, 40), 10).round(),
    side=rng.choice(["left", "right"], len(cohort)),
)

# %%
# The audit, and the audit of matched subjects
# --------------------------------------------
# Each subject is predicted from the others. ``match`` repeats the audit with subjects of all
# classes whose ages differ by five years at most.
audit = confound_audit(table, y, match="age", caliper={"age": 5})
print(audit)

# %%
# Scores of single properties
# ---------------------------
# A grey line is the mean score with permuted labels. Among the matched subjects (hollow circles)
# age no longer predicts the class, whereas power-line interference still does. There are fewer
# matched subjects.
display = ConfoundDisplay.from_audit(audit).plot()
display.figure_.suptitle("The power line and the age distinguish patients from controls")
plt.show()

# %%
# The planted confounds are found, and the side, which does not depend on the class, is not. A
# property of the signals can carry disease as well: the quiet parts of recordings (``noise_floor``)
# are not silent in a contracting muscle.
print(f"confounds: {', '.join(audit.confounds)}")
